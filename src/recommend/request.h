/*
 * request.h
 *		A question for recommendations: its arguments, what they leave of the catalogue, and the answer as
 *		rows with reasons.
 */
#ifndef BM_REQUEST_H
#define BM_REQUEST_H

#include "core/rec/cart.h"
#include "recommend/answer.h"
#include "utils/jsonb.h"

/* Steps that take something out, in their order, for the notice when nothing is left. */
#define BM_MAX_STEPS 16

typedef struct BmStep
{
	const char *what;
	size_t left; /* items after it */
} BmStep;

/* A rule that holds, with its items as they are now. */
typedef struct BmHeldRule
{
	const BmRule *rule;
	const uint64_t *items;
} BmHeldRule;

typedef struct BmRequest
{
	BmModel *model;
	BmServe serve; /* serve.arrange points to arrange where it is wanted */
	BmArrange arrange;
	char *cap[BM_MAX_CAPS]; /* columns of the table of items */
	int64 before;           /* history before this time; PG_INT64_MAX: all */
	TimestampTz at;         /* rules that hold at this time */
	const char *segment;    /* asked for, or NULL */
	BmHeldRule *held;
	int nheld;
	const BmRule *pin[BM_MAX_PINS]; /* (arrange.npins) */
	uint32_t pinned[BM_MAX_PINS];   /* (arrange.npins) the item that each has put, or BM_NONE */
	uint64_t *allowed;              /* the bits that serve.allowed points to, or NULL: all */
	BmStep step[BM_MAX_STEPS];
	int nsteps;
} BmRequest;

/* Begin with the model's own settings; nothing is taken out. exclude NULL: purchased. */
extern void bm_request_begin(BmRequest *r, BmModel *model, int64 k, const char *exclude);
/* The arguments by value; NULL: not given. */
extern void bm_request_candidates(BmRequest *r, ArrayType *candidates);
extern void bm_request_filter(BmRequest *r, const char *filter);
extern void bm_request_exclude_items(BmRequest *r, Oid type, Datum items);
extern void bm_request_min_score(BmRequest *r, float8 least);
extern void bm_request_max_per(BmRequest *r, Jsonb *max_per);
extern void bm_request_diversity(BmRequest *r, float8 diversity);
/* The model's business rules that hold at r->at. */
extern void bm_request_rules(BmRequest *r);
/* Keep only bits; what names it in the notice. */
extern void bm_request_keep(BmRequest *r, const uint64_t *bits, const char *what);
/* Arguments 1 on of behav_recommend and its kin; exclude is that of argument 3, or own. */
extern void bm_request_arguments(BmRequest *r, FunctionCallInfo fcinfo, const char *exclude);

/* Fill the result: item_id, score, rank, reason. */
extern void bm_request_answer(FunctionCallInfo fcinfo, BmRequest *r, const BmPast *past);

#endif
