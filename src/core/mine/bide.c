/*
 * bide.c
 *		Is a pattern closed from the left? BIDE (Wang and Han 2004), one item an element.
 *
 * An item x fits before p_g in a sequence when it occurs in the g-th maximum period: after the first
 * occurrence of p_0 .. p_(g-1) and before the last occurrence of p_g .. p_(n-1). If one x does in every
 * sequence that contains the pattern, the longer pattern has the same support. The semi-maximum period
 * ends already at the last p_g within the first occurrence of the whole pattern; an x there goes with
 * every extension of the pattern, too, so the whole subtree is not closed (BackScan). Candidates
 * come from one sequence and are struck off by the others; two or three usually leave none.
 */
#include <string.h>

#include "core/mine/bide.h"

BmStatus
bmc_bide_init(BmBide *b, const BmPatternDb *db, BmMem *mem)
{
	memset(b, 0, sizeof(*b));
	b->db = db;
	b->mem = mem;
	b->stamp = bmc_alloc0(mem, db->nitems, sizeof(uint32_t));
	b->candidate = bmc_alloc(mem, db->nitems, sizeof(uint32_t));
	b->bound = bmc_alloc(mem, bmc_mul(2 * (BM_BIDE_CACHED + 1), db->longest), sizeof(uint32_t));
	return b->stamp && b->candidate && b->bound ? BM_OK : BM_ENOMEM;
}

void
bmc_bide_free(BmBide *b)
{
	if (b->mem == NULL)
		return;
	bmc_free(b->mem, b->bound);
	bmc_free(b->mem, b->candidate);
	bmc_free(b->mem, b->stamp);
	b->mem = NULL;
}

static uint32_t
next_stamp(BmBide *b)
{
	if (++b->now == 0)
	{
		memset(b->stamp, 0, b->db->nitems * sizeof(uint32_t));
		b->now = 1;
	}
	return b->now;
}

/* Periods [low[g], high[g]) of sequence s, which contains the pattern; indexes into db->item. */
static void
periods(const BmPatternDb *db, uint32_t *low, uint32_t *high, const uint32_t *token,
		uint32_t length, uint32_t s, bool semi)
{
	size_t at = db->start[s], end;

	for (uint32_t g = 0; g < length; g++)
	{
		low[g] = (uint32_t) at;
		while (db->item[at] != BM_TOKEN_ID(token[g]))
			at++;
		at++;
	}
	end = semi ? at : db->start[s + 1];
	for (uint32_t g = length; g-- > 0;)
	{
		do
			end--;
		while (db->item[end] != BM_TOKEN_ID(token[g]));
		high[g] = (uint32_t) end;
	}
}

/* The distinct items of a period to b->candidate. */
static uint32_t
collect(BmBide *b, uint32_t low, uint32_t high)
{
	uint32_t now = next_stamp(b), n = 0;

	for (uint32_t i = low; i < high; i++)
		if (b->stamp[b->db->item[i]] != now)
		{
			b->stamp[b->db->item[i]] = now;
			b->candidate[n++] = b->db->item[i];
		}
	return n;
}

/* Strike off the candidates that the period lacks. */
static uint32_t
strike(BmBide *b, uint32_t n, uint32_t low, uint32_t high)
{
	uint32_t now = next_stamp(b), left = 0;

	for (uint32_t i = low; i < high; i++)
		b->stamp[b->db->item[i]] = now;
	for (uint32_t c = 0; c < n; c++)
		if (b->stamp[b->candidate[c]] == now)
			b->candidate[left++] = b->candidate[c];
	return left;
}

/* Does some place have one item in the periods of all sequences? */
static bool
has_common(BmBide *b, const uint32_t *token, uint32_t length, const uint32_t *seq, uint32_t n,
		   bool semi, double *work)
{
	const BmPatternDb *db = b->db;
	uint32_t cached = 0;

	for (uint32_t g = 0; g < length; g++)
	{
		uint32_t candidates = 0;

		for (uint32_t t = 0; t < n && (t == 0 || candidates > 0); t++)
		{
			uint32_t *low = b->bound + 2 * db->longest * (t < BM_BIDE_CACHED ? t : BM_BIDE_CACHED);
			uint32_t *high = low + db->longest;

			if (t >= cached)
			{
				periods(db, low, high, token, length, seq[t], semi);
				*work += (double) (db->start[seq[t] + 1] - db->start[seq[t]]);
				cached = t < BM_BIDE_CACHED ? t + 1 : BM_BIDE_CACHED;
			}
			*work += (double) (high[g] - low[g]);
			candidates =
				t == 0 ? collect(b, low[g], high[g]) : strike(b, candidates, low[g], high[g]);
		}
		if (candidates > 0)
			return true;
	}
	return false;
}

bool
bmc_bide_extensible(BmBide *b, const uint32_t *token, uint32_t length, const uint32_t *seq,
					uint32_t n, double *work)
{
	return has_common(b, token, length, seq, n, false, work);
}

bool
bmc_bide_prunable(BmBide *b, const uint32_t *token, uint32_t length, const uint32_t *seq,
				  uint32_t n, double *work)
{
	return has_common(b, token, length, seq, n, true, work);
}
