/* The tree against an array that is kept sorted by hand: after every random act the same order, indices and size. The
 * seed is printed; order_tree_test SEED repeats it. */
#include "services/gateway/core/order_tree.h"
#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ITEMS = 300, ACTS = 4000 };

struct item {
    struct order_node node; /* first: the comparison casts */
    unsigned key;
    bool in;
};
static struct item items[ITEMS];
static struct item *naive[ITEMS];
static size_t n_naive;
static unsigned seed;

static int compare(const struct order_node *a, const struct order_node *b)
{
    unsigned x = ((const struct item *)a)->key, y = ((const struct item *)b)->key;
    return x < y ? -1 : x > y;
}

static size_t naive_index(const struct item *item)
{
    size_t i = 0;
    while (i < n_naive && naive[i]->key < item->key)
        i++;
    return i;
}

static void toggle(struct order_node **root, struct item *item)
{
    size_t at = naive_index(item);
    if (item->in) {
        ck_assert_uint_eq(order_remove(root, &item->node, compare), at);
        memmove(naive + at, naive + at + 1, (--n_naive - at) * sizeof *naive);
    } else {
        ck_assert_uint_eq(order_insert(root, &item->node, item->key, compare), at);
        memmove(naive + at + 1, naive + at, (n_naive++ - at) * sizeof *naive);
        naive[at] = item;
    }
    item->in = !item->in;
}

static void check_all(struct order_node *root)
{
    ck_assert_uint_eq(order_size(root), n_naive);
    for (size_t i = 0; i < n_naive; i++) {
        ck_assert_ptr_eq(order_at(root, i), &naive[i]->node);
        ck_assert_uint_eq(order_index(root, &naive[i]->node, compare), i);
    }
    ck_assert_ptr_null(order_at(root, n_naive));
}

START_TEST(random_acts_against_an_array)
{
    struct order_node *root = NULL;
    printf("seed %u\n", seed);
    srand(seed);
    for (unsigned i = 0; i < ITEMS; i++)
        items[i].key = (i * 7919) % 10007;
    for (unsigned i = 0; i < ACTS; i++) {
        toggle(&root, &items[(unsigned)rand() % ITEMS]);
        if (i % 16 == 0)
            check_all(root);
    }
    check_all(root);
}
END_TEST

static unsigned depth(const struct order_node *n)
{
    if (!n)
        return 0;
    unsigned left = depth(n->left), right = depth(n->right);
    return 1 + (left > right ? left : right);
}

START_TEST(stays_shallow_when_filled_in_order)
{
    enum { MANY = 50000 };
    struct item *many = calloc(MANY, sizeof *many);
    struct order_node *root = NULL;
    for (unsigned i = 0; i < MANY; i++) {
        many[i].key = i;
        ck_assert_uint_eq(order_insert(&root, &many[i].node, i, compare), i);
    }
    ck_assert_uint_lt(depth(root), 60);
    free(many);
}
END_TEST

int main(int argc, char **argv)
{
    seed = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : (unsigned)time(NULL);
    Suite *s = suite_create("order_tree");
    TCase *t = tcase_create("order_tree");
    tcase_add_test(t, random_acts_against_an_array);
    tcase_add_test(t, stays_shallow_when_filled_in_order);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
