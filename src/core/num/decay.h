/*
 * decay.h
 *		Older events count less: the one place where a half-life becomes weights of events, for every
 *		algorithm that is fitted to sequences.
 */
#ifndef BM_DECAY_H
#define BM_DECAY_H

#include "core/num/recommender.h"

/*
 * out = in with every event's weight times 2^-(age / half_life_days), age against the newest event that
 * the fit may look at; after 40 half-lives an event says nothing. Without a half-life (<= 0) it is in
 * itself. out->weight (4 bytes an event) is taken from mem and given back by bmc_decay_end, after a
 * failure too.
 */
extern BmStatus bmc_decay_begin(BmSequences *out, const BmSequences *in, double half_life_days,
								BmMem *mem, const BmStop *stop);
extern void bmc_decay_end(BmSequences *out, const BmSequences *in, BmMem *mem);

#endif
