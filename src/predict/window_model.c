/*
 * window_model.c
 *		From a user's newest events to the window that a model answers for; see window_model.h.
 */
#include "pg/pg.h"

#include <math.h>

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/uuid.h"

#include "core/nn/predict_network.h"
#include "core/num/pooled.h"
#include "event/behaviour.h"
#include "predict/window_model.h"

/* ---- binding ---- */

static JsonbValue *
member(const BmVersion *v, JsonbContainer *events, const char *key, enum jbvType type)
{
	JsonbValue *x = getKeyJsonValueFromContainer(events, key, strlen(key), NULL);

	if (x == NULL || x->type != type)
		bm_version_damaged(v, NULL, "its events lack the member \"%s\"", key);
	return x;
}

static char *
text_member(const BmVersion *v, JsonbContainer *events, const char *key)
{
	JsonbValue *x = member(v, events, key, jbvString);

	return pnstrdup(x->val.string.val, x->val.string.len);
}

static void
make_window_room(BmRowModel *m, struct BmWindowModel *w)
{
	const BmRowEncoder *e = &m->encoder->core;
	size_t rows = w->steps + w->will;

	w->window = (BmSamples){.n = 1,
							.width = e->width,
							.x = palloc0(sizeof(float) * (rows * e->width + 1)),
							.ncodes = e->ncodes,
							.code = palloc0(sizeof(uint32_t) * (rows * e->ncodes + 1)),
							.cardinality = e->cardinality,
							.steps = Max(rows, 2),
							.end = &w->end,
							.length = &w->length,
							.classes = m->classes};
}

struct BmWindowModel *
bm_window_model(BmRowModel *m, BmModel *model)
{
	const BmVersion *v = model->version;
	JsonbValue *events = getKeyJsonValueFromContainer(&v->encoder->root, "events", 6, NULL);
	struct BmWindowModel *w;
	int64 steps;

	if (events == NULL)
		return NULL;
	if (events->type != jbvBinary || !JsonContainerIsObject(events->val.binary.data))
		bm_version_damaged(v, NULL, "its events are no object");
	w = palloc0(sizeof(struct BmWindowModel));
	w->source_name = text_member(v, events->val.binary.data, "source");
	w->will = strcmp(text_member(v, events->val.binary.data, "task"), "will") == 0;
	steps = DatumGetInt64(DirectFunctionCall1(
		numeric_int8,
		NumericGetDatum(member(v, events->val.binary.data, "steps", jbvNumeric)->val.numeric)));
	if (steps < 1 || steps > BM_WINDOW_STEPS || m->encoder->core.ncolumns < BM_WINDOW_FIXED ||
		m->encoder->core.ncolumns > BM_WINDOW_FIXED + BM_MAX_EXTRA)
		bm_version_damaged(v, NULL, "its windows have an impossible size");
	w->steps = (size_t) steps;
	w->pooled = bm_algorithm(v->algorithm)->windows == BM_WINDOWS_POOLED;
	w->source = bm_source_load(w->source_name);
	bm_window_extra(w->source, m->encoder);
	w->reader = bm_history_reader(w->source, NULL, model->context);
	model->source_relid = w->source->relid;
	make_window_room(m, w);
	/* a pass has room for windows of the network's own length only */
	if (!w->pooled && (model->predictor != &bmc_network ||
					   bmc_network_of(model->predictor_bound)->input.steps != w->window.steps))
		bm_version_damaged(v, NULL, "its windows have another size than its weights take");
	return w;
}

/* ---- who and when ---- */

typedef struct Asked
{
	int64 key;
	const char *text;
	int64 at;
} Asked;

pg_attribute_noreturn() static void no_user(const BmRowModel *m)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("model \"%s\" answers for a user of source \"%s\"", m->model->version->model,
					m->events->source_name),
			 errdetail("Its users are %s.", format_type_be(m->events->source->user_type)),
			 errhint("Give the user's id: behav_predict(%s, %s); or an object: '{\"user_id\": ..., "
					 "\"at\": \"2026-01-31\"}'::jsonb.",
					 quote_literal_cstr(m->model->version->model),
					 bm_history_user_is_int(m->events->reader) ? "42" : "'u42'::text")));
}

/* A key as it is written, for sources of the other kind. */
static void
settle_key(Asked *a, const BmRowModel *m, bool is_int)
{
	bool want = bm_history_user_is_int(m->events->reader);

	if (want && !is_int)
		a->key = DatumGetInt64(DirectFunctionCall1(int8in, CStringGetDatum(a->text)));
	else if (!want && is_int)
		a->text = psprintf(INT64_FORMAT, a->key);
	if (want)
		a->text = NULL;
}

static void
asked_json(Asked *a, const BmRowModel *m, Jsonb *json)
{
	JsonbValue *user = NULL, *at = NULL;
	bool is_int;

	if (JB_ROOT_IS_OBJECT(json))
	{
		user = getKeyJsonValueFromContainer(&json->root, "user_id", 7, NULL);
		at = getKeyJsonValueFromContainer(&json->root, "at", 2, NULL);
	}
	if (user == NULL || (user->type != jbvString && user->type != jbvNumeric) ||
		(at && at->type != jbvString))
		no_user(m);
	is_int = user->type == jbvNumeric;
	if (is_int)
		a->key =
			DatumGetInt64(DirectFunctionCall1(numeric_int8, NumericGetDatum(user->val.numeric)));
	else
		a->text = pnstrdup(user->val.string.val, user->val.string.len);
	if (at)
		a->at = bm_option_time(pnstrdup(at->val.string.val, at->val.string.len));
	settle_key(a, m, is_int);
}

static Asked
asked(const BmRowModel *m, FunctionCallInfo fcinfo, int i, int64 at)
{
	Oid type = getBaseType(get_fn_expr_argtype(fcinfo->flinfo, i));
	Asked a = {.at = at};

	switch (type)
	{
	case INT2OID:
		a.key = PG_GETARG_INT16(i);
		break;
	case INT4OID:
		a.key = PG_GETARG_INT32(i);
		break;
	case INT8OID:
		a.key = PG_GETARG_INT64(i);
		break;
	case TEXTOID:
	case VARCHAROID:
		a.text = TextDatumGetCString(PG_GETARG_DATUM(i));
		break;
	case UUIDOID:
		a.text = DatumGetCString(DirectFunctionCall1(uuid_out, PG_GETARG_DATUM(i)));
		break;
	case JSONBOID:
		asked_json(&a, m, PG_GETARG_JSONB_P(i));
		return a;
	default:
		no_user(m);
	}
	settle_key(&a, m, bm_type_is_int(type));
	return a;
}

/* ---- rows ---- */

static BmCell
bytes_cell(const char *text)
{
	return (BmCell){
		.missing = text == NULL || *text == '\0', .bytes = text, .len = text ? strlen(text) : 0};
}

static BmCell
number_cell(double v)
{
	return (BmCell){.missing = !isfinite(v), .number = isfinite(v) ? v : 0.0};
}

/* An extra column's text, as its column takes it. */
static BmCell
extra_cell(const char *text, const BmEncoderColumn *c)
{
	if (text == NULL)
		return (BmCell){.missing = true};
	if (c->kind == BM_COLUMN_NUMBER)
		return number_cell(DatumGetFloat8(DirectFunctionCall1(float8in, CStringGetDatum(text))));
	if (c->keys.view.kind == BM_KEY_INT)
		return (BmCell){.key = DatumGetInt64(DirectFunctionCall1(int8in, CStringGetDatum(text)))};
	return bytes_cell(text);
}

/* Row k of the window: event i of the history, or, behind the last, the moment itself. */
static void
encode_event(BmRowModel *m, const int64_t *time, const uint64_t *hash, size_t i, int64 at, size_t k)
{
	struct BmWindowModel *w = m->events;
	const BmRowEncoder *e = &m->encoder->core;
	const BmPastEvent *past = i < w->nevents ? &w->event[i] : NULL;
	BmCell cell[BM_WINDOW_FIXED + BM_MAX_EXTRA] = {{0}};
	BmMoment moment;

	at = past ? past->time : at;
	moment = bm_window_moment(time, hash, i, at, past ? hash[i] : 0,
							  (int64) (w->source->options.session_gap_minutes * 60e6));
	cell[BM_WINDOW_EVENT] = bytes_cell(past ? past->event : NULL);
	if (past == NULL)
		cell[BM_WINDOW_ITEM].missing = true;
	else if (past->text)
		cell[BM_WINDOW_ITEM] = bytes_cell(past->text);
	else
		cell[BM_WINDOW_ITEM].key = past->key;
	cell[BM_WINDOW_GAP] = number_cell(moment.gap);
	cell[BM_WINDOW_POSITION] = number_cell(moment.position);
	cell[BM_WINDOW_SEEN] = number_cell(moment.seen);
	cell[BM_WINDOW_TIME].key = bm_zone_local(&m->encoder->zone, at);
	for (size_t j = BM_WINDOW_FIXED; j < e->ncolumns; j++)
		cell[j] = extra_cell(past ? past->extra[j - BM_WINDOW_FIXED] : NULL, &e->column[j]);
	bmc_encoder_row((float *) w->window.x + k * e->width,
					(uint32_t *) w->window.code + k * e->ncodes, e, cell);
}

bool
bm_window_read(BmRowModel *m, FunctionCallInfo fcinfo, int i, int64 at)
{
	struct BmWindowModel *w = m->events;
	Asked a = asked(m, fcinfo, i, at);
	size_t n, rows;
	int64_t *time;
	uint64_t *hash;

	w->nevents = n = bm_history_read(w->reader, a.key, a.text, a.at, &w->event);
	if (n == 0)
		return false;
	time = palloc(sizeof(int64_t) * n);
	hash = palloc(sizeof(uint64_t) * n);
	for (size_t k = 0; k < n; k++)
	{
		const BmPastEvent *e = &w->event[k];

		time[k] = e->time;
		hash[k] = e->text ? bm_key_hash_bytes(e->text, e->len) : bm_key_hash_int(e->key);
	}
	if (a.at == PG_INT64_MAX)
		a.at = Max(GetCurrentTransactionStartTimestamp(), time[n - 1]);
	w->first = n > w->steps ? n - w->steps : 0;
	rows = n - w->first + w->will;
	for (size_t k = 0; k < rows; k++)
		encode_event(m, time, hash, w->first + k, a.at, k);
	w->window.nrows = w->end = rows;
	w->length = (uint32_t) rows;
	if (w->pooled)
		bmc_pool_window((float *) m->samples.x, (uint32_t *) m->samples.code, &w->window, 0);
	else
		m->samples = w->window;
	return true;
}
