/* order_tree.h - an order-statistics tree: nodes in the order of a comparison, found by index, and their index found,
 * in O(log n). A treap; the nodes are embedded in what they order, and a node's priority comes from its key, so the
 * same content gives the same tree. Owns nothing. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct order_node {
    struct order_node *left, *right;
    size_t size; /* of the subtree */
    uint64_t priority;
};
/* < 0, 0, > 0; no two nodes of a tree are equal. */
typedef int order_compare(const struct order_node *, const struct order_node *);

static inline size_t order_size(const struct order_node *root)
{
    return root ? root->size : 0;
}
/* `key` spreads the nodes: any number that differs from node to node. Returns the index. */
size_t order_insert(struct order_node **root, struct order_node *, uint64_t key, order_compare *);
/* The node is in the tree. Returns the index it had. */
size_t order_remove(struct order_node **root, struct order_node *, order_compare *);
size_t order_index(const struct order_node *root, const struct order_node *, order_compare *);
/* NULL past the end. */
struct order_node *order_at(struct order_node *root, size_t index);
