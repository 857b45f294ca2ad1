/*
 * encoder_store.c
 *		An encoder to tensors and back, bit for bit. What comes back may have been written by anybody.
 */
#include <string.h>

#include "core/stat/encoder_column.h"

#define FORMAT 1
#define HEAD_WORDS 8
#define COLUMN_WORDS 24
#define COLUMN_NUMBERS 8

enum /* of "encoder" */
{
	HEAD_FORMAT,
	HEAD_WIDTH,
	HEAD_CODES,
	HEAD_OUTPUTS
};

enum /* of "column" */
{
	KIND,
	DIM,
	ENCODE,
	IMPUTE,
	SCALE,
	CLIP,
	DROPPED,
	VALUE,
	FLAG,
	NONFINITE,
	BY,
	PARTS,
	BUCKETS,
	FILL_CATEGORY,
	CATEGORIES,
	TABLE,
	KNOTS,
	KEY_KIND
};

enum /* of "number" */
{
	FILL,
	LOW,
	HIGH,
	CENTER,
	SCALE_BY,
	SEEN,
	MISSING,
	DISTINCT
};

static void
put64(int32_t *to, const void *value)
{
	uint64_t bits;

	memcpy(&bits, value, sizeof(bits));
	to[0] = (int32_t) (uint32_t) bits;
	to[1] = (int32_t) (uint32_t) (bits >> 32);
}

static uint64_t
bits_at(const int32_t *from)
{
	return (uint32_t) from[0] | (uint64_t) (uint32_t) from[1] << 32;
}

static double
double_at(const int32_t *from)
{
	uint64_t bits = bits_at(from);
	double v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

/* ---- to tensors ---- */

/* What all columns together hold. */
typedef struct Sizes
{
	size_t table, keys, bytes;
} Sizes;

static Sizes
sizes_of(const BmRowEncoder *e)
{
	Sizes s = {0, 0, 0};

	for (size_t j = 0; j < e->ncolumns; j++)
	{
		const BmEncoderColumn *c = &e->column[j];

		s.table += c->ntable;
		s.keys += c->ncategories;
		if (c->ncategories > 0 && c->keys.view.kind == BM_KEY_BYTES)
			s.bytes += (size_t) c->keys.view.offset[c->ncategories];
	}
	return s;
}

static void
store_column(int32_t *word, int32_t *number, const BmEncoderColumn *c)
{
	int64_t count[3] = {(int64_t) c->seen, (int64_t) c->missing, (int64_t) c->distinct};

	word[KIND] = c->kind;
	word[DIM] = (int32_t) c->dim;
	word[ENCODE] = c->encode;
	word[IMPUTE] = c->impute;
	word[SCALE] = c->scale;
	word[CLIP] = c->clip;
	word[DROPPED] = c->dropped;
	word[VALUE] = c->value;
	word[FLAG] = c->flag;
	word[NONFINITE] = c->nonfinite;
	word[BY] = (int32_t) c->by;
	word[PARTS] = (int32_t) c->parts;
	word[BUCKETS] = (int32_t) c->buckets;
	word[FILL_CATEGORY] = (int32_t) c->fill_category;
	word[CATEGORIES] = (int32_t) c->ncategories;
	word[TABLE] = (int32_t) c->ntable;
	word[KNOTS] = (int32_t) c->nknots;
	word[KEY_KIND] = c->kind == BM_COLUMN_KEY ? c->keys.view.kind : 0;
	put64(number + 2 * FILL, &c->fill);
	put64(number + 2 * LOW, &c->low);
	put64(number + 2 * HIGH, &c->high);
	put64(number + 2 * CENTER, &c->center);
	put64(number + 2 * SCALE_BY, &c->scale_by);
	put64(number + 2 * SEEN, &count[0]);
	put64(number + 2 * MISSING, &count[1]);
	put64(number + 2 * DISTINCT, &count[2]);
}

static void
store_keys(int32_t *key, int32_t *blob, size_t *byte, const BmEncoderColumn *c)
{
	const BmDictView *d = &c->keys.view;

	for (uint32_t k = 0; k < c->ncategories; k++)
	{
		uint64_t end;

		if (d->kind == BM_KEY_INT)
		{
			put64(key + 2 * k, &d->key[k]);
			continue;
		}
		for (uint64_t b = d->offset[k]; b < d->offset[k + 1]; b++, (*byte)++)
		{
			uint32_t word = (uint32_t) blob[*byte / 4];

			word |= (uint32_t) (unsigned char) d->blob[b] << 8 * (*byte % 4);
			blob[*byte / 4] = (int32_t) word;
		}
		end = *byte;
		put64(key + 2 * k, &end);
	}
}

BmStatus
bmc_encoder_tensors(BmRowEncoder *e, const char *prefix, BmTensors *out)
{
	Sizes s = sizes_of(e);
	size_t tables = s.table ? s.table : 1, keys = s.keys ? s.keys : 1, words = s.bytes / 4 + 1;
	size_t shape[5][3] = {{HEAD_WORDS},
						  {e->ncolumns, COLUMN_WORDS},
						  {e->ncolumns, COLUMN_NUMBERS, 2},
						  {tables, 2},
						  {keys, 2}};
	size_t total = HEAD_WORDS + e->ncolumns * (COLUMN_WORDS + 2 * COLUMN_NUMBERS) + 2 * tables +
				   2 * keys + words;
	int32_t *head, *column, *number, *table, *key, *blob, *next_table, *next_key;
	size_t byte = 0;

	bmc_free(e->mem, e->stored);
	e->stored = head = bmc_alloc0(e->mem, total, sizeof(int32_t));
	if (!head)
		return BM_ENOMEM;
	column = head + HEAD_WORDS;
	number = column + e->ncolumns * COLUMN_WORDS;
	next_table = table = number + e->ncolumns * 2 * COLUMN_NUMBERS;
	next_key = key = table + 2 * tables;
	blob = key + 2 * keys;
	head[HEAD_FORMAT] = FORMAT;
	head[HEAD_WIDTH] = (int32_t) e->width;
	head[HEAD_CODES] = (int32_t) e->ncodes;
	head[HEAD_OUTPUTS] = (int32_t) e->outputs;
	for (size_t j = 0; j < e->ncolumns; j++)
	{
		const BmEncoderColumn *c = &e->column[j];

		store_column(column + j * COLUMN_WORDS, number + j * 2 * COLUMN_NUMBERS, c);
		for (size_t i = 0; i < c->ntable; i++, next_table += 2)
			put64(next_table, &c->table[i]);
		store_keys(next_key, blob, &byte, c);
		next_key += 2 * (size_t) c->ncategories;
	}
	return bmc_tensors_add(out, prefix, "encoder", BM_I32, head, 1, shape[0]) &&
				   bmc_tensors_add(out, prefix, "column", BM_I32, column, 2, shape[1]) &&
				   bmc_tensors_add(out, prefix, "number", BM_I32, number, 3, shape[2]) &&
				   bmc_tensors_add(out, prefix, "table", BM_I32, table, 2, shape[3]) &&
				   bmc_tensors_add(out, prefix, "key", BM_I32, key, 2, shape[4]) &&
				   bmc_tensors_add(out, prefix, "blob", BM_I32, blob, 1, &words)
			   ? BM_OK
			   : BM_ELIMIT;
}

/* ---- back ---- */

static const char no_memory[] = "out of memory";

/* What is still to be read of the ragged tensors. */
typedef struct Rest
{
	const int32_t *table, *key, *blob;
	size_t tables, keys, bytes, byte;
} Rest;

static bool
within(int32_t v, int32_t lo, int32_t hi)
{
	return v >= lo && v <= hi;
}

static bool
encode_fits(const BmEncoderColumn *c)
{
	switch (c->kind)
	{
	case BM_COLUMN_NUMBER:
	case BM_COLUMN_BOOL:
		return c->encode == BM_ENCODE_NUMBER;
	case BM_COLUMN_KEY:
		return c->encode >= BM_ENCODE_ONEHOT && c->encode <= BM_ENCODE_EMBED;
	case BM_COLUMN_TIME:
		return c->encode == BM_ENCODE_TIME;
	case BM_COLUMN_VECTOR:
		break;
	}
	return c->encode == BM_ENCODE_VECTOR;
}

/* Numbers that the table of a column must have. */
static size_t
table_size(const BmRowEncoder *e, const BmEncoderColumn *c)
{
	if (c->encode == BM_ENCODE_VECTOR)
		return 3 * (size_t) c->dim;
	if (bmc_is_key_number(c) && c->value)
		return (c->encode == BM_ENCODE_TARGET ? e->outputs : 1) * ((size_t) c->ncategories + 2);
	return 2 * c->nknots;
}

static const char *
read_column(BmEncoderColumn *c, const BmRowEncoder *e, const int32_t *word, const int32_t *number)
{
	if (!within(word[KIND], BM_COLUMN_NUMBER, BM_COLUMN_VECTOR) ||
		!within(word[DIM], 1, BM_MAX_DIM) ||
		!within(word[ENCODE], BM_ENCODE_SKIP, BM_ENCODE_VECTOR) ||
		!within(word[IMPUTE], BM_IMPUTE_AUTO, BM_IMPUTE_INTERPOLATE) ||
		!within(word[SCALE], BM_SCALE_AUTO, BM_SCALE_ROBUST) ||
		!within(word[CLIP], BM_CLIP_NONE, BM_CLIP_IQR) ||
		!within(word[DROPPED], BM_KEPT, BM_DROPPED_EMPTY) || !within(word[VALUE], 0, 1) ||
		!within(word[FLAG], 0, 1) || !within(word[NONFINITE], 0, 1) ||
		!within(word[BY], 0, (int32_t) e->ncolumns - 1) || !within(word[PARTS], 0, BM_PART_ALL) ||
		!within(word[BUCKETS], 1, BM_MAX_BUCKETS) ||
		!within(word[CATEGORIES], 0, BM_MAX_CATEGORIES) ||
		!within(word[FILL_CATEGORY], 0, word[CATEGORIES] + 1) ||
		!within(word[TABLE], 0, INT32_MAX) || !within(word[KNOTS], 0, BM_MAX_KNOTS))
		return "a field of a column is out of range";
	c->kind = (BmColumnKind) word[KIND];
	c->dim = (uint32_t) word[DIM];
	c->encode = (BmEncode) word[ENCODE];
	c->impute = (BmImpute) word[IMPUTE];
	c->scale = (BmScale) word[SCALE];
	c->clip = (BmClip) word[CLIP];
	c->dropped = (BmDropped) word[DROPPED];
	c->value = word[VALUE];
	c->flag = word[FLAG];
	c->nonfinite = word[NONFINITE];
	c->by = (size_t) word[BY];
	c->parts = (uint32_t) word[PARTS];
	c->buckets = (uint32_t) word[BUCKETS];
	c->fill_category = (uint32_t) word[FILL_CATEGORY];
	c->ncategories = (uint32_t) word[CATEGORIES];
	c->ntable = (size_t) word[TABLE];
	c->nknots = (size_t) word[KNOTS];
	c->fill = double_at(number + 2 * FILL);
	c->low = double_at(number + 2 * LOW);
	c->high = double_at(number + 2 * HIGH);
	c->center = double_at(number + 2 * CENTER);
	c->scale_by = double_at(number + 2 * SCALE_BY);
	c->seen = (size_t) bits_at(number + 2 * SEEN);
	c->missing = (size_t) bits_at(number + 2 * MISSING);
	c->distinct = (size_t) bits_at(number + 2 * DISTINCT);
	if (!isfinite(c->fill) || isnan(c->low) || isnan(c->high) || c->low > c->high ||
		!isfinite(c->center) || !isfinite(c->scale_by))
		return "a number of a column is not finite";
	return NULL;
}

static const char *
check_column(const BmRowEncoder *e, const BmEncoderColumn *c, int32_t key_kind)
{
	bool numbers = c->kind == BM_COLUMN_NUMBER || c->kind == BM_COLUMN_BOOL;
	BmColumnKind by = e->column[c->by].kind;

	if (c->encode == BM_ENCODE_SKIP)
		return c->value || c->flag || c->ntable || c->ncategories || c->nknots
				   ? "a column without features has some"
				   : NULL;
	if (!encode_fits(c))
		return "the encoding of a column does not fit its kind";
	if ((c->kind == BM_COLUMN_KEY) != (key_kind == BM_KEY_INT || key_kind == BM_KEY_BYTES) ||
		(c->kind != BM_COLUMN_KEY && c->ncategories > 0))
		return "the keys of a column do not fit its kind";
	if (c->ntable != table_size(e, c) || (c->nknots > 0 && !numbers))
		return "the table of a column has a wrong size";
	if (c->impute == BM_IMPUTE_INTERPOLATE &&
		(!numbers || c->nknots == 0 || (by != BM_COLUMN_NUMBER && by != BM_COLUMN_TIME)))
		return "an interpolation has no line or no column to go along";
	return NULL;
}

static const char *
read_table(BmEncoderColumn *c, Rest *rest, BmMem *mem)
{
	bool ranks = c->encode == BM_ENCODE_ORDINAL;

	if (c->ntable > rest->tables)
		return "the tables are too short";
	if (c->ntable == 0)
		return NULL;
	c->table = bmc_alloc(mem, c->ntable, sizeof(double));
	if (!c->table)
		return no_memory;
	for (size_t i = 0; i < c->ntable; i++)
	{
		c->table[i] = double_at(rest->table + 2 * i);
		if (!isfinite(c->table[i]) && !(ranks && isnan(c->table[i])))
			return "a number of a table is not finite";
		if (i > 0 && i < c->nknots && !(c->table[i] > c->table[i - 1]))
			return "the positions of an interpolation do not rise";
	}
	rest->table += 2 * c->ntable;
	rest->tables -= c->ntable;
	return NULL;
}

/* The bytes of one key, out of the packed words, into the dictionary. */
static BmStatus
put_bytes(BmDict *d, const Rest *rest, size_t end, uint32_t *code, BmMem *mem)
{
	size_t len = end - rest->byte;
	char *key = bmc_alloc(mem, len + 1, 1);
	BmStatus status;

	if (!key)
		return BM_ENOMEM;
	for (size_t b = 0; b < len; b++)
	{
		size_t at = rest->byte + b;

		key[b] = (char) ((uint32_t) rest->blob[at / 4] >> 8 * (at % 4));
	}
	status = bmc_dict_put_bytes(d, key, len, code);
	bmc_free(mem, key);
	return status;
}

static const char *
read_keys(BmEncoderColumn *c, Rest *rest, int32_t key_kind, BmMem *mem)
{
	if (c->kind != BM_COLUMN_KEY)
		return NULL;
	if (c->ncategories > rest->keys)
		return "the keys are too few";
	/* a column that was left out has none */
	if (bmc_dict_init(&c->keys, key_kind == BM_KEY_INT ? BM_KEY_INT : BM_KEY_BYTES, mem) != BM_OK)
		return no_memory;
	for (uint32_t k = 0; k < c->ncategories; k++, rest->key += 2)
	{
		uint64_t bits = bits_at(rest->key);
		uint32_t code;
		BmStatus status;

		if (key_kind == BM_KEY_INT)
			status = bmc_dict_put_int(&c->keys, (int64_t) bits, &code);
		else if (bits < rest->byte || bits > rest->bytes)
			return "a key ends outside of the keys";
		else
		{
			status = put_bytes(&c->keys, rest, (size_t) bits, &code, mem);
			rest->byte = (size_t) bits;
		}
		if (status != BM_OK)
			return no_memory;
		if (code != k)
			return "a key occurs twice";
	}
	rest->keys -= c->ncategories;
	return NULL;
}

static const char *
read_columns(BmRowEncoder *e, const int32_t *column, const int32_t *number, Rest *rest, BmMem *mem)
{
	const char *wrong = NULL;

	for (size_t j = 0; !wrong && j < e->ncolumns; j++)
		wrong = read_column(&e->column[j], e, column + j * COLUMN_WORDS,
							number + j * 2 * COLUMN_NUMBERS);
	for (size_t j = 0; !wrong && j < e->ncolumns; j++)
	{
		BmEncoderColumn *c = &e->column[j];
		int32_t key_kind = column[j * COLUMN_WORDS + KEY_KIND];

		wrong = check_column(e, c, key_kind);
		if (!wrong)
			wrong = read_table(c, rest, mem);
		if (!wrong)
			wrong = read_keys(c, rest, key_kind, mem);
	}
	return wrong;
}

const char *
bmc_encoder_bind(BmRowEncoder *e, const BmTensors *t, const char *prefix, BmMem *mem)
{
	static const size_t head_shape[] = {HEAD_WORDS}, column_shape[] = {0, COLUMN_WORDS},
						number_shape[] = {0, COLUMN_NUMBERS, 2}, pair_shape[] = {0, 2},
						any_shape[] = {0};
	const BmTensor *head, *column, *number, *table, *key, *blob;
	const int32_t *h;
	const char *wrong;
	Rest rest;

	memset(e, 0, sizeof(*e));
	head = bmc_tensors_find(t, prefix, "encoder", BM_I32, 1, head_shape);
	column = bmc_tensors_find(t, prefix, "column", BM_I32, 2, column_shape);
	number = bmc_tensors_find(t, prefix, "number", BM_I32, 3, number_shape);
	table = bmc_tensors_find(t, prefix, "table", BM_I32, 2, pair_shape);
	key = bmc_tensors_find(t, prefix, "key", BM_I32, 2, pair_shape);
	blob = bmc_tensors_find(t, prefix, "blob", BM_I32, 1, any_shape);
	if (!head || !column || !number || !table || !key || !blob)
		return "a part of the encoder is missing or has a wrong shape";
	h = head->data;
	if (h[HEAD_FORMAT] != FORMAT)
		return "the encoder comes from a newer version";
	if (column->shape[0] < 1 || column->shape[0] > BM_MAX_FEATURES ||
		number->shape[0] != column->shape[0] || h[HEAD_OUTPUTS] < 1 ||
		h[HEAD_OUTPUTS] > BM_MAX_FEATURES)
		return "its parts do not fit each other";
	if (bmc_encoder_init(e, column->shape[0], mem) != BM_OK)
		return no_memory;
	e->outputs = (size_t) h[HEAD_OUTPUTS];
	rest = (Rest){table->data,
				  key->data,
				  blob->data,
				  table->shape[0],
				  key->shape[0],
				  bmc_mul(blob->shape[0], 4),
				  0};
	wrong = read_columns(e, column->data, number->data, &rest, mem);
	if (wrong)
		return wrong;
	if (bmc_encoder_layout(e) != BM_OK || (int64_t) e->width != h[HEAD_WIDTH] ||
		(int64_t) e->ncodes != h[HEAD_CODES])
		return "its features do not add up";
	return NULL;
}
