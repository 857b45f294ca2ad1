/*
 * uplift_model.h
 *		A model of whom a treatment moves, as a version: what is stored of it, and how it is found again.
 *
 * version.encoder: {"data": "public.campaign", "outcome": "bought", "treatment": "mailed", "binary": true,
 * "encoder": {...}}. Tensors: the learner's, "encoder/...", and "bands" (n, 4): the least score of a bin of
 * the test part, the effect that was seen in it, and its 95 % interval, best first.
 */
#ifndef BM_UPLIFT_MODEL_H
#define BM_UPLIFT_MODEL_H

#include "core/stat/uplift_learner.h"
#include "event/encode_row.h"
#include "model/registry.h"

#define BM_UPLIFT_TASK "uplift"
#define BM_UPLIFT_BANDS 10

extern const char *const bm_uplift_method_names[BM_UPLIFT_METHODS];

/* What was seen of people with at least this score, and less than that of the band before. */
typedef struct BmUpliftBand
{
	float from, effect, low, high;
} BmUpliftBand;

/* A stored version, ready to answer. */
typedef struct BmUpliftModel
{
	BmVersion *version;
	BmTableEncoder *encoder;
	BmUpliftLearner learner;
	const BmUpliftBand *band; /* (nbands) */
	size_t nbands;
	BmRowReader *reader;
	BmTensors *tensors;
	float *x; /* (width) of the row at hand */
	BmMem mem;
} BmUpliftModel;

/*
 * The deployed version of a model in the current context; name NULL: the only deployed one of this
 * task. 55000 when there is none, 42809 when the model is of another task, XX001 when it is damaged.
 */
extern BmUpliftModel *bm_uplift_model(const char *name);

#endif
