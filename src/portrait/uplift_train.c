/*
 * uplift_train.c
 *		behav_uplift: learners of the effect of a treatment, chosen by their Qini on validation, measured
 *		on a test part beside the best rule of one column and a random order, fitted again on everybody.
 */
#include "pg/pg.h"

#include <math.h>

#include "lib/stringinfo.h"
#include "utils/json.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/num/rng.h"
#include "core/stat/uplift.h"
#include "event/source.h"
#include "portrait/uplift_model.h"
#include "train/rows.h"

#define STREAM_SPLIT 0x55504c46 /* "UPLF" */
#define STREAM_RANDOM 0x524e444d
#define LEAST_ARM 10    /* people of each arm in each part */
#define BAND_PEOPLE 800 /* an effect of a few percent shows in so many */
#define FEW_COLUMNS 16
#define MARGIN 0.02 /* as for models of rows */

static const char *const deploy_rules[] = {"always", "if_better", "never"};

typedef struct UpliftOptions
{
	int learner; /* 0 auto, then BmUpliftMethod + 1 */
	double l2;
	int trees, depth, min_arm;
	double valid_share, test_share, top;
	int bootstrap, keep_versions;
} UpliftOptions;

#define AT(field) offsetof(UpliftOptions, field)

static const BmOptionSpec uplift_options[] = {
	{"learner", BM_OPT_ENUM, AT(learner), "auto", 0, 0,
	 "auto|s_learner|t_learner|class_transform|uplift_forest",
	 "The learner; auto: the best of all by Qini on the validation part."},
	{"l2", BM_OPT_FLOAT, AT(l2), "1", 0, 1e9, NULL, "Penalty on the weights of the regressions."},
	{"trees", BM_OPT_INT, AT(trees), "100", 1, 5000, NULL, "Trees of the forest."},
	{"depth", BM_OPT_INT, AT(depth), "6", 1, BM_UPLIFT_MAX_DEPTH, NULL, "Depth of its trees."},
	{"min_arm", BM_OPT_INT, AT(min_arm), "0", 0, 1000000, NULL,
	 "Least people of each arm in a leaf; 0: by the number of people."},
	{"valid_share", BM_OPT_FLOAT, AT(valid_share), "0.2", 0.05, 0.45, NULL,
	 "Share of the people that the learner is chosen on."},
	{"test_share", BM_OPT_FLOAT, AT(test_share), "0.2", 0.05, 0.45, NULL,
	 "Share of the people that it is measured on."},
	{"top", BM_OPT_FLOAT, AT(top), "0.1", 0.001, 1, NULL,
	 "Share of the best whose effect is reported."},
	{"bootstrap", BM_OPT_INT, AT(bootstrap), "200", 10, 10000, NULL,
	 "Resamplings behind the interval of the Qini."},
	{"keep_versions", BM_OPT_INT, AT(keep_versions), "2", 0, 1000000, NULL,
	 "Newest versions to keep beside the deployed one."},
	{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

/* Some of the people: rows of the frame, encoded. */
typedef struct Part
{
	uint32_t *row;
	size_t n;
	float *x;
	double *outcome;
	bool *treated;
} Part;

/* A way to rank people, and how well it does. */
typedef struct Ranking
{
	const char *name;
	double valid;
	double error, loss; /* standard error of valid; squared distance to the effects on validation */
	BmUpliftAreas test;
	double top;
	double low, high; /* 95 % interval of test's Qini */
} Ranking;

typedef struct Call
{
	char *model, *relation, *outcome, *treatment;
	int rule; /* of deploy_rules */
	int64 seed;
	UpliftOptions options;
	BmEncodeOptions encode;
	BmUpliftSettings settings;
	BmEncodePlan *plan;
	BmFrame *frame, features;
	double *y;     /* (frame->n) outcome */
	bool *treated; /* (frame->n) */
	float *target; /* (frame->n) y for target encodings */
	bool binary;
	size_t left_out;
	Part train, valid, test, all;
	BmTableEncoder *encoder; /* of the training part; at the end of everybody */
	int best;                /* BmUpliftMethod, -1: none yet */
	BmUpliftLearner candidate[BM_UPLIFT_METHODS]; /* fitted on the training part */
	BmUpliftLearner learner; /* the best of them; at the end fitted on everybody */
	Ranking ranking[BM_UPLIFT_METHODS], column, random;
	bool tried[BM_UPLIFT_METHODS];
	BmUpliftBand *band;
	size_t nbands;
	BmVersion version;
	bool deployed;
	char *note;
	TimestampTz started;
	MemoryContext context;
	BmMem mem;
	BmPool *pool;
	BmWatch watch;
} Call;

static void *
need(void *block)
{
	if (block == NULL)
		bm_check(BM_ENOMEM, "train an uplift model", NULL);
	return block;
}

/* ---- the people ---- */

/* The value of a column of truth or of numbers; NaN: missing. */
static double
number_at(const BmColumn *c, size_t row)
{
	if (bmc_missing(c, row))
		return NAN;
	return c->kind == BM_COLUMN_BOOL ? (double) c->boolean[row] : c->number[row];
}

static void
check_number(const BmColumn *c, const char *argument)
{
	if (c->kind == BM_COLUMN_NUMBER || c->kind == BM_COLUMN_BOOL)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("column \"%s\" of \"%s\" must be a number or boolean", c->name, argument),
			 errhint("Make a view with a column that is, as (answer = 'yes').")));
}

static void
one_arm(const Call *c, size_t treated, size_t control)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 errmsg("%s has too few people in one arm", c->relation),
			 errdetail("%zu were treated, %zu were not; each part of the data needs %d of both.",
					   treated, control, LEAST_ARM),
			 errhint("The effect of a treatment shows only beside people who were left without it: "
					 "keep a random control group.")));
}

/* Deal the people of one arm, shuffled: test, validation, training. */
static void
deal(Call *c, const uint32_t *row, size_t n)
{
	size_t test = (size_t) (c->options.test_share * (double) n + 0.5);
	size_t valid = (size_t) (c->options.valid_share * (double) n + 0.5);

	for (size_t i = 0; i < n; i++)
	{
		Part *p = i < test ? &c->test : i < test + valid ? &c->valid : &c->train;

		p->row[p->n++] = row[i];
		c->all.row[c->all.n++] = row[i];
	}
}

static void
split(Call *c)
{
	Part *parts[] = {&c->train, &c->valid, &c->test, &c->all};
	uint32_t *arm[2];
	size_t n[2] = {0, 0}, least;

	for (int p = 0; p < lengthof(parts); p++)
		parts[p]->row = need(bmc_alloc(&c->mem, Max(c->frame->n, 1), sizeof(uint32_t)));
	for (int t = 0; t < 2; t++)
		arm[t] = need(bmc_alloc(&c->mem, Max(c->frame->n, 1), sizeof(uint32_t)));
	for (size_t i = 0; i < c->frame->n; i++)
		if (!isnan(c->y[i]))
			arm[c->treated[i]][n[c->treated[i]]++] = (uint32_t) i;
	least = Min(n[0], n[1]);
	if ((double) least * Min(c->options.test_share, c->options.valid_share) < LEAST_ARM)
		one_arm(c, n[1], n[0]);
	for (int t = 0; t < 2; t++)
	{
		BmRng rng = bmc_rng((uint64) c->seed, STREAM_SPLIT + (uint64) t);

		bmc_rng_shuffle(&rng, arm[t], n[t]);
		deal(c, arm[t], n[t]);
		bmc_free(&c->mem, arm[t]);
	}
	if (c->train.n < 2 * LEAST_ARM)
		one_arm(c, n[1], n[0]);
}

/* Outcome and arm of every row; y is NaN where one of them is missing. */
static void
read_arms(Call *c)
{
	const BmColumn *y = &c->frame->column[c->plan->n], *t = y + 1;

	check_number(y, "outcome");
	check_number(t, "treatment");
	c->y = need(bmc_alloc(&c->mem, Max(c->frame->n, 1), sizeof(double)));
	c->target = need(bmc_alloc(&c->mem, Max(c->frame->n, 1), sizeof(float)));
	c->treated = need(bmc_alloc0(&c->mem, Max(c->frame->n, 1), sizeof(bool)));
	c->binary = true;
	for (size_t i = 0; i < c->frame->n; i++)
	{
		double arm = number_at(t, i);

		c->y[i] = isnan(arm) ? NAN : number_at(y, i);
		c->target[i] = isnan(c->y[i]) ? 0.0f : (float) c->y[i];
		c->left_out += isnan(c->y[i]);
		if (!isnan(arm) && arm != 0.0 && arm != 1.0)
			ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
							errmsg("treatment \"%s\" must be true or false, 1 or 0", c->treatment),
							errdetail("A row has %g.", arm),
							errhint("Several treatments need a model each: take the rows of one of "
									"them and the untreated into a view.")));
		c->treated[i] = arm == 1.0;
		if (!isnan(c->y[i]) && c->y[i] != 0.0 && c->y[i] != 1.0)
			c->binary = false;
	}
}

static void
read_people(Call *c, Oid relation, char **features, int nfeatures)
{
	BmFrameRequest request = {
		.relation = relation, .purpose = "train an uplift model", .canonical = true};
	Jsonb *arms;
	StringInfoData s;

	initStringInfo(&s);
	appendStringInfoChar(&s, '[');
	escape_json(&s, c->treatment);
	appendStringInfoChar(&s, ']');
	arms = bm_jsonb_parse(s.data);
	for (int i = 0; i < nfeatures; i++)
		if (strcmp(features[i], c->treatment) == 0 || strcmp(features[i], c->outcome) == 0)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("column \"%s\" cannot be a feature, too", features[i]),
							errhint("Leave it out of \"features\".")));
	if (nfeatures == 0)
		c->encode.exclude = c->encode.exclude ? bm_jsonb_merge(c->encode.exclude, arms) : arms;
	c->plan =
		bm_encode_plan(relation, nfeatures ? features : NULL, nfeatures, c->outcome, &c->encode);
	c->plan->column[c->plan->n] = (BmFrameColumn){.name = c->outcome};
	c->plan->column[c->plan->n + 1] = (BmFrameColumn){.name = c->treatment};
	bm_frame_columns(relation, c->plan->column + c->plan->n, 2);
	request.column = c->plan->column;
	request.n = c->plan->n + 2;
	request.time_zone = c->plan->time_zone;
	c->frame = bm_frame_read(&request, &c->mem, &c->watch);
	c->features = *c->frame;
	c->features.ncolumns = (size_t) c->plan->n;
	read_arms(c);
	if (c->left_out)
		bm_progress_note("%zu of %zu rows have no outcome or treatment and are left out",
						 c->left_out, c->frame->n);
	split(c);
}

static void
fit_encoder(Call *c, const Part *p)
{
	BmEncoderFit fit = {.rows = p->row,
						.nrows = p->n,
						.y = c->target,
						.classes = c->binary ? 2 : 0,
						.seed = (uint64) c->seed,
						.stop = &c->watch.stop};

	c->encoder = bm_encode_fit(c->plan, &c->features, &fit, &c->mem);
	c->plan->quiet = true;
	if (c->encoder->core.ncodes)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("an uplift model takes no columns encoded by \"embed\"")));
}

static void
encode(Call *c, Part *p, bool fitted)
{
	size_t width = c->encoder->core.width;

	bm_check_memory(
		&c->mem,
		bmc_add(bmc_mul(p->n, bmc_mul(width, sizeof(float))),
				bmc_uplift_learner_bytes(p->n, width, &c->settings, bmc_pool_threads(c->pool))),
		psprintf("an uplift model of %zu people", p->n),
		"Raise behavmine.max_memory, or take fewer people or features.");
	p->x = need(bmc_alloc(&c->mem, Max(p->n * width, 1), sizeof(float)));
	p->outcome = need(bmc_alloc(&c->mem, Max(p->n, 1), sizeof(double)));
	p->treated = need(bmc_alloc(&c->mem, Max(p->n, 1), sizeof(bool)));
	bm_check(bmc_encoder_apply(p->x, NULL, &c->encoder->core, &c->features, p->row, p->n, fitted,
							   &c->mem, c->pool, &c->watch.stop),
			 "encode the people", NULL);
	for (size_t i = 0; i < p->n; i++)
	{
		p->outcome[i] = c->y[p->row[i]];
		p->treated[i] = c->treated[p->row[i]];
	}
}

/* ---- measuring ---- */

static int
best_first(const void *a, const void *b)
{
	double x = ((const BmUpliftRow *) a)->score, y = ((const BmUpliftRow *) b)->score;

	return x > y ? -1 : x < y;
}

/* The people of a part by score (n) + j * stride times sign, best first; palloc'd. */
static BmUpliftRow *
ranked(const Part *p, const float *score, size_t stride, double sign)
{
	BmUpliftRow *rows = palloc_extended(sizeof(BmUpliftRow) * Max(p->n, 1), MCXT_ALLOC_HUGE);

	for (size_t i = 0; i < p->n; i++)
		rows[i] = (BmUpliftRow){sign * (double) score[i * stride], p->outcome[i], p->treated[i]};
	qsort(rows, p->n, sizeof(BmUpliftRow), best_first);
	return rows;
}

static BmUpliftAreas
areas_of(const Call *c, const BmUpliftRow *rows, size_t n, double *top)
{
	BmUpliftPoint *points = palloc_extended(sizeof(BmUpliftPoint) * Max(n, 1), MCXT_ALLOC_HUGE);
	size_t npoints = bmc_uplift_curve(points, rows, NULL, n);
	BmUpliftAreas areas = bmc_uplift_areas(points, npoints, c->binary);

	if (top)
	{
		BmUpliftPoint best = bmc_uplift_top(points, npoints, c->options.top);

		*top = bmc_uplift_effect(&best);
	}
	pfree(points);
	return areas;
}

/* What learners are chosen by: higher is better. */
static double
criterion(const Call *c, const BmUpliftAreas *a)
{
	return c->binary ? a->qini : a->qini_raw;
}

static double
measure(const Call *c, const Part *p, const float *score, size_t stride, double sign)
{
	BmUpliftRow *rows = ranked(p, score, stride, sign);
	BmUpliftAreas areas = areas_of(c, rows, p->n, NULL);

	pfree(rows);
	return criterion(c, &areas);
}

/* 95 % interval of the criterion of rows, by a bootstrap. */
static void
interval_of(Call *c, const BmUpliftRow *rows, size_t n, double *low, double *high)
{
	double all_low[BM_UPLIFT_MEASURES], all_high[BM_UPLIFT_MEASURES];
	int which = c->binary ? BM_UPLIFT_QINI : BM_UPLIFT_QINI_RAW;

	bm_check(bmc_uplift_bootstrap(all_low, all_high, rows, n, c->options.top,
								  (size_t) c->options.bootstrap, 0.95, (uint64) c->seed, c->pool,
								  &c->mem, &c->watch.stop),
			 "resample the people", NULL);
	*low = all_low[which];
	*high = all_high[which];
}

/* Standard error of the criterion on a part. */
static double
spread(Call *c, const Part *p, const float *score)
{
	BmUpliftRow *rows = ranked(p, score, 1, 1.0);
	double low, high;

	interval_of(c, rows, p->n, &low, &high);
	pfree(rows);
	return isfinite(high - low) ? (high - low) / (2.0 * 1.959964) : 0.0;
}

/* Fill what is known of a ranking from the test part. */
static void
measure_test(Call *c, Ranking *r, const float *score, size_t stride, double sign)
{
	BmUpliftRow *rows = ranked(&c->test, score, stride, sign);

	r->test = areas_of(c, rows, c->test.n, &r->top);
	interval_of(c, rows, c->test.n, &r->low, &r->high);
	pfree(rows);
}

/* ---- learners ---- */

static BmUpliftData
data_of(const Call *c, const Part *p)
{
	return (BmUpliftData){.n = p->n,
						  .width = c->encoder->core.width,
						  .x = p->x,
						  .outcome = p->outcome,
						  .treated = p->treated};
}

/* False when this learner cannot be fitted on so few people. */
static bool
fit(Call *c, BmUpliftLearner *l, BmUpliftMethod method, const Part *p)
{
	BmUpliftData data = data_of(c, p);
	BmStatus status = bmc_uplift_learner_fit(l, method, &data, c->binary, &c->settings,
											 (uint64) c->seed, c->pool, &c->mem, &c->watch.stop);

	if (status == BM_EINVAL && c->options.learner == 0)
	{
		bmc_uplift_learner_free(l);
		return false;
	}
	bm_check(status, psprintf("train learner \"%s\"", bm_uplift_method_names[method]),
			 status == BM_EINVAL ? "Too few people of one arm for its leaves." : NULL);
	return true;
}

static float *
scores(Call *c, const BmUpliftLearner *l, const Part *p)
{
	float *score = need(bmc_alloc(&c->mem, Max(p->n, 1), sizeof(float)));

	for (size_t i = 0; i < p->n; i += 4096)
	{
		bm_interrupts();
		bmc_uplift_learner_predict(score + i, l, p->x + i * l->width, Min(4096, p->n - i));
	}
	return score;
}

/*
 * How far effects (n) are from the true ones, in the mean square, but for a constant: the mean of the
 * transformed outcome is the true effect (Athey and Imbens 2016). The mean outcome is taken off to calm it.
 */
static double
distance(const Part *p, const float *effect)
{
	double n = (double) p->n, mean = 0.0, share = 0.0, sum = 0.0;

	for (size_t i = 0; i < p->n; i++)
	{
		mean += p->outcome[i] / n;
		share += p->treated[i] / n;
	}
	for (size_t i = 0; i < p->n; i++)
	{
		double y = (p->outcome[i] - mean) / (p->treated[i] ? share : share - 1.0);

		sum += ((double) effect[i] - 2.0 * y) * (double) effect[i];
	}
	return sum / n;
}

static void
try_learner(Call *c, BmUpliftMethod method)
{
	Ranking *r = &c->ranking[method];
	BmUpliftLearner *l = &c->candidate[method];
	float *score;

	bm_progress_phase(BM_PHASE_FIT, bm_uplift_method_names[method]);
	r->name = bm_uplift_method_names[method];
	if (!fit(c, l, method, &c->train))
		return;
	c->tried[method] = true;
	score = scores(c, l, &c->valid);
	r->valid = measure(c, &c->valid, score, 1, 1.0);
	r->loss = distance(&c->valid, score);
	r->error = spread(c, &c->valid, score);
	bmc_free(&c->mem, score);
	score = scores(c, l, &c->test);
	measure_test(c, r, score, 1, 1.0);
	bmc_free(&c->mem, score);
}

/*
 * The best Qini on validation; of those that one standard error cannot tell from it, the one whose effects
 * are nearest the true ones, for a Qini sees their order only, and money is spent by their size.
 */
static void
choose_learner(Call *c)
{
	int top = -1;

	for (int m = 0; m < BM_UPLIFT_METHODS; m++)
		if (c->tried[m] && (top < 0 || c->ranking[m].valid > c->ranking[top].valid))
			top = m;
	c->best = top;
	for (int m = 0; m < BM_UPLIFT_METHODS && top >= 0; m++)
		if (c->tried[m] && c->ranking[m].valid >= c->ranking[top].valid - c->ranking[top].error &&
			c->ranking[m].loss < c->ranking[c->best].loss)
			c->best = m;
	for (int m = 0; m < BM_UPLIFT_METHODS; m++)
		if (c->tried[m] && m != c->best)
			bmc_uplift_learner_free(&c->candidate[m]);
	if (c->best < 0)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
						errmsg("no uplift learner can be fitted on %s", c->relation)));
	c->learner = c->candidate[c->best];
}

/* The feature, up or down, that ranks the training part best, as it does on the others. */
static void
try_columns(Call *c)
{
	size_t width = c->encoder->core.width, best = 0, column;
	double sign = 1.0, most = -INFINITY;
	char name[2 * NAMEDATALEN + 8];

	for (size_t j = 0; j < width; j++)
		for (int s = 1; s >= -1; s -= 2)
		{
			double q = measure(c, &c->train, c->train.x + j, width, s);

			bm_interrupts();
			if (q > most)
			{
				most = q;
				best = j;
				sign = s;
			}
		}
	bmc_encoder_feature(&c->encoder->core, best, name, sizeof(name), &column);
	c->column.name = psprintf("one column: %s, %s first", name, sign > 0 ? "highest" : "lowest");
	c->column.valid = measure(c, &c->valid, c->valid.x + best, width, sign);
	measure_test(c, &c->column, c->test.x + best, width, sign);
}

static void
try_random(Call *c)
{
	BmRng rng = bmc_rng((uint64) c->seed, STREAM_RANDOM);
	size_t n = Max(c->valid.n, c->test.n);
	float *score = need(bmc_alloc(&c->mem, n, sizeof(float)));

	for (size_t i = 0; i < n; i++)
		score[i] = (float) bmc_rng_double(&rng);
	c->random.name = "random";
	c->random.valid = measure(c, &c->valid, score, 1, 1.0);
	measure_test(c, &c->random, score, 1, 1.0);
	bmc_free(&c->mem, score);
}

/* ---- the version ---- */

/* Mean and the variance of the mean of one arm of rows [first, last). */
static double
arm_mean(const BmUpliftRow *rows, size_t first, size_t last, bool treated, double *variance)
{
	double n = 0, sum = 0, squares = 0;

	for (size_t i = first; i < last; i++)
		if (rows[i].treated == treated)
		{
			n++;
			sum += rows[i].outcome;
			squares += rows[i].outcome * rows[i].outcome;
		}
	if (n < 2)
	{
		*variance = NAN;
		return NAN;
	}
	*variance = Max(squares - sum * sum / n, 0.0) / (n - 1) / n;
	return sum / n;
}

/* Effects that were seen in bins of the test part by the chosen learner's score. */
static void
make_bands(Call *c)
{
	float *score = scores(c, &c->learner, &c->test);
	BmUpliftRow *rows = ranked(&c->test, score, 1, 1.0);
	size_t n = c->test.n, bins = Max(Min(n / BAND_PEOPLE, BM_UPLIFT_BANDS), 1);

	c->band = palloc0(sizeof(BmUpliftBand) * bins);
	for (size_t b = 0; b < bins; b++)
	{
		size_t first = b * n / bins, last = (b + 1) * n / bins;
		double vt, vc,
			effect =
				arm_mean(rows, first, last, true, &vt) - arm_mean(rows, first, last, false, &vc);
		double width = 1.959964 * sqrt(vt + vc);

		if (isfinite(effect) && isfinite(width))
			c->band[c->nbands++] =
				(BmUpliftBand){(float) rows[last - 1].score, (float) effect,
							   (float) (effect - width), (float) (effect + width)};
	}
	pfree(rows);
	bmc_free(&c->mem, score);
}

static void
refit(Call *c)
{
	BmUpliftMethod method = (BmUpliftMethod) c->best;

	bm_progress_phase(BM_PHASE_FIT, "everybody");
	bmc_uplift_learner_free(&c->learner);
	fit_encoder(c, &c->all);
	encode(c, &c->all, true);
	fit(c, &c->learner, method, &c->all);
}

static void
append_number(StringInfo s, const char *name, double v)
{
	appendStringInfo(s, ",\"%s\":", name);
	if (isfinite(v))
		appendStringInfo(s, "%.6g", v);
	else
		appendStringInfoString(s, "null");
}

static void
append_ranking(StringInfo s, const Ranking *r)
{
	appendStringInfoString(s, s->data[s->len - 1] == '[' ? "{\"name\":" : ",{\"name\":");
	escape_json(s, r->name);
	append_number(s, "validation", r->valid);
	append_number(s, "loss", r->loss);
	append_number(s, "qini", r->test.qini);
	append_number(s, "qini_raw", r->test.qini_raw);
	append_number(s, "low", r->low);
	append_number(s, "high", r->high);
	append_number(s, "auuc", r->test.auuc);
	append_number(s, "effect_top", r->top);
	appendStringInfoChar(s, '}');
}

static Jsonb *
metrics_jsonb(const Call *c)
{
	StringInfoData s;

	initStringInfo(&s);
	appendStringInfo(&s,
					 "{\"rows\":{\"training\":%zu,\"validation\":%zu,\"test\":%zu,"
					 "\"left_out\":%zu},\"protocol\":\"people at random, both arms alike\"",
					 c->train.n, c->valid.n, c->test.n, c->left_out);
	append_number(&s, "effect", c->ranking[c->best].test.effect);
	appendStringInfoString(&s, ",\"rankings\":[");
	for (int m = 0; m < BM_UPLIFT_METHODS; m++)
		if (c->tried[m])
			append_ranking(&s, &c->ranking[m]);
	append_ranking(&s, &c->column);
	append_ranking(&s, &c->random);
	appendStringInfoString(&s, "]}");
	return bm_jsonb_parse(s.data);
}

static Jsonb *
encoder_jsonb(const Call *c)
{
	Jsonb *encoder = bm_encode_jsonb(c->encoder, false);
	StringInfoData s;

	initStringInfo(&s);
	appendStringInfoString(&s, "{\"data\":");
	escape_json(&s, c->relation);
	appendStringInfoString(&s, ",\"outcome\":");
	escape_json(&s, c->outcome);
	appendStringInfoString(&s, ",\"treatment\":");
	escape_json(&s, c->treatment);
	appendStringInfo(&s, ",\"binary\":%s,\"encoder\":%s}", c->binary ? "true" : "false",
					 JsonbToCString(NULL, &encoder->root, VARSIZE(encoder)));
	return bm_jsonb_parse(s.data);
}

/* Should it be deployed? Compared is what each version reported of its own test part. */
static bool
beats_deployed(Call *c)
{
	int64 id = bm_model_id(c->model, true);
	double value = criterion(c, &c->ranking[c->best].test);
	const BmVersion *old;

	if (c->rule != 1)
		return c->rule == 0;
	if (id == 0 || bm_deployed_version(id) == 0)
		return true;
	old = bm_version_load(c->model, 0);
	c->note = psprintf("qini %.4f, deployed version %d had %.4f when it was trained", value,
					   old->version, old->value);
	return isnan(old->value) || value >= old->value - MARGIN * fabs(old->value);
}

static void
save(Call *c)
{
	BmTensors *tensors = palloc0(sizeof(BmTensors));
	size_t shape[2] = {c->nbands, 4};
	BmVersion *v = &c->version;

	c->deployed = beats_deployed(c);
	bm_check(bmc_encoder_tensors(&c->encoder->core, "encoder/", tensors), "store the encoder",
			 NULL);
	if (!bmc_uplift_learner_tensors(&c->learner, tensors) ||
		(c->nbands && !bmc_tensors_add(tensors, NULL, "bands", BM_F32, c->band, 2, shape)))
		elog(ERROR, "too many tensors in one version");
	v->model = c->model;
	v->task = BM_UPLIFT_TASK;
	v->algorithm = pstrdup(bm_uplift_method_names[c->best]);
	v->options = bm_options_jsonb(&c->options, uplift_options);
	v->encoder = encoder_jsonb(c);
	v->seed = c->seed;
	v->rows = v->users = (int64) c->all.n;
	v->seconds = (double) (GetCurrentTimestamp() - c->started) / USECS_PER_SEC;
	v->metric = c->binary ? "qini" : "qini_raw";
	v->value = criterion(c, &c->ranking[c->best].test);
	v->baseline = criterion(c, &c->column.test);
	v->metrics = metrics_jsonb(c);
	v->watermark = c->started;
	bm_version_save(v, tensors, NULL, NULL);
	if (c->deployed)
		bm_deploy(v->model_id, v->version);
	bm_version_prune(v->model_id, c->options.keep_versions);
}

static void
set_number(Datum *values, bool *nulls, int i, double v)
{
	values[i] = Float8GetDatum(v);
	nulls[i] = !isfinite(v);
}

static void
emit(FunctionCallInfo fcinfo, const Call *c, const Ranking *r, bool chosen)
{
	Datum values[12];
	bool nulls[12] = {false};

	values[0] = bm_text_datum(c->model);
	values[1] = Int32GetDatum(c->version.version);
	values[2] = bm_text_datum(r->name);
	values[3] = BoolGetDatum(chosen);
	set_number(values, nulls, 4, r->valid);
	set_number(values, nulls, 5, criterion(c, &r->test));
	set_number(values, nulls, 6, r->low);
	set_number(values, nulls, 7, r->high);
	set_number(values, nulls, 8, c->binary ? r->test.auuc : r->test.auuc_raw);
	set_number(values, nulls, 9, r->top);
	values[10] = BoolGetDatum(chosen && c->deployed);
	nulls[11] = !chosen || c->note == NULL;
	values[11] = nulls[11] ? (Datum) 0 : bm_text_datum(c->note);
	bm_srf_row(fcinfo, values, nulls);
}

static void
parse_options(Call *c, Jsonb *json)
{
	const BmOptionSpec *specs[] = {uplift_options, bm_row_encode_spec()};
	UpliftOptions *o = &c->options;

	bm_options_check(json, specs, 2, "behav_uplift");
	bm_options_parse(o, uplift_options, json);
	bm_options_parse(&c->encode, bm_row_encode_spec(), json);
	c->settings = (BmUpliftSettings){.l2 = o->l2,
									 .forest = {.trees = o->trees,
												.depth = o->depth,
												.min_arm = o->min_arm,
												.bins = 32,
												.criterion = BM_UPLIFT_BY_EFFECT,
												.sample = 0.5,
												.honest = true}};
}

static int
rule_of(const char *word)
{
	for (int i = 0; i < lengthof(deploy_rules); i++)
		if (strcmp(word, deploy_rules[i]) == 0)
			return i;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("\"deploy\" cannot be \"%s\"", word),
			 errhint("It is one of always, if_better, never.")));
	return 0;
}

static void
train(Call *c)
{
	int only = c->options.learner - 1;

	if (c->settings.forest.min_arm == 0)
		c->settings.forest.min_arm = (int) Max(10, c->train.n / 400);
	c->pool = bm_pool_open(c->context, bm_threads(), false);
	fit_encoder(c, &c->train);
	/* of few columns each split may take any: one that matters is then never missed */
	if (c->encoder->core.width <= FEW_COLUMNS)
		c->settings.forest.columns = (int) c->encoder->core.width;
	encode(c, &c->train, true);
	encode(c, &c->valid, false);
	encode(c, &c->test, false);
	for (int m = 0; m < BM_UPLIFT_METHODS; m++)
		if (only < 0 || only == m)
			try_learner(c, (BmUpliftMethod) m);
	choose_learner(c);
	try_columns(c);
	try_random(c);
	make_bands(c);
	if (criterion(c, &c->ranking[c->best].test) <= criterion(c, &c->column.test))
		c->note = "not better than the rule of one column";
	refit(c);
}

/* behav_uplift(model, data, outcome, treatment, features, options, deploy, seed) */
BM_FUNCTION(behav_uplift);
Datum
behav_uplift(PG_FUNCTION_ARGS)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "behavmine uplift", ALLOCSET_DEFAULT_SIZES);
	Call c = {.model = bm_arg_text(fcinfo, 0, "model"),
			  .outcome = bm_arg_text(fcinfo, 2, "outcome"),
			  .treatment = bm_arg_text(fcinfo, 3, "treatment"),
			  .rule = rule_of(bm_arg_text(fcinfo, 6, "deploy")),
			  .seed = PG_ARGISNULL(7) ? 0 : PG_GETARG_INT64(7),
			  .best = -1,
			  .started = GetCurrentTimestamp(),
			  .context = context};
	char **features;
	int nfeatures;

	if (PG_ARGISNULL(1))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("argument \"data\" must not be null")));
	bm_srf_begin(fcinfo);
	features = bm_arg_text_array(fcinfo, 4, "features", &nfeatures);
	parse_options(&c, PG_ARGISNULL(5) ? NULL : PG_GETARG_JSONB_P(5));
	c.relation = bm_relation_name(PG_GETARG_OID(1));
	bm_model_lock(c.model);
	bm_model_check_task(c.model, BM_UPLIFT_TASK);
	bm_mem_init(&c.mem, context);
	bm_watch_init(&c.watch, 0);
	bm_progress_start(c.model);
	read_people(&c, PG_GETARG_OID(1), features, nfeatures);
	train(&c);
	save(&c);
	for (int m = 0; m < BM_UPLIFT_METHODS; m++)
		if (c.tried[m])
			emit(fcinfo, &c, &c.ranking[m], m == c.best);
	emit(fcinfo, &c, &c.column, false);
	emit(fcinfo, &c, &c.random, false);
	bm_progress_end();
	MemoryContextDelete(context);
	return (Datum) 0;
}
