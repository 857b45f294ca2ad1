/*
 * pattern_run.c
 *		From sequences to patterns: names to codes, the support that is meant, the mining with its
 *		errors, patterns back to text.
 */
#include "pattern/pattern_input.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* Above so many items the nearest name is not searched for. */
#define MAX_SUGGEST 200000

/* ---- names ---- */

static uint32_t
find_key(const BmDictView *d, const char *text)
{
	char *end;
	int64 key;

	if (d->n == 0)
		return BM_NONE;
	if (d->kind == BM_KEY_BYTES)
		return bmc_dict_find_bytes(d, text, strlen(text));
	errno = 0;
	key = strtoll(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0')
		return BM_NONE;
	return bmc_dict_find_int(d, key);
}

char *
bm_pattern_text(const BmPatternInput *in, uint32_t code)
{
	return code < in->tokens.n ? bm_dict_text(&in->tokens, code)
							   : bm_dict_text(&in->more, code - in->tokens.n);
}

uint32_t
bm_pattern_token(const BmPatternInput *in, const char *text, const char *argument)
{
	uint32_t code = find_key(&in->tokens, text);
	const char *near = NULL;

	if (code != BM_NONE)
		return code;
	code = find_key(&in->more, text);
	if (code != BM_NONE)
		return in->tokens.n + code;
	if (in->set.nitems <= MAX_SUGGEST)
	{
		const char **names = palloc(sizeof(char *) * Max(in->set.nitems, 1));

		for (uint32_t c = 0; c < in->set.nitems; c++)
			names[c] = bm_pattern_text(in, c);
		near = bm_nearest(text, names, (int) in->set.nitems);
	}
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("%s names \"%s\", which does not occur in %s", argument, text, in->what),
					errdetail("%u different ones occur.", in->set.nitems),
					near ? errhint("Perhaps you meant \"%s\".", near)
						 : errhint("Names are compared as text, letter by letter.")));
	return BM_NONE;
}

char *
bm_pattern_owner(const BmPatternInput *in, size_t s)
{
	if (in->owner == NULL)
		return psprintf("%zu", s + 1);
	return in->owner[s] == BM_NONE ? NULL : bm_dict_text(&in->owners, in->owner[s]);
}

int64
bm_pattern_time(FunctionCallInfo fcinfo, int arg, int64 dflt)
{
	return PG_ARGISNULL(arg) ? dflt : (int64) PG_GETARG_TIMESTAMPTZ(arg);
}

/* ---- a run ---- */

BmPatternRun *
bm_pattern_begin(const char *name)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "behavmine patterns", ALLOCSET_DEFAULT_SIZES);
	BmPatternRun *run = MemoryContextAllocZero(context, sizeof(BmPatternRun));

	run->context = context;
	bm_mem_init(&run->mem, context);
	bm_watch_init(&run->watch, 0);
	bmc_patterns_init(&run->found, &run->mem);
	bm_progress_start(name);
	return run;
}

void
bm_pattern_end(BmPatternRun *run)
{
	bm_progress_end();
	MemoryContextDelete(run->context);
}

uint32_t
bm_pattern_support(double min_support, const BmPatternInput *in)
{
	double n = (double) in->set.n;
	double count;

	if (in->set.n == 0)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
						errmsg("%s has no %s with the events asked for", in->what, in->unit),
						errhint("Look at the option \"events\".")));
	if (isnan(min_support))
		return 1;
	if (!(min_support > 0.0) || isinf(min_support) ||
		(min_support >= 1.0 && min_support != floor(min_support)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"min_support\" cannot be %.15g", min_support),
				 errdetail("Below 1 it is a share of the %s, from 1 on their number.", in->unit),
				 errhint("For example min_support => 0.05, or min_support => 20.")));
	if (min_support >= 1.0)
		count = min_support;
	else
	{
		/* the least count whose share, as it is printed, is not below min_support */
		count = ceil(min_support * n);
		if (count > 1.0 && (count - 1.0) / n >= min_support)
			count -= 1.0;
		if (count / n < min_support)
			count += 1.0;
	}
	if (count > n)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"min_support\" is above the number of %s", in->unit),
						errdetail("It is %.15g; %s has %zu %s.", min_support, in->what, in->set.n,
								  in->unit),
						errhint("A share is below 1: min_support => 0.05.")));
	return (uint32_t) count;
}

void
bm_pattern_check(BmStatus status, const BmPatternRun *run, const char *rows)
{
	const BmPatternOptions *o = &run->options;

	if (status == BM_ELIMIT && run->found.n >= (size_t) o->max_patterns)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%s has more than %d %s", run->in.what, o->max_patterns, rows),
				 errdetail("They are contained in at least %u of %zu %s.", run->min_support,
						   run->in.set.n, run->in.unit),
				 errhint("Raise \"min_support\", set the option \"max_length\", \"max_gap\" or "
						 "\"max_window\", ask behav_patterns for the best with \"k\", or raise the "
						 "option \"max_patterns\".")));
	if (status == BM_ENOMEM)
		bm_check(status, psprintf("mine the patterns of %s", run->in.what),
				 psprintf("%zu patterns were found so far, contained in at least %u of %zu %s.",
						  run->found.n, run->min_support, run->in.set.n, run->in.unit));
	bm_check(status, psprintf("mine the patterns of %s", run->in.what), NULL);
}

void
bm_pattern_verify(const BmPattern *p, const BmPatternDetail *d)
{
	if (d->support != p->support)
		elog(ERROR, "a pattern of support %u was found in %u sequences", p->support, d->support);
}

/* Flags of the items of option exclude, or NULL. */
static bool *
excluded(BmPatternRun *run)
{
	int n;
	char **word = bm_pattern_words(run->options.exclude, "exclude", &n);
	bool *flag;

	if (n == 0)
		return NULL;
	flag = MemoryContextAllocExtended(run->context, Max(run->in.set.nitems, 1),
									  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < n; i++)
		flag[bm_pattern_token(&run->in, word[i], "option \"exclude\"")] = true;
	return flag;
}

bool
bm_pattern_include(BmPatternRun *run, size_t *n)
{
	int words;
	char **word = bm_pattern_words(run->options.include, "include", &words);

	*n = (size_t) words;
	run->include = palloc(sizeof(uint32_t) * Max(words, 1));
	for (int i = 0; i < words; i++)
	{
		uint32_t code = bm_pattern_token(&run->in, word[i], "option \"include\"");
		uint32_t id = 0;

		while (id < run->db.nitems && run->db.code[id] != code)
			id++;
		if (id == run->db.nitems)
			return false;
		run->include[i] = id;
	}
	return true;
}

/* Room for the items' texts. */
static void
prepare_texts(BmPatternRun *run)
{
	size_t bytes = sizeof(Datum) * Max(run->db.nitems, 1);

	run->text = MemoryContextAllocExtended(run->context, bytes, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	run->joined =
		MemoryContextAllocExtended(run->context, bytes, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

void
bm_pattern_database(BmPatternRun *run)
{
	bm_pattern_check(
		bmc_pattern_db_build(&run->db, &run->in.set, 1, NULL, &run->mem, &run->watch.stop), run,
		"patterns");
	prepare_texts(run);
}

/* See pattern_input.h. */
void
bm_pattern_mine(BmPatternRun *run, BmPatternKind kind, size_t top)
{
	const BmPatternOptions *o = &run->options;
	BmMineOptions mine = {
		.kind = kind,
		.min_support = run->min_support,
		.top = top,
		.min_length = (uint32_t) o->min_length,
		.max_length = o->max_length > 0 ? (uint32_t) o->max_length : UINT32_MAX,
		.limits = o->limits,
		.max_patterns = (size_t) o->max_patterns,
	};

	bm_progress_phase(BM_PHASE_FIT, "patterns");
	bm_pattern_check(bmc_pattern_db_build(&run->db, &run->in.set, run->min_support, excluded(run),
										  &run->mem, &run->watch.stop),
					 run, "patterns");
	prepare_texts(run);
	if (!bm_pattern_include(run, &mine.ninclude))
		return; /* an item that must be there is infrequent, or excluded: no pattern has it */
	mine.include = run->include;
	bm_pattern_check(bmc_patterns_mine(&run->found, &run->db, &mine, &run->mem, &run->watch.stop),
					 run, "patterns");
}

/* ---- back to text ---- */

/*
 * An item as it stands in a pattern: as it is; where elements have several items, those after the
 * first begin with +, and a first one that itself begins with + or \ has a \ before it.
 */
static Datum
item_text(BmPatternRun *run, uint32_t id, bool joined)
{
	Datum *slot = joined ? &run->joined[id] : &run->text[id];

	if (*slot == (Datum) 0)
	{
		MemoryContext old = MemoryContextSwitchTo(run->context);
		char *s = bm_pattern_text(&run->in, run->db.code[id]);

		if (joined)
			s = psprintf("+%s", s);
		else if (run->in.marked && (s[0] == '+' || s[0] == '\\'))
			s = psprintf("\\%s", s);
		*slot = bm_text_datum(s);
		MemoryContextSwitchTo(old);
	}
	return *slot;
}

/* See pattern_input.h. */
Datum
bm_pattern_array(BmPatternRun *run, const uint32_t *token, uint32_t length)
{
	Datum *value = palloc(sizeof(Datum) * Max(length, 1));

	for (uint32_t t = 0; t < length; t++)
		value[t] = item_text(run, BM_TOKEN_ID(token[t]), BM_TOKEN_JOINED(token[t]));
	return PointerGetDatum(construct_array(value, (int) length, TEXTOID, -1, false, TYPALIGN_INT));
}
