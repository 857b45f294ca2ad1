/*
 * uplift_read.c
 *		The people of a campaign from a relation: outcome and arm, dealt at random to training,
 *		validation and test, and encoded.
 */
#include "pg/pg.h"

#include <math.h>

#include "lib/stringinfo.h"
#include "utils/json.h"

#include "core/num/rng.h"
#include "portrait/uplift_fit.h"

#define STREAM_SPLIT 0x55504c46 /* "UPLF" */
#define LEAST_ARM 10            /* people of each arm in each part */

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
one_arm(const BmUpliftCall *c, size_t treated, size_t control)
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
deal(BmUpliftCall *c, const uint32_t *row, size_t n)
{
	size_t test = (size_t) (c->options.test_share * (double) n + 0.5);
	size_t valid = (size_t) (c->options.valid_share * (double) n + 0.5);

	for (size_t i = 0; i < n; i++)
	{
		BmUpliftPart *p = i < test ? &c->test : i < test + valid ? &c->valid : &c->train;

		p->row[p->n++] = row[i];
		c->all.row[c->all.n++] = row[i];
	}
}

static void
split(BmUpliftCall *c)
{
	BmUpliftPart *parts[] = {&c->train, &c->valid, &c->test, &c->all};
	uint32_t *arm[2];
	size_t n[2] = {0, 0}, least;

	for (int p = 0; p < lengthof(parts); p++)
		parts[p]->row = bm_uplift_need(bmc_alloc(&c->mem, Max(c->frame->n, 1), sizeof(uint32_t)));
	for (int t = 0; t < 2; t++)
		arm[t] = bm_uplift_need(bmc_alloc(&c->mem, Max(c->frame->n, 1), sizeof(uint32_t)));
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
read_arms(BmUpliftCall *c)
{
	const BmColumn *y = &c->frame->column[c->plan->n], *t = y + 1;

	check_number(y, "outcome");
	check_number(t, "treatment");
	c->y = bm_uplift_need(bmc_alloc(&c->mem, Max(c->frame->n, 1), sizeof(double)));
	c->target = bm_uplift_need(bmc_alloc(&c->mem, Max(c->frame->n, 1), sizeof(float)));
	c->treated = bm_uplift_need(bmc_alloc0(&c->mem, Max(c->frame->n, 1), sizeof(bool)));
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

void
bm_uplift_read(BmUpliftCall *c, Oid relation, char **features, int nfeatures)
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

void
bm_uplift_encoder(BmUpliftCall *c, const BmUpliftPart *p)
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

void
bm_uplift_encode(BmUpliftCall *c, BmUpliftPart *p, bool fitted)
{
	size_t width = c->encoder->core.width;

	bm_check_memory(
		&c->mem,
		bmc_add(bmc_mul(p->n, bmc_mul(width, sizeof(float))),
				bmc_uplift_learner_bytes(p->n, width, &c->settings, bmc_pool_threads(c->pool))),
		psprintf("an uplift model of %zu people", p->n),
		"Raise behavmine.max_memory, or take fewer people or features.");
	p->x = bm_uplift_need(bmc_alloc(&c->mem, Max(p->n * width, 1), sizeof(float)));
	p->outcome = bm_uplift_need(bmc_alloc(&c->mem, Max(p->n, 1), sizeof(double)));
	p->treated = bm_uplift_need(bmc_alloc(&c->mem, Max(p->n, 1), sizeof(bool)));
	bm_check(bmc_encoder_apply(p->x, NULL, &c->encoder->core, &c->features, p->row, p->n, fitted,
							   &c->mem, c->pool, &c->watch.stop),
			 "encode the people", NULL);
	for (size_t i = 0; i < p->n; i++)
	{
		p->outcome[i] = c->y[p->row[i]];
		p->treated[i] = c->treated[p->row[i]];
	}
}
