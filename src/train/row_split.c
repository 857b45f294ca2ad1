/*
 * row_split.c
 *		Cutting rows into training, validation and test: at random in every class alike, by time, or by
 *		groups that stay together; and into folds.
 *
 * Rows come in an order that depends on what they hold only, so the same rows and the same seed give
 * the same parts.
 */
#include "pg/pg.h"

#include "lib/stringinfo.h"

#include "core/num/rng.h"
#include "core/num/sort.h"
#include "train/rows.h"

#define STREAM_SPLIT 0x524f5753 /* "ROWS" */
#define LEAST_ROWS 10

enum
{
	TRAIN,
	VALID,
	TEST
};

static void *
need(void *block)
{
	if (block == NULL)
		bm_check(BM_ENOMEM, "split the rows", NULL);
	return block;
}

/* ---- dealing ---- */

/* Rows of class c (classes 0: all), shuffled. */
static size_t
shuffled_class(const BmTraining *t, uint32_t *out, size_t c)
{
	const BmRows *r = t->rows;
	BmRng rng = bmc_rng((uint64) t->seed, STREAM_SPLIT + c);
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++)
		if (r->classes == 0 || (size_t) r->y[r->row[i]] == c)
			out[n++] = r->row[i];
	bmc_rng_shuffle(&rng, out, n);
	return n;
}

/* Groups in a random order; rank (groups). What has no group is one of its own. */
static uint32_t *
group_order(const BmTraining *t, size_t *ngroups, BmMem *mem)
{
	const BmColumn *c = &t->rows->frame->column[t->rows->group_column];
	BmRng rng = bmc_rng((uint64) t->seed, STREAM_SPLIT);
	uint32_t *order;

	*ngroups = (size_t) c->dict.view.n + 1;
	order = need(bmc_alloc(mem, *ngroups, sizeof(uint32_t)));
	for (size_t g = 0; g < *ngroups; g++)
		order[g] = (uint32_t) g;
	bmc_rng_shuffle(&rng, order, *ngroups);
	return order;
}

static size_t
group_of(const BmRows *r, uint32_t row)
{
	const BmColumn *c = &r->frame->column[r->group_column];

	return c->code[row] == BM_NONE ? c->dict.view.n : c->code[row];
}

/* part[row] for the groups in order: test until its share of the rows is reached, then validation. */
static void
deal_groups(BmTraining *t, uint8 *part)
{
	BmRows *r = t->rows;
	size_t ngroups, done = 0;
	uint32_t *order = group_order(t, &ngroups, &t->mem);
	size_t *size = need(bmc_alloc0(&t->mem, ngroups, sizeof(size_t)));
	uint8 *of = need(bmc_alloc(&t->mem, ngroups, 1));

	for (size_t i = 0; i < r->n; i++)
		size[group_of(r, r->row[i])]++;
	for (size_t g = 0; g < ngroups; g++)
	{
		double share = (double) done / (double) r->n;

		of[order[g]] = share < r->options.test_share                            ? TEST
					   : share < r->options.test_share + r->options.valid_share ? VALID
																				: TRAIN;
		done += size[order[g]];
	}
	for (size_t i = 0; i < r->n; i++)
		part[r->row[i]] = of[group_of(r, r->row[i])];
	bmc_free(&t->mem, of);
	bmc_free(&t->mem, size);
	bmc_free(&t->mem, order);
	snprintf(r->protocol, sizeof(r->protocol),
			 "groups of \"%.60s\" at random: %g validation, %g test, seed " INT64_FORMAT,
			 r->options.group, r->options.valid_share, r->options.test_share, t->seed);
}

static void
deal_random(BmTraining *t, uint8 *part)
{
	BmRows *r = t->rows;
	uint32_t *row = need(bmc_alloc(&t->mem, r->n, sizeof(uint32_t)));

	for (size_t c = 0; c < Max(r->classes, 1); c++)
	{
		size_t n = shuffled_class(t, row, c);
		size_t test = (size_t) (r->options.test_share * (double) n + 0.5);
		size_t valid = (size_t) (r->options.valid_share * (double) n + 0.5);

		for (size_t i = 0; i < n; i++)
			part[row[i]] = i < test ? TEST : i < test + valid ? VALID : TRAIN;
	}
	bmc_free(&t->mem, row);
	snprintf(r->protocol, sizeof(r->protocol),
			 "rows at random%s: %g validation, %g test, seed " INT64_FORMAT,
			 r->classes ? ", every class alike" : "", r->options.valid_share, r->options.test_share,
			 t->seed);
}

/* The newest rows are the test part; equal times stay together, rows without a time are trained on. */
static void
deal_by_time(BmTraining *t, uint8 *part)
{
	BmRows *r = t->rows;
	const BmColumn *c = &r->frame->column[r->time_column];
	uint64_t *key = need(bmc_alloc(&t->mem, r->n, sizeof(uint64_t)));
	uint32_t *row = need(bmc_alloc(&t->mem, r->n, sizeof(uint32_t)));
	size_t n = 0;
	uint64_t valid_from, test_from;

	if (c->kind != BM_COLUMN_TIME && c->kind != BM_COLUMN_NUMBER)
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("column \"%s\" of option \"time\" is neither a time nor a number",
							   r->options.time)));
	for (size_t i = 0; i < r->n; i++)
	{
		int64 at;

		part[r->row[i]] = TRAIN;
		if (bmc_missing(c, r->row[i]))
			continue;
		at = c->kind == BM_COLUMN_TIME ? c->time[r->row[i]] : (int64) (c->number[r->row[i]] * 1e3);
		key[n] = (uint64_t) at ^ (UINT64_C(1) << 63);
		row[n++] = r->row[i];
	}
	bm_check(bmc_sort_u64(key, row, n, &t->mem), "split the rows", NULL);
	if (n > 0)
	{
		size_t test = (size_t) ((1.0 - r->options.test_share) * (double) n);
		size_t valid =
			(size_t) ((1.0 - r->options.test_share - r->options.valid_share) * (double) n);

		valid_from = key[Min(valid, n - 1)];
		test_from = key[Min(test, n - 1)];
		for (size_t i = 0; i < n; i++)
			part[row[i]] = key[i] >= test_from ? TEST : key[i] >= valid_from ? VALID : TRAIN;
	}
	bmc_free(&t->mem, row);
	bmc_free(&t->mem, key);
	snprintf(r->protocol, sizeof(r->protocol),
			 "by time of \"%.60s\": the newest %g test, %g before them validation", r->options.time,
			 r->options.test_share, r->options.valid_share);
}

/* ---- parts ---- */

static void
collect(BmTraining *t, BmPart *p, const uint8 *part, uint8 which)
{
	BmRows *r = t->rows;

	p->n = 0;
	p->row = need(bmc_alloc(&t->mem, Max(r->n, 1), sizeof(uint32_t)));
	for (size_t i = 0; i < r->n; i++)
		if (part[r->row[i]] == which)
			p->row[p->n++] = r->row[i];
}

static char *
counts_text(const BmRows *r, const BmPart *p)
{
	size_t *count = palloc0(sizeof(size_t) * r->classes);
	StringInfoData s;

	initStringInfo(&s);
	for (size_t i = 0; i < p->n; i++)
		count[(size_t) r->y[p->row[i]]]++;
	for (size_t c = 0; c < r->classes && c < 5; c++)
		appendStringInfo(&s, "%s%zu of \"%s\"", c ? ", " : "", count[c], r->class_name[c]);
	return s.data;
}

/* A part must have rows, and of classes more than one. */
static void
check_part(const BmRows *r, const BmPart *p, const char *name)
{
	bool several = r->classes == 0;

	for (size_t i = 1; i < p->n && !several; i++)
		several = r->y[p->row[i]] != r->y[p->row[0]];
	if (p->n > 0 && several)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 p->n == 0 ? errmsg("the %s part has no rows", name)
					   : errmsg("the %s part has a single class", name),
			 p->n == 0 ? errdetail("%zu rows have a target; split: %s.", r->n, r->protocol)
					   : errdetail("It has %s; split: %s.", counts_text(r, p), r->protocol),
			 r->windows ? errhint("Bring more events, or change the options \"valid_share\" and "
								  "\"test_share\".")
						: errhint("Bring more rows, change the options \"valid_share\" and "
								  "\"test_share\", or split another way (options \"time\" and "
								  "\"group\").")));
}

static void
check_parts(BmRows *r)
{
	check_part(r, &r->train, "training");
	check_part(r, &r->valid, "validation");
	check_part(r, &r->test, "test");
	r->all = (BmPart){.row = r->row, .n = r->n};
}

/* Windows were cut by time when they were read. */
static void
split_windows(BmTraining *t)
{
	BmRows *r = t->rows;
	uint8 *part = need(bmc_alloc(&t->mem, Max(r->n, 1), 1));

	for (size_t i = 0; i < r->n; i++)
		part[i] = r->windows->window[i].part;
	collect(t, &r->train, part, TRAIN);
	collect(t, &r->valid, part, VALID);
	collect(t, &r->test, part, TEST);
	bmc_free(&t->mem, part);
	check_parts(r);
}

void
bm_rows_split(BmTraining *t)
{
	BmRows *r = t->rows;
	uint8 *part;

	if (r->windows)
	{
		split_windows(t);
		return;
	}
	if (r->options.time && r->options.group)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("a split goes by time or by group, not by both")));
	if (r->options.time && r->options.folds)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("options \"time\" and \"folds\" exclude each other"),
				 errdetail("Folds would train on what comes after the rows that they test.")));
	if (r->n < LEAST_ROWS)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
						errmsg("%s has too few rows with a target", r->relation_name),
						errdetail("It has %zu; at least %d are needed to train, to choose and to "
								  "measure.",
								  r->n, LEAST_ROWS)));
	part = need(bmc_alloc0(&t->mem, r->frame->n, 1));
	if (r->options.time)
		deal_by_time(t, part);
	else if (r->options.group)
		deal_groups(t, part);
	else
		deal_random(t, part);
	collect(t, &r->train, part, TRAIN);
	collect(t, &r->valid, part, VALID);
	collect(t, &r->test, part, TEST);
	bmc_free(&t->mem, part);
	check_parts(r);
}

/* ---- folds ---- */

/* Part k of the folds is the test part: rows are dealt round by class, or groups round. */
void
bm_rows_fold(BmTraining *t, BmPart *train, BmPart *test, int fold)
{
	BmRows *r = t->rows;
	uint8 *part = need(bmc_alloc0(&t->mem, r->frame->n, 1));
	int folds = r->options.folds;

	if (r->options.group)
	{
		size_t ngroups;
		uint32_t *order = group_order(t, &ngroups, &t->mem);
		uint8 *of = need(bmc_alloc(&t->mem, ngroups, 1));

		for (size_t g = 0; g < ngroups; g++)
			of[order[g]] = g % folds == fold;
		for (size_t i = 0; i < r->n; i++)
			part[r->row[i]] = of[group_of(r, r->row[i])];
		bmc_free(&t->mem, of);
		bmc_free(&t->mem, order);
	}
	else
	{
		uint32_t *row = need(bmc_alloc(&t->mem, r->n, sizeof(uint32_t)));
		size_t dealt = 0;

		for (size_t c = 0; c < Max(r->classes, 1); c++)
		{
			size_t n = shuffled_class(t, row, c);

			for (size_t i = 0; i < n; i++)
				part[row[i]] = dealt++ % folds == fold;
		}
		bmc_free(&t->mem, row);
	}
	collect(t, train, part, 0);
	collect(t, test, part, 1);
	bmc_free(&t->mem, part);
	check_part(r, train, psprintf("fold %d training", fold + 1));
	check_part(r, test, psprintf("fold %d test", fold + 1));
}
