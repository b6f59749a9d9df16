/* Goal: settings merge field by field, in each of their forms, and those that change what counts as a mention do. */
#include "services/chat/read_states.h"
#include "services/chat/settings.h"
#include "services/chat/testing/world.h"
#include <check.h>
#include <stdio.h>
#include <string.h>

static struct {
    uint64_t anna, ben, guild, channel;
} cast;

static void set_stage(void)
{
    world_clear();
    cast.anna = world_quick_person("anna");
    cast.ben = world_quick_person("ben");
    cast.guild = world_guild(cast.anna);
    cast.channel = world_text_channel(cast.guild);
    world_join(cast.guild, cast.ben);
}

static uint64_t said(uint64_t channel, const char *text)
{
    Hubbub__V1__CreateMessageRequest req = HUBBUB__V1__CREATE_MESSAGE_REQUEST__INIT;
    Hubbub__V1__Message resp = HUBBUB__V1__MESSAGE__INIT;
    PB_SET(&req, channel_id, channel);
    req.content = (char *)text;
    ck_assert_int_eq(DO(cast.anna, messages, create, &req, &resp), ST_OK);
    return resp.id;
}

static int mentions(uint64_t channel)
{
    struct call *c = world_call(cast.ben, false);
    DB_LEASED struct db *d = NULL;
    Hubbub__V1__ReadState **list;
    size_t n;
    ck_assert_int_eq(chat_lease(c, &d), ST_OK);
    ck_assert_int_eq(read_states_load_some(c, d, cast.ben, &channel, 1, &list, &n), ST_OK);
    return n ? list[0]->mention_count : 0;
}

START_TEST(test_account)
{
    set_stage();
    Hubbub__V1__UserSettings req = HUBBUB__V1__USER_SETTINGS__INIT, resp = HUBBUB__V1__USER_SETTINGS__INIT;
    Hubbub__V1__CustomStatus custom = HUBBUB__V1__CUSTOM_STATUS__INIT;
    Hubbub__V1__Empty none = HUBBUB__V1__EMPTY__INIT;
    uint32_t first[] = {2, 3, 5}, second[] = {2, 18};
    uint64_t positions[] = {cast.guild, 5};
    ck_assert_int_eq(DO(cast.ben, settings, get, &none, &resp), ST_OK);
    ck_assert_str_eq(resp.theme, "dark");
    custom.text = "at sea";
    req = (Hubbub__V1__UserSettings)HUBBUB__V1__USER_SETTINGS__INIT;
    req.theme = "light";
    req.custom_status = &custom;
    req.guild_positions = positions;
    req.n_guild_positions = 2;
    req.locale = "de"; /* not present: not taken */
    req.present = first;
    req.n_present = 3;
    ck_assert_int_eq(DO(cast.ben, settings, edit, &req, &resp), ST_OK);
    ck_assert_uint_eq(world_entries(), 1);
    ck_assert_str_eq(world_entry(0)->event->user_settings_update->theme, "light");
    req = (Hubbub__V1__UserSettings)HUBBUB__V1__USER_SETTINGS__INIT; /* custom_status null */
    PB_SET(&req, developer_mode, true);
    req.present = second;
    req.n_present = 2;
    ck_assert_int_eq(DO(cast.ben, settings, edit, &req, &resp), ST_OK);
    ck_assert_int_eq(DO(cast.ben, settings, get, &none, &resp), ST_OK);
    ck_assert_str_eq(resp.theme, "light");
    ck_assert_str_eq(resp.locale, "en-US");
    ck_assert_ptr_null(resp.custom_status);
    ck_assert(resp.developer_mode);
    ck_assert_uint_eq(resp.n_guild_positions, 2);
    ck_assert_uint_eq(resp.guild_positions[1], 5);
    ck_assert_int_eq(DO(cast.anna, settings, get, &none, &resp), ST_OK);
    ck_assert_str_eq(resp.theme, "dark");
}
END_TEST

static char *edit_proto(const char *base64, status want)
{
    Hubbub__V1__EditSettingsProtoRequest req = HUBBUB__V1__EDIT_SETTINGS_PROTO_REQUEST__INIT;
    static Hubbub__V1__SettingsProto resp;
    hubbub__v1__settings_proto__init(&resp);
    PB_SET(&req, type, 1);
    req.settings = (char *)base64;
    ck_assert_int_eq(DO(cast.ben, settings, edit_proto, &req, &resp), want);
    return resp.settings;
}

START_TEST(test_proto)
{
    set_stage();
    ck_assert_str_eq(edit_proto("CAESAmhp", ST_OK), "CAESAmhp");     /* 1: 1, 2: "hi" */
    ck_assert_str_eq(edit_proto("EgN5ZXM=", ST_OK), "CAESA3llcw=="); /* 2: "yes" */
    const Hubbub__V1__SettingsProtoUpdated *told = world_entry(0)->event->user_settings_proto_update;
    ck_assert_str_eq(told->settings->proto, "EgN5ZXM=");
    ck_assert(told->partial);
    edit_proto("no base64!", ST_INVALID_FORM);
    edit_proto("EgN5", ST_INVALID_FORM); /* cut off */
    edit_proto("Cw==", ST_INVALID_FORM); /* a group */
    Hubbub__V1__SettingsProtoRequest other = HUBBUB__V1__SETTINGS_PROTO_REQUEST__INIT;
    Hubbub__V1__SettingsProto resp = HUBBUB__V1__SETTINGS_PROTO__INIT;
    PB_SET(&other, type, 2);
    ck_assert_int_eq(DO(cast.ben, settings, get_proto, &other, &resp), ST_OK);
    ck_assert_ptr_null(resp.settings);
}
END_TEST

START_TEST(test_proto_has_bounds)
{
    uint8_t fields[2 * SETTINGS_PROTO_FIELDS_MAX + 2];
    struct arena *a = arena_create(0);
    size_t n;
    for (size_t i = 0; i < sizeof fields; i += 2) {
        fields[i] = 8;
        fields[i + 1] = 1;
    }
    ck_assert_ptr_nonnull(settings_merge_proto(a, NULL, 0, fields, sizeof fields - 2, &n));
    ck_assert_ptr_null(settings_merge_proto(a, NULL, 0, fields, sizeof fields, &n));
    arena_destroy(a);
}
END_TEST

static status edit_guild(uint64_t guild, Hubbub__V1__EditGuildSettingsRequest *req, uint32_t present,
                         const char *overrides, Hubbub__V1__GuildSettings *resp)
{
    hubbub__v1__guild_settings__init(resp);
    req->present = &present;
    req->n_present = 1;
    if (overrides)
        PB_SET(req, channel_overrides, ((ProtobufCBinaryData){strlen(overrides), (uint8_t *)overrides}));
    if (!guild)
        return DO(cast.ben, settings, edit_directs, req, resp);
    PB_SET(req, guild_id, guild);
    return DO(cast.ben, settings, edit_guild, req, resp);
}

START_TEST(test_guild)
{
    set_stage();
    Hubbub__V1__EditGuildSettingsRequest req = HUBBUB__V1__EDIT_GUILD_SETTINGS_REQUEST__INIT;
    Hubbub__V1__GuildSettings resp;
    said(cast.channel, "@everyone");
    ck_assert_int_eq(mentions(cast.channel), 1);
    PB_SET(&req, suppress_everyone, true);
    ck_assert_int_eq(edit_guild(cast.guild, &req, 5, NULL, &resp), ST_OK);
    ck_assert(resp.suppress_everyone);
    ck_assert_uint_eq(resp.guild_id, cast.guild);
    ck_assert_int_eq(mentions(cast.channel), 0);
    ck_assert_int_eq(edit_guild(cast.guild, &req, 14, "{\"5\":{\"muted\":true,\"collapsed\":true},\"6\":{}}", &resp),
                     ST_OK);
    ck_assert_int_eq(edit_guild(cast.guild, &req, 14, "{\"5\":{\"muted\":false}}", &resp), ST_OK);
    ck_assert_uint_eq(resp.n_channel_overrides, 2);
    ck_assert(!resp.channel_overrides[0]->muted && resp.channel_overrides[0]->collapsed);
    ck_assert(resp.suppress_everyone);
    ck_assert_uint_eq(resp.version, world_entry(0)->seq);
    ck_assert_int_eq(edit_guild(cast.guild, &req, 14, "{\"x\":{}}", &resp), ST_INVALID_FORM);
    ck_assert_int_eq(edit_guild(cast.guild, &req, 14, "[]", &resp), ST_INVALID_FORM);
    ck_assert_int_eq(edit_guild(cast.guild, &req, 14, "{\"5\":{\"message_notifications\":4}}", &resp), ST_INVALID_FORM);
    ck_assert_str_eq(LEAF, "channel_overrides.5.message_notifications NUMBER_TYPE_MAX");
    ck_assert_int_eq(edit_guild(12345, &req, 5, NULL, &resp), ST_UNKNOWN_GUILD);
}
END_TEST

START_TEST(test_muted_direct)
{
    set_stage();
    Hubbub__V1__EditGuildSettingsRequest req = HUBBUB__V1__EDIT_GUILD_SETTINGS_REQUEST__INIT;
    Hubbub__V1__OpenDirectRequest open = HUBBUB__V1__OPEN_DIRECT_REQUEST__INIT;
    Hubbub__V1__Channel dm = HUBBUB__V1__CHANNEL__INIT;
    Hubbub__V1__GuildSettings resp;
    char text[100];
    PB_SET(&open, recipient_id, cast.ben);
    ck_assert_int_eq(DO(cast.anna, directs, open, &open, &dm), ST_OK);
    said(dm.id, "one");
    ck_assert_int_eq(mentions(dm.id), 1);
    snprintf(text, sizeof text, "{\"%llu\":{\"muted\":true}}", (unsigned long long)dm.id);
    ck_assert_int_eq(edit_guild(0, &req, 14, text, &resp), ST_OK);
    ck_assert(!resp.has_guild_id);
    ck_assert_int_eq(mentions(dm.id), 0);
    snprintf(text, sizeof text, "<@%llu>", (unsigned long long)cast.ben);
    said(dm.id, text);
    ck_assert_int_eq(mentions(dm.id), 1);
}
END_TEST

START_TEST(test_many_guilds)
{
    set_stage();
    Hubbub__V1__EditManyGuildSettingsRequest req = HUBBUB__V1__EDIT_MANY_GUILD_SETTINGS_REQUEST__INIT;
    Hubbub__V1__GuildSettingsList resp = HUBBUB__V1__GUILD_SETTINGS_LIST__INIT;
    char text[200];
    snprintf(text, sizeof text, "{\"%llu\":{\"muted\":true},\"@me\":{\"channel_overrides\":{\"7\":{\"muted\":true}}}}",
             (unsigned long long)cast.guild);
    PB_SET(&req, guilds, ((ProtobufCBinaryData){strlen(text), (uint8_t *)text}));
    ck_assert_int_eq(DO(cast.ben, settings, edit_guilds, &req, &resp), ST_OK);
    ck_assert_uint_eq(resp.n_entries, 2);
    ck_assert_uint_eq(world_entries(), 2);
    ck_assert_int_eq(world_number("SELECT count(*) FROM guild_settings WHERE user_id = $1 AND $2 = 1", cast.ben, 1), 2);
    uint64_t other = world_guild(cast.anna);
    snprintf(text, sizeof text, "{\"%llu\":{\"muted\":false},\"%llu\":{}}", (unsigned long long)cast.guild,
             (unsigned long long)other);
    PB_SET(&req, guilds, ((ProtobufCBinaryData){strlen(text), (uint8_t *)text}));
    ck_assert_int_eq(DO(cast.ben, settings, edit_guilds, &req, &resp), ST_MISSING_ACCESS); /* all or none */
}
END_TEST

int main(void)
{
    const struct world_test tests[] = {
        {"account", test_account},
        {"proto", test_proto},
        {"proto has bounds", test_proto_has_bounds},
        {"guild", test_guild},
        {"muted direct", test_muted_direct},
        {"many guilds", test_many_guilds},
    };
    return world_run("settings", tests, sizeof tests / sizeof *tests);
}
