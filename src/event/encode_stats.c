/*
 * encode_stats.c
 *		behav_fit_encoder_stats(stats): an encoder from states of behav_column_agg and behav_category_agg, so
 *		that partitions, workers and servers can each look at their own rows.
 *
 * The states become a frame whose columns are spread as they are: all rows up to a million, a million
 * evenly spaced ranks beyond. What is fitted to a column depends on that column alone, so it does not matter
 * that the states do not know which values stood in one row.
 */
#include "event/encode.h"

#include "catalog/pg_type.h"
#include "utils/memutils.h"

#include "event/column_stats.h"

#define MOST_ROWS 1000000

typedef struct Stats
{
	int n;
	char **name, **state;
	Oid *type;
	int64 rows;
} Stats;

static int64
state_rows(const Stats *s, int j)
{
	return s->type[j] == TEXTOID ? bm_category_state_rows(s->state[j])
								 : bm_column_state_rows(s->state[j]);
}

static void
check_rows(const Stats *s, int j, int64 rows)
{
	if (j > 0 && rows != s->rows)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("states of columns \"%s\" and \"%s\" are not of the same rows",
							   s->name[0], s->name[j]),
						errdetail("They have seen %lld and %lld rows.", (long long) s->rows,
								  (long long) rows)));
}

/* {"age": "bm1:...", "city": "bm1:..."} */
static void
read_stats(Stats *s, Jsonb *json)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue v;
	int most = JB_ROOT_IS_OBJECT(json) ? (int) JB_ROOT_COUNT(json) : 0;

	if (most == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"stats\" must be an object of states by column"),
						errhint("SELECT behav_fit_encoder_stats(jsonb_build_object('age', "
								"behav_column_agg(age))) FROM ...")));
	memset(s, 0, sizeof(*s));
	s->name = palloc(sizeof(char *) * most);
	s->state = palloc(sizeof(char *) * most);
	s->type = palloc(sizeof(Oid) * most);
	it = JsonbIteratorInit(&json->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			s->name[s->n] = pnstrdup(v.val.string.val, v.val.string.len);
		if (token != WJB_VALUE)
			continue;
		if (v.type != jbvString)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("column \"%s\" has no state", s->name[s->n]),
							errhint("Give what behav_column_agg(value) or "
									"behav_category_agg(value::text) answers.")));
		s->state[s->n] = pnstrdup(v.val.string.val, v.val.string.len);
		s->type[s->n] = bm_is_category_state(s->state[s->n]) ? TEXTOID : FLOAT8OID;
		check_rows(s, s->n, state_rows(s, s->n));
		if (s->n++ == 0)
			s->rows = state_rows(s, 0);
	}
}

static BmFrame *
frame_of(const Stats *s, const BmEncodePlan *plan, BmMem *mem, const BmStop *stop)
{
	BmFrame *f = palloc0(sizeof(BmFrame));
	BmColumn *column = palloc0(sizeof(BmColumn) * s->n);
	size_t rows = (size_t) Min(s->rows, MOST_ROWS);

	for (int j = 0; j < s->n; j++)
	{
		column[j].name = s->name[j];
		column[j].kind = plan->column[j].kind;
	}
	bm_check_memory(mem, (size_t) (s->n + 2) * sizeof(double) * rows, "fitting an encoder",
					"Raise behavmine.max_memory, or give fewer columns.");
	bm_check(bmc_frame_init(f, column, (size_t) s->n, NULL, mem), "fit an encoder", NULL);
	bm_check(bmc_frame_grow(f, rows), "fit an encoder", NULL);
	f->n = rows;
	for (int j = 0; j < s->n; j++)
	{
		if (s->type[j] == TEXTOID)
			bm_check(bm_category_state_fill(&column[j], rows, s->state[j]), "fit an encoder", NULL);
		else
			bm_column_state_fill(&column[j], rows, s->state[j]);
		CHECK_FOR_INTERRUPTS();
	}
	bm_check(bmc_frame_canonical(f, false, stop), "fit an encoder", NULL);
	return f;
}

/* behav_fit_encoder_stats(stats, options) */
BM_FUNCTION(behav_fit_encoder_stats);
Datum
behav_fit_encoder_stats(PG_FUNCTION_ARGS)
{
	Jsonb *json = PG_ARGISNULL(1) ? NULL : PG_GETARG_JSONB_P(1), *result;
	MemoryContext context, old;
	BmEncodeOptions options;
	BmEncoderFit fit = {0};
	BmTableEncoder *encoder;
	BmEncodePlan *plan;
	BmWatch watch;
	Stats stats;
	BmMem mem;

	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("argument \"stats\" must not be null")));
	bm_encode_options_parse(&options, json);
	context =
		AllocSetContextCreate(CurrentMemoryContext, "behavmine encoder", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	bm_mem_init(&mem, context);
	bm_watch_init(&watch, 0);
	read_stats(&stats, PG_GETARG_JSONB_P(0));
	plan = bm_encode_plan_types(stats.name, stats.type, stats.n, &options);
	fit.stop = &watch.stop;
	encoder = bm_encode_fit(plan, frame_of(&stats, plan, &mem, &watch.stop), &fit, &mem);
	MemoryContextSwitchTo(old);
	result = bm_encode_jsonb(encoder, true);
	MemoryContextDelete(context);
	PG_RETURN_JSONB_P(result);
}
