/*
 * panel.c
 *		Making the 8-bit panel of an item matrix, and finding it in a mapped file.
 */
#include "pg/pg.h"

#include <math.h>

#include "model/panel.h"

/* The recommender of a version that is one, and whose scores are products. */
static const BmRecommender *
product_of(const BmVersion *v)
{
	const BmAlgorithm *a = bm_algorithm_or_null(v->algorithm);

	return a && a->core && a->core->state && bm_panel_items > 0 && v->items >= bm_panel_items
			   ? a->core
			   : NULL;
}

static const BmTensor *
item_matrix(const BmTensors *tensors, const char *prefix, const BmRecommender *r, int64 items)
{
	size_t shape[2] = {(size_t) items, 0};

	return bmc_tensors_find(tensors, prefix, r->item_embedding, BM_F32, 2, shape);
}

void
bm_panel_derive(BmTensors *tensors, const BmVersion *v, BmMem *mem)
{
	const BmRecommender *r = product_of(v);
	char *prefix = psprintf("%s/", v->algorithm);
	const BmTensor *item = r ? item_matrix(tensors, prefix, r, v->items) : NULL;
	size_t N, D, words, scales, two = 2;
	int32_t *code;
	float *scale, *bound;

	if (item == NULL || tensors->n + 3 > BM_MAX_TENSORS)
		return;
	N = item->shape[0];
	D = item->shape[1];
	words = bmc_panel_words(N, D);
	scales = bmc_panel_scales(N);
	code = bmc_alloc(mem, words, sizeof(int32_t));
	scale = bmc_alloc(mem, scales, sizeof(float));
	bound = bmc_alloc(mem, two, sizeof(float));
	if (code == NULL || scale == NULL || bound == NULL)
		return;
	bmc_panel_fill(code, scale, bound, item->data, N, D);
	(void) (bmc_tensors_add(tensors, prefix, "panel_code", BM_I32, code, 1, &words) &&
			bmc_tensors_add(tensors, prefix, "panel_scale", BM_F32, scale, 1, &scales) &&
			bmc_tensors_add(tensors, prefix, "panel_bound", BM_F32, bound, 1, &two));
}

void
bm_panel_bind(BmModel *model, const BmTensors *tensors)
{
	const BmRecommender *r = product_of(model->version);
	char *prefix = psprintf("%s/", model->version->algorithm);
	size_t N = model->items.n, D, words, scales, two = 2;
	const BmTensor *item = r ? item_matrix(tensors, prefix, r, (int64) N) : NULL;
	const BmTensor *code, *scale, *bound;
	BmPanel *panel;

	if (item == NULL)
		return;
	D = item->shape[1];
	words = bmc_panel_words(N, D);
	scales = bmc_panel_scales(N);
	code = bmc_tensors_find(tensors, prefix, "panel_code", BM_I32, 1, &words);
	scale = bmc_tensors_find(tensors, prefix, "panel_scale", BM_F32, 1, &scales);
	bound = bmc_tensors_find(tensors, prefix, "panel_bound", BM_F32, 1, &two);
	if (code == NULL || scale == NULL || bound == NULL)
		return;
	panel = palloc(sizeof(BmPanel));
	*panel = (BmPanel){N,
					   D,
					   code->data,
					   scale->data,
					   ((const float *) bound->data)[0],
					   ((const float *) bound->data)[1]};
	if (!(panel->error >= 0.0f && panel->size >= 0.0f && isfinite(panel->error + panel->size)))
		bm_version_damaged(model->version, "panel_bound", "it is no bound");
	model->panel = panel;
}
