/*
 * args.c
 *		Arguments in, rows and arrays out: guards that name the argument in their errors.
 */
#include "pg/pg.h"

#include <math.h>

#include "access/tupdesc.h"
#include "catalog/pg_type.h"
#include "common/int.h"
#include "common/shortest_dec.h"
#include "mb/pg_wchar.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"
#include "utils/varlena.h"

/* Words of more bytes than this are no typing errors of a name. */
#define MAX_NEAREST 200

/* ---- arguments ---- */

static void
raise_null(const char *name)
{
	ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					errmsg("argument \"%s\" must not be null", name)));
}

char *
bm_arg_text(FunctionCallInfo fcinfo, int i, const char *name)
{
	char *s = bm_arg_text_or_null(fcinfo, i);

	if (s == NULL)
		raise_null(name);
	if (s[0] == '\0')
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"%s\" must not be empty", name)));
	return s;
}

/* The type of argument i as the function was declared, also when called without an expression. */
static Oid
arg_type(FunctionCallInfo fcinfo, int i)
{
	Oid type = get_fn_expr_argtype(fcinfo->flinfo, i);
	Oid *types;
	int n;

	if (OidIsValid(type) || !OidIsValid(fcinfo->flinfo->fn_oid))
		return type;
	get_func_signature(fcinfo->flinfo->fn_oid, &types, &n);
	return i < n ? types[i] : InvalidOid;
}

char *
bm_arg_text_or_null(FunctionCallInfo fcinfo, int i)
{
	if (PG_ARGISNULL(i))
		return NULL;
	if (arg_type(fcinfo, i) == NAMEOID)
		return pstrdup(NameStr(*PG_GETARG_NAME(i)));
	return text_to_cstring(PG_GETARG_TEXT_PP(i));
}

int64
bm_arg_range(FunctionCallInfo fcinfo, int i, const char *name, int64 lo, int64 hi)
{
	Oid type = arg_type(fcinfo, i);
	int64 v;

	if (PG_ARGISNULL(i))
		raise_null(name);
	/* by declared type: the upper half of a narrower datum is not defined */
	if (type == INT4OID)
		v = PG_GETARG_INT32(i);
	else if (type == INT2OID)
		v = PG_GETARG_INT16(i);
	else
		v = PG_GETARG_INT64(i);
	if (v < lo || v > hi)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"%s\" must be between %lld and %lld", name,
							   (long long) lo, (long long) hi),
						errdetail("It is %lld.", (long long) v)));
	return v;
}

int64
bm_arg_range_or(FunctionCallInfo fcinfo, int i, const char *name, int64 lo, int64 hi, int64 dflt)
{
	return PG_ARGISNULL(i) ? dflt : bm_arg_range(fcinfo, i, name, lo, hi);
}

bool
bm_arg_bool_or(FunctionCallInfo fcinfo, int i, bool dflt)
{
	return PG_ARGISNULL(i) ? dflt : PG_GETARG_BOOL(i);
}

char **
bm_arg_text_array(FunctionCallInfo fcinfo, int i, const char *name, int *n)
{
	*n = 0;
	return PG_ARGISNULL(i) ? NULL : bm_text_array_strings(PG_GETARG_DATUM(i), name, n);
}

char **
bm_text_array_strings(Datum value, const char *name, int *n)
{
	ArrayType *array = DatumGetArrayTypeP(value);
	Oid type;
	int16 len;
	bool byval, *nulls;
	char align;
	Datum *values;
	char **out;

	if (ARR_NDIM(array) > 1)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"%s\" must be an array of one dimension", name)));
	type = ARR_ELEMTYPE(array);
	get_typlenbyvalalign(type, &len, &byval, &align);
	deconstruct_array(array, type, len, byval, align, &values, &nulls, n);
	out = palloc(sizeof(char *) * Max(*n, 1));
	for (int e = 0; e < *n; e++)
	{
		if (nulls[e])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("argument \"%s\" must not contain nulls", name)));
		out[e] = type == NAMEOID ? pstrdup(NameStr(*DatumGetName(values[e])))
								 : TextDatumGetCString(values[e]);
	}
	return out;
}

int64
bm_interval_micros(const Interval *interval, const char *name)
{
	int64 days = (int64) interval->month * DAYS_PER_MONTH + interval->day, micros;

	if (pg_mul_s64_overflow(days, USECS_PER_DAY, &micros) ||
		pg_add_s64_overflow(micros, interval->time, &micros) || micros <= 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"%s\" must be an interval longer than zero", name),
						errdetail("It is %s.", DatumGetCString(DirectFunctionCall1(
												   interval_out, IntervalPGetDatum(interval)))),
						errhint("Give it as '30 minutes' or '7 days'.")));
	return micros;
}

/* ---- values ---- */

Datum
bm_text_datum(const char *s)
{
	return CStringGetTextDatum(s);
}

void
bm_set_float8(Datum *values, bool *nulls, int i, double v)
{
	values[i] = Float8GetDatum(v);
	nulls[i] = !isfinite(v);
}

int
bm_word(const char *word, const char *const *words, int n, const char *argument)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < n; i++)
	{
		if (strcmp(word, words[i]) == 0)
			return i;
		appendStringInfo(&list, "%s%s", i ? ", " : "", words[i]);
	}
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("\"%s\" cannot be \"%s\"", argument, word),
					errhint("It is one of %s.", list.data)));
}

/* The double that a reader of the float's shortest text has in mind: 0.1, not 0.10000000149011612. */
Datum
bm_float8_datum(float v)
{
	char text[FLOAT_SHORTEST_DECIMAL_LEN];

	if (!isfinite(v))
		return Float8GetDatum((float8) v);
	float_to_shortest_decimal_buf(v, text);
	return Float8GetDatum(strtod(text, NULL));
}

/* A one-dimensional array of n fixed-width elements, no NULLs, in one copy. */
static Datum
fixed_array(const void *v, size_t n, size_t width, Oid type)
{
	size_t bytes = ARR_OVERHEAD_NONULLS(1) + n * width;
	ArrayType *array;

	if (n == 0)
		return PointerGetDatum(construct_empty_array(type));
	if (n > MaxAllocSize / width || !AllocSizeIsValid(bytes))
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("an array of %zu elements is too long", n)));
	array = palloc(bytes);
	SET_VARSIZE(array, bytes);
	array->ndim = 1;
	array->dataoffset = 0;
	array->elemtype = type;
	ARR_DIMS(array)[0] = (int) n;
	ARR_LBOUND(array)[0] = 1;
	memcpy(ARR_DATA_PTR(array), v, n * width);
	return PointerGetDatum(array);
}

Datum
bm_float4_array(const float *v, size_t n)
{
	return fixed_array(v, n, sizeof(float), FLOAT4OID);
}

Datum
bm_int4_array(const int32 *v, size_t n)
{
	return fixed_array(v, n, sizeof(int32), INT4OID);
}

Datum
bm_text_array(char **v, size_t n)
{
	Datum *values = palloc(sizeof(Datum) * Max(n, 1));

	for (size_t i = 0; i < n; i++)
		values[i] = CStringGetTextDatum(v[i]);
	return PointerGetDatum(construct_array(values, (int) n, TEXTOID, -1, false, TYPALIGN_INT));
}

/* ---- hints ---- */

/*
 * Edits between word and candidate, ignoring the case of ASCII letters; a candidate that contains
 * the word ("knn" in "item_knn") is one edit away. Above limit: anything larger than it.
 */
static int
distance(const char *word, int len, const char *candidate, int limit)
{
	char *lower = pstrdup(candidate);
	int d;

	for (char *p = lower; *p; p++)
		*p = pg_ascii_tolower(*p);
	if (len >= 3 && strcmp(word, lower) != 0 && strstr(lower, word) != NULL)
		d = 1;
	else
		d = varstr_levenshtein_less_equal(word, len, lower, strlen(lower), 1, 1, 1, limit, true);
	pfree(lower);
	return d;
}

const char *
bm_nearest(const char *word, const char *const *candidates, int n)
{
	int len = strlen(word), best, chars;
	const char *nearest = NULL;
	char *lower;

	if (len == 0 || len > MAX_NEAREST)
		return NULL;
	lower = pstrdup(word);
	for (char *p = lower; *p; p++)
		*p = pg_ascii_tolower(*p);
	chars = pg_mbstrlen(word);
	best = Min(3, Max(1, chars / 2)) + 1; /* the server's own rule for misspelt columns */
	for (int i = 0; i < n; i++)
	{
		int d = strlen(candidates[i]) > MAX_NEAREST ? best
													: distance(lower, len, candidates[i], best - 1);

		if (d < best)
		{
			best = d;
			nearest = candidates[i];
		}
	}
	return nearest;
}

/* ---- set-returning functions ---- */

/* The row type that the caller expects; a single result column makes a row of one. */
static TupleDesc
result_desc(FunctionCallInfo fcinfo)
{
	TupleDesc desc = NULL;
	Oid type;

	switch (get_call_result_type(fcinfo, &type, &desc))
	{
	case TYPEFUNC_COMPOSITE:
		return CreateTupleDescCopy(desc);
	case TYPEFUNC_SCALAR:
		desc = CreateTemplateTupleDesc(1);
		TupleDescInitEntry(desc, 1, NULL, type, -1, 0);
		return desc;
	default:
		elog(ERROR, "a set-returning function is declared with a result that is no row");
	}
	return NULL;
}

void
bm_srf_begin(FunctionCallInfo fcinfo)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext old;

	if (result == NULL || !IsA(result, ReturnSetInfo) ||
		(result->allowedModes & SFRM_Materialize) == 0)
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("a function that returns rows was called where it cannot"),
						errhint("Call it in FROM: SELECT * FROM ...")));
	old = MemoryContextSwitchTo(result->econtext->ecxt_per_query_memory);
	result->returnMode = SFRM_Materialize;
	result->setDesc = result_desc(fcinfo);
	result->setResult = tuplestore_begin_heap((result->allowedModes & SFRM_Materialize_Random) != 0,
											  false, work_mem);
	MemoryContextSwitchTo(old);
}

void
bm_srf_row(FunctionCallInfo fcinfo, Datum *values, bool *nulls)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}
