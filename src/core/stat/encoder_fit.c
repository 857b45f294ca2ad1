/*
 * encoder_fit.c
 *		Fitting an encoder, column by column, on the training rows.
 *
 * Numbers: what is missing is filled first, then clipped, then centred and scaled by what the training
 * rows hold after that. Categories: counted, the most frequent ones kept. A target encoding's means are
 * numbers of categories, so they go the way of numbers from there.
 */
#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/num/sort.h"
#include "core/stat/encoder_column.h"
#include "core/stat/moments.h"
#include "core/stat/quantile.h"

#define DEFAULT_FOLDS 5
#define POLL_ROWS 65536

/* A fit of one column. */
typedef struct Fit
{
	BmRowEncoder *e;
	const BmFrame *f;
	const BmColumnSpec *spec; /* of the column */
	BmEncoderFit *in;
	size_t j;
	BmEncoderColumn *c;
	const BmColumn *column;
	BmMem *mem;
	double *value;   /* (nrows) of numbers: NaN where missing, later filled and clipped */
	double *scratch; /* (nrows) */
} Fit;

/* Between blocks of rows: is it time to give up? */
static inline bool
stopped(const Fit *t, size_t i)
{
	return i % POLL_ROWS == 0 && bmc_stop(t->in->stop);
}

static inline size_t
row_at(const Fit *t, size_t i)
{
	return t->in->rows ? t->in->rows[i] : i;
}

static BmStatus
refuse(const Fit *t, const char *what)
{
	snprintf(t->in->error, sizeof(t->in->error), "%s", what);
	return BM_EINVAL;
}

/* ---- numbers ---- */

/* The known ones of value (n), into scratch: how many. */
static size_t
known_values(const Fit *t, size_t n)
{
	size_t known = 0;

	for (size_t i = 0; i < n; i++)
		if (!isnan(t->value[i]))
			t->scratch[known++] = t->value[i];
	return known;
}

static BmStatus
moments_of(const Fit *t, BmMoments *m, const double *v, size_t n)
{
	memset(m, 0, sizeof(*m));
	for (size_t i = 0; i < n; i++)
	{
		if (stopped(t, i))
			return BM_ESTOP;
		bmc_moments_add(m, v[i]);
	}
	return BM_OK;
}

/* The most frequent of v (n, reordered), the smallest of several. */
static BmStatus
mode_of(double *mode, const double *v, size_t n, BmMem *mem, const BmStop *stop)
{
	uint64_t *key = bmc_alloc(mem, n, sizeof(uint64_t));
	uint32_t *payload = bmc_alloc0(mem, n, sizeof(uint32_t));
	size_t best = 0, run = 0;
	BmStatus status = key && payload ? BM_OK : BM_ENOMEM;

	for (size_t i = 0; status == BM_OK && i < n; i++)
		key[i] = (uint64_t) bmc_sketch_bucket(v[i], 0) ^ UINT64_C(1) << 63;
	if (status == BM_OK)
		status = bmc_sort_u64_until(key, payload, n, mem, stop);
	for (size_t i = 0; status == BM_OK && i < n; i++)
	{
		run = i > 0 && key[i] == key[i - 1] ? run + 1 : 1;
		if (run > best)
		{
			best = run;
			*mode = bmc_sketch_value((int64_t) (key[i] ^ UINT64_C(1) << 63), 0);
		}
	}
	bmc_free(mem, key);
	bmc_free(mem, payload);
	return status;
}

/* What stands for a missing value; known (n) of t->scratch. */
static BmStatus
fit_fill(Fit *t, size_t n)
{
	static const double half = 0.5;
	BmMoments m;
	BmStatus status;

	switch (t->c->impute)
	{
	case BM_IMPUTE_MEAN:
		status = moments_of(t, &m, t->scratch, n);
		t->c->fill = bmc_moments_mean(&m);
		return status;
	case BM_IMPUTE_MODE:
		return mode_of(&t->c->fill, t->scratch, n, t->mem, t->in->stop);
	case BM_IMPUTE_CONSTANT:
		if (t->c->kind != BM_COLUMN_KEY) /* of keys the constant is a category, not a rank */
		{
			t->c->fill = t->spec->constant;
			return BM_OK;
		}
		/* fall through */
	default:
		return bmc_quantiles(&t->c->fill, &half, 1, t->scratch, n, t->in->stop);
	}
}

typedef struct Knot
{
	double position, value;
} Knot;

static double
position_of(const Fit *t, size_t row)
{
	const BmColumn *by = &t->f->column[t->c->by];

	if (bmc_missing(by, row))
		return NAN;
	return by->kind == BM_COLUMN_TIME ? (double) by->time[row] : by->number[row];
}

/* Equal positions become one knot, then neighbours in groups of equal size where there are too many. */
static size_t
average_knots(Knot *k, size_t n)
{
	size_t kept = 0, group, out = 0;

	for (size_t i = 0, end; i < n; i = end)
	{
		double sum = 0;

		for (end = i; end < n && k[end].position == k[i].position; end++)
			sum += k[end].value;
		k[kept++] = (Knot){k[i].position, sum / (double) (end - i)};
	}
	group = (kept + BM_MAX_KNOTS - 1) / BM_MAX_KNOTS;
	for (size_t i = 0; i < kept; i += group)
	{
		size_t size = i + group < kept ? group : kept - i;
		Knot sum = {0, 0};

		for (size_t g = i; g < i + size; g++)
		{
			sum.position += k[g].position / (double) size;
			sum.value += k[g].value / (double) size;
		}
		k[out++] = group == 1 ? k[i] : sum;
	}
	return out;
}

/* The rows that know both into knot (n), in the order of their positions: how many. */
static BmStatus
sort_knots(const Fit *t, Knot *knot, size_t n, size_t *known)
{
	uint64_t *key = bmc_alloc(t->mem, n + 1, sizeof(uint64_t));
	uint32_t *from = bmc_alloc(t->mem, n + 1, sizeof(uint32_t));
	BmStatus status = key && from ? BM_OK : BM_ENOMEM;

	*known = 0;
	for (size_t i = 0; status == BM_OK && i < n; i++)
	{
		double at = position_of(t, row_at(t, i));

		if (stopped(t, i))
			status = BM_ESTOP;
		if (isnan(at) || isnan(t->value[i]))
			continue;
		key[*known] = (uint64_t) bmc_sketch_bucket(at, 0) ^ UINT64_C(1) << 63;
		from[(*known)++] = (uint32_t) i;
	}
	if (status == BM_OK)
		status = bmc_sort_u64_until(key, from, *known, t->mem, t->in->stop);
	for (size_t i = 0; status == BM_OK && i < *known; i++)
		knot[i] = (Knot){position_of(t, row_at(t, from[i])), t->value[from[i]]};
	bmc_free(t->mem, key);
	bmc_free(t->mem, from);
	return status;
}

/* The line through the training values in the order of column by. */
static BmStatus
fit_knots(Fit *t, size_t n)
{
	Knot *knot = bmc_alloc(t->mem, n + 1, sizeof(Knot));
	size_t known;
	BmStatus status = knot ? sort_knots(t, knot, n, &known) : BM_ENOMEM;

	if (status == BM_OK)
		known = average_knots(knot, known);
	if (status == BM_OK && known > 0)
	{
		t->c->table = bmc_alloc(t->mem, 2 * known, sizeof(double));
		status = t->c->table ? BM_OK : BM_ENOMEM;
	}
	for (size_t i = 0; status == BM_OK && i < known; i++)
	{
		t->c->table[i] = knot[i].position;
		t->c->table[known + i] = knot[i].value;
	}
	bmc_free(t->mem, knot);
	if (status == BM_OK)
	{
		t->c->nknots = known;
		t->c->ntable = 2 * known;
		if (known == 0)
			t->c->impute = BM_IMPUTE_MEDIAN; /* nothing to draw a line through: what fill holds */
	}
	return status;
}

/* Fences of the known (n) values in t->scratch, which is reordered. */
static BmStatus
fit_clip(Fit *t, size_t n)
{
	BmEncoderColumn *c = t->c;
	const BmColumnSpec *spec = t->spec;
	bool iqr = c->clip == BM_CLIP_IQR;
	double p[2] = {iqr ? 0.25 : spec->clip_low, iqr ? 0.75 : spec->clip_high}, q[2] = {0, 0};
	BmStatus status = bmc_quantiles(q, p, 2, t->scratch, n, t->in->stop);
	double reach = iqr ? spec->fence * (q[1] - q[0]) : 0;

	c->low = q[0] - reach;
	c->high = q[1] + reach;
	return status;
}

/* Centre and scale of v (n >= 1, reordered); *varies false when all are equal. */
static BmStatus
fit_scale(const Fit *t, double *center, double *scale_by, bool *varies, double *v, size_t n)
{
	static const double p[3] = {0.25, 0.5, 0.75};
	BmScale scale = t->c->scale;
	double lo = v[0], hi = v[0], q[3], deviation;
	BmStatus status = BM_OK;
	BmMoments m;

	*center = 0;
	*scale_by = 1;
	for (size_t i = 1; i < n; i++)
	{
		lo = v[i] < lo ? v[i] : lo;
		hi = v[i] > hi ? v[i] : hi;
	}
	*varies = lo < hi;
	if (*varies && scale == BM_SCALE_MINMAX)
	{
		*center = lo;
		*scale_by = 1 / (hi - lo);
	}
	if (!*varies || (scale != BM_SCALE_ZSCORE && scale != BM_SCALE_ROBUST))
		return BM_OK;
	status = moments_of(t, &m, v, n);
	deviation = sqrt(bmc_moments_variance(&m) * ((double) n - 1) / (double) n);
	*center = bmc_moments_mean(&m);
	if (status == BM_OK && scale == BM_SCALE_ROBUST)
	{
		status = bmc_quantiles(q, p, 3, v, n, t->in->stop);
		*center = q[1];
		deviation = q[2] > q[0] ? q[2] - q[0] : deviation;
	}
	/* a spread too small for a double leaves the value where it is */
	*scale_by = deviation > DBL_MIN ? 1 / deviation : 1;
	return status;
}

/*
 * From t->value (n), NaN where missing: fill, fences, centre and scale. A column of one value is
 * no feature; whether it was missing may still be one.
 */
static BmStatus
fit_values(Fit *t, size_t n)
{
	BmEncoderColumn *c = t->c;
	size_t known = known_values(t, n);
	double *v = t->value;
	BmStatus status;

	c->low = -INFINITY;
	c->high = INFINITY;
	c->scale_by = 1;
	if (known == 0)
		return BM_OK;
	status = fit_fill(t, known);
	if (status == BM_OK && c->impute == BM_IMPUTE_INTERPOLATE)
		status = fit_knots(t, n);
	/* in the scratch the values only change places */
	if (status == BM_OK && c->clip != BM_CLIP_NONE)
		status = fit_clip(t, known);
	for (size_t i = 0; status == BM_OK && i < n; i++)
	{
		if (isnan(v[i]))
			v[i] = c->impute == BM_IMPUTE_INTERPOLATE
					   ? bmc_interpolate(c, position_of(t, row_at(t, i)))
					   : c->fill;
		v[i] = v[i] < c->low ? c->low : v[i] > c->high ? c->high : v[i];
		if (stopped(t, i))
			status = BM_ESTOP;
	}
	return status == BM_OK ? fit_scale(t, &c->center, &c->scale_by, &c->value, v, n) : status;
}

/* Is there a flag, and is there anything left? */
static void
settle_flag(Fit *t)
{
	BmEncoderColumn *c = t->c;
	bool some = c->missing > 0 && c->missing < c->seen;

	c->flag = t->spec->flag == BM_FLAG_ON || (t->spec->flag == BM_FLAG_AUTO && some);
	if (c->missing == c->seen)
	{
		c->value = c->flag = false;
		c->dropped = BM_DROPPED_EMPTY;
	}
	else if (!c->value && !(some && c->flag))
	{
		c->flag = false;
		c->dropped = BM_DROPPED_CONSTANT;
	}
}

static BmStatus
fit_number(Fit *t)
{
	const BmColumn *in = t->column;
	BmStatus status;

	for (size_t i = 0; i < t->in->nrows; i++)
	{
		size_t row = row_at(t, i);

		if (in->kind == BM_COLUMN_NUMBER)
			t->value[i] = in->number[row];
		else
			t->value[i] = in->boolean[row] == BM_BOOL_MISSING ? NAN : in->boolean[row];
	}
	status = fit_values(t, t->in->nrows);
	settle_flag(t);
	return status;
}

/* ---- categories ---- */

/* Training rows of each of the frame's codes. */
static uint32_t *
count_codes(const Fit *t)
{
	uint32_t *count = bmc_alloc0(t->mem, (size_t) t->column->dict.view.n + 1, sizeof(uint32_t));

	for (size_t i = 0; count && i < t->in->nrows; i++)
	{
		uint32_t k = t->column->code[row_at(t, i)];

		if (k != BM_NONE)
			count[k]++;
	}
	return count;
}

/* The keys that have rows, into the encoder's dictionary; count moves along to its codes. */
static BmStatus
put_keys(Fit *t, uint32_t *count)
{
	const BmDictView *d = &t->column->dict.view;
	uint32_t code;

	for (uint32_t k = 0; k < d->n; k++)
	{
		BmStatus status = BM_OK;

		if (count[k] == 0)
			continue;
		if (d->kind == BM_KEY_INT)
			status = bmc_dict_put_int(&t->c->keys, d->key[k], &code);
		else
			status = bmc_dict_put_bytes(&t->c->keys, d->blob + d->offset[k],
										(size_t) (d->offset[k + 1] - d->offset[k]), &code);
		if (status != BM_OK)
			return status;
		count[code] = count[k]; /* code <= k */
	}
	t->c->distinct = t->c->keys.view.n;
	return BM_OK;
}

/* Keep the categories that are frequent enough, at most so many, in the order of their counts. */
static BmStatus
keep_frequent(Fit *t, uint32_t *count, uint32_t most)
{
	BmDict *d = &t->c->keys;
	uint32_t n = d->view.n;
	uint32_t *new_code = bmc_alloc(t->mem, (size_t) n + 1, sizeof(uint32_t));
	uint32_t *ordered = bmc_alloc(t->mem, (size_t) n + 1, sizeof(uint32_t));
	bool *keep = bmc_alloc(t->mem, (size_t) n + 1, sizeof(bool));
	BmStatus status = new_code && ordered && keep ? BM_OK : BM_ENOMEM;

	for (uint32_t k = 0; status == BM_OK && k < n; k++)
		keep[k] = count[k] >= t->spec->min_count;
	if (status == BM_OK)
		status = bmc_dict_order(d, count, keep, new_code);
	for (uint32_t k = 0; status == BM_OK && k < n; k++)
		if (new_code[k] != BM_NONE)
			ordered[new_code[k]] = count[k];
	if (status == BM_OK && d->view.n > most)
	{
		for (uint32_t k = 0; k < d->view.n; k++)
			keep[k] = k < most;
		status = bmc_dict_order(d, ordered, keep, new_code);
	}
	bmc_free(t->mem, new_code);
	bmc_free(t->mem, ordered);
	bmc_free(t->mem, keep);
	t->c->ncategories = d->view.n;
	return status;
}

/* What a column of keys becomes where nothing was said. */
static BmEncode
choose_encoding(const Fit *t)
{
	uint32_t most =
		t->spec->max_categories ? t->spec->max_categories : (uint32_t) BM_ONEHOT_CATEGORIES;

	if (t->c->distinct <= most)
		return BM_ENCODE_ONEHOT;
	return t->in->y && t->in->classes <= BM_TARGET_CLASSES ? BM_ENCODE_TARGET : BM_ENCODE_HASH;
}

static uint32_t
find_key(const BmEncoderColumn *c, const char *key)
{
	uint32_t found;

	if (c->keys.view.kind == BM_KEY_INT)
		found = bmc_dict_find_int(&c->keys.view, strtoll(key, NULL, 10));
	else
		found = bmc_dict_find_bytes(&c->keys.view, key, strlen(key));
	return found == BM_NONE ? c->ncategories : found;
}

/* Which category stands for what is missing. */
static void
settle_missing(Fit *t)
{
	BmEncoderColumn *c = t->c;

	if (c->impute == BM_IMPUTE_MODE)
		c->fill_category = 0;
	else if (c->impute == BM_IMPUTE_CONSTANT)
		c->fill_category =
			t->spec->constant_key ? find_key(c, t->spec->constant_key) : c->ncategories;
	else
		c->fill_category = c->ncategories + 1;
}

/* The categories of the training rows, and what becomes of the column. */
static BmStatus
fit_categories(Fit *t)
{
	BmEncoderColumn *c = t->c;
	uint32_t most = t->spec->max_categories ? t->spec->max_categories : BM_MAX_CATEGORIES;
	uint32_t *count = count_codes(t);
	BmStatus status = count ? put_keys(t, count) : BM_ENOMEM;

	if (status == BM_OK)
	{
		if (c->encode == BM_ENCODE_AUTO)
			c->encode = choose_encoding(t);
		if (c->encode == BM_ENCODE_ONEHOT && t->spec->max_categories == 0)
			most = BM_ONEHOT_CATEGORIES;
		most = c->encode == BM_ENCODE_HASH ? 0 : most;
		status = keep_frequent(t, count, most);
	}
	bmc_free(t->mem, count);
	settle_missing(t);
	c->value = c->distinct > 1 || (c->missing > 0 && c->distinct > 0 &&
								   c->encode != BM_ENCODE_ONEHOT && c->encode != BM_ENCODE_HASH);
	return status;
}

/* ---- ranks and means ---- */

typedef struct Ranked
{
	const BmDictView *d;
	uint32_t code;
} Ranked;

static int
compare_keys(const void *x, const void *y)
{
	const Ranked *a = x, *b = y;
	const BmDictView *d = a->d;
	size_t la, lb;
	int c;

	if (d->kind == BM_KEY_INT)
		return d->key[a->code] < d->key[b->code] ? -1 : d->key[a->code] > d->key[b->code];
	la = (size_t) (d->offset[a->code + 1] - d->offset[a->code]);
	lb = (size_t) (d->offset[b->code + 1] - d->offset[b->code]);
	c = memcmp(d->blob + d->offset[a->code], d->blob + d->offset[b->code], la < lb ? la : lb);
	return c != 0 ? c : la < lb ? -1 : la > lb;
}

/* Ranks of the categories into table (K + 2): by the given order, or by key. */
static BmStatus
fit_ranks(Fit *t, double *table)
{
	BmEncoderColumn *c = t->c;
	uint32_t K = c->ncategories;
	Ranked *r;

	for (uint32_t k = 0; k < K + 2; k++)
		table[k] = NAN; /* what is unseen, or in no order, is missing */
	if (t->spec->norder > 0)
	{
		for (size_t i = 0; i < t->spec->norder; i++)
		{
			uint32_t k = find_key(c, t->spec->order[i]);

			if (k < K)
				table[k] = (double) i;
		}
		return BM_OK;
	}
	r = bmc_alloc(t->mem, (size_t) K + 1, sizeof(Ranked));
	if (!r)
		return BM_ENOMEM;
	for (uint32_t k = 0; k < K; k++)
		r[k] = (Ranked){&c->keys.view, k};
	qsort(r, K, sizeof(Ranked), compare_keys);
	for (uint32_t k = 0; k < K; k++)
		table[r[k].code] = k;
	bmc_free(t->mem, r);
	return BM_OK;
}

/* Sums and counts of the target by (fold, category): sum (folds, outputs, K + 2), count (folds, K + 2). */
static BmStatus
sum_targets(const Fit *t, double *sum, double *count, const uint32_t *category)
{
	const BmRowEncoder *e = t->e;
	size_t stride = (size_t) t->c->ncategories + 2;

	for (size_t i = 0; i < t->in->nrows; i++)
	{
		size_t row = row_at(t, i), fold = bmc_fold(e, row);
		uint32_t code = t->column->code[row];
		uint32_t k = code == BM_NONE ? t->c->ncategories + 1 : category[code];
		float y = t->in->y[row];

		if (stopped(t, i))
			return BM_ESTOP;
		count[fold * stride + k]++;
		if (t->in->classes > 2)
			sum[(fold * e->outputs + (size_t) y) * stride + k]++;
		else
			sum[fold * stride + k] += y;
	}
	return BM_OK;
}

/*
 * Means of the categories into table (outputs, K + 2) from all folds but one (left; folds: from all),
 * with smoothing rows of the overall mean added to each.
 */
static void
smooth_means(double *table, const Fit *t, const double *sum, const double *count, uint32_t left)
{
	const BmRowEncoder *e = t->e;
	size_t stride = (size_t) t->c->ncategories + 2;
	double m = t->spec->smoothing;

	for (size_t o = 0; o < e->outputs; o++)
	{
		double all = 0, rows = 0, prior;

		for (uint32_t f = 0; f < e->folds; f++)
			for (size_t k = 0; f != left && k < stride; k++)
			{
				all += sum[(f * e->outputs + o) * stride + k];
				rows += count[f * stride + k];
			}
		prior = rows > 0 ? all / rows : 0;
		for (size_t k = 0; k < stride; k++)
		{
			double s = 0, n = 0;

			for (uint32_t f = 0; f < e->folds; f++)
				if (f != left)
				{
					s += sum[(f * e->outputs + o) * stride + k];
					n += count[f * stride + k];
				}
			table[o * stride + k] = n > 0 ? (s + m * prior) / (n + m) : prior;
		}
	}
}

static BmStatus
fit_means(Fit *t, const uint32_t *category)
{
	BmRowEncoder *e = t->e;
	size_t size = e->outputs * ((size_t) t->c->ncategories + 2);
	double *sum = bmc_alloc0(t->mem, bmc_mul(e->folds, size), sizeof(double));
	double *count = bmc_alloc0(t->mem, bmc_mul(e->folds, size), sizeof(double));
	BmStatus status = BM_ENOMEM;

	t->c->out_of_fold = bmc_alloc(t->mem, bmc_mul(e->folds, size), sizeof(double));
	if (sum && count && t->c->out_of_fold)
	{
		status = sum_targets(t, sum, count, category);
		smooth_means(t->c->table, t, sum, count, e->folds);
		for (uint32_t f = 0; f < e->folds; f++)
			smooth_means(t->c->out_of_fold + f * size, t, sum, count, f);
	}
	bmc_free(t->mem, sum);
	bmc_free(t->mem, count);
	return status;
}

/* The numbers of a category's row, as values to scale. */
static BmStatus
fit_key_number(Fit *t)
{
	BmEncoderColumn *c = t->c;
	const BmDictView *d = &t->column->dict.view;
	size_t outputs = c->encode == BM_ENCODE_TARGET ? t->e->outputs : 1;
	uint32_t *category = bmc_alloc(t->mem, (size_t) d->n + 1, sizeof(uint32_t));
	BmStatus status = BM_ENOMEM;

	c->ntable = outputs * ((size_t) c->ncategories + 2);
	c->table = bmc_alloc0(t->mem, c->ntable, sizeof(double));
	if (category && c->table)
	{
		for (uint32_t k = 0; k < d->n; k++)
			category[k] = bmc_category(c, d, k);
		status = c->encode == BM_ENCODE_TARGET ? fit_means(t, category) : fit_ranks(t, c->table);
	}
	c->low = -INFINITY;
	c->high = INFINITY;
	c->scale_by = 1;
	if (status == BM_OK && outputs == 1)
	{
		bool value = c->value;

		for (size_t i = 0; i < t->in->nrows; i++)
		{
			uint32_t code = t->column->code[row_at(t, i)];

			t->value[i] = c->table[code == BM_NONE ? c->fill_category : category[code]];
		}
		status = fit_values(t, t->in->nrows);
		/* means may be equal over all and differ out of fold */
		c->value = value && (c->value || c->encode == BM_ENCODE_TARGET);
	}
	bmc_free(t->mem, category);
	return status;
}

static BmStatus
fit_key(Fit *t)
{
	BmEncoderColumn *c = t->c;
	BmStatus status = fit_categories(t);

	if (status != BM_OK)
		return status;
	if (c->encode == BM_ENCODE_TARGET && !t->in->y)
		return refuse(t, "A target encoding needs a target.");
	if (c->encode == BM_ENCODE_TARGET && t->in->classes > BM_TARGET_CLASSES)
		return refuse(t, "The target has too many classes for a target encoding.");
	if (c->scale == BM_SCALE_AUTO)
		c->scale = c->encode == BM_ENCODE_ORDINAL                     ? BM_SCALE_MINMAX
				   : c->encode == BM_ENCODE_TARGET && !t->in->classes ? BM_SCALE_ZSCORE
																	  : BM_SCALE_NONE;
	if (c->scale != BM_SCALE_NONE && !(bmc_is_key_number(c) && t->e->outputs == 1))
		return refuse(t, "Only ordinal encodings and means of one number can be scaled.");
	if (c->value && bmc_is_key_number(c))
		status = fit_key_number(t);
	settle_flag(t);
	/* their means and codes tell what was missing by themselves */
	if (t->spec->flag == BM_FLAG_AUTO && c->value && c->impute == BM_IMPUTE_NONE &&
		(c->encode == BM_ENCODE_TARGET || c->encode == BM_ENCODE_EMBED))
		c->flag = false;
	if (c->encode == BM_ENCODE_EMBED)
		c->flag = false;
	return status;
}

/* ---- times and vectors ---- */

static BmStatus
fit_time(Fit *t)
{
	BmEncoderColumn *c = t->c;
	double part[BM_CYCLES], first[BM_CYCLES] = {0}, sum = 0;
	int64_t lo = INT64_MAX, hi = INT64_MIN;
	size_t known = 0;
	uint32_t varies = 0;

	for (size_t i = 0; i < t->in->nrows; i++)
	{
		int64_t time = t->column->time[row_at(t, i)];

		if (stopped(t, i))
			return BM_ESTOP;
		if (time == BM_TIME_MISSING)
			continue;
		bmc_time_parts(part, time);
		if (known++ == 0)
			memcpy(first, part, sizeof(part));
		for (int p = 0; p < BM_CYCLES; p++)
			varies |= (uint32_t) (part[p] != first[p]) << p;
		lo = time < lo ? time : lo;
		hi = time > hi ? time : hi;
	}
	varies |= lo < hi ? BM_PART_TREND : 0;
	c->parts = t->spec->parts ? t->spec->parts & varies : varies;
	c->value = c->parts != 0;
	c->scale_by = 1;
	if (lo < hi)
	{
		c->center = (double) lo;
		c->scale_by = 1 / ((double) hi - (double) lo);
		for (size_t i = 0; i < t->in->nrows; i++)
		{
			int64_t time = t->column->time[row_at(t, i)];

			if (time != BM_TIME_MISSING)
				sum += ((double) time - c->center) * c->scale_by;
		}
		c->fill = sum / (double) known;
	}
	settle_flag(t);
	return BM_OK;
}

static BmStatus
fit_vector(Fit *t)
{
	BmEncoderColumn *c = t->c;
	size_t dim = c->dim;
	bool varies = false;

	c->ntable = 3 * dim;
	c->table = bmc_alloc0(t->mem, c->ntable, sizeof(double));
	if (!c->table)
		return BM_ENOMEM;
	c->low = -INFINITY;
	c->high = INFINITY;
	for (size_t d = 0; d < dim && c->missing < c->seen; d++)
	{
		bool differs = false;
		BmStatus status;
		size_t known;

		for (size_t i = 0; i < t->in->nrows; i++)
		{
			size_t row = row_at(t, i);

			t->value[i] =
				bmc_missing(t->column, row) ? NAN : (double) t->column->vector[row * dim + d];
		}
		known = known_values(t, t->in->nrows);
		status = fit_fill(t, known);
		if (status == BM_OK)
			status = fit_scale(t, &c->table[dim + d], &c->table[2 * dim + d], &differs, t->scratch,
							   known);
		if (status == BM_OK && bmc_stop(t->in->stop))
			status = BM_ESTOP;
		if (status != BM_OK)
			return status;
		varies |= differs;
		c->table[d] = c->fill;
	}
	c->value = varies;
	c->fill = 0;
	settle_flag(t);
	return BM_OK;
}

/* ---- a column ---- */

/* What is asked for, made definite by the column's kind; a sentence on what does not fit, or NULL. */
static const char *
resolve_number(BmEncoderColumn *c, const BmColumnSpec *spec, const BmRowEncoder *e,
			   const BmFrame *f)
{
	bool boolean = c->kind == BM_COLUMN_BOOL;
	const BmColumn *by = spec->by < e->ncolumns ? &f->column[spec->by] : NULL;

	if (c->encode != BM_ENCODE_AUTO && c->encode != BM_ENCODE_NUMBER)
		return "Only its use as a category could be encoded so.";
	c->encode = BM_ENCODE_NUMBER;
	if (c->impute == BM_IMPUTE_AUTO)
		c->impute = boolean ? BM_IMPUTE_MODE : BM_IMPUTE_MEDIAN;
	if (c->impute == BM_IMPUTE_NONE)
		return "A number needs a value in the place of what is missing.";
	if (c->impute == BM_IMPUTE_INTERPOLATE &&
		(!by || (by->kind != BM_COLUMN_NUMBER && by->kind != BM_COLUMN_TIME)))
		return "An interpolation needs a column of times or numbers to go along.";
	if (c->scale == BM_SCALE_AUTO)
		c->scale = boolean ? BM_SCALE_NONE : BM_SCALE_ZSCORE;
	return NULL;
}

static const char *
resolve_key(BmEncoderColumn *c)
{
	if (c->encode == BM_ENCODE_NUMBER || c->encode >= BM_ENCODE_TIME)
		return "A column of keys is encoded as onehot, hash, ordinal, target or embed.";
	if (c->clip != BM_CLIP_NONE)
		return "Categories cannot be clipped.";
	if (c->impute == BM_IMPUTE_AUTO)
		c->impute = BM_IMPUTE_NONE;
	if (c->impute == BM_IMPUTE_MEAN || c->impute == BM_IMPUTE_MEDIAN ||
		c->impute == BM_IMPUTE_INTERPOLATE)
		return "What is missing among categories is imputed by none, mode or constant.";
	return NULL;
}

static const char *
resolve_other(BmEncoderColumn *c)
{
	bool time = c->kind == BM_COLUMN_TIME;

	if (c->encode != BM_ENCODE_AUTO && c->encode != (time ? BM_ENCODE_TIME : BM_ENCODE_VECTOR))
		return time ? "A time is encoded as time." : "A vector is encoded as vector.";
	c->encode = time ? BM_ENCODE_TIME : BM_ENCODE_VECTOR;
	if (c->clip != BM_CLIP_NONE)
		return "Times and vectors cannot be clipped.";
	if (time && (c->impute != BM_IMPUTE_AUTO || c->scale != BM_SCALE_AUTO))
		return "The parts of a time are neither imputed nor scaled: a missing one is all zeros.";
	if (c->impute == BM_IMPUTE_AUTO)
		c->impute = BM_IMPUTE_MEAN;
	if (!time && c->impute != BM_IMPUTE_MEAN && c->impute != BM_IMPUTE_MEDIAN &&
		c->impute != BM_IMPUTE_CONSTANT)
		return "A vector is imputed by mean, median or constant.";
	if (c->scale == BM_SCALE_AUTO)
		c->scale = BM_SCALE_NONE;
	return NULL;
}

static void
begin_column(Fit *t)
{
	BmEncoderColumn *c = t->c;

	c->name = t->column->name;
	c->kind = t->column->kind;
	c->dim = t->column->dim;
	c->encode = t->spec->encode;
	c->impute = t->spec->impute;
	c->scale = t->spec->scale;
	c->clip = t->spec->clip;
	c->nonfinite = t->spec->nonfinite;
	c->by = t->spec->impute == BM_IMPUTE_INTERPOLATE ? t->spec->by : 0;
	c->buckets = t->spec->buckets;
	c->scale_by = 1;
	c->low = -INFINITY;
	c->high = INFINITY;
	c->seen = t->in->nrows;
	for (size_t i = 0; i < c->seen; i++)
		c->missing += bmc_missing(t->column, row_at(t, i));
}

static BmStatus
fit_column(Fit *t)
{
	BmEncoderColumn *c = t->c;
	const char *wrong;

	if (c->kind == BM_COLUMN_KEY)
	{
		BmStatus status = bmc_dict_init(&c->keys, t->column->dict.view.kind, t->mem);

		if (status != BM_OK)
			return status;
	}
	if (c->encode == BM_ENCODE_SKIP)
	{
		c->impute = BM_IMPUTE_AUTO;
		c->scale = BM_SCALE_NONE;
		c->clip = BM_CLIP_NONE;
		c->dropped = BM_DROPPED_ASKED;
		return BM_OK;
	}
	if (t->column->nonfinite > 0 && !c->nonfinite)
		return BM_ENOTFINITE;
	wrong = c->kind == BM_COLUMN_KEY ? resolve_key(c)
			: c->kind == BM_COLUMN_NUMBER || c->kind == BM_COLUMN_BOOL
				? resolve_number(c, t->spec, t->e, t->f)
				: resolve_other(c);
	if (wrong)
		return refuse(t, wrong);
	switch (c->kind)
	{
	case BM_COLUMN_KEY:
		return fit_key(t);
	case BM_COLUMN_TIME:
		return fit_time(t);
	case BM_COLUMN_VECTOR:
		return fit_vector(t);
	default:
		return fit_number(t);
	}
}

BmStatus
bmc_encoder_fit(BmRowEncoder *e, const BmFrame *f, const BmColumnSpec *spec, BmEncoderFit *in,
				BmMem *mem)
{
	Fit t = {.e = e, .f = f, .in = in, .mem = mem};
	size_t ncolumns = in->ncolumns ? in->ncolumns : f->ncolumns;
	BmStatus status = bmc_encoder_init(e, ncolumns, mem);

	in->error[0] = '\0';
	if (status != BM_OK)
		return status;
	in->nrows = in->rows ? in->nrows : f->n;
	if (in->nrows == 0)
		return BM_EINVAL;
	e->seed = in->seed;
	e->folds = in->folds ? in->folds : DEFAULT_FOLDS;
	e->outputs = in->classes > 2 ? in->classes : 1;
	if (e->folds < 2 || e->folds > BM_MAX_FOLDS)
		return BM_EINVAL;
	t.value = bmc_alloc(mem, in->nrows, sizeof(double));
	t.scratch = bmc_alloc(mem, in->nrows, sizeof(double));
	status = t.value && t.scratch ? BM_OK : BM_ENOMEM;
	for (t.j = 0; status == BM_OK && t.j < ncolumns; t.j++)
	{
		in->column = t.j;
		t.spec = &spec[t.j];
		t.c = &e->column[t.j];
		t.column = &f->column[t.j];
		begin_column(&t);
		status = fit_column(&t);
		if (status == BM_OK && bmc_stop(in->stop))
			status = BM_ESTOP;
	}
	bmc_free(mem, t.value);
	bmc_free(mem, t.scratch);
	return status == BM_OK ? bmc_encoder_layout(e) : status;
}
