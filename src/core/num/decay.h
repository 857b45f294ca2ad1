/*
 * decay.h
 *		Older events count less: the one place where a half-life becomes weights of events, for every
 *		algorithm that is fitted to sequences.
 */
#ifndef BM_DECAY_H
#define BM_DECAY_H

#include "core/num/recommender.h"

/* Newest time among the events that the fit may look at; INT64_MIN without any. */
extern int64_t bmc_newest_time(const BmSequences *d);
/*
 * out = in with every event's weight times 2^-(age / half_life_days), age against the newest event that
 * the fit may look at; after 40 half-lives an event says nothing. Without a half-life (<= 0) it is in
 * itself. out->weight is taken from mem and given back by bmc_decay_end.
 */
extern BmStatus bmc_decay_begin(BmSequences *out, const BmSequences *in, double half_life_days,
								BmMem *mem);
extern void bmc_decay_end(BmSequences *out, const BmSequences *in, BmMem *mem);
extern size_t bmc_decay_bytes(size_t nevents, double half_life_days);

#endif
