/*
 * pattern_store.c
 *		Patterns that were found: a growing array of tokens, its order, an index by content, and the
 *		sink of the miners with its heap of the k best.
 */
#include <string.h>

#include "core/mine/pattern.h"
#include "core/num/rng.h"
#include "core/num/sort.h"

/* ---- the array ---- */

void
bmc_patterns_init(BmPatterns *p, BmMem *mem)
{
	memset(p, 0, sizeof(*p));
	p->mem = mem;
}

void
bmc_patterns_free(BmPatterns *p)
{
	bmc_free(p->mem, p->token);
	bmc_free(p->mem, p->pattern);
	bmc_patterns_init(p, p->mem);
}

static BmStatus
reserve(BmPatterns *p, size_t patterns, size_t tokens)
{
	if (patterns > p->capacity)
	{
		size_t capacity = bmc_add(patterns, bmc_add(p->capacity, 256));
		BmPattern *grown = bmc_realloc(p->mem, p->pattern, capacity, sizeof(BmPattern));

		if (!grown)
			return BM_ENOMEM;
		p->pattern = grown;
		p->capacity = capacity;
	}
	if (tokens > p->token_capacity)
	{
		size_t capacity = bmc_add(tokens, bmc_add(p->token_capacity, 1024));
		uint32_t *grown = bmc_realloc(p->mem, p->token, capacity, sizeof(uint32_t));

		if (!grown)
			return BM_ENOMEM;
		p->token = grown;
		p->token_capacity = capacity;
	}
	return BM_OK;
}

/* The tokens of a pattern to the end of the array. */
static BmPattern
append_tokens(BmPatterns *p, const uint32_t *token, uint32_t length, uint32_t support)
{
	BmPattern pattern = {p->ntokens, length, support};

	memcpy(p->token + p->ntokens, token, length * sizeof(uint32_t));
	p->ntokens += length;
	return pattern;
}

BmStatus
bmc_patterns_add(BmPatterns *p, const uint32_t *token, uint32_t length, uint32_t support)
{
	if (p->n == p->capacity || length > p->token_capacity - p->ntokens)
	{
		BmStatus status = reserve(p, p->n + 1, p->ntokens + length);

		if (status != BM_OK)
			return status;
	}
	p->pattern[p->n++] = append_tokens(p, token, length, support);
	return BM_OK;
}

/* ---- order ---- */

static int
compare_tokens(const uint32_t *a, const uint32_t *b, uint32_t length)
{
	for (uint32_t i = 0; i < length; i++)
		if (a[i] != b[i])
			return a[i] < b[i] ? -1 : 1;
	return 0;
}

int
bmc_pattern_order(const BmPatterns *p, const BmPattern *a, const BmPattern *b)
{
	if (a->support != b->support)
		return a->support > b->support ? -1 : 1;
	if (a->length != b->length)
		return a->length < b->length ? -1 : 1;
	return compare_tokens(p->token + a->at, p->token + b->at, a->length);
}

/* Merge sort v (n) with scratch (n). */
static void
sort_run(BmPattern *v, size_t n, BmPattern *scratch, const BmPatterns *p)
{
	for (size_t width = 1; width < n; width *= 2)
	{
		for (size_t from = 0; from < n; from += 2 * width)
		{
			size_t middle = from + width < n ? from + width : n;
			size_t end = middle + width < n ? middle + width : n;
			size_t a = from, b = middle;

			for (size_t to = from; to < end; to++)
				scratch[to] = b == end || (a < middle && bmc_pattern_order(p, &v[a], &v[b]) <= 0)
								  ? v[a++]
								  : v[b++];
		}
		memcpy(v, scratch, n * sizeof(BmPattern));
	}
}

/* By (support, length) with a radix sort; the miners emit by ids, so runs of equals are mostly sorted. */
BmStatus
bmc_patterns_sort(BmPatterns *p, const BmStop *stop)
{
	uint64_t *key;
	uint32_t *order;
	BmPattern *scratch;
	BmStatus status;

	if (p->n < 2)
		return BM_OK;
	if (p->n >= UINT32_MAX)
		return BM_ELIMIT;
	key = bmc_alloc(p->mem, p->n, sizeof(uint64_t));
	order = bmc_alloc(p->mem, p->n, sizeof(uint32_t));
	scratch = bmc_alloc(p->mem, p->n, sizeof(BmPattern));
	status = key && order && scratch ? BM_OK : BM_ENOMEM;
	for (size_t i = 0; i < p->n && status == BM_OK; i++)
	{
		key[i] = (uint64_t) ~p->pattern[i].support << 32 | p->pattern[i].length;
		order[i] = (uint32_t) i;
	}
	if (status == BM_OK)
		status = bmc_sort_u64(key, order, p->n, p->mem);
	if (status == BM_OK)
	{
		memcpy(scratch, p->pattern, p->n * sizeof(BmPattern));
		for (size_t i = 0; i < p->n; i++)
			p->pattern[i] = scratch[order[i]];
		for (size_t from = 0, to; from < p->n && status == BM_OK; from = to)
		{
			bool sorted = true;

			for (to = from + 1; to < p->n && key[to] == key[from]; to++)
				sorted = sorted && bmc_pattern_order(p, &p->pattern[to - 1], &p->pattern[to]) <= 0;
			if (!sorted)
				sort_run(p->pattern + from, to - from, scratch, p);
			if ((to - from > 0xfff || (to & 0xfff) == 0) && bmc_stop(stop))
				status = BM_ESTOP;
		}
	}
	bmc_free(p->mem, scratch);
	bmc_free(p->mem, order);
	bmc_free(p->mem, key);
	return status;
}

/* ---- index ---- */

static uint64_t
hash_tokens(const uint32_t *token, uint32_t length)
{
	uint64_t h = length;

	for (uint32_t i = 0; i < length; i++)
		h = (h ^ token[i]) * UINT64_C(0x9e3779b97f4a7c15) ^ h >> 29;
	return bmc_mix64(h);
}

static size_t
find_slot(const BmPatternIndex *x, const uint32_t *token, uint32_t length)
{
	size_t at = hash_tokens(token, length) & (x->nslots - 1);

	while (x->slot[at] != BM_NONE)
	{
		const BmPattern *p = &x->p->pattern[x->slot[at]];

		if (p->length == length &&
			memcmp(x->p->token + p->at, token, length * sizeof(uint32_t)) == 0)
			break;
		at = (at + 1) & (x->nslots - 1);
	}
	return at;
}

BmStatus
bmc_pattern_index_build(BmPatternIndex *x, const BmPatterns *p, BmMem *mem, const BmStop *stop)
{
	x->p = p;
	x->mem = mem;
	x->slot = NULL;
	if (p->n >= UINT32_MAX / 2)
		return BM_ELIMIT;
	for (x->nslots = 64; x->nslots < 2 * p->n;)
		x->nslots *= 2;
	x->slot = bmc_alloc(mem, x->nslots, sizeof(uint32_t));
	if (!x->slot)
		return BM_ENOMEM;
	memset(x->slot, 0xff, x->nslots * sizeof(uint32_t));
	for (size_t i = 0; i < p->n; i++)
	{
		x->slot[find_slot(x, p->token + p->pattern[i].at, p->pattern[i].length)] = (uint32_t) i;
		if ((i & 0xffff) == 0xffff && bmc_stop(stop))
			return BM_ESTOP;
	}
	return BM_OK;
}

uint32_t
bmc_pattern_index_find(const BmPatternIndex *x, const uint32_t *token, uint32_t length)
{
	return x->slot[find_slot(x, token, length)];
}

void
bmc_pattern_index_free(BmPatternIndex *x)
{
	bmc_free(x->mem, x->slot);
	x->slot = NULL;
}

/* ---- the sink ---- */

void
bmc_sink_init(BmPatternSink *sink, BmPatterns *out, const BmMineOptions *options)
{
	memset(sink, 0, sizeof(*sink));
	sink->options = options;
	sink->out = out;
	sink->kind = options->kind;
	sink->top = options->top;
	sink->min_support = options->min_support;
	sink->longest = UINT32_MAX;
	sink->deepest = options->max_length;
}

static bool
contains_all(const uint32_t *token, uint32_t length, const uint32_t *include, size_t n)
{
	for (size_t i = 0; i < n; i++)
	{
		uint32_t t = 0;

		while (t < length && BM_TOKEN_ID(token[t]) != include[i])
			t++;
		if (t == length)
			return false;
	}
	return true;
}

/* The heap: the worst pattern is at 0. */
static void
sift_up(BmPatterns *p, size_t at)
{
	while (at > 0)
	{
		size_t up = (at - 1) / 2;
		BmPattern swap = p->pattern[at];

		if (bmc_pattern_order(p, &swap, &p->pattern[up]) <= 0)
			return;
		p->pattern[at] = p->pattern[up];
		p->pattern[up] = swap;
		at = up;
	}
}

static void
sift_down(BmPatterns *p, size_t at)
{
	for (;;)
	{
		size_t child = 2 * at + 1;
		BmPattern swap = p->pattern[at];

		if (child >= p->n)
			return;
		if (child + 1 < p->n &&
			bmc_pattern_order(p, &p->pattern[child + 1], &p->pattern[child]) > 0)
			child++;
		if (bmc_pattern_order(p, &swap, &p->pattern[child]) >= 0)
			return;
		p->pattern[at] = p->pattern[child];
		p->pattern[child] = swap;
		at = child;
	}
}

/* Close up the tokens that no pattern of the heap refers to. */
static BmStatus
compact(BmPatternSink *sink)
{
	BmPatterns *p = sink->out;
	uint32_t *token = bmc_alloc(p->mem, 2 * sink->live + 1024, sizeof(uint32_t));
	size_t n = 0;

	if (!token)
		return BM_ENOMEM;
	for (size_t i = 0; i < p->n; i++)
	{
		memcpy(token + n, p->token + p->pattern[i].at, p->pattern[i].length * sizeof(uint32_t));
		p->pattern[i].at = n;
		n += p->pattern[i].length;
	}
	bmc_free(p->mem, p->token);
	p->token = token;
	p->ntokens = n;
	p->token_capacity = 2 * sink->live + 1024;
	return BM_OK;
}

/* The k-th best of a full heap is the least that is wanted from now on. */
static void
raise_bound(BmPatternSink *sink)
{
	const BmPattern *worst = &sink->out->pattern[0];

	if (worst->support > sink->min_support ||
		(worst->support == sink->min_support && worst->length < sink->longest))
	{
		sink->min_support = worst->support;
		sink->longest = worst->length;
	}
}

/* See pattern.h. Of equal support and length the smaller ids, and an extension begins with its prefix's. */
bool
bmc_sink_admits(const BmPatternSink *sink, const uint32_t *token, uint32_t length, uint32_t support)
{
	const BmPatterns *p = sink->out;
	uint32_t shortest = length + 1;

	if (support != sink->min_support || sink->longest == UINT32_MAX)
		return support >= sink->min_support;
	if (shortest < sink->options->min_length)
		shortest = sink->options->min_length;
	if (shortest != sink->longest || p->n < sink->top)
		return shortest <= sink->longest;
	return compare_tokens(token, p->token + p->pattern[0].at, length) <= 0;
}

/* Into the heap of the k best; raises the bound when it is full. */
static BmStatus
put_top(BmPatternSink *sink, const uint32_t *token, uint32_t length, uint32_t support)
{
	BmPatterns *p = sink->out;
	BmPattern new;
	BmStatus status;

	if (support < bmc_sink_least(sink, length))
		return BM_OK;
	if (p->ntokens > 2 * sink->live + 4096 && (status = compact(sink)) != BM_OK)
		return status;
	status = reserve(p, p->n + 1, p->ntokens + length);
	if (status != BM_OK)
		return status;
	new = append_tokens(p, token, length, support);
	if (p->n < sink->top)
	{
		p->pattern[p->n++] = new;
		sink->live += length;
		sift_up(p, p->n - 1);
	}
	else if (bmc_pattern_order(p, &new, &p->pattern[0]) < 0)
	{
		sink->live += length;
		sink->live -= p->pattern[0].length;
		p->pattern[0] = new;
		sift_down(p, 0);
	}
	if (p->n == sink->top)
		raise_bound(sink);
	return BM_OK;
}

/* A frequent pattern. BM_ELIMIT: it is one more than max_patterns. */
BmStatus
bmc_sink_put(BmPatternSink *sink, const uint32_t *token, uint32_t length, uint32_t support)
{
	const BmMineOptions *o = sink->options;

	if (length < o->min_length ||
		(o->ninclude > 0 && !contains_all(token, length, o->include, o->ninclude)))
		return BM_OK;
	if (sink->top > 0)
		return put_top(sink, token, length, support);
	if (o->max_patterns > 0 && sink->out->n >= o->max_patterns)
		return BM_ELIMIT;
	return bmc_patterns_add(sink->out, token, length, support);
}
