/*
 * Itemsets against brute force: every subset of the items, counted basket by basket. All kinds, both
 * engines, limits of length, top with ties; a stop and a failing allocator at every point.
 * UNIT_CASES sets the number of random databases (default 400 under sanitizers and as shipped).
 */
#include "unit.h"
#include "core/mine/itemset.h"
#include "core/num/rng.h"

#define MOST_ITEMS 10
#define MOST_BASKETS 200

typedef struct Db
{
	BmSparse b;
	size_t start[MOST_BASKETS + 1];
	uint32_t col[MOST_BASKETS * MOST_ITEMS];
	uint32_t mask[MOST_BASKETS];
} Db;

static size_t
cases(void)
{
	const char *text = getenv("UNIT_CASES");

	return text ? (size_t) strtoul(text, NULL, 10) : 400;
}

/* Random baskets of some shape: sparse, dense, clustered, all equal, nested. */
static void
random_db(Db *db, BmRng *rng)
{
	uint32_t nitems = 1 + bmc_rng_below(rng, MOST_ITEMS), shape = bmc_rng_below(rng, 6);
	size_t n =
		bmc_rng_below(rng, 4) == 0 ? bmc_rng_below(rng, MOST_BASKETS + 1) : bmc_rng_below(rng, 25);
	uint32_t base = bmc_rng_u32(rng);
	size_t at = 0;

	for (size_t r = 0; r < n; r++)
	{
		uint32_t mask = bmc_rng_u32(rng);

		if (shape == 0)
			mask &= bmc_rng_u32(rng);
		else if (shape == 1)
			mask |= bmc_rng_u32(rng);
		else if (shape == 2)
			mask = base ^ (bmc_rng_below(rng, 3) == 0 ? UINT32_C(1) << bmc_rng_below(rng, 10) : 0);
		else if (shape == 3)
			mask = (UINT32_C(1) << bmc_rng_below(rng, nitems + 1)) - 1;
		else if (shape == 4 && bmc_rng_below(rng, 2))
			mask = base;
		mask &= (UINT32_C(1) << nitems) - 1;
		db->start[r] = at;
		db->mask[r] = mask;
		for (uint32_t i = 0; i < nitems; i++)
			if (mask >> i & 1)
				db->col[at++] = i;
	}
	db->start[n] = at;
	db->b = (BmSparse){n, nitems, db->start, db->col, NULL};
}

/* ---- brute force ---- */

typedef struct Set
{
	uint32_t mask, count, length;
} Set;

static int
by_order(const void *x, const void *y)
{
	const Set *a = x, *b = y;

	if (a->count != b->count)
		return a->count > b->count ? -1 : 1;
	if (a->length != b->length)
		return a->length < b->length ? -1 : 1;
	/* the lowest item in only one of them: the set that has it comes first */
	for (uint32_t i = 0; i < 32; i++)
		if ((a->mask >> i & 1) != (b->mask >> i & 1))
			return a->mask >> i & 1 ? -1 : 1;
	return 0;
}

static size_t
brute(Set *out, const Db *db, const BmItemsetOptions *o)
{
	static uint32_t count[1 << MOST_ITEMS];
	uint32_t all = UINT32_C(1) << db->b.cols;
	size_t n = 0;

	for (uint32_t set = 1; set < all; set++)
	{
		count[set] = 0;
		for (size_t r = 0; r < db->b.rows; r++)
			count[set] += (db->mask[r] & set) == set;
	}
	for (uint32_t set = 1; set < all; set++)
	{
		uint32_t length = (uint32_t) __builtin_popcount(set);
		bool wanted = count[set] >= o->min_support;

		for (uint32_t more = 1; wanted && o->kind != BM_ITEMSETS_ALL && more < all; more++)
			if ((more & set) == set && more != set)
				wanted = o->kind == BM_ITEMSETS_CLOSED ? count[more] < count[set]
													   : count[more] < o->min_support;
		if (wanted && length >= o->min_length && length <= o->max_length)
			out[n++] = (Set){set, count[set], length};
	}
	qsort(out, n, sizeof(Set), by_order);
	return o->top && n > o->top ? o->top : n;
}

static void
compare(const BmItemsets *got, const Set *want, size_t n, const BmItemsetOptions *o)
{
	CHECK_INT(got->n, n);
	for (size_t i = 0; i < got->n && i < n; i++)
	{
		uint32_t mask = 0;

		for (size_t e = got->start[i]; e < got->start[i + 1]; e++)
		{
			mask |= UINT32_C(1) << got->item[e];
			CHECK(e == got->start[i] || got->item[e - 1] < got->item[e]);
		}
		if (mask != want[i].mask || got->count[i] != want[i].count)
			UNIT_FAIL("row %zu is %x (%u), expected %x (%u); kind %d engine %d min %u top %zu", i,
					  mask, got->count[i], want[i].mask, want[i].count, o->kind, o->engine,
					  o->min_support, o->top);
	}
}

static void
against_brute_force(BmItemsetKind kind, BmItemsetEngine engine, const char *name)
{
	static Set want[1 << MOST_ITEMS];
	BmRng rng = bmc_rng(7, (uint64_t) kind * 16 + engine);

	CASE(name);
	for (size_t c = 0; c < cases(); c++)
	{
		Db db;
		UnitHeap h;
		BmMem *mem = unit_heap(&h);
		BmItemsets got;
		BmItemsetOptions o = {kind, 1, 1, UINT32_MAX, 0, 0, engine};

		random_db(&db, &rng);
		o.min_support = 1 + bmc_rng_below(&rng, (uint32_t) db.b.rows / 3 + 2);
		if (bmc_rng_below(&rng, 3) == 0)
			o.min_length = 1 + bmc_rng_below(&rng, 4);
		if (bmc_rng_below(&rng, 3) == 0)
			o.max_length = 1 + bmc_rng_below(&rng, 5);
		if (bmc_rng_below(&rng, 2) == 0)
			o.top = 1 + bmc_rng_below(&rng, 30);
		CHECK_INT(bmc_itemsets_mine(&got, &db.b, &o, mem, NULL), BM_OK);
		compare(&got, want, brute(want, &db, &o), &o);
		if (got.n > 0 && !o.top)
		{
			uint32_t r = bmc_rng_below(&rng, (uint32_t) got.n);

			CHECK_INT(bmc_itemsets_index(&got, NULL), BM_OK);
			CHECK_INT(bmc_itemsets_find(&got, got.item + got.start[r], bmc_itemset_length(&got, r)),
					  r);
			CHECK_INT(bmc_itemsets_find(&got, (uint32_t[]){0, 99}, 2), BM_NONE);
		}
		bmc_itemsets_free(&got);
		CHECK_INT(h.live, 0);
	}
}

/* ---- wider databases: the engines against each other, and the kinds ---- */

typedef struct Wide
{
	BmSparse b;
	size_t *start;
	uint32_t *col;
} Wide;

/* Item i with a probability that falls with i, and bundles of neighbours. */
static Wide
wide_db(size_t n, uint32_t nitems, double mean, uint64_t seed)
{
	Wide w;
	BmRng rng = bmc_rng(seed, 3);
	size_t at = 0;

	w.start = malloc((n + 1) * sizeof(size_t));
	w.col = malloc(n * nitems * sizeof(uint32_t));
	for (size_t r = 0; r < n; r++)
	{
		uint32_t bundle = bmc_rng_below(&rng, nitems);

		w.start[r] = at;
		for (uint32_t i = 0; i < nitems; i++)
			if (bmc_rng_double(&rng) < mean / (1.0 + 0.3 * i) ||
				(i - bundle < 4 && bmc_rng_below(&rng, 4)))
				w.col[at++] = i;
	}
	w.start[n] = at;
	w.b = (BmSparse){n, nitems, w.start, w.col, NULL};
	return w;
}

static void
same_itemsets(const BmItemsets *a, const BmItemsets *b)
{
	CHECK_INT(a->n, b->n);
	if (a->n != b->n || a->n == 0)
		return;
	CHECK(memcmp(a->count, b->count, a->n * sizeof(uint32_t)) == 0);
	CHECK(memcmp(a->start, b->start, (a->n + 1) * sizeof(size_t)) == 0);
	CHECK(memcmp(a->item, b->item, a->start[a->n] * sizeof(uint32_t)) == 0);
}

static void
engines_agree(size_t n, uint32_t nitems, double mean, uint32_t min_support, const char *name)
{
	UnitHeap h;
	BmMem *mem = unit_heap(&h);
	Wide w = wide_db(n, nitems, mean, n + nitems);
	BmItemsets all, tree, bits;
	BmItemsetOptions o = {BM_ITEMSETS_ALL, min_support, 1, UINT32_MAX, 0, 0, BM_ENGINE_TREE};
	size_t closed = 0, maximal = 0;

	CASE(name);
	for (int kind = BM_ITEMSETS_ALL; kind <= BM_ITEMSETS_MAXIMAL; kind++)
		for (size_t top = 0; top < 1000; top = top ? top * 9 : 7)
		{
			o.kind = (BmItemsetKind) kind;
			o.top = top;
			o.engine = BM_ENGINE_TREE;
			CHECK_INT(bmc_itemsets_mine(&tree, &w.b, &o, mem, NULL), BM_OK);
			o.engine = BM_ENGINE_BITS;
			CHECK_INT(bmc_itemsets_mine(&bits, &w.b, &o, mem, NULL), BM_OK);
			same_itemsets(&tree, &bits);
			if (top == 0 && kind == BM_ITEMSETS_CLOSED)
				closed = tree.n;
			if (top == 0 && kind == BM_ITEMSETS_MAXIMAL)
				maximal = tree.n;
			bmc_itemsets_free(&tree);
			bmc_itemsets_free(&bits);
		}
	/* closed and maximal once more, from all itemsets: one item more or less at a time */
	o = (BmItemsetOptions){BM_ITEMSETS_ALL, min_support, 1, UINT32_MAX, 0, 0, BM_ENGINE_AUTO};
	CHECK_INT(bmc_itemsets_mine(&all, &w.b, &o, mem, NULL), BM_OK);
	CHECK_INT(bmc_itemsets_index(&all, NULL), BM_OK);
	CHECK(all.n > 100);
	{
		bool *open = calloc(all.n, sizeof(bool)), *inner = calloc(all.n, sizeof(bool));
		size_t nclosed = 0, nmaximal = 0;

		for (size_t i = 0; i < all.n; i++)
			for (uint32_t out = 0, length = bmc_itemset_length(&all, i); length > 1 && out < length;
				 out++)
			{
				uint32_t part[64], n2 = 0, row;

				for (uint32_t e = 0; e < length; e++)
					if (e != out)
						part[n2++] = all.item[all.start[i] + e];
				row = bmc_itemsets_find(&all, part, n2);
				CHECK(row != BM_NONE);
				if (row == BM_NONE)
					continue;
				inner[row] = true;
				open[row] = open[row] || all.count[row] == all.count[i];
			}
		for (size_t i = 0; i < all.n; i++)
		{
			nclosed += !open[i];
			nmaximal += !inner[i];
		}
		CHECK_INT(closed, nclosed);
		CHECK_INT(maximal, nmaximal);
		free(open), free(inner);
	}
	bmc_itemsets_free(&all);
	CHECK_INT(h.live, 0);
	free(w.start), free(w.col);
}

/* ---- what must not go wrong ---- */

static bool
stop_after(void *arg)
{
	return --*(long *) arg < 0;
}

static void
stopped_and_starved(void)
{
	Wide w = wide_db(3000, 60, 0.5, 5);

	CASE("a stop and a failing allocator end in a status, and nothing is leaked");
	for (int kind = BM_ITEMSETS_ALL; kind <= BM_ITEMSETS_MAXIMAL; kind++)
		for (int engine = BM_ENGINE_TREE; engine <= BM_ENGINE_BITS; engine++)
		{
			BmItemsetOptions o = {(BmItemsetKind) kind,    30, 1, UINT32_MAX, 0, 0,
								  (BmItemsetEngine) engine};
			UnitHeap h;
			BmMem *mem = unit_heap(&h);
			BmItemsets got;
			long polls;
			BmStop stop = {stop_after, &polls};
			BmStatus status = BM_ENOMEM;

			o.min_support = 3;
			for (long at = 0; at < 3; at++)
			{
				polls = at;
				CHECK_INT(bmc_itemsets_mine(&got, &w.b, &o, mem, &stop), BM_ESTOP);
				CHECK_INT(h.live, 0);
			}
			o.min_support = 30;
			o.top = kind == BM_ITEMSETS_MAXIMAL ? 0 : 50;
			for (long at = 1; status == BM_ENOMEM && at < 1000; at++)
			{
				unit_heap(&h);
				h.fail_at = at;
				status = bmc_itemsets_mine(&got, &w.b, &o, mem, NULL);
				CHECK(status == BM_ENOMEM || status == BM_OK);
				bmc_itemsets_free(&got);
				CHECK_INT(h.live, 0);
			}
			CHECK_INT(status, BM_OK);
		}
	free(w.start), free(w.col);
}

/* n equal baskets of m items: 2^m itemsets, 1 closed, 1 maximal. */
static void
equal_baskets(void)
{
	UnitHeap h;
	BmMem *mem = unit_heap(&h);
	size_t n = 30, m = 60;
	size_t *start = malloc((n + 1) * sizeof(size_t));
	uint32_t *col = malloc(n * m * sizeof(uint32_t));
	BmSparse b = {n, m, start, col, NULL};
	BmItemsets got;
	BmItemsetOptions o = {BM_ITEMSETS_ALL, 2, 1, UINT32_MAX, 0, 0, BM_ENGINE_AUTO};

	CASE("thirty equal baskets of sixty items: caps, top, closed and maximal end at once");
	for (size_t r = 0; r <= n; r++)
		start[r] = r * m;
	for (size_t e = 0; e < n * m; e++)
		col[e] = (uint32_t) (e % m);
	for (int engine = BM_ENGINE_TREE; engine <= BM_ENGINE_BITS; engine++)
	{
		o = (BmItemsetOptions){BM_ITEMSETS_ALL, 2, 1, UINT32_MAX, 0, 0, (BmItemsetEngine) engine};
		o.most = 1000;
		CHECK_INT(bmc_itemsets_mine(&got, &b, &o, mem, NULL), BM_ELIMIT);
		o.most = 0;
		o.top = 60 + 60 * 59 / 2 + 1;
		CHECK_INT(bmc_itemsets_mine(&got, &b, &o, mem, NULL), BM_OK);
		CHECK_INT(got.n, o.top);
		CHECK_INT(bmc_itemset_length(&got, o.top - 2), 2); /* all pairs, and the first triple */
		CHECK_INT(bmc_itemset_length(&got, o.top - 1), 3);
		CHECK_INT(got.item[got.start[o.top - 1] + 2], 2);
		bmc_itemsets_free(&got);
		o.min_length = 20; /* 60 over 20 of them are as good: the first by their codes */
		o.top = 5;
		CHECK_INT(bmc_itemsets_mine(&got, &b, &o, mem, NULL), BM_OK);
		CHECK_INT(got.n, o.top);
		for (uint32_t i = 0; i < 5; i++)
			for (uint32_t k = 0; k < 20; k++)
				CHECK_INT(got.item[got.start[i] + k], k < 19 ? k : 19 + i);
		bmc_itemsets_free(&got);
		for (int kind = BM_ITEMSETS_CLOSED; kind <= BM_ITEMSETS_MAXIMAL; kind++)
		{
			o.kind = (BmItemsetKind) kind;
			CHECK_INT(bmc_itemsets_mine(&got, &b, &o, mem, NULL), BM_OK);
			CHECK_INT(got.n, 1);
			CHECK_INT(got.start[1], m);
			CHECK_INT(got.count[0], n);
			bmc_itemsets_free(&got);
		}
	}
	CHECK_INT(h.live, 0);
	free(start), free(col);
}

static void
wrong_input(void)
{
	UnitHeap h;
	BmMem *mem = unit_heap(&h);
	size_t start[] = {0, 2};
	uint32_t twice[] = {1, 1}, high[] = {0, 3};
	BmSparse b = {1, 3, start, twice, NULL};
	BmItemsets got;
	BmItemsetOptions o = {BM_ITEMSETS_ALL, 1, 1, UINT32_MAX, 0, 0, BM_ENGINE_AUTO};

	CASE("wrong input: codes twice or out of range, a support of 0; nothing");
	CHECK_INT(bmc_itemsets_mine(&got, &b, &o, mem, NULL), BM_EINVAL);
	b.col = high;
	CHECK_INT(bmc_itemsets_mine(&got, &b, &o, mem, NULL), BM_EINVAL);
	o.min_support = 0;
	CHECK_INT(bmc_itemsets_mine(&got, &b, &o, mem, NULL), BM_EINVAL);
	o.min_support = 1;
	b = (BmSparse){0, 0, start, high, NULL};
	CHECK_INT(bmc_itemsets_mine(&got, &b, &o, mem, NULL), BM_OK);
	CHECK_INT(got.n, 0);
	bmc_itemsets_free(&got);
	CHECK_INT(h.live, 0);
}

int
main(void)
{
	against_brute_force(BM_ITEMSETS_ALL, BM_ENGINE_TREE, "all, trees, against brute force");
	against_brute_force(BM_ITEMSETS_ALL, BM_ENGINE_BITS, "all, bit sets, against brute force");
	against_brute_force(BM_ITEMSETS_CLOSED, BM_ENGINE_TREE, "closed, trees, against brute force");
	against_brute_force(BM_ITEMSETS_CLOSED, BM_ENGINE_BITS, "closed, bit sets");
	against_brute_force(BM_ITEMSETS_MAXIMAL, BM_ENGINE_TREE, "maximal, trees, against brute force");
	against_brute_force(BM_ITEMSETS_MAXIMAL, BM_ENGINE_BITS, "maximal, bit sets");
	engines_agree(2000, 120, 0.4, 20,
				  "2000 baskets of 120 items: engines agree, kinds follow from all");
	engines_agree(300, 18, 3.0, 40, "300 dense baskets: the same");
	stopped_and_starved();
	equal_baskets();
	wrong_input();
	return unit_done();
}
