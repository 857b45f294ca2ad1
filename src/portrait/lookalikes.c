/*
 * lookalikes.c
 *		behav_lookalikes: who has a taste like these users, by the cosine of stored taste vectors.
 */
#include "pg/pg.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/memutils.h"

#include "core/num/topk.h"
#include "model/query.h"
#include "pg/scan.h"
#include "portrait/portrait.h"

#define WIDTH BM_PORTRAIT_TASTE

typedef struct Tastes
{
	BmMem *mem;
	size_t n, capacity, text_used, text_capacity;
	float *taste; /* (n, WIDTH) */
	size_t *user; /* (n) offsets into text */
	char *text;
	uint64 *others; /* bits: the users that were not named */
	double mean[WIDTH];
	size_t named;
} Tastes;

static void *
grown(Tastes *t, void *block, size_t n, size_t size)
{
	block = bmc_realloc(t->mem, block, n, size);
	if (!block)
		bm_check(BM_ENOMEM, "look for users alike", NULL);
	return block;
}

/* BmRowFn: user_id, state, is it one of those named. */
static void
taste_row(void *arg, TupleTableSlot *slot)
{
	Tastes *t = arg;
	text *user = DatumGetTextPP(slot->tts_values[0]);
	bytea *state = DatumGetByteaPP(slot->tts_values[1]);
	bool named = DatumGetBool(slot->tts_values[2]);
	size_t len = VARSIZE_ANY_EXHDR(user);
	float *taste;

	if (t->n == t->capacity)
	{
		t->capacity = Max(1024, 2 * t->capacity);
		t->taste = grown(t, t->taste, t->capacity * WIDTH, sizeof(float));
		t->user = grown(t, t->user, t->capacity, sizeof(size_t));
		t->others = grown(t, t->others, t->capacity / 64, sizeof(uint64));
	}
	if (t->text_used + len + 1 > t->text_capacity)
	{
		t->text_capacity = Max(t->text_used + len + 1, Max(16384, 2 * t->text_capacity));
		t->text = grown(t, t->text, t->text_capacity, 1);
	}
	taste = t->taste + t->n * WIDTH;
	bm_portrait_taste_of(taste, VARDATA_ANY(state), VARSIZE_ANY_EXHDR(state));
	if (t->n % 64 == 0)
		t->others[t->n / 64] = 0;
	t->others[t->n / 64] |= (uint64) !named << (t->n % 64);
	for (int i = 0; named && i < WIDTH; i++)
		t->mean[i] += taste[i];
	t->named += named;
	t->user[t->n++] = t->text_used;
	memcpy(t->text + t->text_used, VARDATA_ANY(user), len);
	t->text[t->text_used + len] = '\0';
	t->text_used += len + 1;
	if ((Pointer) state != DatumGetPointer(slot->tts_values[1]))
		pfree(state);
}

static void
nobody_known(const char *source)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("none of these users has a portrait of source \"%s\"", source),
			 errhint("Make them: SELECT * FROM behav_portraits(%s)", quote_literal_cstr(source))));
}

/* behav_lookalikes(users text[], k int, source text): user_id, similarity */
BM_FUNCTION(behav_lookalikes);
Datum
behav_lookalikes(PG_FUNCTION_ARGS)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "behavmine lookalikes", ALLOCSET_DEFAULT_SIZES);
	size_t k = (size_t) bm_arg_range(fcinfo, 1, "k", 1, BM_MAX_K), n;
	char *source = bm_one_source(bm_arg_text_or_null(fcinfo, 2));
	Oid types[2] = {TEXTOID, TEXTARRAYOID};
	Datum values[2] = {bm_text_datum(source), PG_GETARG_DATUM(0)};
	uint32_t *index = palloc(sizeof(uint32_t) * k);
	float *score = palloc(sizeof(float) * k), query[WIDTH];
	double norm = 0;
	BmMem mem;
	Tastes t = {.mem = &mem};

	bm_srf_begin(fcinfo);
	bm_mem_init(&mem, context);
	bm_check_state_rights();
	SPI_connect();
	(void) bm_scan("SELECT p.user_id, p.state, p.user_id OPERATOR(pg_catalog.=) ANY ($2) FROM "
				   "behavmine.portrait p WHERE p.source OPERATOR(pg_catalog.=) $1",
				   2, types, values, NULL, taste_row, &t);
	SPI_finish();
	if (t.named == 0)
		nobody_known(source);
	for (int i = 0; i < WIDTH; i++)
		norm += t.mean[i] * t.mean[i];
	for (int i = 0; i < WIDTH; i++)
		query[i] = norm > 0 ? (float) (t.mean[i] / sqrt(norm)) : 0.0f;
	n = bmc_topk_dot(index, score, k, t.taste, query, t.n, WIDTH, t.others);
	for (size_t i = 0; i < n; i++)
	{
		Datum row[2] = {bm_text_datum(t.text + t.user[index[i]]), bm_float8_datum(score[i])};
		bool nulls[2] = {false, false};

		bm_srf_row(fcinfo, row, nulls);
	}
	MemoryContextDelete(context);
	return (Datum) 0;
}
