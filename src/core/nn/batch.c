/*
 * batch.c
 *		Cuts users' sequences into windows, shuffles them, deals a batch's windows to shards of equal
 *		work and packs each shard's tokens; draws the shared negatives and numbers the gradient rows.
 *
 * A user's newest window ends at the newest event; older windows follow back to back, so that every
 * event of a long history is a target once an epoch. Everything depends on the data, the seed and
 * the step, never on the number of threads.
 */
#include <math.h>
#include <string.h>

#include "core/nn/batch.h"
#include "core/num/rng.h"

/* Streams of the fit's seed; weights and dropout have theirs in sasrec_state.h. */
#define STREAM_ORDER 2
#define STREAM_NEGATIVE (UINT64_C(1) << 32)

/* Draws by support for one negative at most; then the rest of a batch's negatives is drawn evenly. */
#define DRAWS_MOST 32

/* Tokens of a shard when all windows are full: small enough to balance, large enough for products. */
#define SHARD_TOKENS 1600

size_t
bmc_batches_shards(size_t batch, size_t L)
{
	size_t n = bmc_mul(batch, L) / SHARD_TOKENS;

	n = n < 1 ? 1 : n > BM_MAX_SHARDS ? BM_MAX_SHARDS : n;
	return n < batch ? n : batch;
}

/* Most tokens of a batch. */
static size_t
most_tokens(size_t batch, size_t L, size_t events)
{
	size_t most = bmc_mul(batch, L);

	return most < events ? most : events;
}

size_t
bmc_batches_rows(size_t tokens, size_t batch, size_t negatives, size_t N)
{
	size_t most = bmc_add(bmc_add(tokens, batch), negatives);

	return negatives == 0 || most > N ? N : most;
}

/* Windows of a user with n kept events. */
static size_t
windows_of(size_t n, size_t L)
{
	return n < 2 ? 0 : (n - 2) / L + 1;
}

size_t
bmc_batches_bytes(const BmFitSize *size, size_t L, size_t batch, size_t negatives, double alpha)
{
	size_t T = most_tokens(batch, L, size->nevents), N = size->nitems;
	size_t windows = bmc_add(size->nusers, size->nevents / L);
	size_t total = bmc_take_size(windows, sizeof(BmWindow));

	total = bmc_add(total, bmc_take_size(size->nevents, sizeof(uint32_t)));
	total = bmc_add(total, bmc_mul(2, bmc_take_size(N, sizeof(uint32_t))));
	total = bmc_add(total, bmc_mul(3, bmc_take_size(T, sizeof(float))));
	total = bmc_add(total, bmc_take_size(bmc_add(bmc_mul(batch, 2), BM_MAX_SHARDS), 5));
	if (negatives > 0)
	{
		if (alpha > 0.0)
			total = bmc_add(total, bmc_take_size(N, sizeof(double)));
		total = bmc_add(total, bmc_take_size(N, sizeof(uint32_t)));
		total = bmc_add(total,
						bmc_take_size(bmc_batches_rows(T, batch, negatives, N), sizeof(uint32_t)));
	}
	return total;
}

/* Copy the events that count, find the windows. */
static BmStatus
read_sequences(BmBatches *b, const BmSequences *data, const BmStop *stop)
{
	size_t kept = 0;

	b->nwindows = 0;
	for (size_t u = 0; u < data->nusers; u++)
	{
		size_t first = kept, end = data->start[u] + bmc_sequence_length(data, u);

		if (u % 65536 == 0 && bmc_stop(stop))
			return BM_ESTOP;
		for (size_t e = data->start[u]; e < end; e++)
		{
			float weight = bmc_event_weight(data, e);

			if (!(weight > 0.0f))
				continue;
			if (b->weight)
				b->weight[kept] = weight;
			b->support[data->item[e]]++;
			b->item[kept++] = data->item[e];
		}
		for (size_t w = 0, n = windows_of(kept - first, b->L); w < n; w++)
		{
			size_t last = kept - 1 - w * b->L, tokens = last - first;

			b->window[b->nwindows++] = (BmWindow){last, (uint32_t) (tokens < b->L ? tokens : b->L)};
		}
	}
	for (size_t i = 0; i < b->N; i++)
		if (b->support[i] > 0)
			b->known[b->nknown++] = (uint32_t) i;
	b->K = b->K < b->nknown ? b->K : b->nknown;
	return b->nwindows > 0 ? BM_OK : BM_EINVAL;
}

static void
count_sequences(size_t *events, size_t *windows, const BmSequences *data, size_t L)
{
	*events = *windows = 0;
	for (size_t u = 0; u < data->nusers; u++)
	{
		size_t n = bmc_sequence_length(data, u);

		*events += n;
		*windows += windows_of(n, L);
	}
}

/* The share of the draws that item known[i] gets. */
static double
draw_share(const BmBatches *b, size_t i)
{
	return (b->cumulated[i] - (i ? b->cumulated[i - 1] : 0.0)) / b->cumulated[b->nknown - 1];
}

/* Distinct items that so many draws give, when each item comes by itself (Poisson). */
static double
expected_distinct(const BmBatches *b, double draws)
{
	double distinct = 0.0;

	for (size_t i = 0; i < b->nknown; i++)
		distinct -= expm1(-draws * draw_share(b, i));
	return distinct;
}

/* support^alpha, and by bisection how many draws K distinct items take. */
static BmStatus
weigh_items(BmBatches *b, double alpha, const BmStop *stop)
{
	double low = 0.0, high = (double) (DRAWS_MOST * b->K), sum = 0.0;

	for (size_t i = 0; i < b->nknown; i++)
	{
		sum += pow((double) b->support[b->known[i]], alpha);
		b->cumulated[i] = sum;
	}
	for (int step = 0; step < 60; step++)
	{
		double middle = (low + high) / 2.0;

		if (bmc_stop(stop))
			return BM_ESTOP;
		if (expected_distinct(b, middle) < (double) b->K)
			low = middle;
		else
			high = middle;
	}
	b->draws = high;
	return BM_OK;
}

double
bmc_batches_chance(const BmBatches *b, uint32_t item)
{
	double total, own;

	if (b->cumulated == NULL)
		return (double) b->K / (double) b->nknown;
	total = b->cumulated[b->nknown - 1];
	own = pow((double) b->support[item], b->alpha);
	return -expm1(-b->draws * own / total);
}

BmStatus
bmc_batches_begin(BmBatches *b, const BmSequences *data, size_t L, size_t batch, size_t negatives,
				  double alpha, BmMem *mem, const BmStop *stop)
{
	size_t events, windows, T;
	bool weighted = data->weight || (data->event && data->event_weight);
	BmStatus status;

	memset(b, 0, sizeof(*b));
	count_sequences(&events, &windows, data, L);
	if (windows == 0)
		return BM_EINVAL;
	b->N = data->nitems;
	b->L = L;
	b->batch = batch < windows ? batch : windows;
	b->shards = bmc_batches_shards(b->batch, L);
	b->K = negatives;
	b->alpha = alpha;
	T = most_tokens(b->batch, L, events);
	b->rows_max = bmc_batches_rows(T, b->batch, negatives, b->N);
	b->rows = b->N;
	b->window = bmc_alloc(mem, windows, sizeof(BmWindow));
	b->item = bmc_alloc(mem, events, sizeof(uint32_t));
	b->weight = weighted ? bmc_alloc(mem, events, sizeof(float)) : NULL;
	b->support = bmc_alloc0(mem, b->N, sizeof(uint32_t));
	b->known = bmc_alloc(mem, b->N, sizeof(uint32_t));
	b->token = bmc_alloc(mem, T, sizeof(uint32_t));
	b->target = bmc_alloc(mem, T, sizeof(uint32_t));
	b->loss_weight = bmc_alloc(mem, T, sizeof(float));
	b->start = bmc_alloc(mem, b->batch + BM_MAX_SHARDS, sizeof(uint32_t));
	b->sorted = bmc_alloc(mem, b->batch, sizeof(uint32_t));
	b->deal = bmc_alloc(mem, b->batch, 1);
	if (negatives > 0)
	{
		b->slot = bmc_alloc0(mem, b->N, sizeof(uint32_t));
		b->row_item = bmc_alloc(mem, b->rows_max, sizeof(uint32_t));
	}
	if (!b->window || !b->item || (weighted && !b->weight) || !b->support || !b->known ||
		!b->token || !b->target || !b->loss_weight || !b->start || !b->sorted || !b->deal ||
		(negatives > 0 && (!b->slot || !b->row_item)))
		return BM_ENOMEM;
	status = read_sequences(b, data, stop);
	if (status != BM_OK || negatives == 0 || alpha <= 0.0)
		return status;
	b->cumulated = bmc_alloc(mem, b->nknown, sizeof(double));
	if (b->cumulated == NULL)
		return BM_ENOMEM;
	return weigh_items(b, alpha, stop);
}

void
bmc_batches_end(BmBatches *b, BmMem *mem)
{
	bmc_free(mem, b->window);
	bmc_free(mem, b->item);
	bmc_free(mem, b->weight);
	bmc_free(mem, b->support);
	bmc_free(mem, b->known);
	bmc_free(mem, b->cumulated);
	bmc_free(mem, b->token);
	bmc_free(mem, b->target);
	bmc_free(mem, b->loss_weight);
	bmc_free(mem, b->start);
	bmc_free(mem, b->sorted);
	bmc_free(mem, b->deal);
	bmc_free(mem, b->slot);
	bmc_free(mem, b->row_item);
	memset(b, 0, sizeof(*b));
}

void
bmc_batches_shuffle(BmBatches *b, uint64_t seed, int epoch)
{
	BmRng rng = bmc_rng(bmc_mix64(seed ^ (uint64_t) epoch), STREAM_ORDER);

	for (size_t i = b->nwindows; i > 1; i--)
	{
		size_t j = bmc_rng_below(&rng, (uint32_t) i);
		BmWindow w = b->window[i - 1];

		b->window[i - 1] = b->window[j];
		b->window[j] = w;
	}
}

size_t
bmc_batches_count(const BmBatches *b)
{
	return (b->nwindows + b->batch - 1) / b->batch;
}

/* sorted = the n windows by length, longest first; a batch is short enough for insertion. */
static void
sort_by_length(BmBatches *b, const BmWindow *w, size_t n)
{
	for (size_t i = 0; i < n; i++)
	{
		size_t j = i;

		for (; j > 0 && w[b->sorted[j - 1]].n < w[i].n; j--)
			b->sorted[j] = b->sorted[j - 1];
		b->sorted[j] = (uint32_t) i;
	}
}

/* Longest first, each to the shard with the fewest tokens so far. */
static void
deal_windows(BmBatches *b, const BmWindow *w, size_t n)
{
	for (size_t s = 0; s < b->shards; s++)
		b->shard[s].S = b->shard[s].T = 0;
	for (size_t i = 0; i < n; i++)
	{
		size_t best = 0;

		for (size_t s = 1; s < b->shards; s++)
			if (b->shard[s].T < b->shard[best].T)
				best = s;
		b->deal[i] = (uint8_t) best;
		b->shard[best].S++;
		b->shard[best].T += w[b->sorted[i]].n;
	}
}

/* Point the shards into the batch's arrays, one after the other. */
static void
lay_out_shards(BmBatches *b)
{
	size_t starts = 0, tokens = 0;

	for (size_t s = 0; s < b->shards; s++)
	{
		BmShard *h = &b->shard[s];

		h->start = b->start + starts;
		h->item = b->token + tokens;
		h->target = b->target + tokens;
		h->weight = b->loss_weight + tokens;
		h->start[0] = 0;
		starts += h->S + 1;
		tokens += h->T;
		h->S = h->T = 0; /* grow again as windows are copied */
	}
	b->T = tokens;
}

static void
copy_windows(BmBatches *b, const BmWindow *w, size_t n)
{
	double total = 0.0;
	float share;

	for (size_t i = 0; i < n; i++)
	{
		BmShard *h = &b->shard[b->deal[i]];
		const BmWindow *v = &w[b->sorted[i]];
		size_t first = v->end - v->n;

		memcpy(h->item + h->T, b->item + first, v->n * sizeof(uint32_t));
		memcpy(h->target + h->T, b->item + first + 1, v->n * sizeof(uint32_t));
		for (size_t t = 0; t < v->n; t++)
		{
			float weight = b->weight ? b->weight[first + 1 + t] : 1.0f;

			h->weight[h->T + t] = weight;
			total += weight;
		}
		h->T += v->n;
		h->start[++h->S] = (uint32_t) h->T;
	}
	share = (float) (1.0 / total);
	for (size_t t = 0; t < b->T; t++)
		b->loss_weight[t] *= share;
}

/* The item's gradient row, a new one if it has none in this batch. */
static void
give_row(BmBatches *b, uint32_t item)
{
	uint32_t at = b->slot[item];

	if (at < b->rows && b->row_item[at] == item)
		return;
	b->slot[item] = (uint32_t) b->rows;
	b->row_item[b->rows++] = item;
}

/* An item with support: evenly, or in proportion to support^alpha. */
static uint32_t
draw_item(const BmBatches *b, BmRng *rng, bool weighted)
{
	size_t low = 0, high = b->nknown - 1;
	double at;

	if (!weighted)
		return b->known[bmc_rng_below(rng, (uint32_t) b->nknown)];
	at = bmc_rng_double(rng) * b->cumulated[high];
	while (low < high)
	{
		size_t middle = (low + high) / 2;

		if (b->cumulated[middle] > at)
			high = middle;
		else
			low = middle + 1;
	}
	return b->known[low];
}

/* K distinct items with support: rows 0..K-1; then rows for the batch's own items. */
static void
draw_rows(BmBatches *b, uint64_t seed, uint64_t step)
{
	BmRng rng = bmc_rng(seed, STREAM_NEGATIVE + step);

	b->rows = 0;
	for (size_t draws = 0; b->rows < b->K; draws++)
		give_row(b, draw_item(b, &rng, b->cumulated && draws < DRAWS_MOST * b->K));
	for (size_t t = 0; t < b->T; t++)
	{
		give_row(b, b->token[t]);
		give_row(b, b->target[t]);
	}
}

void
bmc_batches_fill(BmBatches *b, size_t i, uint64_t seed, uint64_t step)
{
	size_t first = i * b->batch;
	size_t n = b->nwindows - first < b->batch ? b->nwindows - first : b->batch;
	const BmWindow *w = b->window + first;

	sort_by_length(b, w, n);
	deal_windows(b, w, n);
	lay_out_shards(b);
	copy_windows(b, w, n);
	if (b->K > 0)
		draw_rows(b, seed, step);
}
