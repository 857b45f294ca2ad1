/*
 * encoder_keys.c
 *		Fitting columns of keys: which categories are kept, their ranks, and means of the target
 *		(Micci-Barreca 2001), out of fold for the training rows.
 */
#include <stdlib.h>
#include <string.h>

#include "core/stat/encoder_fit.h"

/* ---- categories ---- */

/* Training rows of each of the frame's codes. */
static uint32_t *
count_codes(const BmColumnFit *t)
{
	uint32_t *count = bmc_alloc0(t->mem, (size_t) t->column->dict.view.n + 1, sizeof(uint32_t));

	for (size_t i = 0; count && i < t->in->nrows; i++)
	{
		uint32_t k = t->column->code[bmc_fit_row(t, i)];

		if (k != BM_NONE)
			count[k]++;
	}
	return count;
}

/* The keys that have rows, into the encoder's dictionary; count moves along to its codes. */
static BmStatus
put_keys(BmColumnFit *t, uint32_t *count)
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
keep_frequent(BmColumnFit *t, uint32_t *count, uint32_t most)
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
choose_encoding(const BmColumnFit *t)
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
settle_missing(BmColumnFit *t)
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
fit_categories(BmColumnFit *t)
{
	BmEncoderColumn *c = t->c;
	uint32_t most = t->spec->max_categories ? t->spec->max_categories : BM_MAX_CATEGORIES;
	uint32_t *count = count_codes(t);
	BmStatus status = count ? put_keys(t, count) : BM_ENOMEM;
	size_t kinds;

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
	/* what the rows differ in: the categories kept, and all others together */
	kinds =
		c->encode == BM_ENCODE_HASH ? c->distinct : c->ncategories + (c->ncategories < c->distinct);
	c->value = kinds > 1 || (c->missing > 0 && kinds > 0 && c->encode != BM_ENCODE_ONEHOT &&
							 c->encode != BM_ENCODE_HASH);
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
fit_ranks(BmColumnFit *t, double *table)
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
sum_targets(const BmColumnFit *t, double *sum, double *count, const uint32_t *category)
{
	const BmRowEncoder *e = t->e;
	size_t stride = (size_t) t->c->ncategories + 2;

	for (size_t i = 0; i < t->in->nrows; i++)
	{
		size_t row = bmc_fit_row(t, i), fold = bmc_fold(e, row);
		uint32_t code = t->column->code[row];
		uint32_t k = code == BM_NONE ? t->c->ncategories + 1 : category[code];
		float y = t->in->y[row];

		if (bmc_fit_stopped(t, i))
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
smooth_means(double *table, const BmColumnFit *t, const double *sum, const double *count,
			 uint32_t left)
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
fit_means(BmColumnFit *t, const uint32_t *category)
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
fit_key_number(BmColumnFit *t)
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
			uint32_t code = t->column->code[bmc_fit_row(t, i)];

			t->value[i] = c->table[code == BM_NONE ? c->fill_category : category[code]];
		}
		status = bmc_fit_values(t, t->in->nrows);
		/* means may be equal over all and differ out of fold */
		c->value = value && (c->value || c->encode == BM_ENCODE_TARGET);
	}
	bmc_free(t->mem, category);
	return status;
}

BmStatus
bmc_fit_key(BmColumnFit *t)
{
	BmEncoderColumn *c = t->c;
	BmStatus status = fit_categories(t);

	if (status != BM_OK)
		return status;
	if (c->encode == BM_ENCODE_TARGET && !t->in->y)
		return bmc_fit_refuse(t, "A target encoding needs a target.");
	if (c->encode == BM_ENCODE_TARGET && t->in->classes > BM_TARGET_CLASSES)
		return bmc_fit_refuse(t, "The target has too many classes for a target encoding.");
	if (c->scale == BM_SCALE_AUTO)
		c->scale = c->encode == BM_ENCODE_ORDINAL                     ? BM_SCALE_MINMAX
				   : c->encode == BM_ENCODE_TARGET && !t->in->classes ? BM_SCALE_ZSCORE
																	  : BM_SCALE_NONE;
	if (c->scale != BM_SCALE_NONE && !(bmc_is_key_number(c) && t->e->outputs == 1))
		return bmc_fit_refuse(t, "Only ordinal encodings and means of one number can be scaled.");
	if (c->value && bmc_is_key_number(c))
		status = fit_key_number(t);
	bmc_fit_flag(t);
	/* their means and codes tell what was missing by themselves */
	if (t->spec->flag == BM_FLAG_AUTO && c->value && c->impute == BM_IMPUTE_NONE &&
		(c->encode == BM_ENCODE_TARGET || c->encode == BM_ENCODE_EMBED))
		c->flag = false;
	if (c->encode == BM_ENCODE_EMBED)
		c->flag = false;
	return status;
}
