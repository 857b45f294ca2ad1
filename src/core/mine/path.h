/*
 * path.h
 *		Paths: every user's events cut into sessions, and each session trimmed to the part that a
 *		question asks for; then counted as edges with layers, as transitions, as whole paths or as a tree.
 *
 * Counts come twice: by session (how often) and by user (how many people), since the two are easily
 * taken for each other. Medians are exact: the mean of the middle two of an even number, as
 * percentile_cont(0.5).
 */
#ifndef BM_PATH_H
#define BM_PATH_H

#include "core/num/mem.h"

#define BM_MAX_PATH_DEPTH 100
#define BM_MAX_PATH_TOP 1000

/* Flags of nodes. */
#define BM_NODE_START 1 /* a path may begin here */
#define BM_NODE_END 2   /* a path may end here */

typedef struct BmPathRules
{
	int64_t gap;          /* microseconds: a longer pause begins a session; < 0: none does */
	const uint8_t *flags; /* (nodes) BM_NODE_*; NULL: none is set */
	bool from_start;      /* paths begin at a node with BM_NODE_START */
	bool to_end;          /* and end at one with BM_NODE_END */
	bool last;            /* the last such place in a session, not the first */
	bool reverse;         /* paths run backwards in time, from where they end */
	bool collapse;        /* of equal neighbours the earliest stays */
	uint32_t depth;       /* nodes of a path at most; 0: all */
} BmPathRules;

/* In the order of users, each user's in the order of sessions. */
typedef struct BmPaths
{
	size_t n;
	size_t capacity;
	size_t *start;  /* (n+1) into node and time; no path is empty */
	uint32_t *user; /* (n) ascending */
	uint32_t *node;
	int64_t *time; /* microseconds; descending within a reversed path */
} BmPaths;

/*
 * Bring each user's events into runs of one session number, runs by first event, where sessions of
 * several devices interleave: all three columns, in place. session (n) may hold BM_NONE, which is
 * one more session. nsessions: numbers are below.
 */
extern BmStatus bmc_path_group(size_t nusers, const size_t *start, uint32_t *node, int64_t *time,
							   uint32_t *session, uint32_t nsessions, BmMem *mem,
							   const BmStop *stop);
/*
 * Paths of events in the order of (user, time); node BM_NONE is an event that is left out. A session
 * ends where its number changes (session not NULL), and by the gap between events without a number.
 * node and time are overwritten and become the paths' columns. Frees what it took unless BM_OK.
 */
extern BmStatus bmc_path_build(BmPaths *out, const BmPathRules *rules, size_t nusers,
							   const size_t *start, uint32_t *node, int64_t *time,
							   const uint32_t *session, BmMem *mem, const BmStop *stop);
extern void bmc_path_free(BmPaths *paths,
						  BmMem *mem); /* not node and time: they are the caller's */

/* ---- edges ---- */

/* Nodes of an edge beyond the real ones. */
#define BM_NODE_OTHER (BM_NONE - 1) /* what is not among the top nodes of its layer */
#define BM_NODE_EXIT (BM_NONE - 2)  /* the path ended before */
#define BM_NODE_ENTRY (BM_NONE - 3) /* the path begins */

typedef struct BmEdge
{
	uint32_t layer; /* from the layer-th node of a path to the next, from 1; 0 for transitions */
	uint32_t source, target;
	uint32_t count; /* sessions on a layer, occurrences as a transition */
	uint32_t users;
	double seconds; /* median; NaN from an entry or to an exit */
} BmEdge;

typedef struct BmEdges
{
	size_t n, capacity;
	BmEdge *edge;
} BmEdges;

typedef struct BmEdgeRules
{
	uint32_t nnodes;
	uint32_t top;       /* nodes kept on each layer, 1..BM_MAX_PATH_TOP */
	uint32_t keep;      /* a node that is never among the others; BM_NONE: none */
	uint32_t min_users; /* edges of fewer users are left out */
	bool exits;         /* edges to BM_NODE_EXIT; for transitions from BM_NODE_ENTRY, too */
} BmEdgeRules;

/*
 * Edges by layer: from a path's i-th node to its next on layer i, so that no cycle can arise. In the
 * order of layer, count (most first), source, target; depth: nodes of a path at most, as it was built.
 */
extern BmStatus bmc_path_edges(BmEdges *out, const BmPaths *paths, const BmEdgeRules *rules,
							   uint32_t depth, BmMem *mem, const BmStop *stop);
/* All neighbours of all paths, whatever their place: the counts of a Markov chain of order one. */
extern BmStatus bmc_path_transitions(BmEdges *out, const BmPaths *paths, const BmEdgeRules *rules,
									 BmMem *mem, const BmStop *stop);

/* Median of v (n >= 1), which is reordered. */
extern double bmc_path_median(int64_t *v, size_t n);

/* ---- whole paths and their tree ---- */

typedef struct BmPathTreeNode
{
	uint32_t parent;   /* BM_NONE: a first node */
	uint32_t node;     /* or BM_NODE_OTHER */
	uint32_t step;     /* from 1 */
	uint32_t sessions; /* paths that pass or end here */
	uint32_t ended;    /* paths that end here */
	uint32_t users;    /* of those that pass or end */
	uint32_t ended_users;
	uint32_t seen; /* the last user that passed */
	uint32_t ended_seen;
	double seconds; /* median: a tree's from the parent, a path's from its first node; NaN: none */
} BmPathTreeNode;

typedef struct BmPathTree
{
	size_t n, capacity;
	BmPathTreeNode *node; /* parents before children */
	uint32_t *of_path;    /* (paths) where each ends */
} BmPathTree;

/* Every path of at most BM_MAX_PATH_DEPTH nodes as a branch. seconds are not filled. */
extern BmStatus bmc_path_tree(BmPathTree *out, const BmPaths *paths, BmMem *mem,
							  const BmStop *stop);
/*
 * For each node that is an end of paths with at least min_users users: seconds from first node to
 * last. The k ends with the most paths (ties: smaller index) into best; *n is how many.
 */
extern BmStatus bmc_path_ends(uint32_t *best, size_t *n, size_t k, uint32_t min_users,
							  BmPathTree *tree, const BmPaths *paths, BmMem *mem,
							  const BmStop *stop);
/*
 * The tree with at most top children of a node, those with the most paths; the others, and those of
 * fewer than min_users users, become one leaf BM_NODE_OTHER. seconds are from the parent. Children
 * follow their parent at once (depth first), most paths first.
 */
extern BmStatus bmc_path_prune(BmPathTree *out, const BmPathTree *tree, const BmPaths *paths,
							   uint32_t top, uint32_t min_users, BmMem *mem, const BmStop *stop);
extern void bmc_path_tree_free(BmPathTree *tree, BmMem *mem);

#endif
