/*
 * next_item_bench.c
 *		Stand-alone run of the core's sequence networks on a file of sequences, one user a line:
 *		"user item item ...", oldest first.
 *
 * Protocol: trained without each user's last two events; after every epoch validated on the one
 * before the last; the best epoch by validation NDCG@10 is tested on the last event, fed everything
 * before it. All items are ranked, seen items removed (a repeated target is a miss), ties at their
 * mid-rank. No choice looks at the test events.
 *
 * usage: next_item_bench FILE [network=sasrec|gru|caser|nextitnet] [name=value ...]
 * The other settings are the table in set().
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/nn/next_item.h"
#include "core/num/blas.h"

#define TOP 10

/* ---- memory ---- */

static void *
get_block(void *arg, size_t bytes)
{
	return malloc(bytes);
}

static void
put_block(void *arg, void *block)
{
	free(block);
}

/* Seconds of the clock, or of all processors that this process used. */
static double
seconds_of(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

/* ---- data ---- */

typedef struct Data
{
	size_t nusers, nitems, n;
	size_t *start;   /* (nusers+1) */
	uint32_t *item;  /* (n) */
	uint32_t *train; /* (nusers) events but the last two */
} Data;

static int
by_count(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return x[0] < y[0] ? 1 : x[0] > y[0] ? -1 : x[1] < y[1] ? -1 : x[1] > y[1];
}

/* Read the file, drop items with fewer than least rows, number items by count, most first. */
static Data
read_data(const char *path, uint64_t least)
{
	FILE *f = fopen(path, "r");
	char *line = NULL;
	size_t room = 0, users = 0, events = 0, most = 0, cap = 1 << 20;
	uint32_t *raw = malloc(cap * sizeof(*raw)), *code;
	size_t *start = malloc(sizeof(*start) * 1000001);
	uint64_t(*count)[2];
	Data d = {0};

	if (f == NULL)
	{
		fprintf(stderr, "cannot open %s\n", path);
		exit(2);
	}
	start[0] = 0;
	while (getline(&line, &room, f) > 0 && users < 1000000)
	{
		char *at = line, *next;

		strtoul(at, &at, 10); /* the user's name */
		for (;; at = next)
		{
			unsigned long item = strtoul(at, &next, 10);

			if (next == at)
				break;
			if (events == cap)
				raw = realloc(raw, (cap *= 2) * sizeof(*raw));
			raw[events++] = (uint32_t) item;
			most = item > most ? item : most;
		}
		start[++users] = events;
	}
	fclose(f);
	free(line);
	count = calloc(most + 1, sizeof(*count));
	code = malloc((most + 1) * sizeof(*code));
	for (size_t i = 0; i <= most; i++)
		count[i][1] = i;
	for (size_t e = 0; e < events; e++)
		count[raw[e]][0]++;
	qsort(count, most + 1, sizeof(*count), by_count);
	for (size_t i = 0; i <= most; i++)
	{
		code[count[i][1]] = count[i][0] >= least ? (uint32_t) i : BM_NONE;
		d.nitems += count[i][0] >= least;
	}
	for (size_t u = 0; u < users; u++)
	{
		size_t first = start[u], end = start[u + 1];

		start[u] = d.n;
		for (size_t e = first; e < end; e++)
			if (code[raw[e]] != BM_NONE)
				raw[d.n++] = code[raw[e]];
	}
	start[users] = d.n;
	d.nusers = users;
	d.start = start;
	d.item = raw;
	d.train = malloc(users * sizeof(*d.train));
	for (size_t u = 0; u < users; u++)
	{
		size_t n = start[u + 1] - start[u];

		d.train[u] = (uint32_t) (n > 2 ? n - 2 : 0);
	}
	free(count);
	free(code);
	return d;
}

/* ---- evaluation ---- */

typedef struct Quality
{
	double hit, ndcg;
	size_t n;
} Quality;

/* Predict the event `back` places from each user's end (1 = the last) from all before it. */
static Quality
evaluate(const BmRecommender *model, const void *bound, const Data *d, size_t back)
{
	enum
	{
		B = 64
	};
	float *scores = malloc(sizeof(float) * B * d->nitems);
	void *scratch = malloc(model->score_bytes(bound, B));
	BmHistory h[B];
	uint32_t target[B];
	Quality q = {0};
	size_t n = 0;

	for (size_t u = 0; u <= d->nusers; u++)
	{
		if (n == B || (u == d->nusers && n > 0))
		{
			model->score(scores, bound, h, n, scratch, true);
			for (size_t i = 0; i < n; i++)
			{
				float *s = scores + i * d->nitems, t = s[target[i]];
				double rank;
				size_t above = 0, equal = 0;
				bool seen = false;

				for (size_t k = 0; k < h[i].n; k++)
				{
					seen = seen || h[i].item[k] == target[i];
					s[h[i].item[k]] = -INFINITY;
				}
				for (size_t k = 0; k < d->nitems; k++)
				{
					above += s[k] > t;
					equal += s[k] == t;
				}
				rank = 1.0 + (double) above + ((double) equal - 1.0) / 2.0;
				q.n++;
				if (!seen && rank <= TOP)
				{
					q.hit += 1.0;
					q.ndcg += 1.0 / log2(rank + 1.0);
				}
			}
			n = 0;
		}
		if (u < d->nusers && d->start[u + 1] - d->start[u] > 2)
		{
			size_t at = d->start[u + 1] - back;

			h[n] = (BmHistory){at - d->start[u], d->item + d->start[u], NULL, NULL, NULL};
			target[n++] = d->item[at];
		}
	}
	q.hit /= (double) q.n;
	q.ndcg /= (double) q.n;
	free(scores);
	free(scratch);
	return q;
}

/* ---- the best epoch's weights ---- */

static void
keep(BmTensors *kept, const BmTensors *t)
{
	for (int i = 0; i < t->n; i++)
	{
		size_t bytes = bmc_tensor_count(&t->t[i]) * 4;
		void *copy = kept->n > i ? (void *) kept->t[i].data : malloc(bytes);

		memcpy(copy, t->t[i].data, bytes);
		kept->t[i] = t->t[i];
		kept->t[i].data = copy;
	}
	kept->n = t->n;
}

static void
check(BmStatus status, const BmFit *fit, const char *what)
{
	if (status == BM_OK || status == BM_MORE || status == BM_EPOCH)
		return;
	fprintf(stderr, "%s: status %d %s\n", what, status, fit ? fit->error : "");
	exit(1);
}

/* Median time of one answer on the serving path, over the longest histories. */
static double
serve_seconds(const BmRecommender *model, const void *bound, const Data *d)
{
	float *scores = malloc(sizeof(float) * d->nitems);
	void *scratch = malloc(model->score_bytes(bound, 1));
	size_t longest = 0;
	double best = INFINITY;

	for (size_t u = 0; u < d->nusers; u++)
		if (d->start[u + 1] - d->start[u] > d->start[longest + 1] - d->start[longest])
			longest = u;
	for (int i = 0; i < 50; i++)
	{
		BmHistory h = {d->start[longest + 1] - d->start[longest], d->item + d->start[longest], NULL,
					   NULL, NULL};
		double t = seconds_of(CLOCK_MONOTONIC);

		model->score(scores, bound, &h, 1, scratch, false);
		t = seconds_of(CLOCK_MONOTONIC) - t;
		best = t < best ? t : best;
	}
	free(scores);
	free(scratch);
	return best;
}

/* ---- settings ---- */

typedef struct Settings
{
	const BmRecommender *model;
	BmNextOptions o;
	int threads, patience, least, quiet, every;
	uint64_t seed;
} Settings;

static bool
set(Settings *s, const char *arg)
{
	struct
	{
		const char *name;
		int *i;
		double *d;
	} table[] = {
		{"dim", &s->o.dim, NULL},         {"blocks", &s->o.blocks, NULL},
		{"heads", &s->o.heads, NULL},     {"hidden", &s->o.hidden, NULL},
		{"length", &s->o.length, NULL},   {"batch", &s->o.batch, NULL},
		{"epochs", &s->o.epochs, NULL},   {"negatives", &s->o.negatives, NULL},
		{"dropout", NULL, &s->o.dropout}, {"learning_rate", NULL, &s->o.learning_rate},
		{"beta2", NULL, &s->o.beta2},     {"weight_decay", NULL, &s->o.weight_decay},
		{"clip", NULL, &s->o.clip},       {"alpha", NULL, &s->o.alpha},
		{"logq", NULL, &s->o.logq},       {"loss", &s->o.loss, NULL}, /* 0 softmax, 1 BPR-max */
		{"bpreg", NULL, &s->o.bpreg},     {"kernel", &s->o.kernel, NULL},
		{"filters", &s->o.filters, NULL}, {"vertical", &s->o.vertical, NULL},
		{"threads", &s->threads, NULL},   {"patience", &s->patience, NULL},
		{"least", &s->least, NULL}, /* rows that an item must have */
		{"every", &s->every, NULL}, /* epochs between validations; 0 = none, times only */
	};
	static const BmRecommender *const models[] = {&bmc_sasrec, &bmc_gru, &bmc_caser,
												  &bmc_nextitnet};
	const char *eq = strchr(arg, '=');

	for (size_t i = 0; eq && i < sizeof(models) / sizeof(models[0]); i++)
		if (strncmp(arg, "network=", 8) == 0 && strcmp(eq + 1, models[i]->name) == 0)
		{
			s->model = models[i];
			return true;
		}
	for (size_t i = 0; eq && i < sizeof(table) / sizeof(table[0]); i++)
		if (strncmp(arg, table[i].name, (size_t) (eq - arg)) == 0 &&
			table[i].name[eq - arg] == '\0')
		{
			if (table[i].i)
				*table[i].i = atoi(eq + 1);
			else
				*table[i].d = atof(eq + 1);
			return true;
		}
	if (eq && strncmp(arg, "seed=", 5) == 0)
	{
		s->seed = strtoull(eq + 1, NULL, 10);
		return true;
	}
	return false;
}

int
main(int argc, char **argv)
{
	Settings s = {.model = &bmc_sasrec,
				  .o = {.dim = 64,
						.blocks = 1,
						.heads = 1,
						.length = 50,
						.batch = 128,
						.epochs = 100,
						.negatives = -1,
						.dropout = 0.2,
						.learning_rate = 1e-3,
						.beta2 = 0.98,
						.kernel = 3,
						.filters = 16,
						.vertical = 4},
				  .threads = 1,
				  .patience = 10,
				  .least = 1,
				  .every = 1,
				  .seed = 1};
	BmMem mem = {get_block, put_block, NULL, 0, 0, 0};
	BmTensors *t = calloc(1, sizeof(*t)), *kept = calloc(1, sizeof(*kept));
	const BmRecommender *model;
	void *bound, *pool_memory;
	double best = -1.0, epoch_start, ticks, total = 0.0, fastest = INFINITY, cpu = INFINITY;
	int best_epoch = 0;
	BmStatus status;
	BmSequences seq = {0};
	BmFitSize size;
	Data d;
	BmFit fit = {0};
	Quality q;

	for (int i = 2; i < argc; i++)
		if (!set(&s, argv[i]))
		{
			fprintf(stderr, "unknown setting %s\n", argv[i]);
			return 2;
		}
	if (argc < 2)
	{
		fprintf(
			stderr,
			"usage: next_item_bench FILE [network=sasrec|gru|caser|nextitnet] [name=value ...]\n");
		return 2;
	}
	model = s.model;
	bound = malloc(model->bound_size);
	d = read_data(argv[1], (uint64_t) s.least);
	seq = (BmSequences){d.nusers, d.nitems, d.start, d.item, NULL, NULL, NULL, d.train};
	check(bmc_blas_open(s.threads), NULL, "open BLAS");
	pool_memory = malloc(bmc_pool_size(s.threads));
	fit.data = &seq;
	fit.options = &s.o;
	fit.seed = s.seed;
	fit.pool = bmc_pool_open(pool_memory, s.threads);
	fit.mem = &mem;
	size = (BmFitSize){
		.nusers = d.nusers, .nitems = d.nitems, .nevents = d.n, .nnz = d.n, .threads = s.threads};
	printf("%zu users, %zu items, %zu events; BLAS %s, %d threads; estimate %.1f MB\n", d.nusers,
		   d.nitems, d.n, bmc_blas_corename(), bmc_pool_threads(fit.pool),
		   (double) model->fit_bytes(&size, &s.o) / 1e6);
	check(model->fit_begin(&fit), &fit, "begin");
	epoch_start = seconds_of(CLOCK_MONOTONIC);
	ticks = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
	do
	{
		double seconds;

		status = model->fit_step(&fit);
		check(status, &fit, "train");
		if (status == BM_MORE)
			continue;
		seconds = seconds_of(CLOCK_MONOTONIC) - epoch_start;
		total += seconds;
		fastest = seconds < fastest ? seconds : fastest;
		cpu = fmin(cpu, seconds_of(CLOCK_PROCESS_CPUTIME_ID) - ticks);
		if (s.every == 0)
			printf("epoch %d loss %.4f seconds %.3f\n", fit.epoch, fit.loss, seconds);
		else if (fit.epoch % s.every == 0)
		{
			t->n = 0;
			check(model->fit_tensors(&fit, NULL, t), &fit, "tensors");
			if (model->bind(bound, t, NULL, d.nitems) != NULL)
				return 1;
			q = evaluate(model, bound, &d, 2);
			printf("epoch %d loss %.4f valid HR@10 %.4f NDCG@10 %.4f seconds %.3f\n", fit.epoch,
				   fit.loss, q.hit, q.ndcg, seconds);
			if (q.ndcg > best)
			{
				best = q.ndcg;
				best_epoch = fit.epoch;
				keep(kept, t);
			}
		}
		fflush(stdout);
		epoch_start = seconds_of(CLOCK_MONOTONIC);
		ticks = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
	} while (status != BM_OK && (s.every == 0 || fit.epoch - best_epoch < s.patience));
	printf("peak %.1f MB, %.3f seconds an epoch (fastest %.3f, %.3f of processors), %.1f in all\n",
		   (double) mem.peak / 1e6, total / fit.epoch, fastest, cpu, total);
	if (kept->n > 0)
	{
		model->bind(bound, kept, NULL, d.nitems);
		q = evaluate(model, bound, &d, 1);
		printf("best epoch %d: valid NDCG@10 %.4f; test HR@10 %.4f NDCG@10 %.4f (n %zu)\n",
			   best_epoch, best, q.hit, q.ndcg, q.n);
		printf("one answer for the longest history: %.3f ms\n",
			   1e3 * serve_seconds(model, bound, &d));
	}
	model->fit_end(&fit);
	bmc_pool_close(fit.pool);
	return 0;
}
