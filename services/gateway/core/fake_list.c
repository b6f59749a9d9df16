/* fake_list.c - see fake_list.h. */
#include "services/gateway/core/fake_list.h"
#include "lib/permission/permission.h"
#include <stdio.h>

static void forget_row(struct looker *k, size_t i)
{
    free(k->rows[i]);
    k->rows[i] = NULL;
}

static char *row_text(json_t *item)
{
    char text[200];
    json_t *m = json_object_get(item, "member"), *g = json_object_get(item, "group");
    json_t *user = json_object_get(m, "user"), *nick = json_object_get(m, "nick");
    if (g)
        snprintf(text, sizeof text, "g:%s", json_string_value(json_object_get(g, "id")));
    else
        snprintf(text, sizeof text, "m:%s:%s:%s", json_string_value(json_object_get(user, "id")),
                 json_string_value(json_is_string(nick) ? nick : json_object_get(user, "username")),
                 json_string_value(json_object_get(json_object_get(m, "presence"), "status")));
    return memory_strdup(text);
}

static size_t number(json_t *op, const char *key)
{
    return (size_t)json_integer_value(json_object_get(op, key));
}

static void apply_range(struct looker *k, json_t *op, bool sync)
{
    json_t *range = json_object_get(op, "range"), *items = json_object_get(op, "items");
    size_t first = (size_t)json_integer_value(json_array_get(range, 0));
    size_t last = (size_t)json_integer_value(json_array_get(range, 1));
    for (size_t i = first; i <= last; i++) {
        forget_row(k, i);
        if (sync && i - first < json_array_size(items))
            k->rows[i] = row_text(json_array_get(items, i - first));
    }
}

static void apply_op(struct looker *k, json_t *op)
{
    const char *name = json_string_value(json_object_get(op, "op"));
    size_t i = number(op, "index");
    if (!strcmp(name, "SYNC") || !strcmp(name, "INVALIDATE")) {
        apply_range(k, op, name[0] == 'S');
    } else if (!strcmp(name, "INSERT")) {
        free(k->rows[LOOKER_ROWS_MAX]);
        memmove(k->rows + i + 1, k->rows + i, (LOOKER_ROWS_MAX - i) * sizeof *k->rows);
        k->rows[i] = row_text(json_object_get(op, "item"));
    } else if (!strcmp(name, "DELETE")) {
        forget_row(k, i);
        memmove(k->rows + i, k->rows + i + 1, (LOOKER_ROWS_MAX - i) * sizeof *k->rows);
        k->rows[LOOKER_ROWS_MAX] = NULL;
    } else {
        if (strcmp(name, "UPDATE") != 0)
            log_fatal("an operation %s", name);
        forget_row(k, i);
        k->rows[i] = row_text(json_object_get(op, "item"));
    }
    k->ops++;
}

static void apply_update(struct looker *k, json_t *d)
{
    size_t i;
    json_t *each;
    json_array_foreach(json_object_get(d, "ops"), i, each) apply_op(k, each);
    snprintf(k->id, sizeof k->id, "%s", json_string_value(json_object_get(d, "id")));
    k->groups[0] = '\0';
    json_array_foreach(json_object_get(d, "groups"), i, each)
    {
        size_t n = strlen(k->groups);
        snprintf(k->groups + n, sizeof k->groups - n, "%s=%lld ", json_string_value(json_object_get(each, "id")),
                 (long long)json_integer_value(json_object_get(each, "count")));
    }
    k->online = (unsigned)number(d, "online_count");
    k->members = (unsigned)number(d, "member_count");
    k->updates++;
}

void looker_look(struct looker *k)
{
    for (; k->seen < k->client->n_frames; k->seen++) {
        const char *text = k->client->frames[k->seen].text;
        if (!strstr(text, "\"t\":\"GUILD_MEMBER_LIST_UPDATE\""))
            continue;
        json_t *root = json_loads(text, 0, NULL);
        apply_update(k, json_object_get(root, "d"));
        json_decref(root);
    }
}

void looker_subscribe(struct fake_world *w, struct looker *k)
{
    char ranges[100] = "";
    for (unsigned i = 0; i < k->n_ranges; i++) {
        size_t n = strlen(ranges);
        snprintf(ranges + n, sizeof ranges - n, "%s[%u,%u]", i ? "," : "", k->ranges[i][0], k->ranges[i][1]);
    }
    fake_send(k->client, "{\"op\":14,\"d\":{\"guild_id\":\"%llu\",\"channels\":{\"%llu\":[%s]}}}",
              (unsigned long long)fake_guild_id(0), (unsigned long long)w->guilds[0].channels[k->channel].id, ranges);
}

void looker_end(struct looker *k)
{
    for (unsigned i = 0; i <= LOOKER_ROWS_MAX; i++)
        forget_row(k, i);
}

/* ---- The truth ------------------------------------------------------------------------------------------------------
 */

struct truth {
    int group; /* of hoisted roles: -position; 1 online; 2 offline */
    char name[64], text[200];
    uint64_t id, role;
};

static int compare_truth(const void *a, const void *b)
{
    const struct truth *x = a, *y = b;
    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    int names = strcmp(x->name, y->name);
    return names ? names : x->id < y->id ? -1 : x->id > y->id;
}

static bool has_role(const Hubbub__V1__Member *m, uint64_t role)
{
    for (size_t i = 0; i < m->n_roles; i++)
        if (m->roles[i] == role)
            return true;
    return false;
}

static bool may_view(const struct fake_world *w, unsigned channel, const Hubbub__V1__Member *m)
{
    const struct fake_channel *c = &w->guilds[0].channels[channel];
    uint64_t base = w->guilds[0].role_permissions[0];
    for (unsigned r = 1; r < FAKE_ROLES; r++)
        base |= has_role(m, fake_role_id(0, r)) ? w->guilds[0].role_permissions[r] : 0;
    if (base & PERM_ADMINISTRATOR)
        return true;
    bool shown = c->shown_to_user == m->user->id || (c->shown_to && has_role(m, c->shown_to));
    return shown || ((base & PERM_VIEW_CHANNEL) && !c->hidden);
}

static void judge(const struct fake_world *w, const Hubbub__V1__Member *m, bool online, struct truth *ret)
{
    *ret = (struct truth){.group = online ? 1 : 2, .id = m->user->id};
    for (unsigned r = 1; online && r < FAKE_ROLES; r++)
        if (w->guilds[0].hoisted[r] && has_role(m, fake_role_id(0, r)) && -w->guilds[0].hoisted[r] < ret->group) {
            ret->group = -w->guilds[0].hoisted[r];
            ret->role = fake_role_id(0, r);
        }
    const char *name = m->nick ? m->nick : m->user->username;
    for (size_t i = 0; name[i] && i < sizeof ret->name - 1; i++)
        ret->name[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] + 32) : name[i];
    snprintf(ret->text, sizeof ret->text, "m:%llu:%s:%s", (unsigned long long)m->user->id, name,
             online ? "online" : "offline");
}

/* The whole list as it has to be, headers among the rows. */
static size_t expect(const struct fake_world *w, unsigned channel, bool large, char (*ret)[200])
{
    static struct truth all[LOOKER_ROWS_MAX];
    size_t n = 0, rows = 0;
    struct arena *a = arena_create(0);
    for (unsigned u = 0; u < FAKE_USERS; u++) {
        if (!w->guilds[0].member[u] || large)
            continue; /* users of the fake are offline throughout */
        Hubbub__V1__Member *m = fake_member(w, 0, u, a);
        if (fake_can_view(w, 0, channel, u))
            judge(w, m, false, &all[n++]);
    }
    for (unsigned i = 0; i < w->n_town; i++)
        if (w->town[i].member && (w->town[i].online || !large) && may_view(w, channel, w->town[i].member))
            judge(w, w->town[i].member, w->town[i].online, &all[n++]);
    arena_destroy(a);
    qsort(all, n, sizeof *all, compare_truth);
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || all[i].group != all[i - 1].group) {
            if (all[i].role)
                snprintf(ret[rows++], 200, "g:%llu", (unsigned long long)all[i].role);
            else
                snprintf(ret[rows++], 200, "g:%s", all[i].group == 1 ? "online" : "offline");
        }
        memcpy(ret[rows++], all[i].text, 200);
    }
    return rows;
}

const char *looker_wrong(const struct fake_world *w, struct looker *k, bool large)
{
    static char rows[LOOKER_ROWS_MAX * 2][200], wrong[500];
    size_t n = expect(w, k->channel, large, rows);
    looker_look(k);
    for (unsigned r = 0; r < k->n_ranges; r++)
        for (size_t i = k->ranges[r][0]; i <= k->ranges[r][1] && i < n; i++)
            if (!k->rows[i] || strcmp(k->rows[i], rows[i]) != 0) {
                snprintf(wrong, sizeof wrong, "row %zu of %zu is %s instead of %s", i, n,
                         k->rows[i] ? k->rows[i] : "unknown", rows[i]);
                return wrong;
            }
    return NULL;
}
