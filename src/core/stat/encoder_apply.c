/*
 * encoder_apply.c
 *		Applying an encoder: to the rows of a frame, in blocks that stay in the cache, or to one row.
 *
 * Both end in the same functions of one value, so that what is served is what was trained on.
 */
#include <float.h>
#include <string.h>

#include "core/stat/encoder_column.h"

#define BLOCK_ROWS 512
#define TWO_PI 6.283185307179586

/* ---- one value ---- */

static inline float
to_float(double v)
{
	return (float) (v > FLT_MAX ? FLT_MAX : v < -FLT_MAX ? -FLT_MAX : v);
}

double
bmc_interpolate(const BmEncoderColumn *c, double at)
{
	const double *position = c->table, *value = c->table + c->nknots;
	size_t lo = 0, hi = c->nknots - 1;

	if (isnan(at))
		return c->fill;
	if (at <= position[lo])
		return value[lo];
	if (at >= position[hi])
		return value[hi];
	while (hi - lo > 1)
	{
		size_t mid = (lo + hi) / 2;

		if (position[mid] <= at)
			lo = mid;
		else
			hi = mid;
	}
	return value[lo] +
		   (value[hi] - value[lo]) * ((at - position[lo]) / (position[hi] - position[lo]));
}

static inline float
scaled(const BmEncoderColumn *c, double v)
{
	v = v < c->low ? c->low : v > c->high ? c->high : v;
	v = (v - c->center) * c->scale_by;
	if (c->scale == BM_SCALE_MINMAX)
		v = v < 0 ? 0 : v > 1 ? 1 : v;
	return to_float(v);
}

/* A number, NaN where it is missing; at is the position that an interpolation looks up. */
static inline void
put_number(float *out, const BmEncoderColumn *c, double v, double at)
{
	bool missing = isnan(v);

	if (missing)
		v = c->impute == BM_IMPUTE_INTERPOLATE ? bmc_interpolate(c, at) : c->fill;
	if (c->value)
		out[0] = scaled(c, v);
	if (c->flag)
		out[c->width - 1] = missing;
}

/* The numbers of a category, as ordinal and target encodings make them; out is zeros. */
static void
put_key_number(float *out, const BmRowEncoder *e, const BmEncoderColumn *c, const double *table,
			   uint32_t category, bool missing)
{
	size_t stride = (size_t) c->ncategories + 2;
	size_t outputs = c->encode == BM_ENCODE_TARGET ? e->outputs : 1;

	for (size_t o = 0; o < outputs && c->value; o++)
	{
		double v = table[o * stride + category];

		missing = missing || isnan(v); /* a rank that is not known */
		out[o] = scaled(c, isnan(v) ? c->fill : v);
	}
	if (c->flag)
		out[c->width - 1] = missing;
}

static inline void
put_bucket(float *out, const BmEncoderColumn *c, uint64_t hash)
{
	out[hash % c->buckets] = hash >> 63 ? -1.0f : 1.0f;
}

/* A key's category (K other, K + 1 missing) of all encodings but hash; out is zeros. */
static inline void
put_category(float *out, uint32_t *code, const BmRowEncoder *e, const BmEncoderColumn *c,
			 const double *table, uint32_t category)
{
	bool missing = category > c->ncategories;

	if (missing)
		category = c->fill_category;
	switch (c->encode)
	{
	case BM_ENCODE_ONEHOT:
		if (c->value && category <= c->ncategories)
			out[category] = 1.0f;
		if (c->flag)
			out[c->width - 1] = missing;
		break;
	case BM_ENCODE_EMBED:
		if (code)
			*code = category;
		break;
	default:
		put_key_number(out, e, c, table, category, missing);
	}
}

static void
put_time(float *out, const BmEncoderColumn *c, int64_t time)
{
	bool missing = time == BM_TIME_MISSING;
	double part[BM_CYCLES];

	if (c->flag)
		out[c->width - 1] = missing;
	if (!c->value)
		return;
	if (!missing)
		bmc_time_parts(part, time);
	for (int p = 0; p < BM_CYCLES; p++)
	{
		if (!(c->parts >> p & 1))
			continue;
		*out++ = missing ? 0.0f : (float) sin(TWO_PI * part[p]);
		*out++ = missing ? 0.0f : (float) cos(TWO_PI * part[p]);
	}
	if (c->parts & BM_PART_TREND)
		*out = to_float(missing ? c->fill : ((double) time - c->center) * c->scale_by);
}

/* vector (dim), or NULL for a missing one. */
static void
put_vector(float *out, const BmEncoderColumn *c, const float *vector)
{
	const double *fill = c->table, *center = fill + c->dim, *scale_by = center + c->dim;

	if (c->flag)
		out[c->width - 1] = vector == NULL;
	if (!c->value)
		return;
	if (vector && c->scale == BM_SCALE_NONE)
	{
		memcpy(out, vector, c->dim * sizeof(float));
		return;
	}
	for (uint32_t d = 0; d < c->dim; d++)
	{
		double v = ((vector ? (double) vector[d] : fill[d]) - center[d]) * scale_by[d];

		if (c->scale == BM_SCALE_MINMAX)
			v = v < 0 ? 0 : v > 1 ? 1 : v;
		out[d] = to_float(v);
	}
}

/* ---- one row ---- */

static double
cell_position(const BmRowEncoder *e, const BmEncoderColumn *c, const BmCell *cell)
{
	const BmCell *by = &cell[c->by];

	if (c->impute != BM_IMPUTE_INTERPOLATE || by->missing)
		return NAN;
	return e->column[c->by].kind == BM_COLUMN_TIME ? (double) by->key : by->number;
}

static void
put_key_cell(float *out, uint32_t *code, const BmRowEncoder *e, const BmEncoderColumn *c,
			 const BmCell *cell)
{
	bool is_int = c->keys.view.kind == BM_KEY_INT;
	uint32_t category = c->ncategories + 1;

	if (c->encode == BM_ENCODE_HASH)
	{
		if (c->flag)
			out[c->width - 1] = cell->missing;
		if (c->value && !cell->missing)
			put_bucket(out, c,
					   is_int ? bmc_hash_int(cell->key) : bmc_hash_bytes(cell->bytes, cell->len));
		return;
	}
	if (!cell->missing)
	{
		category = is_int ? bmc_dict_find_int(&c->keys.view, cell->key)
						  : bmc_dict_find_bytes(&c->keys.view, cell->bytes, cell->len);
		category = category == BM_NONE ? c->ncategories : category;
	}
	put_category(out, code ? code + c->code : NULL, e, c, c->table, category);
}

void
bmc_encoder_row(float *x, uint32_t *code, const BmRowEncoder *e, const BmCell *cell)
{
	memset(x, 0, e->width * sizeof(float));
	for (size_t j = 0; j < e->ncolumns; j++)
	{
		const BmEncoderColumn *c = &e->column[j];
		float *out = x + c->first;

		if (c->width == 0 && !(c->encode == BM_ENCODE_EMBED && c->value))
			continue;
		switch (c->encode)
		{
		case BM_ENCODE_NUMBER:
			put_number(out, c, cell[j].missing ? NAN : cell[j].number, cell_position(e, c, cell));
			break;
		case BM_ENCODE_TIME:
			put_time(out, c, cell[j].missing ? BM_TIME_MISSING : cell[j].key);
			break;
		case BM_ENCODE_VECTOR:
			put_vector(out, c, cell[j].missing ? NULL : cell[j].vector);
			break;
		default:
			put_key_cell(out, code, e, c, &cell[j]);
		}
	}
}

/* ---- the rows of a frame ---- */

typedef struct Applied
{
	float *x;
	uint32_t *code;
	const BmRowEncoder *e;
	const BmFrame *f;
	const uint32_t *rows;
	size_t n;
	bool fitted;
	uint32_t **category; /* (ncolumns) of keys: by the frame's code; of hash: bucket and sign */
} Applied;

static inline size_t
row_at(const Applied *a, size_t i)
{
	return a->rows ? a->rows[i] : i;
}

static double
frame_position(const Applied *a, const BmEncoderColumn *c, size_t row)
{
	const BmColumn *by = &a->f->column[c->by];

	if (c->impute != BM_IMPUTE_INTERPOLATE || bmc_missing(by, row))
		return NAN;
	return by->kind == BM_COLUMN_TIME ? (double) by->time[row] : by->number[row];
}

static void
apply_numbers(const Applied *a, size_t j, size_t from, size_t to)
{
	const BmEncoderColumn *c = &a->e->column[j];
	const BmColumn *in = &a->f->column[j];
	float *out = a->x + from * a->e->width + c->first;

	for (size_t i = from; i < to; i++, out += a->e->width)
	{
		size_t row = row_at(a, i);

		if (in->kind == BM_COLUMN_BOOL)
			put_number(out, c, in->boolean[row] == BM_BOOL_MISSING ? NAN : in->boolean[row],
					   frame_position(a, c, row));
		else if (isnan(in->number[row]))
			put_number(out, c, NAN, frame_position(a, c, row));
		else
			put_number(out, c, in->number[row], NAN);
	}
}

static void
apply_hash(const Applied *a, size_t j, size_t from, size_t to)
{
	const BmEncoderColumn *c = &a->e->column[j];
	const uint32_t *code = a->f->column[j].code, *bucket = a->category[j];
	float *out = a->x + from * a->e->width + c->first;

	for (size_t i = from; i < to; i++, out += a->e->width)
	{
		uint32_t k = code[row_at(a, i)];

		if (c->flag)
			out[c->width - 1] = k == BM_NONE;
		if (c->value && k != BM_NONE)
			out[bucket[k] >> 1] = bucket[k] & 1 ? -1.0f : 1.0f;
	}
}

static void
apply_categories(const Applied *a, size_t j, size_t from, size_t to)
{
	const BmRowEncoder *e = a->e;
	const BmEncoderColumn *c = &e->column[j];
	const uint32_t *code = a->f->column[j].code, *category = a->category[j];
	size_t fold_size = e->outputs * ((size_t) c->ncategories + 2);
	bool folds = a->fitted && c->out_of_fold;

	for (size_t i = from; i < to; i++)
	{
		size_t row = row_at(a, i);
		uint32_t k = code[row] == BM_NONE ? c->ncategories + 1 : category[code[row]];
		const double *table = folds ? c->out_of_fold + bmc_fold(e, row) * fold_size : c->table;

		put_category(a->x ? a->x + i * e->width + c->first : NULL,
					 a->code ? a->code + i * e->ncodes + c->code : NULL, e, c, table, k);
	}
}

static void
apply_others(const Applied *a, size_t j, size_t from, size_t to)
{
	const BmEncoderColumn *c = &a->e->column[j];
	const BmColumn *in = &a->f->column[j];
	float *out = a->x + from * a->e->width + c->first;

	for (size_t i = from; i < to; i++, out += a->e->width)
	{
		size_t row = row_at(a, i);

		if (c->encode == BM_ENCODE_TIME)
			put_time(out, c, in->time[row]);
		else
			put_vector(out, c, bmc_missing(in, row) ? NULL : in->vector + row * in->dim);
	}
}

/* BmTask: one block of rows. */
static void
apply_block(void *arg, size_t task, int worker)
{
	const Applied *a = arg;
	const BmRowEncoder *e = a->e;
	size_t from = task * BLOCK_ROWS, to = from + BLOCK_ROWS < a->n ? from + BLOCK_ROWS : a->n;

	if (a->x)
		memset(a->x + from * e->width, 0, (to - from) * e->width * sizeof(float));
	for (size_t j = 0; j < e->ncolumns; j++)
	{
		const BmEncoderColumn *c = &e->column[j];

		if (c->encode == BM_ENCODE_EMBED && c->value)
		{
			if (a->code)
				apply_categories(a, j, from, to);
		}
		else if (c->width == 0 || !a->x)
			continue;
		else if (c->encode == BM_ENCODE_NUMBER)
			apply_numbers(a, j, from, to);
		else if (c->encode == BM_ENCODE_HASH)
			apply_hash(a, j, from, to);
		else if (c->kind == BM_COLUMN_KEY)
			apply_categories(a, j, from, to);
		else
			apply_others(a, j, from, to);
	}
}

/* Are these columns those that the encoder was fitted on? A column of missing vectors has any length. */
static bool
same_columns(const BmRowEncoder *e, const BmFrame *f)
{
	if (e->ncolumns > f->ncolumns)
		return false;
	for (size_t j = 0; j < e->ncolumns; j++)
	{
		const BmEncoderColumn *c = &e->column[j];
		const BmColumn *in = &f->column[j];

		if (c->kind != in->kind || (c->dim != in->dim && in->missing < f->n && c->width > 0))
			return false;
		if (c->kind == BM_COLUMN_KEY && c->keys.view.kind != in->dict.view.kind)
			return false;
	}
	return true;
}

/* What each code of a frame's column becomes. */
static uint32_t *
map_codes(const BmEncoderColumn *c, const BmDictView *d, BmMem *mem)
{
	uint32_t *to = bmc_alloc(mem, (size_t) d->n + 1, sizeof(uint32_t));

	for (uint32_t k = 0; to && k < d->n; k++)
	{
		uint64_t hash;

		if (c->encode != BM_ENCODE_HASH)
		{
			to[k] = bmc_category(c, d, k);
			continue;
		}
		hash = d->kind == BM_KEY_INT ? bmc_hash_int(d->key[k])
									 : bmc_hash_bytes(d->blob + d->offset[k],
													  (size_t) (d->offset[k + 1] - d->offset[k]));
		to[k] = (uint32_t) (hash % c->buckets) << 1 | (uint32_t) (hash >> 63);
	}
	return to;
}

BmStatus
bmc_encoder_apply(float *x, uint32_t *code, const BmRowEncoder *e, const BmFrame *f,
				  const uint32_t *rows, size_t n, bool fitted, BmMem *mem, BmPool *pool,
				  const BmStop *stop)
{
	Applied a = {x, code, e, f, rows, n, fitted, NULL};
	BmStatus status = BM_OK;

	if (!same_columns(e, f) || (!rows && n > f->n))
		return BM_EINVAL;
	for (size_t j = 0; j < e->ncolumns; j++)
		if (f->column[j].nonfinite > 0 && !e->column[j].nonfinite &&
			e->column[j].dropped != BM_DROPPED_ASKED)
			return BM_ENOTFINITE;
	a.category = bmc_alloc0(mem, e->ncolumns + 1, sizeof(uint32_t *));
	if (!a.category)
		return BM_ENOMEM;
	for (size_t j = 0; status == BM_OK && j < e->ncolumns; j++)
		if (e->column[j].kind == BM_COLUMN_KEY && e->column[j].value)
		{
			a.category[j] = map_codes(&e->column[j], &f->column[j].dict.view, mem);
			status = a.category[j] ? BM_OK : BM_ENOMEM;
		}
	if (status == BM_OK)
		status = bmc_pool_run(pool, apply_block, &a, (n + BLOCK_ROWS - 1) / BLOCK_ROWS, stop);
	for (size_t j = 0; j < e->ncolumns; j++)
		bmc_free(mem, a.category[j]);
	bmc_free(mem, a.category);
	return status;
}
