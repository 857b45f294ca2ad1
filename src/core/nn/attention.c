/*
 * attention.c
 *		Multi-head attention (Vaswani et al. 2017) on packed ragged sequences.
 *
 * Queries go in blocks of BLOCK rows, causally against the keys up to the block's end, so only the
 * lower triangle costs anything. The backward pass makes the probabilities again from the rows' kept
 * log-sums instead of storing them (Dao et al. 2022).
 */
#include <math.h>
#include <string.h>

#include "core/nn/attention.h"
#include "core/num/lanes.h"

#define BLOCK 64 /* query rows at a time: 64 x 200 scores stay in the first-level cache's reach */

size_t
bmc_attention_scratch(size_t L)
{
	return 2 * BLOCK * (L + 16);
}

/* Keys that query i of a block of rows may see, of cols; causally the block's last sees all of them. */
static inline size_t
visible(size_t i, size_t rows, size_t cols, bool causal)
{
	return causal ? cols - rows + i + 1 : cols;
}

/* Turn scores (rows, cols) into exp(score - max); sums and log-sums by row. */
static void
masked_softmax(float *score, float *inverse, float *lse, size_t lse_stride, size_t rows,
			   size_t cols, bool causal)
{
	for (size_t i = 0; i < rows; i++, score += cols)
	{
		size_t n = visible(i, rows, cols, causal);
		float top = bmc_max(score, n);
		float sum = bmc_exp_sum(score, score, top, n);

		memset(score + n, 0, (cols - n) * sizeof(float));
		inverse[i] = 1.0f / sum;
		if (lse)
			lse[i * lse_stride] = top + logf(sum);
	}
}

static void
attend(float *o, float *lse, const float *qkv, const BmRagged *r, size_t D, size_t H, bool causal,
	   float *scratch, BmGemm gemm)
{
	size_t dh = D / H, W = 3 * D;
	float scale = 1.0f / sqrtf((float) dh), inverse[BLOCK];

	for (size_t s = 0; s < r->S; s++)
	{
		size_t base = r->start[s] - r->start[0], n = r->start[s + 1] - r->start[s];

		for (size_t h = 0; h < H; h++)
			for (size_t i = 0; i < n; i += BLOCK)
			{
				size_t rows = n - i < BLOCK ? n - i : BLOCK, cols = causal ? i + rows : n;
				const float *q = qkv + (base + i) * W + h * dh;
				const float *k = qkv + base * W + D + h * dh;
				float *out = o + (base + i) * D + h * dh;

				gemm(false, true, rows, cols, dh, scale, q, W, k, W, 0.0f, scratch, cols);
				masked_softmax(scratch, inverse, lse ? lse + (base + i) * H + h : NULL, H, rows,
							   cols, causal);
				gemm(false, false, rows, dh, cols, 1.0f, scratch, cols, k + D, W, 0.0f, out, D);
				for (size_t j = 0; j < rows; j++)
					bmc_scale(out + j * D, inverse[j], dh);
			}
	}
}

void
bmc_attention_forward(float *o, float *lse, const float *qkv, const BmRagged *r, size_t D, size_t H,
					  float *scratch, BmGemm gemm)
{
	attend(o, lse, qkv, r, D, H, true, scratch, gemm);
}

void
bmc_attention_full_forward(float *o, float *lse, const float *qkv, const BmRagged *r, size_t D,
						   size_t H, float *scratch, BmGemm gemm)
{
	attend(o, lse, qkv, r, D, H, false, scratch, gemm);
}

/*
 * p (rows, cols) holds scaled scores, dp (rows, cols) the gradient by probability. p becomes the
 * probabilities, dp the gradient by score:  ds = p * (dp - <dout, o>) * scale.
 */
BM_CLONES static void
masked_backward(float *p, float *dp, const float *dout, const float *o, const float *lse,
				size_t lse_stride, bool causal, size_t rows, size_t cols, size_t D, size_t dh,
				float scale)
{
	for (size_t i = 0; i < rows; i++, p += cols, dp += cols)
	{
		size_t n = visible(i, rows, cols, causal);
		float delta = bmc_lanes_dot(dout + i * D, o + i * D, dh);

		bmc_exp_sum(p, p, lse[i * lse_stride], n);
		for (size_t j = 0; j < n; j++)
			dp[j] = p[j] * (dp[j] - delta) * scale;
		memset(p + n, 0, (cols - n) * sizeof(float));
		memset(dp + n, 0, (cols - n) * sizeof(float));
	}
}

static void
attend_back(float *dqkv, const float *dout, const float *qkv, const float *o, const float *lse,
			const BmRagged *r, size_t D, size_t H, bool causal, float *scratch, BmGemm gemm)
{
	size_t dh = D / H, W = 3 * D;
	float scale = 1.0f / sqrtf((float) dh);

	memset(dqkv, 0, bmc_ragged_tokens(r) * W * sizeof(float));
	for (size_t s = 0; s < r->S; s++)
	{
		size_t base = r->start[s] - r->start[0], n = r->start[s + 1] - r->start[s];

		for (size_t h = 0; h < H; h++)
			for (size_t i = 0; i < n; i += BLOCK)
			{
				size_t rows = n - i < BLOCK ? n - i : BLOCK, cols = causal ? i + rows : n;
				size_t at = base + i, head = h * dh;
				const float *q = qkv + at * W + head, *k = qkv + base * W + D + head;
				const float *go = dout + at * D + head;
				float *dq = dqkv + at * W + head, *dk = dqkv + base * W + D + head;
				float *p = scratch, *dp = scratch + rows * cols;

				gemm(false, true, rows, cols, dh, scale, q, W, k, W, 0.0f, p, cols);
				gemm(false, true, rows, cols, dh, 1.0f, go, D, k + D, W, 0.0f, dp, cols);
				masked_backward(p, dp, go, o + at * D + head, lse + at * H + h, H, causal, rows,
								cols, D, dh, scale);
				gemm(false, false, rows, dh, cols, 1.0f, dp, cols, k, W, 0.0f, dq, W);
				gemm(true, false, cols, dh, rows, 1.0f, dp, cols, q, W, 1.0f, dk, W);
				gemm(true, false, cols, dh, rows, 1.0f, p, cols, go, D, 1.0f, dk + D, W);
			}
	}
}

void
bmc_attention_backward(float *dqkv, const float *dout, const float *qkv, const float *o,
					   const float *lse, const BmRagged *r, size_t D, size_t H, float *scratch,
					   BmGemm gemm)
{
	attend_back(dqkv, dout, qkv, o, lse, r, D, H, true, scratch, gemm);
}

void
bmc_attention_full_backward(float *dqkv, const float *dout, const float *qkv, const float *o,
							const float *lse, const BmRagged *r, size_t D, size_t H, float *scratch,
							BmGemm gemm)
{
	attend_back(dqkv, dout, qkv, o, lse, r, D, H, false, scratch, gemm);
}

BM_CLONES void
bmc_attention_last(float *o, float *p, const float *q, const float *kv, const BmRagged *r, size_t D,
				   size_t H, float *scratch)
{
	size_t dh = D / H, W = 2 * D;
	float scale = 1.0f / sqrtf((float) dh);

	memset(o, 0, r->S * D * sizeof(float));
	for (size_t s = 0; s < r->S; s++, o += D, q += D)
	{
		size_t base = r->start[s] - r->start[0], n = r->start[s + 1] - r->start[s];

		for (size_t h = 0; h < H; h++)
		{
			const float *k = kv + base * W + h * dh, *v = k + D;
			float *share = p ? p + base * H + h * n : scratch;

			for (size_t j = 0; j < n; j++)
				share[j] = scale * bmc_lanes_dot(q + h * dh, k + j * W, dh);
			bmc_scale(share, 1.0f / bmc_exp_sum(share, share, bmc_max(share, n), n), n);
			for (size_t j = 0; j < n; j++)
				for (size_t d = 0; d < dh; d++)
					o[h * dh + d] += share[j] * v[j * W + d];
		}
	}
}

BM_CLONES void
bmc_attention_last_backward(float *dq, float *dkv, const float *dout, const float *p,
							const float *q, const float *kv, const BmRagged *r, size_t D, size_t H,
							float *scratch)
{
	size_t dh = D / H, W = 2 * D;
	float scale = 1.0f / sqrtf((float) dh);

	memset(dq, 0, r->S * D * sizeof(float));
	for (size_t s = 0; s < r->S; s++, dq += D, q += D, dout += D)
	{
		size_t base = r->start[s] - r->start[0], n = r->start[s + 1] - r->start[s];

		for (size_t h = 0; h < H; h++)
		{
			const float *k = kv + base * W + h * dh, *share = p + base * H + h * n;
			const float *go = dout + h * dh, *query = q + h * dh;
			float *dk = dkv + base * W + h * dh, *to = dq + h * dh, mean;

			for (size_t j = 0; j < n; j++)
				scratch[j] = bmc_lanes_dot(go, k + D + j * W, dh);
			mean = bmc_dot(scratch, share, n);
			for (size_t j = 0; j < n; j++)
			{
				float ds = share[j] * (scratch[j] - mean) * scale;

				for (size_t d = 0; d < dh; d++)
				{
					to[d] += ds * k[j * W + d];
					dk[j * W + d] = ds * query[d];
					dk[j * W + D + d] = share[j] * go[d];
				}
			}
		}
	}
}
