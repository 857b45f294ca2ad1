/*
 * next_event.c
 *		behav_next_event, behav_explain_events: answers from a user's live history.
 */
#include "pg/pg.h"

#include <math.h>

#include "utils/timestamp.h"

#include "core/num/pooled.h"
#include "event/behaviour.h"
#include "predict/window_model.h"

/* A model of windows; 42809 for another. */
static BmRowModel *
window_model_arg(FunctionCallInfo fcinfo, int i)
{
	BmModel *model = bm_predictor_deployed(bm_arg_text(fcinfo, i, "model"));
	BmRowModel *m = bm_row_model(model);

	if (m->events == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("model \"%s\" learned from rows, not from events", model->version->model),
				 errhint("Ask it with SELECT p.* FROM <table> t, behav_predict(%s, t) p.",
						 quote_literal_cstr(model->version->model))));
	return m;
}

typedef struct Ranked
{
	size_t class;
	float p;
} Ranked;

static int
compare_ranked(const void *a, const void *b)
{
	const Ranked *x = a, *y = b;

	if (x->p != y->p)
		return x->p > y->p ? -1 : 1;
	return x->class < y->class ? -1 : x->class > y->class;
}

/* behav_next_event(user_id anyelement, model text, at timestamptz): event, probability; likeliest first. */
BM_FUNCTION(behav_next_event);
Datum
behav_next_event(PG_FUNCTION_ARGS)
{
	BmRowModel *m;
	Ranked *of;

	bm_srf_begin(fcinfo);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	m = window_model_arg(fcinfo, 1);
	if (m->events->will)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("model \"%s\" does not tell the next event", m->model->version->model),
				 errdetail("Its task is \"will\"."),
				 errhint("Ask it with SELECT * FROM behav_predict(%s, <user_id>).",
						 quote_literal_cstr(m->model->version->model))));
	if (!bm_window_read(m, fcinfo, 0, PG_ARGISNULL(2) ? PG_INT64_MAX : PG_GETARG_TIMESTAMPTZ(2)))
		return (Datum) 0;
	bm_row_model_predict(m);
	of = palloc(sizeof(Ranked) * m->classes);
	for (size_t c = 0; c < m->classes; c++)
		of[c] = (Ranked){c, m->p[c]};
	qsort(of, m->classes, sizeof(Ranked), compare_ranked);
	for (size_t c = 0; c < m->classes; c++)
	{
		Datum values[2] = {bm_text_datum(m->class_name[of[c].class]), bm_float8_datum(of[c].p)};
		bool nulls[2] = {false, false};

		bm_srf_row(fcinfo, values, nulls);
	}
	return (Datum) 0;
}

/* ---- which event mattered ---- */

/* Shares of the rows of the window in the log-odds of a class, (rows, width + ncodes). */
static float *
event_shares(BmRowModel *m, size_t class)
{
	struct BmWindowModel *w = m->events;
	size_t rows = w->length, F = w->window.width + w->window.ncodes;
	float *share = palloc0(sizeof(float) * (rows * F + 1)), *pooled;
	const BmPredictor *p = m->model->predictor;

	if (p->explain == NULL)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("algorithm \"%s\" cannot explain a single answer",
							   m->model->version->algorithm),
						errhint("SELECT * FROM behav_importance(%s) tells which features matter.",
								quote_literal_cstr(m->model->version->model))));
	if (!w->pooled)
	{
		p->explain(share, m->model->predictor_bound, &m->samples, 0, class, m->scratch);
		return share;
	}
	pooled = palloc0(sizeof(float) * (m->samples.width + m->samples.ncodes + 1));
	p->explain(pooled, m->model->predictor_bound, &m->samples, 0, class, m->scratch);
	bmc_pooled_share(share, pooled, rows, w->window.width, w->window.ncodes);
	return share;
}

static void
emit_event(FunctionCallInfo fcinfo, const BmRowModel *m, size_t k, double sum)
{
	const struct BmWindowModel *w = m->events;
	const BmPastEvent *e = w->first + k < w->nevents ? &w->event[w->first + k] : NULL;
	Datum values[5] = {0};
	bool nulls[5] = {false, e == NULL, e == NULL || e->event == NULL, e == NULL, false};

	values[0] = Int32GetDatum((int32) k + 1);
	if (e)
	{
		values[1] = TimestampTzGetDatum(e->time);
		values[2] = e->event ? bm_text_datum(e->event) : (Datum) 0;
		values[3] = bm_text_datum(e->text ? e->text : psprintf(INT64_FORMAT, e->key));
	}
	values[4] = bm_float8_datum((float) sum);
	bm_srf_row(fcinfo, values, nulls);
}

/*
 * behav_explain_events(model text, user_id anyelement, class text, at timestamptz): position, ts, event,
 * item_id, share; oldest first. The moment of "will" is a last row without an event.
 */
BM_FUNCTION(behav_explain_events);
Datum
behav_explain_events(PG_FUNCTION_ARGS)
{
	BmRowModel *m;
	float *share;
	size_t F;

	bm_srf_begin(fcinfo);
	if (PG_ARGISNULL(1))
		return (Datum) 0;
	m = window_model_arg(fcinfo, 0);
	if (!bm_window_read(m, fcinfo, 1, PG_ARGISNULL(3) ? PG_INT64_MAX : PG_GETARG_TIMESTAMPTZ(3)))
		return (Datum) 0;
	share = event_shares(m, bm_row_model_class(m, bm_arg_text_or_null(fcinfo, 2)));
	F = m->events->window.width + m->events->window.ncodes;
	for (size_t k = 0; k < m->events->length; k++)
	{
		double sum = 0.0;

		for (size_t j = 0; j < F; j++)
			sum += (double) share[k * F + j];
		emit_event(fcinfo, m, k, sum);
	}
	return (Datum) 0;
}
