/*
 * target.c
 *		behav_target, behav_target_summary: who gets which offer, and when, under a budget.
 *
 * The choice is the multiple-choice knapsack of core/stat/target.h. The time is the hour and the weekday
 * on which the user is most often there, with everybody's as a prior of some events.
 */
#include "pg/pg.h"

#include <math.h>

#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/num/dict.h"
#include "core/stat/target.h"
#include "event/source.h"
#include "model/query.h"
#include "pg/scan.h"
#include "portrait/sales.h"

#define HOURS 24
#define WEEKDAYS 7

typedef struct TargetOptions
{
	double cost, value; /* of every row, where no column says */
	bool net;
	double prior; /* events */
	char *time_zone;
} TargetOptions;

#define AT(field) offsetof(TargetOptions, field)

static const BmOptionSpec target_options[] = {
	{"cost", BM_OPT_FLOAT, AT(cost), "1", 0, 1e15, NULL,
	 "What an offer costs, where no column says."},
	{"value", BM_OPT_FLOAT, AT(value), "1", 0, 1e15, NULL,
	 "What an outcome is worth, where no column says."},
	{"net", BM_OPT_BOOL, AT(net), "true", 0, 0, NULL,
	 "Take the cost off the gain, so that an offer that loses money is never made."},
	{"prior", BM_OPT_FLOAT, AT(prior), "10", 0, 1e9, NULL,
	 "Everybody's rhythm counts as so many events of a user's own."},
	{"time_zone", BM_OPT_TEXT, AT(time_zone), NULL, 0, 0, NULL,
	 "Zone whose clock hours and weekdays are of; default: the session's."},
	{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

/* One row of the data: an offer that could be made. */
typedef struct Offer
{
	uint32_t user, offer;
	double gain, low, high, cost;
} Offer;

/* Somebody's rhythm. */
typedef struct Rhythm
{
	double hour[HOURS], weekday[WEEKDAYS]; /* events */
} Rhythm;

typedef struct Call
{
	TargetOptions options;
	double budget;
	char *relation, *schema, *model, *source;
	char *user_id, *offer, *uplift, *cost, *value, *low, *high; /* columns, or NULL */
	BmDict users, offers;
	Offer *row; /* (n) in order of user, offer */
	size_t n, capacity, without;
	double *gain, *price; /* (people, offers); what is not offered gains nothing */
	Offer **of;           /* (people, offers) or NULL */
	int32_t *choice;
	BmTarget target;
	Offer **chosen;            /* (target.chosen) best first */
	Rhythm everybody, *rhythm; /* (people), or NULL */
	BmMem mem;
	BmWatch watch;
} Call;

static void *
need(void *block)
{
	if (block == NULL)
		bm_check(BM_ENOMEM, "choose whom to address", NULL);
	return block;
}

/* ---- reading ---- */

static uint32_t
code_of(BmDict *d, Datum key)
{
	text *t = DatumGetTextPP(key);
	uint32_t code;

	bm_check(bmc_dict_put_bytes(d, VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t), &code),
			 "choose whom to address", NULL);
	return code;
}

static char *
key_of(const BmDict *d, uint32_t code)
{
	const BmDictView *v = &d->view;

	return pnstrdup(v->blob + v->offset[code], v->offset[code + 1] - v->offset[code]);
}

static double
number(const TupleTableSlot *slot, int i)
{
	return slot->tts_isnull[i] ? NAN : DatumGetFloat8(slot->tts_values[i]);
}

/* u, offer, uplift, cost, value, low, high */
static void
offer_row(void *arg, TupleTableSlot *slot)
{
	Call *c = arg;
	double uplift = number(slot, 2), cost = number(slot, 3), value = number(slot, 4);
	double off = c->options.net ? cost : 0.0;
	Offer *o;

	if (slot->tts_isnull[0] || !isfinite(uplift) || !isfinite(cost) || !isfinite(value))
	{
		c->without++;
		return;
	}
	if (cost < 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("the cost of an offer must not be below zero"),
				 errdetail("User \"%s\" has %g.", TextDatumGetCString(slot->tts_values[0]), cost)));
	if (c->n == c->capacity)
	{
		c->capacity = Max(1024, 2 * c->capacity);
		bm_check_memory(&c->mem, bmc_mul(c->capacity, 2 * sizeof(Offer)),
						"choosing whom to address", "Raise behavmine.max_memory.");
		c->row = need(bmc_realloc(&c->mem, c->row, c->capacity, sizeof(Offer)));
	}
	o = &c->row[c->n++];
	*o = (Offer){.user = code_of(&c->users, slot->tts_values[0]),
				 .offer = slot->tts_isnull[1] ? code_of(&c->offers, bm_text_datum(""))
											  : code_of(&c->offers, slot->tts_values[1]),
				 .gain = uplift * value - off,
				 .low = number(slot, 5) * value - off,
				 .high = number(slot, 6) * value - off,
				 .cost = cost};
	if (c->n > 1 && o[-1].user == o->user && o[-1].offer == o->offer)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
						errmsg("%s has several rows of one user and offer", c->relation),
						errdetail("User \"%s\" is one.", key_of(&c->users, o->user)),
						errhint("Name the column that tells offers apart: offer => '<column>'.")));
}

/* A column of the data as float8, or a number. */
static char *
number_expr(const char *column, double otherwise)
{
	if (column)
		return psprintf("_row.%s::pg_catalog.float8", quote_identifier(column));
	return psprintf("%.17g::pg_catalog.float8", otherwise);
}

static void
check_column(const Call *c, Oid relation, const char *column, const char *argument)
{
	int n;
	char **names;
	const char *near;

	if (column == NULL || get_attnum(relation, column) > 0)
		return;
	names = bm_relation_columns(relation, &n);
	near = bm_nearest(column, (const char *const *) names, n);
	ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
					errmsg("column \"%s\" does not exist in %s", column, c->relation),
					near ? errhint("Perhaps you meant %s => '%s'.", argument, near)
						 : errhint("Name the column with %s => '<column>'.", argument)));
}

static void
read_offers(Call *c)
{
	Oid type = TEXTOID;
	Datum model = c->model ? bm_text_datum(c->model) : (Datum) 0;
	const char *none = "NULL::pg_catalog.float8";
	char *sql = psprintf(
		"SELECT _row.%s::pg_catalog.text, %s, %s, %s, %s, %s, %s FROM %s _row%s ORDER BY 1, 2",
		quote_identifier(c->user_id),
		c->offer ? psprintf("_row.%s::pg_catalog.text", quote_identifier(c->offer))
				 : "NULL::pg_catalog.text",
		c->model ? "p.uplift" : number_expr(c->uplift, 0), number_expr(c->cost, c->options.cost),
		number_expr(c->value, c->options.value),
		c->model ? "p.low"
		: c->low ? number_expr(c->low, 0)
				 : none,
		c->model  ? "p.high"
		: c->high ? number_expr(c->high, 0)
				  : none,
		c->relation,
		c->model ? psprintf(" CROSS JOIN LATERAL %s.behav_uplift_predict($1, _row) p",
							quote_identifier(c->schema))
				 : "");

	bm_check(bmc_dict_init(&c->users, BM_KEY_BYTES, &c->mem), "choose whom to address", NULL);
	bm_check(bmc_dict_init(&c->offers, BM_KEY_BYTES, &c->mem), "choose whom to address", NULL);
	SPI_connect();
	bm_scan(sql, c->model ? 1 : 0, &type, &model, " ", offer_row, c);
	SPI_finish();
	if (c->offers.view.n > BM_MAX_OFFERS)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("%s has too many different offers", c->relation),
						errdetail("It has %u; the limit is %d.", c->offers.view.n, BM_MAX_OFFERS)));
	if (c->without)
		ereport(NOTICE, (errmsg("%zu rows without a user, uplift, cost or value are left out",
								c->without)));
}

/* ---- choosing ---- */

/* Gain for money, the most first; then by gain, then in order of users. */
static int
best_first(const void *a, const void *b)
{
	const Offer *x = *(Offer *const *) a, *y = *(Offer *const *) b;
	double p = x->gain * y->cost, q = y->gain * x->cost;

	if (p != q)
		return p > q ? -1 : 1;
	if (x->gain != y->gain)
		return x->gain > y->gain ? -1 : 1;
	return x->user < y->user ? -1 : x->user > y->user;
}

static void
choose(Call *c)
{
	size_t people = c->users.view.n, offers = c->offers.view.n, cells = people * offers, k = 0;

	bm_check_memory(&c->mem,
					bmc_add(bmc_target_bytes(people, offers), bmc_mul(cells, 3 * sizeof(double))),
					"choosing whom to address", "Raise behavmine.max_memory.");
	c->gain = need(bmc_alloc0(&c->mem, Max(cells, 1), sizeof(double)));
	c->price = need(bmc_alloc0(&c->mem, Max(cells, 1), sizeof(double)));
	c->of = need(bmc_alloc0(&c->mem, Max(cells, 1), sizeof(Offer *)));
	c->choice = need(bmc_alloc(&c->mem, Max(people, 1), sizeof(int32_t)));
	for (size_t i = 0; i < c->n; i++)
	{
		size_t at = (size_t) c->row[i].user * offers + c->row[i].offer;

		c->gain[at] = c->row[i].gain;
		c->price[at] = c->row[i].cost;
		c->of[at] = &c->row[i];
	}
	if (people == 0)
		return;
	bm_check(bmc_target(c->choice, &c->target, c->gain, c->price, people, offers, c->budget,
						&c->mem, &c->watch.stop),
			 "choose whom to address", NULL);
	c->chosen = need(bmc_alloc(&c->mem, Max(c->target.chosen, 1), sizeof(Offer *)));
	for (size_t u = 0; u < people; u++)
		if (c->choice[u] >= 0)
			c->chosen[k++] = c->of[u * offers + (size_t) c->choice[u]];
	qsort(c->chosen, k, sizeof(Offer *), best_first);
}

/* ---- when ---- */

/* u, hour, weekday, events */
static void
rhythm_row(void *arg, TupleTableSlot *slot)
{
	Call *c = arg;
	text *t = DatumGetTextPP(slot->tts_values[0]);
	uint32_t user = bmc_dict_find_bytes(&c->users.view, VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t));
	int hour = DatumGetInt32(slot->tts_values[1]), weekday = DatumGetInt32(slot->tts_values[2]) - 1;
	double n = (double) DatumGetInt64(slot->tts_values[3]);

	c->everybody.hour[hour] += n;
	c->everybody.weekday[weekday] += n;
	if (user == BM_NONE)
		return;
	c->rhythm[user].hour[hour] += n;
	c->rhythm[user].weekday[weekday] += n;
}

static void
read_rhythm(Call *c)
{
	BmSource *source;
	char *at, *user;

	if (c->source == NULL)
		return;
	source = bm_source_load(c->source);
	user = bm_source_user_expr(source);
	at = psprintf("((%s) AT TIME ZONE %s)", bm_source_time_expr(source),
				  quote_literal_cstr(bm_sales_zone(c->options.time_zone)));
	bm_check_memory(&c->mem, bmc_mul(c->users.view.n, sizeof(Rhythm)), "reading rhythms",
					"Raise behavmine.max_memory.");
	c->rhythm = need(bmc_alloc0(&c->mem, Max(c->users.view.n, 1), sizeof(Rhythm)));
	SPI_connect();
	bm_scan(psprintf("SELECT u::pg_catalog.text, pg_catalog.date_part('hour', t)::pg_catalog.int4,"
					 " pg_catalog.date_part('isodow', t)::pg_catalog.int4, pg_catalog.count(*)"
					 " FROM (SELECT %s AS u, %s AS t FROM %s) AS e"
					 " WHERE u IS NOT NULL AND pg_catalog.isfinite(t) GROUP BY 1, 2, 3",
					 user, at, source->relation),
			0, NULL, NULL, NULL, rhythm_row, c);
	SPI_finish();
}

/* The place of the largest of own + prior events dealt as everybody's; neighbours: half of each side's. */
static int
peak(const double *own, const double *everybody, int n, double prior, bool neighbours)
{
	double total = 0.0, most = -1.0;
	int best = -1;

	for (int i = 0; i < n; i++)
		total += everybody[i];
	for (int i = 0; i < n && total > 0; i++)
	{
		double sum = 0.0;

		for (int d = neighbours ? -1 : 0; d <= (neighbours ? 1 : 0); d++)
		{
			int j = (i + d + n) % n;

			sum += (d ? 0.5 : 1.0) * (own[j] + prior * everybody[j] / total);
		}
		if (sum > most)
		{
			most = sum;
			best = i;
		}
	}
	return best;
}

/* ---- answers ---- */

static void
emit_offers(FunctionCallInfo fcinfo, const Call *c)
{
	double cost = 0.0, gain = 0.0;

	for (size_t i = 0; i < c->target.chosen; i++)
	{
		const Offer *o = c->chosen[i];
		Datum values[11];
		bool nulls[11] = {false};

		cost += o->cost;
		gain += o->gain;
		values[0] = bm_text_datum(key_of(&c->users, o->user));
		nulls[1] = c->offer == NULL;
		values[1] = nulls[1] ? (Datum) 0 : bm_text_datum(key_of(&c->offers, o->offer));
		values[2] = Float8GetDatum(o->gain);
		bm_set_float8(values, nulls, 3, o->low);
		bm_set_float8(values, nulls, 4, o->high);
		values[5] = Float8GetDatum(o->cost);
		values[6] = Int64GetDatum((int64) i + 1);
		values[7] = Float8GetDatum(cost);
		values[8] = Float8GetDatum(gain);
		nulls[9] = nulls[10] = c->rhythm == NULL;
		if (c->rhythm)
		{
			const Rhythm *r = &c->rhythm[o->user];
			int hour = peak(r->hour, c->everybody.hour, HOURS, c->options.prior, true);
			int weekday = peak(r->weekday, c->everybody.weekday, WEEKDAYS, c->options.prior, false);

			values[9] = Int32GetDatum(hour);
			values[10] = Int32GetDatum(weekday + 1);
			nulls[9] = hour < 0;
			nulls[10] = weekday < 0;
		}
		bm_srf_row(fcinfo, values, nulls);
		if ((i & 0xfff) == 0)
			bm_interrupts();
	}
}

static void
emit_plan(FunctionCallInfo fcinfo, const Call *c, const char *plan, double people, double cost,
		  double gain, double low, double high)
{
	Datum values[7];
	bool nulls[7] = {false};

	values[0] = bm_text_datum(plan);
	bm_set_float8(values, nulls, 1, people);
	bm_set_float8(values, nulls, 2, cost);
	values[3] = Float8GetDatum(gain);
	bm_set_float8(values, nulls, 4, low);
	bm_set_float8(values, nulls, 5, high);
	bm_set_float8(values, nulls, 6, c->target.bound > 0 ? gain / c->target.bound : NAN);
	bm_srf_row(fcinfo, values, nulls);
}

/* Everybody gets the one offer that gains most in all, whatever it costs. */
static void
emit_everybody(FunctionCallInfo fcinfo, const Call *c)
{
	Offer sum[BM_MAX_OFFERS] = {{0}};
	size_t people[BM_MAX_OFFERS] = {0}, offers = c->offers.view.n, best = 0;

	for (size_t i = 0; i < c->n; i++)
	{
		const Offer *o = &c->row[i];
		Offer *s = &sum[o->offer];

		people[o->offer]++;
		s->gain += o->gain;
		s->low += o->low;
		s->high += o->high;
		s->cost += o->cost;
	}
	for (size_t k = 1; k < offers; k++)
		if (sum[k].gain > sum[best].gain)
			best = k;
	emit_plan(fcinfo, c, "everybody", (double) people[best], sum[best].cost, sum[best].gain,
			  sum[best].low, sum[best].high);
}

/* Expected of one offer at random for each of people at random, until the money is spent. */
static void
emit_random(FunctionCallInfo fcinfo, const Call *c)
{
	double share, gain = 0, low = 0, high = 0, cost = 0, people = (double) c->users.view.n;
	double each = c->n ? people / (double) c->n : 0.0;

	for (size_t i = 0; i < c->n; i++)
	{
		gain += each * c->row[i].gain;
		low += each * c->row[i].low;
		high += each * c->row[i].high;
		cost += each * c->row[i].cost;
	}
	share = cost > c->budget ? c->budget / cost : 1.0;
	emit_plan(fcinfo, c, "random", share * people, share * cost, share * gain, share * low,
			  share * high);
}

static void
emit_summary(FunctionCallInfo fcinfo, const Call *c)
{
	double low = 0.0, high = 0.0;

	for (size_t i = 0; i < c->target.chosen; i++)
	{
		low += c->chosen[i]->low;
		high += c->chosen[i]->high;
	}
	if (c->target.chosen == 0)
		low = high = NAN;
	emit_plan(fcinfo, c, "chosen", (double) c->target.chosen, c->target.cost, c->target.gain, low,
			  high);
	emit_plan(fcinfo, c, "bound", NAN, c->budget, c->target.bound, NAN, NAN);
	emit_random(fcinfo, c);
	emit_everybody(fcinfo, c);
}

/* Arguments: data, budget, user_id, offer, uplift, cost, value, low, high, model, source, options. */
static void
answer(FunctionCallInfo fcinfo, bool summary)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "behavmine target", ALLOCSET_DEFAULT_SIZES);
	Jsonb *json = PG_ARGISNULL(11) ? NULL : PG_GETARG_JSONB_P(11);
	static const BmOptionSpec *const specs[] = {target_options};
	Call c = {.budget = PG_ARGISNULL(1) ? NAN : PG_GETARG_FLOAT8(1),
			  .user_id = bm_arg_text(fcinfo, 2, "user_id"),
			  .offer = bm_arg_text_or_null(fcinfo, 3),
			  .uplift = bm_arg_text_or_null(fcinfo, 4),
			  .cost = bm_arg_text_or_null(fcinfo, 5),
			  .value = bm_arg_text_or_null(fcinfo, 6),
			  .low = bm_arg_text_or_null(fcinfo, 7),
			  .high = bm_arg_text_or_null(fcinfo, 8),
			  .model = bm_arg_text_or_null(fcinfo, 9),
			  .source = bm_arg_text_or_null(fcinfo, 10)};
	const char *const columns[] = {c.user_id, c.offer, c.cost, c.value, c.low, c.high};
	const char *const arguments[] = {"user_id", "offer", "cost", "value", "low", "high"};

	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("argument \"data\" must not be null")));
	if (!(c.budget >= 0 && isfinite(c.budget)))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"budget\" must be a finite number, zero or more"),
						errdetail("It is %g.", c.budget)));
	bm_srf_begin(fcinfo);
	bm_options_check(json, specs, 1, "behav_target");
	bm_options_parse(&c.options, target_options, json);
	c.relation = bm_relation_name(PG_GETARG_OID(0));
	c.schema = get_namespace_name(get_func_namespace(fcinfo->flinfo->fn_oid));
	for (int i = 0; i < lengthof(columns); i++)
		check_column(&c, PG_GETARG_OID(0), columns[i], arguments[i]);
	if (c.uplift == NULL)
		c.uplift = "uplift";
	if (c.model == NULL)
		check_column(&c, PG_GETARG_OID(0), c.uplift, "uplift");
	bm_mem_init(&c.mem, context);
	bm_watch_init(&c.watch, 0);
	if (c.budget == 0)
		ereport(NOTICE, (errmsg("the budget is zero: nobody gets an offer")));
	if (c.budget == 0 && !summary)
		return;
	read_offers(&c);
	choose(&c);
	if (!summary)
		read_rhythm(&c);
	summary ? emit_summary(fcinfo, &c) : emit_offers(fcinfo, &c);
	MemoryContextDelete(context);
}

/* behav_target(data, budget, ...): one row for each offer that is made, the best first */
BM_FUNCTION(behav_target);
Datum
behav_target(PG_FUNCTION_ARGS)
{
	answer(fcinfo, false);
	return (Datum) 0;
}

/* behav_target_summary(data, budget, ...): the choice beside its bound, a random one, and everybody */
BM_FUNCTION(behav_target_summary);
Datum
behav_target_summary(PG_FUNCTION_ARGS)
{
	answer(fcinfo, true);
	return (Datum) 0;
}
