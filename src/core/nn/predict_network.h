/*
 * predict_network.h
 *		Networks as predictors of rows and windows: their options, and the ready-made ones.
 */
#ifndef BM_PREDICT_NETWORK_H
#define BM_PREDICT_NETWORK_H

#include "core/nn/loss.h"
#include "core/nn/network.h"
#include "core/nn/optimizer.h"

typedef enum BmReady
{
	BM_READY_MLP = 0,
	BM_READY_CNN,
	BM_READY_TRANSFORMER,
	BM_READY_GRU,
	BM_READY_LSTM,
	BM_READY_AUTOENCODER
} BmReady;

typedef struct BmNetworkOptions
{
	BmNetworkSpec spec; /* n 0: the ready-made network of `ready` */
	const void
		*layers; /* whoever fills spec keeps here what it is made of; the core does not look */
	int ready;   /* BmReady; an autoencoder learns to give back its input, whatever the spec */
	int units, depth, heads, code; /* of ready-made ones: widths, blocks */
	double dropout;
	int loss; /* BmLossKind */
	double label_smoothing, huber_delta;
	bool balanced; /* classes count by 1 / their share */
	int optimizer; /* BmOptimizerKind */
	double learning_rate, momentum, beta2, weight_decay, clip; /* clip 0: none */
	bool nesterov;
	int schedule; /* BmScheduleKind */
	int every, patience, warmup;
	double factor;
	int batch, epochs;
} BmNetworkOptions;

extern const BmPredictor bmc_network;

/* The ready-made network for samples of this shape, without what bmc_network_complete adds. */
extern void bmc_network_ready(BmNetworkSpec *spec, const BmNetworkOptions *o,
							  const BmNetworkInput *input);
/* Options as they are fitted: a spec with its last layers, a loss. classes 0: a number. */
extern void bmc_network_complete(BmNetworkOptions *o, const BmNetworkInput *input, size_t classes);
/* What is wrong with the options whatever the data, as the rest of "Option ..."; NULL: nothing. */
extern const char *bmc_network_wrong_option(const BmNetworkOptions *o);
/* What is wrong with the options or shapes, in error (BM_NETWORK_ERROR), or BM_OK and the plan. */
extern BmStatus bmc_network_check(BmNetwork *net, BmNetworkOptions *o, const BmNetworkInput *input,
								  size_t classes, char *error);

/* Width of the embedding of a bound network: of its code layer's answer; 0: it has none. */
extern size_t bmc_network_code_width(const void *bound);
/* out (count, width) = that answer for samples first.. of s; scratch as for predict. */
extern void bmc_network_embed(float *out, const void *bound, const BmSamples *s, size_t first,
							  size_t count, void *scratch, bool fast_blas);
/* The plan of a bound network, for summaries. */
extern const BmNetwork *bmc_network_of(const void *bound);

/* Weights of a fit in progress, contiguous: (P) of bmc_network_plan's places; for tests and benches. */
extern float *bmc_network_fit_weights(BmFit *fit, const BmNetwork **net);
/* Train on exactly these samples, in this order, as one batch; its loss. For tests and benches. */
extern BmStatus bmc_network_fit_batch(BmFit *fit, const uint32_t *index, size_t S, double *loss);

#endif
