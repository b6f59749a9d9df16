/* order_tree.c - see order_tree.h. */
#include "services/gateway/core/order_tree.h"

static void measure(struct order_node *n)
{
    n->size = 1 + order_size(n->left) + order_size(n->right);
}

static uint64_t spread(uint64_t key)
{
    key = (key ^ (key >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    key = (key ^ (key >> 27)) * UINT64_C(0x94d049bb133111eb);
    return key ^ (key >> 31);
}

/* What is before the node, and what is after it. */
static void split(struct order_node *root, const struct order_node *at, order_compare *compare, struct order_node **low,
                  struct order_node **high)
{
    if (!root) {
        *low = *high = NULL;
    } else if (compare(root, at) < 0) {
        split(root->right, at, compare, &root->right, high);
        *low = root;
        measure(root);
    } else {
        split(root->left, at, compare, low, &root->left);
        *high = root;
        measure(root);
    }
}

static struct order_node *merge(struct order_node *low, struct order_node *high)
{
    if (!low || !high)
        return low ? low : high;
    if (low->priority > high->priority) {
        low->right = merge(low->right, high);
        measure(low);
        return low;
    }
    high->left = merge(low, high->left);
    measure(high);
    return high;
}

size_t order_insert(struct order_node **root, struct order_node *n, uint64_t key, order_compare *compare)
{
    struct order_node *low, *high;
    *n = (struct order_node){.size = 1, .priority = spread(key)};
    split(*root, n, compare, &low, &high);
    size_t index = order_size(low);
    *root = merge(merge(low, n), high);
    return index;
}

size_t order_remove(struct order_node **root, struct order_node *n, order_compare *compare)
{
    size_t index = order_index(*root, n, compare);
    while (*root != n) {
        (*root)->size--;
        root = compare(*root, n) < 0 ? &(*root)->right : &(*root)->left;
    }
    *root = merge(n->left, n->right);
    return index;
}

size_t order_index(const struct order_node *root, const struct order_node *n, order_compare *compare)
{
    size_t before = 0;
    while (root && root != n) {
        if (compare(root, n) < 0) {
            before += order_size(root->left) + 1;
            root = root->right;
        } else {
            root = root->left;
        }
    }
    return before + (root ? order_size(root->left) : 0);
}

struct order_node *order_at(struct order_node *root, size_t index)
{
    while (root) {
        size_t left = order_size(root->left);
        if (index == left)
            return root;
        if (index < left) {
            root = root->left;
        } else {
            index -= left + 1;
            root = root->right;
        }
    }
    return NULL;
}
