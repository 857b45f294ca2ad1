/*
 * split.c
 *		Cutting an event log into a training part, validation cases and test cases.
 *
 * The default is a global time split (Sun, "Take a fresh look at recommender systems", 2022):
 * everything before t1 trains, targets between t1 and t2 validate, targets after t2 test, and the
 * history of a target is everything that its user did before it. Leave-last-out is there to compare
 * with papers. Times are cut on a fixed histogram, so the parts depend on the data alone.
 */
#include "pg/pg.h"
#include "core/num/rng.h"
#include "train/split.h"

#define TIME_BINS 65536

static void *
take(BmMem *mem, size_t n, size_t size)
{
	void *block = bmc_alloc0(mem, Max(n, 1), size);

	if (block == NULL)
		bm_check(BM_ENOMEM, "split the events", NULL);
	return block;
}

BmFitSize
bm_fit_size(const BmSequences *data, int threads)
{
	BmFitSize size = {.nusers = data->nusers, .nitems = data->nitems, .threads = threads};

	for (size_t u = 0; u < data->nusers; u++)
		size.nevents += bmc_sequence_length(data, u);
	size.nnz = size.nevents;
	if (data->features)
		size.nterms = data->features->terms.start[data->features->terms.rows];
	return size;
}

/* The time before which a share of the events lies, by a histogram over the time span. */
static int64
time_quantile(const BmLog *log, double share)
{
	double span = (double) log->last - (double) log->first + 1.0;
	size_t *bins = palloc0(sizeof(size_t) * TIME_BINS);
	size_t below = 0, wanted = (size_t) (share * (double) log->n);
	int b = 0;

	for (size_t e = 0; e < log->n; e++)
		bins[(int) (((double) log->time[e] - (double) log->first) / span * TIME_BINS)]++;
	while (b < TIME_BINS - 1 && below + bins[b] < wanted)
		below += bins[b++];
	pfree(bins);
	return log->first + (int64) (span * (b + 1) / TIME_BINS);
}

/* Would exclude take the event at pos out of its own ranking? */
static bool
is_repeat(const BmLog *log, size_t start, size_t pos, BmExclude exclude)
{
	if (exclude == BM_EXCLUDE_NONE)
		return false;
	for (size_t e = start; e < start + pos; e++)
		if (log->item[e] == log->item[start + pos] &&
			(exclude == BM_EXCLUDE_SEEN || log->event == NULL || log->purchase[log->event[e]]))
			return true;
	return false;
}

/* Keep about max of the n cases: those whose hash is lowest, in their old order. */
static void
thin(BmCases *cases, uint32_t *user, uint32_t *pos, size_t max, uint64 seed)
{
	size_t kept = 0;
	uint64 threshold;

	if (cases->n <= max)
		return;
	threshold = (uint64) ((double) max / (double) cases->n * 18446744073709549568.0);
	for (size_t c = 0; c < cases->n; c++)
	{
		uint64 h = bmc_mix64(bmc_mix64(seed ^ user[c]) ^ pos[c]);

		if (h > threshold || kept == max)
			continue;
		user[kept] = user[c];
		pos[kept++] = pos[c];
	}
	cases->n = kept;
}

static void
cases_init(BmCases *cases, const BmLog *log, const BmSequences *all, const BmTrainOptions *options,
		   uint64 seed)
{
	memset(cases, 0, sizeof(*cases));
	cases->data = all;
	cases->exclude = (BmExclude) options->exclude;
	cases->purchase = log->purchase;
	cases->sampled = options->sampled;
	cases->seed = seed;
}

/*
 * In [from, to), the first targets_per_user events of each user that have a past. Targets that
 * exclude forbids cannot be answered by design: they are counted and left out.
 */
void
bm_cases_between(BmCases *cases, size_t *repeats, const BmLog *log, const BmSequences *all,
				 int64 from, int64 to, const BmTrainOptions *options, BmMem *mem, uint64 seed)
{
	size_t most = Min(log->n, (size_t) options->targets_per_user * all->nusers);
	uint32_t *user = take(mem, most, sizeof(uint32_t));
	uint32_t *pos = take(mem, most, sizeof(uint32_t));

	cases_init(cases, log, all, options, seed);
	*repeats = 0;
	for (size_t u = 0; u < all->nusers; u++)
	{
		size_t start = log->start[u], n = log->start[u + 1] - start;
		int taken = 0;

		for (size_t p = 0; p < n && taken < options->targets_per_user; p++)
		{
			int64 t = log->time[start + p];

			if (t < from || t >= to)
				continue;
			if (is_repeat(log, start, p, cases->exclude))
			{
				(*repeats)++;
				continue;
			}
			user[cases->n] = (uint32_t) u;
			pos[cases->n++] = (uint32_t) p;
			taken++;
		}
		if (u % 4096 == 0)
			bm_interrupts();
	}
	thin(cases, user, pos, options->max_cases, seed);
	cases->user = user;
	cases->pos = pos;
}

/* Users' events before a time: what a fit may use. */
static void
hide_from(BmSplit *s, const BmLog *log, int64 from)
{
	for (size_t u = 0; u < s->all.nusers; u++)
	{
		size_t e = log->start[u];

		while (e < log->start[u + 1] && log->time[e] < from)
			e++;
		s->use[u] = (uint32_t) (e - log->start[u]);
	}
}

static void
split_by_time(BmSplit *s, const BmLog *log, const BmTrainOptions *options, BmMem *mem, uint64 seed)
{
	s->valid_from = time_quantile(log, 1.0 - options->valid_share - options->test_share);
	s->test_from = time_quantile(log, 1.0 - options->test_share);
	hide_from(s, log, s->valid_from);
	bm_cases_between(&s->valid, &s->valid_repeats, log, &s->all, s->valid_from, s->test_from,
					 options, mem, seed);
	bm_cases_between(&s->test, &s->test_repeats, log, &s->all, s->test_from, PG_INT64_MAX, options,
					 mem, seed + 1);
	snprintf(
		s->protocol, sizeof(s->protocol), "global time split %.0f/%.0f/%.0f, next %s event, %s",
		100.0 * (1.0 - options->valid_share - options->test_share), 100.0 * options->valid_share,
		100.0 * options->test_share, options->exclude == BM_EXCLUDE_NONE ? "" : "new",
		options->sampled ? "sampled negatives" : "all items ranked");
}

/* Fitted without each user's last two events; a repeated target counts as a miss, as in papers. */
static void
split_leave_last_out(BmSplit *s, const BmLog *log, const BmTrainOptions *options, BmMem *mem,
					 uint64 seed)
{
	size_t nusers = s->all.nusers;
	uint32_t *user = take(mem, nusers, sizeof(uint32_t));
	uint32_t *user2 = take(mem, nusers, sizeof(uint32_t));
	uint32_t *valid = take(mem, nusers, sizeof(uint32_t));
	uint32_t *test = take(mem, nusers, sizeof(uint32_t));

	cases_init(&s->valid, log, &s->all, options, seed);
	cases_init(&s->test, log, &s->all, options, seed + 1);
	for (size_t u = 0; u < nusers; u++)
	{
		size_t n = log->start[u + 1] - log->start[u];

		s->use[u] = (uint32_t) (n < 3 ? n : n - 2);
		if (n < 3)
			continue;
		user[s->valid.n] = user2[s->valid.n] = (uint32_t) u;
		valid[s->valid.n] = (uint32_t) (n - 2);
		test[s->valid.n++] = (uint32_t) (n - 1);
	}
	s->test.n = s->valid.n;
	thin(&s->valid, user, valid, options->max_cases, seed);
	thin(&s->test, user2, test, options->max_cases, seed + 1);
	s->valid.user = user;
	s->valid.pos = valid;
	s->test.user = user2;
	s->test.pos = test;
	snprintf(s->protocol, sizeof(s->protocol), "leave-last-out, fitted without the last two, %s",
			 options->sampled ? "sampled negatives" : "all items ranked");
}

static void
check_cases(const BmSplit *s, const BmLog *log)
{
	if (log->users.view.n < 2)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
						errmsg("source \"%s\" has events of one user only", log->source->name),
						errdetail("After cleaning %zu events of 1 user and %u items are left.",
								  log->n, log->items.view.n),
						errhint("SELECT * FROM behav_profile(%s) counts what cleaning removes.",
								quote_literal_cstr(log->source->name))));
	if (s->valid.n > 0 && s->test.n > 0 && s->nevents > 0)
		return;
	ereport(
		ERROR,
		(errcode(ERRCODE_DATA_EXCEPTION),
		 errmsg("events of source \"%s\" cannot be split into training, validation and test",
				log->source->name),
		 errdetail("Of %zu events of %u users, %zu train; %zu cases validate and %zu test (%s).",
				   log->n, log->users.view.n, s->nevents, s->valid.n, s->test.n, s->protocol),
		 s->kind == BM_SPLIT_TIME
			 ? errhint("Use more days of events, or options => '{\"split\":\"leave_last_out\"}' "
					   "for users with at least three events each.")
			 : errhint("At least one user needs three events.")));
}

const uint32_t *
bm_split_cold(const BmSplit *s, size_t *n)
{
	size_t nitems = s->all.nitems;
	uint32_t *cold;

	*n = 0;
	for (size_t i = 0; i < nitems; i++)
		*n += s->support[i] == 0;
	cold = palloc_extended(sizeof(uint32_t) * Max(*n, 1), MCXT_ALLOC_HUGE);
	*n = 0;
	for (size_t i = 0; i < nitems; i++)
		if (s->support[i] == 0)
			cold[(*n)++] = (uint32_t) i;
	return cold;
}

/* A split with nothing in it but room. */
static BmSplit *
new_split(const BmLog *log, BmSplitKind kind, BmMem *mem)
{
	BmSplit *s = palloc0(sizeof(BmSplit));

	s->kind = kind;
	bm_log_sequences(log, &s->all);
	s->all.use = NULL;
	s->data = s->all;
	s->use = take(mem, s->all.nusers, sizeof(uint32_t));
	s->support = take(mem, s->all.nitems, sizeof(uint32_t));
	return s;
}

/* Count what a fit may use. */
static void
count_training(BmSplit *s, const BmLog *log)
{
	s->data.use = s->use;
	for (size_t u = 0; u < s->all.nusers; u++)
		for (size_t e = log->start[u]; e < log->start[u] + s->use[u]; e++)
		{
			s->support[log->item[e]]++;
			s->nevents++;
		}
	s->valid.support = s->test.support = s->support;
}

BmSplit *
bm_split_from(const BmLog *log, const BmTrainOptions *options, int64 from, BmMem *mem, uint64 seed)
{
	BmSplit *s = new_split(log, BM_SPLIT_TIME, mem);

	s->valid_from = s->test_from = from;
	hide_from(s, log, from);
	cases_init(&s->valid, log, &s->all, options, seed);
	bm_cases_between(&s->test, &s->test_repeats, log, &s->all, from, PG_INT64_MAX, options, mem,
					 seed);
	count_training(s, log);
	return s;
}

BmSplit *
bm_split(const BmLog *log, const BmTrainOptions *options, BmMem *mem, uint64 seed)
{
	BmSplit *s = new_split(log, (BmSplitKind) options->split, mem);

	if (s->kind == BM_SPLIT_TIME && options->valid_share + options->test_share > 0.9)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("options \"valid_share\" and \"test_share\" leave nothing to train on"),
				 errdetail("Together they are %g; at most 0.9 is possible.",
						   options->valid_share + options->test_share)));
	if (s->kind == BM_SPLIT_TIME)
		split_by_time(s, log, options, mem, seed);
	else
		split_leave_last_out(s, log, options, mem, seed);
	count_training(s, log);
	check_cases(s, log);
	return s;
}
