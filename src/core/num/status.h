/*
 * status.h
 *		What every core function that can fail returns, and how a long one is told to stop.
 *
 * The core is plain C11: it never includes server headers, never allocates behind the caller's
 * back, keeps no globals and never jumps out of a frame.
 */
#ifndef BM_STATUS_H
#define BM_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum BmStatus
{
	BM_OK = 0,
	BM_MORE,      /* a stepwise fit has bounded work left: call again */
	BM_EPOCH,     /* as BM_MORE, and an epoch has just ended */
	BM_ENOMEM,    /* the allocator refused: over the limit, or out of memory */
	BM_ESTOP,     /* the stop callback said so; outputs are unusable */
	BM_EINVAL,    /* an argument or a shape is wrong */
	BM_ELIMIT,    /* a fixed limit (codes, bytes of one object) is reached */
	BM_ESINGULAR, /* a matrix is not positive definite */
	BM_ENOTFINITE /* a NaN or an infinity appeared (diverged, or bad input) */
} BmStatus;

/* "no code", "not found" for 32-bit codes and indexes */
#define BM_NONE UINT32_MAX

/*
 * Asked at least every 50 ms of work, in the calling thread only. True means: give up now and
 * return BM_ESTOP. A NULL fn never stops.
 */
typedef struct BmStop
{
	bool (*fn)(void *arg);
	void *arg;
} BmStop;

static inline bool
bmc_stop(const BmStop *stop)
{
	return stop && stop->fn && stop->fn(stop->arg);
}

#endif
