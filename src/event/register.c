/*
 * register.c
 *		behav_source and behav_drop_source: a table of events gets a name.
 *
 * What is registered is names, checked against the catalog now and again at each use. The answer
 * tells what was found, by one pass over the events, so that a wrong guess shows at once.
 */
#include "event/items.h"
#include "event/preset.h"
#include "event/read.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

enum
{
	ARG_NAME,
	ARG_EVENTS,
	ARG_USER,
	ARG_EVENT = ARG_USER + BM_ROLE_EVENT,
	ARG_SESSION = ARG_USER + BM_ROLE_SESSION,
	ARG_ATTRIBUTES,
	ARG_ITEMS,
	ARG_PRESET,
	ARG_OPTIONS
};

/* Column by column: "user_id from "CustomerID", ..." of what was guessed; NULL for nothing. */
static char *
guessed_words(const BmColumns *columns)
{
	StringInfoData s;

	initStringInfo(&s);
	for (int role = 0; role < BM_ROLES; role++)
		if (columns->guessed[role])
			appendStringInfo(&s, "%s%s is %s", s.len ? ", " : "", bm_role_argument(role),
							 quote_identifier(columns->name[role]));
	return s.len ? s.data : NULL;
}

/* name[] as C strings. */
static char **
arg_names(FunctionCallInfo fcinfo, int arg, int *n)
{
	Datum *elems;
	bool *nulls;
	char **names;

	*n = 0;
	if (PG_ARGISNULL(arg))
		return NULL;
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(arg), NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR,
					  &elems, &nulls, n);
	names = palloc(sizeof(char *) * Max(*n, 1));
	for (int i = 0; i < *n; i++)
	{
		if (nulls[i])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("argument \"attributes\" must not contain nulls")));
		names[i] = pstrdup(NameStr(*DatumGetName(elems[i])));
	}
	return names;
}

/* 42501 unless the caller may read the relation, or some of its columns. */
static void
check_readable(Oid relid)
{
	if (pg_class_aclcheck(relid, GetUserId(), ACL_SELECT) != ACLCHECK_OK &&
		pg_attribute_aclcheck_all(relid, GetUserId(), ACL_SELECT, ACLMASK_ANY) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, get_relkind_objtype(get_rel_relkind(relid)),
					   get_rel_name(relid));
}

/* The source that the arguments describe; columns says what was guessed. */
static BmSource *
source_from_args(FunctionCallInfo fcinfo, BmColumns *columns, Jsonb **options)
{
	BmSource *s = palloc0(sizeof(BmSource));
	char *preset_name = bm_arg_text_or_null(fcinfo, ARG_PRESET);
	const BmPreset *preset = preset_name ? bm_preset(preset_name) : NULL;
	const BmOptionSpec *specs[] = {bm_source_options};
	const char *implied = preset ? bm_preset_options(preset) : NULL;

	s->name = bm_arg_text(fcinfo, ARG_NAME, "name");
	if (PG_ARGISNULL(ARG_EVENTS))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("argument \"events\" must not be null"),
						errhint("Give the table or view of events, as 'public.events'.")));
	s->relid = PG_GETARG_OID(ARG_EVENTS);
	(void) bm_relation_name(s->relid); /* an OID that is no relation is told first */
	check_readable(s->relid);
	s->preset = preset_name;
	if (preset)
		s->relid = bm_preset_relation(preset, s->name, s->relid);
	s->relation = bm_relation_name(s->relid);

	memset(columns, 0, sizeof(BmColumns));
	for (int role = 0; role < BM_ROLES; role++)
		if (!PG_ARGISNULL(ARG_USER + role))
			columns->name[role] = pstrdup(NameStr(*PG_GETARG_NAME(ARG_USER + role)));
	if (preset)
		bm_preset_columns(preset, columns, s->relid);
	bm_guess_columns(columns, s->relid);
	s->user_id = columns->name[BM_ROLE_USER];
	s->item_id = columns->name[BM_ROLE_ITEM];
	s->ts = columns->name[BM_ROLE_TS];
	s->event = columns->name[BM_ROLE_EVENT];
	s->value = columns->name[BM_ROLE_VALUE];
	s->quantity = columns->name[BM_ROLE_QUANTITY];
	s->session_id = columns->name[BM_ROLE_SESSION];
	s->attributes = arg_names(fcinfo, ARG_ATTRIBUTES, &s->nattributes);
	s->items = PG_ARGISNULL(ARG_ITEMS) ? NULL : bm_relation_name(PG_GETARG_OID(ARG_ITEMS));

	*options = PG_ARGISNULL(ARG_OPTIONS) ? NULL : PG_GETARG_JSONB_P(ARG_OPTIONS);
	bm_options_check(*options, specs, 1, "behav_source");
	if (implied)
		*options = bm_jsonb_merge(
			DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(implied))), *options);
	bm_options_parse(&s->options, bm_source_options, *options);
	bm_source_options_check(&s->options);
	bm_source_resolve(s);
	(void) bm_items(s); /* a table without its key is told now, not by the first filter */
	return s;
}

/* ---- the stored row ---- */

static const char update_sql[] =
	"UPDATE behavmine.source SET relation = $2, user_id = $3, item_id = $4, ts = $5, event = $6,"
	" value = $7, quantity = $8, session_id = $9, attributes = $10::name[], items = $11,"
	" preset = $12, options = $13, created_at = pg_catalog.now()"
	" WHERE name OPERATOR(pg_catalog.=) $1 AND owner OPERATOR(pg_catalog.=) current_user";
static const char insert_sql[] =
	"INSERT INTO behavmine.source (name, relation, user_id, item_id, ts, event, value, quantity,"
	" session_id, attributes, items, preset, options)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::name[], $11, $12, $13)"
	" ON CONFLICT (name) DO NOTHING";

#define NSTORED 13

static void
set_text(Datum *value, char *null, const char *text)
{
	*null = text ? ' ' : 'n';
	*value = text ? bm_text_datum(text) : (Datum) 0;
}

/*
 * Insert, or replace the caller's own. The row of somebody else may be hidden by row-level
 * security, so that it shows only as a conflict.
 */
static void
store(const BmSource *s, Jsonb *options)
{
	Oid types[NSTORED];
	Datum values[NSTORED];
	char nulls[NSTORED + 1] = {0};
	const char *texts[NSTORED] = {s->name,  s->relation, s->user_id,  s->item_id,    s->ts,
								  s->event, s->value,    s->quantity, s->session_id, NULL,
								  s->items, s->preset,   NULL};

	for (int i = 0; i < NSTORED; i++)
	{
		types[i] = TEXTOID;
		set_text(&values[i], &nulls[i], texts[i]);
	}
	types[9] = TEXTARRAYOID;
	values[9] = bm_text_array(s->attributes, s->nattributes);
	nulls[9] = ' ';
	types[12] = JSONBOID;
	values[12] =
		options ? JsonbPGetDatum(options) : DirectFunctionCall1(jsonb_in, CStringGetDatum("{}"));
	nulls[12] = ' ';

	SPI_execute_with_args(update_sql, NSTORED, types, values, nulls, false, 0);
	if (SPI_processed > 0)
	{
		ereport(NOTICE, (errmsg("source \"%s\" was registered before and is replaced", s->name)));
		return;
	}
	SPI_execute_with_args(insert_sql, NSTORED, types, values, nulls, false, 0);
	if (SPI_processed == 0)
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("source \"%s\" belongs to another role", s->name),
						errhint("Choose another name; view behav_sources lists yours.")));
}

/* ---- the answer ---- */

/* {"view": 10, "purchase": 2}, most frequent first by the text of its keys' counts. */
static Datum
event_counts(const BmReader *r)
{
	JsonbParseState *state = NULL;
	JsonbValue key, count, *object;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (uint32 e = 0; e < r->events.view.n; e++)
	{
		key.type = jbvString;
		key.val.string.val = bm_dict_text(&r->events.view, e);
		key.val.string.len = (int) strlen(key.val.string.val);
		count.type = jbvNumeric;
		count.val.numeric = int64_to_numeric((int64) r->event_rows[e]);
		pushJsonbValue(&state, WJB_KEY, &key);
		pushJsonbValue(&state, WJB_VALUE, &count);
	}
	object = pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	return JsonbPGetDatum(JsonbValueToJsonb(object));
}

/* Statements worth running, one a line; NULL when all is well. */
static char *
advice(const BmSource *s, const BmReader *r)
{
	char *index = bm_source_has_index(s) ? NULL : bm_source_index_statement(s);
	StringInfoData text;

	initStringInfo(&text);
	if (r->n == 0)
		appendStringInfo(&text, "no usable event was found; see SELECT * FROM behav_profile(%s);",
						 quote_literal_cstr(s->name));
	if (index)
		appendStringInfo(&text, "%s%s;", text.len ? "\n" : "", index);
	return text.len ? text.data : NULL;
}

static void
put_text(Datum *value, bool *null, const char *text)
{
	*null = text == NULL;
	*value = text ? bm_text_datum(text) : (Datum) 0;
}

static void
answer(FunctionCallInfo fcinfo, const BmSource *s, const BmReader *r, const BmColumns *columns)
{
	Datum v[15];
	bool n[15] = {false};

	put_text(&v[0], &n[0], s->name);
	put_text(&v[1], &n[1], s->relation);
	put_text(&v[2], &n[2], s->user_id);
	put_text(&v[3], &n[3], s->item_id);
	put_text(&v[4], &n[4], s->ts);
	put_text(&v[5], &n[5], s->event);
	put_text(&v[6], &n[6], s->value);
	v[7] = Int64GetDatum((int64) r->cleaning.read);
	v[8] = Int64GetDatum((int64) r->users.view.n);
	v[9] = Int64GetDatum((int64) r->items.view.n);
	v[10] = TimestampTzGetDatum(r->first);
	v[11] = TimestampTzGetDatum(r->last);
	n[10] = n[11] = r->n == 0;
	v[12] = event_counts(r);
	put_text(&v[13], &n[13], guessed_words(columns));
	put_text(&v[14], &n[14], advice(s, r));
	bm_srf_row(fcinfo, v, n);
}

/* behav_source(name, events, user_id, item_id, ts, event, value, quantity, session_id, attributes,
 * items, preset, options): registers, and answers one row. */
BM_FUNCTION(behav_source);
Datum
behav_source(PG_FUNCTION_ARGS)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "behavmine source", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = CurrentMemoryContext;
	BmColumns columns;
	BmReader reader;
	BmSource *s;
	Jsonb *options;
	BmMem mem;

	bm_srf_begin(fcinfo);
	bm_check_state_rights();
	SPI_connect();
	MemoryContextSwitchTo(caller);
	s = source_from_args(fcinfo, &columns, &options);
	store(s, options);
	SPI_finish();

	bm_mem_init(&mem, context);
	bm_progress_start(s->name);
	bm_progress_phase(BM_PHASE_READ, NULL);
	bm_read_source(&reader, s, PG_INT64_MIN, PG_INT64_MAX, false, &mem, NULL);
	bm_progress_end();
	answer(fcinfo, s, &reader, &columns);
	MemoryContextDelete(context);
	return (Datum) 0;
}

/* behav_drop_source(name): false when there is none that is the caller's to drop. */
BM_FUNCTION(behav_drop_source);
Datum
behav_drop_source(PG_FUNCTION_ARGS)
{
	char *name = bm_arg_text(fcinfo, 0, "name");
	BmSource *s;
	Oid type = TEXTOID;
	Datum arg = bm_text_datum(name);

	bm_check_state_rights();
	SPI_connect();
	SPI_execute_with_args("DELETE FROM behavmine.source WHERE name OPERATOR(pg_catalog.=) $1"
						  " AND owner OPERATOR(pg_catalog.=) current_user",
						  1, &type, &arg, NULL, false, 0);
	if (SPI_processed == 0)
	{
		s = bm_source_load(name);
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("source \"%s\" belongs to role \"%s\"", s->name, s->owner)));
	}
	SPI_finish();
	PG_RETURN_VOID();
}
