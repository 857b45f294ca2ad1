/*
 * portrait.h
 *		Portraits as stored bytes, as JSON, and beside what else is known of a user.
 */
#ifndef BM_PORTRAIT_ROOM_H
#define BM_PORTRAIT_ROOM_H

#include "portrait/person.h"

/* ---- stored form (portrait_state.c) ---- */
/* Append the portrait, names instead of codes, to buf. */
extern void bm_portrait_encode(StringInfo buf, const BmPortrait *p, const BmDictView *events,
							   const BmDictView *names);
/* XX001 when the bytes are no portrait. Names get codes of events and names (BM_TALLIES). */
extern void bm_portrait_decode(BmPortrait *p, BmDict *events, BmDict *names, const char *bytes,
							   size_t len);
/* The unit vector of the taste alone (BM_PORTRAIT_TASTE); nothing else is looked at. */
extern void bm_portrait_taste_of(float *out, const char *bytes, size_t len);

/* ---- what is said (portrait_json.c) ---- */
typedef struct BmPortraitContext
{
	const char *source; /* NULL: not said */
	const char *user;
	TimestampTz at;
	const BmDictView *events, *names; /* names (BM_TALLIES) */
	const double *shop;               /* transitions in the order of p->event, or NULL */
	double alive;                     /* probability; NaN: unknown */
	const char *alive_model;
	const char *segment; /* JSON object, or NULL */
} BmPortraitContext;

extern Jsonb *bm_portrait_jsonb(const BmPortrait *p, const BmPortraitContext *c);

/* ---- what is kept of a source (portraits.c) ---- */
typedef struct BmPortraitSource
{
	bool filled;
	Jsonb *options;
	TimestampTz watermark;
	int n;         /* behaviours */
	char **event;  /* (n) */
	double *count; /* (n,n) transitions */
} BmPortraitSource;

extern void bm_portrait_source(BmPortraitSource *out, const char *source);
/* (p->nevents, p->nevents) in the order of p, or NULL. */
extern double *bm_portrait_shop(const BmPortrait *p, const BmDictView *events, int n, char **event,
								const double *count);
/* The only source that the role sees, when name is NULL; else name. 55000, 42725. */
extern char *bm_one_source(const char *name);
/* The user's key of argument i as text, of whatever type the overload takes. */
extern char *bm_arg_user(FunctionCallInfo fcinfo, int i);

#endif
