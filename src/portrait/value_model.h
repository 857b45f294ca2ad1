/*
 * value_model.h
 *		A model of customers as a version: what is stored of it, and how it is found again.
 */
#ifndef BM_VALUE_MODEL_H
#define BM_VALUE_MODEL_H

#include "core/stat/buyer.h"
#include "model/registry.h"
#include "portrait/customers.h"

#define BM_VALUE_TASK "value"

typedef struct BmValueOptions
{
	int unit;   /* BM_UNIT_DAY ...: of time in the parameters */
	bool spend; /* fit amounts, too, where there are any */
	int keep_versions;
} BmValueOptions;

extern const BmOptionSpec bm_value_options[];
extern const char *const bm_buy_model_names[BM_BUY_MODELS];
extern const char *const bm_buy_parameter_names[BM_BUY_MODELS][BM_BUY_PARAMETERS];
extern const char *const bm_spend_parameter_names[BM_SPEND_PARAMETERS];

/* Days of a unit. */
extern double bm_value_unit_days(const BmValueOptions *options);
/* The customer as the core knows one, with what is known until day end. */
extern BmBuyer bm_value_buyer(const BmCustomer *c, double end, double unit_days);

/* A stored version, ready to answer. */
typedef struct BmValueModel
{
	BmVersion *version;
	BmBuyModel kind;
	double buy[BM_BUY_PARAMETERS];
	bool has_spend;
	double spend[BM_SPEND_PARAMETERS];
	BmSales *sales;
	double unit_days;
	double end; /* day until which its own data are known */
} BmValueModel;

/* {"relation": ..., "user_id": ..., "end": 9131}: where the purchases come from. */
extern Jsonb *bm_value_encoder(const BmSales *s, double end);
/*
 * The deployed version of a model; name NULL: the only deployed one of this task. 55000 when there is
 * none, 42809 when the model is of another task, XX001 when its parameters are damaged.
 */
extern BmValueModel *bm_value_model(const char *name, BmMem *mem);
/* The same without its sales, which cost a look at them: parameters, unit and end alone. */
extern BmValueModel *bm_value_parameters(const char *name, BmMem *mem);
/* A member of a jsonb object: NULL, NaN where there is none of this type. */
extern char *bm_json_text(Jsonb *json, const char *key);
extern double bm_json_number(Jsonb *json, const char *key);
/* The name of the only model of a task that is deployed: what a call without a name means. */
extern char *bm_only_model(const char *task, const char *how_to_make_one);

#endif
