/*
 * uplift_learner.c
 *		Effects by regressions and forests; see uplift_learner.h.
 */
#include "core/stat/uplift_learner.h"

#include <math.h>
#include <string.h>

#include "core/stat/linear.h"

static const char *const part_prefix[2] = {"part0/", "part1/"};

static const BmPredictor *
predictor_of(bool binary)
{
	return binary ? &bmc_logistic : &bmc_linear;
}

static int
parts_of(BmUpliftMethod method)
{
	return method == BM_UPLIFT_FOREST ? 0 : method == BM_UPLIFT_T ? 2 : 1;
}

/* Features that a regression sees. */
static size_t
part_width(BmUpliftMethod method, size_t width)
{
	return method == BM_UPLIFT_S ? 2 * width + 1 : width;
}

/* out (2 width + 1): the features, the arm, and the features of the treated. */
static void
interact(float *out, const float *x, size_t width, bool treated)
{
	memcpy(out, x, width * sizeof(float));
	out[width] = treated ? 1.0f : 0.0f;
	for (size_t j = 0; j < width; j++)
		out[width + 1 + j] = treated ? x[j] : 0.0f;
}

/* ---- fit ---- */

/* What one regression learns from: rows of data into x (n, width), y (n), weight (n) or NULL. */
typedef struct Lesson
{
	size_t n, width;
	float *x, *y, *weight;
} Lesson;

static size_t
lesson_bytes(size_t n, size_t width)
{
	return bmc_mul(n, bmc_mul(bmc_add(width, 2), sizeof(float)));
}

static void
lesson_free(Lesson *s, BmMem *mem)
{
	bmc_free(mem, s->x);
	bmc_free(mem, s->y);
	bmc_free(mem, s->weight);
}

/* The transformed outcome of one person, treated with probability e; its weight. */
static float
transformed(double outcome, bool treated, bool binary, double e, float *weight)
{
	if (!binary)
	{
		*weight = 1.0f;
		return (float) (outcome * (treated ? 1.0 / e : -1.0 / (1.0 - e)));
	}
	*weight = (float) (0.5 / (treated ? e : 1.0 - e));
	return (float) (treated ? outcome : 1.0 - outcome);
}

/* Lesson of regression p. BM_ENOMEM. */
static BmStatus
prepare(Lesson *s, const BmUpliftLearner *l, const BmUpliftData *d, int p, double e)
{
	*s = (Lesson){.width = part_width(l->method, d->width)};
	s->x = bmc_alloc(l->mem, d->n * s->width, sizeof(float));
	s->y = bmc_alloc(l->mem, d->n, sizeof(float));
	s->weight = bmc_alloc(l->mem, d->n, sizeof(float));
	if (!s->x || !s->y || !s->weight)
		return BM_ENOMEM;
	for (size_t i = 0; i < d->n; i++)
	{
		const float *x = d->x + i * d->width;
		float *to = s->x + s->n * s->width;

		if (l->method == BM_UPLIFT_T && d->treated[i] != (p == 1))
			continue;
		s->weight[s->n] = 1.0f;
		s->y[s->n] = (float) d->outcome[i];
		if (l->method == BM_UPLIFT_S)
			interact(to, x, d->width, d->treated[i]);
		else
			memcpy(to, x, d->width * sizeof(float));
		if (l->method == BM_UPLIFT_TRANSFORM)
			s->y[s->n] = transformed(d->outcome[i], d->treated[i], l->binary, e, &s->weight[s->n]);
		s->n++;
	}
	return BM_OK;
}

/* Copy the tensors of a fit, so that they outlive it, and bind them. */
static BmStatus
keep(BmUpliftLearner *l, BmFit *fit, int p)
{
	const BmPredictor *r = predictor_of(l->binary);
	int first = l->tensors.n;
	size_t bytes = 0;
	BmStatus status = r->fit_tensors(fit, part_prefix[p], &l->tensors);
	char *at;

	if (status != BM_OK)
		return status;
	for (int i = first; i < l->tensors.n; i++)
		bytes += bmc_take_size(bmc_tensor_count(&l->tensors.t[i]), sizeof(float));
	l->block[p] = at = bmc_alloc(l->mem, bytes, 1);
	l->part[p] = bmc_alloc0(l->mem, r->bound_size, 1);
	if (!at || !l->part[p])
		return BM_ENOMEM;
	for (int i = first; i < l->tensors.n; i++)
	{
		BmTensor *t = &l->tensors.t[i];
		size_t n = bmc_tensor_count(t);

		memcpy(at, t->data, n * sizeof(float));
		t->data = at;
		at += bmc_take_size(n, sizeof(float));
	}
	return r->bind(l->part[p], &l->tensors, part_prefix[p]) ? BM_EINVAL : BM_OK;
}

static BmStatus
fit_part(BmUpliftLearner *l, const Lesson *s, int p, double l2, BmPool *pool, const BmStop *stop)
{
	const BmPredictor *r = predictor_of(l->binary);
	BmLinearOptions options = {.l2 = l2, .max_iterations = 500, .tolerance = 1e-6};
	BmSamples samples = {.n = s->n,
						 .nrows = s->n,
						 .width = s->width,
						 .x = s->x,
						 .steps = 1,
						 .classes = l->binary ? 2 : 0,
						 .y = s->y,
						 .weight = s->weight};
	BmFit fit = {
		.samples = &samples, .options = &options, .pool = pool, .mem = l->mem, .stop = stop};
	BmStatus status = r->fit_begin(&fit);

	if (status == BM_OK)
		status = BM_MORE;
	while (status == BM_MORE || status == BM_EPOCH)
		status = r->fit_step(&fit);
	if (status == BM_OK)
		status = keep(l, &fit, p);
	r->fit_end(&fit);
	return status;
}

/* Room to answer. */
static BmStatus
make_ready(BmUpliftLearner *l)
{
	size_t bytes = 64;

	for (int p = 0; p < parts_of(l->method); p++)
	{
		size_t part = predictor_of(l->binary)->predict_bytes(l->part[p], 1);

		bytes = part > bytes ? part : bytes;
	}
	l->row = bmc_alloc(l->mem, 2 * l->width + 1, sizeof(float));
	l->scratch = bmc_alloc(l->mem, bytes, 1);
	return l->row && l->scratch ? BM_OK : BM_ENOMEM;
}

static double
share_treated(const BmUpliftData *d)
{
	size_t treated = 0;

	for (size_t i = 0; i < d->n; i++)
		treated += d->treated[i];
	return d->n ? (double) treated / (double) d->n : 0.0;
}

BmStatus
bmc_uplift_learner_fit(BmUpliftLearner *l, BmUpliftMethod method, const BmUpliftData *data,
					   bool binary, const BmUpliftSettings *settings, uint64_t seed, BmPool *pool,
					   BmMem *mem, const BmStop *stop)
{
	double e = share_treated(data);
	BmStatus status = e > 0.0 && e < 1.0 ? BM_OK : BM_EINVAL;

	*l = (BmUpliftLearner){.method = method, .width = data->width, .binary = binary, .mem = mem};
	if (status == BM_OK && method == BM_UPLIFT_FOREST)
		status = bmc_uplift_forest_fit(&l->forest, data, &settings->forest, seed, pool, mem, stop);
	for (int p = 0; p < parts_of(method) && status == BM_OK; p++)
	{
		Lesson s;

		status = prepare(&s, l, data, p, e);
		if (status == BM_OK)
			status = fit_part(l, &s, p, settings->l2, pool, stop);
		lesson_free(&s, mem);
	}
	return status == BM_OK ? make_ready(l) : status;
}

size_t
bmc_uplift_learner_bytes(size_t n, size_t width, const BmUpliftSettings *settings, int threads)
{
	BmLinearOptions options = {.l2 = settings->l2, .max_iterations = 500, .tolerance = 1e-6};
	size_t wide = bmc_add(bmc_mul(2, width), 1);
	BmFitSize size = {
		.nsamples = n, .nrows = n, .width = wide, .steps = 1, .classes = 2, .threads = threads};
	size_t linear = bmc_add(lesson_bytes(n, wide), bmc_logistic.fit_bytes(&size, &options));
	size_t forest = bmc_uplift_forest_bytes(n, width, &settings->forest, threads);

	return linear > forest ? linear : forest;
}

void
bmc_uplift_learner_free(BmUpliftLearner *l)
{
	if (l->mem == NULL)
		return;
	for (int p = 0; p < 2; p++)
	{
		bmc_free(l->mem, l->part[p]);
		bmc_free(l->mem, l->block[p]);
	}
	/* a forest whose arrays are a stored version's is not its own */
	if (l->method == BM_UPLIFT_FOREST && l->tensors.n == 0)
		bmc_uplift_forest_free(&l->forest, l->mem);
	bmc_free(l->mem, l->row);
	bmc_free(l->mem, l->scratch);
	l->mem = NULL;
}

/* ---- tensors ---- */

bool
bmc_uplift_learner_tensors(const BmUpliftLearner *l, BmTensors *out)
{
	const BmUpliftForest *f = &l->forest;

	if (l->method == BM_UPLIFT_FOREST)
		return bmc_tensors_add(out, NULL, "root", BM_I32, f->root, 1, &f->trees) &&
			   bmc_tensors_add(out, NULL, "column", BM_I32, f->column, 1, &f->nodes) &&
			   bmc_tensors_add(out, NULL, "threshold", BM_F32, f->threshold, 1, &f->nodes) &&
			   bmc_tensors_add(out, NULL, "left", BM_I32, f->left, 1, &f->nodes) &&
			   bmc_tensors_add(out, NULL, "effect", BM_F32, f->effect, 1, &f->nodes);
	for (int i = 0; i < l->tensors.n; i++)
	{
		const BmTensor *t = &l->tensors.t[i];

		if (!bmc_tensors_add(out, NULL, t->name, t->dtype, t->data, t->ndim, t->shape))
			return false;
	}
	return true;
}

static const char *
bind_forest(BmUpliftLearner *l)
{
	static const size_t any = 0;
	const BmTensors *t = &l->tensors;
	const BmTensor *root = bmc_tensors_find(t, NULL, "root", BM_I32, 1, &any);
	const BmTensor *column = bmc_tensors_find(t, NULL, "column", BM_I32, 1, &any);
	const size_t *nodes = column ? column->shape : &any;
	const BmTensor *threshold = bmc_tensors_find(t, NULL, "threshold", BM_F32, 1, nodes);
	const BmTensor *left = bmc_tensors_find(t, NULL, "left", BM_I32, 1, nodes);
	const BmTensor *effect = bmc_tensors_find(t, NULL, "effect", BM_F32, 1, nodes);

	if (!root || !column || !threshold || !left || !effect || !nodes[0] || !root->shape[0])
		return "a tensor of the forest is missing or has another shape";
	l->forest = (BmUpliftForest){.trees = root->shape[0],
								 .nodes = nodes[0],
								 .root = (int32_t *) root->data,
								 .column = (int32_t *) column->data,
								 .threshold = (float *) threshold->data,
								 .left = (int32_t *) left->data,
								 .effect = (float *) effect->data};
	return bmc_uplift_forest_check(&l->forest, l->width);
}

const char *
bmc_uplift_learner_bind(BmUpliftLearner *l, BmUpliftMethod method, size_t width, bool binary,
						const BmTensors *tensors, BmMem *mem)
{
	const BmPredictor *r = predictor_of(binary);
	const char *wrong = NULL;

	*l = (BmUpliftLearner){
		.method = method, .width = width, .binary = binary, .tensors = *tensors, .mem = mem};
	if (method == BM_UPLIFT_FOREST)
		wrong = bind_forest(l);
	for (int p = 0; p < parts_of(method) && !wrong; p++)
	{
		size_t takes = part_width(method, width), has = takes, ncodes = 0, classes = 0;

		l->part[p] = bmc_alloc0(mem, r->bound_size, 1);
		if (l->part[p] == NULL)
			return "out of memory";
		wrong = r->bind(l->part[p], tensors, part_prefix[p]);
		if (wrong)
			break;
		r->shape(l->part[p], &has, &ncodes, &classes);
		if (has != takes || classes != (binary ? 2 : 0))
			wrong = "a regression has another shape than its encoder";
	}
	if (!wrong && make_ready(l) != BM_OK)
		wrong = "out of memory";
	return wrong;
}

/* ---- answers ---- */

static BmSamples
one_row(const BmUpliftLearner *l, const float *x)
{
	return (BmSamples){.n = 1,
					   .nrows = 1,
					   .width = part_width(l->method, l->width),
					   .x = x,
					   .steps = 1,
					   .classes = l->binary ? 2 : 0};
}

/* What regression p expects of a row. */
static double
expected(const BmUpliftLearner *l, int p, const float *x)
{
	BmSamples s = one_row(l, x);
	float out[2];

	predictor_of(l->binary)->predict(out, l->part[p], &s, 0, 1, l->scratch, false);
	return l->binary ? out[1] : out[0];
}

static double
effect_on(const BmUpliftLearner *l, const float *x)
{
	double treated, control;

	if (l->method == BM_UPLIFT_TRANSFORM)
		return l->binary ? 2.0 * expected(l, 0, x) - 1.0 : expected(l, 0, x);
	if (l->method == BM_UPLIFT_T)
		return expected(l, 1, x) - expected(l, 0, x);
	interact(l->row, x, l->width, true);
	treated = expected(l, 0, l->row);
	interact(l->row, x, l->width, false);
	control = expected(l, 0, l->row);
	return treated - control;
}

void
bmc_uplift_learner_predict(float *effect, const BmUpliftLearner *l, const float *x, size_t n)
{
	if (l->method == BM_UPLIFT_FOREST)
		bmc_uplift_forest_predict(effect, &l->forest, x, n, l->width);
	else
		for (size_t i = 0; i < n; i++)
			effect[i] = (float) effect_on(l, x + i * l->width);
}

/* Weights (width) and bias of regression p: that of class 1, or of the value. */
static const float *
weights(const BmUpliftLearner *l, int p, double *bias)
{
	size_t shape[2] = {1, part_width(l->method, l->width)}, one = 1;
	const BmTensor *w = bmc_tensors_find(&l->tensors, part_prefix[p], "weight", BM_F32, 2, shape);
	const BmTensor *b = bmc_tensors_find(&l->tensors, part_prefix[p], "bias", BM_F32, 1, &one);

	*bias = (double) ((const float *) b->data)[0];
	return w->data;
}

double
bmc_uplift_learner_explain(double *share, const BmUpliftLearner *l, const float *x)
{
	const float *w, *control = NULL;
	double bias, other = 0.0;

	if (l->method == BM_UPLIFT_FOREST)
		return bmc_uplift_forest_explain(share, &l->forest, x, l->width);
	w = weights(l, l->method == BM_UPLIFT_T ? 1 : 0, &bias);
	if (l->method == BM_UPLIFT_T)
		control = weights(l, 0, &other);
	if (l->method == BM_UPLIFT_S)
	{
		bias = (double) w[l->width];
		w += l->width + 1;
	}
	for (size_t j = 0; j < l->width; j++)
		share[j] = ((double) w[j] - (control ? (double) control[j] : 0.0)) * (double) x[j];
	return bias - other;
}
