/*
 * funnel_read.h
 *		The events of a source that a funnel looks at: conditions without SQL, read once, user by user.
 */
#ifndef BM_PATTERN_FUNNEL_READ_H
#define BM_PATTERN_FUNNEL_READ_H

#include "core/num/dict.h"
#include "event/source.h"
#include "pattern/funnel.h"

/* What an event must be: columns of the source equal to values. */
typedef struct BmCondition
{
	char *name;  /* for the report */
	char *where; /* SQL over the source's relation; values are parameters */
} BmCondition;

/* Conditions and their parameters, in the order of the funnel's: steps, then exclusions. */
typedef struct BmConditions
{
	int n;
	BmCondition condition[BM_MAX_STEPS];
	int nparams;
	Oid *type;
	Datum *value;
	int capacity;
} BmConditions;

/* Add the condition that the event's name is this. 55000 where the source has no event column. */
extern void bm_condition_event(BmConditions *c, const BmSource *source, const char *event);
/*
 * Add a JSON condition: "view", or an object of column (or "event") to value, array of values, or
 * null; "name" is the label; the keys in skip (NULL-terminated) are not columns. what: "step 2".
 */
extern void bm_condition_json(BmConditions *c, const BmSource *source, const JsonbValue *v,
							  const char *const *skip, const char *what);

/* Columns of events as they came. */
typedef struct BmFunnelEvents
{
	BmMem *mem;
	size_t n, capacity;
	uint32_t *user; /* code by arrival */
	int64_t *time;
	uint64_t *word;  /* conditions, as in core/mine/funnel.h */
	uint32_t *group; /* code of the breakdown's value, or BM_NONE; NULL without breakdown */
	BmDict users, groups;
	uint64 ignored; /* rows without user or finite time */
	uint64 met;     /* conditions that any event met: bits of bmc_funnel_bit */
} BmFunnelEvents;

/*
 * Read the events that meet a condition (all of them where keep_all), as the caller, since <= ts <
 * until (PG_INT64_MIN, PG_INT64_MAX: open); breakdown: a column, or NULL.
 */
extern void bm_funnel_read(BmFunnelEvents *e, const BmSource *source, const BmConditions *c,
						   bool keep_all, const char *breakdown, int64 since, int64 until,
						   BmMem *mem);

#endif
