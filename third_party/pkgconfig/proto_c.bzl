"""Rules for what is made from protos/: protobuf-c's messages, and what tools/protoc-gen-hubbub adds to them."""

# Generated code answers for itself: warnings are off.
_COPTS = ["-w"]

def _stem(proto):
    return proto[:-len(".proto")]

def proto_c_library(name, protos, system_protos = [], deps = [], visibility = None):
    """cc_library of protobuf-c messages. system_protos are read from /usr/include (libprotobuf-dev, libprotoc-dev)."""
    stems = [_stem(p) for p in protos + system_protos]
    sources = [s + ".pb-c.c" for s in stems]
    headers = [s + ".pb-c.h" for s in stems]
    root = "-I./%s " % native.package_name() if protos else ""
    native.genrule(
        name = name + "_c",
        srcs = protos,
        outs = sources + headers,
        cmd = "protoc-c %s-I/usr/include --c_out=$(RULEDIR) %s" % (root, " ".join(protos + system_protos)),
    )
    native.cc_library(
        name = name,
        srcs = sources,
        hdrs = headers,
        copts = _COPTS,
        includes = ["."],
        visibility = visibility,
        deps = ["@system//:protobuf-c"] + deps,
    )

def hubbub_library(name, protos, imports, routes, deps, visibility = None):
    """cc_library of field tables, services and routes. routes: the folder that gets routes.hub.{h,c}, routes.json and openapi.json."""
    stems = [_stem(p) for p in protos] + [routes + "/routes"]
    sources = [s + ".hub.c" for s in stems]
    headers = [s + ".hub.h" for s in stems]
    plugin = "//tools/protoc-gen-hubbub"
    command = "protoc -I./%s -I/usr/include --plugin=protoc-gen-hubbub=$(location %s) --hubbub_out=$(RULEDIR) %s"
    native.genrule(
        name = name + "_c",
        srcs = protos + imports,
        outs = sources + headers + [routes + "/routes.json", routes + "/openapi.json"],
        cmd = command % (native.package_name(), plugin, " ".join(protos)),
        tools = [plugin],
    )
    native.cc_library(
        name = name,
        srcs = sources,
        hdrs = headers,
        copts = _COPTS,
        includes = ["."],
        visibility = visibility,
        deps = deps,
    )
