/*
 * panel.h
 *		The 8-bit panel of a version's item matrix (core/num/panel.h), beside its tensors in the cache file.
 *
 * It is derived and never stored in tables: made when the file is, for versions of one algorithm whose
 * score is a product, from so many items on that a call would wait for the memory.
 */
#ifndef BM_MODEL_PANEL_H
#define BM_MODEL_PANEL_H

#include "model/bound.h"

/* Append the panel of v's item matrix, in memory of mem; without memory for it there is none. */
extern void bm_panel_derive(BmTensors *tensors, const BmVersion *v, BmMem *mem);
/* model->panel, from tensors, or NULL. XX001 when its bounds are none. */
extern void bm_panel_bind(BmModel *model, const BmTensors *tensors);

#endif
