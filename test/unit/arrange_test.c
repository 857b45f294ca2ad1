/* Boosts, pins, caps and variety against brute force; carts; segments; repeat purchases. */
#include "rec_check.h"
#include "core/rec/again.h"
#include "core/rec/cart.h"
#include "core/rec/segments.h"
#include "core/rec/serve.h"

static Log L;
static Fitted knn, popular;

static void *
block(size_t bytes)
{
	return aligned_alloc(64, (bytes + 127) / 64 * 64);
}

static bool
has(uint64_t bits, uint32_t i)
{
	return bits >> i & 1;
}

/* ---- arranging, place by place, by what the header says ---- */

static float
likeness(const BmArrange *a, uint32_t i, uint32_t j)
{
	double dot = 0, x = 0, y = 0;

	for (size_t d = 0; d < a->D; d++)
	{
		float p = a->embedding[i * a->D + d], q = a->embedding[j * a->D + d];

		dot += (double) p * q, x += (double) p * p, y += (double) q * q;
	}
	return (float) (dot / sqrt(x * y));
}

static bool
room(const BmArrange *a, const uint32_t *list, size_t n, uint32_t i)
{
	for (int c = 0; c < a->ncaps; c++)
	{
		uint32_t same = 0;

		for (size_t j = 0; j < n; j++)
			same += a->group[c][i] != BM_NONE && a->group[c][list[j]] == a->group[c][i];
		if (same >= a->limit[c])
			return false;
	}
	return true;
}

static bool
listed(const uint32_t *list, size_t n, uint32_t i)
{
	for (size_t j = 0; j < n; j++)
		if (list[j] == i)
			return true;
	return false;
}

/* Over all items as the pool. */
static size_t
naive_list(uint32_t *list, size_t k, const BmArrange *a, const float *scores)
{
	uint32_t pinned[BM_MAX_PINS];
	float low = INFINITY, high = -INFINITY;
	size_t n = 0;

	for (size_t p = 0; p < a->npins; p++)
	{
		pinned[p] = BM_NONE;
		for (uint32_t i = 0; i < a->nitems; i++)
			if (has(a->pin[p].items[0], i) && scores[i] > -INFINITY && !listed(pinned, p, i) &&
				(pinned[p] == BM_NONE || scores[i] > scores[pinned[p]]))
				pinned[p] = i;
	}
	for (uint32_t i = 0; i < a->nitems; i++)
		if (scores[i] > -INFINITY && !listed(pinned, a->npins, i))
		{
			low = fminf(low, scores[i]);
			high = fmaxf(high, scores[i]);
		}
	for (bool end = false; n < k && !end;)
	{
		uint32_t next = BM_NONE;
		double best = -INFINITY;

		for (size_t p = 0; p < a->npins && next == BM_NONE; p++)
			if (a->pin[p].place <= n && pinned[p] != BM_NONE && !listed(list, n, pinned[p]))
				next = pinned[p];
		if (next == BM_NONE)
			for (uint32_t i = 0; i < a->nitems; i++)
			{
				double s = a->lambda >= 1 ? (double) scores[i] : 0, most = 0;

				if (!(scores[i] > -INFINITY) || listed(list, n, i) || listed(pinned, a->npins, i) ||
					!room(a, list, n, i))
					continue;
				for (size_t j = 0; j < n && a->lambda < 1; j++)
					most = fmax(most, (double) likeness(a, i, list[j]));
				if (a->lambda < 1)
					s = (double) (a->lambda * (high > low ? (scores[i] - low) / (high - low) : 0)) -
						(1 - (double) a->lambda) * most;
				if (s > best)
					best = s, next = i;
			}
		for (size_t p = 0; p < a->npins && next == BM_NONE; p++)
			if (pinned[p] != BM_NONE && !listed(list, n, pinned[p]))
				next = pinned[p];
		end = next == BM_NONE;
		if (!end)
			list[n++] = next;
	}
	return n;
}

static void
test_arrange(void)
{
	static uint32_t kind[2][ITEMS];
	static float embedding[ITEMS * 4], popularity[ITEMS];
	BmBlend b = {1, ITEMS, {{&bmc_item_knn, knn.bound, 1}}, NULL, 0};
	BmRng rng = bmc_rng(7, 1);
	UnitHeap heap;

	CASE("lists with pins, caps and variety are those of a brute force, one by one and many at "
		 "once");
	unit_heap(&heap);
	for (int round = 0; round < 300; round++)
	{
		uint64_t pins[3], allowed = ~UINT64_C(0);
		BmPin pin[3] = {{bmc_rng_below(&rng, 3), &pins[0]}, {3, &pins[1]}, {3, &pins[2]}};
		BmArrange a = {.nitems = ITEMS,
					   .lambda = round % 3 ? 1.0f : 0.6f,
					   .ncaps = round % 5 % 3,
					   .group = {kind[0], kind[1]},
					   .ngroups = {5, 3},
					   .limit = {1 + bmc_rng_below(&rng, 3), 2 + bmc_rng_below(&rng, 3)},
					   .pin = pin,
					   .npins = round % 4,
					   .embedding = embedding,
					   .D = 4,
					   .model = &b};
		size_t k = 1 + bmc_rng_below(&rng, 12), u = bmc_rng_below(&rng, USERS);
		BmServe s = {.model = &b,
					 .popularity = popularity,
					 .k = k,
					 .exclude = BM_EXCLUDE_SEEN,
					 .allowed = round % 7 ? NULL : &allowed,
					 .min_score = -INFINITY,
					 .arrange = &a};
		/* variety on popularity, whose differences are larger than what rounding does to a cosine */
		BmHistory h = a.lambda < 1 ? (BmHistory){.n = 0} : history(&L.s, u);
		uint32_t list[ITEMS], item[ITEMS], found;
		float score[ITEMS], *scores;
		void *scratch = block(bmc_serve_bytes(&s));
		size_t n;

		for (uint32_t i = 0; i < ITEMS; i++)
		{
			kind[0][i] = bmc_rng_below(&rng, 6), kind[1][i] = bmc_rng_below(&rng, 4);
			kind[0][i] = kind[0][i] == 5 ? BM_NONE : kind[0][i];
			kind[1][i] = kind[1][i] == 3 ? BM_NONE : kind[1][i];
			for (int d = 0; d < 4; d++)
				embedding[i * 4 + d] = (float) bmc_rng_float(&rng) - 0.3f;
			popularity[i] = (float) ((i * 7) % ITEMS);
		}
		for (int p = 0; p < 3; p++)
			pins[p] = bmc_rng_u64(&rng) & bmc_rng_u64(&rng) & ((UINT64_C(1) << ITEMS) - 1);
		allowed = bmc_rng_u64(&rng);
		scores = bmc_serve_scores(&s, &h, scratch, false);
		n = naive_list(list, k, &a, scores);
		CHECK_INT(bmc_serve_many(item, score, &found, &s, &h, 1, NULL, &heap.mem, NULL), BM_OK);
		CHECK_INT(found, n);
		for (size_t i = 0; i < n && i < found; i++)
		{
			CHECK_INT(item[i], list[i]);
			CHECK(score[i] == scores[item[i]]);
		}
		free(scratch);
	}
	CHECK_INT(heap.live, 0);
}

static void
test_related(void)
{
	static uint32_t kind[ITEMS];
	BmBlend related = {1, ITEMS, {{&bmc_item_knn, knn.bound, 1}}, NULL, 0};
	BmBlend flat = {1, ITEMS, {{&bmc_popular, popular.bound, 1}}, NULL, 0};
	uint32_t place[4], item[ITEMS];
	float score[ITEMS];
	void *scratch = block(1 << 20);
	BmArrange a = {.nitems = ITEMS, .lambda = 0.01f, .ncaps = 1, .model = &flat};

	CASE("without embeddings variety goes by what the model relates, else by the first kind");
	for (uint32_t i = 0; i < ITEMS; i++)
		item[i] = i, score[i] = (float) (ITEMS - i), kind[i] = i / 10;
	a.group[0] = kind, a.ngroups[0] = 4, a.limit[0] = ITEMS;
	CHECK_INT(bmc_arrange(place, 4, &a, NULL, item, score, ITEMS, true, scratch, NULL), 4);
	for (uint32_t i = 0; i < 4; i++)
		CHECK_INT(place[i], i * 10); /* the best of each kind */
	a.model = &related, a.ncaps = 0;
	CHECK_INT(bmc_arrange(place, 4, &a, NULL, item, score, ITEMS, true, scratch, NULL), 4);
	CHECK_INT(place[0], 0);
	for (int i = 1; i < 4; i++)
		CHECK(place[i] > 0);
	a.lambda = 1;
	CHECK_INT(bmc_arrange(place, 4, &a, NULL, item, score, ITEMS, true, scratch, NULL), 4);
	for (uint32_t i = 0; i < 4; i++)
		CHECK_INT(place[i], i);
	free(scratch);
}

static void
test_boost(void)
{
	BmBlend b = {
		2, ITEMS, {{&bmc_item_knn, knn.bound, 0.5f}, {&bmc_popular, popular.bound, 0.5f}}, NULL, 0};
	BmBoost boost[] = {{3, 2.0f}, {8, 0.0f}, {20, 0.5f}};
	BmServe s = {.model = &b, .k = ITEMS, .min_score = -INFINITY};
	BmHistory h = history(&L.s, 6);
	float plain[ITEMS], low = INFINITY, *scores;
	void *scratch = block(bmc_serve_bytes(&s));

	CASE("a boost multiplies how far a score lies above the lowest, negative ones too");
	CHECK(h.n > 0);
	memcpy(plain, bmc_serve_scores(&s, &h, scratch, false), sizeof(plain));
	for (int i = 0; i < ITEMS; i++)
		low = fminf(low, plain[i]);
	CHECK(low < 0);
	s.boost = boost, s.nboosts = 3;
	scores = bmc_serve_scores(&s, &h, scratch, false);
	for (uint32_t i = 0; i < ITEMS; i++)
		CHECK_NEAR(scores[i],
				   low + (plain[i] - low) * (i == 3    ? 2
											 : i == 8  ? 0
											 : i == 20 ? 0.5f
													   : 1),
				   1e-5);
	free(scratch);
}

static void
test_cart(void)
{
	BmBlend inner = {1, ITEMS, {{&bmc_item_knn, knn.bound, 1}}, NULL, 0};
	BmBlend cart = {1, ITEMS, {{&bmc_cart, &inner, 1}}, NULL, 0};
	uint32_t items[3] = {2, 9, 14}, turned[3] = {14, 2, 9}, all[ITEMS];
	BmHistory h = {.n = 3, .item = items}, back = {.n = 3, .item = turned};
	float scores[ITEMS], other[ITEMS], row[ITEMS], want[ITEMS] = {0}, share[ITEMS * 3];
	void *scratch =
		block(bmc_blend_score_bytes(&cart, 1) + bmc_blend_explain_bytes(&cart, 3, ITEMS));

	CASE("a cart's answer is the mean of the standardised answers to each item, in any order");
	for (int e = 0; e < 3; e++)
	{
		BmHistory one = {.n = 1, .item = &items[e]};

		bmc_blend_score(row, &inner, &one, 1, scratch, false);
		bmc_standardise(row, ITEMS);
		for (int i = 0; i < ITEMS; i++)
			want[i] += row[i] / 3;
	}
	bmc_blend_score(scores, &cart, &h, 1, scratch, false);
	bmc_blend_score(other, &cart, &back, 1, scratch, false);
	for (uint32_t i = 0; i < ITEMS; i++)
	{
		CHECK_NEAR(scores[i], want[i], 1e-5);
		CHECK_NEAR(other[i], want[i], 1e-5);
		all[i] = i;
	}
	bmc_blend_explain(share, &cart, &h, all, ITEMS, scratch);
	for (int i = 0; i < ITEMS; i++)
	{
		float sum = share[i * 3] + share[i * 3 + 1] + share[i * 3 + 2];

		CHECK(sum == 0 || fabsf(sum - 1) < 1e-5f);
		CHECK(sum > 0 || scores[i] <= 0);
	}
	free(scratch);
}

static void
test_segments(void)
{
	static uint32_t segment[USERS * LONGEST], item[3 * BM_SEGMENT_TOP];
	static float score[3 * BM_SEGMENT_TOP];
	float popularity[ITEMS], scores[ITEMS];
	double half_life = 40 * 3600e6, last = (double) L.time[L.start[USERS] - 1];
	UnitHeap heap;

	CASE("popularity by segment is the sum over its events; the shop's goes on below it");
	for (size_t e = 0; e < L.start[USERS]; e++)
		segment[e] = e % 4 == 3 ? BM_NONE : (uint32_t) (e % 4 == 2 ? 1 : e % 4);
	CHECK_INT(bmc_segments(item, score, &L.s, segment, 3, half_life, unit_heap(&heap), NULL),
			  BM_OK);
	CHECK_INT(heap.live, 0);
	for (uint32_t s = 0; s < 3; s++)
	{
		double want[ITEMS] = {0};
		size_t n = 0;

		for (size_t e = 0; e < L.start[USERS]; e++)
			if (segment[e] == s)
				want[L.item[e]] +=
					(double) L.weight[L.event[e]] * exp2(-(last - (double) L.time[e]) / half_life);
		for (int i = 0; i < ITEMS; i++)
			n += want[i] > 0, popularity[i] = (float) (i + 1);
		for (size_t i = 0; i < BM_SEGMENT_TOP; i++)
		{
			CHECK((item[s * BM_SEGMENT_TOP + i] != BM_NONE) == (i < n));
			if (i < n)
				CHECK_NEAR(score[s * BM_SEGMENT_TOP + i], want[item[s * BM_SEGMENT_TOP + i]],
						   1e-4 * (1 + want[item[s * BM_SEGMENT_TOP + i]]));
			if (i > 0 && i < n)
				CHECK(score[s * BM_SEGMENT_TOP + i] <= score[s * BM_SEGMENT_TOP + i - 1]);
		}
		bmc_segment_scores(scores, item + s * BM_SEGMENT_TOP, score + s * BM_SEGMENT_TOP,
						   popularity, ITEMS);
		for (int i = 0; i < ITEMS; i++)
			for (int j = 0; j < ITEMS; j++)
			{
				if (want[i] > 0 && !(want[j] > 0))
					CHECK(scores[i] > scores[j]);
				if (!(want[i] > 0) && !(want[j] > 0) && i > j)
					CHECK(scores[i] > scores[j]);
			}
	}
	CHECK_INT(item[2 * BM_SEGMENT_TOP], BM_NONE); /* a segment without events */
}

#define DAYS(d) ((int64_t) (d) *86400 * 1000000)

static void
test_again(void)
{
	BmPurchase p[] = {
		{7, DAYS(40)}, {7, DAYS(10)},    {7, DAYS(20)}, {7, DAYS(20) + 5}, /* 10, 20: two at once */
		{3, DAYS(30)}, {3, DAYS(25)},    {3, DAYS(35)},                    /* every 5 days */
		{9, DAYS(44)},                                                     /* once */
		{5, DAYS(1)},  {5, DAYS(1) + 1},                                   /* one purchase of two */
		{1, DAYS(0)},  {1, DAYS(10)},                                      /* long ago */
	};
	size_t n = sizeof(p) / sizeof(p[0]);
	BmAgain out[8];

	CASE("what is bought again: the median interval, when it is due, how due it is");
	CHECK_INT(bmc_again(out, p, n, DAYS(45), DAYS(1)), 3);
	CHECK_INT(out[0].item, 3); /* 2/3 * 5/10 */
	CHECK_INT(out[0].times, 3);
	CHECK(out[0].interval == DAYS(5) && out[0].due == DAYS(40) && out[0].last == DAYS(35));
	CHECK_NEAR(out[0].score, 2.0 / 3 * 0.5, 1e-9);
	CHECK_INT(out[1].item, 7); /* 2/3 * 5/15: the median of 10 and 20 days */
	CHECK_INT(out[1].times, 3);
	CHECK_NEAR((double) out[1].interval, (double) DAYS(15), 10);
	CHECK_NEAR(out[1].score, 2.0 / 3 * 5 / 15, 1e-6);
	CHECK_INT(out[2].item, 1);
	CHECK_NEAR(out[2].score, 0.5 * 10 / 35, 1e-9);
	CHECK_INT(bmc_again(out, p, 0, 0, 1), 0);
}

int
main(void)
{
	static BmItemKnnOptions k = {.shrink = 10, .gamma = 0.8, .last = 50, .weight = BM_KNN_COSINE};
	static BmPopularOptions p = {.half_life_days = 30};

	make_log(&L, 4);
	fit_model(&knn, &bmc_item_knn, &k, &L.s, NULL, NULL, 0);
	fit_model(&popular, &bmc_popular, &p, &L.s, NULL, NULL, 0);
	test_arrange();
	test_related();
	test_boost();
	test_cart();
	test_segments();
	test_again();
	free_model(&knn);
	free_model(&popular);
	return unit_done();
}
