/*
 * flat_names.c
 *		Names inside flat states: adding them, ordering them, and looking at those from outside.
 */
#include "pg/flat_names.h"

#include "mb/pg_wchar.h"

BmFlat *
bm_flat_new_names(const BmFlatKind *kind)
{
	uint64 names[BM_NAMES_FIRST];

	bmc_names_init(names, lengthof(names), BM_NAMES_FEWEST);
	return bm_flat_new_config(kind, names, lengthof(names));
}

BmStatus
bm_flat_put_name(BmFlat **s, const BmFlatKind *kind, const char *name, size_t len, uint32 *code)
{
	BmStatus status = bmc_names_put(bm_flat_names(*s), (*s)->config_words, name, len, code);

	if (status == BM_MORE)
	{
		size_t nslots, words = bmc_names_larger(&nslots, bm_flat_config(*s), len);
		BmFlat *larger;

		if (words > kind->config_max)
			return BM_ELIMIT;
		larger = bm_flat_reconfigure(*s, (uint32) words);
		bmc_names_init(bm_flat_names(larger), words, nslots);
		(void) bmc_names_copy(bm_flat_names(larger), words, bm_flat_config(*s), NULL);
		*s = larger;
		status = bmc_names_put(bm_flat_names(larger), words, name, len, code);
	}
	return status == BM_OK ? BM_OK : BM_ELIMIT;
}

uint32 *
bm_flat_names_order(const BmFlat *s)
{
	const uint64 *names = bm_flat_config(s);
	uint32 n = Max(bmc_names_count(names), 1);
	BmNameRank *rank = palloc_extended(sizeof(BmNameRank) * n, MCXT_ALLOC_HUGE);
	uint32 *order = palloc_extended(sizeof(uint32) * n, MCXT_ALLOC_HUGE);

	bmc_names_order(order, names, rank);
	pfree(rank);
	return order;
}

BmFlat *
bm_flat_ordered_names(const BmFlat *s, const BmFlatKind *kind, const uint32 *order)
{
	const uint64 *names = bm_flat_config(s);
	size_t nslots, words = bmc_names_least(&nslots, names);
	BmFlat *c = bm_flat_reconfigure(bm_flat_new_config(kind, names, 0), (uint32) words);

	bmc_names_init(bm_flat_names(c), words, nslots);
	(void) bmc_names_copy(bm_flat_names(c), words, names, order);
	c->ignored = s->ignored;
	return c;
}

const char *
bm_flat_names_wrong(const BmFlat *s)
{
	const uint64 *names = bm_flat_config(s);
	char *buffer;

	if (!bmc_names_valid(names, s->config_words))
		return "Its names are damaged.";
	buffer = palloc(BM_MAX_NAME + 1);
	for (uint32 i = 0; i < bmc_names_count(names); i++)
	{
		bmc_name_bytes(buffer, names, i);
		if (!pg_verifymbstr(buffer, (int) bmc_name_length(names, i), true))
			return "It has a name that is no text in this database's encoding.";
		CHECK_FOR_INTERRUPTS();
	}
	pfree(buffer);
	return NULL;
}
