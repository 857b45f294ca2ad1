/*
 * pattern.h
 *		Sequential patterns: which items follow each other in at least min_support sequences.
 *
 * A sequence is a list of elements, each one item or a set of items; a pattern is contained when its
 * elements are subsets of elements of the sequence, in order (Agrawal and Srikant 1995). The support
 * is the number of sequences that contain it, its length the number of its items.
 */
#ifndef BM_PATTERN_H
#define BM_PATTERN_H

#include "core/num/mem.h"

/* No upper limit on a gap, a window, a length. */
#define BM_UNLIMITED INT64_MAX

/* Sequences as given: codes are dense. An element's items may be in any order and repeat. */
typedef struct BmSequenceSet
{
	size_t n;              /* sequences; empty ones count */
	uint32_t nitems;       /* codes are below it; at most 2^31 - 2 */
	const size_t *start;   /* (n+1) bounds in elements */
	const size_t *element; /* (elements+1) bounds in item; NULL: every element is one item */
	const uint32_t *item;
	const int64_t *time; /* (elements) ascending within a sequence; NULL: none */
} BmSequenceSet;

/*
 * What is mined: infrequent and excluded items gone, ids by descending support (ties by code), an
 * element's ids ascending without repeats, elements that became empty gone. The positions of what
 * is left are those in the sequence as given, so gaps are counted as the user sees them.
 */
typedef struct BmPatternDb
{
	size_t n;          /* sequences as given */
	uint32_t nitems;   /* ids */
	uint32_t *code;    /* (nitems) id -> code */
	uint32_t *support; /* (nitems) sequences that contain it */
	size_t *start;     /* (n+1) */
	size_t *element;   /* (elements+1) or NULL */
	uint32_t *item;
	uint32_t *position; /* (elements) from 0 */
	int64_t *time;      /* (elements) or NULL */
	size_t longest;     /* elements of the longest sequence */
} BmPatternDb;

/*
 * Between neighbouring elements of a match: elements left out (0 = adjacent), and time. Over the
 * whole match: last position minus first, and time.
 */
typedef struct BmPatternLimits
{
	int64_t min_gap, max_gap, max_window;
	int64_t min_interval, max_interval, max_duration;
} BmPatternLimits;

#define BM_NO_LIMITS                                                                               \
	((BmPatternLimits){0, BM_UNLIMITED, BM_UNLIMITED, 0, BM_UNLIMITED, BM_UNLIMITED})

extern bool bmc_pattern_limited(const BmPatternLimits *limits);

/*
 * closed: no longer pattern that contains it has its support; maximal: none that contains it is
 * frequent. "Longer pattern" is one that the limits and max_length allow; see pattern_filter.c.
 */
typedef enum BmPatternKind
{
	BM_PATTERNS_ALL,
	BM_PATTERNS_CLOSED,
	BM_PATTERNS_MAXIMAL
} BmPatternKind;

/* A pattern is a run of tokens: an id, and whether the item is in the element of the one before. */
#define BM_TOKEN(id, joined) ((uint32_t) (id) << 1 | (uint32_t) (joined))
#define BM_TOKEN_ID(token) ((token) >> 1)
#define BM_TOKEN_JOINED(token) ((token) &1u)

typedef struct BmPattern
{
	size_t at;       /* first token */
	uint32_t length; /* tokens */
	uint32_t support;
} BmPattern;

typedef struct BmPatterns
{
	BmMem *mem;
	size_t n, capacity;
	BmPattern *pattern;
	size_t ntokens, token_capacity;
	uint32_t *token;
} BmPatterns;

typedef struct BmMineOptions
{
	BmPatternKind kind;
	uint32_t min_support; /* sequences, at least 1 */
	size_t top;           /* only the best of bmc_pattern_order; 0: all */
	uint32_t min_length;  /* items; shorter ones are mined but not given */
	uint32_t max_length;  /* items; UINT32_MAX: any */
	BmPatternLimits limits;
	const uint32_t *include; /* (ninclude) ids that a pattern must contain, all of them */
	size_t ninclude;
	size_t max_patterns; /* more is BM_ELIMIT; 0: memory is the limit */
	uint32_t widest;     /* pairs are counted in a matrix up to so many items; 0: the default */
} BmMineOptions;

/*
 * Build db from sequences: items of fewer than min_support sequences, and those of exclude (nitems
 * flags or NULL), go. Everything is taken from mem. BM_ELIMIT above 2^32 - 2 items in all.
 */
extern BmStatus bmc_pattern_db_build(BmPatternDb *db, const BmSequenceSet *set,
									 uint32_t min_support, const bool *exclude, BmMem *mem,
									 const BmStop *stop);
extern void bmc_pattern_db_free(BmPatternDb *db, BmMem *mem);

/*
 * Mine. out must be empty (bmc_patterns_init); its order is that of bmc_pattern_order. With top and
 * BM_PATTERNS_MAXIMAL the best of the patterns that are maximal at min_support.
 */
extern BmStatus bmc_patterns_mine(BmPatterns *out, const BmPatternDb *db,
								  const BmMineOptions *options, BmMem *mem, const BmStop *stop);

/* ---- patterns (pattern_store.c) ---- */

extern void bmc_patterns_init(BmPatterns *p, BmMem *mem);
extern void bmc_patterns_free(BmPatterns *p);
extern BmStatus bmc_patterns_add(BmPatterns *p, const uint32_t *token, uint32_t length,
								 uint32_t support);
/* Support first, then the shorter, then the smaller ids; < 0: a comes first. Total. */
extern int bmc_pattern_order(const BmPatterns *p, const BmPattern *a, const BmPattern *b);
/* Sort by bmc_pattern_order. */
extern BmStatus bmc_patterns_sort(BmPatterns *p, const BmStop *stop);

/* From tokens to index: open addressing over the patterns of p, which must not change meanwhile. */
typedef struct BmPatternIndex
{
	const BmPatterns *p;
	BmMem *mem;
	size_t nslots;
	uint32_t *slot;
} BmPatternIndex;

extern BmStatus bmc_pattern_index_build(BmPatternIndex *x, const BmPatterns *p, BmMem *mem,
										const BmStop *stop);
extern uint32_t bmc_pattern_index_find(const BmPatternIndex *x, const uint32_t *token,
									   uint32_t length); /* BM_NONE if absent */
extern void bmc_pattern_index_free(BmPatternIndex *x);

/* ---- where a pattern is (pattern_match.c) ---- */

typedef struct BmPatternMatch
{
	size_t first, last; /* elements of db: where the occurrence begins and ends */
} BmPatternMatch;

/* Bytes of the scratch for matches in any sequence of db. */
extern size_t bmc_pattern_match_bytes(const BmPatternDb *db);
/*
 * Of the occurrences within limits in sequence s that end first, the one that begins last. False:
 * there is none. scratch holds bmc_pattern_match_bytes.
 */
extern bool bmc_pattern_match(BmPatternMatch *match, const BmPatternDb *db, size_t s,
							  const uint32_t *token, uint32_t length, const BmPatternLimits *limits,
							  void *scratch);

/* What the sequences that contain a pattern say about it; bmc_pattern_match says which occurrence. */
typedef struct BmPatternDetail
{
	uint32_t support;  /* counted again: equal to the pattern's */
	uint32_t in_group; /* of them in the group */
	uint32_t nexamples;
	int64_t first;      /* least time at which an occurrence begins */
	double median_span; /* of time, or of positions where there is none */
} BmPatternDetail;

/*
 * Details (p->n) of all patterns, and in example (p->n, k) the first k of the sequences that contain
 * each; k may be 0. group: flags (db->n), or NULL; with it spans are left out.
 */
extern BmStatus bmc_pattern_details(BmPatternDetail *detail, uint32_t *example, size_t k,
									const bool *group, const BmPatterns *p, const BmPatternDb *db,
									const BmPatternLimits *limits, BmMem *mem, const BmStop *stop);

/* ---- what follows from patterns ---- */

/* A pattern of all, cut between two elements: its first tokens, then the others. */
typedef struct BmSequenceRule
{
	uint32_t pattern;                /* index into the patterns */
	uint32_t split;                  /* tokens of the antecedent */
	uint32_t antecedent, consequent; /* their supports */
	double confidence;
} BmSequenceRule;

/*
 * Rules of confidence >= min_confidence whose consequent has at most max_consequent items, the most
 * confident first, into *rules (*n) taken from mem. p must be all patterns (one kind, no filter).
 */
extern BmStatus bmc_sequence_rules(BmSequenceRule **rules, size_t *n, const BmPatterns *p,
								   double min_confidence, uint32_t max_consequent, size_t max_rules,
								   BmMem *mem, const BmStop *stop);

/* chi-squared with one degree of freedom of a of n against b of m, and its p-value; 0 and 1 where
 * a margin is empty. */
extern double bmc_contrast_chi2(double a, double n, double b, double m);
extern double bmc_contrast_p(double chi2);
/* Benjamini and Hochberg 1995: adjusted (n) from p (n), in the order of p; may be the same array. */
extern BmStatus bmc_adjust_bh(double *adjusted, const double *p, size_t n, BmMem *mem);

/* ---- used by the miners ---- */

/* Ascending, in place. */
extern void bmc_sort_ids(uint32_t *a, size_t n);

/* Where the items of element e begin, and those of the one before end. */
static inline size_t
bmc_element_at(const BmPatternDb *db, size_t e)
{
	return db->element ? db->element[e] : e;
}

/* Does element e of db contain the n ids of token, which ascend? */
extern bool bmc_element_contains(const BmPatternDb *db, size_t e, const uint32_t *token,
								 uint32_t n);
/* Tokens of the pattern's element that begins at token t. */
extern uint32_t bmc_element_length(const uint32_t *token, uint32_t length, uint32_t t);
/* Without limits: the latest element at which an occurrence that ends at element last begins. */
extern size_t bmc_pattern_latest_start(const BmPatternDb *db, const uint32_t *token,
									   uint32_t length, size_t last);

/* Where mined patterns go: filters, the top-k heap, the cap. */
typedef struct BmPatternSink
{
	const BmMineOptions *options;
	BmPatterns *out;
	BmPatternKind kind;   /* what the miner looks for */
	size_t top;           /* 0: all */
	uint32_t min_support; /* what a pattern needs now: the options', or the k-th best of top */
	uint32_t longest;     /* of just min_support none longer is: the length of the k-th best */
	uint32_t deepest;     /* the search ends at this length */
	bool cut;             /* and did so where longer patterns may be */
	size_t live;          /* tokens that the heap refers to */
} BmPatternSink;

extern void bmc_sink_init(BmPatternSink *sink, BmPatterns *out, const BmMineOptions *options);
extern BmStatus bmc_sink_put(BmPatternSink *sink, const uint32_t *token, uint32_t length,
							 uint32_t support);

/* The support that a pattern of at least length items needs now to be wanted. */
static inline uint32_t
bmc_sink_least(const BmPatternSink *sink, uint32_t length)
{
	return sink->min_support + (length > sink->longest);
}

/* Can a longer pattern that begins with token (length), and has at most this support, be wanted? */
extern bool bmc_sink_admits(const BmPatternSink *sink, const uint32_t *token, uint32_t length,
							uint32_t support);

/* All or closed patterns: one item an element, no limits (prefixspan.c). */
extern BmStatus bmc_prefixspan(BmPatternSink *sink, const BmPatternDb *db, BmMem *mem,
							   const BmStop *stop);
/* All patterns, with limits and elements of several items (gapped.c). */
extern BmStatus bmc_gapped(BmPatternSink *sink, const BmPatternDb *db, BmMem *mem,
						   const BmStop *stop);
/* Keep the closed or maximal ones of all patterns within limits (pattern_filter.c). */
extern BmStatus bmc_patterns_filter(BmPatterns *p, BmPatternKind kind,
									const BmPatternLimits *limits, BmMem *mem, const BmStop *stop);

#endif
