#!/usr/bin/env bash
# What must not build does not: each row is a piece of a proto and the line that protoc has to end with. The first piece
# is right and builds, so that a row fails for its own fault only.
set -uo pipefail
plugin=$PWD/tools/protoc-gen-hubbub/protoc-gen-hubbub
protos=$PWD/protos
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# generate PIECE: writes t/v1/t.proto around the piece and runs the generator; its complaints go to $work/out.
generate() {
    mkdir -p "$work/t/v1" "$work/made"
    cat >"$work/t/v1/t.proto" <<PROTO
syntax = "proto2";
package t.v1;
import "google/api/annotations.proto";
import "hubbub/v1/options.proto";
message Item { optional uint64 id = 1 [(hubbub.v1.rule) = {form: SNOWFLAKE}]; }
message Ask { optional uint64 id = 1 [(hubbub.v1.rule) = {form: SNOWFLAKE}]; repeated Item items = 2 [(hubbub.v1.rule) = {max_len: 3}]; }
message Answer { repeated Item items = 1; }
$1
PROTO
    protoc -I"$work" -I"$protos" -I/usr/include --plugin=protoc-gen-hubbub="$plugin" --hubbub_out="$work/made" t/v1/t.proto >"$work/out" 2>&1
}

method() { # method OPTIONS [REQUEST] [RESPONSE]
    echo "service S { rpc Act(${2:-Ask}) returns (${3:-Answer}) { $1 } }"
}

field() { echo "message M { $1 }"; }

refused() { # refused "LINE" PIECE
    if generate "$2"; then
        echo "built: $2"
        failed=1
    elif ! grep -qF "$1" "$work/out"; then
        echo "wanted: $1"
        echo "got:    $(cat "$work/out")"
        failed=1
    fi
}

route='option (google.api.http) = {post: "/items/{id}" body: "*"};'
auth='option (hubbub.v1.method) = {auth: TOKEN};'
internal='option (hubbub.v1.method) = {auth: INTERNAL};'

generate "$(method "$route $auth")" || { cat "$work/out"; failed=1; }
[ -s "$work/made/t/v1/t.hub.c" ] && [ -s "$work/made/t/v1/routes.json" ] || { echo "nothing was made"; failed=1; }
generate "$(method "$internal")" || { cat "$work/out"; failed=1; }

refused 't/v1/t.proto:8: t.v1.S.Act has no auth' "$(method "$route")"
refused 't.v1.S.Act has no auth' "$(method '')"
refused 't.v1.S.Act has no auth' "$(method "$route option (hubbub.v1.method) = {reason: true};")"
refused 't.v1.S.Act is INTERNAL and has a route' "$(method "$route $internal")"
refused 't.v1.S.Act has no route' "$(method "$auth")"
refused 't.v1.S.Act has {item_id} in /items/{item_id}, but t.v1.Ask has no such field' \
    "$(method 'option (google.api.http) = {get: "/items/{item_id}"};'"$auth")"
refused 't.v1.S.Act has {item_id}' \
    "$(method 'option (google.api.http) = {get: "/items" additional_bindings {get: "/also/{item_id}"}};'"$auth")"
refused 't.v1.S.Act has {items} in /items/{items}, which is no single value' \
    "$(method 'option (google.api.http) = {get: "/items/{items}"};'"$auth")"
refused 't.v1.S.Act has body "thing", but t.v1.Ask has no such field' \
    "$(method 'option (google.api.http) = {post: "/items" body: "thing"};'"$auth")"
refused 't.v1.S.Act has response_body "thing", but t.v1.Answer has no such field' \
    "$(method 'option (google.api.http) = {get: "/items" response_body: "thing"};'"$auth")"
refused 't.v1.S.Act is a GET with a body' "$(method 'option (google.api.http) = {get: "/items" body: "*"};'"$auth")"
refused 'whose path does not begin with /' "$(method 'option (google.api.http) = {get: "items"};'"$auth")"
refused 't.v1.S.Act is a stream and has a route' "service S { rpc Act(stream Ask) returns (Answer) { $route $auth } }"
refused 't.v1.S.Act has success 404' "$(method "$route option (hubbub.v1.method) = {auth: TOKEN success: 404};")"
refused 't.v1.S.Act takes t.v1.Answer.items, a list without max_len' \
    "$(method 'option (google.api.http) = {post: "/items" body: "*"};'"$auth" Answer)"
refused 't.v1.S.Register is a word of C' "service S { rpc Register(Ask) returns (Answer) { $internal } }"
refused 'B has the route POST /items/{id}, which is there already' \
    "service S { rpc A(Ask) returns (Answer) { $route $auth } rpc B(Ask) returns (Answer) { $route $auth } }"

refused 't/v1/t.proto:8: t.v1.M.a has a form that does not fit its type' "$(field 'optional int32 a = 1 [(hubbub.v1.rule) = {form: SNOWFLAKE}];')"
refused 't.v1.M.a has a form' "$(field 'optional uint64 a = 1 [(hubbub.v1.rule) = {form: TIME}];')"
refused 't.v1.M.a is PRESENT' "$(field 'optional uint32 a = 1 [(hubbub.v1.rule) = {form: PRESENT}];')"
refused 't.v1.M.a is a repeated RAW' "$(field 'repeated bytes a = 1 [(hubbub.v1.rule) = {form: RAW}];')"
refused 't.v1.M.a is inline' "$(field 'repeated Item a = 1 [(hubbub.v1.rule) = {inline: true}];')"
refused 't.v1.M.a is a message' "$(field 'optional Item a = 1 [(hubbub.v1.rule) = {always: true}];')"
refused 't.v1.M.a has min_len above max_len' "$(field 'optional string a = 1 [(hubbub.v1.rule) = {min_len: 3 max_len: 2}];')"
refused 't.v1.M.a has min_len or max_len' "$(field 'optional int32 a = 1 [(hubbub.v1.rule) = {max_len: 2}];')"
refused 't.v1.M.a has item_max_len' "$(field 'optional string a = 1 [(hubbub.v1.rule) = {item_max_len: 2}];')"
refused 't.v1.M.a has min above max' "$(field 'optional int32 a = 1 [(hubbub.v1.rule).min = 3, (hubbub.v1.rule).max = 2];')"
refused 't.v1.M.a has min, max or choices' "$(field 'optional string a = 1 [(hubbub.v1.rule) = {min: 2}];')"
refused 't.v1.M.a has clamp' "$(field 'optional int32 a = 1 [(hubbub.v1.rule) = {min: 2 clamp: true}];')"
refused 't.v1.M.a has choices_text' "$(field 'optional int32 a = 1 [(hubbub.v1.rule) = {choices_text: "x"}];')"
refused 't.v1.M.a has array_of' "$(field 'optional string a = 1 [(hubbub.v1.rule) = {array_of: "Item"}];')"
refused 't.v1.M.a has array_of' "$(field 'optional string a = 1 [(hubbub.v1.rule) = {form: RAW array_of: "Nothing"}];')"
refused 't.v1.M.a is in a oneof' "$(field 'oneof o { int32 a = 1; }')"
refused 't.v1.M has the JSON key a twice' "$(field 'optional int32 a = 1; optional int32 b = 2 [(hubbub.v1.rule) = {json: "a"}];')"

exit $failed
