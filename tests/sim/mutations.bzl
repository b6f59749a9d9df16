"""Bugs that the tests must find. Each is a rewrite of one place of a file of services/gateway/core: `anchor` must be there
exactly once, or the build fails and the mutation is brought up to date. `driver`: "simulation" (a seed of 1 to 800 must
fail), or a unit test of the core."""

MUTATIONS = [
    # The digest says how far a feed is, and nobody believes it.
    ("lost_tail", "cursor.c", "scope_know(h, s, r->heads[i]->seq, (int64_t)hub_random_below(h, 50));", "(void)s;", "simulation"),
    # An entry that comes before its turn is applied.
    ("reordered_publish", "cursor.c", "if (s->state == SCOPE_LOADING || e->seq > s->applied + 1) {", "if (s->state == SCOPE_LOADING || e->seq > s->applied + 2) {", "simulation"),
    ("doubled_publish", "cursor.c", "if (s->state == SCOPE_LIVE && e->seq <= s->applied)", "if (s->state == SCOPE_LIVE && e->seq < s->applied)", "simulation"),
    # RESUME begins one dispatch too late.
    ("stale_cursor_after_resume", "session.c", "ring_replay(&x->ring, seq, replay_one, &to);", "ring_replay(&x->ring, seq + 1, replay_one, &to);", "simulation"),
    # A session is attached behind what the replica shows.
    ("position_moved_before_dispatch", "session.c", "if (s->applied <= position) {\n        hold->from = position;", "if (s->applied <= position) {\n        hold->from = s->known;\n        s->applied = s->known;", "simulation"),
    # Roles are folded, and what the member viewed before goes on.
    ("revocation_after_the_message", "session.c", "m->class_version = 0;", "", "simulation"),
    # A feed is followed from a position that the digest has passed.
    ("digest_token_advanced_early", "session.c", "cursor_rewind_token(h, xmin);", "(void)xmin;", "cursor_test"),
    ("truncation_unnoticed", "cursor.c", "if (r->head > s->applied && (r->n_entries == 0 || r->entries[0]->seq > s->applied + 1)) {", "if (r->n_entries > 0 && r->entries[0]->seq > s->applied + 1)\n        s->applied = r->entries[0]->seq - 1;\n    if (false) {", "simulation"),
    ("old_membership_believed", "session.c", "return m->known && s->state == SCOPE_LIVE && m->pos >= s->base;", "return m->known && s->state == SCOPE_LIVE;", "simulation"),
    ("expelled_from_a_dm_and_still_told", "apply.c", "    hold_detach(h, hold);\n    tell_direct(h, hold->session, &gone, false);", "    tell_direct(h, hold->session, &gone, false);", "simulation"),
    ("a_group_shown_again_by_an_older_entry", "apply.c", "return direct && !direct->attached;", "return false;", "cursor_test"),
    ("last_words_of_a_group_lost", "apply.c", "if (!direct || !direct->attached || hold_position(direct) >= d->position)", "if (true)", "simulation"),
    # The generation of an answer is compared, and a newer one changes nothing until the digest.
    ("newer_generation_ignored", "cursor.c", "        begin_generation(h, g, false, 0);\n        return false;", "        return false;", "cursor_test"),
    ("catch_up_forgotten", "session.c", "catchup_start(h, hold, position);", "(void)position;", "simulation"),
    ("moved_and_killed_is_lost", "move.c", "nobody = moved || outcome == HUB_TAKE_UNKNOWN;", "nobody = outcome == HUB_TAKE_UNKNOWN;", "move_test"),
    # Who claims late finds nobody but himself; who hung does not ask whether his sessions are his own still.
    ("claimed_by_two", "move.c", "if (r && m && h->io.take) {", "if (false) {", "move_test"),
    ("hung_and_sure", "move.c", "x->doubtful = h->io.claim;", "x->doubtful = false;", "move_test"),
    # A taking that a newer one went before is confirmed all the same.
    ("any_taker_is_confirmed", "move.c", "if (x->state != SESSION_FROZEN || x->hop != r->hop)", "if (x->state != SESSION_FROZEN)", "move_test"),
    # What a catch-up has not delivered yet is not handed over as delivered.
    ("position_of_a_catch_up", "move.c", "if (hold->catchup)\n        return hold->catchup->after;", "", "simulation"),
    ("ring_not_handed_over", "move.c", "    fill_ring(h, x, m);\n", "", "simulation"),
    ("confirmed_before_it_caught_up", "move.c", "now >= x->arrival->not_before && has_caught_up(x))", "now >= x->arrival->not_before)", "simulation"),
    ("guilds_of_the_tick_believed", "move.c", "!is_same_generation(h, x->move->generation) || !is_same_set(x)", "!is_same_generation(h, x->move->generation)", "simulation"),
    ("position_of_another_generation", "move.c", "!is_same_generation(h, x->move->generation) || !is_same_set(x)", "!is_same_set(x)", "move_test"),
    ("view_of_the_end_in_a_catch_up", "apply.c", "if (decides_view(hold, e->event)) {", "if (false) {", "simulation"),
    ("old_tail_of_a_moved_dm", "move.c", "s->check |= fresh;", "", "simulation"),
    # A guild that became small enough to be known whole, but for the presences that nobody asked for.
    ("presences_never_asked_for", "roster.c", "replica_complete(r) && r->presences_whole)", "replica_complete(r))", "member_list_test"),
    # The answer of presence is from before what was told since the question.
    ("back_by_an_old_answer", "replica.c", " && !find_gone(r, all[i]->user->id))", ")", "member_list_test"),
    ("looks_stay_behind", "move.c", "lists_adopt(h, hold, p);", "(void)p;", "member_list_test"),
    ("lists_told_while_moving_in", "member_list.c", "x->connection && !x->arrival && v->hold->attached", "x->connection && v->hold->attached", "member_list_test"),
    # What was said between READY's counts and the session's place is in neither.
    ("mentions_before_the_place_lost", "session.c", "recent_replay(h, hold, hold->counted);", "(void)hold;", "session_test"),
    ("counts_of_an_older_guild_believed", "session.c", "|| recent_covers(&hold->scope->recent, hold->want);", "|| true;", "session_test"),
    # Who goes where one does not look stays where they were seen last.
    ("left_behind_in_voice", "voice.c", "return views(hold, v->state->left_channel_id) ? &v->gone : NULL;", "return NULL;", "voice_test"),
    ("voice_of_a_hidden_channel", "voice.c", "if (is_own(hold, v->state) || views(hold, v->state->channel_id))", "if (true)", "voice_test"),
    ("older_wish_wins", "voice.c", "    memory_free_message(w->next);\n    w->next = memory_copy_message(&r);", "    if (!w->next)\n        w->next = memory_copy_message(&r);", "voice_test"),
    # Rows that come into a range from outside are not told.
    ("list_holes", "member_list.c", "if (k->at[i] && !row->updated)", "if (!row->updated)", "member_list_test"),
    ("list_of_all_to_all", "member_list.c", "return c && replica_views(r, class, c);", "return c && class;", "member_list_test"),
    ("presence_of_a_page_over_a_later_one", "roster.c", "if (!row->shown)\n        set_presence(row, row->gone ? NULL : p);", "set_presence(row, row->gone ? NULL : p);", "member_list_test"),
]

def mutants():
    """A program mutant_NAME for each, with the rewritten file in the place of the core's."""
    for name, file, anchor, by, driver in MUTATIONS:
        native.genrule(
            name = "source_" + name,
            srcs = ["//services/gateway/core:" + file],
            outs = [name + ".c"],
            tools = ["rewrite.pl"],
            cmd = "ANCHOR='%s' BY='%s' perl $(location rewrite.pl) $< > $@" % (anchor.replace("$", "$$"), by.replace("$", "$$")),
        )
        native.cc_binary(
            name = "mutant_" + name,
            testonly = True,
            srcs = [name + ".c", "simulation.c" if driver == "simulation" else "//services/gateway/core:%s.c" % driver],
            copts = ["-Wno-unused-parameter", "-Wno-unused-function", "-Wno-unused-variable", "-Wno-unused-but-set-variable"],
            deps = [
                ":story",
                "//services/gateway/core",
                "//services/gateway/core:fake",
                "@system//:check",
                "@system//:jansson",
            ],
        )
