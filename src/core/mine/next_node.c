/*
 * next_node.c
 *		Rows with texts as fixed-size entries, and the row behind a run of rows. O(rows).
 */
#include "core/mine/next_node.h"

#define STOP_ENTRIES 0x10000U
#define CAN_BE_BASE (UINT64_C(1) << 63)
#define NO_TEXT (UINT64_C(1) << 62)

static size_t
length_of(const uint64_t *entry)
{
	return (size_t) (entry[3] >> 32) & BM_MAX_NODE_TEXT;
}

size_t
bmc_node_entries(size_t len)
{
	return len == 0 ? 1 : (len + BM_NODE_BYTES - 1) / BM_NODE_BYTES;
}

void
bmc_node_entry(uint64_t *entry, int64_t time, uint64_t conditions, bool can_be_base,
			   const char *text, size_t len, uint64_t hash, size_t i)
{
	entry[0] = (uint64_t) time;
	entry[1] = conditions;
	entry[2] = hash;
	entry[3] = (can_be_base ? CAN_BE_BASE : 0) | (text ? 0 : NO_TEXT) | (uint64_t) len << 32 | i;
	for (size_t w = 0; w < BM_NODE_BYTES / 8; w++)
	{
		uint64_t word = 0;

		for (size_t b = 0; b < 8 && i * BM_NODE_BYTES + w * 8 + b < len; b++)
			word |= (uint64_t) (unsigned char) text[i * BM_NODE_BYTES + w * 8 + b] << (8 * b);
		entry[4 + w] = word;
	}
}

/* Do two entries belong to one row, or to equal ones? */
static bool
alike(const uint64_t *a, const uint64_t *b)
{
	return a[0] == b[0] && a[1] == b[1] && a[2] == b[2] && a[3] >> 32 == b[3] >> 32;
}

/* The group of equal rows that begins at entry i: as many as it has first entries. */
static BmStatus
add_group(BmNodeRow *row, size_t *nrows, const uint64_t *entries, size_t i, size_t end)
{
	const uint64_t *first = entries + i * BM_NODE_WORDS;
	size_t need = bmc_node_entries(length_of(first)), copies = (end - i) / need;

	if (copies * need != end - i || copies > UINT32_MAX || ((first[3] & NO_TEXT) && need > 1))
		return BM_EINVAL;
	for (size_t e = i; e < end; e++)
		if ((entries[e * BM_NODE_WORDS + 3] & UINT32_MAX) != (e - i) / copies)
			return BM_EINVAL;
	for (size_t c = 0; c < copies; c++)
	{
		BmNodeRow *r = &row[(*nrows)++];

		r->entry = i + c;
		r->stride = (uint32_t) copies;
		r->can_be_base = (first[3] & CAN_BE_BASE) != 0;
	}
	return BM_OK;
}

BmStatus
bmc_node_rows(BmNodeRow **row, size_t *nrows, const uint64_t *entries, size_t n, BmMem *mem,
			  const BmStop *stop)
{
	size_t asked = 0;
	BmStatus status = BM_OK;

	*nrows = 0;
	*row = bmc_alloc(mem, n, sizeof(BmNodeRow)); /* at most one row an entry */
	if (*row == NULL)
		return BM_ENOMEM;
	for (size_t i = 0, end; i < n && status == BM_OK; i = end)
	{
		for (end = i + 1; end < n; end++)
			if (!alike(entries + i * BM_NODE_WORDS, entries + end * BM_NODE_WORDS))
				break;
		status = add_group(*row, nrows, entries, i, end);
		if (end - asked >= STOP_ENTRIES && status == BM_OK)
		{
			asked = end;
			status = bmc_stop(stop) ? BM_ESTOP : BM_OK;
		}
	}
	if (status != BM_OK)
	{
		bmc_free(mem, *row);
		*row = NULL;
	}
	return status;
}

static bool
holds(const uint64_t *entries, const BmNodeRow *row, int condition)
{
	return !(entries[row->entry * BM_NODE_WORDS + 1] & bmc_condition_bit(condition));
}

/* The row from which the run is to begin; nrows if there is none. */
static size_t
find_base(const BmNodeQuestion *q, const uint64_t *entries, const BmNodeRow *row, size_t nrows)
{
	switch (q->base)
	{
	case BM_NODE_HEAD:
		return nrows > 0 && row[0].can_be_base ? 0 : nrows;
	case BM_NODE_TAIL:
		return nrows > 0 && row[nrows - 1].can_be_base ? nrows - 1 : nrows;
	case BM_NODE_FIRST_MATCH:
		for (size_t i = 0; i < nrows; i++)
			if (row[i].can_be_base && holds(entries, &row[i], 0))
				return i;
		break;
	case BM_NODE_LAST_MATCH:
		for (size_t i = nrows; i-- > 0;)
			if (row[i].can_be_base && holds(entries, &row[i], 0))
				return i;
		break;
	}
	return nrows;
}

size_t
bmc_next_node(const BmNodeQuestion *q, const uint64_t *entries, const BmNodeRow *row, size_t nrows)
{
	size_t at = find_base(q, entries, row, nrows);

	for (int c = 0; c < q->n; c++)
	{
		if (at >= nrows || !holds(entries, &row[at], c))
			return nrows;
		/* before the first row: wraps around, beyond nrows */
		at = q->direction == BM_NODE_FORWARD ? at + 1 : at - 1;
	}
	return at < nrows ? at : nrows;
}

/* Rows *from .. *to-1 can still matter. A first base can only become an earlier row, a last one a later. */
static void
keep_rows(size_t *from, size_t *to, const BmNodeQuestion *q, const uint64_t *entries,
		  const BmNodeRow *row, size_t nrows)
{
	bool forward = q->direction == BM_NODE_FORWARD;
	size_t reach = (size_t) q->n, base = find_base(q, entries, row, nrows);

	*from = 0;
	*to = nrows;
	/* head and tail are where they are, whether they can be a base or not */
	if (q->base == BM_NODE_HEAD)
		base = 0;
	if (q->base == BM_NODE_TAIL)
		base = nrows - 1;
	if (base == nrows)
		return;
	if (q->base == BM_NODE_HEAD || q->base == BM_NODE_FIRST_MATCH)
		*to = base + 1 + (forward ? reach : 0);
	else if (forward)
		*from = base;
	else
		*from = base < reach ? 0 : base - reach;
	*to = *to < nrows ? *to : nrows;
}

void
bmc_node_keep(size_t *from, size_t *to, const BmNodeQuestion *q, const uint64_t *entries, size_t n,
			  const BmNodeRow *row, size_t nrows)
{
	size_t first, end;

	*from = *to = 0;
	if (nrows == 0)
		return;
	keep_rows(&first, &end, q, entries, row, nrows);
	/* equal rows are mixed: all of them or none */
	*from = row[first].entry;
	while (*from > 0 &&
		   alike(entries + (*from - 1) * BM_NODE_WORDS, entries + *from * BM_NODE_WORDS))
		--*from;
	*to = row[end - 1].entry + 1;
	while (*to < n && alike(entries + (*to - 1) * BM_NODE_WORDS, entries + *to * BM_NODE_WORDS))
		++*to;
}

size_t
bmc_node_text_length(const uint64_t *entries, const BmNodeRow *row)
{
	const uint64_t *first = entries + row->entry * BM_NODE_WORDS;

	return first[3] & NO_TEXT ? SIZE_MAX : length_of(first);
}

void
bmc_node_text(char *text, const uint64_t *entries, const BmNodeRow *row)
{
	size_t len = length_of(entries + row->entry * BM_NODE_WORDS);

	for (size_t i = 0; i < len; i++)
	{
		size_t chunk = row->entry + i / BM_NODE_BYTES * row->stride;

		text[i] =
			(char) (entries[chunk * BM_NODE_WORDS + 4 + i % BM_NODE_BYTES / 8] >> (8 * (i % 8)));
	}
}
