/*
 * answer.h
 *		What the serving functions share: the model, the user's history in its codes, keys and reasons.
 */
#ifndef BM_ANSWER_H
#define BM_ANSWER_H

#include "core/num/topk.h"
#include "core/rec/serve.h"
#include "event/history.h"
#include "model/bound.h"
#include "utils/array.h"

/* A history in a model's codes; only items that the model knows. */
typedef struct BmPast
{
	BmHistory h;
	int64 *times;      /* (h.n) */
	const char **name; /* (h.n) behaviour, or NULL */
} BmPast;

/* The reader of the model's source, prepared once per backend. 55000 when the model has no source. */
extern BmHistoryReader *bm_answer_reader(BmModel *model);
/* A user's events in codes. text is the key as text, is_int: key holds the number. */
extern BmPast *bm_answer_history(BmModel *model, int64 key, bool is_int, const char *text);
/* An array of item keys of any type, oldest first, as a history without times. */
extern BmPast *bm_answer_items(BmModel *model, ArrayType *items);
/* Code of an item key of any type; BM_NONE when the model does not know it. */
extern uint32_t bm_item_code(const BmModel *model, Oid type, Datum key);
extern Datum bm_item_text(const BmModel *model, uint32_t code);
/* "nothing", "seen", "purchased": 22023 else. */
extern BmExclude bm_answer_exclude(const char *word);
/* Bits of the candidates (nitems); NULL for a NULL array. Unknown keys are left out. */
extern uint64_t *bm_answer_candidates(const BmModel *model, ArrayType *candidates);
/* Fill the result: item_id, score, rank, reason. */
extern void bm_answer_emit(FunctionCallInfo fcinfo, const BmModel *model, const BmServe *serve,
						   const BmPast *past);

#endif
