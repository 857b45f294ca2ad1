/*
 * itemset.c
 *		Mining frequent itemsets, depth first: heads grow by items of ever higher support, over FP-trees
 *		or bit sets.
 *
 * All: every branch. Closed: items in every basket of a head join it at once; a head whose baskets
 * are exactly those of a larger itemset found before is given up with its branch (Zaki and Hsiao
 * 2002, CHARM); baskets are compared by a 64-bit signature, which a test of inclusion makes exact.
 * Maximal: a head is given up when it and its whole tail lie in a maximal itemset found before, which
 * is looked for only among those that hold the head (Gouda and Zaki 2001, GenMax). Top: the least
 * support rises with the k best so far; the search begins with a guess of it, halved until k are
 * found.
 */
#include <string.h>

#include "core/mine/itemset_search.h"
#include "core/num/sort.h"

/* A maximal itemset on its way through the items of a level that it holds. */
typedef struct Holder
{
	uint32_t set;  /* row of out */
	uint32_t at;   /* index of the level's item in the set; smaller items are before it */
	uint32_t next; /* of the same item, or BM_NONE */
} Holder;

typedef struct Level
{
	BmBranch branch;
	BmStackMark mark;  /* of the stack before it */
	uint32_t head;     /* items of the head */
	uint32_t next;     /* items of the tail still to be tried */
	uint32_t *holders; /* maximal: (n) sets that hold the head, by their next item of the tail */
	uint32_t pending;  /* maximal: those of the item being tried */
	size_t found;      /* maximal: sets known when it was begun */
	size_t pool;       /* maximal: holders in use before the level */
} Level;

typedef struct Miner Miner;
struct Miner
{
	BmSearch s;
	BmItemsets *out;
	BmStatus (*enter)(Miner *m, Level *l, uint32_t i);
	bool ascending; /* tails from the front: the frequent first, so that bounds rise early */
	Level *level;
	size_t depth, level_capacity;
	uint32_t *head; /* (longest basket) items of the head, as they joined */
	/* top: an itemset may enter when it is more frequent, or as frequent and not longer */
	uint32_t bound_count, bound_length;
	size_t shrink_at;
	/* closed: rows of out by the signature of their baskets */
	uint64_t *signature; /* (capacity) */
	size_t signature_capacity, nslots;
	uint32_t *slot;
	/* maximal */
	Holder *holder;
	size_t nholders, holder_capacity;
	uint8_t *mark; /* (cols) */
};

static inline uint32_t
support_at(const BmBranch *b, uint32_t i)
{
	return b->support[b->flat ? 0 : i];
}

/* ---- branches ---- */

/* A path needs no projection: what holds item i holds all items before it. */
static void
project_path(const Miner *m, BmBranch *child, const BmBranch *parent, uint32_t i)
{
	memset(child, 0, sizeof(*child));
	if (m->s.absorb)
	{
		child->nperfect = i;
		child->perfect = parent->code;
		return;
	}
	child->n = i;
	child->code = parent->code;
	child->support = parent->support + (parent->flat ? 0 : i);
	child->path = child->flat = true;
}

static BmStatus
project(Miner *m, BmBranch *child, const BmBranch *parent, uint32_t i, bool leaf)
{
	if (parent->path)
	{
		project_path(m, child, parent, i);
		return bmc_search_stop(&m->s, 64) ? BM_ESTOP : BM_OK;
	}
	if (parent->root)
		return bmc_root_project(&m->s, child, parent, i, leaf);
	return parent->bits ? bmc_bits_project(&m->s, child, parent, i, leaf)
						: bmc_tree_project(&m->s, child, parent, i, leaf);
}

/* The next level, with the branch and its head; moves m->level. */
static BmStatus
push(Miner *m, const BmBranch *branch, BmStackMark mark, uint32_t head)
{
	Level *l;

	if (m->depth == m->level_capacity)
	{
		size_t capacity = bmc_add(bmc_mul(2, m->level_capacity), 16);

		l = bmc_realloc(m->s.mem, m->level, capacity, sizeof(Level));
		if (l == NULL)
			return BM_ENOMEM;
		m->level = l;
		m->level_capacity = capacity;
	}
	l = &m->level[m->depth++];
	memset(l, 0, sizeof(*l));
	l->branch = *branch;
	l->mark = mark;
	l->head = head;
	l->next = branch->n;
	l->pending = BM_NONE;
	return BM_OK;
}

/* ---- all, and top ---- */

static inline bool
may_enter(const Miner *m, uint32_t length, uint32_t support)
{
	return support > m->bound_count || (support == m->bound_count && length <= m->bound_length);
}

/*
 * Twice as many as are wanted have been found: let only those in that are as good as the k-th best.
 * Of equally frequent and long ones all stay, unless they are as many again: then the codes decide.
 */
static BmStatus
shrink_all(Miner *m)
{
	BmItemsets *s = m->out;
	size_t top = m->s.options->top, n = 0;
	uint64_t *key = bmc_alloc(m->s.mem, s->n, sizeof(uint64_t)), last;
	uint32_t *row = bmc_alloc(m->s.mem, s->n, sizeof(uint32_t));
	bool *keep = bmc_alloc(m->s.mem, s->n, sizeof(bool));
	BmStatus status = key && row && keep ? BM_OK : BM_ENOMEM;

	if (status == BM_OK)
	{
		bmc_itemsets_keys(key, row, s);
		status = bmc_sort_u64_until(key, row, s->n, m->s.mem, m->s.stop);
	}
	if (status == BM_OK)
	{
		memset(keep, 0, s->n * sizeof(bool));
		last = key[top - 1];
		for (; n < s->n && key[n] <= last; n++)
			keep[row[n]] = true;
		m->bound_count = s->count[row[top - 1]];
		m->bound_length = bmc_itemset_length(s, row[top - 1]);
		m->s.min_support = m->bound_count;
		bmc_itemsets_compact(s, keep);
	}
	bmc_free(m->s.mem, key);
	bmc_free(m->s.mem, row);
	bmc_free(m->s.mem, keep);
	if (status == BM_OK && s->n > top + top / 2)
	{
		status = bmc_itemsets_sort(s, m->s.stop);
		if (status == BM_OK)
			s->n = top;
	}
	return status;
}

static BmStatus
put(Miner *m, uint32_t length, uint32_t support)
{
	const BmItemsetOptions *o = m->s.options;

	if (m->out->n >= BM_NONE - 1 || (o->most && m->out->n == o->most))
		return BM_ELIMIT;
	if (bmc_search_stop(&m->s, length + 8))
		return BM_ESTOP;
	return bmc_itemsets_put(m->out, m->head, length, support);
}

static BmStatus
enter_all(Miner *m, Level *l, uint32_t i)
{
	const BmItemsetOptions *o = m->s.options;
	uint32_t support = support_at(&l->branch, i), length = l->head + 1;
	BmStackMark mark = bmc_stack_mark(&m->s.stack);
	BmBranch child;
	BmStatus status;

	if (!may_enter(m, length, support))
		return BM_OK;
	m->head[l->head] = l->branch.code[i];
	if (length >= o->min_length)
	{
		if ((status = put(m, length, support)) != BM_OK)
			return status;
		if (m->out->n >= m->shrink_at && (status = shrink_all(m)) != BM_OK)
			return status;
	}
	if (i == 0 || length == o->max_length || !may_enter(m, length + 1, support))
		return BM_OK;
	status = project(m, &child, &l->branch, i, length + 1 == o->max_length);
	if (status == BM_OK && child.n > 0)
		return push(m, &child, mark, length);
	bmc_stack_release(&m->s.stack, mark);
	return status;
}

/* ---- closed ---- */

static bool
contains(const BmItemsets *s, size_t row, const uint32_t *item, uint32_t length)
{
	const uint32_t *set = s->item + s->start[row];

	for (uint32_t i = 0; i < length; i++)
	{
		uint32_t lo = 0, hi = bmc_itemset_length(s, row);

		while (lo < hi)
		{
			uint32_t mid = lo + (hi - lo) / 2;

			if (set[mid] < item[i])
				lo = mid + 1;
			else
				hi = mid;
		}
		if (lo == bmc_itemset_length(s, row) || set[lo] != item[i])
			return false;
	}
	return true;
}

/* Is the head (length) in an itemset found before that lies in the same baskets? */
static bool
is_known(const Miner *m, uint32_t length, uint32_t support, uint64_t signature)
{
	size_t at = bmc_mix64(signature) & (m->nslots - 1);

	for (; m->slot[at] != BM_NONE; at = (at + 1) & (m->nslots - 1))
	{
		uint32_t row = m->slot[at];

		if (m->signature[row] == signature && m->out->count[row] == support &&
			contains(m->out, row, m->head, length))
			return true;
	}
	return false;
}

static void
add_slot(Miner *m, uint32_t row)
{
	size_t at = bmc_mix64(m->signature[row]) & (m->nslots - 1);

	while (m->slot[at] != BM_NONE)
		at = (at + 1) & (m->nslots - 1);
	m->slot[at] = row;
}

/* A table for at least rows rows, with those of out in it. */
static BmStatus
make_slots(Miner *m, size_t rows)
{
	size_t nslots = m->nslots ? m->nslots : 1024;

	while (nslots < bmc_mul(2, rows))
		nslots *= 2;
	if (nslots != m->nslots)
	{
		bmc_free(m->s.mem, m->slot);
		m->slot = bmc_alloc(m->s.mem, nslots, sizeof(uint32_t));
		if (m->slot == NULL)
			return BM_ENOMEM;
		m->nslots = nslots;
	}
	memset(m->slot, 0xff, nslots * sizeof(uint32_t)); /* BM_NONE */
	for (size_t row = 0; row < m->out->n; row++)
	{
		add_slot(m, (uint32_t) row);
		if (bmc_search_stop(&m->s, 64))
			return BM_ESTOP;
	}
	return BM_OK;
}

static BmStatus
put_closed(Miner *m, uint32_t length, uint32_t support, uint64_t signature)
{
	size_t row = m->out->n;
	BmStatus status = put(m, length, support);

	if (status != BM_OK)
		return status;
	if (row == m->signature_capacity)
	{
		size_t capacity = bmc_add(bmc_mul(2, row), 512);
		uint64_t *grown = bmc_realloc(m->s.mem, m->signature, capacity, sizeof(uint64_t));

		if (grown == NULL)
			return BM_ENOMEM;
		m->signature = grown;
		m->signature_capacity = capacity;
	}
	m->signature[row] = signature;
	if (2 * m->out->n > m->nslots)
		return make_slots(m, 2 * m->out->n);
	add_slot(m, (uint32_t) row);
	return BM_OK;
}

static bool
length_wanted(const BmItemsetOptions *o, const BmItemsets *s, size_t i)
{
	uint32_t length = bmc_itemset_length(s, i);

	return length >= o->min_length && length <= o->max_length;
}

/* The top-th largest support among rows of a wanted length; 0 when there are not so many. */
static uint32_t
top_support(const Miner *m, uint32_t *count)
{
	const BmItemsetOptions *o = m->s.options;
	size_t n = 0, lo = 0, hi;

	for (size_t i = 0; i < m->out->n; i++)
		if (length_wanted(o, m->out, i))
			count[n++] = m->out->count[i];
	if (n < o->top)
		return 0;
	for (hi = n - 1; lo < hi;) /* Hoare's select, largest first */
	{
		uint32_t pivot = count[lo + (hi - lo) / 2];
		size_t a = lo, b = hi;

		for (;; a++, b--)
		{
			uint32_t t;

			while (count[a] > pivot)
				a++;
			while (count[b] < pivot)
				b--;
			if (a >= b)
				break;
			t = count[a];
			count[a] = count[b];
			count[b] = t;
		}
		if (o->top - 1 <= b)
			hi = b;
		else
			lo = b + 1;
	}
	return count[o->top - 1];
}

/*
 * The least support rises to that of the k-th best; rows below it are not needed any more. Those of
 * just that support stay, however many: they tell which heads are not closed.
 */
static BmStatus
shrink_closed(Miner *m)
{
	BmItemsets *s = m->out;
	bool *keep = bmc_alloc(m->s.mem, s->n, sizeof(bool));
	uint32_t *count = bmc_alloc(m->s.mem, s->n, sizeof(uint32_t));
	uint32_t least = count ? top_support(m, count) : 0;
	size_t n = 0;
	BmStatus status = keep && count ? BM_OK : BM_ENOMEM;

	if (status == BM_OK && least > m->s.min_support)
	{
		for (size_t i = 0; i < s->n; i++)
		{
			keep[i] = s->count[i] >= least;
			if (keep[i])
				m->signature[n++] = m->signature[i];
		}
		bmc_itemsets_compact(s, keep);
		m->s.min_support = least;
		status = make_slots(m, s->n);
	}
	bmc_free(m->s.mem, keep);
	bmc_free(m->s.mem, count);
	m->shrink_at = bmc_mul(2, s->n > m->s.options->top ? s->n : m->s.options->top);
	return status;
}

static BmStatus
enter_closed(Miner *m, Level *l, uint32_t i)
{
	uint32_t support = support_at(&l->branch, i), length = l->head + 1;
	uint64_t signature = l->branch.signature[i];
	BmStackMark mark = bmc_stack_mark(&m->s.stack);
	BmBranch child;
	BmStatus status;

	m->head[l->head] = l->branch.code[i];
	if (support < m->s.min_support || is_known(m, length, support, signature))
		return BM_OK;
	if ((status = project(m, &child, &l->branch, i, false)) != BM_OK)
		return status;
	memcpy(m->head + length, child.perfect, child.nperfect * sizeof(uint32_t));
	length += child.nperfect;
	if ((status = put_closed(m, length, support, signature)) != BM_OK)
		return status;
	if (m->out->n >= m->shrink_at && (status = shrink_closed(m)) != BM_OK)
		return status;
	if (child.n > 0)
		return push(m, &child, mark, length);
	bmc_stack_release(&m->s.stack, mark);
	return BM_OK;
}

/* ---- maximal ---- */

/* Index of code among the first n of the tail, or BM_NONE. */
static uint32_t
tail_index(const BmBranch *b, uint32_t code, uint32_t n)
{
	uint32_t lo = 0, hi = n;

	while (lo < hi)
	{
		uint32_t mid = lo + (hi - lo) / 2;

		if (b->code[mid] < code)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < n && b->code[lo] == code ? lo : BM_NONE;
}

/* Put holder h where its next item among the first n of the tail is; it ends when there is none. */
static void
file_holder(Miner *m, Level *l, uint32_t h, uint32_t n)
{
	Holder *holder = &m->holder[h];
	const uint32_t *set = m->out->item + m->out->start[holder->set];

	while (holder->at > 0)
	{
		uint32_t j = tail_index(&l->branch, set[--holder->at], n);

		if (j == BM_NONE)
			continue;
		holder->next = l->holders[j];
		l->holders[j] = h;
		return;
	}
}

/* A new holder of row set, before item at of it; BM_NONE without memory. */
static uint32_t
new_holder(Miner *m, uint32_t set, uint32_t at)
{
	if (m->nholders == m->holder_capacity)
	{
		size_t capacity = bmc_add(bmc_mul(2, m->holder_capacity), 1024);
		Holder *grown =
			capacity < BM_NONE ? bmc_realloc(m->s.mem, m->holder, capacity, sizeof(Holder)) : NULL;

		if (grown == NULL)
			return BM_NONE;
		m->holder = grown;
		m->holder_capacity = capacity;
	}
	m->holder[m->nholders] = (Holder){set, at, BM_NONE};
	return (uint32_t) m->nholders++;
}

/* Item l->next has been tried: its holders and the sets found meanwhile go on to smaller items. */
static BmStatus
settle(Miner *m, Level *l)
{
	size_t work = m->out->n - l->found;

	for (uint32_t h = l->pending, next; h != BM_NONE; h = next, work++)
	{
		next = m->holder[h].next;
		file_holder(m, l, h, l->next);
	}
	l->pending = BM_NONE;
	for (; l->found < m->out->n; l->found++)
	{
		uint32_t h = new_holder(m, (uint32_t) l->found, bmc_itemset_length(m->out, l->found));

		if (h == BM_NONE)
			return BM_ENOMEM;
		file_holder(m, l, h, l->next);
	}
	return bmc_search_stop(&m->s, work * 64) ? BM_ESTOP : BM_OK;
}

static BmStatus
begin_maximal(Miner *m, Level *l)
{
	l->holders = bmc_stack_take(&m->s.stack, l->branch.n, sizeof(uint32_t));
	if (l->holders == NULL)
		return BM_ENOMEM;
	memset(l->holders, 0xff, l->branch.n * sizeof(uint32_t)); /* BM_NONE */
	l->found = m->out->n;
	l->pool = m->nholders;
	return BM_OK;
}

enum
{
	IN_TAIL = 1,
	IN_PERFECT = 2
};

static void
mark_items(Miner *m, const BmBranch *b, bool on)
{
	for (uint32_t j = 0; j < b->n; j++)
		m->mark[b->code[j]] = on ? IN_TAIL : 0;
	for (uint32_t j = 0; j < b->nperfect; j++)
		m->mark[b->perfect[j]] = on ? IN_PERFECT : 0;
}

/* How many of the marked items are among the first n of set, by mark. */
static void
count_marks(const Miner *m, const uint32_t *set, uint32_t n, uint32_t marks[3])
{
	marks[0] = marks[IN_TAIL] = marks[IN_PERFECT] = 0;
	for (uint32_t k = 0; k < n; k++)
		marks[m->mark[set[k]]]++;
}

/* Is the head with the whole of the branch in one of the sets of list? */
static bool
is_covered(Miner *m, const BmBranch *b, uint32_t list)
{
	bool covered = false;
	size_t work = b->n + b->nperfect;

	mark_items(m, b, true);
	for (uint32_t h = list; h != BM_NONE && !covered; h = m->holder[h].next)
	{
		const Holder *holder = &m->holder[h];
		uint32_t marks[3];

		count_marks(m, m->out->item + m->out->start[holder->set], holder->at, marks);
		covered = marks[IN_TAIL] == b->n && marks[IN_PERFECT] == b->nperfect;
		work += holder->at;
	}
	mark_items(m, b, false);
	m->s.work += work;
	return covered;
}

/* The sets of list that hold the perfect items too are those that the new level begins with. */
static BmStatus
inherit_holders(Miner *m, Level *l, uint32_t list)
{
	BmStatus status = BM_OK;

	mark_items(m, &l->branch, true);
	for (uint32_t h = list; h != BM_NONE && status == BM_OK; h = m->holder[h].next)
	{
		uint32_t set = m->holder[h].set, at = m->holder[h].at, marks[3];

		count_marks(m, m->out->item + m->out->start[set], at, marks);
		if (marks[IN_PERFECT] != l->branch.nperfect)
			continue;
		h = new_holder(m, set, at) == BM_NONE ? BM_NONE : h;
		if (h == BM_NONE)
		{
			status = BM_ENOMEM;
			break;
		}
		file_holder(m, l, (uint32_t) m->nholders - 1, l->branch.n);
	}
	mark_items(m, &l->branch, false);
	return status;
}

/* The head with all of the branch is one frequent itemset, in no set known. */
static BmStatus
put_maximal(Miner *m, const BmBranch *b, uint32_t length, uint32_t support)
{
	memcpy(m->head + length, b->code, b->n * sizeof(uint32_t));
	return put(m, length + b->n, b->n > 0 ? b->support[b->n - 1] : support);
}

static BmStatus
enter_maximal(Miner *m, Level *l, uint32_t i)
{
	uint32_t support = support_at(&l->branch, i), length = l->head + 1;
	uint32_t list = l->pending = l->holders[i];
	BmStackMark mark = bmc_stack_mark(&m->s.stack);
	BmBranch child;
	BmStatus status;

	l->holders[i] = BM_NONE;
	m->head[l->head] = l->branch.code[i];
	if ((status = project(m, &child, &l->branch, i, false)) != BM_OK)
		return status;
	if (is_covered(m, &child, list))
	{
		bmc_stack_release(&m->s.stack, mark);
		return BM_OK;
	}
	memcpy(m->head + length, child.perfect, child.nperfect * sizeof(uint32_t));
	length += child.nperfect;
	if (child.n == 0 || child.path)
	{
		status = put_maximal(m, &child, length, support);
		bmc_stack_release(&m->s.stack, mark);
		return status;
	}
	if ((status = push(m, &child, mark, length)) != BM_OK)
		return status;
	if ((status = begin_maximal(m, &m->level[m->depth - 1])) != BM_OK)
		return status;
	return inherit_holders(m, &m->level[m->depth - 1], list);
}

/* ---- the search ---- */

static BmStatus
search(Miner *m)
{
	while (m->depth > 0)
	{
		Level *l = &m->level[m->depth - 1];
		BmStatus status = l->holders ? settle(m, l) : BM_OK;

		if (status == BM_OK && l->next > 0)
		{
			l->next--;
			status = m->enter(m, l, m->ascending ? l->branch.n - 1 - l->next : l->next);
		}
		else if (status == BM_OK)
		{
			if (l->holders)
				m->nholders = l->pool;
			bmc_stack_release(&m->s.stack, l->mark);
			m->depth--;
		}
		if (status != BM_OK)
			return status;
	}
	return BM_OK;
}

static BmStatus
begin(Miner *m, const uint32_t *support)
{
	BmStackMark mark = bmc_stack_mark(&m->s.stack);
	BmBranch root;
	BmStatus status = bmc_root_open(&m->s, &root, support);

	if (status == BM_OK)
		status = push(m, &root, mark, 0);
	if (status == BM_OK && m->s.options->kind == BM_ITEMSETS_MAXIMAL)
		status = begin_maximal(m, &m->level[0]);
	if (status == BM_OK && m->s.options->kind == BM_ITEMSETS_CLOSED)
		status = make_slots(m, 0);
	return status;
}

/* Lengths that are not wanted go, then the order, then the k best. */
static BmStatus
finish(Miner *m)
{
	const BmItemsetOptions *o = m->s.options;
	BmItemsets *s = m->out;
	BmStatus status;

	if (o->kind != BM_ITEMSETS_ALL && s->n > 0)
	{
		bool *keep = bmc_alloc(m->s.mem, s->n, sizeof(bool));

		if (keep == NULL)
			return BM_ENOMEM;
		for (size_t i = 0; i < s->n; i++)
			keep[i] = length_wanted(o, s, i);
		bmc_itemsets_compact(s, keep);
		bmc_free(m->s.mem, keep);
	}
	status = bmc_itemsets_sort(s, m->s.stop);
	if (status == BM_OK && o->top > 0 && s->n > o->top)
		s->n = o->top;
	return status;
}

static void
free_miner(Miner *m)
{
	BmMem *mem = m->s.mem;

	bmc_root_free(&m->s);
	bmc_tree_free(&m->s);
	bmc_bits_free(&m->s);
	bmc_stack_free(&m->s.stack);
	bmc_free(mem, m->level);
	bmc_free(mem, m->head);
	bmc_free(mem, m->signature);
	bmc_free(mem, m->slot);
	bmc_free(mem, m->holder);
	bmc_free(mem, m->mark);
}

/* One search at min_support. */
static BmStatus
mine(BmItemsets *out, const BmSparse *baskets, const BmItemsetOptions *o, uint32_t min_support,
	 const uint32_t *support, size_t longest, BmMem *mem, const BmStop *stop)
{
	Miner m;
	BmStatus status = BM_OK;

	memset(&m, 0, sizeof(m));
	bmc_itemsets_init(out, mem);
	m.out = out;
	m.s.baskets = baskets;
	m.s.options = o;
	m.s.stop = stop;
	m.s.mem = mem;
	m.s.min_support = m.bound_count = min_support;
	m.bound_length = UINT32_MAX;
	m.s.signatures = o->kind == BM_ITEMSETS_CLOSED;
	m.s.absorb = o->kind != BM_ITEMSETS_ALL;
	m.shrink_at = o->top && o->kind != BM_ITEMSETS_MAXIMAL ? bmc_mul(2, o->top) : SIZE_MAX;
	m.ascending = o->kind == BM_ITEMSETS_ALL;
	m.enter = o->kind == BM_ITEMSETS_ALL      ? enter_all
			  : o->kind == BM_ITEMSETS_CLOSED ? enter_closed
											  : enter_maximal;
	bmc_stack_init(&m.s.stack, mem);
	m.head = bmc_alloc(mem, longest + 1, sizeof(uint32_t));
	m.mark = bmc_alloc0(mem, baskets->cols, 1);
	if (m.head == NULL || m.mark == NULL)
		status = BM_ENOMEM;
	if (status == BM_OK)
		status = begin(&m, support);
	if (status == BM_OK)
		status = search(&m);
	if (status == BM_OK)
		status = finish(&m);
	free_miner(&m);
	if (status != BM_OK)
		bmc_itemsets_free(out);
	return status;
}

/* Supports of the codes, and the longest basket; BM_EINVAL unless codes ascend and are in range. */
static BmStatus
check_baskets(const BmSparse *b, uint32_t *support, size_t *longest)
{
	*longest = 0;
	for (size_t r = 0; r < b->rows; r++)
	{
		for (size_t e = b->start[r]; e < b->start[r + 1]; e++)
		{
			if (b->col[e] >= b->cols || (e > b->start[r] && b->col[e] <= b->col[e - 1]))
				return BM_EINVAL;
			support[b->col[e]]++;
		}
		if (b->start[r + 1] - b->start[r] > *longest)
			*longest = b->start[r + 1] - b->start[r];
	}
	return BM_OK;
}

/* Where a search for the top best begins: at the support of the item of that rank. */
static uint32_t
first_guess(const BmItemsetOptions *o, const uint32_t *support, size_t cols)
{
	uint32_t guess = cols > 0 ? support[(o->top < cols ? o->top : cols) - 1] : 0;

	if (o->top == 0 || o->kind == BM_ITEMSETS_MAXIMAL || guess < o->min_support)
		return o->min_support;
	return guess;
}

BmStatus
bmc_itemsets_mine(BmItemsets *out, const BmSparse *baskets, const BmItemsetOptions *options,
				  BmMem *mem, const BmStop *stop)
{
	uint32_t *support, least;
	size_t longest;
	BmStatus status;

	bmc_itemsets_init(out, mem);
	if (options->min_support < 1 || options->min_length < 1)
		return BM_EINVAL;
	if (baskets->rows >= BM_NONE || baskets->cols > (size_t) 1 << 31)
		return BM_ELIMIT;
	support = bmc_alloc0(mem, baskets->cols, sizeof(uint32_t));
	if (support == NULL)
		return BM_ENOMEM;
	status = check_baskets(baskets, support, &longest);
	if (status == BM_OK && bmc_stop(stop))
		status = BM_ESTOP;
	least = first_guess(options, support, baskets->cols);
	while (status == BM_OK)
	{
		status = mine(out, baskets, options, least, support, longest, mem, stop);
		if (status != BM_OK || least == options->min_support || out->n >= options->top)
			break;
		bmc_itemsets_free(out);
		least = least / 2 > options->min_support ? least / 2 : options->min_support;
	}
	bmc_free(mem, support);
	return status;
}
