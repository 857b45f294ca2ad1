/*
 * xgboost.h
 *		The part of XGBoost's C API that is used, opened at run time.
 */
#ifndef BM_XGBOOST_H
#define BM_XGBOOST_H

#include <signal.h>

#include "core/num/status.h"

typedef struct BmXgboost
{
	void *library;
	const char *(*last_error)(void);
	int (*matrix_create)(const float *, uint64_t, uint64_t, float, void **);
	int (*matrix_info)(void *, const char *, const float *, uint64_t);
	int (*matrix_free)(void *);
	int (*booster_create)(void *const *, uint64_t, void **);
	int (*booster_free)(void *);
	int (*booster_param)(void *, const char *, const char *);
	int (*booster_update)(void *, int, void *);
	int (*booster_slice)(void *, int, int, int, void **);
	int (*booster_dump)(void *, const char *, int, const char *, uint64_t *, const char ***);
} BmXgboost;

/* NULL, or what is wrong, in error. It stays loaded: its threads do not survive an unloading. */
extern const char *bmc_xgboost_open(BmXgboost *x, const char *library, char *error, size_t size);
/* Around every call that may start threads: they must not take the process's signals. */
extern void bmc_signals_block(sigset_t *old);
extern void bmc_signals_restore(const sigset_t *old);

#endif
