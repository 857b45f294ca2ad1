/*
 * nn_network_test.c
 *		Networks: losses of 100 steps beside PyTorch's, numeric gradients of every layer and loss, fast
 *		kernels beside naive ones, the same bits at any number of threads, memory, answers, explanations,
 *		and what is refused.
 */
#include "nn_cases.h"
#include "nn_check.h"

#include "core/nn/conv2d.h"
#include "core/nn/layers.h"
#include "core/num/pool.h"
#include "core/num/vec.h"

/* PyTorch 2.13 from the same weights and batches: losses of steps 1, 10, 50, 100 (bench/engine_curves.py). */
static const float golden[NN_CASES][4] = {
	{1.3394012f, 0.9740933f, 0.3885542f, 0.1240456f}, /* dense_sgd */
	{1.4462503f, 0.6431140f, 0.1198796f, 0.0586647f}, /* gelu_adam */
	{0.9650381f, 0.8570743f, 0.4932691f, 0.2405241f}, /* silu_tanh_sigmoid_adamw */
	{1.0550852f, 0.9952845f, 0.9059775f, 0.7750212f}, /* conv2d_adagrad */
	{1.1001220f, 1.0809102f, 1.0099317f, 0.9167696f}, /* conv_pool_sgd */
	{0.2623558f, 0.2269455f, 0.1394117f, 0.0550421f}, /* max_pool_softmax_mse */
	{0.6420894f, 0.4152263f, 0.3064573f, 0.2700571f}, /* conv1d_huber_l2 */
	{0.7753704f, 0.6774628f, 0.3720275f, 0.2156534f}, /* norms_binary */
	{1.5232824f, 0.9418833f, 0.4973850f, 0.0837533f}, /* attention_causal */
	{1.3093199f, 0.9201746f, 0.6525019f, 0.0615281f}, /* attention_full_clip */
	{1.0760130f, 0.9529834f, 0.4345898f, 0.0543879f}, /* gru */
	{1.1102796f, 1.0649481f, 0.6536254f, 0.1134677f}, /* lstm */
	{1.4346358f, 1.0411885f, 0.7332407f, 0.2078448f}, /* conv1d_steps */
	{1.0583446f, 0.6924881f, 0.3422080f, 0.2622528f}, /* embedding_concat */
	{1.1398739f, 1.0197980f, 0.4777937f, 0.1147866f}, /* tokens */
};

static BmTensors tensors; /* too large for a frame */

static void
test_curves(void)
{
	for (size_t i = 0; i < NN_CASES; i++)
	{
		static const size_t at[] = {0, 9, 49, 99};
		UnitHeap heap;
		NnCase c;
		BmFit fit;
		int k = 0;

		nn_case(&c, i);
		CASE(c.name);
		fit = nn_fit(&c, unit_heap(&heap), NULL);
		CHECK_INT(bmc_network.fit_begin(&fit), BM_OK);
		for (size_t s = 0; s < CASE_STEPS; s++)
		{
			uint32_t index[CASE_BATCH];
			double loss;

			nn_batch(index, s);
			CHECK_INT(bmc_network_fit_batch(&fit, index, CASE_BATCH, &loss), BM_OK);
			if (s == at[k])
			{
				CHECK_NEAR(loss, golden[i][k], 1e-4 * (double) golden[i][k] + 1e-6);
				k++;
			}
		}
		bmc_network.fit_end(&fit);
		CHECK_INT(heap.live, 0);
		nn_free(&c);
	}
}

/* ---- gradients ---- */

typedef struct Probe
{
	BmFit *fit;
} Probe;

static double
batch_loss(void *arg)
{
	Probe *p = arg;
	uint32_t index[CASE_BATCH];
	double loss;

	nn_batch(index, 0);
	bmc_network_fit_batch(p->fit, index, CASE_BATCH, &loss);
	return loss * 16.0; /* so that the check's 1 + |gradient| is not all there is */
}

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *) a, y = *(const double *) b;

	return (x > y) - (x < y);
}

/*
 * The gradient g (n) of the loss by w (n) beside differences, at up to 25 places. ReLU and max-pools
 * have kinks, across which a difference means nothing: so the median has to be right, and nothing far off.
 */
static void
check_gradient(const char *name, Probe *probe, float *w, const float *g, size_t n)
{
	double e[25];
	size_t places = 0;

	for (size_t i = 0; i < n && places<25; i += n> 25 ? n / 25 : 1)
		e[places++] = gradient_error_at(batch_loss, probe, w + i, g + i, 1, 1, 5e-4f);
	qsort(e, places, sizeof(double), by_size);
	if (e[places / 2] > 5e-3 || e[places - 1] > 0.3)
		UNIT_FAIL("%s: median error %g, largest %g", name, e[places / 2], e[places - 1]);
}

/* With plain steps of size 1 the weights move by the gradient; with steps of 0 they stay, for the differences. */
static void
test_gradients(void)
{
	BmTensors *t = calloc(1, sizeof(*t));

	for (size_t i = 0; i < NN_CASES; i++)
	{
		UnitHeap heap[2];
		NnCase c;
		BmFit moved, still;
		Probe probe = {&still};

		nn_case(&c, i);
		CASE(c.name);
		c.o.optimizer = BM_SGD;
		c.o.momentum = c.o.weight_decay = c.o.clip = 0.0;
		c.o.nesterov = false;
		c.o.learning_rate = 1e-30;
		still = nn_fit(&c, unit_heap(&heap[0]), NULL);
		CHECK_INT(bmc_network.fit_begin(&still), BM_OK);
		c.o.learning_rate = 1.0;
		moved = nn_fit(&c, unit_heap(&heap[1]), NULL);
		CHECK_INT(bmc_network.fit_begin(&moved), BM_OK);
		batch_loss(&(Probe){&moved});
		tensors.n = t->n = 0;
		bmc_network.fit_tensors(&moved, NULL, &tensors);
		bmc_network.fit_tensors(&still, NULL, t);
		for (int k = 0; k < t->n; k++)
		{
			size_t n = bmc_tensor_count(&t->t[k]);
			float *w = (float *) t->t[k].data, *g = zeros(n);

			for (size_t j = 0; j < n; j++)
				g[j] = 16.0f * (w[j] - ((const float *) tensors.t[k].data)[j]);
			if (strncmp(t->t[k].name, "layer", 5) == 0 && !strstr(t->t[k].name, "state"))
				check_gradient(t->t[k].name, &probe, w, g, n);
			free(g);
		}
		bmc_network.fit_end(&moved);
		bmc_network.fit_end(&still);
		nn_free(&c);
	}
	free(t);
}

/* ---- dropout as a layer ---- */

/* What is kept grows by 1 / (1 - rate), gradients by the same mask; outside of training nothing changes. */
static void
test_dropout(void)
{
	enum
	{
		R = 40,
		C = 50,
		N = R * C
	};
	BmDims dims = {0, 1, {C}};
	BmLayer l = {.type = &bmc_layer_dropout, .in = {dims}, .out = dims};
	float *x = zeros(N), *y = zeros(N), *dy = zeros(N), *dx = zeros(N);
	BmLayerCall c = {.l = &l,
					 .rows = R,
					 .out_rows = R,
					 .x = {x},
					 .dx = {dx},
					 .y = y,
					 .dy = dy,
					 .drop = {0.4f, 3, 7},
					 .training = true};
	BmRng rng = bmc_rng(5, 1);
	size_t dropped = 0;

	for (size_t i = 0; i < N; i++)
	{
		x[i] = 1.0f + bmc_rng_float(&rng);
		dy[i] = 2.0f + bmc_rng_float(&rng);
	}
	l.type->forward(&c);
	l.type->backward(&c);
	for (size_t i = 0; i < N; i++)
	{
		double keeps = y[i] != 0.0f ? 1.0 / 0.6 : 0.0;

		dropped += y[i] == 0.0f;
		CHECK_NEAR(y[i], (double) x[i] * keeps, 1e-3);
		CHECK_NEAR(dx[i], (double) dy[i] * keeps, 1e-3);
	}
	CHECK_NEAR((double) dropped / N, 0.4, 0.05);
	c.training = false;
	l.type->forward(&c);
	l.type->backward(&c);
	CHECK(memcmp(x, y, N * sizeof(float)) == 0 && memcmp(dx, dy, N * sizeof(float)) == 0);
	free(x), free(y), free(dy), free(dx);
}

/* ---- the newest rows alone ---- */

/* Two blocks of attention, full or causal, that end in "last"; with a code before it nothing is left out. */
static void
two_blocks(NnCase *c, bool causal, bool code)
{
	memset(c, 0, sizeof(*c));
	nn_attention(c, causal);
	c->o.spec.n -= 2;
	for (int i = 0; i < 2; i++)
	{
		int from = c->o.spec.n - 1;

		nn_add(c, BM_LAYER_LAYER_NORM, 0);
		nn_add(c, BM_LAYER_ATTENTION, 0)->heads = 2;
		c->o.spec.layer[c->o.spec.n - 1].causal = causal;
		nn_join(c, BM_LAYER_ADD, from);
		from = c->o.spec.n - 1;
		nn_add(c, BM_LAYER_LAYER_NORM, 0);
		nn_add(c, BM_LAYER_DENSE, 24);
		nn_add(c, BM_LAYER_GELU, 0);
		nn_add(c, BM_LAYER_DENSE, 16);
		nn_join(c, BM_LAYER_ADD, from);
	}
	nn_add(c, BM_LAYER_SIGMOID, 0);
	nn_add(c, BM_LAYER_LAST, 0);
	nn_add(c, BM_LAYER_DENSE, 3);
	c->o.spec.code = code ? c->o.spec.n - 3 : -1;
	c->o.beta2 = 0.999;
	c->o.batch = CASE_BATCH;
	c->o.epochs = 1;
	c->o.optimizer = BM_ADAM;
	c->o.clip = 0.0;
	c->o.learning_rate = 0.003;
}

/* The losses of 30 steps are those of a network that works out every row; and some rows are left out. */
static void
test_newest(bool causal)
{
	UnitHeap heap[2];
	NnCase c[2];
	BmFit fit[2];
	size_t newest[2] = {0, 0};

	for (int k = 0; k < 2; k++)
	{
		const BmNetwork *net;

		two_blocks(&c[k], causal, k == 1);
		fit[k] = nn_fit(&c[k], unit_heap(&heap[k]), NULL);
		CHECK_INT(bmc_network.fit_begin(&fit[k]), BM_OK);
		bmc_network_fit_weights(&fit[k], &net);
		for (int i = 0; i < net->n; i++)
			newest[k] += net->layer[i].newest;
	}
	CHECK_INT(newest[0], 9); /* all of the last block but its first norm, the sigmoid, "last" */
	CHECK_INT(newest[1], 0);
	for (size_t s = 0; s < 30; s++)
	{
		uint32_t index[CASE_BATCH];
		double loss[2];

		nn_batch(index, s);
		for (int k = 0; k < 2; k++)
			CHECK_INT(bmc_network_fit_batch(&fit[k], index, CASE_BATCH, &loss[k]), BM_OK);
		CHECK_NEAR(loss[0], loss[1], 2e-5 * (1.0 + loss[1]));
	}
	for (int k = 0; k < 2; k++)
	{
		bmc_network.fit_end(&fit[k]);
		nn_free(&c[k]);
	}
}

/* ---- kernels beside naive ones ---- */

static void
naive_conv(double *y, const float *x, const float *w, const float *b, const BmConv2d *g)
{
	for (size_t p = 0; p < g->OH * g->OW; p++)
		for (size_t o = 0; o < g->O; o++)
		{
			double sum = (double) b[o];

			for (size_t k = 0; k < bmc_conv2d_depth(g); k++)
			{
				size_t c = k % g->C, j = k / g->C % g->kw, i = k / g->C / g->kw;
				long iy = (long) (p / g->OW * g->sh + i * g->dh) - (long) g->top;
				long ix = (long) (p % g->OW * g->sw + j * g->dw) - (long) g->left;

				if (iy >= 0 && ix >= 0 && iy < (long) g->H && ix < (long) g->W)
					sum += (double) x[((size_t) iy * g->W + (size_t) ix) * g->C + c] *
						   (double) w[k * g->O + o];
			}
			y[p * g->O + o] = sum;
		}
}

static void
test_conv(BmConv2d g)
{
	size_t K = bmc_conv2d_depth(&g), P = g.OH * g.OW, B = 2, map = g.H * g.W * g.C;
	float *x = random_floats(B * map, 1.0f, 1), *w = random_floats(K * g.O, 0.3f, 2);
	float *b = random_floats(g.O, 0.3f, 3), *y = zeros(B * P * g.O);
	float *scratch = zeros(bmc_conv2d_scratch(&g));
	double *want = calloc(P * g.O, sizeof(double)), most = 0.0;

	bmc_conv2d_forward(y, x, w, b, &g, B, scratch, bmc_gemm_builtin);
	for (size_t s = 0; s < B; s++)
	{
		naive_conv(want, x + s * map, w, b, &g);
		for (size_t i = 0; i < P * g.O; i++)
			most = fmax(most, fabs(want[i] - (double) y[s * P * g.O + i]));
	}
	CHECK(most < 1e-4);
	free(x), free(w), free(b), free(y), free(scratch), free(want);
}

/* The fused kernels beside convolution, ReLU and pool one after the other. */
static void
test_conv_pool(size_t H, size_t W, size_t C, size_t O)
{
	BmConv2d g = {H, W, C, 3, 3, 1, 1, 1, 1, 0, 0, H - 2, W - 2, O};
	size_t K = 9 * C, PH = g.OH / 2, PW = g.OW / 2, n = PH * PW * O, P = g.OH * g.OW;
	float *x = random_floats(H * W * C, 1.0f, 1), *w = random_floats(K * O, 0.3f, 2);
	float *b = random_floats(O, 0.3f, 3), *y = zeros(n), *dy = random_floats(n, 1.0f, 4);
	float *dc = zeros(P * O), *dw = zeros(K * O), *db = zeros(O), *dw2 = zeros(K * O),
		  *db2 = zeros(O);
	float *scratch = zeros(bmc_conv2d_scratch(&g));
	double *c = calloc(P * O, sizeof(double)), most = 0.0;
	uint8_t *arg = calloc(n, 1);

	CHECK(bmc_conv_pool_fits(&g));
	bmc_conv_pool_forward(y, arg, x, w, b, &g, 1);
	naive_conv(c, x, w, b, &g);
	for (size_t i = 0; i < n; i++)
	{
		size_t o = i % O, px = i / O % PW, py = i / O / PW;
		double best = 0.0;

		for (size_t q = 0; q < 4; q++)
			best = fmax(best, c[((2 * py + q / 2) * g.OW + 2 * px + q % 2) * O + o]);
		most = fmax(most, fabs(best - (double) y[i]));
		CHECK(arg[i] <= 4 && (arg[i] == 4) == (y[i] == 0.0f));
	}
	CHECK(most < 1e-4);
	bmc_conv_pool_backward(dw, db, dy, arg, x, &g, 1);
	bmc_conv_pool_spread(dc, dy, arg, &g);
	bmc_conv2d_backward(NULL, dw2, db2, dc, x, w, &g, 1, scratch, bmc_gemm_builtin);
	CHECK(worst(dw, dw2, K * O) < 1e-4);
	CHECK(worst(db, db2, O) < 1e-4);
	free(x), free(w), free(b), free(y), free(dy), free(dc), free(dw), free(db), free(dw2),
		free(db2);
	free(scratch), free(c), free(arg);
}

/* ---- threads, memory, stopping ---- */

/* The ready-made network of this kind over a case's data. */
static void
ready(NnCase *c, int kind, size_t steps, size_t classes)
{
	memset(c, 0, sizeof(*c));
	nn_data(c, 20, steps, classes, 0);
	c->o = (BmNetworkOptions){.ready = kind,
							  .units = 16,
							  .depth = 2,
							  .heads = 2,
							  .code = 3,
							  .dropout = 0.2,
							  .optimizer = BM_ADAM,
							  .learning_rate = 0.01,
							  .beta2 = 0.999,
							  .batch = 48,
							  .epochs = 3,
							  .clip = 1.0};
}

static BmStatus
run_fit(BmFit *fit, double *loss)
{
	BmStatus status = bmc_network.fit_begin(fit);

	while (status == BM_OK || status == BM_MORE || status == BM_EPOCH)
	{
		status = bmc_network.fit_step(fit);
		if (status == BM_OK)
			break;
	}
	*loss = fit->loss;
	return status;
}

static void
test_threads(const char *name, int kind, size_t steps, bool norm)
{
	double loss[3];
	static const int threads[] = {1, 2, 5};

	CASE(name);
	for (int i = 0; i < 3; i++)
	{
		UnitHeap heap;
		NnCase c;
		BmFit fit;
		void *memory = malloc(bmc_pool_size(threads[i]));
		BmPool *pool = bmc_pool_open(memory, threads[i]);

		ready(&c, kind, steps, 3);
		if (norm)
		{
			nn_add(&c, BM_LAYER_DENSE, 8);
			nn_add(&c, BM_LAYER_BATCH_NORM, 0);
			nn_add(&c, BM_LAYER_RELU, 0);
			nn_add(&c, BM_LAYER_DENSE, 3);
		}
		fit = nn_fit(&c, unit_heap(&heap), i ? pool : NULL);
		CHECK_INT(run_fit(&fit, &loss[i]), BM_OK);
		CHECK(fit.epoch == 3);
		bmc_network.fit_end(&fit);
		bmc_pool_close(pool);
		CHECK_INT(heap.live, 0);
		nn_free(&c);
		free(memory);
	}
	CHECK(loss[0] == loss[1] && loss[0] == loss[2]);
}

static void
test_memory(int kind, size_t steps)
{
	UnitHeap heap;
	NnCase c;
	BmFit fit;
	double loss;
	size_t estimate;

	ready(&c, kind, steps, 3);
	estimate = bmc_network.fit_bytes(&(BmFitSize){.nsamples = CASE_SAMPLES,
												  .nrows = c.s.nrows,
												  .width = 20,
												  .steps = steps,
												  .classes = 3,
												  .threads = 1},
									 &c.o);
	fit = nn_fit(&c, unit_heap(&heap), NULL);
	CHECK_INT(run_fit(&fit, &loss), BM_OK);
	CHECK(heap.mem.peak <= estimate && estimate <= heap.mem.peak + heap.mem.peak / 2);
	bmc_network.fit_end(&fit);
	for (long k = 1; k < 40; k++) /* every request refused in turn */
	{
		unit_heap(&heap);
		heap.fail_at = k;
		if (bmc_network.fit_begin(&fit) == BM_OK)
			bmc_network.fit_end(&fit);
		CHECK_INT(heap.live, 0);
	}
	nn_free(&c);
}

static bool
stop_now(void *arg)
{
	return ++*(int *) arg > 3;
}

static void
test_stop(void)
{
	UnitHeap heap;
	NnCase c;
	int asked = 0;
	BmStop stop = {stop_now, &asked};
	double loss;
	BmFit fit;

	ready(&c, BM_READY_MLP, 1, 3);
	fit = nn_fit(&c, unit_heap(&heap), NULL);
	fit.stop = &stop;
	CHECK_INT(run_fit(&fit, &loss), BM_ESTOP);
	bmc_network.fit_end(&fit);
	CHECK_INT(heap.live, 0);
	CASE("a loss that diverges says at which step");
	c.o.learning_rate = 1e30;
	c.o.optimizer = BM_SGD;
	c.o.clip = 0.0;
	c.o.loss = BM_LOSS_MSE;
	fit = nn_fit(&c, unit_heap(&heap), NULL);
	c.s.classes = 0;
	CHECK_INT(run_fit(&fit, &loss), BM_ENOTFINITE);
	CHECK(strstr(fit.error, "not finite at step") != NULL && strstr(fit.error, "learning_rate"));
	bmc_network.fit_end(&fit);
	nn_free(&c);
}

/* ---- answers ---- */

static double
log_odds(const float *p, size_t classes, size_t target)
{
	return classes ? log((double) p[target] / (1.0 - (double) p[target])) : (double) p[0];
}

/* Shares add up to the answer's distance from that of the mean row; answers do not depend on the batch. */
static void
test_answers(const char *name, int kind, size_t steps, size_t classes)
{
	UnitHeap heap;
	NnCase c;
	BmFit fit;
	double loss, sum = 0.0, one = 0.0;
	void *bound = calloc(1, bmc_network.bound_size), *scratch;
	float p[CASE_SAMPLES * 3], q[3], share[20 * 16], *mean;
	size_t O = bmc_outputs(classes), rows;
	BmSamples flat;

	CASE(name);
	ready(&c, kind, steps, classes);
	c.o.epochs = 10;
	fit = nn_fit(&c, unit_heap(&heap), NULL);
	CHECK_INT(run_fit(&fit, &loss), BM_OK);
	tensors.n = 0;
	CHECK_INT(bmc_network.fit_tensors(&fit, "x/", &tensors), BM_OK);
	CHECK(bmc_network.bind(bound, &tensors, "x/") == NULL);
	scratch = aligned_alloc(64, bmc_network.predict_bytes(bound, CASE_SAMPLES) / 64 * 64 + 64);
	bmc_network.predict(p, bound, &c.s, 0, CASE_SAMPLES, scratch, false);
	bmc_network.predict(q, bound, &c.s, 7, 1, scratch, false);
	for (size_t o = 0; o < O; o++)
	{
		CHECK_NEAR(q[o], p[7 * O + o], 1e-5);
		one += (double) q[o];
	}
	CHECK(classes == 0 || fabs(one - 1.0) < 1e-5);
	bmc_network.explain(share, bound, &c.s, 7, 0, scratch);
	(void) bmc_sample(&c.s, 7, &rows);
	for (size_t i = 0; i < rows * 20; i++)
		sum += (double) share[i];
	mean = malloc(rows * 20 * sizeof(float)); /* the same window of mean rows */
	for (size_t i = 0; i < rows * 20; i++)
		mean[i] =
			((const float *) bmc_tensors_find(&tensors, "x/", "mean", BM_F32, 1, (size_t[]){20})
				 ->data)[i % 20];
	flat = (BmSamples){.n = 1,
					   .nrows = rows,
					   .width = 20,
					   .x = mean,
					   .steps = steps,
					   .end = steps > 1 ? &rows : NULL,
					   .length = steps > 1 ? (uint32_t[]){(uint32_t) rows} : NULL,
					   .classes = classes};
	bmc_network.predict(p, bound, &flat, 0, 1, scratch, false);
	CHECK_NEAR(sum, log_odds(q, classes, 0) - log_odds(p, classes, 0), 0.05 + 0.03 * fabs(sum));
	bmc_network.fit_end(&fit);
	nn_free(&c);
	free(bound), free(scratch), free(mean);
}

static void
test_autoencoder(void)
{
	UnitHeap heap;
	NnCase c;
	BmFit fit;
	double first = 0.0, loss;
	void *bound = calloc(1, bmc_network.bound_size), *scratch;
	float error[CASE_SAMPLES], code[3];

	ready(&c, BM_READY_AUTOENCODER, 1, 0);
	for (size_t i = 0; i < CASE_SAMPLES * 20; i++) /* rows of rank 1: three codes are enough */
		c.x[i] = c.x[i / 20 * 20] * (i % 20 < 10 ? 1.0f : -0.5f);
	c.o.epochs = 60;
	c.s.y = NULL;
	fit = nn_fit(&c, unit_heap(&heap), NULL);
	CHECK_INT(bmc_network.fit_begin(&fit), BM_OK);
	while (bmc_network.fit_step(&fit) != BM_OK)
		first = first == 0.0 ? fit.loss : first;
	loss = fit.loss;
	CHECK(loss < 0.1 * first);
	tensors.n = 0;
	bmc_network.fit_tensors(&fit, NULL, &tensors);
	CHECK(bmc_network.bind(bound, &tensors, NULL) == NULL);
	CHECK_INT(bmc_network_code_width(bound), 3);
	scratch = aligned_alloc(64, bmc_network.predict_bytes(bound, CASE_SAMPLES) / 64 * 64 + 64);
	bmc_network_embed(code, bound, &c.s, 5, 1, scratch, false);
	CHECK(code[0] != 0.0f || code[1] != 0.0f || code[2] != 0.0f);
	bmc_network.predict(error, bound, &c.s, 0, CASE_SAMPLES, scratch, false);
	CHECK_NEAR(bmc_sum(error, CASE_SAMPLES) / CASE_SAMPLES, loss, 0.5 * loss + 1e-3);
	bmc_network.fit_end(&fit);
	nn_free(&c);
	free(bound), free(scratch);
}

/* ---- what is refused ---- */

static void
refused(int type, int size, size_t steps, const char *text)
{
	BmNetworkSpec spec = {.n = 1, .code = -1};
	BmNetworkInput input = {20, 0, 0, steps};
	static BmNetwork net;
	char error[BM_NETWORK_ERROR];

	spec.layer[0] = (BmLayerSpec){.type = type, .units = 4, .size = {size, size}};
	CHECK_INT(bmc_network_plan(&net, &spec, &input, error), BM_EINVAL);
	if (strstr(error, text) == NULL)
		UNIT_FAIL("\"%s\" lacks \"%s\"", error, text);
}

static void
test_refused(void)
{
	refused(BM_LAYER_CONV2D, 9, 1,
			"Layer 2 (conv2d) got (5, 5, 1); it needs a map of at least 9 x 9");
	refused(BM_LAYER_GRU, 0, 1, "Layer 1 (gru) got (20); it needs steps");
	refused(BM_LAYER_FLATTEN, 0, 9, "got (steps, 20); it needs a fixed number of steps");
	refused(BM_LAYER_MAX_POOL2D, 2, 1, "it needs a map");
	refused(BM_LAYER_EMBEDDING, 0, 1, "categorical");
	refused(BM_LAYER_ADD, 0, 1, "reads 1 layers; it needs 2");
}

/* Every number of a stored network damaged in turn: refused or harmless, never a crash. */
static void
test_damaged(void)
{
	UnitHeap heap;
	NnCase c;
	BmFit fit;
	double loss;
	void *bound = calloc(1, bmc_network.bound_size);
	int32_t *config;
	size_t n, refusals = 0;

	ready(&c, BM_READY_CNN, 1, 3);
	fit = nn_fit(&c, unit_heap(&heap), NULL);
	CHECK_INT(run_fit(&fit, &loss), BM_OK);
	tensors.n = 0;
	bmc_network.fit_tensors(&fit, NULL, &tensors);
	n = tensors.t[0].shape[0];
	config = malloc(n * sizeof(int32_t));
	memcpy(config, tensors.t[0].data, n * sizeof(int32_t));
	tensors.t[0].data = config;
	for (size_t i = 0; i < n; i++)
	{
		static const int32_t values[] = {-1, 0, 3, 1 << 20, INT32_MAX, INT32_MIN};
		int32_t kept = config[i];

		for (int v = 0; v < 6; v++)
		{
			config[i] = values[v];
			refusals += bmc_network.bind(bound, &tensors, NULL) != NULL;
		}
		config[i] = kept;
	}
	CHECK(refusals > n);
	CHECK(bmc_network.bind(bound, &tensors, NULL) == NULL);
	((float *) tensors.t[2].data)[0] = NAN;
	CHECK(bmc_network.bind(bound, &tensors, NULL) != NULL);
	bmc_network.fit_end(&fit);
	nn_free(&c);
	free(bound), free(config);
}

static void
test_schedules(void)
{
	BmPlateau p = {.scale = 1.0};
	BmSchedule s = {BM_SCHEDULE_STEP, 10, 1, 4, 0.5};

	CHECK_NEAR(bmc_schedule_rate(&s, &p, 1.0, 0, 100), 0.25, 1e-12);
	CHECK_NEAR(bmc_schedule_rate(&s, &p, 1.0, 25, 100), 0.25, 1e-12);
	s.kind = BM_SCHEDULE_COSINE;
	CHECK_NEAR(bmc_schedule_rate(&s, &p, 1.0, 50, 100), 0.5, 1e-12);
	s.kind = BM_SCHEDULE_PLATEAU;
	bmc_plateau_measured(&p, &s, 1.0);
	bmc_plateau_measured(&p, &s, 1.0);
	CHECK_NEAR(bmc_schedule_rate(&s, &p, 1.0, 50, 100), 1.0, 1e-12);
	bmc_plateau_measured(&p, &s, 0.99995); /* too small a gain */
	CHECK_NEAR(bmc_schedule_rate(&s, &p, 1.0, 50, 100), 0.5, 1e-12);
	bmc_plateau_measured(&p, &s, 0.5);
	CHECK_NEAR(p.best, 0.5, 0.0);
}

/* The rate falls when validation samples that contradict the training ones are watched. */
static void
test_plateau(void)
{
	double loss[2];

	for (int watched = 0; watched < 2; watched++)
	{
		UnitHeap heap;
		NnCase c;
		BmFit fit;
		float *wrong;

		ready(&c, BM_READY_MLP, 1, 3);
		c.o.schedule = BM_SCHEDULE_PLATEAU;
		c.o.every = 2;
		c.o.patience = 0;
		c.o.factor = 0.1;
		c.o.epochs = 20;
		c.o.dropout = 0.0;
		fit = nn_fit(&c, unit_heap(&heap), NULL);
		wrong = malloc(CASE_SAMPLES * sizeof(float));
		for (size_t i = 0; i < CASE_SAMPLES; i++)
			wrong[i] = c.y[i] > 0.0f ? 0.0f : 2.0f;
		BmSamples valid = c.s;
		valid.y = wrong;
		fit.valid = watched ? &valid : NULL;
		CHECK_INT(run_fit(&fit, &loss[watched]), BM_OK);
		bmc_network.fit_end(&fit);
		nn_free(&c);
		free(wrong);
	}
	CHECK(loss[1] > 1.1 * loss[0]);
}

int
main(void)
{
	test_curves();
	test_gradients();
	CASE("dropout as a layer");
	test_dropout();
	CASE("the newest rows alone, causal and full");
	test_newest(true);
	test_newest(false);
	CASE("conv2d beside a naive one");
	test_conv((BmConv2d){7, 6, 3, 3, 2, 1, 1, 1, 1, 0, 0, 5, 5, 4});
	test_conv((BmConv2d){9, 8, 2, 3, 3, 2, 2, 1, 1, 1, 1, 5, 4, 5});
	test_conv((BmConv2d){9, 9, 2, 2, 2, 1, 1, 3, 2, 0, 0, 6, 7, 3});
	CASE("convolution, ReLU and pool in one");
	test_conv_pool(16, 16, 1, 32);
	test_conv_pool(9, 7, 3, 48);
	test_threads("the same bits at any number of threads: mlp", BM_READY_MLP, 1, false);
	test_threads("cnn over steps", BM_READY_CNN, 9, false);
	test_threads("transformer", BM_READY_TRANSFORMER, 9, false);
	test_threads("batch normalisation", BM_READY_MLP, 1, true);
	CASE("memory is estimated, and given back");
	test_memory(BM_READY_MLP, 1);
	test_memory(BM_READY_CNN, 1);
	test_memory(BM_READY_LSTM, 9);
	test_memory(BM_READY_TRANSFORMER, 9);
	CASE("a cancel is heard");
	test_stop();
	test_answers("answers of an mlp", BM_READY_MLP, 1, 3);
	test_answers("answers of a cnn", BM_READY_CNN, 1, 3);
	test_answers("answers of an mlp about numbers", BM_READY_MLP, 1, 0);
	test_answers("answers of a gru about windows", BM_READY_GRU, 9, 3);
	test_answers("answers of a transformer", BM_READY_TRANSFORMER, 9, 3);
	test_answers("answers of a transformer about rows", BM_READY_TRANSFORMER, 1, 2);
	CASE("an autoencoder");
	test_autoencoder();
	CASE("shapes that do not fit");
	test_refused();
	CASE("damaged networks");
	test_damaged();
	CASE("schedules");
	test_schedules();
	test_plateau();
	return unit_done();
}
