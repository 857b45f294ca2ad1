/*
 * prefixspan.c
 *		PrefixSpan (Pei et al. 2001) for sequences of single items without limits, depth first over
 *		reduced databases; closed patterns with the checks of bide.c.
 *
 * A node is a prefix with its projected database: for every sequence what follows the prefix's first
 * occurrence, in which only items that can still extend the prefix are left (local ids). For all pairs
 * (i, j) of them one pass counts the sequences where j follows the first i, that is, the supports
 * of prefix i j for all children i at once: one increment each, no lists and no stamps. So a leaf is known as
 * such before anything is projected. Where the alphabet is too wide for a matrix, or the data too few to
 * pay for one, the children are counted one at a time.
 *
 * A child whose alphabet hardly shrinks shares its parent's items and has only bounds of its own
 * (pseudo-projection), so that a deep search does not copy the data once per level.
 */
#include <string.h>

#include "core/mine/bide.h"
#include "core/mine/pattern.h"
#include "core/mine/stack.h"

#define WIDEST 2048       /* items: the largest matrix is 16 MB */
#define WORK_PER_STOP 4e6 /* items looked at between two questions, some milliseconds */
#define SPARSE 4          /* a matrix of more cells than this times the pairs does not pay */

/* What follows a prefix. */
typedef struct Projection
{
	uint32_t nseq, nitems;
	const uint32_t *begin, *end; /* (nseq) bounds in item, none empty */
	const uint32_t *seq;         /* (nseq) sequences of db */
	const uint32_t *item;        /* local ids */
	const uint32_t *id;          /* (nitems) local id -> id, ascending */
	const uint32_t *support;     /* (nitems) of prefix + item */
	double pairs;                /* an upper bound of the increments of a matrix */
} Projection;

typedef struct Frame
{
	Projection d;
	uint32_t *pair;   /* (nitems, nitems) supports of prefix i j, or NULL */
	uint32_t *occ;    /* (sum of supports) per item: sequences of d that have it */
	uint32_t *after;  /* beside occ: what follows the first one begins here */
	uint32_t *occ_at; /* (nitems+1) bounds in occ */
	bool *again;      /* (nitems) does a sequence have it twice */
	uint32_t child;   /* next item */
	BmStackMark mark; /* before this frame's memory */
} Frame;

typedef struct Search
{
	BmPatternSink *sink;
	const BmPatternDb *db;
	BmMem *mem;
	const BmStop *stop;
	BmStack stack;
	bool closed;
	BmBide bide; /* closed */
	Frame *frame;
	size_t depth, capacity; /* frames */
	uint32_t *prefix;       /* (capacity+1) tokens */
	uint32_t *stamp;        /* (nitems) local items seen in the sequence at hand */
	uint32_t *right;        /* (nitems) the same, from the end */
	uint32_t now;           /* the stamp of now */
	uint32_t *list;         /* (nitems) distinct items so far */
	uint32_t *count;        /* (nitems) zero between uses */
	uint32_t *kept;         /* (nitems) items of the child */
	uint32_t *map;      /* (nitems) local id -> the child's, or BM_NONE; all BM_NONE between uses */
	uint32_t *follower; /* (longest sequence) sequences of db for bide */
	bool *first;        /* (longest sequence) is this a first occurrence */
	double work;
} Search;

static BmStatus
poll(Search *x, double work)
{
	x->work += work;
	if (x->work < WORK_PER_STOP)
		return BM_OK;
	x->work = 0;
	return bmc_stop(x->stop) ? BM_ESTOP : BM_OK;
}

/* A stamp that no cell has. */
static uint32_t
next_stamp(Search *x)
{
	if (++x->now == 0)
	{
		memset(x->stamp, 0, x->db->nitems * sizeof(uint32_t));
		memset(x->right, 0, x->db->nitems * sizeof(uint32_t));
		x->now = 1;
	}
	return x->now;
}

/* ---- counting ---- */

/*
 * pair[i][j]: sequences where j follows the first i. From the end of each sequence: at a first
 * occurrence of i all distinct items to the right follow it.
 */
static void
count_pairs(Search *x, Frame *f)
{
	const Projection *d = &f->d;
	size_t k = d->nitems;

	memset(f->pair, 0, k * k * sizeof(uint32_t));
	for (uint32_t q = 0; q < d->nseq; q++)
	{
		const uint32_t *item = d->item + d->begin[q];
		uint32_t n = d->end[q] - d->begin[q], distinct = 0, now = next_stamp(x);

		for (uint32_t i = 0; i < n; i++)
		{
			x->first[i] = x->stamp[item[i]] != now;
			x->stamp[item[i]] = now;
		}
		for (uint32_t i = n; i-- > 0;)
		{
			uint32_t a = item[i];

			if (x->first[i])
			{
				uint32_t *row = f->pair + (size_t) a * k;

				for (uint32_t b = 0; b < distinct; b++)
					row[x->list[b]]++;
			}
			if (x->right[a] != now)
			{
				x->right[a] = now;
				x->list[distinct++] = a;
			}
		}
	}
}

/*
 * occ, after, again: for every item that occ_at has room for the sequences that have it, where its
 * first one ends, and whether one has it twice.
 */
static void
list_occurrences(Search *x, Frame *f)
{
	const Projection *d = &f->d;
	uint32_t *fill = x->count;

	for (uint32_t i = 0; i < d->nitems; i++)
		fill[i] = f->occ_at[i];
	for (uint32_t q = 0; q < d->nseq; q++)
	{
		uint32_t now = next_stamp(x);

		for (uint32_t i = d->begin[q]; i < d->end[q]; i++)
		{
			uint32_t a = d->item[i];

			if (x->stamp[a] == now)
				f->again[a] = true;
			else if (f->occ_at[a] < f->occ_at[a + 1])
			{
				f->occ[fill[a]] = q;
				f->after[fill[a]++] = i + 1;
			}
			x->stamp[a] = now;
		}
	}
	memset(fill, 0, d->nitems * sizeof(uint32_t));
}

/* Has prefix + i, of this length, an extension that is wanted now? Without a matrix nobody knows yet. */
static bool
may_extend(const Search *x, const Frame *f, uint32_t i, uint32_t length)
{
	const uint32_t *row;
	uint32_t least = bmc_sink_least(x->sink, length + 1);

	if (!f->pair)
		return true;
	row = f->pair + (size_t) i * f->d.nitems;
	for (uint32_t j = 0; j < f->d.nitems; j++)
		if (row[j] >= least)
			return true;
	return false;
}

/* Supports of prefix i j for one child i into x->count, the touched j into x->list; returns their number. */
static uint32_t
count_child(Search *x, const Frame *f, uint32_t i)
{
	const Projection *d = &f->d;
	uint32_t touched = 0;

	for (uint32_t o = f->occ_at[i]; o < f->occ_at[i + 1]; o++)
	{
		uint32_t now = next_stamp(x), end = d->end[f->occ[o]];

		for (uint32_t at = f->after[o]; at < end; at++)
		{
			uint32_t b = d->item[at];

			if (x->stamp[b] == now)
				continue;
			x->stamp[b] = now;
			if (x->count[b]++ == 0)
				x->list[touched++] = b;
		}
	}
	return touched;
}

/*
 * The items that extend prefix + i frequently into x->kept, ascending, and *most, their greatest
 * support; row[j] is theirs until release_row. Returns how many.
 */
static uint32_t
extensions(Search *x, const Frame *f, uint32_t i, const uint32_t **row, uint32_t *touched,
		   uint32_t *most)
{
	uint32_t n = 0, least = bmc_sink_least(x->sink, (uint32_t) x->depth + 1);

	*most = 0;
	*touched = 0;
	if (f->pair)
	{
		*row = f->pair + (size_t) i * f->d.nitems;
		for (uint32_t j = 0; j < f->d.nitems; j++)
		{
			x->kept[n] = j;
			n += (*row)[j] >= least;
			*most = (*row)[j] > *most ? (*row)[j] : *most;
		}
		return n;
	}
	*touched = count_child(x, f, i);
	*row = x->count;
	for (uint32_t t = 0; t < *touched; t++)
	{
		uint32_t j = x->list[t];

		if (x->count[j] >= least)
			x->kept[n++] = j;
		*most = x->count[j] > *most ? x->count[j] : *most;
	}
	bmc_sort_ids(x->kept, n);
	return n;
}

static void
release_row(Search *x, uint32_t touched)
{
	for (uint32_t t = 0; t < touched; t++)
		x->count[x->list[t]] = 0;
}

/* ---- projecting ---- */

typedef struct Bounds
{
	uint32_t *begin, *end, *seq;
} Bounds;

/* The child shares the items: its sequences are tails of the parent's. */
static void
share_items(Projection *d, Bounds b, const Frame *f, uint32_t i)
{
	uint32_t n = 0;

	for (uint32_t o = f->occ_at[i]; o < f->occ_at[i + 1]; o++)
	{
		uint32_t q = f->occ[o], length = f->d.end[q] - f->after[o];

		b.begin[n] = f->after[o];
		b.end[n] = f->d.end[q];
		b.seq[n] = f->d.seq[q];
		d->pairs += 0.5 * (double) length * (double) length;
		n += length > 0;
	}
	d->nseq = n;
	d->item = f->d.item;
}

/* The child has its own items, only those of x->map. */
static void
copy_items(Projection *d, Bounds b, uint32_t *item, const Search *x, const Frame *f, uint32_t i)
{
	uint32_t n = 0, to = 0;

	for (uint32_t o = f->occ_at[i]; o < f->occ_at[i + 1]; o++)
	{
		uint32_t q = f->occ[o], end = f->d.end[q], from = to;

		for (uint32_t at = f->after[o]; at < end; at++)
		{
			uint32_t local = x->map[f->d.item[at]];

			item[to] = local;
			to += local != BM_NONE;
		}
		b.begin[n] = from;
		b.end[n] = to;
		b.seq[n] = f->d.seq[q];
		d->pairs += 0.5 * (double) (to - from) * (double) (to - from);
		n += to > from;
	}
	d->nseq = n;
	d->item = item;
}

/* Items that follow the first i, at most. */
static size_t
tail_items(const Frame *f, uint32_t i)
{
	size_t n = 0;

	for (uint32_t o = f->occ_at[i]; o < f->occ_at[i + 1]; o++)
		n += f->d.end[f->occ[o]] - f->after[o];
	return n;
}

/* The projected database of prefix + i with the nkept items of x->kept and their supports in row. */
static BmStatus
project(Search *x, Projection *d, const Frame *f, uint32_t i, const uint32_t *row, uint32_t nkept)
{
	uint32_t n = f->occ_at[i + 1] - f->occ_at[i], width = f->d.nitems;
	bool share = nkept >= width - width / 4;
	uint32_t nitems = share ? width : nkept;
	size_t tail = tail_items(f, i);
	uint32_t *id = bmc_stack_take(&x->stack, nitems, sizeof(uint32_t));
	uint32_t *support = bmc_stack_take(&x->stack, nitems, sizeof(uint32_t));
	uint32_t *item = share ? NULL : bmc_stack_take(&x->stack, tail + 1, sizeof(uint32_t));
	Bounds b = {bmc_stack_take(&x->stack, n, sizeof(uint32_t)),
				bmc_stack_take(&x->stack, n, sizeof(uint32_t)),
				bmc_stack_take(&x->stack, n, sizeof(uint32_t))};

	if (!id || !support || !b.begin || !b.end || !b.seq || (!share && !item))
		return BM_ENOMEM;
	memset(d, 0, sizeof(*d));
	d->nitems = nitems;
	d->id = id;
	d->support = support;
	for (uint32_t j = 0; j < nitems; j++)
	{
		uint32_t local = share ? j : x->kept[j];

		id[j] = f->d.id[local];
		support[j] = row[local];
	}
	if (share)
		share_items(d, b, f, i);
	else
	{
		for (uint32_t j = 0; j < nkept; j++)
			x->map[x->kept[j]] = j;
		copy_items(d, b, item, x, f, i);
		for (uint32_t j = 0; j < nkept; j++)
			x->map[x->kept[j]] = BM_NONE;
	}
	d->begin = b.begin;
	d->end = b.end;
	d->seq = b.seq;
	return poll(x, (double) tail + nitems);
}

/* ---- the search ---- */

/* Room for one more frame and a longer prefix. */
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
	prefix = bmc_realloc(x->mem, x->prefix, capacity + 1, sizeof(uint32_t));
	if (!prefix)
		return BM_ENOMEM;
	x->prefix = prefix;
	x->capacity = capacity;
	return BM_OK;
}

/* Is it worth counting all pairs of d's items in a matrix? */
static bool
wants_matrix(const Search *x, const Projection *d)
{
	uint32_t widest = x->sink->options->widest ? x->sink->options->widest : WIDEST;

	return d->nitems <= widest && (double) d->nitems * d->nitems <= SPARSE * d->pairs + 64.0;
}

/* What the children of f need: the matrix, and the occurrences of those that may go on. */
static BmStatus
count_extensions(Search *x, Frame *f, size_t *total)
{
	const Projection *d = &f->d;

	if (wants_matrix(x, d))
	{
		f->pair = bmc_stack_take(&x->stack, (size_t) d->nitems * d->nitems, sizeof(uint32_t));
		if (!f->pair)
			return BM_ENOMEM;
		count_pairs(x, f);
	}
	f->occ_at = bmc_stack_take(&x->stack, (size_t) d->nitems + 1, sizeof(uint32_t));
	f->again = bmc_stack_take(&x->stack, d->nitems, sizeof(bool));
	if (!f->occ_at || !f->again)
		return BM_ENOMEM;
	for (uint32_t i = 0; i < d->nitems; i++)
	{
		f->occ_at[i] = (uint32_t) *total;
		if (x->closed || may_extend(x, f, i, (uint32_t) x->depth + 1))
			*total += d->support[i];
	}
	f->occ_at[d->nitems] = (uint32_t) *total;
	f->occ = bmc_stack_take(&x->stack, *total, sizeof(uint32_t));
	f->after = bmc_stack_take(&x->stack, *total, sizeof(uint32_t));
	if (!f->occ || !f->after)
		return BM_ENOMEM;
	memset(f->again, 0, d->nitems * sizeof(bool));
	if (*total > 0)
		list_occurrences(x, f);
	return BM_OK;
}

/* Make d the current node; its children have length depth + 1. */
static BmStatus
push(Search *x, const Projection *d, BmStackMark mark)
{
	BmStatus status = grow_frames(x);
	Frame *f;
	size_t total = 0;

	if (status != BM_OK)
		return status;
	f = &x->frame[x->depth];
	memset(f, 0, sizeof(*f));
	f->d = *d;
	f->mark = mark;
	if (x->closed || x->depth + 1 < x->sink->deepest)
	{
		status = count_extensions(x, f, &total);
		if (status != BM_OK)
			return status;
	}
	x->depth++;
	return poll(x, (double) total + (f->pair ? d->pairs : 0.0));
}

static void
pop(Search *x)
{
	x->depth--;
	bmc_stack_release(&x->stack, x->frame[x->depth].mark);
}

/*
 * Is the prefix with its last item i, whose extensions have at most the support most, to be given?
 * *prune: nothing that begins with it is closed.
 */
static bool
wanted(Search *x, const Frame *f, uint32_t i, uint32_t most, bool *prune)
{
	uint32_t length = (uint32_t) x->depth, n = 0;
	double work = 0.0;
	bool give;

	*prune = false;
	if (!x->closed)
		return true;
	for (uint32_t o = f->occ_at[i]; o < f->occ_at[i + 1]; o++)
		x->follower[n++] = f->d.seq[f->occ[o]];
	give = most < f->d.support[i];
	if ((give || most >= bmc_sink_least(x->sink, length + 1)) &&
		bmc_bide_extensible(&x->bide, x->prefix, length, x->follower, n, &work))
	{
		give = false;
		*prune = bmc_bide_prunable(&x->bide, x->prefix, length, x->follower, n, &work);
	}
	x->work += work;
	return give;
}

/* The next child of the current node: give it, and go down where it has frequent extensions. */
static BmStatus
step(Search *x)
{
	Frame *f = &x->frame[x->depth - 1];
	uint32_t i = f->child++, n = 0, most = 0, touched = 0;
	const uint32_t *row = NULL;
	bool prune = false, down;
	BmStackMark mark;
	Projection d;
	BmStatus status = BM_OK;

	if (f->d.support[i] < bmc_sink_least(x->sink, (uint32_t) x->depth))
		return BM_OK;
	x->prefix[x->depth - 1] = BM_TOKEN(f->d.id[i], 0);
	if (f->occ)
		n = extensions(x, f, i, &row, &touched, &most);
	if (wanted(x, f, i, most, &prune))
		status = bmc_sink_put(x->sink, x->prefix, (uint32_t) x->depth, f->d.support[i]);
	down = status == BM_OK && n > 0 && !prune &&
		   bmc_sink_admits(x->sink, x->prefix, (uint32_t) x->depth, most);
	if (x->depth >= x->sink->deepest)
	{
		x->sink->cut =
			x->sink->cut || down ||
			(!f->occ && bmc_sink_admits(x->sink, x->prefix, (uint32_t) x->depth, f->d.support[i]));
		down = false;
	}
	if (down && n == 1 && !x->closed && !f->again[x->kept[0]])
	{
		/* one item, once in every sequence: a leaf that needs no projection */
		x->prefix[x->depth] = BM_TOKEN(f->d.id[x->kept[0]], 0);
		status = bmc_sink_put(x->sink, x->prefix, (uint32_t) x->depth + 1, row[x->kept[0]]);
		down = false;
	}
	mark = bmc_stack_mark(&x->stack);
	if (down)
		status = project(x, &d, f, i, row, n);
	release_row(x, touched);
	if (down && status == BM_OK)
		status = push(x, &d, mark); /* f may have moved */
	return status;
}

/*
 * The database as the projection of the empty prefix, with the items of at least min_support: ids go by
 * support, so they are the first ones, and where all are the database's own array serves.
 */
static BmStatus
root(Search *x, Projection *d)
{
	const BmPatternDb *db = x->db;
	uint32_t nitems = db->nitems;
	uint32_t *begin, *end, *seq, *id, *item = NULL, to = 0;

	while (nitems > 0 && db->support[nitems - 1] < x->sink->min_support)
		nitems--;
	begin = bmc_stack_take(&x->stack, db->n, sizeof(uint32_t));
	end = bmc_stack_take(&x->stack, db->n, sizeof(uint32_t));
	seq = bmc_stack_take(&x->stack, db->n, sizeof(uint32_t));
	id = bmc_stack_take(&x->stack, nitems, sizeof(uint32_t));
	if (nitems < db->nitems)
		item = bmc_stack_take(&x->stack, db->start[db->n], sizeof(uint32_t));
	if (!begin || !end || !seq || !id || (nitems < db->nitems && !item))
		return BM_ENOMEM;
	memset(d, 0, sizeof(*d));
	for (size_t s = 0; s < db->n; s++)
	{
		double length;

		begin[d->nseq] = item ? to : (uint32_t) db->start[s];
		for (size_t i = db->start[s]; i < db->start[s + 1] && item; i++)
			if (db->item[i] < nitems)
				item[to++] = db->item[i];
		end[d->nseq] = item ? to : (uint32_t) db->start[s + 1];
		seq[d->nseq] = (uint32_t) s;
		length = (double) (end[d->nseq] - begin[d->nseq]);
		d->pairs += 0.5 * length * length;
		d->nseq += length > 0;
	}
	for (uint32_t i = 0; i < nitems; i++)
		id[i] = i;
	d->nitems = nitems;
	d->begin = begin;
	d->end = end;
	d->seq = seq;
	d->item = item ? item : db->item;
	d->id = id;
	d->support = db->support;
	return BM_OK;
}

static BmStatus
search_init(Search *x)
{
	size_t k = x->db->nitems;

	bmc_stack_init(&x->stack, x->mem);
	x->stamp = bmc_alloc0(x->mem, k, sizeof(uint32_t));
	x->right = bmc_alloc0(x->mem, k, sizeof(uint32_t));
	x->list = bmc_alloc(x->mem, k, sizeof(uint32_t));
	x->count = bmc_alloc0(x->mem, k, sizeof(uint32_t));
	x->kept = bmc_alloc(x->mem, k + 1, sizeof(uint32_t));
	x->map = bmc_alloc(x->mem, k, sizeof(uint32_t));
	x->follower = bmc_alloc(x->mem, x->db->n, sizeof(uint32_t));
	x->first = bmc_alloc(x->mem, x->db->longest, sizeof(bool));
	if (!x->stamp || !x->right || !x->list || !x->count || !x->kept || !x->map || !x->follower ||
		!x->first)
		return BM_ENOMEM;
	memset(x->map, 0xff, k * sizeof(uint32_t));
	return x->closed ? bmc_bide_init(&x->bide, x->db, x->mem) : BM_OK;
}

static void
search_free(Search *x)
{
	bmc_bide_free(&x->bide);
	bmc_free(x->mem, x->first);
	bmc_free(x->mem, x->follower);
	bmc_free(x->mem, x->map);
	bmc_free(x->mem, x->kept);
	bmc_free(x->mem, x->count);
	bmc_free(x->mem, x->list);
	bmc_free(x->mem, x->right);
	bmc_free(x->mem, x->stamp);
	bmc_free(x->mem, x->prefix);
	bmc_free(x->mem, x->frame);
	bmc_stack_free(&x->stack);
}

/* See pattern.h. */
BmStatus
bmc_prefixspan(BmPatternSink *sink, const BmPatternDb *db, BmMem *mem, const BmStop *stop)
{
	Search x = {.sink = sink,
				.db = db,
				.mem = mem,
				.stop = stop,
				.closed = sink->kind == BM_PATTERNS_CLOSED};
	BmStatus status = search_init(&x);
	Projection d;

	if (status == BM_OK && db->nitems > 0)
	{
		status = root(&x, &d);
		if (status == BM_OK)
			status = push(&x, &d, (BmStackMark){-1, 0});
		while (status == BM_OK && x.depth > 0)
			if (x.frame[x.depth - 1].child < x.frame[x.depth - 1].d.nitems)
				status = step(&x);
			else
				pop(&x);
	}
	search_free(&x);
	return status;
}
