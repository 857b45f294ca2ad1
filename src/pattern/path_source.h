/*
 * path_source.h
 *		From a source, or a state of behav_path_agg, to paths: options, names of nodes, anchors.
 */
#ifndef BM_PATH_SOURCE_H
#define BM_PATH_SOURCE_H

#include "core/mine/path.h"
#include "event/log.h"
#include "pg/options.h"

typedef enum BmPathSessions
{
	BM_SESSIONS_AUTO, /* the source's session_id column, else by gap */
	BM_SESSIONS_GAP,
	BM_SESSIONS_COLUMN,
	BM_SESSIONS_NONE /* all events of a user are one path */
} BmPathSessions;

typedef struct BmPathOptions
{
	char *node;         /* event, item, or a column; NULL: event, where there is one */
	int sessions;       /* BmPathSessions */
	double gap_minutes; /* 0: the source's */
	int min_users;
	Jsonb *exclude, *groups;
	bool collapse;
	bool reverse;
	int occurrence; /* 0 first, 1 last */
	bool exits;     /* to (exit); for transitions from (start) and to (end) */
	bool numbered;
} BmPathOptions;

/* Tables of options that share one struct: source and session rules, trimming, and what each adds. */
extern const BmOptionSpec bm_path_source_options[];
extern const BmOptionSpec bm_path_name_options[];
extern const BmOptionSpec bm_path_trim_options[];
/* Check json against n tables and fill o from them. */
extern void bm_path_options(BmPathOptions *o, Jsonb *json, const BmOptionSpec *const *specs, int n,
							const char *what);

/* Names of nodes: the dictionary of a column, or the names that groups made of it. */
typedef struct BmPathNames
{
	uint32_t n;
	const BmDictView *dict;
	BmDict grouped; /* where dict points then */
	uint8_t *flags; /* (n) BM_NODE_* */
	bool numbered;
} BmPathNames;

typedef struct BmPathData
{
	MemoryContext context; /* everything below; deleted by bm_path_close */
	MemoryContext row;     /* of the row in hand */
	BmMem mem;
	BmWatch watch;
	BmSource *source;
	BmLog *log;
	BmPathOptions options;
	BmPathNames names;
	BmPathRules rules; /* the caller sets depth before bm_path_build */
	BmPaths paths;
} BmPathData;

/* Read the source, [since, until), make its nodes. Arguments are those of the SQL function. */
extern void bm_path_open(BmPathData *d, const char *source, const BmPathOptions *options,
						 int64 since, int64 until);
/* Mark the nodes that a name or wildcard of an argument matches; NULL marks none. 22023 if it has none. */
extern void bm_path_anchor(BmPathData *d, const char *argument, const char *pattern, uint8_t flag);
extern void bm_path_build(BmPathData *d);
/* One result row, made while row was the current context; empties it, and looks for interrupts. */
extern void bm_path_row(FunctionCallInfo fcinfo, Datum *values, bool *nulls, MemoryContext row);
extern void bm_path_close(BmPathData *d);

/*
 * Codes of a column (n) become codes of nodes: excluded names BM_NONE, grouped ones joined. mem is
 * the caller's.
 */
extern uint32_t *bm_path_nodes(BmPathNames *names, const BmDictView *dict, const BmPathOptions *o,
							   BmMem *mem, MemoryContext context);
/* Mark nodes by name; false when none matches. */
extern bool bm_path_mark(BmPathNames *names, const char *pattern, uint8_t flag);
/* 22023: no node has this name; the nearest is offered. */
extern void bm_path_no_such_node(const BmPathNames *names, const char *argument,
								 const char *pattern, const char *where);
/* A node's name as text; layer numbers it ("2 cart") where the option says so, 0 never. */
extern Datum bm_path_name(const BmPathNames *names, uint32_t node, uint32_t layer);

/* since and until of a function: NULL and infinities mean open; 22023 when nothing lies between. */
extern void bm_arg_period(FunctionCallInfo fcinfo, int i, int64 *since, int64 *until);
extern Jsonb *bm_arg_jsonb(FunctionCallInfo fcinfo, int i);
/* Every pattern of an option that is an array of strings; *n = 0 for NULL. */
extern char **bm_option_strings(Jsonb *array, const char *option, int *n);

/* The core's status as an error that names what was done and what to lower. */
extern void bm_path_check(BmStatus status, const BmPathData *d, const char *doing);

#endif
