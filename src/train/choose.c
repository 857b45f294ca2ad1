/*
 * choose.c
 *		The honest choice: every candidate at its best setting on the validation part, a blend of the
 *		best ones if it is better, and everything measured once on the test part.
 *
 * Which settings are tried depends on the data's size only, never on the clock, unless the caller
 * bounds the seconds.
 */
#include "pg/pg.h"
#include "train/choose.h"

/* About an hour of two cores: a candidate beyond it is left to an explicit request. */
#define CANDIDATE_WORK 3e14
/* About a minute and a half of two cores for all settings of one grid. */
#define GRID_WORK 1e13
/* A blend must beat the best single algorithm by this much on validation to be worth its cost. */
#define BLEND_GAIN 1.005
#define BLEND_PARTS 4
#define BLEND_CASES 5000

double
bm_work(const BmAlgorithm *algorithm, const BmFitSize *size, const void *settings)
{
	return algorithm->work ? algorithm->work(size, settings) : 1e3 * (double) size->nevents;
}

bool
bm_has_own_options(const BmAlgorithm *algorithm, Jsonb *options)
{
	JsonbValue key;

	if (options == NULL)
		return false;
	for (const BmOptionSpec *o = algorithm->options; o->name; o++)
	{
		key.type = jbvString;
		key.val.string.val = (char *) o->name;
		key.val.string.len = strlen(o->name);
		if (findJsonbValueFromContainer(&options->root, JB_FOBJECT, &key))
			return true;
	}
	return false;
}

static double
ndcg(const BmFitted *f)
{
	return BM_MEAN(f->valid, ndcg);
}

/* The better of two fits by validation; the other is freed. Ties keep the first. */
static BmFitted *
better(BmFitted *a, BmFitted *b)
{
	if (a == NULL || b == NULL)
		return a ? a : b;
	if (ndcg(b) > ndcg(a))
	{
		bm_fitted_free(a);
		return b;
	}
	bm_fitted_free(b);
	return a;
}

/* Fit an algorithm at the caller's setting, or at each of its grid; the best one stays. */
static BmFitted *
fit_best(BmRun *run, const BmSplit *split, const BmAlgorithm *algorithm, Jsonb *options)
{
	BmFitSize size = bm_fit_size(&split->data, run->threads);
	BmFitted *best = NULL;
	double work = 0.0;

	if (!run->options->tune || algorithm->grid == NULL || algorithm->grid[0] == NULL ||
		bm_has_own_options(algorithm, options))
		return bm_fit(run, algorithm, bm_settings(algorithm, options, &size), &split->data,
					  &split->valid, 0);
	for (const char *const *setting = algorithm->grid; *setting; setting++)
	{
		void *settings =
			bm_settings(algorithm, bm_jsonb_merge(options, bm_jsonb_parse(*setting)), &size);

		work += bm_work(algorithm, &size, settings);
		if (best && (work > GRID_WORK || bm_run_late(run)))
			break;
		best = better(best, bm_fit(run, algorithm, settings, &split->data, &split->valid, 0));
	}
	return best;
}

bool
bm_affordable(BmRun *run, const BmSplit *split, const BmAlgorithm *algorithm, Jsonb *options)
{
	BmFitSize size = bm_fit_size(&split->data, run->threads);
	void *settings = bm_settings(algorithm, options, &size);
	double work = bm_work(algorithm, &size, settings);
	size_t bytes = algorithm->core->fit_bytes(&size, settings);

	if (run->mem->limit && bmc_add(bytes, run->mem->used) > run->mem->limit)
	{
		bm_progress_note("%s is left out: it needs %zu MB more, behavmine.max_memory is %zu MB",
						 algorithm->name, bytes >> 20, run->mem->limit >> 20);
		return false;
	}
	if (work > CANDIDATE_WORK && run->options->max_seconds <= 0)
	{
		bm_progress_note("%s is left out: it would take about %.0f minutes; train it by name, or "
						 "set the option \"max_seconds\"",
						 algorithm->name, work / (60.0 * 4e10 * run->threads));
		return false;
	}
	return true;
}

static void
note(const BmFitted *f, int k)
{
	bm_progress_note("%-11s validation ndcg@%d %.4f  recall@%d %.4f  %6.1f s", f->algorithm->name,
					 k, ndcg(f), k, BM_MEAN(f->valid, hit), f->seconds);
}

static void
add_candidate(BmChoice *c, BmRun *run, const BmSplit *split, const BmAlgorithm *algorithm,
			  Jsonb *options)
{
	BmFitted *f;

	if (c->n == BM_MAX_CANDIDATES)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("too many candidates"),
						errdetail("At most %d algorithms can be compared in one call.",
								  BM_MAX_CANDIDATES)));
	f = c->n > 0 && bm_run_late(run) ? NULL : fit_best(run, split, algorithm, options);
	if (f == NULL || f->stopped)
		c->stopped = true;
	if (f == NULL)
		return;
	note(f, run->options->k);
	if (strcmp(algorithm->name, "popular") == 0)
		c->baseline = f;
	c->candidate[c->n++] = f;
}

/* Candidates by validation NDCG, best first. */
static void
order_candidates(int *order, const BmChoice *c)
{
	for (int i = 0; i < c->n; i++)
	{
		int j = i;

		for (; j > 0 && ndcg(c->candidate[i]) > ndcg(c->candidate[order[j - 1]]); j--)
			order[j] = order[j - 1];
		order[j] = i;
	}
}

static void
choose_single(BmChoice *c, int best, size_t nitems)
{
	c->best = best;
	c->part[0] = best;
	c->blended = false;
	c->blend = bm_blend_of(c->candidate[best], nitems);
	c->valid = c->candidate[best]->valid;
}

/* Weights for the best few candidates; parts that get none are dropped. part: their candidates. */
static BmBlend
fit_blend(int *part, BmRun *run, const BmSplit *split, const BmChoice *c, const int *order)
{
	BmBlend all = {.n = Min(c->n, BLEND_PARTS),
				   .nitems = split->data.nitems,
				   .cold = run->cold,
				   .ncold = run->ncold};
	BmBlend used = all;
	double value;

	used.n = 0;
	for (int i = 0; i < all.n; i++)
	{
		BmFitted *f = c->candidate[order[i]];

		all.part[i] = (BmBlendPart){f->algorithm->core, f->bound, 0.0f};
	}
	bm_progress_phase(BM_PHASE_EVALUATE, "blend");
	bm_check(bmc_blend_fit(&all, &value, &split->valid, BLEND_CASES, run->options->k, run->pool,
						   run->mem, &run->cancel->stop),
			 "fit a blend", NULL);
	for (int i = 0; i < all.n; i++)
		if (all.part[i].weight > 0.0f)
		{
			part[used.n] = order[i];
			used.part[used.n++] = all.part[i];
		}
	return used;
}

/* The best single candidate, or a blend of the best few where that is better on validation. */
static void
settle_choice(BmChoice *c, BmRun *run, const BmSplit *split, bool force_blend)
{
	int order[BM_MAX_CANDIDATES], part[BM_MAX_BLEND];
	BmBlend blend;
	BmMetrics valid;

	order_candidates(order, c);
	choose_single(c, order[0], split->data.nitems);
	if (c->n < 2)
		return;
	blend = fit_blend(part, run, split, c, order);
	if (blend.n < 2)
		return;
	valid = bm_measure(run, &blend, &split->valid);
	bm_progress_note("%-11s validation ndcg@%d %.4f  recall@%d %.4f", "blend", run->options->k,
					 BM_MEAN(valid, ndcg), run->options->k, BM_MEAN(valid, hit));
	if (!force_blend && BM_MEAN(valid, ndcg) <= BLEND_GAIN * ndcg(c->candidate[c->best]))
		return;
	c->blended = true;
	c->blend = blend;
	c->valid = valid;
	memcpy(c->part, part, sizeof(part));
}

static void
measure_all(BmChoice *c, BmRun *run, const BmSplit *split)
{
	bm_progress_phase(BM_PHASE_EVALUATE, "test part");
	for (int i = 0; i < c->n; i++)
	{
		BmBlend one = bm_blend_of(c->candidate[i], split->data.nitems);

		c->candidate[i]->test = bm_measure(run, &one, &split->test);
	}
	c->test = c->blended ? bm_measure(run, &c->blend, &split->test) : c->candidate[c->best]->test;
}

const char *const bm_baselines[] = {"popular", "seq_rules", "item_knn", "ease", NULL};

static bool
is_baseline(const char *name)
{
	for (const char *const *b = bm_baselines; *b; b++)
		if (strcmp(name, *b) == 0)
			return true;
	return false;
}

static bool
named(const char *name, const char *const *names, int nnames)
{
	for (int i = 0; i < nnames; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

/* A request by name is answered by that algorithm, with the baseline beside it. */
static void
choose_named(BmChoice *c, BmRun *run, const BmSplit *split, const char *name)
{
	for (int i = 0; i < c->n; i++)
		if (strcmp(c->candidate[i]->algorithm->name, name) == 0)
		{
			choose_single(c, i, split->data.nitems);
			return;
		}
	ereport(ERROR, (errcode(ERRCODE_QUERY_CANCELED),
					errmsg("algorithm \"%s\" was not ready after \"max_seconds\"", name),
					errdetail("The bound is %g seconds.", run->options->max_seconds),
					errhint("Raise \"max_seconds\", or choose a lighter algorithm from "
							"behav_algorithms().")));
}

static bool
wanted(BmRun *run, const BmSplit *split, const BmAlgorithm *a, const char *const *names, int nnames,
	   Jsonb *options, bool baselines)
{
	if (strcmp(a->name, "popular") == 0 || named(a->name, names, nnames))
		return true;
	if (nnames > 0 ? !baselines || !is_baseline(a->name) : a->on_request)
		return false;
	return bm_affordable(run, split, a, options);
}

BmChoice *
bm_choose(BmRun *run, const BmSplit *split, const char *const *names, int nnames, Jsonb *options,
		  bool force_blend, bool baselines)
{
	BmChoice *c = palloc0(sizeof(BmChoice));

	for (int i = 0; i < nnames; i++)
		(void) bm_algorithm(names[i]); /* an unknown name is an error before any work */
	for (int i = 0; bm_algorithms[i]; i++)
	{
		const BmAlgorithm *a = bm_algorithms[i];

		if (a->core == NULL)
			continue;
		if (!wanted(run, split, a, names, nnames, options, baselines))
			continue;
		add_candidate(c, run, split, a, options);
	}
	if (nnames == 1 && !baselines)
		choose_named(c, run, split, names[0]);
	else
		settle_choice(c, run, split, force_blend);
	measure_all(c, run, split);
	return c;
}
