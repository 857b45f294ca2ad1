/*
 * retention_state.c
 *		behav_retention(c1, c2, ...): did c1 happen in any row, and with it c2, c3, ...
 *
 * The definition of ClickHouse's aggregate of that name, for up to 64 conditions. The state is a set of
 * bits, united by or.
 */
#include "pg/flat.h"

#include "catalog/pg_type.h"
#include "utils/array.h"

#define MOST_CONDITIONS 64

/* One configuration word, how many conditions there are; one entry, which of them happened. */
static inline uint64
all_bits(uint64 conditions)
{
	return conditions >= 64 ? ~UINT64CONST(0) : (UINT64CONST(1) << conditions) - 1;
}

static const char *
check_retention(const BmFlat *s)
{
	uint64 conditions = *bm_flat_config(s);

	if (conditions < 1 || conditions > MOST_CONDITIONS)
		return "It has a wrong number of conditions.";
	if (s->n != 1 || (*bm_flat_entries(s) & ~all_bits(conditions)) != 0)
		return "Its conditions do not fit their number.";
	return NULL;
}

static const BmFlatKind retention_kind = {.type = "behav_retention_state",
										  .config = "number of conditions",
										  .id = BM_FLAT_RETENTION,
										  .version = 1,
										  .words = 1,
										  .times = false,
										  .config_words = 1,
										  .check = check_retention};

BM_FLAT_FUNCTION(behav_retention_state, in, retention_kind);
BM_FLAT_FUNCTION(behav_retention_state, out, retention_kind);
BM_FLAT_FUNCTION(behav_retention_state, recv, retention_kind);
BM_FLAT_FUNCTION(behav_retention_state, send, retention_kind);

/* A row's conditions as bits; NULL is false. */
static uint64
conditions_argument(FunctionCallInfo fcinfo, int i, uint64 *n)
{
	ArrayType *array = PG_ARGISNULL(i) ? NULL : PG_GETARG_ARRAYTYPE_P(i);
	int count = array && ARR_NDIM(array) == 1 ? ARR_DIMS(array)[0] : 0, at = 0;
	const bool *value;
	const uint8 *filled;
	uint64 bits = 0;

	if (count < 1 || count > MOST_CONDITIONS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("behav_retention needs 1 to %d conditions", MOST_CONDITIONS),
				 array && ARR_NDIM(array) > 1 ? errdetail("They are no array of one dimension.")
											  : errdetail("It got %d.", count)));
	value = (const bool *) ARR_DATA_PTR(array);
	filled = ARR_NULLBITMAP(array);
	for (int c = 0; c < count; c++)
	{
		if (filled && !(filled[c / 8] & (1 << (c % 8))))
			continue; /* a NULL takes no room */
		if (value[at++])
			bits |= UINT64CONST(1) << c;
	}
	*n = (uint64) count;
	return bits;
}

/* behav_retention_accum(state, VARIADIC conditions boolean[]) */
BM_FUNCTION(behav_retention_accum);
Datum
behav_retention_accum(PG_FUNCTION_ARGS)
{
	BmFlat *s = bm_flat_writable(fcinfo, &retention_kind);
	uint64 n, bits = conditions_argument(fcinfo, 1, &n);

	if (s == NULL)
		PG_RETURN_POINTER(bm_flat_push(bm_flat_new(&retention_kind, &n), &bits));
	if (*bm_flat_config(s) != n)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("the number of conditions changes within one group"),
						errdetail("It was %d, and is now %d.", (int) *bm_flat_config(s), (int) n)));
	*bm_flat_entries(s) |= bits;
	PG_RETURN_POINTER(s);
}

BM_FUNCTION(behav_retention_state_combine);
Datum
behav_retention_state_combine(PG_FUNCTION_ARGS)
{
	BmFlat *a = bm_flat_writable(fcinfo, &retention_kind);
	const BmFlat *b;

	if (PG_ARGISNULL(1) || a == NULL)
		return bm_flat_combine(fcinfo, &retention_kind);
	b = bm_flat_get(PG_GETARG_DATUM(1), &retention_kind);
	if (*bm_flat_config(a) != *bm_flat_config(b))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("states of type %s differ in %s", retention_kind.type,
							   retention_kind.config),
						errdetail("They have %d and %d.", (int) *bm_flat_config(a),
								  (int) *bm_flat_config(b))));
	*bm_flat_entries(a) |= *bm_flat_entries(b);
	PG_RETURN_POINTER(a);
}

BM_FUNCTION(behav_retention_state_final);
Datum
behav_retention_state_final(PG_FUNCTION_ARGS)
{
	return bm_flat_final(fcinfo, &retention_kind);
}

/* [c1, c1 and c2, c1 and c3, ...] of argument 0: FINALFUNC of behav_retention, and its accessor. */
BM_FUNCTION(behav_retention_of_state);
Datum
behav_retention_of_state(PG_FUNCTION_ARGS)
{
	const BmFlat *s;
	Datum values[MOST_CONDITIONS];
	uint64 bits;
	int n;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	s = bm_flat_get(PG_GETARG_DATUM(0), &retention_kind);
	n = (int) *bm_flat_config(s);
	bits = s->n > 0 && (*bm_flat_entries(s) & 1) ? *bm_flat_entries(s) : 0;
	for (int c = 0; c < n && c < MOST_CONDITIONS; c++)
		values[c] = BoolGetDatum((bits >> c & 1) != 0);
	PG_RETURN_ARRAYTYPE_P(
		construct_array(values, Min(n, MOST_CONDITIONS), BOOLOID, 1, true, TYPALIGN_CHAR));
}
