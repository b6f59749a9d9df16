/* Frames of clients are read as RFC 6455 has it: every form of a length, cut at every byte, whatever mask; what breaks
 * a rule is a fault with its code at the byte that breaks it; noise of a seed harms nothing and reads the same however
 * it is cut. */
#define _GNU_SOURCE
#include "services/gateway/edge/frame.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CAP = 16 * 1024, STREAM_MAX = 256 * 1024, LOG_MAX = 512 * 1024 };

/* ---- Writing what a client sends ------------------------------------------------------------------------------- */

struct stream {
    unsigned char bytes[STREAM_MAX];
    size_t n;
};
static struct stream wire;
static const unsigned char mask_plain[4] = {0}, mask_some[4] = {0x37, 0xfa, 0x21, 0x3d},
                           mask_ones[4] = {255, 255, 255, 255};

static void put(unsigned char byte)
{
    ck_assert_uint_lt(wire.n, STREAM_MAX);
    wire.bytes[wire.n++] = byte;
}

/* form: bytes of the length, 0, 2 or 8. */
static void put_header(unsigned first, unsigned form, uint64_t length, const unsigned char *mask)
{
    put((unsigned char)first);
    put((unsigned char)((mask ? 0x80 : 0) | (form == 2 ? 126 : form == 8 ? 127 : length)));
    for (unsigned i = form; i--;)
        put((unsigned char)(length >> (8 * i)));
    for (unsigned i = 0; mask && i < 4; i++)
        put(mask[i]);
}

static void put_frame_masked(unsigned first, const void *data, size_t n, const unsigned char *mask)
{
    put_header(first, n < 126 ? 0 : n < 65536 ? 2 : 8, n, mask);
    for (size_t i = 0; i < n; i++)
        put(((const unsigned char *)data)[i] ^ mask[i % 4]);
}

static void put_frame(unsigned first, const char *text)
{
    put_frame_masked(first, text, strlen(text), mask_some);
}

/* ---- Reading it, cut into pieces ------------------------------------------------------------------------------- */

static struct {
    char text[LOG_MAX];
    size_t n;
} seen;

static void note(const struct frame_event *e)
{
    static const char *const names[] = {
        [FRAME_MESSAGE] = "message", [FRAME_PING] = "ping", [FRAME_CLOSED] = "closed", [FRAME_FAULT] = "fault"};
    seen.n += (size_t)snprintf(seen.text + seen.n, LOG_MAX - seen.n, "%s", names[e->kind]);
    if (e->code)
        seen.n += (size_t)snprintf(seen.text + seen.n, LOG_MAX - seen.n, " %u", e->code);
    ck_assert_uint_lt(seen.n + e->n + 4, LOG_MAX);
    if (e->kind != FRAME_FAULT) {
        seen.text[seen.n++] = ' ';
        memcpy(seen.text + seen.n, e->data, e->n);
        seen.n += e->n;
    }
    seen.text[seen.n++] = '\n';
    seen.text[seen.n] = '\0';
}

/* Each piece is of its own size on the heap, so that a byte read behind it is seen. */
static void give(struct frame_reader *r, const unsigned char *bytes, size_t n)
{
    char *piece = malloc(n ? n : 1), *at = piece;
    memcpy(piece, bytes, n);
    for (;;) {
        size_t used;
        struct frame_event e = frame_read(r, at, n, &used);
        ck_assert_uint_le(used, n);
        at += used;
        n -= used;
        ck_assert_uint_le(r->message_cap, r->message_bytes_max);
        if (e.kind == FRAME_MORE)
            break;
        note(&e);
    }
    ck_assert_uint_eq(n, 0);
    free(piece);
}

/* next: the size of the next piece. */
static void read_wire(size_t cap, size_t (*next)(size_t at))
{
    struct frame_reader r = {.message_bytes_max = cap};
    seen.n = 0;
    seen.text[0] = '\0';
    for (size_t at = 0; at < wire.n;) {
        size_t n = next(at);
        n = n < wire.n - at ? n : wire.n - at;
        give(&r, wire.bytes + at, n);
        at += n;
    }
    frame_reader_finish(&r);
    frame_reader_finish(&r);
}

static size_t cut_at;
static size_t whole(size_t at)
{
    return STREAM_MAX;
}
static size_t byte_by_byte(size_t at)
{
    return 1;
}
static size_t two_pieces(size_t at)
{
    return at ? STREAM_MAX : cut_at;
}

static uint64_t random_state;
static uint32_t pick(uint32_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 16) % n;
}
static size_t odd_pieces(size_t at)
{
    return 1 + pick(pick(2) ? 5 : 3000);
}

/* Whole, byte by byte, and cut in two at every byte: the same events. Empties the wire. */
static void expect(const char *events)
{
    read_wire(CAP, whole);
    ck_assert_str_eq(seen.text, events);
    read_wire(CAP, byte_by_byte);
    ck_assert_str_eq(seen.text, events);
    for (cut_at = 1; cut_at < wire.n && wire.n < 2000; cut_at++) {
        read_wire(CAP, two_pieces);
        ck_assert_str_eq(seen.text, events);
    }
    wire.n = 0;
}

/* ---- Lengths and masks ----------------------------------------------------------------------------------------- */

START_TEST(messages_of_every_length_and_mask)
{
    static const size_t sizes[] = {0,   1,   2,   3,   4,   5,   7,    8,    9,       124,
                                   125, 126, 127, 128, 255, 256, 8191, 8192, CAP - 1, CAP};
    static const unsigned char *const masks[] = {mask_plain, mask_some, mask_ones};
    static char text[CAP + 1], events[CAP + 32];
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (unsigned m = 0; m < 3; m++) {
            for (size_t k = 0; k < sizes[i]; k++)
                text[k] = (char)('a' + k % 23);
            text[sizes[i]] = '\0';
            put_frame_masked(0x81, text, sizes[i], masks[m]);
            snprintf(events, sizeof events, "message %s\n", text);
            expect(events);
        }
}
END_TEST

START_TEST(lengths_over_64_kib)
{
    static char text[70001], events[70032];
    memset(text, 'x', 70000);
    snprintf(events, sizeof events, "message %s\n", text);
    put_frame_masked(0x81, text, 70000, mask_some);
    ck_assert_uint_eq(wire.bytes[1], 0xff);
    read_wire(70000, whole);
    ck_assert_str_eq(seen.text, events);
    read_wire(70000, byte_by_byte);
    ck_assert_str_eq(seen.text, events);
    read_wire(69999, byte_by_byte);
    ck_assert_str_eq(seen.text, "fault 1009\n");
    wire.n = 0;
}
END_TEST

/* The fault comes with the header: nothing of the payload is sent. */
START_TEST(lengths_that_are_refused)
{
    static const struct {
        unsigned first, form;
        uint64_t length;
        const char *events;
    } rows[] = {
        {0x81, 2, 0, "fault 1002\n"},          {0x81, 2, 125, "fault 1002\n"},
        {0x81, 8, 0, "fault 1002\n"},          {0x81, 8, 126, "fault 1002\n"},
        {0x81, 8, 65535, "fault 1002\n"},      {0x81, 8, UINT64_C(1) << 63, "fault 1002\n"},
        {0x81, 8, UINT64_MAX, "fault 1002\n"}, {0x81, 8, INT64_MAX, "fault 1009\n"},
        {0x81, 8, 65536, "fault 1009\n"},      {0x81, 8, (UINT64_C(1) << 32) + 17, "fault 1009\n"},
        {0x81, 2, CAP + 1, "fault 1009\n"},    {0x01, 2, CAP + 1, "fault 1009\n"},
        {0x89, 2, 126, "fault 1002\n"},        {0x89, 2, 1, "fault 1002\n"},
        {0x8a, 8, 65536, "fault 1002\n"},      {0x88, 8, 2, "fault 1002\n"},
        {0x82, 0, 1, "fault 1003\n"},          {0x02, 0, 0, "fault 1003\n"},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        put_header(rows[i].first, rows[i].form, rows[i].length, mask_some);
        expect(rows[i].events);
    }
}
END_TEST

START_TEST(unmasked_frames_are_refused_at_their_second_byte)
{
    for (unsigned opcode = 0; opcode < 16; opcode++)
        for (unsigned length = 0; length < 128; length++) {
            put((unsigned char)(0x80 | opcode));
            put((unsigned char)length);
            read_wire(CAP, byte_by_byte);
            ck_assert_str_eq(seen.text, "fault 1002\n");
            wire.n = 0;
        }
}
END_TEST

/* ---- First bytes ----------------------------------------------------------------------------------------------- */

START_TEST(every_first_byte)
{
    for (unsigned first = 0; first < 256; first++) {
        unsigned opcode = first & 15;
        bool control = opcode >= 8, final = first & 0x80;
        bool good = !(first & 0x70) && (opcode == 1 || opcode == 2 || (control && opcode <= 10 && final));
        put((unsigned char)first);
        read_wire(CAP, whole);
        ck_assert_str_eq(seen.text, good ? "" : "fault 1002\n");
        wire.n = 0;
        put_frame(0x01, "a");
        put((unsigned char)first);
        good = !(first & 0x70) && (opcode == 0 || (control && opcode <= 10 && final));
        read_wire(CAP, whole);
        ck_assert_str_eq(seen.text, good ? "" : "fault 1002\n");
        wire.n = 0;
    }
}
END_TEST

START_TEST(nothing_is_read_behind_a_fault_or_a_close_frame)
{
    put_frame(0x83, "x");
    put_frame(0x81, "y");
    put_frame(0x84, "z");
    expect("fault 1002\n");
    put_frame(0x88, "\x03\xe8");
    put_frame(0x83, "x");
    put_frame(0x81, "y");
    expect("closed 1000 \n");
}
END_TEST

/* ---- Fragments ------------------------------------------------------------------------------------------------- */

START_TEST(fragments_with_control_frames_between)
{
    put_frame(0x01, "he");
    put_frame(0x89, "one");
    put_frame(0x00, "ll");
    put_frame(0x8a, "\xff\xfe");
    put_frame(0x89, "");
    put_frame(0x80, "o");
    put_frame(0x81, "next");
    expect("ping one\nping \nmessage hello\nmessage next\n");
    put_frame(0x01, "he");
    put_frame(0x88, "\x03\xe9"
                    "bye");
    expect("closed 1001 bye\n");
}
END_TEST

START_TEST(empty_fragments)
{
    put_frame(0x01, "");
    put_frame(0x00, "");
    put_frame(0x00, "a");
    put_frame(0x00, "");
    put_frame(0x00, "b");
    put_frame(0x80, "");
    put_frame(0x01, "");
    put_frame(0x80, "");
    put_frame(0x01, "");
    put_frame(0x80, "c");
    expect("message ab\nmessage \nmessage c\n");
}
END_TEST

START_TEST(fragments_out_of_order)
{
    put_frame(0x80, "a");
    expect("fault 1002\n");
    put_frame(0x81, "a");
    put_frame(0x00, "b");
    expect("message a\nfault 1002\n");
    put_frame(0x01, "a");
    put_frame(0x80, "b");
    put_frame(0x80, "c");
    expect("message ab\nfault 1002\n");
    put_frame(0x01, "a");
    put_frame(0x81, "b");
    expect("fault 1002\n");
    put_frame(0x01, "a");
    put_frame(0x82, "b");
    expect("fault 1002\n");
}
END_TEST

START_TEST(fragments_are_bounded_together)
{
    static char half[CAP / 2 + 1];
    memset(half, ' ', CAP / 2);
    put_frame(0x01, half);
    put_frame(0x00, half);
    put_frame(0x00, "");
    put_frame(0x80, "!");
    expect("fault 1009\n");
    put_frame(0x01, half);
    put_frame(0x80, half);
    put_frame(0x81, "x");
    read_wire(CAP, byte_by_byte);
    ck_assert_uint_eq(seen.n, strlen("message \nmessage x\n") + CAP);
    wire.n = 0;
}
END_TEST

/* ---- Control frames -------------------------------------------------------------------------------------------- */

START_TEST(pings_of_every_length)
{
    char text[126], events[140];
    for (unsigned n = 0; n <= 125; n++) {
        memset(text, 'a' + (int)n % 26, n);
        text[n] = '\0';
        put_frame(0x89, text);
        snprintf(events, sizeof events, "ping %s\n", text);
        expect(events);
    }
}
END_TEST

START_TEST(every_close_code)
{
    for (unsigned code = 0; code < 65536; code += code < 5100 ? 1 : 89) {
        bool good = (code >= 1000 && code <= 1014 && (code < 1004 || code > 1006)) || (code >= 3000 && code < 5000);
        unsigned char payload[] = {(unsigned char)(code >> 8), (unsigned char)code};
        char events[32];
        snprintf(events, sizeof events, good ? "closed %u \n" : "fault 1002\n", code);
        put_frame_masked(0x88, payload, 2, mask_some);
        read_wire(CAP, whole);
        ck_assert_str_eq(seen.text, events);
        wire.n = 0;
    }
}
END_TEST

START_TEST(close_frames)
{
    put_frame(0x88, "");
    expect("closed 1005 \n");
    put_frame(0x88, "\x03");
    expect("fault 1002\n");
    put_frame(0x88, "\x0f\xa4"
                    "Sch\xc3\xb6n");
    expect("closed 4004 Sch\xc3\xb6n\n");
    put_frame(0x88, "\x03\xe8"
                    "a\xc3");
    expect("fault 1007\n");
    put_frame(0x88, "\x03\xe8\xed\xa0\x80");
    expect("fault 1007\n");
    put_frame(0x01, "\xc3"); /* the message's character is no part of the reason */
    put_frame(0x88, "\x03\xe8"
                    "a");
    expect("closed 1000 a\n");
}
END_TEST

/* ---- UTF-8 ----------------------------------------------------------------------------------------------------- */

/* By decoding: the other way round than frame.c. */
static bool is_character(uint32_t bytes, unsigned n)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned b[4] = {0};
    for (unsigned i = 0; i < n; i++)
        b[i] = bytes >> (8 * (n - 1 - i)) & 0xff;
    if (n == 1)
        return b[0] < 0x80;
    if (b[0] >> (7 - n) != (1u << (n + 1)) - 2)
        return false;
    uint32_t c = b[0] & (0x3fu >> (n - 1));
    for (unsigned i = 1; i < n; i++) {
        if (b[i] >> 6 != 2)
            return false;
        c = c << 6 | (b[i] & 0x3f);
    }
    return c >= least[n] && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
}

static bool takes(uint32_t bytes, unsigned n)
{
    struct frame_utf8 u = {0};
    bool good = true;
    for (unsigned i = 0; good && i < n; i++) {
        char c = (char)(bytes >> (8 * (n - 1 - i)));
        good = (i == 0 || u.more) && frame_utf8_take(&u, &c, 1);
    }
    return good && !u.more;
}

START_TEST(every_character_and_what_is_none)
{
    for (uint32_t i = 0; i < 256; i++)
        ck_assert_int_eq(takes(i, 1), is_character(i, 1));
    for (uint32_t i = 0; i < 1u << 16; i++)
        ck_assert_int_eq(takes(i, 2), is_character(i, 2));
    for (uint32_t i = 0; i < 1u << 24; i += i >> 20 == 0xe ? 1 : 101) /* three bytes: all that begin rightly */
        if (takes(i, 3) != is_character(i, 3))
            ck_abort_msg("%06x", i);
    for (uint64_t i = 0xef000000; i <= 0xffffffff; i += 211)
        if (takes((uint32_t)i, 4) != is_character((uint32_t)i, 4))
            ck_abort_msg("%08x", (uint32_t)i);
}
END_TEST

START_TEST(text_is_judged_however_it_is_cut)
{
    put_frame(0x01, "a\xc3");
    put_frame(0x89, "\xff");
    put_frame(0x00, "\xa9\xf0\x9f");
    put_frame(0x80, "\x98\x80");
    expect("ping \xff\nmessage a\xc3\xa9\xf0\x9f\x98\x80\n");
    put_frame(0x81, "a\xc3");
    put_frame(0x81, "\xa9");
    expect("fault 1007\n");
    put_frame(0x01, "\xc3");
    put_frame(0x80, "");
    expect("fault 1007\n");
    put_frame(0x01, "\xed");
    put_frame(0x80, "\xa0\x80");
    expect("fault 1007\n");
}
END_TEST

START_TEST(bad_text_is_refused_before_its_message_ends)
{
    put_header(0x01, 2, 1000, mask_plain);
    put('a');
    put(0xff);
    expect("fault 1007\n");
}
END_TEST

/* ---- Noise ----------------------------------------------------------------------------------------------------- */

/* Of what is sent every second stream is frames in good order but for one bit, every other frames of any kind. */
static void put_noise(void)
{
    char payload[400];
    bool tame = pick(2), within = false;
    for (unsigned i = 1 + pick(30); i; i--) {
        static const unsigned opcodes[] = {0, 1, 1, 2, 9, 10, 8, 3};
        unsigned char mask[4] = {(unsigned char)pick(256), (unsigned char)pick(256), (unsigned char)pick(256), 7};
        unsigned n = pick(4) ? pick(20) : pick(400);
        bool control = tame && !pick(4), final = control || pick(3);
        unsigned opcode = tame ? (control ? 9 + pick(2) : !within) : opcodes[pick(8)];
        for (unsigned k = 0; k < n; k++)
            payload[k] = (char)(tame ? 'a' + pick(26) : pick(256));
        within = control ? within : !final;
        put_frame_masked((final ? 0x80 : 0) | opcode, payload, control && n > 125 ? 125 : n, mask);
    }
    if (pick(2))
        wire.bytes[pick((uint32_t)wire.n)] ^= (unsigned char)(1u << pick(8));
    if (!pick(4))
        wire.n = 1 + pick((uint32_t)wire.n);
}

START_TEST(noise_reads_the_same_however_it_is_cut)
{
    const char *given = getenv("HUBBUB_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : 20260101;
    static char first[LOG_MAX];
    unsigned messages = 0, faults = 0;
    for (unsigned round = 0; round < 500; round++) {
        random_state = (seed + round) * UINT64_C(0x9e3779b97f4a7c15) | 1;
        put_noise();
        size_t cap = pick(4) ? CAP : pick(300);
        read_wire(cap, whole);
        size_t n = seen.n;
        memcpy(first, seen.text, n);
        messages += !!memmem(first, n, "message", 7);
        faults += !!memmem(first, n, "fault", 5);
        for (unsigned i = 0; i < 3; i++) {
            read_wire(cap, i ? odd_pieces : byte_by_byte);
            if (seen.n != n || memcmp(seen.text, first, n))
                ck_abort_msg("HUBBUB_SEED=%llu, round %u", (unsigned long long)seed, round);
        }
        wire.n = 0;
    }
    ck_assert_uint_gt(messages, 100);
    ck_assert_uint_gt(faults, 100);
}
END_TEST

/* Of a connection whose messages are binary. */
START_TEST(binary_is_not_judged_as_text)
{
    char frames[] = "\x82\x82\0\0\0\0\xff\xc3\x81\x81\0\0\0\0a";
    struct frame_reader r = {.message_bytes_max = 100, .binary = true};
    size_t used;
    struct frame_event event = frame_read(&r, frames, sizeof frames - 1, &used);
    ck_assert_int_eq(event.kind, FRAME_MESSAGE);
    ck_assert_uint_eq(event.n, 2);
    ck_assert_mem_eq(event.data, "\xff\xc3", 2);
    event = frame_read(&r, frames + used, sizeof frames - 1 - used, &used);
    ck_assert_int_eq(event.kind, FRAME_FAULT);
    ck_assert_uint_eq(event.code, FRAME_CODE_BINARY);
    frame_reader_finish(&r);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("frame");
    TCase *t = tcase_create("frame");
    tcase_add_test(t, binary_is_not_judged_as_text);
    tcase_add_test(t, messages_of_every_length_and_mask);
    tcase_add_test(t, lengths_over_64_kib);
    tcase_add_test(t, lengths_that_are_refused);
    tcase_add_test(t, unmasked_frames_are_refused_at_their_second_byte);
    tcase_add_test(t, every_first_byte);
    tcase_add_test(t, nothing_is_read_behind_a_fault_or_a_close_frame);
    tcase_add_test(t, fragments_with_control_frames_between);
    tcase_add_test(t, empty_fragments);
    tcase_add_test(t, fragments_out_of_order);
    tcase_add_test(t, fragments_are_bounded_together);
    tcase_add_test(t, pings_of_every_length);
    tcase_add_test(t, every_close_code);
    tcase_add_test(t, close_frames);
    tcase_add_test(t, every_character_and_what_is_none);
    tcase_add_test(t, text_is_judged_however_it_is_cut);
    tcase_add_test(t, bad_text_is_refused_before_its_message_ends);
    tcase_add_test(t, noise_reads_the_same_however_it_is_cut);
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_set_fork_status(runner, CK_NOFORK); /* a leak check at the end of each fork takes seconds */
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
