/*
 * portrait.c
 *		behav_portrait: one user's portrait from the events as they stand; and what stored ones say.
 */
#include "pg/pg.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "model/query.h"
#include "portrait/portrait.h"
#include "portrait/segment.h"
#include "portrait/value_model.h"

#define MOST_LOOKALIKES 100000

char *
bm_arg_user(FunctionCallInfo fcinfo, int i)
{
	Oid type = get_fn_expr_argtype(fcinfo->flinfo, i), out;
	bool varlena;

	if (PG_ARGISNULL(i))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("argument \"user_id\" must not be null")));
	getTypeOutputInfo(type, &out, &varlena);
	return OidOutputFunctionCall(out, PG_GETARG_DATUM(i));
}

/* The portrait of bytes, with dictionaries of its own. */
typedef struct Stored
{
	MemoryContext context;
	BmMem mem;
	BmDict events, names[BM_TALLIES];
	BmDictView name_views[BM_TALLIES];
	BmPortrait p;
} Stored;

static void
open_stored(Stored *s, const char *bytes, size_t len)
{
	s->context =
		AllocSetContextCreate(CurrentMemoryContext, "behavmine portrait", ALLOCSET_SMALL_SIZES);
	bm_mem_init(&s->mem, s->context);
	bm_check(bmc_dict_init(&s->events, BM_KEY_BYTES, &s->mem), "read a portrait", NULL);
	for (int k = 0; k < BM_TALLIES; k++)
		bm_check(bmc_dict_init(&s->names[k], BM_KEY_BYTES, &s->mem), "read a portrait", NULL);
	bm_portrait_decode(&s->p, &s->events, s->names, bytes, len);
	for (int k = 0; k < BM_TALLIES; k++)
		s->name_views[k] = s->names[k].view;
}

/* ---- one user, now ---- */

/* P(alive) by the deployed value model of this source, where there is one. */
static void
set_alive(BmPortraitContext *c, const BmPortrait *p, const char *source, BmMem *mem)
{
	BmParam name = bm_param_text(source);
	MemoryContext caller = CurrentMemoryContext;
	char *model = NULL;
	BmValueModel *m;
	BmBuyer b;

	c->alive = NAN;
	if (p->orders == 0)
		return;
	SPI_connect();
	if (bm_read("SELECT m.name FROM behavmine.model m WHERE m.task = 'value' AND m.source = $1 AND "
				"EXISTS (SELECT 1 FROM behavmine.deployment d WHERE d.model_id = m.model_id "
				"AND d.undone_at IS NULL) ORDER BY m.model_id LIMIT 1",
				1, &name) == 1)
		model = bm_row_text(0, 1, caller);
	SPI_finish();
	if (model == NULL)
		return;
	m = bm_value_parameters(model, mem);
	b = (BmBuyer){.x = p->orders - 1.0,
				  .tx = (p->order_day - p->first_order_day) / m->unit_days,
				  .T = (Max(m->end, p->order_day) - p->first_order_day) / m->unit_days};
	c->alive = bmc_buy_alive(m->kind, m->buy, &b);
	c->alive_model = psprintf("%s version %d", model, m->version->version);
}

/* behav_portrait(user_id, source text, at timestamptz, options jsonb): jsonb; NULL without events. */
BM_FUNCTION(behav_portrait);
Datum
behav_portrait(PG_FUNCTION_ARGS)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "behavmine portrait", ALLOCSET_SMALL_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	Jsonb *options = PG_ARGISNULL(3) ? NULL : PG_GETARG_JSONB_P(3), *json = NULL;
	char *user = bm_arg_user(fcinfo, 0);
	char *source = bm_one_source(bm_arg_text_or_null(fcinfo, 1));
	BmPortraitContext c = {.source = source, .user = user};
	BmPortrait *p = palloc(sizeof(BmPortrait));
	BmDictView names[BM_TALLIES];
	BmPortraitSource kept;
	BmPeople people;
	BmMem mem;

	bm_mem_init(&mem, context);
	bm_portrait_source(&kept, source);
	bm_people(&people, source, options && JB_ROOT_COUNT(options) ? options : kept.options, &mem);
	if (bm_person_read(p, &people, user))
	{
		c.at = !PG_ARGISNULL(2) ? PG_GETARG_TIMESTAMPTZ(2)
			   : kept.filled    ? Max(kept.watermark, p->last)
								: GetCurrentTransactionStartTimestamp();
		if (TIMESTAMP_NOT_FINITE(c.at))
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("argument \"at\" must be a finite time")));
		bmc_portrait_mark(p, c.at);
		c.events = &people.events.view;
		for (int k = 0; k < BM_TALLIES; k++)
			names[k] = people.names[k].view;
		c.names = names;
		c.shop = bm_portrait_shop(p, c.events, kept.n, kept.event, kept.count);
		set_alive(&c, p, source, &mem);
		c.segment = bm_segment_json(p, &people);
		MemoryContextSwitchTo(caller);
		json = bm_portrait_jsonb(p, &c);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	if (json == NULL)
		PG_RETURN_NULL();
	PG_RETURN_JSONB_P(json);
}

/* ---- stored ones ---- */

/* behav_portrait_json(state bytea, source text, user_id text, at timestamptz, behaviours text[], transitions float8[]) */
BM_FUNCTION(behav_portrait_json);
Datum
behav_portrait_json(PG_FUNCTION_ARGS)
{
	bytea *state = PG_GETARG_BYTEA_PP(0);
	BmPortraitContext c = {.source = text_to_cstring(PG_GETARG_TEXT_PP(1)),
						   .user = text_to_cstring(PG_GETARG_TEXT_PP(2)),
						   .at = PG_GETARG_TIMESTAMPTZ(3),
						   .alive = NAN};
	Stored *s = palloc(sizeof(Stored));
	Datum *count;
	double *transition;
	char **event;
	int n, m;
	Jsonb *json;

	open_stored(s, VARDATA_ANY(state), VARSIZE_ANY_EXHDR(state));
	event = bm_arg_text_array(fcinfo, 4, "behaviours", &n);
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(5), FLOAT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
					  &count, NULL, &m);
	if (m != n * n)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("%d behaviours need %d transitions, not %d", n, n * n, m)));
	transition = palloc(sizeof(double) * Max(m, 1));
	for (int i = 0; i < m; i++)
		transition[i] = DatumGetFloat8(count[i]);
	c.events = &s->events.view;
	c.names = s->name_views;
	c.shop = bm_portrait_shop(&s->p, c.events, n, event, transition);
	json = bm_portrait_jsonb(&s->p, &c);
	MemoryContextDelete(s->context);
	PG_RETURN_JSONB_P(json);
}

static void
put_tag(FunctionCallInfo fcinfo, const char *tag, double score, int64 since)
{
	Datum values[3] = {bm_text_datum(tag), Float8GetDatum(score), TimestampTzGetDatum(since)};
	bool nulls[3] = {false, false, since == 0};

	bm_srf_row(fcinfo, values, nulls);
}

/* behav_portrait_tags(state bytea, at timestamptz): tag, score, since */
BM_FUNCTION(behav_portrait_tags);
Datum
behav_portrait_tags(PG_FUNCTION_ARGS)
{
	bytea *state = PG_GETARG_BYTEA_PP(0);
	TimestampTz at = PG_GETARG_TIMESTAMPTZ(1);
	Stored *s = palloc(sizeof(Stored));
	double score[BM_TAGS];

	bm_srf_begin(fcinfo);
	open_stored(s, VARDATA_ANY(state), VARSIZE_ANY_EXHDR(state));
	bmc_portrait_mark(&s->p, at);
	bmc_portrait_tags(score, &s->p, at);
	for (int t = 0; t < BM_TAGS; t++)
		if (!isnan(score[t]))
			put_tag(fcinfo, bmc_tag_names[t], score[t], s->p.since[t]);
	for (int k = 0; k < BM_TALLIES; k++)
		for (uint32_t i = 0; i < s->p.tally[k].n; i++)
		{
			const BmTallySlot *v = &s->p.tally[k].slot[i];
			double share = (double) v->n / s->p.tally[k].events;

			if (k != BM_TALLY_DEVICE && v->n - v->over >= 5 && share >= 0.3)
				put_tag(
					fcinfo,
					psprintf("%s:%s", bm_tally_names[k], bm_dict_text(&s->name_views[k], v->code)),
					share, v->first);
		}
	MemoryContextDelete(s->context);
	return (Datum) 0;
}

/* behav_portrait_embedding(state bytea): real[] */
BM_FUNCTION(behav_portrait_embedding);
Datum
behav_portrait_embedding(PG_FUNCTION_ARGS)
{
	bytea *state = PG_GETARG_BYTEA_PP(0);
	Stored *s = palloc(sizeof(Stored));
	float taste[BM_PORTRAIT_TASTE];

	open_stored(s, VARDATA_ANY(state), VARSIZE_ANY_EXHDR(state));
	bmc_portrait_taste(taste, &s->p);
	MemoryContextDelete(s->context);
	PG_RETURN_DATUM(bm_float4_array(taste, BM_PORTRAIT_TASTE));
}
