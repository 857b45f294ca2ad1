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
#include <string.h>

#include "core/num/sort.h"
#include "core/stat/encoder_fit.h"
#include "core/stat/moments.h"
#include "core/stat/quantile.h"

#define DEFAULT_FOLDS 5

BmStatus
bmc_fit_refuse(const BmColumnFit *t, const char *what)
{
	snprintf(t->in->error, sizeof(t->in->error), "%s", what);
	return BM_EINVAL;
}

/* ---- numbers ---- */

/* The known ones of value (n), into scratch: how many. */
static size_t
known_values(const BmColumnFit *t, size_t n)
{
	size_t known = 0;

	for (size_t i = 0; i < n; i++)
		if (!isnan(t->value[i]))
			t->scratch[known++] = t->value[i];
	return known;
}

static BmStatus
moments_of(const BmColumnFit *t, BmMoments *m, const double *v, size_t n)
{
	memset(m, 0, sizeof(*m));
	for (size_t i = 0; i < n; i++)
	{
		if (bmc_fit_stopped(t, i))
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
fit_fill(BmColumnFit *t, size_t n)
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
position_of(const BmColumnFit *t, size_t row)
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
sort_knots(const BmColumnFit *t, Knot *knot, size_t n, size_t *known)
{
	uint64_t *key = bmc_alloc(t->mem, n + 1, sizeof(uint64_t));
	uint32_t *from = bmc_alloc(t->mem, n + 1, sizeof(uint32_t));
	BmStatus status = key && from ? BM_OK : BM_ENOMEM;

	*known = 0;
	for (size_t i = 0; status == BM_OK && i < n; i++)
	{
		double at = position_of(t, bmc_fit_row(t, i));

		if (bmc_fit_stopped(t, i))
			status = BM_ESTOP;
		if (isnan(at) || isnan(t->value[i]))
			continue;
		key[*known] = (uint64_t) bmc_sketch_bucket(at, 0) ^ UINT64_C(1) << 63;
		from[(*known)++] = (uint32_t) i;
	}
	if (status == BM_OK)
		status = bmc_sort_u64_until(key, from, *known, t->mem, t->in->stop);
	for (size_t i = 0; status == BM_OK && i < *known; i++)
		knot[i] = (Knot){position_of(t, bmc_fit_row(t, from[i])), t->value[from[i]]};
	bmc_free(t->mem, key);
	bmc_free(t->mem, from);
	return status;
}

/* The line through the training values in the order of column by. */
static BmStatus
fit_knots(BmColumnFit *t, size_t n)
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
fit_clip(BmColumnFit *t, size_t n)
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
fit_scale(const BmColumnFit *t, double *center, double *scale_by, bool *varies, double *v, size_t n)
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
BmStatus
bmc_fit_values(BmColumnFit *t, size_t n)
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
					   ? bmc_interpolate(c, position_of(t, bmc_fit_row(t, i)))
					   : c->fill;
		v[i] = v[i] < c->low ? c->low : v[i] > c->high ? c->high : v[i];
		if (bmc_fit_stopped(t, i))
			status = BM_ESTOP;
	}
	return status == BM_OK ? fit_scale(t, &c->center, &c->scale_by, &c->value, v, n) : status;
}

/* Is there a flag, and is there anything left? */
void
bmc_fit_flag(BmColumnFit *t)
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
fit_number(BmColumnFit *t)
{
	const BmColumn *in = t->column;
	BmStatus status;

	for (size_t i = 0; i < t->in->nrows; i++)
	{
		size_t row = bmc_fit_row(t, i);

		if (in->kind == BM_COLUMN_NUMBER)
			t->value[i] = in->number[row];
		else
			t->value[i] = in->boolean[row] == BM_BOOL_MISSING ? NAN : in->boolean[row];
	}
	status = bmc_fit_values(t, t->in->nrows);
	bmc_fit_flag(t);
	return status;
}

/* ---- times and vectors ---- */

static BmStatus
fit_time(BmColumnFit *t)
{
	BmEncoderColumn *c = t->c;
	double part[BM_CYCLES], first[BM_CYCLES] = {0}, sum = 0;
	int64_t lo = INT64_MAX, hi = INT64_MIN;
	size_t known = 0;
	uint32_t varies = 0;

	for (size_t i = 0; i < t->in->nrows; i++)
	{
		int64_t time = t->column->time[bmc_fit_row(t, i)];

		if (bmc_fit_stopped(t, i))
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
			int64_t time = t->column->time[bmc_fit_row(t, i)];

			if (time != BM_TIME_MISSING)
				sum += ((double) time - c->center) * c->scale_by;
		}
		c->fill = sum / (double) known;
	}
	bmc_fit_flag(t);
	return BM_OK;
}

static BmStatus
fit_vector(BmColumnFit *t)
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
			size_t row = bmc_fit_row(t, i);

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
	bmc_fit_flag(t);
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
begin_column(BmColumnFit *t)
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
		c->missing += bmc_missing(t->column, bmc_fit_row(t, i));
}

static BmStatus
fit_column(BmColumnFit *t)
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
		return bmc_fit_refuse(t, wrong);
	switch (c->kind)
	{
	case BM_COLUMN_KEY:
		return bmc_fit_key(t);
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
	BmColumnFit t = {.e = e, .f = f, .in = in, .mem = mem};
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
