/*
 * row_encoder.c
 *		What an encoder is made of: its columns, where their features lie, and what these are called.
 */
#include <stdio.h>
#include <string.h>

#include "core/stat/encoder_column.h"

#define DAY INT64_C(86400000000) /* microseconds */
#define EPOCH_WEEKDAY 5          /* 2000-01-01 was a Saturday; Monday is 0 */
#define DAYS_TO_2000 730425      /* from 0000-03-01 */
#define DAYS_IN_400_YEARS 146097

BmColumnSpec
bmc_column_spec(void)
{
	return (BmColumnSpec){.clip_low = 0.01,
						  .clip_high = 0.99,
						  .fence = 1.5, /* Tukey 1977 */
						  .min_count = 1,
						  .buckets = 64,
						  .smoothing = 10};
}

BmStatus
bmc_encoder_init(BmRowEncoder *e, size_t ncolumns, BmMem *mem)
{
	memset(e, 0, sizeof(*e));
	e->mem = mem;
	e->outputs = 1;
	e->column = bmc_alloc0(mem, ncolumns ? ncolumns : 1, sizeof(BmEncoderColumn));
	e->cardinality = bmc_alloc0(mem, ncolumns ? ncolumns : 1, sizeof(uint32_t));
	if (!e->column || !e->cardinality)
		return BM_ENOMEM;
	e->ncolumns = ncolumns;
	return BM_OK;
}

void
bmc_encoder_free(BmRowEncoder *e)
{
	for (size_t j = 0; j < e->ncolumns; j++)
	{
		BmEncoderColumn *c = &e->column[j];

		if (c->keys.mem)
			bmc_dict_free(&c->keys);
		bmc_free(e->mem, c->table);
		bmc_free(e->mem, c->out_of_fold);
	}
	if (e->mem)
	{
		bmc_free(e->mem, e->column);
		bmc_free(e->mem, e->cardinality);
		bmc_free(e->mem, e->stored);
	}
	memset(e, 0, sizeof(*e));
}

/* ---- where features lie ---- */

static size_t
width_of(const BmRowEncoder *e, const BmEncoderColumn *c)
{
	size_t width = 0;

	switch (c->encode)
	{
	case BM_ENCODE_AUTO:
	case BM_ENCODE_SKIP:
	case BM_ENCODE_EMBED:
		return 0;
	case BM_ENCODE_NUMBER:
	case BM_ENCODE_ORDINAL:
		width = 1;
		break;
	case BM_ENCODE_ONEHOT:
		width = (size_t) c->ncategories + 1;
		break;
	case BM_ENCODE_HASH:
		width = c->buckets;
		break;
	case BM_ENCODE_TARGET:
		width = e->outputs;
		break;
	case BM_ENCODE_TIME:
		width = (size_t) bmc_parts_width(c->parts);
		break;
	case BM_ENCODE_VECTOR:
		width = c->dim;
		break;
	}
	return (c->value ? width : 0) + (c->flag ? 1 : 0);
}

BmStatus
bmc_encoder_layout(BmRowEncoder *e)
{
	e->width = e->ncodes = 0;
	for (size_t j = 0; j < e->ncolumns; j++)
	{
		BmEncoderColumn *c = &e->column[j];

		c->first = e->width;
		c->width = width_of(e, c);
		c->code = e->ncodes;
		e->width += c->width;
		if (e->width > BM_MAX_FEATURES)
			return BM_ELIMIT;
		if (c->encode == BM_ENCODE_EMBED && c->value)
			e->cardinality[e->ncodes++] = c->ncategories + 2;
	}
	return BM_OK;
}

/* ---- what features are called ---- */

static void
category_name(char *name, size_t size, const BmEncoderColumn *c, uint32_t k)
{
	const BmDictView *d = &c->keys.view;

	if (k >= c->ncategories)
		snprintf(name, size, "%s other", c->name);
	else if (d->kind == BM_KEY_INT)
		snprintf(name, size, "%s=%lld", c->name, (long long) d->key[k]);
	else
		snprintf(name, size, "%s=%.*s", c->name, (int) (d->offset[k + 1] - d->offset[k]),
				 d->blob + d->offset[k]);
}

static void
part_name(char *name, size_t size, const BmEncoderColumn *c, size_t i)
{
	static const char *const part[] = {"hour", "weekday", "monthday", "month"};

	for (int p = 0; p < BM_CYCLES; p++)
	{
		if (!(c->parts >> p & 1))
			continue;
		if (i < 2)
		{
			snprintf(name, size, "%s %s %s", c->name, part[p], i == 0 ? "sin" : "cos");
			return;
		}
		i -= 2;
	}
	snprintf(name, size, "%s trend", c->name);
}

static void
feature_name(char *name, size_t size, const BmRowEncoder *e, const BmEncoderColumn *c, size_t i)
{
	if (c->flag && i + 1 == c->width)
		snprintf(name, size, "%s missing", c->name);
	else if (c->encode == BM_ENCODE_ONEHOT)
		category_name(name, size, c, (uint32_t) i);
	else if (c->encode == BM_ENCODE_HASH)
		snprintf(name, size, "%s hash %zu", c->name, i);
	else if (c->encode == BM_ENCODE_TIME)
		part_name(name, size, c, i);
	else if (c->encode == BM_ENCODE_VECTOR)
		snprintf(name, size, "%s[%zu]", c->name, i + 1);
	else if (c->encode == BM_ENCODE_TARGET && e->outputs > 1)
		snprintf(name, size, "%s mean of class %zu", c->name, i);
	else if (c->encode == BM_ENCODE_TARGET)
		snprintf(name, size, "%s mean", c->name);
	else if (c->encode == BM_ENCODE_ORDINAL)
		snprintf(name, size, "%s rank", c->name);
	else
		snprintf(name, size, "%s", c->name);
}

void
bmc_encoder_feature(const BmRowEncoder *e, size_t feature, char *name, size_t size, size_t *column)
{
	size_t j = 0;

	while (j + 1 < e->ncolumns && feature >= e->column[j].first + e->column[j].width)
		j++;
	if (column)
		*column = j;
	if (size > 0)
		feature_name(name, size, e, &e->column[j], feature - e->column[j].first);
}

/* ---- keys and times ---- */

uint64_t
bmc_hash_int(int64_t key)
{
	return bmc_mix64((uint64_t) key);
}

uint64_t
bmc_hash_bytes(const char *key, size_t len)
{
	uint64_t h = bmc_mix64((uint64_t) len);

	for (size_t i = 0; i < len; i += 8)
	{
		uint64_t word = 0;

		for (size_t b = 0; b < 8 && i + b < len; b++)
			word |= (uint64_t) (unsigned char) key[i + b] << 8 * b;
		h = bmc_mix64(h ^ word);
	}
	return h;
}

static inline int64_t
floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* Month (January = 0), day of it (from 0) and its length. Years begin in March here: leap days end them. */
static void
month_of(int64_t day, int *month, int *monthday, int *length)
{
	int64_t z = day + DAYS_TO_2000, era = floor_div(z, DAYS_IN_400_YEARS), year;
	int in_era = (int) (z - era * DAYS_IN_400_YEARS);
	int of_era = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	int in_year = in_era - (365 * of_era + of_era / 4 - of_era / 100), march, next;

	march = (5 * in_year + 2) / 153;
	*monthday = in_year - (153 * march + 2) / 5;
	next = (153 * (march + 1) + 2) / 5;
	*length = next - (153 * march + 2) / 5;
	*month = (march + 2) % 12;
	year = era * 400 + of_era + (march >= 10);
	if (*month == 1)
		*length = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
}

void
bmc_time_parts(double part[BM_CYCLES], int64_t time)
{
	int64_t day = floor_div(time, DAY);
	int month, monthday, length;

	month_of(day, &month, &monthday, &length);
	part[0] = (double) (time - day * DAY) / (double) DAY;
	part[1] = (double) (((day + EPOCH_WEEKDAY) % 7 + 7) % 7) / 7;
	part[2] = (double) monthday / length;
	part[3] = (double) month / 12;
}
