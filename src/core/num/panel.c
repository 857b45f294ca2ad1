/*
 * panel.c
 *		The 8-bit panel of a matrix: making it, and the exact k best by a first pass over it.
 *
 * Sixteen rows lie interleaved in words of four codes, so a vector register holds one word of each row,
 * and the products of sixteen rows are added without a sum across a register at the end. The codes are
 * stored as unsigned bytes (128 added), as the instruction of AVX-512 VNNI wants one of its operands.
 */
#include <math.h>
#include <string.h>

#include "core/num/mem.h"
#include "core/num/panel.h"
#include "core/num/vec.h"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(BM_NO_CLONES)
#define X86
#include <immintrin.h>
#endif

#define WORD 64      /* rows of a word of the bitmap */
#define TINY 1e-30f  /* least scale: no product with it is denormal */
#define LEAST 1e-6   /* a margin below this may be lost beside TINY: no first pass */
#define ROUND 1.2e-7 /* 2^-23: twice the relative error of one operation */

static size_t
groups(size_t D)
{
	return (D + 3) / 4;
}

size_t
bmc_panel_scales(size_t N)
{
	return (N + WORD - 1) / WORD * WORD;
}

size_t
bmc_panel_words(size_t N, size_t D)
{
	return bmc_mul(bmc_panel_scales(N), groups(D));
}

/* ---- making it ---- */

static int
code_of(float x, float scale)
{
	float c = rintf(x / scale);

	return c > 127.0f ? 127 : c < -127.0f ? -127 : (int) c;
}

/* Codes of x (D) over scale at c, every BM_PANEL_ROWS-th word; |x - scale c| and |c| in double. */
static void
fill_row(uint8_t *c, const float *x, size_t D, float scale, double *error, double *size)
{
	double e = 0.0, s = 0.0;

	for (size_t d = 0; d < groups(D) * 4; d++)
	{
		int code = d < D ? code_of(x[d], scale) : 0;
		double gap = d < D ? (double) x[d] - (double) scale * code : 0.0;

		c[d / 4 * BM_PANEL_ROWS * 4 + d % 4] = (uint8_t) (code + 128);
		e += gap * gap;
		s += (double) code * code;
	}
	*error = sqrt(e);
	*size = sqrt(s);
}

static float
step_of(const float *x, size_t D)
{
	float most = 0.0f;

	for (size_t d = 0; d < D; d++)
		most = fabsf(x[d]) > most ? fabsf(x[d]) : most;
	return most / 127.0f > TINY ? most / 127.0f : TINY;
}

void
bmc_panel_fill(int32_t *code, float *scale, float *bound, const float *E, size_t N, size_t D)
{
	size_t rows = bmc_panel_scales(N), G = groups(D);
	double most_error = 0.0, most_size = 0.0;

	memset(code, 128, rows * G * sizeof(int32_t));
	memset(scale, 0, rows * sizeof(float));
	for (size_t i = 0; i < N; i++)
	{
		uint8_t *at =
			(uint8_t *) (code + (i / BM_PANEL_ROWS * G * BM_PANEL_ROWS + i % BM_PANEL_ROWS));
		double error, size;

		scale[i] = step_of(E + i * D, D);
		fill_row(at, E + i * D, D, scale[i], &error, &size);
		error /= (double) scale[i];
		most_error = error > most_error ? error : most_error;
		most_size = size > most_size ? size : most_size;
	}
	bound[0] = (float) (most_error * (1.0 + 4.0 * ROUND));
	bound[1] = (float) (most_size * (1.0 + 4.0 * ROUND));
}

/* ---- the first pass ---- */

/* A query: upper bound of row i = scale[i] * (step * (sum of its products - shift) + margin). */
typedef struct Query
{
	int32_t *code; /* (groups) words of four signed codes */
	size_t G;
	int32_t shift; /* 128 * the sum of the codes */
	float step, margin;
} Query;

/*
 * The margin also holds the rounding of bmc_dot, (D + 1) 2^-24 |q| |e| at most, and of the bound's own
 * operations. False where the numbers are too small or too large for a bound.
 */
static bool
query(Query *u, const float *q, const BmPanel *p)
{
	size_t D = p->D;
	double norm = 0.0, gap = 0.0, length = 0.0, margin;
	int8_t *code = (int8_t *) u->code;

	u->G = groups(D);
	u->step = step_of(q, D);
	u->shift = 0;
	memset(u->code, 0, u->G * sizeof(int32_t));
	for (size_t d = 0; d < D; d++)
	{
		int c = code_of(q[d], u->step);
		double g = (double) q[d] - (double) u->step * c;

		code[d] = (int8_t) c;
		u->shift += 128 * c;
		norm += (double) q[d] * (double) q[d];
		gap += g * g;
		length += (double) c * c;
	}
	norm = sqrt(norm);
	length = (double) u->step * sqrt(length);
	margin = (double) p->error * norm + (double) p->size * sqrt(gap);
	margin += ((double) D + 8.0) * ROUND * norm * ((double) p->error + (double) p->size);
	margin = (margin + 8.0 * ROUND * length * (double) p->size) * (1.0 + 8.0 * ROUND);
	u->margin = (float) margin;
	return margin > LEAST && margin < 1e30;
}

/* Which of 64 rows have an upper bound above least; only blocks with a bit are looked at. */
typedef uint64_t (*Above)(const int32_t *code, const float *scale, const Query *u, float least,
						  uint64_t bits);

static uint64_t
above_plain(const int32_t *code, const float *scale, const Query *u, float least, uint64_t bits)
{
	uint64_t out = 0;
	const int8_t *q = (const int8_t *) u->code;

	for (int b = 0; b < WORD; b += BM_PANEL_ROWS, code += u->G * BM_PANEL_ROWS)
	{
		int32_t sum[BM_PANEL_ROWS] = {0};
		const uint8_t *c = (const uint8_t *) code;

		if ((bits >> b & 0xffff) == 0)
			continue;
		for (size_t g = 0; g < u->G; g++)
			for (int r = 0; r < BM_PANEL_ROWS; r++, c += 4)
				for (int j = 0; j < 4; j++)
					sum[r] += (int32_t) c[j] * (int32_t) q[g * 4 + (size_t) j];
		for (int r = 0; r < BM_PANEL_ROWS; r++)
		{
			float most = scale[b + r] * (u->step * (float) (sum[r] - u->shift) + u->margin);

			out |= (uint64_t) (most > least) << (b + r);
		}
	}
	return out & bits;
}

#ifdef X86
__attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni"))) static uint64_t
above_vnni(const int32_t *code, const float *scale, const Query *u, float least, uint64_t bits)
{
	__m512i shift = _mm512_set1_epi32(u->shift);
	__m512 step = _mm512_set1_ps(u->step), margin = _mm512_set1_ps(u->margin);
	uint64_t out = 0;

	for (int b = 0; b < WORD; b += BM_PANEL_ROWS, code += u->G * BM_PANEL_ROWS)
	{
		__m512i even = _mm512_setzero_si512(), odd = _mm512_setzero_si512();
		__m512 most;
		size_t g = 0;

		if ((bits >> b & 0xffff) == 0)
			continue;
		for (; g + 2 <= u->G; g += 2)
		{
			even = _mm512_dpbusd_epi32(even, _mm512_loadu_si512(code + g * BM_PANEL_ROWS),
									   _mm512_set1_epi32(u->code[g]));
			odd = _mm512_dpbusd_epi32(odd, _mm512_loadu_si512(code + (g + 1) * BM_PANEL_ROWS),
									  _mm512_set1_epi32(u->code[g + 1]));
		}
		if (g < u->G)
			even = _mm512_dpbusd_epi32(even, _mm512_loadu_si512(code + g * BM_PANEL_ROWS),
									   _mm512_set1_epi32(u->code[g]));
		most = _mm512_cvtepi32_ps(_mm512_sub_epi32(_mm512_add_epi32(even, odd), shift));
		most = _mm512_mul_ps(_mm512_loadu_ps(scale + b), _mm512_fmadd_ps(most, step, margin));
		out |= (uint64_t) _mm512_cmp_ps_mask(most, _mm512_set1_ps(least), _CMP_GT_OQ) << b;
	}
	return out & bits;
}

/* Eight rows: |q| unsigned, the codes with the sign of q: a pair is at most 2 * 127^2 and fits 16 bits. */
__attribute__((target("avx2,fma"))) static uint64_t
above_avx2(const int32_t *code, const float *scale, const Query *u, float least, uint64_t bits)
{
	const __m256i ones = _mm256_set1_epi16(1), flip = _mm256_set1_epi8((char) 128);
	__m256 step = _mm256_set1_ps(u->step), margin = _mm256_set1_ps(u->margin);
	uint64_t out = 0;

	for (int b = 0; b < WORD; b += 8)
	{
		const int32_t *at = code + (size_t) (b / BM_PANEL_ROWS) * u->G * BM_PANEL_ROWS + b % 16;
		__m256i sum = _mm256_setzero_si256();
		__m256 most;

		if ((bits >> b & 0xff) == 0)
			continue;
		for (size_t g = 0; g < u->G; g++, at += BM_PANEL_ROWS)
		{
			__m256i q = _mm256_set1_epi32(u->code[g]);
			__m256i c = _mm256_xor_si256(_mm256_loadu_si256((const __m256i *) at), flip);
			__m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(q), _mm256_sign_epi8(c, q));

			sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, ones));
		}
		most = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sum), step, margin);
		most = _mm256_mul_ps(_mm256_loadu_ps(scale + b), most);
		out |= (uint64_t) (unsigned) _mm256_movemask_ps(
				   _mm256_cmp_ps(most, _mm256_set1_ps(least), _CMP_GT_OQ))
			   << b;
	}
	return out & bits;
}
#endif

BmPanelLevel
bmc_panel_level(void)
{
#ifdef X86
	if (__builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw") &&
		__builtin_cpu_supports("avx512vl"))
		return BM_PANEL_VNNI;
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
		return BM_PANEL_AVX2;
#endif
	return BM_PANEL_PLAIN;
}

static Above
above_of(BmPanelLevel level)
{
#ifdef X86
	if (level == BM_PANEL_VNNI)
		return above_vnni;
	if (level == BM_PANEL_AVX2)
		return above_avx2;
#endif
	return above_plain;
}

size_t
bmc_panel_scratch(size_t D)
{
	return bmc_mul(groups(D), sizeof(int32_t));
}

size_t
bmc_topk_panel(uint32_t *index, float *score, size_t k, const BmPanel *panel, const float *E,
			   const float *q, const uint64_t *keep, BmPanelLevel level, void *scratch)
{
	BmTopk h = {index, score, 0, k};
	Query u = {.code = scratch};
	Above above = above_of(level);
	size_t N = panel->N, D = panel->D;

	if (!query(&u, q, panel))
		return bmc_topk_dot(index, score, k, E, q, N, D, keep);
	for (size_t first = 0; k > 0 && first < N; first += WORD)
	{
		uint64_t bits = bmc_keep_word(keep, first / WORD, N);

		if (bits && h.n == k)
			bits = above(panel->code + first * u.G, panel->scale + first, &u, score[0], bits);
		for (; bits; bits &= bits - 1)
		{
			size_t i = first + (size_t) __builtin_ctzll(bits);

			bmc_topk_offer(&h, bmc_dot(E + i * D, q, D), (uint32_t) i);
		}
	}
	return bmc_topk_finish(&h);
}
