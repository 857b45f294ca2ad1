/*
 * answer.h
 *		What the serving functions share: the model, the user's history in its codes, keys and reasons.
 */
#ifndef BM_ANSWER_H
#define BM_ANSWER_H

#include "core/num/topk.h"
#include "core/rec/serve.h"
#include "recommend/serving.h"
#include "utils/array.h"

/* A history in a model's codes; only items that the model knows. */
typedef struct BmPast
{
	BmHistory h;
	int64 *times;        /* (h.n) */
	const char **name;   /* (h.n) behaviour, or NULL */
	const char *segment; /* the newest one that the events have, or NULL */
} BmPast;

/* A user as a function was given it; of text, and of integers both forms. */
typedef struct BmUser
{
	bool known; /* false: NULL was given */
	bool is_int;
	int64 key;
	const char *text;
} BmUser;

/* Argument 0 as a user of type bigint, text or uuid. */
extern BmUser bm_user_int(FunctionCallInfo fcinfo);
extern BmUser bm_user_text(FunctionCallInfo fcinfo);
extern BmUser bm_user_uuid(FunctionCallInfo fcinfo);
/* 22P02 when the source's users are integers and this is none; sets key. */
extern void bm_check_user(BmModel *model, BmUser *user);

/* The reader of the model's source, prepared once per backend. 55000 when the model has no source. */
extern BmHistoryReader *bm_answer_reader(BmModel *model);
/* A user's events before a time (PG_INT64_MAX: all) in codes. */
extern BmPast *bm_answer_history(BmModel *model, BmUser *user, int64 before);
/* An array of item keys of any type, oldest first, as a history without times. */
extern BmPast *bm_answer_items(BmModel *model, ArrayType *items);
/* Code of an item key of any type; BM_NONE when the model does not know it. */
extern uint32_t bm_item_code(const BmModel *model, Oid type, Datum key);
extern uint32_t bm_item_code_text(const BmModel *model, const char *key, size_t len);
/* 42601 unless text is one expression and nothing else; what names the argument. */
extern void bm_check_expression(const char *text, const char *what);
extern Datum bm_item_text(const BmModel *model, uint32_t code);
/* "nothing", "seen", "purchased": 22023 else. */
extern BmExclude bm_answer_exclude(const char *word);
/* Bits of the candidates (nitems); NULL for a NULL array. Unknown keys are left out. */
extern uint64_t *bm_answer_candidates(const BmModel *model, ArrayType *candidates);
/* "because of 2858 (purchase, 43 %)"; share (past->h.n). */
extern char *bm_answer_because(const BmModel *model, const BmPast *past, const float *share,
							   size_t event);
/* The optional argument i, a time that the history is before; PG_INT64_MAX for NULL. */
extern int64 bm_arg_before(FunctionCallInfo fcinfo, int i);

#endif
