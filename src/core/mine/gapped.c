/*
 * gapped.c
 *		PrefixSpan with elements of several items, and with minimal and maximal gaps and a window, in
 *		positions or in time.
 *
 * A node keeps for every sequence all ends of its prefix, each with the latest start (sweep.h). A
 * child comes from an S-step, an item of a later element within the limits, or an I-step, a larger item of
 * the element of the end itself. Support falls along prefixes whatever the limits, so the depth-first
 * search is complete; nothing else may be pruned, for with a maximal gap a pattern can have more
 * support than one that it contains.
 */
#include <string.h>

#include "core/mine/stack.h"
#include "core/mine/sweep.h"

#define WORK_PER_STOP 2e6 /* elements looked at between two questions */

/* The children of a prefix: child c has groups group[c] .. group[c+1], one for each sequence. */
typedef struct Frame
{
	uint32_t n, next; /* children, and the one to visit */
	uint32_t *token;  /* (n) ascending */
	size_t *group;    /* (n+1) bounds in seq and first */
	uint32_t *seq;    /* (groups) sequence */
	size_t *first;    /* (groups+1) bounds in end */
	BmEnd *end;       /* all children's */
	BmStackMark mark; /* before this frame's memory */
} Frame;

/* What counting one node needs, by token. */
typedef struct Counter
{
	uint32_t support; /* sequences */
	uint32_t stamp;   /* of the sequence counted last */
	size_t ends;
	uint32_t child; /* while the children are filled */
} Counter;

typedef struct Search
{
	BmPatternSink *sink;
	const BmPatternDb *db;
	BmMem *mem;
	const BmStop *stop;
	BmStack stack;
	bool limited;
	Counter *counter;  /* (2 nitems) support 0 between uses */
	uint32_t *touched; /* (2 nitems) tokens */
	uint32_t ntouched;
	uint32_t now;
	size_t *fill_group, *fill_end; /* (2 nitems) per child */
	Frame *frame;
	size_t depth, capacity;
	uint32_t *prefix; /* (capacity) */
	double work;
} Search;

static BmStatus
poll(Search *x)
{
	if (x->work < WORK_PER_STOP)
		return BM_OK;
	x->work = 0;
	return bmc_stop(x->stop) ? BM_ESTOP : BM_OK;
}

/* A stamp that no counter has. */
static uint32_t
next_stamp(Search *x)
{
	if (++x->now == 0)
	{
		for (size_t t = 0; t < 2 * (size_t) x->db->nitems; t++)
			x->counter[t].stamp = 0;
		x->now = 1;
	}
	return x->now;
}

/* ---- the two passes over the ends of a prefix ---- */

static inline void
count_token(Search *x, uint32_t token)
{
	Counter *c = &x->counter[token];

	if (c->support == 0)
		x->touched[x->ntouched++] = token;
	if (c->stamp != x->now || c->support == 0)
		c->support++;
	c->stamp = x->now;
	c->ends++;
}

/* Put an end under a frequent token; its group begins with the first end in this sequence. */
static inline void
fill_token(Search *x, Frame *f, uint32_t token, uint32_t s, BmEnd end)
{
	Counter *c = &x->counter[token];

	if (c->child == BM_NONE)
		return;
	if (c->stamp != x->now)
	{
		size_t g = x->fill_group[c->child]++;

		c->stamp = x->now;
		f->seq[g] = s;
		f->first[g] = x->fill_end[c->child];
	}
	f->end[x->fill_end[c->child]++] = end;
}

/* Every item that can extend the ends (n) of the prefix in sequence s: counted (f NULL) or filled. */
static inline void
extend(Search *x, Frame *f, uint32_t s, const BmEnd *end, size_t n, uint32_t last)
{
	const BmPatternDb *db = x->db;
	BmSweep w = bmc_sweep(db, &x->sink->options->limits, x->limited, s, end, n);
	BmEnd at;

	(void) next_stamp(x);
	while (bmc_sweep_next(&w, &at))
	{
		size_t stop = bmc_element_at(db, (size_t) at.end + 1);

		for (size_t i = bmc_element_at(db, at.end); i < stop; i++)
			if (f)
				fill_token(x, f, BM_TOKEN(db->item[i], 0), s, at);
			else
				count_token(x, BM_TOKEN(db->item[i], 0));
		x->work += (double) (stop - bmc_element_at(db, at.end));
	}
	for (size_t e = 0; db->element && e < n; e++)
		for (size_t i = db->element[(size_t) end[e].end + 1]; i-- > db->element[end[e].end];)
		{
			if (db->item[i] <= last)
				break;
			if (f)
				fill_token(x, f, BM_TOKEN(db->item[i], 1), s, end[e]);
			else
				count_token(x, BM_TOKEN(db->item[i], 1));
			x->work++;
		}
	x->work += (double) n;
}

/* The first elements of patterns: every element of s is an end. */
static inline void
begin(Search *x, Frame *f, uint32_t s)
{
	const BmPatternDb *db = x->db;

	(void) next_stamp(x);
	for (size_t e = db->start[s]; e < db->start[s + 1]; e++)
		for (size_t i = bmc_element_at(db, e); i < bmc_element_at(db, e + 1); i++)
		{
			uint32_t token = BM_TOKEN(db->item[i], 0);

			if (f)
				fill_token(x, f, token, s, (BmEnd){(uint32_t) e, (uint32_t) e});
			else
				count_token(x, token);
			x->work++;
		}
}

/* One pass over the groups of parent's child c; parent NULL: over all sequences. */
static BmStatus
pass(Search *x, Frame *f, const Frame *parent, uint32_t c)
{
	BmStatus status = BM_OK;

	if (!parent)
		for (size_t s = 0; s < x->db->n && status == BM_OK; s++)
		{
			begin(x, f, (uint32_t) s);
			status = poll(x);
		}
	else
		for (size_t g = parent->group[c]; g < parent->group[c + 1] && status == BM_OK; g++)
		{
			extend(x, f, parent->seq[g], parent->end + parent->first[g],
				   parent->first[g + 1] - parent->first[g], BM_TOKEN_ID(parent->token[c]));
			status = poll(x);
		}
	return status;
}

/* ---- nodes ---- */

/* Memory for the frequent ones of the counted tokens, and their places. */
static BmStatus
layout(Search *x, Frame *f)
{
	uint32_t least = bmc_sink_least(x->sink, (uint32_t) x->depth + 1);
	size_t groups = 0, ends = 0;

	f->token = bmc_stack_take(&x->stack, x->ntouched, sizeof(uint32_t));
	if (!f->token)
		return BM_ENOMEM;
	for (uint32_t t = 0; t < x->ntouched; t++)
	{
		uint32_t token = x->touched[t];

		x->counter[token].child = BM_NONE;
		if (x->counter[token].support >= least)
			f->token[f->n++] = token;
	}
	bmc_sort_ids(f->token, f->n);
	f->group = bmc_stack_take(&x->stack, (size_t) f->n + 1, sizeof(size_t));
	if (!f->group)
		return BM_ENOMEM;
	for (uint32_t c = 0; c < f->n; c++)
	{
		Counter *k = &x->counter[f->token[c]];

		k->child = c;
		f->group[c] = x->fill_group[c] = groups;
		x->fill_end[c] = ends;
		groups += k->support;
		ends += k->ends;
	}
	f->group[f->n] = groups;
	f->seq = bmc_stack_take(&x->stack, groups, sizeof(uint32_t));
	f->first = bmc_stack_take(&x->stack, groups + 1, sizeof(size_t));
	f->end = bmc_stack_take(&x->stack, ends, sizeof(BmEnd));
	if (!f->seq || !f->first || !f->end)
		return BM_ENOMEM;
	f->first[groups] = ends;
	return BM_OK;
}

static void
forget_counts(Search *x)
{
	for (uint32_t t = 0; t < x->ntouched; t++)
	{
		x->counter[x->touched[t]].support = 0;
		x->counter[x->touched[t]].ends = 0;
	}
	x->ntouched = 0;
}

static BmStatus
grow_frames(Search *x)
{
	size_t capacity = 2 * x->capacity + 32;
	Frame *frame;
	uint32_t *prefix;

	if (x->depth < x->capacity)
		return BM_OK;
	frame = bmc_realloc(x->mem, x->frame, capacity, sizeof(Frame));
	if (!frame)
		return BM_ENOMEM;
	x->frame = frame;
	prefix = bmc_realloc(x->mem, x->prefix, capacity, sizeof(uint32_t));
	if (!prefix)
		return BM_ENOMEM;
	x->prefix = prefix;
	x->capacity = capacity;
	return BM_OK;
}

/* Push the children of the current frame's child c (of the empty prefix when there is no frame). */
static BmStatus
push(Search *x, uint32_t c)
{
	BmStackMark mark = bmc_stack_mark(&x->stack);
	BmStatus status = grow_frames(x);
	const Frame *parent = x->depth > 0 ? &x->frame[x->depth - 1] : NULL;
	Frame f = {.mark = mark};

	if (status == BM_OK)
		status = pass(x, NULL, parent, c);
	if (status == BM_OK)
		status = layout(x, &f);
	if (status == BM_OK && f.n > 0)
		status = pass(x, &f, parent, c);
	forget_counts(x);
	if (status == BM_OK && f.n > 0)
		x->frame[x->depth++] = f;
	else
		bmc_stack_release(&x->stack, mark);
	return status;
}

/* Give the next child of the current frame and go down to its own. */
static BmStatus
step(Search *x)
{
	Frame *f = &x->frame[x->depth - 1];
	uint32_t c = f->next++;
	uint32_t support = (uint32_t) (f->group[c + 1] - f->group[c]);
	BmStatus status;

	if (support < bmc_sink_least(x->sink, (uint32_t) x->depth))
		return BM_OK;
	x->prefix[x->depth - 1] = f->token[c];
	status = bmc_sink_put(x->sink, x->prefix, (uint32_t) x->depth, support);
	if (status != BM_OK || !bmc_sink_admits(x->sink, x->prefix, (uint32_t) x->depth, support))
		return status;
	if (x->depth >= x->sink->deepest)
	{
		x->sink->cut = true;
		return BM_OK;
	}
	return push(x, c);
}

static BmStatus
search_init(Search *x)
{
	size_t tokens = 2 * (size_t) x->db->nitems;

	bmc_stack_init(&x->stack, x->mem);
	x->limited = bmc_pattern_limited(&x->sink->options->limits);
	x->counter = bmc_alloc0(x->mem, tokens, sizeof(Counter));
	x->touched = bmc_alloc(x->mem, tokens, sizeof(uint32_t));
	x->fill_group = bmc_alloc(x->mem, tokens, sizeof(size_t));
	x->fill_end = bmc_alloc(x->mem, tokens, sizeof(size_t));
	return x->counter && x->touched && x->fill_group && x->fill_end ? BM_OK : BM_ENOMEM;
}

static void
search_free(Search *x)
{
	bmc_free(x->mem, x->fill_end);
	bmc_free(x->mem, x->fill_group);
	bmc_free(x->mem, x->touched);
	bmc_free(x->mem, x->counter);
	bmc_free(x->mem, x->prefix);
	bmc_free(x->mem, x->frame);
	bmc_stack_free(&x->stack);
}

/* See pattern.h. */
BmStatus
bmc_gapped(BmPatternSink *sink, const BmPatternDb *db, BmMem *mem, const BmStop *stop)
{
	Search x = {.sink = sink, .db = db, .mem = mem, .stop = stop};
	BmStatus status = search_init(&x);

	if (status == BM_OK)
		status = push(&x, 0);
	while (status == BM_OK && x.depth > 0)
	{
		Frame *f = &x.frame[x.depth - 1];

		if (f->next < f->n)
			status = step(&x);
		else
			bmc_stack_release(&x.stack, x.frame[--x.depth].mark);
	}
	search_free(&x);
	return status;
}
