/*
 * path_edge.c
 *		Edges with layers (for Sankey charts) and transitions (a Markov matrix), counted from paths.
 *
 * Both are tables of pairs of slots: the top nodes, each with a slot of its own, "other", and the
 * ends. Two passes over the paths: the first counts sessions and users of every pair, the second
 * puts the seconds of each pair together, where their medians are found by selection.
 */
#include "core/mine/path.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/num/rng.h"
#include "core/num/sort.h"

#define STOP_PATHS 0x40000 /* some milliseconds of work */
#define MICROS 1e6

/* ---- medians ---- */

static inline void
swap(int64_t *a, int64_t *b)
{
	int64_t t = *a;

	*a = *b;
	*b = t;
}

/* Selection (Hoare 1961) with three-way partitions and pseudo-random pivots: v[k] is the k-th. */
static void
select_kth(int64_t *v, size_t n, size_t k)
{
	size_t lo = 0, hi = n;

	while (hi - lo > 1)
	{
		int64_t pivot = v[lo + bmc_mix64(lo ^ (hi << 20)) % (hi - lo)];
		size_t less = lo, i = lo, more = hi;

		while (i < more)
		{
			if (v[i] < pivot)
				swap(&v[less++], &v[i++]);
			else if (v[i] > pivot)
				swap(&v[i], &v[--more]);
			else
				i++;
		}
		if (k < less)
			hi = less;
		else if (k >= more)
			lo = more;
		else
			return;
	}
}

double
bmc_path_median(int64_t *v, size_t n)
{
	size_t k = (n - 1) / 2;
	int64_t low, high;

	select_kth(v, n, k);
	low = high = v[k];
	if (n % 2 == 0)
	{
		high = v[k + 1];
		for (size_t i = k + 2; i < n; i++)
			high = v[i] < high ? v[i] : high;
	}
	return ((double) low + (double) high) / 2.0;
}

/* ---- slots ---- */

typedef struct Slots
{
	uint32_t n;     /* slots in use, "other" included; it is the last */
	uint32_t *of;   /* (nodes) slot of a node */
	uint32_t *node; /* (top+1) node of a slot */
} Slots;

/* Nodes by count (nnodes), most first, ties by code: the first top get slots, the rest "other". */
static BmStatus
assign_slots(Slots *s, const uint32_t *count, const BmEdgeRules *rules, BmMem *mem)
{
	uint32_t nnodes = rules->nnodes, top = rules->top;
	uint64_t *key = bmc_alloc(mem, nnodes, sizeof(uint64_t));
	uint32_t *code = bmc_alloc(mem, nnodes, sizeof(uint32_t));
	size_t used = 0;
	BmStatus status = key && code ? BM_OK : BM_ENOMEM;

	for (uint32_t i = 0; i < nnodes && status == BM_OK; i++)
		if (count[i] > 0)
		{
			key[used] = i == rules->keep ? 0 : UINT32_MAX - count[i];
			code[used++] = i;
		}
	if (status == BM_OK)
		status = bmc_sort_u64(key, code, used, mem);
	if (status == BM_OK)
	{
		uint32_t kept = used < top ? (uint32_t) used : top;

		for (size_t i = 0; i < used; i++)
			s->of[code[i]] = i < kept ? (uint32_t) i : kept;
		memcpy(s->node, code, kept * sizeof(uint32_t));
		s->node[kept] = BM_NODE_OTHER;
		s->n = kept + 1;
	}
	bmc_free(mem, key);
	bmc_free(mem, code);
	return status;
}

static BmStatus
slots_init(Slots *s, const BmEdgeRules *rules, BmMem *mem)
{
	s->of = bmc_alloc0(mem, rules->nnodes, sizeof(uint32_t));
	s->node = bmc_alloc(mem, (size_t) rules->top + 1, sizeof(uint32_t));
	s->n = 0;
	return s->of && s->node ? BM_OK : BM_ENOMEM;
}

static void
slots_free(Slots *s, BmMem *mem)
{
	bmc_free(mem, s->of);
	bmc_free(mem, s->node);
}

/* ---- pairs ---- */

/* One pair of slots. */
typedef struct Cell
{
	uint32_t count, users;
	uint32_t seen; /* the last user */
	uint32_t at;   /* end of the pair's seconds so far */
} Cell;

typedef struct Table
{
	size_t width; /* of a row, and rows */
	Cell *cell;   /* (capacity) row-major */
	size_t capacity;
	int64_t *gap; /* (gaps) microseconds, by pair */
	size_t gaps;
} Table;

static BmStatus
table_reset(Table *t, size_t width, BmMem *mem)
{
	size_t cells = width * width;

	if (cells > t->capacity)
	{
		bmc_free(mem, t->cell);
		t->cell = bmc_alloc(mem, cells, sizeof(Cell));
		if (!t->cell)
			return BM_ENOMEM;
		t->capacity = cells;
	}
	t->width = width;
	for (size_t i = 0; i < cells; i++)
		t->cell[i] = (Cell){0, 0, BM_NONE, 0};
	return BM_OK;
}

static inline void
table_count(Table *t, uint32_t source, uint32_t target, uint32_t user)
{
	Cell *c = &t->cell[source * t->width + target];

	c->count++;
	c->users += c->seen != user;
	c->seen = user;
}

/* Room for the seconds of all pairs whose rows and columns are below inner (the others have none). */
static BmStatus
table_places(Table *t, size_t inner, BmMem *mem)
{
	size_t total = 0;

	for (size_t i = 0; i < t->width * t->width; i++)
	{
		t->cell[i].at = (uint32_t) total;
		if (i / t->width < inner && i % t->width < inner)
			total += t->cell[i].count;
	}
	if (total > t->gaps)
	{
		bmc_free(mem, t->gap);
		t->gap = bmc_alloc(mem, total, sizeof(int64_t));
		t->gaps = t->gap ? total : 0;
		if (!t->gap)
			return BM_ENOMEM;
	}
	return BM_OK;
}

static inline void
table_put(Table *t, uint32_t source, uint32_t target, int64_t gap)
{
	t->gap[t->cell[source * t->width + target].at++] = gap < 0 ? -gap : gap;
}

static void
table_free(Table *t, BmMem *mem)
{
	bmc_free(mem, t->cell);
	bmc_free(mem, t->gap);
}

static BmStatus
add_edge(BmEdges *out, const BmEdge *edge, BmMem *mem)
{
	if (out->n == out->capacity)
	{
		size_t capacity = out->capacity ? 2 * out->capacity : 256;
		BmEdge *grown = bmc_realloc(mem, out->edge, capacity, sizeof(BmEdge));

		if (!grown)
			return BM_ENOMEM;
		out->edge = grown;
		out->capacity = capacity;
	}
	out->edge[out->n++] = *edge;
	return BM_OK;
}

static int
compare_edges(const void *x, const void *y)
{
	const BmEdge *a = x, *b = y;

	if (a->count != b->count)
		return a->count > b->count ? -1 : 1;
	if (a->source != b->source)
		return a->source < b->source ? -1 : 1;
	return a->target < b->target ? -1 : a->target > b->target;
}

/*
 * Pairs with enough users as edges of a layer. source and target (width) are the nodes of rows and
 * columns; those below inner on both sides have seconds.
 */
static BmStatus
table_edges(BmEdges *out, Table *t, uint32_t layer, const uint32_t *source, const uint32_t *target,
			size_t inner, uint32_t min_users, BmMem *mem, const BmStop *stop)
{
	size_t first = out->n, since = 0;

	for (size_t i = 0; i < t->width * t->width; i++)
	{
		Cell *c = &t->cell[i];
		size_t a = i / t->width, b = i % t->width;
		BmEdge edge = {layer, 0, 0, c->count, c->users, NAN};

		if (c->count == 0 || c->users < min_users)
			continue;
		edge.source = source[a];
		edge.target = target[b];
		if (a < inner && b < inner)
			edge.seconds = bmc_path_median(t->gap + c->at - c->count, c->count) / MICROS;
		if (add_edge(out, &edge, mem) != BM_OK)
			return BM_ENOMEM;
		since += c->count;
		if (since >= STOP_PATHS)
		{
			if (bmc_stop(stop))
				return BM_ESTOP;
			since = 0;
		}
	}
	if (out->n - first > 1)
		qsort(out->edge + first, out->n - first, sizeof(BmEdge), compare_edges);
	return BM_OK;
}

/* ---- edges by layer ---- */

typedef struct Layer
{
	const BmPaths *paths;
	const BmEdgeRules *rules;
	Table table;
	Slots side[2];     /* by the parity of the place */
	uint32_t *count;   /* (nodes) */
	uint32_t *name[2]; /* (top+3) nodes of the table's rows and columns */
} Layer;

/* Slots of the nodes at place (from 0) of all paths. */
static BmStatus
place_slots(Layer *l, uint32_t place, BmMem *mem)
{
	const BmPaths *p = l->paths;

	memset(l->count, 0, l->rules->nnodes * sizeof(uint32_t));
	for (size_t i = 0; i < p->n; i++)
		if (p->start[i + 1] - p->start[i] > place)
			l->count[p->node[p->start[i] + place]]++;
	return assign_slots(&l->side[place & 1], l->count, l->rules, mem);
}

/* Pairs of (place, place + 1): counted, or their seconds put. The exit is the last column. */
static BmStatus
layer_pass(Layer *l, uint32_t place, bool seconds, const BmStop *stop)
{
	const uint32_t *source = l->side[place & 1].of, *target = l->side[(place + 1) & 1].of;
	const BmPaths *p = l->paths;

	for (size_t i = 0; i < p->n; i++)
	{
		size_t at = p->start[i] + place, end = p->start[i + 1];

		if (i % STOP_PATHS == 0 && bmc_stop(stop))
			return BM_ESTOP;
		if (at + 1 < end)
		{
			uint32_t a = source[p->node[at]], b = target[p->node[at + 1]];

			if (seconds)
				table_put(&l->table, a, b, p->time[at + 1] - p->time[at]);
			else
				table_count(&l->table, a, b, p->user[i]);
		}
		else if (l->rules->exits && !seconds && at + 1 == end)
			table_count(&l->table, source[p->node[at]], (uint32_t) l->table.width - 1, p->user[i]);
	}
	return BM_OK;
}

static BmStatus
make_layer(Layer *l, BmEdges *out, uint32_t place, BmMem *mem, const BmStop *stop)
{
	const Slots *source = &l->side[place & 1], *target = &l->side[(place + 1) & 1];
	size_t inner;
	BmStatus status = place_slots(l, place + 1, mem);

	inner = source->n > target->n ? source->n : target->n;
	if (status == BM_OK)
		status = table_reset(&l->table, inner + 1, mem);
	if (status == BM_OK)
		status = layer_pass(l, place, false, stop);
	if (status == BM_OK)
		status = table_places(&l->table, inner, mem);
	if (status == BM_OK)
		status = layer_pass(l, place, true, stop);
	if (status != BM_OK)
		return status;
	memcpy(l->name[0], source->node, source->n * sizeof(uint32_t));
	memcpy(l->name[1], target->node, target->n * sizeof(uint32_t));
	l->name[1][inner] = BM_NODE_EXIT;
	return table_edges(out, &l->table, place + 1, l->name[0], l->name[1], inner,
					   l->rules->min_users, mem, stop);
}

static BmStatus
layer_init(Layer *l, const BmPaths *paths, const BmEdgeRules *rules, BmMem *mem)
{
	BmStatus status;

	memset(l, 0, sizeof(*l));
	l->paths = paths;
	l->rules = rules;
	l->count = bmc_alloc0(mem, rules->nnodes, sizeof(uint32_t));
	l->name[0] = bmc_alloc0(mem, (size_t) rules->top + 3, sizeof(uint32_t));
	l->name[1] = bmc_alloc0(mem, (size_t) rules->top + 3, sizeof(uint32_t));
	status = l->count && l->name[0] && l->name[1] ? BM_OK : BM_ENOMEM;
	for (int i = 0; i < 2 && status == BM_OK; i++)
		status = slots_init(&l->side[i], rules, mem);
	return status;
}

static void
layer_free(Layer *l, BmMem *mem)
{
	table_free(&l->table, mem);
	slots_free(&l->side[0], mem);
	slots_free(&l->side[1], mem);
	bmc_free(mem, l->count);
	bmc_free(mem, l->name[0]);
	bmc_free(mem, l->name[1]);
}

static BmStatus
give(BmEdges *out, BmStatus status, BmMem *mem)
{
	if (status != BM_OK)
	{
		bmc_free(mem, out->edge);
		memset(out, 0, sizeof(*out));
	}
	return status;
}

BmStatus
bmc_path_edges(BmEdges *out, const BmPaths *paths, const BmEdgeRules *rules, uint32_t depth,
			   BmMem *mem, const BmStop *stop)
{
	Layer l;
	BmStatus status = layer_init(&l, paths, rules, mem);

	memset(out, 0, sizeof(*out));
	if (status == BM_OK)
		status = place_slots(&l, 0, mem);
	for (uint32_t place = 0; place + 1 < depth && status == BM_OK; place++)
		status = make_layer(&l, out, place, mem, stop);
	layer_free(&l, mem);
	return give(out, status, mem);
}

/* ---- transitions ---- */

/* Pairs of neighbours; entry and exit are the last two rows and columns. */
static BmStatus
transition_pass(Layer *l, bool seconds, const BmStop *stop)
{
	const BmPaths *p = l->paths;
	const uint32_t *slot = l->side[0].of;
	uint32_t entry = l->side[0].n, leave = entry + 1;
	size_t since = 0;

	for (size_t i = 0; i < p->n; i++)
	{
		size_t at = p->start[i], end = p->start[i + 1];
		bool ends = l->rules->exits && !seconds;

		if (ends)
			table_count(&l->table, entry, slot[p->node[at]], p->user[i]);
		for (; at + 1 < end; at++)
			if (seconds)
				table_put(&l->table, slot[p->node[at]], slot[p->node[at + 1]],
						  p->time[at + 1] - p->time[at]);
			else
				table_count(&l->table, slot[p->node[at]], slot[p->node[at + 1]], p->user[i]);
		if (ends)
			table_count(&l->table, slot[p->node[at]], leave, p->user[i]);
		since += end - p->start[i] + 1;
		if (since >= STOP_PATHS)
		{
			if (bmc_stop(stop))
				return BM_ESTOP;
			since = 0;
		}
	}
	return BM_OK;
}

BmStatus
bmc_path_transitions(BmEdges *out, const BmPaths *paths, const BmEdgeRules *rules, BmMem *mem,
					 const BmStop *stop)
{
	Layer l;
	BmStatus status = layer_init(&l, paths, rules, mem);
	Slots *slots = &l.side[0];

	memset(out, 0, sizeof(*out));
	if (status == BM_OK)
	{
		for (size_t e = 0; e < (paths->n ? paths->start[paths->n] : 0); e++)
			l.count[paths->node[e]]++;
		status = assign_slots(slots, l.count, rules, mem);
	}
	if (status == BM_OK)
		status = table_reset(&l.table, (size_t) slots->n + 2, mem);
	if (status == BM_OK)
		status = transition_pass(&l, false, stop);
	if (status == BM_OK)
		status = table_places(&l.table, slots->n, mem);
	if (status == BM_OK)
		status = transition_pass(&l, true, stop);
	if (status == BM_OK)
	{
		memcpy(l.name[0], slots->node, slots->n * sizeof(uint32_t));
		l.name[0][slots->n] = BM_NODE_ENTRY;
		l.name[0][slots->n + 1] = BM_NODE_EXIT;
		status = table_edges(out, &l.table, 0, l.name[0], l.name[0], slots->n, rules->min_users,
							 mem, stop);
	}
	layer_free(&l, mem);
	return give(out, status, mem);
}
