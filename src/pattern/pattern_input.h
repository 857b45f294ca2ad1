/*
 * pattern_input.h
 *		What sequential patterns are mined from, and with which options: shared by behav_patterns,
 *		behav_sequence_rules, behav_match_pattern and behav_emerging_patterns.
 */
#ifndef BM_PATTERN_INPUT_H
#define BM_PATTERN_INPUT_H

#include "core/mine/pattern.h"
#include "event/log.h"
#include "pg/options.h"

/* Sequences in memory with the names of their items and owners. */
typedef struct BmPatternInput
{
	BmSequenceSet set;
	const char *what;  /* for messages: source "shop" */
	const char *unit;  /* users, sessions, sequences */
	BmDictView tokens; /* of the set's codes */
	BmDictView more;   /* of the codes from tokens.n on; empty but for two inputs made one */
	bool marked;       /* elements of several items: items are marked with + */
	bool has_owners;
	BmDictView owners;
	uint32_t *owner; /* (set.n) code in owners; NULL: the sequence's own number */
} BmPatternInput;

/* Keys of options; which of them a function takes, its tables say. */
typedef struct BmPatternOptions
{
	char *of;      /* item, event or an attribute */
	int per;       /* BmPer */
	int element;   /* BmElement */
	Jsonb *events; /* behaviours to look at */
	bool collapse_repeats;
	int min_length, max_length; /* max 0: any */
	Jsonb *min_gap, *max_gap, *max_window;
	Jsonb *include, *exclude;
	int examples;
	bool details;
	int max_patterns;
	char *attribute, *value, *against_value; /* behav_emerging_patterns */
	BmPatternLimits limits;                  /* from the three above */
} BmPatternOptions;

typedef enum BmPer
{
	BM_PER_USER,
	BM_PER_SESSION
} BmPer;

typedef enum BmElement
{
	BM_ELEMENT_EVENT,
	BM_ELEMENT_TIME,
	BM_ELEMENT_SESSION
} BmElement;

/* Option tables: how sequences come from a source; limits on patterns; what is answered. */
extern const BmOptionSpec bm_pattern_source_options[];
extern const BmOptionSpec bm_pattern_limit_options[];
extern const BmOptionSpec bm_pattern_length_options[];
extern const BmOptionSpec bm_pattern_answer_options[];
extern const BmOptionSpec bm_pattern_group_options[];

/* Parse and check all of the NULL-ended list of tables; limits are complete afterwards. */
extern void bm_pattern_options(BmPatternOptions *o, Jsonb *json, const char *function,
							   const BmOptionSpec *const *tables, bool has_times);
/* The texts of a JSON array option, or of one text; *n = 0 for NULL. */
extern char **bm_pattern_words(Jsonb *json, const char *option, int *n);

/* ---- input ---- */

/* Read the sequences of a source. */
extern void bm_pattern_read_source(BmPatternInput *in, const char *source,
								   const BmPatternOptions *o, int64 since, int64 until, BmMem *mem,
								   MemoryContext context, BmWatch *watch);
/* '[["a", ["b", "c"]], ["a"]]' */
extern void bm_pattern_read_jsonb(BmPatternInput *in, Jsonb *json, BmMem *mem);
/* One array (or jsonb) column of a relation, a sequence a row; id NULL: owners have no names. */
extern void bm_pattern_read_column(BmPatternInput *in, Oid relid, const char *column,
								   const char *id, BmMem *mem);

/* Code of an item's text; 22023 naming argument, with the nearest item, when there is none. */
extern uint32_t bm_pattern_token(const BmPatternInput *in, const char *text, const char *argument);
/* The text of a code, palloc'd. */
extern char *bm_pattern_text(const BmPatternInput *in, uint32_t code);
/* Who a sequence belongs to, palloc'd. */
extern char *bm_pattern_owner(const BmPatternInput *in, size_t s);

/* ---- mining ---- */

/* Everything between the arguments and the rows. */
typedef struct BmPatternRun
{
	BmPatternInput in;
	BmPatternOptions options;
	BmPatternDb db;
	BmPatterns found;
	uint32_t *include; /* ids */
	BmMem mem;
	MemoryContext context; /* the run's memory; deleted by bm_pattern_end */
	BmWatch watch;
	uint32_t min_support;
	Datum *text;   /* (ids) of db, made on demand */
	Datum *joined; /* (ids) the same with + before it */
} BmPatternRun;

/* A run with its memory, progress under name. */
extern BmPatternRun *bm_pattern_begin(const char *name);
extern void bm_pattern_end(BmPatternRun *run);
/*
 * min_support as given (below 1 a share, else a count; NaN for none: 1) as a number of sequences;
 * 22023 when it is not positive, no integer, or above n.
 */
extern uint32_t bm_pattern_support(double min_support, const BmPatternInput *in);
/* Build the database and mine; errors name what to change. top 0: all. */
extern void bm_pattern_mine(BmPatternRun *run, BmPatternKind kind, size_t top);
/* Just the database, of all items: for matching. */
extern void bm_pattern_database(BmPatternRun *run);
/* Ids of the option include; false when one of them is infrequent: nothing contains it. */
extern bool bm_pattern_include(BmPatternRun *run, size_t *n);
/* BM_ELIMIT as "more than max_patterns"; others as bm_check. */
extern void bm_pattern_check(BmStatus status, const BmPatternRun *run, const char *rows);
/* Were the pattern's sequences found again? What is printed was then counted twice, by different code. */
extern void bm_pattern_verify(const BmPattern *p, const BmPatternDetail *d);
/* Tokens of a pattern as text[], items of one element after the first marked. */
extern Datum bm_pattern_array(BmPatternRun *run, const uint32_t *token, uint32_t length);
/* timestamptz argument as microseconds; dflt for NULL. */
extern int64 bm_pattern_time(FunctionCallInfo fcinfo, int arg, int64 dflt);

#endif
