/*
 * batch.h
 *		Training batches of the networks of next_item.h: windows of users' sequences, dealt to shards and packed without
 *		padding, and the shared negatives.
 */
#ifndef BM_BATCH_H
#define BM_BATCH_H

#include "core/num/recommender.h"
#include "core/nn/embed.h"

#define BM_MAX_SHARDS 8

/* Inputs are the n events before event end of the kept sequences, targets the n events after each. */
typedef struct BmWindow
{
	size_t end;
	uint32_t n;
} BmWindow;

/* One shard's packed tokens, T of them in S sequences. */
typedef struct BmShard
{
	size_t S, T;
	uint32_t *start;  /* (S+1) into the arrays below */
	uint32_t *item;   /* (T) */
	uint32_t *target; /* (T) */
	float *weight;    /* (T) of the loss; the batch's weights sum to 1 */
} BmShard;

/* The training sequences (events of weight 0 left out), and the batch being made. */
typedef struct BmBatches
{
	size_t N, L;       /* items; tokens of a window at most */
	size_t batch;      /* windows in a batch */
	size_t shards;     /* 1..BM_MAX_SHARDS, a function of batch and L alone */
	size_t nwindows;   /* in an epoch */
	BmWindow *window;  /* (nwindows) in this epoch's order */
	uint32_t *item;    /* (kept events) */
	float *weight;     /* (kept events), or NULL: all 1 */
	uint32_t *support; /* (N) kept events of an item */
	uint32_t *known;   /* (nknown) items with support */
	size_t nknown;
	double alpha;
	double *cumulated; /* (nknown) sums of support^alpha; NULL: negatives are drawn evenly */
	double draws;      /* expected draws until K of them are distinct */

	size_t T;                     /* tokens of the batch */
	BmShard shard[BM_MAX_SHARDS]; /* all point into the arrays below */
	uint32_t *start, *token, *target;
	float *loss_weight;
	uint8_t *deal;    /* (batch) shard of a window */
	uint32_t *sorted; /* (batch) windows of the batch, longest first */

	/* Gradient rows of the batch: negatives first, then every other item in it. */
	size_t K;    /* negatives of this fit; 0 = all items are rows, in their own place */
	size_t rows; /* R */
	size_t rows_max;
	uint32_t *slot;     /* (N) row of an item of this batch; NULL if K = 0 */
	uint32_t *row_item; /* (rows_max) */
} BmBatches;

/* Shards of a batch of windows of up to L tokens; most gradient rows of a batch with so many tokens. */
extern size_t bmc_batches_shards(size_t batch, size_t L);
extern size_t bmc_batches_rows(size_t tokens, size_t batch, size_t negatives, size_t N);
/* Bytes of everything above. negatives as resolved: 0 or a count. */
extern size_t bmc_batches_bytes(const BmFitSize *size, size_t L, size_t batch, size_t negatives,
								double alpha);
/* BM_EINVAL when no user has two events. Negatives are drawn in proportion to support^alpha. */
extern BmStatus bmc_batches_begin(BmBatches *b, const BmSequences *data, size_t L, size_t batch,
								  size_t negatives, double alpha, BmMem *mem, const BmStop *stop);
/* The chance that an item with support is among a batch's negatives. */
extern double bmc_batches_chance(const BmBatches *b, uint32_t item);
/* Shuffle the windows for an epoch. */
extern void bmc_batches_shuffle(BmBatches *b, uint64_t seed, int epoch);
/* Number of batches in an epoch; fill batch i: shards, negatives and rows. */
extern size_t bmc_batches_count(const BmBatches *b);
extern void bmc_batches_fill(BmBatches *b, size_t i, uint64_t seed, uint64_t step);
extern void bmc_batches_end(BmBatches *b, BmMem *mem);

#endif
