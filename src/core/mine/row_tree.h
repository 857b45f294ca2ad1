/*
 * row_tree.h
 *		The tree of a row pattern, between its parser (row_pattern.c) and its compiler (row_program.c).
 */
#ifndef BM_ROW_TREE_H
#define BM_ROW_TREE_H

#include "core/mine/row_pattern.h"

#define BM_ROW_NONE UINT32_MAX
#define BM_ROW_UNBOUNDED UINT32_MAX

typedef enum BmRowNodeKind
{
	BM_ROW_NODE_STEP, /* one step: a symbol or an anchor */
	BM_ROW_NODE_SEQUENCE,
	BM_ROW_NODE_CHOICE,
	BM_ROW_NODE_REPEAT,
	BM_ROW_NODE_PERMUTE
} BmRowNodeKind;

typedef struct BmRowNode
{
	uint8_t kind;
	uint8_t op, symbol; /* BM_ROW_NODE_STEP */
	bool reluctant;     /* BM_ROW_NODE_REPEAT */
	uint32_t least, most;
	uint32_t last;   /* last child, BM_ROW_NONE without one */
	uint32_t before; /* sibling to the left */
	uint32_t size;   /* steps */
} BmRowNode;

/*
 * Steps of all orders of a PERMUTE: as a tree of prefixes where all elements are single steps
 * (*prefixes), else written out.
 */
extern uint64_t bmc_row_permute_size(const BmRowNode *node, uint32_t index, bool *prefixes);
/* Write node root into p, its steps from mem. BM_OK, BM_ENOMEM. */
extern BmStatus bmc_row_compile(BmRowProgram *p, const BmRowNode *node, uint32_t root, BmMem *mem);

#endif
