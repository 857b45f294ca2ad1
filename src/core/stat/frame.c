/*
 * frame.c
 *		Columns of rows: growing them, and bringing them into an order that only their content decides.
 */
#include <string.h>

#include "core/num/rng.h"
#include "core/num/sort.h"
#include "core/stat/frame.h"

#define FIRST_ROWS 64
#define BLOCK_ROWS 65536 /* between two polls of stop */

/* The array of a column, and the bytes of a row in it. */
static void **
cells(BmColumn *c, size_t *size)
{
	switch (c->kind)
	{
	case BM_COLUMN_NUMBER:
		*size = sizeof(double);
		return (void **) &c->number;
	case BM_COLUMN_BOOL:
		*size = 1;
		return (void **) &c->boolean;
	case BM_COLUMN_KEY:
		*size = sizeof(uint32_t);
		return (void **) &c->code;
	case BM_COLUMN_TIME:
		*size = sizeof(int64_t);
		return (void **) &c->time;
	case BM_COLUMN_VECTOR:
		break;
	}
	*size = c->dim * sizeof(float);
	return (void **) &c->vector;
}

BmStatus
bmc_frame_init(BmFrame *f, BmColumn *column, size_t ncolumns, const bool *key_int, BmMem *mem)
{
	memset(f, 0, sizeof(*f));
	f->column = column;
	f->mem = mem;
	for (size_t j = 0; j < ncolumns; j++)
	{
		BmColumn *c = &column[j];
		BmKeyKind kind = key_int && key_int[j] ? BM_KEY_INT : BM_KEY_BYTES;

		f->ncolumns = j + 1; /* what a free has to look at */
		c->dim = c->kind == BM_COLUMN_VECTOR ? c->dim : 1;
		c->missing = c->nonfinite = 0;
		c->number = NULL;
		c->boolean = NULL;
		c->code = NULL;
		c->time = NULL;
		c->vector = NULL;
		memset(&c->dict, 0, sizeof(c->dict));
		if (c->kind == BM_COLUMN_KEY && bmc_dict_init(&c->dict, kind, mem) != BM_OK)
			return BM_ENOMEM;
	}
	return BM_OK;
}

BmStatus
bmc_frame_grow(BmFrame *f, size_t rows)
{
	size_t need = bmc_add(f->n, rows), capacity = f->capacity + f->capacity / 2;

	if (need >= UINT32_MAX)
		return BM_ELIMIT;
	if (need <= f->capacity)
		return BM_OK;
	capacity = capacity < need ? need : capacity;
	capacity = capacity < FIRST_ROWS ? FIRST_ROWS : capacity;
	for (size_t j = 0; j < f->ncolumns; j++)
	{
		size_t size;
		void **at = cells(&f->column[j], &size), *grown;

		if (size == 0)
			continue; /* a vector whose length is not known yet */
		grown = bmc_realloc(f->mem, *at, capacity, size);
		if (!grown)
			return BM_ENOMEM;
		*at = grown;
	}
	f->capacity = capacity;
	return BM_OK;
}

BmStatus
bmc_frame_dim(BmFrame *f, BmColumn *c, uint32_t dim)
{
	size_t rows = f->capacity ? f->capacity : 1;

	c->vector = bmc_alloc0(f->mem, bmc_mul(rows, dim), sizeof(float));
	if (!c->vector)
		return BM_ENOMEM;
	c->dim = dim;
	for (size_t i = 0; i < f->n; i++)
		c->vector[i * dim] = NAN;
	return BM_OK;
}

/* ---- canonical order ---- */

static BmStatus
order_keys(BmFrame *f, BmColumn *c, const BmStop *stop)
{
	size_t codes = c->dict.view.n;
	uint32_t *count = bmc_alloc0(f->mem, codes + 1, sizeof(uint32_t));
	uint32_t *new_code = bmc_alloc(f->mem, codes + 1, sizeof(uint32_t));
	bool *keep = bmc_alloc0(f->mem, codes + 1, sizeof(bool));
	BmStatus status = count && new_code && keep ? BM_OK : BM_ENOMEM;

	if (status == BM_OK)
	{
		for (size_t i = 0; i < f->n; i++)
			if (c->code[i] != BM_NONE)
				count[c->code[i]]++;
		status = bmc_stop(stop) ? BM_ESTOP : BM_OK;
		for (size_t k = 0; k < codes; k++)
			keep[k] = count[k] > 0;
		if (status == BM_OK)
			status = bmc_dict_order(&c->dict, count, keep, new_code);
	}
	if (status == BM_OK)
		for (size_t i = 0; i < f->n; i++)
			if (c->code[i] != BM_NONE)
				c->code[i] = new_code[c->code[i]];
	bmc_free(f->mem, count);
	bmc_free(f->mem, new_code);
	bmc_free(f->mem, keep);
	return status;
}

static uint64_t
double_bits(double v)
{
	uint64_t bits;

	v = isnan(v) ? NAN : v;
	memcpy(&bits, &v, sizeof(bits));
	return bits;
}

/* Mix what rows from..to-1 of a column hold into hash. */
static void
mix_column(uint64_t *hash, const BmColumn *c, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
	{
		uint64_t word = 0;

		switch (c->kind)
		{
		case BM_COLUMN_NUMBER:
			word = double_bits(c->number[i]);
			break;
		case BM_COLUMN_BOOL:
			word = c->boolean[i];
			break;
		case BM_COLUMN_KEY:
			word = c->code[i];
			break;
		case BM_COLUMN_TIME:
			word = (uint64_t) c->time[i];
			break;
		case BM_COLUMN_VECTOR:
			for (uint32_t d = 0; d < c->dim; d++)
				word = bmc_mix64(word ^ double_bits(c->vector[i * c->dim + d]));
			break;
		}
		hash[i] = bmc_mix64(hash[i] ^ word);
	}
}

static BmStatus
hash_rows(uint64_t *hash, const BmFrame *f, const BmStop *stop)
{
	memset(hash, 0, f->n * sizeof(uint64_t));
	for (size_t from = 0; from < f->n; from += BLOCK_ROWS)
	{
		size_t to = from + BLOCK_ROWS < f->n ? from + BLOCK_ROWS : f->n;

		for (size_t j = 0; j < f->ncolumns; j++)
			mix_column(hash, &f->column[j], from, to);
		if (bmc_stop(stop))
			return BM_ESTOP;
	}
	return BM_OK;
}

/* Row i of the column becomes the one that was row order[i]. */
static BmStatus
permute_column(BmFrame *f, BmColumn *c, const uint32_t *order, const BmStop *stop)
{
	size_t size;
	void **at = cells(c, &size);
	char *from = *at, *to;
	bool stopped = false;

	if (size == 0)
		return BM_OK;
	to = bmc_alloc(f->mem, f->capacity, size);
	if (!to)
		return BM_ENOMEM;
	for (size_t i = 0; i < f->n && !stopped; i++)
	{
		switch (size)
		{
		case 8:
			memcpy(to + i * 8, from + order[i] * (size_t) 8, 8);
			break;
		case 4:
			memcpy(to + i * 4, from + order[i] * (size_t) 4, 4);
			break;
		default:
			memcpy(to + i * size, from + order[i] * size, size);
		}
		stopped = i % BLOCK_ROWS == 0 && bmc_stop(stop);
	}
	bmc_free(f->mem, from);
	*at = to;
	return stopped ? BM_ESTOP : BM_OK;
}

static BmStatus
order_rows(BmFrame *f, const BmStop *stop)
{
	uint64_t *hash = bmc_alloc(f->mem, f->n + 1, sizeof(uint64_t));
	uint32_t *order = bmc_alloc(f->mem, f->n + 1, sizeof(uint32_t));
	BmStatus status = hash && order ? hash_rows(hash, f, stop) : BM_ENOMEM;

	if (status == BM_OK)
	{
		for (size_t i = 0; i < f->n; i++)
			order[i] = (uint32_t) i;
		status = bmc_sort_u64_until(hash, order, f->n, f->mem, stop);
	}
	bmc_free(f->mem, hash);
	for (size_t j = 0; status == BM_OK && j < f->ncolumns; j++)
		status = permute_column(f, &f->column[j], order, stop);
	bmc_free(f->mem, order);
	return status;
}

BmStatus
bmc_frame_canonical(BmFrame *f, bool rows, const BmStop *stop)
{
	for (size_t j = 0; j < f->ncolumns; j++)
	{
		BmStatus status =
			f->column[j].kind == BM_COLUMN_KEY ? order_keys(f, &f->column[j], stop) : BM_OK;

		if (status == BM_OK && bmc_stop(stop))
			status = BM_ESTOP;
		if (status != BM_OK)
			return status;
	}
	return rows && f->n > 1 ? order_rows(f, stop) : BM_OK;
}

void
bmc_frame_free(BmFrame *f)
{
	for (size_t j = 0; j < f->ncolumns; j++)
	{
		size_t size;
		void **at = cells(&f->column[j], &size);

		bmc_free(f->mem, *at);
		*at = NULL;
		if (f->column[j].kind == BM_COLUMN_KEY)
			bmc_dict_free(&f->column[j].dict);
	}
	f->n = f->capacity = 0;
}
