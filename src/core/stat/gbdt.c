/*
 * gbdt.c
 *		Boosted trees: XGBoost fits them, and its text dump of the newest rounds is appended to our
 *		arrays. An epoch is ten rounds; see gbdt.h.
 */
#include "core/stat/gbdt.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/stat/trees.h"
#include "core/stat/xgboost.h"

#define EPOCH_ROUNDS 10
/* The matrix as the library keeps it, beside ours: rows with column numbers, and their bins. */
#define LIBRARY_BYTES_PER_VALUE 16
/* Below so many values a second thread costs more than it brings. */
#define THREAD_VALUES 4000000

/* The trees so far; arrays grow in mem. */
typedef struct Forest
{
	size_t nnodes, room, ntrees, tree_room;
	int32_t *feature, *left, *right, *tree;
	float *value, *mean, *cover;
} Forest;

typedef struct Fit
{
	const BmSamples *s;
	const BmGbdtOptions *options;
	BmXgboost x;
	void *matrix, *booster;
	size_t K;
	int rounds; /* done */
	double center;
	float *base; /* (K) */
	int32_t classes, width;
	Forest forest;
} Fit;

const char *
bmc_gbdt_unavailable(const char *library, char *error, size_t size)
{
	BmXgboost x;

	return bmc_xgboost_open(&x, library, error, size);
}

/* ---- the library's dump ---- */

static bool
grow(void *block, size_t n, size_t size, BmMem *mem)
{
	void **p = block, *bigger = bmc_realloc(mem, *p, n, size);

	if (bigger)
		*p = bigger;
	return bigger != NULL;
}

static BmStatus
reserve(Forest *f, size_t nodes, BmMem *mem)
{
	size_t room = f->room ? f->room : 1024;

	if (f->nnodes + nodes > INT32_MAX)
		return BM_ELIMIT;
	while (room < f->nnodes + nodes)
		room *= 2;
	if (room == f->room)
		return BM_OK;
	if (!grow(&f->feature, room, 4, mem) || !grow(&f->left, room, 4, mem) ||
		!grow(&f->right, room, 4, mem) || !grow(&f->value, room, 4, mem) ||
		!grow(&f->mean, room, 4, mem) || !grow(&f->cover, room, 4, mem))
		return BM_ENOMEM;
	f->room = room;
	return BM_OK;
}

static BmStatus
reserve_tree(Forest *f, BmMem *mem)
{
	size_t room = f->tree_room ? 2 * f->tree_room : 64;

	if (f->ntrees < f->tree_room)
		return BM_OK;
	if (!grow(&f->tree, 2 * room, 4, mem))
		return BM_ENOMEM;
	f->tree_room = room;
	return BM_OK;
}

static size_t
count_lines(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/* The number behind key ("cover=") on this line, or false. */
static bool
number_after(double *v, const char *line, const char *end, const char *key)
{
	size_t len = strlen(key);

	for (; line + len < end; line++)
		if (memcmp(line, key, len) == 0)
		{
			*v = strtod(line + len, NULL);
			return true;
		}
	return false;
}

/*
 * One line: "3:[f7<0.25] yes=4,no=5,missing=4,gain=..,cover=.." or "4:leaf=0.1,cover=..". Numbers of
 * nodes are those of the tree; they come out of order, but children are always numbered behind.
 */
static bool
parse_node(Forest *f, const char *line, const char *end, size_t nodes)
{
	char *at;
	unsigned long id = strtoul(line, &at, 10);
	double v, left, right, cover = 1.0;
	size_t node = f->nnodes + id;

	if (*at != ':' || id >= nodes)
		return false;
	(void) number_after(&cover, at, end, "cover=");
	f->cover[node] = (float) cover;
	if (at[1] != '[')
	{
		if (!number_after(&v, at, end, "leaf="))
			return false;
		f->feature[node] = f->left[node] = f->right[node] = -1;
		f->value[node] = (float) v;
		return true;
	}
	if (at[2] != 'f')
		return false;
	f->feature[node] = (int32_t) strtol(at + 3, &at, 10);
	if (*at != '<')
		return false;
	f->value[node] = strtof(at + 1, NULL);
	if (!number_after(&left, at, end, "yes=") || !number_after(&right, at, end, "no=") ||
		left <= id || right <= id || left >= nodes || right >= nodes)
		return false;
	f->left[node] = (int32_t) (f->nnodes + (size_t) left);
	f->right[node] = (int32_t) (f->nnodes + (size_t) right);
	return true;
}

/* Means of the nodes first .. end, from the leaves up: children stand behind their parents. */
static void
fill_means(Forest *f, size_t first, size_t end)
{
	for (size_t i = end; i-- > first;)
	{
		double l, r;

		f->mean[i] = f->value[i];
		if (f->feature[i] < 0)
			continue;
		l = (double) f->cover[f->left[i]];
		r = (double) f->cover[f->right[i]];
		f->mean[i] =
			(float) ((l * (double) f->mean[f->left[i]] + r * (double) f->mean[f->right[i]]) /
					 (l + r > 0.0 ? l + r : 1.0));
	}
}

static BmStatus
append_tree(Fit *f, const char *text, size_t class, BmMem *mem)
{
	Forest *forest = &f->forest;
	size_t nodes = count_lines(text), seen = 0, ids = nodes;
	BmStatus status;

	/* pruned trees leave gaps in the numbers: look for the highest */
	for (const char *line = text; *line; line = strchr(line, '\n') + 1)
	{
		unsigned long id = strtoul(line + strspn(line, "\t"), NULL, 10);

		if (id >= ids)
			ids = id + 1;
		if (strchr(line, '\n') == NULL)
			return BM_EINVAL;
	}
	if (ids > INT32_MAX / 2)
		return BM_ELIMIT;
	status = reserve(forest, ids, mem);
	if (status == BM_OK)
		status = reserve_tree(forest, mem);
	if (status != BM_OK)
		return status;
	for (size_t i = 0; i < ids; i++) /* a gap: a leaf that nobody reaches */
	{
		size_t node = forest->nnodes + i;

		forest->feature[node] = forest->left[node] = forest->right[node] = -1;
		forest->value[node] = 0.0f;
		forest->cover[node] = 0.0f;
	}
	for (const char *line = text; *line; seen++)
	{
		const char *end = strchr(line, '\n');

		if (!parse_node(forest, line + strspn(line, "\t"), end, ids))
			return BM_EINVAL;
		line = end + 1;
	}
	if (seen == 0)
		return BM_EINVAL;
	fill_means(forest, forest->nnodes, forest->nnodes + ids);
	forest->tree[2 * forest->ntrees] = (int32_t) forest->nnodes;
	forest->tree[2 * forest->ntrees + 1] = (int32_t) class;
	forest->ntrees++;
	forest->nnodes += ids;
	return BM_OK;
}

/* ---- fit ---- */

static BmStatus
failed(BmFit *fit, const char *what)
{
	Fit *f = fit->state;
	const char *why = f->x.last_error ? f->x.last_error() : "";

	snprintf(fit->error, sizeof(fit->error), "XGBoost: %s%s%.120s", what, why[0] ? ": " : ".", why);
	return BM_EINVAL;
}

static BmStatus
set_parameter(BmFit *fit, const char *name, double value)
{
	Fit *f = fit->state;
	char text[40];

	snprintf(text, sizeof(text), "%.9g", value);
	return f->x.booster_param(f->booster, name, text) == 0 ? BM_OK : failed(fit, name);
}

static int
library_threads(const BmFit *fit)
{
	size_t most = 1 + fit->samples->n * fit->samples->width / THREAD_VALUES;
	size_t have = fit->pool ? (size_t) bmc_pool_threads(fit->pool) : 1;

	return (int) (have < most ? have : most);
}

static BmStatus
set_parameters(BmFit *fit)
{
	Fit *f = fit->state;
	const BmGbdtOptions *o = f->options;
	const struct
	{
		const char *name;
		double value;
	} numbers[] = {
		{"max_depth", o->depth},
		{"eta", o->learning_rate},
		{"min_child_weight", o->min_child_weight},
		{"subsample", o->subsample},
		{"colsample_bytree", o->colsample},
		{"alpha", o->l1},
		{"lambda", o->l2},
		{"gamma", o->gamma},
		{"max_bin", o->bins},
		{"seed", (double) (fit->seed & 0x7fffffff)},
		{"nthread", library_threads(fit)},
		{"verbosity", 0},
	};
	const char *objective = f->classes == 0   ? "reg:squarederror"
							: f->classes == 2 ? "binary:logistic"
											  : "multi:softprob";

	if (f->x.booster_param(f->booster, "objective", objective) != 0 ||
		f->x.booster_param(f->booster, "tree_method", "hist") != 0)
		return failed(fit, "objective");
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		if (set_parameter(fit, numbers[i].name, numbers[i].value) != BM_OK)
			return BM_EINVAL;
	if (f->classes > 2 && set_parameter(fit, "num_class", f->classes) != BM_OK)
		return BM_EINVAL;
	return set_parameter(fit, "base_score",
						 f->classes == 0   ? 0.0
						 : f->classes == 2 ? f->center
										   : 0.5);
}

/* Where boosting begins: the mean of the target, as log-odds for two classes, 0 for more. */
static void
begin_at_mean(Fit *f)
{
	double sum = 0.0, weights = 0.0;

	for (size_t i = 0; i < f->s->n; i++)
	{
		double w = f->s->weight ? (double) f->s->weight[i] : 1.0;

		sum += w * (double) f->s->y[i];
		weights += w;
	}
	f->center = weights > 0.0 ? sum / weights : 0.0;
	for (size_t k = 0; k < f->K; k++)
		f->base[k] = 0.0f;
	if (f->classes == 0)
		f->base[0] = (float) f->center;
	if (f->classes == 2)
	{
		f->center = fmin(fmax(f->center, 1e-6), 1.0 - 1e-6);
		f->base[0] = (float) log(f->center / (1.0 - f->center));
	}
}

static BmStatus
hand_over(BmFit *fit)
{
	Fit *f = fit->state;
	const BmSamples *s = f->s;
	float *y = bmc_alloc(fit->mem, s->n, sizeof(float));
	int failure;

	if (y == NULL)
		return BM_ENOMEM;
	for (size_t i = 0; i < s->n; i++)
		y[i] = f->classes == 0 ? s->y[i] - (float) f->center : s->y[i];
	failure = f->x.matrix_create(s->x, s->n, s->width, NAN, &f->matrix) ||
			  f->x.matrix_info(f->matrix, "label", y, s->n) ||
			  (s->weight && f->x.matrix_info(f->matrix, "weight", s->weight, s->n)) ||
			  f->x.booster_create(&f->matrix, 1, &f->booster);
	bmc_free(fit->mem, y);
	return failure ? failed(fit, "it did not take the rows") : set_parameters(fit);
}

static size_t
fit_bytes(const BmFitSize *size, const void *options)
{
	const BmGbdtOptions *o = options;
	size_t leaves = (size_t) 2 << (o->depth < 20 ? o->depth : 20);
	size_t trees = bmc_mul((size_t) o->rounds, size->classes > 2 ? size->classes : 1);

	if (leaves > 2 * size->nsamples)
		leaves = 2 * size->nsamples;
	return bmc_add(bmc_mul(bmc_mul(size->nsamples, size->width), LIBRARY_BYTES_PER_VALUE),
				   bmc_add(bmc_mul(bmc_mul(trees, leaves), 6 * 4), 4 << 20));
}

static BmStatus
refuse(BmFit *fit, const char *what)
{
	snprintf(fit->error, sizeof(fit->error), "%s", what);
	return BM_EINVAL;
}

static BmStatus
fit_begin(BmFit *fit)
{
	const BmSamples *s = fit->samples;
	sigset_t old;
	BmStatus status;
	Fit *f;

	if (s->ncodes > 0)
		return refuse(fit, "It takes numbers: give no column the encoding \"embed\".");
	if (s->steps > 1)
		return refuse(fit, "It takes single rows, no windows of several.");
	f = fit->state = bmc_alloc0(fit->mem, 1, sizeof(Fit));
	if (f == NULL)
		return BM_ENOMEM;
	f->s = s;
	f->options = fit->options;
	f->K = s->classes > 2 ? s->classes : 1;
	f->classes = (int32_t) s->classes;
	f->width = (int32_t) s->width;
	f->base = bmc_alloc(fit->mem, f->K, sizeof(float));
	if (f->base == NULL)
		return BM_ENOMEM;
	if (bmc_xgboost_open(&f->x, f->options->library, fit->error, sizeof(fit->error)))
		return BM_EINVAL;
	fit->epochs = (f->options->rounds + EPOCH_ROUNDS - 1) / EPOCH_ROUNDS;
	fit->total = EPOCH_ROUNDS;
	begin_at_mean(f);
	bmc_signals_block(&old);
	status = hand_over(fit);
	bmc_signals_restore(&old);
	return status;
}

/* Rounds from .. f->rounds into our arrays. */
static BmStatus
collect(BmFit *fit, int from)
{
	Fit *f = fit->state;
	const char **text = NULL;
	void *slice = NULL;
	uint64_t n = 0;
	BmStatus status = BM_OK;

	if (f->x.booster_slice(f->booster, from, f->rounds, 1, &slice) != 0 ||
		f->x.booster_dump(slice, "", 1, "text", &n, &text) != 0)
		status = failed(fit, "it did not give its trees");
	for (uint64_t i = 0; i < n && status == BM_OK; i++)
	{
		status = append_tree(f, text[i], (size_t) (i % f->K), fit->mem);
		if (status == BM_EINVAL)
			snprintf(fit->error, sizeof(fit->error),
					 "XGBoost describes its trees in an unknown way.");
	}
	if (slice)
		f->x.booster_free(slice);
	return status;
}

static BmStatus
fit_step(BmFit *fit)
{
	Fit *f = fit->state;
	BmStatus status = BM_OK;
	sigset_t old;
	bool last;

	if (bmc_stop(fit->stop))
		return BM_ESTOP;
	bmc_signals_block(&old);
	if (f->x.booster_update(f->booster, f->rounds, f->matrix) != 0)
		status = failed(fit, "a round failed");
	else
	{
		f->rounds++;
		fit->done = (size_t) ((f->rounds - 1) % EPOCH_ROUNDS + 1);
		last = f->rounds >= f->options->rounds;
		if (last || fit->done == EPOCH_ROUNDS)
		{
			status = collect(fit, fit->epoch * EPOCH_ROUNDS);
			fit->epoch++;
			fit->done = 0;
			if (status == BM_OK && !last)
				status = BM_EPOCH;
		}
		else
			status = BM_MORE;
	}
	bmc_signals_restore(&old);
	return status;
}

static BmStatus
fit_tensors(BmFit *fit, const char *prefix, BmTensors *out)
{
	Fit *f = fit->state;
	Forest *t = &f->forest;
	size_t pairs[2] = {t->ntrees, 2}, one = 1;

	return bmc_tensors_add(out, prefix, "feature", BM_I32, t->feature, 1, &t->nnodes) &&
				   bmc_tensors_add(out, prefix, "left", BM_I32, t->left, 1, &t->nnodes) &&
				   bmc_tensors_add(out, prefix, "right", BM_I32, t->right, 1, &t->nnodes) &&
				   bmc_tensors_add(out, prefix, "value", BM_F32, t->value, 1, &t->nnodes) &&
				   bmc_tensors_add(out, prefix, "mean", BM_F32, t->mean, 1, &t->nnodes) &&
				   bmc_tensors_add(out, prefix, "tree", BM_I32, t->tree, 2, pairs) &&
				   bmc_tensors_add(out, prefix, "base", BM_F32, f->base, 1, &f->K) &&
				   bmc_tensors_add(out, prefix, "classes", BM_I32, &f->classes, 1, &one) &&
				   bmc_tensors_add(out, prefix, "width", BM_I32, &f->width, 1, &one)
			   ? BM_OK
			   : BM_ELIMIT;
}

static void
fit_end(BmFit *fit)
{
	Fit *f = fit->state;
	sigset_t old;

	if (f == NULL)
		return;
	bmc_signals_block(&old);
	if (f->booster)
		f->x.booster_free(f->booster);
	if (f->matrix)
		f->x.matrix_free(f->matrix);
	bmc_signals_restore(&old);
	bmc_free(fit->mem, f->forest.feature);
	bmc_free(fit->mem, f->forest.left);
	bmc_free(fit->mem, f->forest.right);
	bmc_free(fit->mem, f->forest.value);
	bmc_free(fit->mem, f->forest.mean);
	bmc_free(fit->mem, f->forest.cover);
	bmc_free(fit->mem, f->forest.tree);
	bmc_free(fit->mem, f->base);
	bmc_free(fit->mem, f);
	fit->state = NULL;
}

/* ---- answer ---- */

static const char *
bind(void *bound, const BmTensors *t, const char *prefix)
{
	return bmc_trees_bind(bound, t, prefix);
}

static void
shape(const void *bound, size_t *width, size_t *ncodes, size_t *classes)
{
	const BmTrees *t = bound;

	*width = t->width;
	*ncodes = 0;
	*classes = t->classes;
}

static size_t
predict_bytes(const void *bound, size_t B)
{
	(void) bound;
	(void) B;
	return 64;
}

static void
predict(float *out, const void *bound, const BmSamples *s, size_t first, size_t count,
		void *scratch, bool fast_blas)
{
	const BmTrees *t = bound;

	(void) scratch;
	(void) fast_blas;
	bmc_trees_predict(out, t, s->x + first * t->width, count);
}

static void
explain(float *share, const void *bound, const BmSamples *s, size_t i, size_t target, void *scratch)
{
	const BmTrees *t = bound;

	(void) scratch;
	bmc_trees_explain(share, t, s->x + i * t->width, target);
}

const BmPredictor bmc_gbdt = {
	.name = "gbdt",
	.options_size = sizeof(BmGbdtOptions),
	.bound_size = sizeof(BmTrees),
	.fit_bytes = fit_bytes,
	.fit_begin = fit_begin,
	.fit_step = fit_step,
	.fit_tensors = fit_tensors,
	.fit_end = fit_end,
	.bind = bind,
	.shape = shape,
	.predict_bytes = predict_bytes,
	.predict = predict,
	.explain = explain,
};
