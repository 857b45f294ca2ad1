/*
 * sequence_state.c
 *		The state of event sequences: a row's conditions into an entry, the pattern into the
 *		configuration, so that a state is all that an answer needs.
 *
 * An event of no condition is not kept, for a sequence pattern does not see it; row patterns do, so
 * their states keep every row. 16 bytes an event.
 */
#include "pattern/sequence.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "port/pg_bswap.h"
#include "utils/array.h"
#include "utils/timestamp.h"

#include "pattern/caret.h"

#define FLAG_ALL_ROWS 1

static const char *check_sequence(const BmFlat *state);

const BmFlatKind bm_sequence_kind = {.type = "behav_sequence_state",
									 .config = "pattern, limit on the time and conditions",
									 .id = BM_FLAT_SEQUENCE,
									 .version = 1,
									 .words = 2,
									 .times = true,
									 .config_words = BM_SEQUENCE_HEAD,
									 .config_max = BM_SEQUENCE_CONFIG,
									 .check = check_sequence};

BM_FLAT_TYPE(behav_sequence_state, bm_sequence_kind);
BM_FLAT_FUNCTION(behav_sequence_state, events, bm_sequence_kind);
BM_FLAT_FUNCTION(behav_sequence_state, ignored, bm_sequence_kind);

/* ---- configuration ---- */

/* Bytes as words and back, the same on every machine. */
static void
pack(uint64 *words, const char *bytes, Size n)
{
	for (Size i = 0; i < n; i += 8)
	{
		uint64 w = 0;

		memcpy(&w, bytes + i, Min(8, n - i));
#ifdef WORDS_BIGENDIAN
		w = pg_bswap64(w);
#endif
		words[i / 8] = w;
	}
}

static void
unpack(char *bytes, const uint64 *words, Size n)
{
	for (Size i = 0; i < n; i += 8)
	{
		uint64 w = words[i / 8];

#ifdef WORDS_BIGENDIAN
		w = pg_bswap64(w);
#endif
		memcpy(bytes + i, &w, Min(8, n - i));
	}
}

uint32
bm_sequence_encode(uint64 *words, const BmSequenceConfig *config)
{
	Size n = (Size) config->pattern_bytes + config->names_bytes;
	char *bytes = palloc(n + 1);

	words[0] = config->conditions | (config->all_rows ? FLAG_ALL_ROWS << 8 : 0);
	words[1] = config->within;
	words[2] = (uint64) config->pattern_bytes | (uint64) config->names_bytes << 32;
	memcpy(bytes, config->pattern, config->pattern_bytes);
	memcpy(bytes + config->pattern_bytes, config->names, config->names_bytes);
	pack(words + BM_SEQUENCE_HEAD, bytes, n);
	pfree(bytes);
	return BM_SEQUENCE_HEAD + (uint32) ((n + 7) / 8);
}

/* What is wrong with the words, or NULL and *config. */
static const char *
decode(BmSequenceConfig *config, const BmFlat *s)
{
	const uint64 *words = bm_flat_config(s);
	uint64 pattern = words[2] & PG_UINT32_MAX, names = words[2] >> 32;
	char *bytes;

	config->conditions = (int) (words[0] & 255);
	config->all_rows = words[0] >> 8 & FLAG_ALL_ROWS;
	config->within = words[1];
	if (config->conditions < 1 || config->conditions > BM_MAX_CONDITIONS || words[0] >> 9 != 0)
		return "Its number of conditions is impossible.";
	if (pattern > BM_MAX_PATTERN_BYTES || names > BM_MAX_PATTERN_BYTES ||
		s->config_words != BM_SEQUENCE_HEAD + (pattern + names + 7) / 8)
		return "Its pattern does not fit its length.";
	bytes = palloc(pattern + names + 1);
	unpack(bytes, words + BM_SEQUENCE_HEAD, pattern + names);
	bytes[pattern + names] = '\0';
	config->pattern = bytes;
	config->pattern_bytes = (int) pattern;
	config->names = bytes + pattern;
	config->names_bytes = (int) names;
	return NULL;
}

/* As many names as conditions where there are any, each with its NUL, all in the server's encoding. */
static const char *
check_texts(const BmSequenceConfig *config)
{
	const char *name = config->names, *end = config->names + config->names_bytes;
	int n = 0;

	if (memchr(config->pattern, '\0', config->pattern_bytes) ||
		!pg_verifymbstr(config->pattern, config->pattern_bytes, true))
		return "Its pattern is no text of this database.";
	for (; name < end; name += strlen(name) + 1, n++)
		if (!pg_verifymbstr(name, (int) strlen(name), true))
			return "A name of a condition is no text of this database.";
	if (name != end || n != (config->all_rows ? config->conditions : 0))
		return "Its names are not as many as its conditions.";
	return NULL;
}

/* A value from outside. */
static const char *
check_sequence(const BmFlat *state)
{
	const uint64 *entry = bm_flat_entries(state);
	BmSequenceConfig config;
	const char *wrong = decode(&config, state);
	uint64 beyond;

	if (wrong == NULL)
		wrong = check_texts(&config);
	if (wrong)
		return wrong;
	beyond = config.conditions == 64 ? 0 : ~UINT64CONST(0) >> config.conditions;
	for (int64 i = 0; i < state->n; i++)
	{
		uint64 word = entry[2 * i + 1];

		if ((word & beyond) != beyond)
			return "It has an event with conditions that it does not have.";
		if (word == BM_NO_CONDITION && !config.all_rows)
			return "It has an event without a condition.";
		if (i % 0x10000 == 0)
			CHECK_FOR_INTERRUPTS();
	}
	return NULL;
}

void
bm_sequence_config(BmSequenceConfig *config, const BmFlat *s)
{
	const char *wrong = decode(config, s);

	if (wrong)
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
						errmsg("a value of type %s is damaged", bm_sequence_kind.type),
						errdetail("%s", wrong)));
}

void
bm_sequence_compile(BmSequencePattern *p, const char *pattern, int bytes, int conditions)
{
	BmPatternError error;

	if (bmc_sequence_parse(p, pattern, bytes, conditions, &error) != BM_OK)
		bm_raise_pattern(pattern, bytes, &error,
						 conditions == 1
							 ? "This call has one condition, (?1)."
							 : psprintf("This call has conditions (?1) to (?%d).", conditions));
}

uint64
bm_arg_within(FunctionCallInfo fcinfo, int i)
{
	return PG_ARGISNULL(i) ? 0 : (uint64) bm_interval_micros(PG_GETARG_INTERVAL_P(i), "within");
}

/* ---- transition ---- */

/*
 * What the last call worked out from its arguments, by their bytes. Only a shortcut: without it, each
 * call would work the same out again.
 */
typedef struct SequenceCache
{
	uint64 within;
	int conditions;
	struct varlena *source; /* pattern, or names of the conditions for row patterns; NULL */
	struct varlena *names;  /* of the events that make the conditions true; NULL for booleans */
	const char *name[BM_MAX_CONDITIONS]; /* into names */
	int len[BM_MAX_CONDITIONS];
	uint32 nwords; /* of configuration */
	uint64 word[FLEXIBLE_ARRAY_MEMBER];
} SequenceCache;

static void
raise_conditions(int n)
{
	if (n == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("a sequence needs at least one condition"),
						errhint("Give boolean expressions behind the time.")));
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("a sequence has too many conditions"),
			 errdetail("It has %d; the limit is %d.", n, BM_MAX_CONDITIONS)));
}

uint64
bm_arg_conditions(FunctionCallInfo fcinfo, int arg, int *conditions)
{
	ArrayType *array;
	const bits8 *nulls;
	const char *value;
	uint64 word = BM_NO_CONDITION;
	int n;

	if (PG_ARGISNULL(arg))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("the array of conditions must not be null"),
						errhint("A condition may be null: it is then false.")));
	array = PG_GETARG_ARRAYTYPE_P(arg);
	if (ARR_NDIM(array) > 1)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("the conditions must be an array of one dimension")));
	n = ARR_NDIM(array) == 0 ? 0 : ARR_DIMS(array)[0];
	if (n < 1 || n > BM_MAX_CONDITIONS)
		raise_conditions(n);
	value = ARR_DATA_PTR(array);
	nulls = ARR_NULLBITMAP(array);
	for (int c = 0; c < n; c++)
	{
		if (nulls && !(nulls[c / 8] >> (c % 8) & 1))
			continue;
		if (*value++)
			word ^= bmc_condition_bit(c);
	}
	*conditions = n;
	return word;
}

/* Fills a configuration from the bytes of the argument that varies: a pattern, or names. */
typedef void (*ConfigFn)(BmSequenceConfig *config, Datum source);

static void
pattern_config(BmSequenceConfig *config, Datum source)
{
	const text *pattern = DatumGetTextPP(source);
	BmSequencePattern compiled;

	config->pattern = VARDATA_ANY(pattern);
	config->pattern_bytes = VARSIZE_ANY_EXHDR(pattern);
	if (config->pattern_bytes > BM_MAX_PATTERN_BYTES)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("a pattern is too long"),
						errdetail("It has %d bytes; the limit is %d.", config->pattern_bytes,
								  BM_MAX_PATTERN_BYTES)));
	bm_sequence_compile(&compiled, config->pattern, config->pattern_bytes, config->conditions);
}

static void
raise_names(int names, int conditions)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("each condition needs a name of its own"),
					names != conditions
						? errdetail("There are %d names for %d conditions.", names, conditions)
						: errdetail("A name is empty, NULL or there twice.")));
}

/* text[] as its elements, one after the other with a NUL behind each. */
static void
names_config(BmSequenceConfig *config, Datum source)
{
	ArrayType *array = DatumGetArrayTypeP(source);
	StringInfoData s;
	Datum *name;
	bool *nulls;
	int n;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &name, &nulls, &n);
	if (n != config->conditions || ARR_NDIM(array) > 1)
		raise_names(n, config->conditions);
	initStringInfo(&s);
	for (int i = 0; i < n; i++)
	{
		text *t = nulls[i] ? NULL : DatumGetTextPP(name[i]);

		if (t == NULL || VARSIZE_ANY_EXHDR(t) == 0)
			raise_names(n, n);
		for (int j = 0; j < i; j++)
			if (DatumGetBool(DirectFunctionCall2Coll(texteq, C_COLLATION_OID, name[i], name[j])))
				raise_names(n, n);
		appendBinaryStringInfo(&s, VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t));
		appendStringInfoChar(&s, '\0');
	}
	if (s.len > BM_MAX_PATTERN_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the names of the conditions are too long"),
				 errdetail("They have %d bytes; the limit is %d.", s.len, BM_MAX_PATTERN_BYTES)));
	config->all_rows = true;
	config->names = s.data;
	config->names_bytes = s.len;
}

/* The same value, whichever header it has? */
static bool
same_bytes(const struct varlena *a, const struct varlena *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return VARSIZE_ANY_EXHDR(a) == VARSIZE_ANY_EXHDR(b) &&
		   memcmp(VARDATA_ANY(a), VARDATA_ANY(b), VARSIZE_ANY_EXHDR(a)) == 0;
}

static struct varlena *
copy_bytes(MemoryContext context, const struct varlena *v)
{
	return v ? memcpy(MemoryContextAlloc(context, VARSIZE_ANY(v)), v, VARSIZE_ANY(v)) : NULL;
}

/* The elements of the cached array of names. */
static void
read_names(SequenceCache *cache)
{
	Datum *name;
	bool *nulls;
	int n;

	deconstruct_array((ArrayType *) cache->names, TEXTOID, -1, false, TYPALIGN_INT, &name, &nulls,
					  &n);
	for (int i = 0; i < n; i++)
	{
		if (nulls[i])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("the names of events must not be null")));
		cache->name[i] = VARDATA_ANY(DatumGetPointer(name[i]));
		cache->len[i] = VARSIZE_ANY_EXHDR(DatumGetPointer(name[i]));
	}
}

static void
free_cache(FmgrInfo *flinfo)
{
	SequenceCache *cache = flinfo->fn_extra;

	flinfo->fn_extra = NULL;
	if (cache == NULL)
		return;
	if (cache->source)
		pfree(cache->source);
	if (cache->names)
		pfree(cache->names);
	pfree(cache);
}

static SequenceCache *
make_cache(FunctionCallInfo fcinfo, const struct varlena *source, const struct varlena *names,
		   uint64 within, int conditions, ConfigFn fill)
{
	BmSequenceConfig config = {.conditions = conditions, .within = within};
	uint64 *words = palloc(sizeof(uint64) * BM_SEQUENCE_CONFIG);
	MemoryContext context = fcinfo->flinfo->fn_mcxt;
	SequenceCache *cache;
	uint32 nwords;

	free_cache(fcinfo->flinfo);
	config.pattern = config.names = "";
	if (source)
		fill(&config, PointerGetDatum(source));
	nwords = bm_sequence_encode(words, &config);
	cache = MemoryContextAlloc(context, offsetof(SequenceCache, word) + sizeof(uint64) * nwords);
	cache->within = within;
	cache->conditions = conditions;
	cache->source = copy_bytes(context, source);
	cache->names = copy_bytes(context, names);
	if (names)
		read_names(cache);
	cache->nwords = nwords;
	memcpy(cache->word, words, sizeof(uint64) * nwords);
	pfree(words);
	fcinfo->flinfo->fn_extra = cache;
	return cache;
}

static void
check_same(const BmFlat *s, const SequenceCache *cache)
{
	if (s->config_words != cache->nwords ||
		memcmp(bm_flat_config(s), cache->word, sizeof(uint64) * cache->nwords) != 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("the pattern or the number of conditions changes within a group"),
						errhint("Give them as constants, or group by what they depend on.")));
}

/* Argument i as it is, short or not; NULL for NULL. */
static struct varlena *
arg_varlena(FunctionCallInfo fcinfo, int i)
{
	return PG_ARGISNULL(i) ? NULL : (struct varlena *) PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(i));
}

/* The state, new or not, with one more row. */
static Datum
add_row(FunctionCallInfo fcinfo, const SequenceCache *cache, int ts, uint64 word, bool all_rows)
{
	BmFlat *s = bm_flat_writable(fcinfo, &bm_sequence_kind);

	if (s == NULL)
		s = bm_flat_new_config(&bm_sequence_kind, cache->word, cache->nwords);
	else
		check_same(s, cache);
	if (PG_ARGISNULL(ts) || TIMESTAMP_NOT_FINITE(PG_GETARG_TIMESTAMPTZ(ts)))
		s->ignored++;
	else if (word != BM_NO_CONDITION || all_rows)
		s = bm_flat_add(s, PG_GETARG_TIMESTAMPTZ(ts), word);
	PG_RETURN_POINTER(s);
}

/* Arguments: state, pattern or names, within if there is one, time (number ts), conditions. */
static Datum
accumulate(FunctionCallInfo fcinfo, int ts, ConfigFn fill)
{
	const struct varlena *source = arg_varlena(fcinfo, 1);
	uint64 within = ts == 3 ? bm_arg_within(fcinfo, 2) : 0, word;
	const SequenceCache *cache = fcinfo->flinfo->fn_extra;
	int conditions;

	word = bm_arg_conditions(fcinfo, ts + 1, &conditions);
	if (cache == NULL || cache->within != within || cache->conditions != conditions ||
		!same_bytes(cache->source, source))
		cache = make_cache(fcinfo, source, NULL, within, conditions, fill);
	return add_row(fcinfo, cache, ts, word, fill == names_config);
}

/* The conditions that an event of this text makes true; bytes are compared. */
static uint64
event_word(FunctionCallInfo fcinfo, int i, const SequenceCache *cache)
{
	const struct varlena *event = arg_varlena(fcinfo, i);
	uint64 word = BM_NO_CONDITION;

	for (int c = 0; event && c < cache->conditions; c++)
		if (VARSIZE_ANY_EXHDR(event) == cache->len[c] &&
			memcmp(VARDATA_ANY(event), cache->name[c], cache->len[c]) == 0)
			word ^= bmc_condition_bit(c);
	return word;
}

/* As accumulate, with conditions as an event (argument event) and the names that it is compared with. */
static Datum
accumulate_names(FunctionCallInfo fcinfo, int ts, int names_arg, ConfigFn fill)
{
	const struct varlena *source = arg_varlena(fcinfo, 1), *names = arg_varlena(fcinfo, names_arg);
	uint64 within = ts == 3 ? bm_arg_within(fcinfo, 2) : 0;
	const SequenceCache *cache = fcinfo->flinfo->fn_extra;

	if (names == NULL)
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("the names of events must not be null")));
	if (cache == NULL || cache->within != within || !same_bytes(cache->source, source) ||
		!same_bytes(cache->names, names))
	{
		/* not packed: its elements are pointed to */
		ArrayType *array = DatumGetArrayTypeP(PG_GETARG_DATUM(names_arg));
		int n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));

		if (n < 1 || n > BM_MAX_CONDITIONS)
			raise_conditions(n);
		cache = make_cache(fcinfo, source, (struct varlena *) array, within, n, fill);
	}
	return add_row(fcinfo, cache, ts, event_word(fcinfo, ts + 1, cache), fill == names_config);
}

/* (state, pattern, ts, VARIADIC conditions) */
BM_FUNCTION(behav_sequence_state_accum);
Datum
behav_sequence_state_accum(PG_FUNCTION_ARGS)
{
	return accumulate(fcinfo, 2, pattern_config);
}

/* (state, pattern, within, ts, VARIADIC conditions) */
BM_FUNCTION(behav_sequence_state_accum_within);
Datum
behav_sequence_state_accum_within(PG_FUNCTION_ARGS)
{
	return accumulate(fcinfo, 3, pattern_config);
}

/* (state, pattern, ts, event, names of events) */
BM_FUNCTION(behav_sequence_state_accum_names);
Datum
behav_sequence_state_accum_names(PG_FUNCTION_ARGS)
{
	return accumulate_names(fcinfo, 2, 4, pattern_config);
}

/* (state, pattern, within, ts, event, names of events) */
BM_FUNCTION(behav_sequence_state_accum_names_within);
Datum
behav_sequence_state_accum_names_within(PG_FUNCTION_ARGS)
{
	return accumulate_names(fcinfo, 3, 5, pattern_config);
}

/* (state, names, ts, VARIADIC conditions) */
BM_FUNCTION(behav_sequence_state_accum_rows);
Datum
behav_sequence_state_accum_rows(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(1))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("argument \"names\" must not be null")));
	return accumulate(fcinfo, 2, names_config);
}

/* (state, names of events, ts, event) */
BM_FUNCTION(behav_sequence_state_accum_rows_names);
Datum
behav_sequence_state_accum_rows_names(PG_FUNCTION_ARGS)
{
	return accumulate_names(fcinfo, 2, 1, names_config);
}
