/*
 * moments.c
 *		Exact sums in a long accumulator (Kulisch 1971), mean and variance from them.
 */
#include <math.h>
#include <string.h>

#include "core/stat/moments.h"

#define LIMB_BITS 32
#define LIMB_MASK INT64_C(0xffffffff)
#define SMALLEST (-1074)                /* exponent of limb 0's lowest bit */
#define SETTLE_AFTER (INT64_C(1) << 28) /* each addition adds less than 2^32, three times */

/* A number as the sum of a double and what it leaves. */
typedef struct Pair
{
	double hi, lo;
} Pair;

static inline Pair
two_sum(double a, double b)
{
	double s = a + b, t = s - a;

	return (Pair){s, (a - (s - t)) + (b - t)};
}

static inline Pair
two_product(double a, double b)
{
	double p = a * b;

	return (Pair){p, fma(a, b, -p)};
}

static Pair
pair_minus(Pair a, Pair b)
{
	Pair s = two_sum(a.hi, -b.hi);

	return two_sum(s.hi, s.lo + (a.lo - b.lo));
}

static Pair
pair_product(Pair a, Pair b)
{
	Pair p = two_product(a.hi, b.hi);

	return two_sum(p.hi, p.lo + (a.hi * b.lo + a.lo * b.hi));
}

/* ---- sums ---- */

static inline void
add(int64_t *limb, double x)
{
	uint64_t bits, mantissa;
	unsigned exponent, at;
	unsigned __int128 v;

	memcpy(&bits, &x, sizeof(bits));
	exponent = (unsigned) (bits >> 52) & 0x7ff;
	mantissa = (bits & ((UINT64_C(1) << 52) - 1)) | (uint64_t) (exponent > 0) << 52;
	at = exponent > 0 ? exponent - 1 : 0;
	v = (unsigned __int128) mantissa << (at % LIMB_BITS);
	limb += at / LIMB_BITS;
	if (bits >> 63)
	{
		limb[0] -= (int64_t) ((uint64_t) v & LIMB_MASK);
		limb[1] -= (int64_t) ((uint64_t) (v >> 32) & LIMB_MASK);
		limb[2] -= (int64_t) (uint64_t) (v >> 64);
	}
	else
	{
		limb[0] += (int64_t) ((uint64_t) v & LIMB_MASK);
		limb[1] += (int64_t) ((uint64_t) (v >> 32) & LIMB_MASK);
		limb[2] += (int64_t) (uint64_t) (v >> 64);
	}
}

static void
settle(int64_t *limb)
{
	for (int i = 0; i + 1 < BM_SUM_LIMBS; i++)
	{
		limb[i + 1] += limb[i] >> LIMB_BITS;
		limb[i] &= LIMB_MASK;
	}
}

void
bmc_moments_settle(BmMoments *m)
{
	settle(m->sum);
	settle(m->squares);
	m->pending = 0;
}

void
bmc_moments_add(BmMoments *m, double x)
{
	Pair square = two_product(x, x);

	if (++m->pending >= SETTLE_AFTER)
		bmc_moments_settle(m);
	m->n++;
	add(m->sum, x);
	add(m->squares, square.hi);
	add(m->squares, square.lo);
}

void
bmc_moments_merge(BmMoments *m, const BmMoments *other)
{
	BmMoments b = *other;

	bmc_moments_settle(m);
	bmc_moments_settle(&b);
	m->n += b.n;
	for (int i = 0; i < BM_SUM_LIMBS; i++)
	{
		m->sum[i] += b.sum[i];
		m->squares[i] += b.squares[i];
	}
	bmc_moments_settle(m);
}

/* Each addition since the carries were settled adds less than 2^33 to a limb, three times at most. */
static bool
limbs_valid(const int64_t *limb, int64_t pending)
{
	int64_t most = (pending + 1) * (INT64_C(3) << 33);

	for (int i = 0; i < BM_SUM_LIMBS; i++)
		if (limb[i] < -most || limb[i] > most)
			return false;
	return true;
}

bool
bmc_moments_valid(const BmMoments *m)
{
	return m->n >= 0 && m->n < INT64_C(1) << 52 && m->pending >= 0 && m->pending <= SETTLE_AFTER &&
		   limbs_valid(m->sum, m->pending) && limbs_valid(m->squares, m->pending);
}

/* The sum to twice the precision of a double. */
static Pair
total(const int64_t *from)
{
	int64_t limb[BM_SUM_LIMBS];
	bool negative;
	Pair s = {0, 0};
	int top = BM_SUM_LIMBS - 1;

	memcpy(limb, from, sizeof(limb));
	settle(limb);
	negative = limb[top] < 0;
	if (negative)
	{
		for (int i = 0; i < BM_SUM_LIMBS; i++)
			limb[i] = -limb[i];
		settle(limb);
	}
	while (top > 0 && limb[top] == 0)
		top--;
	for (int i = top; i >= 0 && i > top - 5; i--)
	{
		Pair next = two_sum(s.hi, ldexp((double) limb[i], SMALLEST + LIMB_BITS * i));

		s = two_sum(next.hi, next.lo + s.lo);
	}
	return negative ? (Pair){-s.hi, -s.lo} : s;
}

double
bmc_moments_mean(const BmMoments *m)
{
	Pair s = total(m->sum);
	double n = (double) m->n, mean = s.hi / n;

	if (m->n == 0)
		return NAN;
	/* what the division left over, and the low part */
	return mean + (fma(-mean, n, s.hi) + s.lo) / n;
}

double
bmc_moments_variance(const BmMoments *m)
{
	double n = (double) m->n;
	Pair sum = total(m->sum), squares = total(m->squares), difference;

	if (m->n < 2)
		return NAN;
	/* n * sum of squares - (sum)^2 cancels: hence the pairs */
	difference = pair_minus(pair_product((Pair){n, 0}, squares), pair_product(sum, sum));
	return fmax(difference.hi, 0) / (n * (n - 1));
}
