/*
 * panel.h
 *		A matrix a second time in 8 bits, for a first pass over it that reads a quarter of the bytes and
 *		still ends in the exact k best.
 *
 * A row e is kept as scale * c, c integers of -127..127. With q as step * u in the same way,
 *		|<q, e> - scale * step * <u, c>| <= scale * (error * |q| + size * |q - step * u|)
 * by Cauchy and Schwarz, where error and size are the largest |e - scale c| / scale and |c| of all rows.
 * So a row whose upper bound does not exceed the worst of the k best so far cannot be one of them; of every
 * other row the product itself is made. The answer is that of bmc_topk_dot, bit for bit.
 */
#ifndef BM_PANEL_H
#define BM_PANEL_H

#include "core/num/topk.h"

#define BM_PANEL_ROWS 16 /* whose codes lie interleaved */

typedef struct BmPanel
{
	size_t N, D;
	/*
	 * (blocks, D / 4 rounded up, BM_PANEL_ROWS) words of four codes each, 128 added to a code; blocks: N / 16,
	 * rounded up to a multiple of four. Rows from N on are 0.
	 */
	const int32_t *code;
	const float *scale; /* (blocks * BM_PANEL_ROWS), 0 from N on */
	float error, size;
} BmPanel;

extern size_t bmc_panel_words(size_t N, size_t D); /* of code; SIZE_MAX on overflow */
extern size_t bmc_panel_scales(size_t N);
/* code, scale: as above, both written whole; bound (2): error and size. */
extern void bmc_panel_fill(int32_t *code, float *scale, float *bound, const float *E, size_t N,
						   size_t D);

/* Ways to multiply: what the machine offers at most, and all below it. */
typedef enum BmPanelLevel
{
	BM_PANEL_PLAIN = 0,
	BM_PANEL_AVX2,
	BM_PANEL_VNNI
} BmPanelLevel;

extern BmPanelLevel bmc_panel_level(void);

/* Scratch of bmc_topk_panel. */
extern size_t bmc_panel_scratch(size_t D);
/* As bmc_topk_dot over E, the matrix that the panel was made of. */
extern size_t bmc_topk_panel(uint32_t *index, float *score, size_t k, const BmPanel *panel,
							 const float *E, const float *q, const uint64_t *keep,
							 BmPanelLevel level, void *scratch);

#endif
