/*
 * algorithm_network.c
 *		The entries of "mlp", "cnn" and "transformer": ready-made networks over rows, or any network that
 *		"layers" describes.
 */
#include "pg/pg.h"

#include "predict/algorithms_rows.h"
#include "predict/network_json.h"

#define AT(field) offsetof(BmNetworkOptions, field)

#define USUAL_EPOCHS 20.0 /* that early stopping needs; for the estimate of cost only */

#define NETWORK_OPTIONS(units_dflt, depth_dflt, dropout_dflt)                                      \
	{"layers",   BM_OPT_JSON,                                                                      \
	 AT(layers), NULL,                                                                             \
	 0,          0,                                                                                \
	 NULL,       "The network as an array of layers; without it, a ready-made one."},              \
		{"units", BM_OPT_INT, AT(units), units_dflt,                                               \
		 1,       4096,       NULL,      "Width of a ready-made network's layers."},               \
		{"depth", BM_OPT_INT, AT(depth), depth_dflt,                                               \
		 1,       6,          NULL,      "Layers or blocks of a ready-made network."},             \
		{"heads",   BM_OPT_INT,                                                                    \
		 AT(heads), "4",                                                                           \
		 1,         64,                                                                            \
		 NULL,      "Attention heads of a ready-made transformer; \"units\" is a multiple."},      \
		{"dropout",   BM_OPT_FLOAT,                                                                \
		 AT(dropout), dropout_dflt,                                                                \
		 0,           0.95,                                                                        \
		 NULL,        "Share dropped in training after each layer of a ready-made network."},      \
		{"loss",                                                                                   \
		 BM_OPT_ENUM,                                                                              \
		 AT(loss),                                                                                 \
		 "auto",                                                                                   \
		 0,                                                                                        \
		 0,                                                                                        \
		 "auto|cross_entropy|binary_cross_entropy|mse|mae|huber",                                  \
		 "What training makes small; auto: cross_entropy for classes, mse for numbers."},          \
		{"label_smoothing",                                                                        \
		 BM_OPT_FLOAT,                                                                             \
		 AT(label_smoothing),                                                                      \
		 "0",                                                                                      \
		 0,                                                                                        \
		 0.99,                                                                                     \
		 NULL,                                                                                     \
		 "Share of the target that all classes get evenly."},                                      \
		{"huber_delta",                                                                            \
		 BM_OPT_FLOAT,                                                                             \
		 AT(huber_delta),                                                                          \
		 "1",                                                                                      \
		 1e-6,                                                                                     \
		 1e9,                                                                                      \
		 NULL,                                                                                     \
		 "Error above which the loss huber grows as a line."},                                     \
		{"optimizer",                                                                              \
		 BM_OPT_ENUM,                                                                              \
		 AT(optimizer),                                                                            \
		 "adam",                                                                                   \
		 0,                                                                                        \
		 0,                                                                                        \
		 "sgd|adam|adamw|adagrad",                                                                 \
		 "How gradients move the weights."},                                                       \
		{"learning_rate",                                                                          \
		 BM_OPT_FLOAT,                                                                             \
		 AT(learning_rate),                                                                        \
		 "0.001",                                                                                  \
		 1e-7,                                                                                     \
		 10,                                                                                       \
		 NULL,                                                                                     \
		 "Step size of the optimizer."},                                                           \
		{"momentum", BM_OPT_FLOAT, AT(momentum), "0", 0, 0.999, NULL, "Momentum of sgd."},         \
		{"nesterov", BM_OPT_BOOL, AT(nesterov), "false",                                           \
		 0,          0,           NULL,         "Nesterov's form of the momentum."},               \
		{"beta2", BM_OPT_FLOAT, AT(beta2), "0.999",                                                \
		 0.5,     0.99999,      NULL,      "Decay of Adam's second moment."},                      \
		{"weight_decay",                                                                           \
		 BM_OPT_FLOAT,                                                                             \
		 AT(weight_decay),                                                                         \
		 "0",                                                                                      \
		 0,                                                                                        \
		 1,                                                                                        \
		 NULL,                                                                                     \
		 "Penalty on the weights; with adamw a decay of its own."},                                \
		{"clip", BM_OPT_FLOAT, AT(clip), "0",                                                      \
		 0,      1e6,          NULL,     "Largest norm of a step's gradient; 0 means no limit."},  \
		{"schedule",                                                                               \
		 BM_OPT_ENUM,                                                                              \
		 AT(schedule),                                                                             \
		 "constant",                                                                               \
		 0,                                                                                        \
		 0,                                                                                        \
		 "constant|step|cosine|plateau",                                                           \
		 "How the learning rate changes."},                                                        \
		{"schedule_every",                                                                         \
		 BM_OPT_INT,                                                                               \
		 AT(every),                                                                                \
		 "1000",                                                                                   \
		 1,                                                                                        \
		 1000000000,                                                                               \
		 NULL,                                                                                     \
		 "Batches between two falls (step) or two looks at the validation part (plateau)."},       \
		{"schedule_factor",                                                                        \
		 BM_OPT_FLOAT,                                                                             \
		 AT(factor),                                                                               \
		 "0.5",                                                                                    \
		 0.001,                                                                                    \
		 1,                                                                                        \
		 NULL,                                                                                     \
		 "What the learning rate is multiplied by in a fall."},                                    \
		{"schedule_patience",                                                                      \
		 BM_OPT_INT,                                                                               \
		 AT(patience),                                                                             \
		 "2",                                                                                      \
		 0,                                                                                        \
		 1000,                                                                                     \
		 NULL,                                                                                     \
		 "Looks without a gain before a fall on a plateau."},                                      \
		{"warmup", BM_OPT_INT, AT(warmup), "0",                                                    \
		 0,        1000000000, NULL,       "Batches over which the learning rate rises from 0."},  \
		{"batch", BM_OPT_INT, AT(batch), "64", 1, 65536, NULL, "Rows of one step."},               \
		{"epochs",   BM_OPT_INT,                                                                   \
		 AT(epochs), "100",                                                                        \
		 1,          100000,                                                                       \
		 NULL,       "At most so many passes over the rows; early stopping usually ends sooner."}, \
	{                                                                                              \
		NULL                                                                                       \
	}

static const BmOptionSpec mlp_options[] = {NETWORK_OPTIONS("64", "2", "0.3")};
static const BmOptionSpec cnn_options[] = {NETWORK_OPTIONS("32", "1", "0")};
static const BmOptionSpec gru_options[] = {NETWORK_OPTIONS("64", "1", "0.1")};
static const BmOptionSpec lstm_options[] = {NETWORK_OPTIONS("64", "1", "0.1")};
static const BmOptionSpec transformer_options[] = {NETWORK_OPTIONS("32", "2", "0.1")};

static void
settle(BmNetworkOptions *o, BmReady ready)
{
	const char *wrong = bmc_network_wrong_option(o);

	if (wrong)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("option %s", wrong)));
	o->ready = ready;
	bm_network_spec(&o->spec, (Jsonb *) o->layers);
}

static void
settle_mlp(void *options, const BmFitSize *size)
{
	settle(options, BM_READY_MLP);
}

static void
settle_cnn(void *options, const BmFitSize *size)
{
	settle(options, BM_READY_CNN);
}

static void
settle_transformer(void *options, const BmFitSize *size)
{
	settle(options, BM_READY_TRANSFORMER);
}

static void
settle_gru(void *options, const BmFitSize *size)
{
	settle(options, BM_READY_GRU);
}

static void
settle_lstm(void *options, const BmFitSize *size)
{
	settle(options, BM_READY_LSTM);
}

/* Three times the forward pass of every row, as often as early stopping lets it. */
static double
work(const BmFitSize *size, const void *options)
{
	BmNetworkOptions o = *(const BmNetworkOptions *) options;
	BmNetworkInput input = {size->width, size->ncodes, size->ntable, Max(size->steps, 1)};
	char error[BM_NETWORK_ERROR];
	BmNetwork net;

	if (bmc_network_check(&net, &o, &input, size->classes, error) != BM_OK)
		return 0.0; /* the fit says what is wrong */
	return 3.0 * net.flops * (double) size->nsamples * Min((double) o.epochs, USUAL_EPOCHS);
}

static const char *const mlp_grid[] = {"{\"dropout\": 0.3}", "{\"dropout\": 0.1}", NULL};

#define NETWORK(id, called, ready, tried, named, windowed, text)                                   \
	const BmAlgorithm bm_algorithm_##id = {.name = called,                                         \
										   .task = "predict",                                      \
										   .summary = text,                                        \
										   .predictor = &bmc_network,                              \
										   .classifies = true,                                     \
										   .regresses = true,                                      \
										   .grid = tried,                                          \
										   .on_request = named,                                    \
										   .windows = windowed,                                    \
										   .options = ready##_options,                             \
										   .network = true,                                        \
										   .settle = settle_##ready,                               \
										   .work = work}

NETWORK(mlp, "mlp", mlp, mlp_grid, false, BM_WINDOWS_POOLED,
		"A network of dense layers, or any network that \"layers\" describes.");
NETWORK(
	cnn, "cnn", cnn, NULL, true, BM_WINDOWS_TOO,
	"Convolutions over a row laid out as a square map, with max-pools; over events along time.");
NETWORK(transformer, "transformer", transformer, NULL, true, BM_WINDOWS_TOO,
		"Attention between the features of a row, each of which is a token; or between events.");
NETWORK(gru_events, "gru_events", gru, NULL, true, BM_WINDOWS_ONLY,
		"A gated recurrent network over a user's last events; \"gru\" where a task is asked for.");
NETWORK(lstm, "lstm", lstm, NULL, true, BM_WINDOWS_ONLY,
		"A long short-term memory over a user's last events.");
