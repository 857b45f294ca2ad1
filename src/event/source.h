/*
 * source.h
 *		A registered event source: which relation, which columns, which cleaning and session rules.
 */
#ifndef BM_SOURCE_H
#define BM_SOURCE_H

#include "pg/options.h"

/* Cleaning and session rules: keys of behav_source(options => ...). Spec table in source.c. */
typedef struct BmSourceOptions
{
	bool drop_duplicates;           /* default true */
	int min_item_count;             /* default 1 */
	int min_user_count;             /* default 1 */
	double robot_events_per_day;    /* default 5000; mean over active days; 0 = off */
	double robot_events_per_minute; /* default 120; in any minute; 0 = off */
	char *min_time;                 /* default '1971-01-01' */
	char *max_time;                 /* default NULL: a day after the reading transaction began */
	double session_gap_minutes;     /* default 30 */
	Jsonb *event_weights;           /* {"view":1,"cart":3,"purchase":5}; default: by name */
	Jsonb *purchase_events;         /* ["purchase","buy"]; default: by name; no event column: all */
	Jsonb *ignore_events;           /* ["search"]; default []: kept out of item sequences */
	char *items_key;                /* column of the table of items; default NULL: see items.h */
} BmSourceOptions;

extern const BmOptionSpec bm_source_options[];

#define BM_MAX_EXTRA 4

/* A column read along with the events: its values become codes of a dictionary. */
typedef struct BmExtraColumn
{
	const char *column; /* unquoted */
	bool number; /* read as float8: the dictionary's keys are its bits; else as itself or as text */
	Oid type;    /* set by bm_source_extra; a domain's base type */
} BmExtraColumn;

typedef struct BmSource
{
	char *name;
	char *owner;
	char *relation;               /* schema-qualified and quoted, as text */
	char *user_id, *item_id, *ts; /* column names, unquoted */
	char *user_key;               /* SQL (of text) read in the place of user_id, or NULL */
	char *event, *value, *quantity, *session_id; /* or NULL */
	char **attributes;
	int nattributes;
	char *items;  /* item table, quoted, or NULL */
	char *preset; /* or NULL */
	BmSourceOptions options;
	Oid relid;                         /* resolved now, never stored */
	Oid user_type, item_type, ts_type; /* resolved now; a domain's base type */
	bool user_int, item_int; /* smallint/integer/bigint: kept as int64, else as text output */
	/* What one use of the source asks for besides; set after bm_source_load, never stored. */
	BmExtraColumn *extra; /* (nextra) columns to read along */
	int nextra;           /* at most BM_MAX_EXTRA */
	bool itemless;        /* keep events without an item; their item is BM_NONE */
} BmSource;

/* 42704 with the nearest name when there is none; 42P01/42703 when its relation or columns are gone. */
extern BmSource *bm_source_load(const char *name);
/* Find the columns and their types once relation and relid are set; what is wrong is an error. */
extern void bm_source_resolve(BmSource *s);
/*
 * SQL expressions for the SELECT list over bm_source's relation: user and item as bigint or text,
 * time as timestamptz (timestamp, date, timestamptz, and integer/float epoch seconds or milliseconds are accepted).
 */
extern char *bm_source_user_expr(const BmSource *s);
extern char *bm_source_item_expr(const BmSource *s);
extern char *bm_source_time_expr(const BmSource *s);

/* Check and resolve s->extra; what names the argument or option in errors: 42703, 42804. */
extern void bm_source_extra(BmSource *s, int i, const char *what);

/* Smallint, integer or bigint. */
extern bool bm_type_is_int(Oid type);
/* Can a column of this type be a time? */
extern bool bm_type_is_time(Oid type);
/* The relation's columns in order, dropped ones left out. */
extern char **bm_relation_columns(Oid relid, int *n);
/* The planner's idea of the relation's rows; 0 when it has none. */
extern double bm_relation_rows(Oid relid);
/* Schema-qualified and quoted; a temporary relation as pg_temp.name. */
extern char *bm_relation_name(Oid relid);
/* Does a valid index begin with the user's column and go on with the time's? */
extern bool bm_source_has_index(const BmSource *s);
/* The statement that makes it, or NULL for what cannot have one (a view, a foreign table). */
extern char *bm_source_index_statement(const BmSource *s);

#endif
