/* Top-k against a full sort. */
#include "unit.h"
#include "core/num/rng.h"
#include "core/num/topk.h"
#include "core/num/vec.h"

static const float *by;

static int
better(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *) a, y = *(const uint32_t *) b;

	return by[x] != by[y] ? (by[x] > by[y] ? -1 : 1) : (x < y ? -1 : 1);
}

static void
against_sort(size_t n, size_t k, int levels)
{
	float *s = malloc((n + 1) * 4), score[300];
	uint32_t *order = malloc((n + 1) * 4), index[300];
	BmRng rng = bmc_rng(n, k);
	size_t m = 0, got;

	for (size_t i = 0; i < n; i++)
	{
		uint32_t x = bmc_rng_below(&rng, (uint32_t) levels);

		s[i] = x == 0 ? -INFINITY : x == 1 ? NAN : (float) x;
		if (x > 1)
			order[m++] = (uint32_t) i;
	}
	by = s;
	qsort(order, m, 4, better);
	got = bmc_topk(index, score, k, s, n);
	CHECK_INT(got, m < k ? m : k);
	for (size_t i = 0; i < got; i++)
	{
		CHECK_INT(index[i], order[i]);
		CHECK(score[i] == s[index[i]]);
	}
	free(s), free(order);
}

static void
test_dot(void)
{
	enum
	{
		N = 1000,
		D = 19,
		K = 25
	};
	float *E = malloc(N * D * 4), q[D], s[N], score[K], best[K];
	uint32_t index[K], want[K];
	uint64_t keep[N / 64 + 1];
	BmRng rng = bmc_rng(5, 6);
	size_t n, m;

	CASE("top-k of products, some left out, is that of the products");
	for (int i = 0; i < N * D; i++)
		E[i] = (float) bmc_rng_normal(&rng);
	for (int i = 0; i < D; i++)
		q[i] = (float) bmc_rng_normal(&rng);
	memset(keep, 0xff, sizeof(keep));
	keep[3] = 0;
	for (int i = 0; i < N; i++)
	{
		s[i] = bmc_dot(E + i * D, q, D);
		if (i % 7 == 0 && i < 700)
			keep[i / 64] &= ~(UINT64_C(1) << (i % 64));
		if (!(keep[i / 64] >> (i % 64) & 1))
			s[i] = -INFINITY;
	}
	n = bmc_topk(want, best, K, s, N);
	m = bmc_topk_dot(index, score, K, E, q, N, D, keep);
	CHECK_INT(n, m);
	for (size_t i = 0; i < n; i++)
	{
		CHECK_INT(index[i], want[i]);
		CHECK(score[i] == best[i]);
	}
	free(E);
}

int
main(void)
{
	CASE("against a sort: many values, few values (ties), k above n, nothing");
	against_sort(5000, 10, 1000000);
	against_sort(5000, 300, 5);
	against_sort(50, 100, 40);
	against_sort(1, 1, 3);
	against_sort(0, 5, 3);
	against_sort(4097, 1, 3);
	test_dot();
	return unit_done();
}
