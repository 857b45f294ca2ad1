/*
 * options.h
 *		Options given as jsonb, checked key by key against a table and stored into a plain struct.
 */
#ifndef BM_OPTIONS_H
#define BM_OPTIONS_H

#include "pg/pg.h"
#include "utils/jsonb.h"

typedef enum BmOptionType
{
	BM_OPT_INT,   /* int */
	BM_OPT_FLOAT, /* double */
	BM_OPT_BOOL,  /* bool */
	BM_OPT_ENUM,  /* int: index into the '|'-separated choices */
	BM_OPT_TEXT,  /* char *, palloc'd, or NULL */
	BM_OPT_JSON   /* Jsonb *, or NULL: the value as it is (event weights, candidates) */
} BmOptionType;

typedef struct BmOptionSpec
{
	const char *name; /* NULL ends the table */
	BmOptionType type;
	size_t offset;       /* into the struct */
	const char *dflt;    /* as text: "64", "0.2", "true", "cosine"; NULL for NULL */
	double min, max;     /* BM_OPT_INT, BM_OPT_FLOAT, inclusive */
	const char *choices; /* BM_OPT_ENUM: "cosine|tfidf|bm25" */
	const char *doc;     /* one sentence */
} BmOptionSpec;

/*
 * Fill target with defaults, then with the keys of json (an object, or NULL). Several tables may
 * share one json: parse with every table in turn, after bm_options_check has seen them all.
 */
extern void bm_options_parse(void *target, const BmOptionSpec *spec, Jsonb *json);
/* 22023 for a key in none of the n tables, with the nearest valid name; also for a non-object. */
extern void bm_options_check(Jsonb *json, const BmOptionSpec *const *specs, int n,
							 const char *what);
/* The struct back as a jsonb object: what a version stores, every value explicit. */
extern Jsonb *bm_options_jsonb(const void *target, const BmOptionSpec *spec);
/* JSON that we wrote ourselves. */
extern Jsonb *bm_jsonb_parse(const char *text);
/* Merge two objects, right wins. Either may be NULL. */
extern Jsonb *bm_jsonb_merge(Jsonb *a, Jsonb *b);

#endif
