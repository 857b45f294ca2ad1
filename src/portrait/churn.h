/*
 * churn.h
 *		Customers at a cut in time: what was known of them before it, and whether they bought after it.
 *
 * The label: churned is a customer without a purchase in [cut, cut + horizon). The features are functions
 * of events before the cut alone. Days with purchases that returns of the same day take back count as
 * none.
 */
#ifndef BM_CHURN_H
#define BM_CHURN_H

#include "model/registry.h"
#include "portrait/sales.h"

#define BM_CHURN_MAX_CUTS 24

typedef struct BmChurnOptions
{
	char *time_zone;
	int amount;     /* as in sales.h */
	int active;     /* days; 0: all customers */
	char *category; /* column of the source's table of items, or NULL */
	int cuts;
} BmChurnOptions;

extern const BmOptionSpec bm_churn_options[];

typedef struct BmChurn
{
	BmSales *sales;
	BmChurnOptions options;
	int64 horizon;                      /* microseconds */
	char *items, *items_key, *category; /* relation, key and column of the categories, or NULL */
} BmChurn;

/* Of a source, or of columns.relation when source is NULL. */
extern BmChurn *bm_churn(const char *source, const BmSalesColumns *columns, int64 horizon,
						 const BmChurnOptions *options);
/*
 * A SELECT of one row a customer and cut: user_id text, cut timestamptz, the features, churned boolean (NULL
 * where the horizon ends after until). of: "" or a condition on rows that begins with AND. Names are the
 * server's own: run it where search_path is plain (model/query.h).
 */
extern char *bm_churn_sql(const BmChurn *c, const TimestampTz *cut, int ncuts, TimestampTz until,
						  const char *of);
/* Names of the features that this data can have. */
extern char **bm_churn_features(const BmChurn *c, int *n);
/* First and last time of a row that counts, within of; false: there is none. */
extern bool bm_churn_span(const BmChurn *c, const char *of, TimestampTz *first, TimestampTz *last);
/* An instant as a constant of SQL. */
extern char *bm_instant_sql(TimestampTz t);

/* {"relation": ..., "horizon": 7776000000000, ...}: what finds the customers again. */
extern Jsonb *bm_churn_jsonb(const BmChurn *c, TimestampTz until);
/* The same of a stored version, with the time until which its data were known; 42809 for another model. */
extern BmChurn *bm_churn_stored(const BmVersion *v, TimestampTz *until);

#endif
