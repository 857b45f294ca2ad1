/*
 * uplift_learner.h
 *		Models of the effect of a treatment on one person, behind one interface.
 *
 * s: one regression of the outcome on features, treatment and their products. t: one regression in each
 * arm (both: Kuenzel et al. 2019). transform: one regression of a transformed outcome, whose mean is the
 * effect (Jaskowski and Jaroszewicz 2012; Athey and Imbens 2016). forest: uplift_forest.h. Regressions
 * are logistic where outcomes are 0 and 1, else linear.
 */
#ifndef BM_UPLIFT_LEARNER_H
#define BM_UPLIFT_LEARNER_H

#include "core/num/tensor.h"
#include "core/stat/uplift_forest.h"

typedef enum BmUpliftMethod
{
	BM_UPLIFT_S = 0,
	BM_UPLIFT_T,
	BM_UPLIFT_TRANSFORM,
	BM_UPLIFT_FOREST,
	BM_UPLIFT_METHODS
} BmUpliftMethod;

typedef struct BmUpliftSettings
{
	double l2; /* penalty of the regressions, as in linear.h */
	BmUpliftForestOptions forest;
} BmUpliftSettings;

typedef struct BmUpliftLearner
{
	BmUpliftMethod method;
	size_t width; /* features of a person */
	bool binary;  /* outcomes are 0 and 1 */
	BmUpliftForest forest;
	void *part[2];     /* bound regressions: of s and transform one; of t control, then treated */
	BmTensors tensors; /* of the regressions; data in block, or whoever bound them owns it */
	void *block[2];
	float *row; /* (2 width + 1) and scratch of the regressions */
	void *scratch;
	BmMem *mem;
} BmUpliftLearner;

/*
 * Fit on data, whose x must be finite. BM_EINVAL unless both arms have people (forest: as there). Free
 * after a failure, too. The same bits at any thread count.
 */
extern BmStatus bmc_uplift_learner_fit(BmUpliftLearner *l, BmUpliftMethod method,
									   const BmUpliftData *data, bool binary,
									   const BmUpliftSettings *settings, uint64_t seed,
									   BmPool *pool, BmMem *mem, const BmStop *stop);
extern size_t bmc_uplift_learner_bytes(size_t n, size_t width, const BmUpliftSettings *settings,
									   int threads);
/* Append its tensors to out; they live as long as it. False when out is full. */
extern bool bmc_uplift_learner_tensors(const BmUpliftLearner *l, BmTensors *out);
/* Back from tensors, which must outlive it; everything is checked. What is wrong, or NULL. */
extern const char *bmc_uplift_learner_bind(BmUpliftLearner *l, BmUpliftMethod method, size_t width,
										   bool binary, const BmTensors *tensors, BmMem *mem);
/* effect (n) on people x (n, width): difference of the expected outcomes. One thread at a time. */
extern void bmc_uplift_learner_predict(float *effect, const BmUpliftLearner *l, const float *x,
									   size_t n);
/*
 * share (width): what each feature of one person adds to the effect: of logistic regressions in log-odds
 * (of transform: those of the transformed outcome), of linear ones and forests in units of the outcome.
 * Returns what no feature explains; the sum is the effect on the same scale.
 */
extern double bmc_uplift_learner_explain(double *share, const BmUpliftLearner *l, const float *x);
extern void bmc_uplift_learner_free(BmUpliftLearner *l);

#endif
