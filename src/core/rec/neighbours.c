/*
 * neighbours.c
 *		Building sparse item-to-item rows in parallel, and scoring with them.
 *
 * Rows are built in blocks: each row is a task of its own with a private dense accumulator, so the
 * result does not depend on the threads; then the block is appended to the growing matrix.
 */
#include <math.h>
#include <string.h>

#include "core/num/topk.h"
#include "core/rec/index_check.h"
#include "core/rec/neighbours.h"

#define BLOCK_ROWS 1024
#define MIN_WEIGHT 1e-7f /* a history event below this weight changes nothing in float32 */

typedef struct RowJob
{
	BmRows *rows;
	BmRowFill fill;
	void *model;
	size_t first;
} RowJob;

/* per thread: dense, value, col, touched, magnitude (N each), best index and score (top each) */
static size_t
thread_bytes(size_t nitems, size_t top)
{
	return bmc_add(bmc_mul(5, bmc_take_size(nitems, 4)), bmc_mul(2, bmc_take_size(top, 4)));
}

size_t
bmc_rows_bytes(size_t nitems, int top, double mean_row, int threads)
{
	size_t kept = top == 0 || (size_t) top > nitems ? nitems : (size_t) top;
	double row = mean_row < (double) kept ? mean_row : (double) kept;
	size_t nnz = (size_t) (row * (double) nitems);

	/* the arrays double when they grow, and the old ones live until copied */
	return bmc_add(bmc_add(bmc_mul(nnz, 8 * 2), bmc_mul(nitems, 8)),
				   bmc_add(bmc_mul(bmc_mul(BLOCK_ROWS, kept), 8),
						   bmc_mul((size_t) threads, thread_bytes(nitems, kept))));
}

BmStatus
bmc_rows_begin(BmRows *rows, size_t nitems, int top, double gamma, int last, bool once, BmFit *fit)
{
	size_t threads = (size_t) bmc_pool_threads(fit->pool);

	memset(rows, 0, sizeof(*rows));
	rows->nitems = nitems;
	rows->top = top <= 0 || (size_t) top > nitems ? nitems : (size_t) top;
	rows->config[0] = (float) gamma;
	rows->config[1] = (float) last;
	rows->config[2] = once ? 1.0f : 0.0f;
	rows->capacity = nitems * 8 + 1024;
	rows->scratch_bytes = thread_bytes(nitems, rows->top);
	rows->start = bmc_alloc0(fit->mem, nitems + 1, sizeof(int32_t));
	rows->prior = bmc_alloc0(fit->mem, nitems, sizeof(float));
	rows->col = bmc_alloc(fit->mem, rows->capacity, sizeof(int32_t));
	rows->value = bmc_alloc(fit->mem, rows->capacity, sizeof(float));
	rows->block_n = bmc_alloc(fit->mem, BLOCK_ROWS, sizeof(int32_t));
	rows->block_col = bmc_alloc(fit->mem, BLOCK_ROWS * rows->top, sizeof(uint32_t));
	rows->block_value = bmc_alloc(fit->mem, BLOCK_ROWS * rows->top, sizeof(float));
	rows->scratch = bmc_alloc0(fit->mem, threads, rows->scratch_bytes);
	fit->total = nitems;
	if (rows->start && rows->prior && rows->col && rows->value && rows->block_n &&
		rows->block_col && rows->block_value && rows->scratch)
		return BM_OK;
	bmc_rows_end(rows, fit->mem);
	return BM_ENOMEM;
}

void
bmc_rows_end(BmRows *rows, BmMem *mem)
{
	bmc_free(mem, rows->start);
	bmc_free(mem, rows->prior);
	bmc_free(mem, rows->col);
	bmc_free(mem, rows->value);
	bmc_free(mem, rows->block_n);
	bmc_free(mem, rows->block_col);
	bmc_free(mem, rows->block_value);
	bmc_free(mem, rows->scratch);
	memset(rows, 0, sizeof(*rows));
}

/* Ascending by column, values along: rows are short, or in order already. */
static void
sort_by_column(uint32_t *col, float *value, size_t n)
{
	size_t ordered = 1;

	while (ordered < n && col[ordered - 1] < col[ordered])
		ordered++;
	if (ordered >= n)
		return;
	for (size_t gap = n / 2; gap > 0; gap /= 2)
		for (size_t i = gap; i < n; i++)
		{
			uint32_t c = col[i];
			float v = value[i];
			size_t j = i;

			for (; j >= gap && col[j - gap] > c; j -= gap)
			{
				col[j] = col[j - gap];
				value[j] = value[j - gap];
			}
			col[j] = c;
			value[j] = v;
		}
}

static void
row_task(void *arg, size_t task, int worker)
{
	RowJob *job = arg;
	BmRows *r = job->rows;
	BmArena arena = {r->scratch + (size_t) worker * r->scratch_bytes, r->scratch_bytes, 0};
	float *dense = bmc_take(&arena, r->nitems, 4), *value = bmc_take(&arena, r->nitems, 4);
	float *magnitude = bmc_take(&arena, r->nitems, 4), *best = bmc_take(&arena, r->top, 4);
	uint32_t *col = bmc_take(&arena, r->nitems, 4), *touched = bmc_take(&arena, r->nitems, 4);
	uint32_t *which = bmc_take(&arena, r->top, 4);
	uint32_t *out_col = r->block_col + task * r->top;
	float *out_value = r->block_value + task * r->top;
	size_t n = job->fill(job->model, (uint32_t) (job->first + task), value, col, dense, touched);

	if (n > r->top)
	{
		sort_by_column(col, value, n); /* equal values: the lower code, whatever the order so far */
		for (size_t i = 0; i < n; i++)
			magnitude[i] = fabsf(value[i]);
		n = bmc_topk(which, best, r->top, magnitude, n);
		for (size_t i = 0; i < n; i++)
		{
			out_col[i] = col[which[i]];
			out_value[i] = value[which[i]];
		}
	}
	else
	{
		memcpy(out_col, col, n * sizeof(uint32_t));
		memcpy(out_value, value, n * sizeof(float));
	}
	sort_by_column(out_col, out_value, n);
	r->block_n[task] = (int32_t) n;
}

static BmStatus
make_room(BmRows *r, size_t more, BmMem *mem)
{
	size_t capacity = r->capacity;
	int32_t *col;
	float *value;

	if (more > (size_t) INT32_MAX - r->nnz)
		return BM_ELIMIT;
	if (r->nnz + more <= capacity)
		return BM_OK;
	while (capacity < r->nnz + more)
		capacity += capacity / 2 + 1024;
	col = bmc_realloc(mem, r->col, capacity, sizeof(int32_t));
	if (col == NULL)
		return BM_ENOMEM;
	r->col = col;
	value = bmc_realloc(mem, r->value, capacity, sizeof(float));
	if (value == NULL)
		return BM_ENOMEM;
	r->value = value;
	r->capacity = capacity;
	return BM_OK;
}

/*
 * The weight of each item's events, scaled so that the most popular one gets a tenth of the smallest positive
 * value: a Markov chain that has seen nothing backs off to popularity, and evidence always wins.
 */
static void
fill_prior(BmRows *r, const BmSequences *d)
{
	float least = INFINITY, most = 0.0f;

	for (size_t e = 0; e < r->nnz; e++)
		if (r->value[e] > 0.0f && r->value[e] < least)
			least = r->value[e];
	for (size_t u = 0; u < d->nusers; u++)
		for (size_t e = d->start[u]; e < d->start[u] + bmc_sequence_length(d, u); e++)
			r->prior[d->item[e]] += bmc_event_weight(d, e);
	for (size_t i = 0; i < r->nitems; i++)
		most = r->prior[i] > most ? r->prior[i] : most;
	for (size_t i = 0; i < r->nitems && most > 0.0f; i++)
		r->prior[i] *= (least < INFINITY ? 0.1f * least : 1.0f) / most;
}

BmStatus
bmc_rows_step(BmRows *rows, BmRowFill fill, void *model, const BmSequences *data, BmFit *fit)
{
	RowJob job = {rows, fill, model, rows->next};
	size_t left = rows->nitems - rows->next, n = left < BLOCK_ROWS ? left : BLOCK_ROWS, more = 0;
	BmStatus status = bmc_pool_run(fit->pool, row_task, &job, n, fit->stop);

	if (status != BM_OK)
		return status;
	for (size_t i = 0; i < n; i++)
		more += (size_t) rows->block_n[i];
	status = make_room(rows, more, fit->mem);
	if (status != BM_OK)
		return status;
	for (size_t i = 0; i < n; i++)
	{
		size_t m = (size_t) rows->block_n[i];

		memcpy(rows->col + rows->nnz, rows->block_col + i * rows->top, m * sizeof(int32_t));
		memcpy(rows->value + rows->nnz, rows->block_value + i * rows->top, m * sizeof(float));
		rows->nnz += m;
		rows->start[rows->next + i + 1] = (int32_t) rows->nnz;
	}
	rows->next += n;
	fit->done = rows->next;
	if (rows->next < rows->nitems)
		return BM_MORE;
	fill_prior(rows, data);
	return BM_OK;
}

BmStatus
bmc_rows_tensors(const BmRows *rows, const char *prefix, BmTensors *out)
{
	size_t n = rows->nitems, n1 = n + 1, nnz = rows->nnz, three = 3;

	return bmc_tensors_add(out, prefix, "start", BM_I32, rows->start, 1, &n1) &&
				   bmc_tensors_add(out, prefix, "col", BM_I32, rows->col, 1, &nnz) &&
				   bmc_tensors_add(out, prefix, "value", BM_F32, rows->value, 1, &nnz) &&
				   bmc_tensors_add(out, prefix, "prior", BM_F32, rows->prior, 1, &n) &&
				   bmc_tensors_add(out, prefix, "config", BM_F32, rows->config, 1, &three)
			   ? BM_OK
			   : BM_ELIMIT;
}

/* ---- interactions ---- */

BmStatus
bmc_interactions(BmSparse *X, const BmSequences *data, BmMem *mem)
{
	size_t n = data->start[data->nusers];
	uint32_t *at = bmc_alloc(mem, data->nitems, sizeof(uint32_t)); /* the user's entry of an item */
	bool weighted = data->weight || (data->event && data->event_weight);

	*X = (BmSparse){data->nusers, data->nitems, NULL, NULL, NULL};
	X->start = bmc_alloc0(mem, data->nusers + 1, sizeof(size_t));
	X->col = bmc_alloc(mem, n, sizeof(uint32_t));
	X->value = weighted ? bmc_alloc(mem, n, sizeof(float)) : NULL;
	if (!at || !X->start || !X->col || (weighted && !X->value))
	{
		bmc_free(mem, at);
		bmc_sparse_free(X, mem);
		return BM_ENOMEM;
	}
	memset(at, 0xff, data->nitems * sizeof(uint32_t));
	for (size_t u = 0, nnz = 0; u < data->nusers; u++)
	{
		size_t first = nnz, end = data->start[u] + bmc_sequence_length(data, u);

		for (size_t e = data->start[u]; e < end; e++)
		{
			uint32_t i = data->item[e];
			float w = bmc_event_weight(data, e);

			if (w < BM_LEAST_WEIGHT)
				continue;
			if (at[i] == BM_NONE)
			{
				at[i] = (uint32_t) (nnz - first);
				X->col[nnz] = i;
				if (weighted)
					X->value[nnz] = w;
				nnz++;
			}
			else if (weighted && X->value[first + at[i]] < w)
				X->value[first + at[i]] = w;
		}
		for (size_t e = first; e < nnz; e++)
			at[X->col[e]] = BM_NONE;
		X->start[u + 1] = nnz;
	}
	bmc_free(mem, at);
	return BM_OK;
}

size_t
bmc_row_columns(uint32_t *touched, const float *dense, size_t nitems)
{
	size_t n = 0;

	for (size_t b = 0; b < nitems; b++)
	{
		touched[n] = (uint32_t) b;
		n += dense[b] != 0.0f;
	}
	return n;
}

/* ---- answers ---- */

const char *
bmc_neighbours_bind(void *bound, const BmTensors *t, const char *prefix, size_t nitems)
{
	BmNeighbours *b = bound;
	size_t n1 = nitems + 1, three = 3;
	const BmTensor *start = bmc_tensors_find(t, prefix, "start", BM_I32, 1, &n1);
	const BmTensor *col = bmc_tensors_find(t, prefix, "col", BM_I32, 1, NULL);
	const BmTensor *value = bmc_tensors_find(t, prefix, "value", BM_F32, 1, NULL);
	const BmTensor *prior = bmc_tensors_find(t, prefix, "prior", BM_F32, 1, &nitems);
	const BmTensor *config = bmc_tensors_find(t, prefix, "config", BM_F32, 1, &three);
	const float *c;
	size_t nnz;

	if (!start || !col || !value || !prior || !config)
		return "one of the tensors \"start\", \"col\", \"value\", \"prior\", \"config\" is missing "
			   "or has "
			   "another shape";
	nnz = col->shape[0];
	b->nitems = nitems;
	b->start = start->data;
	b->col = col->data;
	b->value = value->data;
	b->prior = prior->data;
	if (value->shape[0] != nnz || !bmc_starts_rise(b->start, nitems, nnz))
		return "tensors \"start\", \"col\" and \"value\" do not belong together";
	if (!bmc_all_below(b->col, nnz, nitems))
		return "tensor \"col\" names an item that does not exist";
	c = config->data;
	if (!(c[0] >= 0.0f && c[0] <= 1.0f) || !(c[1] >= 1.0f && c[1] <= 1e9f))
		return "tensor \"config\" is out of range";
	b->gamma = c[0];
	b->last = (size_t) c[1];
	b->once = c[2] != 0.0f;
	return NULL;
}

size_t
bmc_neighbours_score_bytes(const void *bound, size_t B)
{
	const BmNeighbours *b = bound;

	(void) B;
	return bmc_add(64, bmc_mul(8, b->nitems / 64 + 1));
}

/* seen (nitems bits): was the item met before in this walk? Marks it. */
static bool
met(uint64_t *seen, uint32_t item)
{
	uint64_t bit = UINT64_C(1) << (item % 64);
	bool was = (seen[item / 64] & bit) != 0;

	seen[item / 64] |= bit;
	return was;
}

void
bmc_neighbours_score(float *scores, const void *bound, const BmHistory *h, size_t B, void *scratch,
					 bool fast_blas)
{
	const BmNeighbours *b = bound;
	uint64_t *seen = scratch;

	(void) fast_blas;
	for (size_t i = 0; i < B; i++, scores += b->nitems)
	{
		size_t left = b->last;
		float w = 1.0f;

		memcpy(scores, b->prior, b->nitems * sizeof(float));
		if (b->once)
			memset(seen, 0, (b->nitems / 64 + 1) * sizeof(uint64_t));
		for (size_t k = h[i].n; k-- > 0 && left > 0 && w > MIN_WEIGHT;)
		{
			uint32_t a = h[i].item[k];

			if (!(bmc_history_weight(&h[i], k) > 0.0f))
				continue;
			if (!b->once || !met(seen, a))
				for (int32_t e = b->start[a]; e < b->start[a + 1]; e++)
					scores[b->col[e]] += w * b->value[e];
			left--;
			w *= b->gamma;
		}
	}
}

/* Entry (a, item) of the matrix, 0 where there is none. */
static float
entry(const BmNeighbours *b, uint32_t a, uint32_t item)
{
	size_t at = bmc_find_index(b->col, b->start[a], b->start[a + 1], item);

	return at != SIZE_MAX ? b->value[at] : 0.0f;
}

/* Exact: the event's own term of the sum; negative terms explain nothing and count as 0. */
static void
explain_one(float *share, const BmNeighbours *b, const BmHistory *h, uint32_t item, uint64_t *seen)
{
	size_t left = b->last;
	double total = 0.0;
	float w = 1.0f;

	memset(share, 0, h->n * sizeof(float));
	if (b->once)
		memset(seen, 0, (b->nitems / 64 + 1) * sizeof(uint64_t));
	for (size_t k = h->n; k-- > 0 && left > 0 && w > MIN_WEIGHT;)
	{
		if (!(bmc_history_weight(h, k) > 0.0f))
			continue;
		if (!b->once || !met(seen, h->item[k]))
		{
			share[k] = fmaxf(w * entry(b, h->item[k], item), 0.0f);
			total += (double) share[k];
		}
		left--;
		w *= b->gamma;
	}
	for (size_t i = 0; i < h->n && total > 0.0; i++)
		share[i] = (float) ((double) share[i] / total);
}

void
bmc_neighbours_explain(float *share, const void *bound, const BmHistory *h, const uint32_t *items,
					   size_t n, void *scratch)
{
	for (size_t i = 0; i < n; i++)
		explain_one(share + i * h->n, bound, h, items[i], scratch);
}
