/*
 * serving.h
 *		What serving has prepared for one bound model, once per backend: the reader of histories, the
 *		table of items, plans of queries on it, business rules.
 *
 * Made anew with the model: after a deployment, another registration of the source, a change of the rules
 * or of the table of events.
 */
#ifndef BM_SERVING_H
#define BM_SERVING_H

#include "event/history.h"
#include "event/items.h"
#include "lib/ilist.h"
#include "model/bound.h"

typedef enum BmRuleKind
{
	BM_RULE_BOOST = 0,
	BM_RULE_PIN,
	BM_RULE_HIDE
} BmRuleKind;

/* A row of behavmine.rule in the model's codes. */
typedef struct BmRule
{
	int64 id;
	char *name; /* or NULL */
	BmRuleKind kind;
	uint64_t *items;         /* (nitems bits); NULL: filter says */
	char *filter;            /* or NULL */
	float multiplier;        /* of a boost */
	int place;               /* of a pin, from 1 */
	TimestampTz from, until; /* DT_NOBEGIN, DT_NOEND: open */
} BmRule;

typedef struct BmServing
{
	BmSource *source;        /* NULL until asked */
	BmHistoryReader *reader; /* NULL until asked */
	BmItems *items;          /* NULL until asked */
	bool rules_loaded;
	BmRule *rule; /* (nrules) by number */
	int nrules;
	dlist_head plans; /* of queries on the table of items, the last used first */
	int nplans;
	void *scratch; /* of the last answer, (scratch_bytes) */
	size_t scratch_bytes;
	bool told_leak; /* as_of before the end of the training was mentioned */
} BmServing;

extern BmServing *bm_serving(BmModel *model);
/* The model's source; 55000 when the model has none. */
extern BmSource *bm_serving_source(BmModel *model);
/*
 * Room for one call of the core: kept from answer to answer, for fresh pages cost
 * more than a small answer. Not for what lives while SQL runs, which may ask again. A large one is palloc'd.
 */
extern void *bm_serving_scratch(BmModel *model, size_t bytes);
/* Its table of items; 55000 when the source has none. what: the argument that needs it. */
extern BmItems *bm_serving_items(BmModel *model, const char *what);

/* ---- filter.c: queries on the table of items ---- */

/*
 * Items (nitems bits) whose row makes the expression true, with the caller's rights. 42601 for what is no
 * single expression, 42804 for one that is not boolean. Items that the table does not have are not among
 * them. what: the argument's name.
 */
extern uint64_t *bm_filter(BmModel *model, const char *filter, const char *what);
/* Items whose value of column is that of none of like's. A row without a value differs from all. */
extern uint64_t *bm_filter_other(BmModel *model, const char *column, const uint32_t *like, size_t n,
								 const char *what);
/*
 * The values of a column as codes: group (nitems), BM_NONE without a value or a row. items (n): only
 * these; NULL: all. Returns how many values there are.
 */
extern uint32_t bm_filter_groups(uint32_t *group, BmModel *model, const char *column,
								 const uint32_t *items, size_t n, const char *what);

/* ---- rule.c ---- */

/* The model's rules, all of them; bm_rule_holds says which hold at a time. */
extern const BmRule *bm_rules(BmModel *model, int *n);
extern bool bm_rule_holds(const BmRule *rule, TimestampTz at);
/* Items of a rule (nitems bits), those of a filter as the table of items is now. */
extern const uint64_t *bm_rule_items(BmModel *model, const BmRule *rule);
/* "rule 3", "rule \"summer\"" */
extern char *bm_rule_name(const BmRule *rule);

/* ---- bits ---- */

extern uint64_t *bm_item_bits(const BmModel *model, bool full);
extern size_t bm_count_bits(const uint64_t *bits, size_t nitems);

static inline void
bm_set_bit(uint64_t *bits, uint32_t i)
{
	bits[i / 64] |= UINT64_C(1) << (i % 64);
}

static inline void
bm_clear_bit(uint64_t *bits, uint32_t i)
{
	bits[i / 64] &= ~(UINT64_C(1) << (i % 64));
}

static inline bool
bm_has_bit(const uint64_t *bits, uint32_t i)
{
	return bits[i / 64] >> (i % 64) & 1;
}

#endif
