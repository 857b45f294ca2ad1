/*
 * serving.c
 *		What serving keeps with a bound model.
 */
#include "pg/pg.h"

#include "recommend/serving.h"

#define MAX_KEPT_SCRATCH ((size_t) 8 << 20) /* bytes that a backend keeps for a model */

BmServing *
bm_serving(BmModel *model)
{
	BmServing *s = model->attached;

	if (s == NULL)
	{
		s = MemoryContextAllocZero(model->context, sizeof(BmServing));
		dlist_init(&s->plans);
		model->attached = s;
	}
	return s;
}

BmSource *
bm_serving_source(BmModel *model)
{
	BmServing *s = bm_serving(model);
	MemoryContext old;

	if (s->source)
		return s->source;
	if (model->version->source == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("model \"%s\" has no source", model->version->model),
				 errhint("Give the items yourself: SELECT * FROM behav_recommend_items(...).")));
	old = MemoryContextSwitchTo(model->context);
	s->source = bm_source_load(model->version->source);
	MemoryContextSwitchTo(old);
	return s->source;
}

void *
bm_serving_scratch(BmModel *model, size_t bytes)
{
	BmServing *s = bm_serving(model);

	if (bytes > MAX_KEPT_SCRATCH)
		return palloc_extended(bytes, MCXT_ALLOC_HUGE);
	if (bytes > s->scratch_bytes)
	{
		if (s->scratch)
			pfree(s->scratch);
		s->scratch = NULL;
		s->scratch_bytes = 0;
		s->scratch = MemoryContextAlloc(model->context, bytes * 2);
		s->scratch_bytes = bytes * 2;
	}
	return s->scratch;
}

BmItems *
bm_serving_items(BmModel *model, const char *what)
{
	BmServing *s = bm_serving(model);
	BmSource *source = bm_serving_source(model);
	MemoryContext old;

	if (s->items)
		return s->items;
	if (source->items == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("source \"%s\" has no table of items", source->name),
				 errdetail("\"%s\" asks for columns of it.", what),
				 errhint("Register the source again with it: SELECT * FROM behav_source(%s, %s, "
						 "..., items => 'my_items').",
						 quote_literal_cstr(source->name), quote_literal_cstr(source->relation))));
	old = MemoryContextSwitchTo(model->context);
	s->items = bm_items(source);
	MemoryContextSwitchTo(old);
	return s->items;
}

/* ---- bits ---- */

uint64_t *
bm_item_bits(const BmModel *model, bool full)
{
	size_t words = model->items.n / 64 + 1;
	uint64_t *bits = palloc0(words * sizeof(uint64_t));

	if (full)
	{
		memset(bits, 0xff, words * sizeof(uint64_t));
		bits[words - 1] = (UINT64_C(1) << (model->items.n % 64)) - 1;
	}
	return bits;
}

size_t
bm_count_bits(const uint64_t *bits, size_t nitems)
{
	size_t n = 0;

	for (size_t w = 0; w <= nitems / 64; w++)
		n += (size_t) __builtin_popcountll(bits[w]);
	return n;
}
