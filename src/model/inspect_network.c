/*
 * inspect_network.c
 *		The layers of a network over rows, for behav_summary.
 */
#include "pg/pg.h"

#include "core/nn/predict_network.h"
#include "model/inspect.h"
#include "pg/options.h"

/* How a layer takes part: where another does its work, or shares its memory. */
static const char *
layer_note(const BmLayer *l, size_t batch)
{
	if (l->done_before)
		return "done by a layer before it, in one sweep";
	if (l->newest)
		return psprintf("worked out for the newest row of each window; bytes are a batch's, %zu "
						"samples in training",
						batch);
	if (l->inplace)
		return "works in the memory of the layer that it reads";
	return psprintf("bytes are a batch's, %zu samples in training", batch);
}

void
bm_summary_layers(FunctionCallInfo fcinfo, const BmVersion *v, const BmTensors *tensors)
{
	const BmAlgorithm *a = bm_algorithm_or_null(v->algorithm);
	const BmNetwork *net;
	BmNetworkOptions *o;
	size_t batch;
	void *bound;

	if (a == NULL || a->predictor != &bmc_network)
		return;
	bound = palloc0(a->predictor->bound_size);
	if (a->predictor->bind(bound, tensors, psprintf("%s/", a->name)) != NULL)
		return; /* whoever answers with it says what is wrong */
	o = palloc0(a->predictor->options_size);
	bm_options_parse(o, a->options, v->options);
	batch = (size_t) o->batch;
	net = bmc_network_of(bound);
	for (int i = 0; i < net->n; i++)
	{
		const BmLayer *l = &net->layer[i];
		int32 shape[BM_LAYER_INPUTS];
		int n = 0;

		if (l->out.steps)
			shape[n++] = l->out.steps > 0 ? l->out.steps : (int32) net->input.steps;
		for (int d = 0; d < l->out.rank; d++)
			shape[n++] = (int32) l->out.d[d];
		bm_summary_part(
			fcinfo, psprintf("layer %d (%s)", i + 1, l->type->name), shape, n,
			(int64) (l->params + l->state),
			(int64) bmc_network_layer_bytes(net, i, batch, bmc_mul(batch, net->input.steps)),
			layer_note(l, batch));
	}
}
