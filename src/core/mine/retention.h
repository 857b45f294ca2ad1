/*
 * retention.h
 *		Who comes back: retention matrices, lifecycle and stickiness of many users' events.
 *
 * A unit is a user, or a user with one value of a breakdown. Times are either the numbers of calendar
 * periods (period.h), or instants in microseconds for periods that roll from a user's own start.
 */
#ifndef BM_RETENTION_H
#define BM_RETENTION_H

#include "core/mine/activity.h"
#include "core/num/mem.h"

/* Events in the order of (unit, at). U units, n events, G groups. */
typedef struct BmActivityLog
{
	size_t nunits, n;
	const size_t *start;   /* (U+1) */
	const int64_t *at;     /* (n) number of the calendar period, or the instant */
	const int32_t *period; /* (n) the instant's calendar period; NULL when at is one itself */
	const uint8_t *flags;  /* (n) BM_ACTIVE_START, BM_ACTIVE_RETURN */
	const double *value;   /* (n) finite, or NULL */
	const uint32_t *group; /* (U) breakdown of the unit; NULL: all 0 */
	uint32_t ngroups;
} BmActivityLog;

typedef enum BmRetentionCriterion
{
	BM_RETAINED_ON,       /* active in period k */
	BM_RETAINED_ON_AFTER, /* in period k or in a later one */
	BM_RETAINED_BRACKET   /* in a range of periods */
} BmRetentionCriterion;

/* Periods first to last after the start; last INT64_MAX: open. */
typedef struct BmBracket
{
	int64_t first, last;
} BmBracket;

typedef struct BmRetentionSpec
{
	BmRetentionCriterion criterion;
	uint32_t periods;         /* K: columns of the matrix; the brackets of BM_RETAINED_BRACKET */
	const BmBracket *bracket; /* (K) */
	bool every;           /* a unit is in the cohort of each of its starts, not of the first only */
	bool same;            /* every start is a return: period 0 counts by definition */
	int64_t min_count;    /* returns that a period needs, >= 1 */
	int64_t length;       /* of a period in units of at: 1, or microseconds */
	int64_t round;        /* starts are rounded down to its multiples; 1 to length */
	int32_t first_cohort; /* calendar period of cohort 0 */
	uint32_t ncohorts;    /* C */
} BmRetentionSpec;

/* Zeroed by the caller. */
typedef struct BmRetention
{
	int64_t *size;  /* (G,C) units that started */
	int64_t *users; /* (G,C,K) of them, who came back */
	double *value;  /* (G,C,K) sum over the returns that count, or NULL */
} BmRetention;

/* Fill the matrices. BM_ENOMEM, BM_ESTOP. */
extern BmStatus bmc_retention(BmRetention *out, const BmActivityLog *log,
							  const BmRetentionSpec *spec, BmMem *mem, const BmStop *stop);
/* Periods that must have passed since a cohort's end before column k may be shown. */
extern int64_t bmc_retention_needs(const BmRetentionSpec *spec, uint32_t k);

/* One line over all cohorts of a group for column k. */
typedef struct BmRetentionMean
{
	int64_t size, users; /* sums over the cohorts whose column k is finished */
	double value;
	double share; /* NaN when no cohort is finished or nobody is there */
} BmRetentionMean;

/*
 * Share of cell (g, c, k): of the cohort's size, or of column k-1 (previous, k > 0). NaN when column k
 * (or k-1) is not finished, or that is zero. horizon (C): periods passed since each cohort's end.
 */
extern double bmc_retention_share(const BmRetention *r, const BmRetentionSpec *spec,
								  const int64_t *horizon, uint32_t g, uint32_t c, uint32_t k,
								  bool previous);
/* simple: the mean of the cohorts' shares; else the share of all their units together. */
extern BmRetentionMean bmc_retention_mean(const BmRetention *r, const BmRetentionSpec *spec,
										  const int64_t *horizon, uint32_t g, uint32_t k,
										  bool previous, bool simple);

typedef enum BmLifecycle
{
	BM_LIFE_NEW,          /* active for the first time */
	BM_LIFE_RETURNING,    /* active now and in the period before */
	BM_LIFE_RESURRECTING, /* active now, not in the period before, but earlier */
	BM_LIFE_DORMANT,      /* active in the period before, not now */
	BM_LIFE_STATES
} BmLifecycle;

/* count (G,P,BM_LIFE_STATES), zeroed: units by state in the P calendar periods from first on. */
extern BmStatus bmc_lifecycle(int64_t *count, const BmActivityLog *log, int32_t first,
							  uint32_t nperiods, const BmStop *stop);
/* count (G,P+1), zeroed: units by the number of periods with at least min_count events; [0] too. */
extern BmStatus bmc_stickiness(int64_t *count, const BmActivityLog *log, int32_t first,
							   uint32_t nperiods, int64_t min_count, const BmStop *stop);

#endif
