/*
 * next_item_test.c
 *		The networks of next_item.h as a whole: each learns a planted chain, gives the same bits with any
 *		number of threads, stops and fails cleanly, and answers what a naive float64 network answers.
 */
#include <time.h>

#include "nn_check.h"
#include "nn_naive.h"
#include "nn_naive_networks.h"

#include "core/nn/next_item_state.h"

/* ---- planted data: after item i comes 7 i + 2 (mod N), with some noise ---- */

enum
{
	ITEMS = 30,
	SPARE = 2, /* items that nobody ever saw */
	USERS = 120
};

typedef struct Shop
{
	BmSequences seq;
	size_t start[USERS + 1];
	uint32_t *item;
	uint8_t *event;
} Shop;

static uint32_t
follower(uint32_t item)
{
	return (item * 7 + 2) % ITEMS;
}

static Shop *
open_shop(void)
{
	Shop *shop = calloc(1, sizeof(*shop));
	BmRng rng = bmc_rng(99, 1);
	size_t n = 0;

	shop->item = malloc(USERS * 40 * sizeof(uint32_t));
	shop->event = calloc(USERS * 40, 1);
	for (size_t u = 0; u < USERS; u++)
	{
		uint32_t at = bmc_rng_below(&rng, ITEMS), length = bmc_rng_below(&rng, 26);

		for (uint32_t i = 0; i < length; i++)
		{
			shop->item[n++] = at;
			at = bmc_rng_below(&rng, 10) == 0 ? bmc_rng_below(&rng, ITEMS) : follower(at);
		}
		shop->start[u + 1] = n;
	}
	shop->seq = (BmSequences){
		.nusers = USERS, .nitems = ITEMS + SPARE, .start = shop->start, .item = shop->item};
	return shop;
}

static void
close_shop(Shop *shop)
{
	free(shop->item), free(shop->event), free(shop);
}

static const BmRecommender *net; /* that is tested */

static const BmNextOptions small = {.dim = 16,
									.blocks = 2,
									.heads = 2,
									.hidden = 24,
									.length = 10,
									.batch = 96,
									.epochs = 2,
									.negatives = 0,
									.dropout = 0.1,
									.learning_rate = 0.005,
									.beta2 = 0.98,
									.kernel = 3,
									.filters = 5,
									.vertical = 2};

/* ---- a fit from begin to end, its tensors copied ---- */

typedef struct Model
{
	BmStatus status;
	BmTensors tensors; /* data of its own */
	BmNextBound bound;
	double loss;
	size_t peak, estimate;
	long live; /* blocks that the fit did not give back */
	char error[160];
} Model;

static void
copy_tensors(BmTensors *out, const BmTensors *from)
{
	*out = *from;
	for (int i = 0; i < from->n; i++)
	{
		size_t bytes = bmc_tensor_count(&from->t[i]) * 4;
		void *copy = aligned_alloc(64, (bytes + 64) / 64 * 64);

		memcpy(copy, from->t[i].data, bytes);
		out->t[i].data = copy;
	}
}

static void
free_model(Model *m)
{
	for (int i = 0; i < m->tensors.n; i++)
		free((void *) m->tensors.t[i].data);
	free(m);
}

/* fail_at: the allocation that is refused, 0 = none. */
static Model *
fit(const BmSequences *seq, const BmNextOptions *o, int threads, long fail_at, const BmStop *stop)
{
	Model *m = calloc(1, sizeof(*m));
	BmTensors *t = calloc(1, sizeof(*t));
	UnitHeap heap;
	void *room = malloc(bmc_pool_size(threads));
	BmFitSize size = {.nusers = seq->nusers,
					  .nitems = seq->nitems,
					  .nevents = seq->start[seq->nusers],
					  .nnz = seq->start[seq->nusers],
					  .threads = threads};
	BmFit f = {.data = seq, .options = o, .seed = 42, .mem = unit_heap(&heap), .stop = stop};

	heap.fail_at = fail_at;
	f.pool = bmc_pool_open(room, threads);
	m->estimate = net->fit_bytes(&size, o);
	m->status = net->fit_begin(&f);
	if (m->status == BM_OK)
	{
		do
			m->status = net->fit_step(&f);
		while (m->status == BM_MORE || m->status == BM_EPOCH);
		m->loss = f.loss;
		if (m->status == BM_OK && net->fit_tensors(&f, "x/", t) == BM_OK)
		{
			copy_tensors(&m->tensors, t);
			CHECK(net->bind(&m->bound, &m->tensors, "x/", seq->nitems) == NULL);
		}
		net->fit_end(&f);
	}
	memcpy(m->error, f.error, sizeof(m->error));
	m->peak = heap.mem.peak;
	m->live = heap.live;
	bmc_pool_close(f.pool);
	free(room), free(t);
	return m;
}

static bool
same_tensors(const BmTensors *a, const BmTensors *b)
{
	bool same = a->n == b->n && a->n > 0;

	for (int i = 0; same && i < a->n; i++)
		same = bmc_tensor_count(&a->t[i]) == bmc_tensor_count(&b->t[i]) &&
			   memcmp(a->t[i].data, b->t[i].data, bmc_tensor_count(&a->t[i]) * 4) == 0;
	return same;
}

/* scores (B,nitems) of histories, malloc'ed. */
static float *
answer(const BmNextBound *b, const BmHistory *h, size_t B, bool fast_blas)
{
	float *scores = malloc(B * b->shape.N * sizeof(float));
	void *scratch = aligned_alloc(64, (net->score_bytes(b, B) + 63) / 64 * 64);

	net->score(scores, b, h, B, scratch, fast_blas);
	free(scratch);
	return scores;
}

/* ---- learning ---- */

static size_t
best_item(const float *score, size_t N)
{
	size_t best = 0;

	for (size_t i = 1; i < N; i++)
		best = score[i] > score[best] ? i : best;
	return best;
}

static void
test_chain(int negatives, BmNextLoss loss, double alpha)
{
	Shop *shop = open_shop();
	BmNextOptions o = small;
	Model *m;
	int right = 0;

	o.negatives = negatives;
	o.loss = loss;
	o.alpha = alpha;
	o.logq = alpha > 0.0 ? 1.0 : 0.0;
	o.batch = 16;                               /* more steps in an epoch */
	o.epochs = net == &bmc_nextitnet ? 20 : 28; /* before it learns the noise */
	o.blocks = 1;
	o.learning_rate = 0.01;
	m = fit(&shop->seq, &o, 1, 0, NULL);
	CHECK_INT(m->status, BM_OK);
	CHECK_INT(m->live, 0);
	for (uint32_t i = 0; i < ITEMS; i++)
	{
		uint32_t past[3] = {(i + 11) % ITEMS, i, follower(i)};
		BmHistory h = {.n = 3, .item = past};
		float *score = answer(&m->bound, &h, 1, false);

		right += best_item(score, ITEMS + SPARE) == follower(past[2]);
		for (size_t s = ITEMS; s < ITEMS + SPARE; s++) /* never seen: never above the others */
			for (size_t k = 0; k < ITEMS; k++)
				CHECK(score[s] <= score[k]);
		free(score);
	}
	CHECK(right >= ITEMS - 1);
	free_model(m);
	close_shop(shop);
}

/* Events of weight 0 do not exist: a chain with such noise between is the chain. */
static void
test_weights(void)
{
	Shop *shop = open_shop(), *noisy = open_shop();
	float weight[256] = {1.0f, 0.0f};
	uint32_t past[] = {4, 9, 7}, mixed[] = {4, 28, 9, 7, 3};
	uint8_t kind[] = {0, 1, 0, 0, 1};
	BmHistory plain = {.n = 3, .item = past};
	BmHistory dotted = {.n = 5, .item = mixed, .event = kind, .event_weight = weight};
	size_t n = 0;
	Model *a, *b;
	float *x, *y;

	noisy->item = realloc(noisy->item, USERS * 80 * sizeof(uint32_t));
	noisy->event = realloc(noisy->event, USERS * 80);
	for (size_t u = 0; u < USERS; u++)
	{
		for (size_t e = shop->start[u]; e < shop->start[u + 1]; e++)
		{
			noisy->item[n] = shop->item[e];
			noisy->event[n++] = 0;
			noisy->item[n] = (uint32_t) (e % ITEMS);
			noisy->event[n++] = 1;
		}
		noisy->start[u + 1] = n;
	}
	noisy->seq.item = noisy->item;
	noisy->seq.event = noisy->event;
	noisy->seq.event_weight = weight;
	a = fit(&shop->seq, &small, 1, 0, NULL);
	b = fit(&noisy->seq, &small, 1, 0, NULL);
	CHECK(same_tensors(&a->tensors, &b->tensors));
	x = answer(&a->bound, &plain, 1, false);
	y = answer(&b->bound, &dotted, 1, false);
	CHECK(memcmp(x, y, (ITEMS + SPARE) * sizeof(float)) == 0);
	free(x), free(y), free_model(a), free_model(b), close_shop(shop), close_shop(noisy);
}

/* What use hides is never looked at. */
static void
test_hidden(void)
{
	Shop *shop = open_shop(), *cut = open_shop();
	uint32_t use[USERS];
	size_t n = 0;
	Model *a, *b;

	for (size_t u = 0; u < USERS; u++)
	{
		size_t events = shop->start[u + 1] - shop->start[u];

		use[u] = (uint32_t) (events > 2 ? events - 2 : 0);
		memmove(cut->item + n, shop->item + shop->start[u], use[u] * sizeof(uint32_t));
		cut->start[u] = n;
		n += use[u];
	}
	cut->start[USERS] = n;
	shop->seq.use = use;
	a = fit(&shop->seq, &small, 1, 0, NULL);
	b = fit(&cut->seq, &small, 1, 0, NULL);
	CHECK(same_tensors(&a->tensors, &b->tensors));
	free_model(a), free_model(b), close_shop(shop), close_shop(cut);
}

/* ---- determinism, memory, failure ---- */

static void
test_threads(int negatives)
{
	Shop *shop = open_shop();
	BmNextOptions o = small;
	Model *m[4];

	o.negatives = negatives;
	o.length = 60; /* several shards */
	o.clip = 0.5;
	o.weight_decay = 0.01;
	o.alpha = negatives ? 0.5 : 0.0;
	o.logq = 1.0;
	for (int threads = 1; threads <= 3; threads++)
	{
		m[threads] = fit(&shop->seq, &o, threads, 0, NULL);
		CHECK_INT(m[threads]->status, BM_OK);
		CHECK(same_tensors(&m[1]->tensors, &m[threads]->tensors));
		CHECK(m[1]->loss == m[threads]->loss);
		CHECK(m[threads]->peak <= m[threads]->estimate);
		CHECK(m[threads]->estimate <= m[threads]->peak + m[threads]->peak / 2);
	}
	for (int threads = 1; threads <= 3; threads++)
		free_model(m[threads]);
	close_shop(shop);
}

/* Every allocation refused once: said so, and nothing left behind. */
static void
test_no_memory(int negatives)
{
	Shop *shop = open_shop();
	BmNextOptions o = small;
	long failures = 0;

	o.negatives = negatives;
	o.epochs = 1;
	for (long at = 1;; at++)
	{
		Model *m = fit(&shop->seq, &o, 1, at, NULL);
		bool through = m->status == BM_OK;

		CHECK(through || m->status == BM_ENOMEM);
		CHECK_INT(m->live, 0);
		free_model(m);
		if (through)
			break;
		failures++;
	}
	CHECK(failures > 20);
	close_shop(shop);
}

typedef struct Patience
{
	long asked, until; /* says stop from the until-th question on */
	double last, longest;
} Patience;

static bool
ask(void *arg)
{
	Patience *p = arg;
	struct timespec t;
	double now;

	clock_gettime(CLOCK_MONOTONIC, &t);
	now = (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
	if (p->asked > 0 && now - p->last > p->longest)
		p->longest = now - p->last;
	p->last = now;
	return ++p->asked >= p->until;
}

/* Wherever the stop falls, the fit ends with BM_ESTOP at once and gives everything back. */
static void
test_stop(void)
{
	Shop *shop = open_shop();
	Patience all = {.until = 1000000};
	BmStop stop = {ask, &all};

	free_model(fit(&shop->seq, &small, 1, 0, &stop));
	CHECK(all.asked > 10);
	for (long until = 1; until <= all.asked; until += 1 + all.asked / 25)
		for (int threads = 1; threads <= 2; threads++)
		{
			Patience p = {.until = until};
			BmStop now = {ask, &p};
			Model *m = fit(&shop->seq, &small, threads, 0, &now);

			CHECK_INT(m->live, 0);
			if (threads == 1)
				CHECK_INT(m->status, BM_ESTOP);
			CHECK(p.asked <= until + 3); /* it does not go on working */
			free_model(m);
		}
	close_shop(shop);
}

#ifndef BM_NO_CLONES /* sanitizers slow the products down a hundred times */

/* The largest steps, a long window over many items, still ask often (50 ms; slack for slow machines). */
static void
test_stop_interval(void)
{
	enum
	{
		U = 40,
		N = 12000,
		LONG = 120
	};
	uint32_t *item = malloc(U * LONG * sizeof(uint32_t));
	size_t start[U + 1];
	Patience p = {.until = 12};
	BmStop stop = {ask, &p};
	BmNextOptions o = {.dim = 32,
					   .blocks = 1,
					   .heads = 1,
					   .length = 100,
					   .batch = 128,
					   .epochs = 100,
					   .negatives = 0,
					   .learning_rate = 1e-3,
					   .beta2 = 0.98,
					   .kernel = 3,
					   .filters = 16,
					   .vertical = 4};
	Model *m;

	for (uint32_t i = 0; i < U * LONG; i++)
		item[i] = (uint32_t) (bmc_mix64(i) % N);
	for (size_t u = 0; u <= U; u++)
		start[u] = u * LONG;
	m = fit(&(BmSequences){.nusers = U, .nitems = N, .start = start, .item = item}, &o, 1, 0,
			&stop);
	CHECK_INT(m->status, BM_ESTOP);
	CHECK(p.longest < 1.0);
	free_model(m), free(item);
}

#endif

static void
refuse(BmNextOptions o, const char *word)
{
	Shop *shop = open_shop();
	Model *m = fit(&shop->seq, &o, 1, 0, NULL);

	CHECK_INT(m->status, BM_EINVAL);
	CHECK(strstr(m->error, word) != NULL);
	CHECK_INT(m->live, 0);
	free_model(m), close_shop(shop);
}

/* A size that this network cannot have. */
static void
refuse_shape(void)
{
	BmNextOptions o = small;

	if (net == &bmc_sasrec)
		o.heads = 3;
	else if (net == &bmc_gru)
		o.blocks = 9;
	else
		o.kernel = 100;
	refuse(o, net == &bmc_sasrec ? "multiple of heads" : "must be between");
}

static void
test_refusals(void)
{
	BmNextOptions o = small;
	uint32_t item[] = {1, 2, 3};
	size_t start[] = {0, 1, 2, 3};
	BmSequences lonely = {.nusers = 3, .nitems = 5, .start = start, .item = item};
	Model *m;

	refuse_shape();
	o = small, o.alpha = 1.5;
	refuse(o, "alpha");
	o = small, o.loss = BM_LOSS_BPR_MAX;
	refuse(o, "bpr_max");
	o = small, o.dropout = 1.0;
	refuse(o, "dropout");
	o = small, o.learning_rate = NAN;
	refuse(o, "learning_rate");
	o = small, o.length = 0;
	refuse(o, "length");
	m = fit(&lonely, &small, 1, 0, NULL);
	CHECK_INT(m->status, BM_EINVAL);
	CHECK(strstr(m->error, "two events") != NULL);
	free_model(m);
	o = small, o.learning_rate = 1e30;
	m = fit(&lonely, &o, 1, 0, NULL);
	CHECK_INT(m->live, 0);
	free_model(m);
}

static void
test_diverged(void)
{
	Shop *shop = open_shop();
	BmNextOptions o = small;
	Model *m;

	o.learning_rate = 1e38;
	o.epochs = 50;
	m = fit(&shop->seq, &o, 1, 0, NULL);
	CHECK_INT(m->status, BM_ENOTFINITE);
	CHECK(strstr(m->error, "not finite") != NULL);
	CHECK_INT(m->live, 0);
	free_model(m), close_shop(shop);
}

/* ---- answers ---- */

/* The naive network's states (n,D) of the newest n events. */
static void
naive_states(double *state, const Model *m, const uint32_t *item, size_t n)
{
	const BmNextBound *b = &m->bound;

	if (net == &bmc_sasrec)
		naive_net(state, &b->shape, (const BmNetWeights *) b->weights.at, b->item, item, n);
	else if (net == &bmc_gru)
		naive_gru(state, &m->tensors, &b->shape, item, n);
	else if (net == &bmc_caser)
		naive_caser(state, &m->tensors, &b->shape, item, n);
	else
		naive_nextitnet(state, &m->tensors, &b->shape, item, n);
}

/* Scores of all items by the naive network over the newest L events. */
static void
check_against_naive(const Model *m, const BmHistory *h, const float *score)
{
	const BmNextBound *b = &m->bound;
	size_t D = b->shape.D, n = h->n < b->shape.L ? h->n : b->shape.L;
	double *state = malloc(n * D * sizeof(double)), most = 0.0;

	naive_states(state, m, h->item + h->n - n, n);
	for (size_t i = 0; i < ITEMS; i++)
	{
		double want = 0.0;

		for (size_t d = 0; d < D; d++)
			want += state[(n - 1) * D + d] * b->item[i * D + d];
		most = fmax(most, fabs(want - score[i]) / (1.0 + fabs(want)));
	}
	CHECK(most < 1e-4);
	free(state);
}

static void
test_answers(size_t blocks)
{
	enum
	{
		B = 5
	};
	Shop *shop = open_shop();
	BmNextOptions o = small;
	BmHistory h[B];
	BmTensors copy;
	BmNextBound again;
	Model *m;
	float *all, *fast, *one;

	o.blocks = (int) blocks;
	m = fit(&shop->seq, &o, 1, 0, NULL);
	for (size_t i = 0; i < B; i++) /* one empty, one of one event, one longer than L */
		h[i] = (BmHistory){.n = (size_t[]){3, 0, 1, 17, 10}[i], .item = shop->item + 31 * i};
	all = answer(&m->bound, h, B, false);
	fast = answer(&m->bound, h, B, true);
	for (size_t i = 0; i < B; i++)
	{
		const float *row = all + i * (ITEMS + SPARE);

		one = answer(&m->bound, &h[i], 1, false);
		CHECK(worst(one, row, ITEMS + SPARE) < 1e-5);
		CHECK(worst(fast + i * (ITEMS + SPARE), row, ITEMS + SPARE) < 1e-5);
		free(one);
		if (h[i].n > 0)
			check_against_naive(m, &h[i], row);
		else
			CHECK(worst(row, (float[ITEMS + SPARE]){0}, ITEMS + SPARE) == 0.0);
	}
	/* Stored and read back elsewhere, it answers the same bits. */
	copy_tensors(&copy, &m->tensors);
	CHECK(net->bind(&again, &copy, "x/", ITEMS + SPARE) == NULL);
	one = answer(&again, h, B, false);
	CHECK(memcmp(one, all, B * (ITEMS + SPARE) * sizeof(float)) == 0);
	for (int i = 0; i < copy.n; i++)
		free((void *) copy.t[i].data);
	free(one), free(all), free(fast), free_model(m), close_shop(shop);
}

/* Each tensor missing, or of another shape, is named; nothing is read. */
static void
test_bind(void)
{
	Shop *shop = open_shop();
	Model *m = fit(&shop->seq, &small, 1, 0, NULL);
	BmNextBound b;

	for (int i = 0; i < m->tensors.n; i++)
	{
		BmTensors t = m->tensors;
		const char *dot = strrchr(t.t[i].name, '.'), *slash = strrchr(t.t[i].name, '/');
		const char *wrong;

		t.t[i].shape[0]++;
		wrong = net->bind(&b, &t, "x/", ITEMS + SPARE);
		if (strcmp(slash, "/position") != 0) /* another number of positions is another length */
			CHECK(wrong && strstr(wrong, dot ? dot + 1 : slash + 1));
		t = m->tensors;
		t.t[i] = t.t[--t.n];
		CHECK(net->bind(&b, &t, "x/", ITEMS + SPARE) != NULL);
	}
	for (int i = 0; i < m->tensors.n; i++) /* sizes that no network has */
		if (strcmp(m->tensors.t[i].name, "x/config") == 0)
			for (size_t k = 0; k < m->tensors.t[i].shape[0]; k++)
			{
				int32_t *c = (int32_t *) m->tensors.t[i].data, right = c[k];
				const char *wrong;

				c[k] = -5;
				wrong = net->bind(&b, &m->tensors, "x/", ITEMS + SPARE);
				CHECK(wrong && strstr(wrong, "config"));
				c[k] = right;
			}
	CHECK(net->bind(&b, &m->tensors, "x/", ITEMS) != NULL);
	CHECK(net->bind(&b, &m->tensors, "y/", ITEMS + SPARE) != NULL);
	free_model(m), close_shop(shop);
}

/* Shares are a distribution over the events that count; the item itself is nobody's neighbour. */
static void
test_reasons(void)
{
	Shop *shop = open_shop();
	Model *m = fit(&shop->seq, &small, 1, 0, NULL);
	uint32_t items[] = {3, 17};
	BmHistory h = {.n = 17, .item = shop->item};
	float share[2 * 17], *similar = malloc((ITEMS + SPARE) * sizeof(float));
	void *scratch = aligned_alloc(64, (net->score_bytes(&m->bound, 1) + 63) / 64 * 64);

	net->explain(share, &m->bound, &h, items, 2, scratch);
	for (size_t k = 0; k < 2; k++)
	{
		double sum = 0.0;

		for (size_t i = 0; i < h.n; i++)
		{
			CHECK(share[k * h.n + i] >= 0.0f);
			CHECK(i >= 7 || share[k * h.n + i] == 0.0f); /* beyond length */
			sum += share[k * h.n + i];
		}
		CHECK_NEAR(sum, 1.0, 1e-5);
	}
	net->similar(similar, &m->bound, 3, scratch);
	for (size_t i = 0; i < ITEMS + SPARE; i++)
		CHECK(i == 3 ? similar[i] == -INFINITY : similar[i] >= -1.00001f && similar[i] <= 1.00001f);
	free(similar), free(scratch), free_model(m), close_shop(shop);
}

/* What every network promises. */
static void
test_network(const BmRecommender *network)
{
	net = network;
	unit_close_case();
	unit_case = NULL;
	printf("# %s\n", net->name);
	CASE("learns the planted chain, softmax over all items");
	test_chain(0, BM_LOSS_SOFTMAX, 0.0);
	CASE("learns the planted chain, shared negatives");
	test_chain(12, BM_LOSS_SOFTMAX, 0.0);
	CASE("events of weight 0 do not exist");
	test_weights();
	CASE("hidden events are not looked at");
	test_hidden();
	CASE("the same bits with 1, 2 and 3 threads; memory within the estimate");
	test_threads(0);
	test_threads(10);
	CASE("every allocation may fail");
	test_no_memory(0);
	test_no_memory(10);
	CASE("stops wherever it is asked to");
	test_stop();
#ifndef BM_NO_CLONES
	test_stop_interval();
#endif
	CASE("refuses wrong options and data, notices divergence");
	test_refusals();
	test_diverged();
	CASE("scores are a naive network's, alone, together and read back");
	if (net == &bmc_sasrec)
		test_answers(0);
	test_answers(1);
	test_answers(2);
	CASE("bind names what is wrong");
	test_bind();
	CASE("explanations and similar items");
	test_reasons();
}

int
main(void)
{
	test_network(&bmc_sasrec);
	test_network(&bmc_gru);
	test_network(&bmc_caser);
	test_network(&bmc_nextitnet);
	net = &bmc_gru;
	CASE("learns the planted chain by BPR-max, and by negatives in proportion to support");
	test_chain(12, BM_LOSS_BPR_MAX, 0.5);
	test_chain(12, BM_LOSS_SOFTMAX, 0.5);
	return unit_done();
}
