/*
 * funnel.h
 *		A funnel's definition as SQL gives it, and as the configuration words of a state.
 */
#ifndef BM_PATTERN_FUNNEL_H
#define BM_PATTERN_FUNNEL_H

#include "pg/flat.h"
#include "pg/options.h"
#include "core/mine/funnel.h"

/*
 * Configuration words: steps | exclusions << 8 | modes << 16 | has gaps << 32; the window in
 * microseconds; one word for each exclusion (from | to << 8 | drops the user << 16); where there are
 * gaps, one word for each step (microseconds, the first is 0).
 */
#define BM_FUNNEL_MAX_CONFIG (2 + BM_MAX_STEPS + BM_MAX_STEPS)

typedef struct BmFunnelConfig
{
	uint32 nwords;
	uint32 hash; /* bm_flat_hash */
	uint64 word[BM_FUNNEL_MAX_CONFIG];
} BmFunnelConfig;

/* What an option says beyond the numbers. */
typedef struct BmFunnelOptions
{
	Jsonb *mode;       /* a word or an array of words */
	Jsonb *max_gap;    /* an interval for all steps, or an array for steps 2, 3, ... */
	Jsonb *exclusions; /* an array of objects */
} BmFunnelOptions;

extern const BmOptionSpec bm_funnel_options[];

/*
 * Options as text: "strict_once, strict_increase", or a JSON object; NULL is none. conditions:
 * booleans given; the last ones belong to the exclusions. 22023 for whatever is wrong.
 */
extern void bm_funnel_config(BmFunnelConfig *config, int conditions, int64 within,
							 const char *options);
/* The same from options parsed already; steps without the exclusions. */
extern void bm_funnel_config_parsed(BmFunnelConfig *config, int steps, int64 within,
									const BmFunnelOptions *options);
/* Elements of a JSON array, or the value itself as one element: palloc'd. */
extern JsonbValue *bm_jsonb_elements(Jsonb *json, int *n);
/* The value of key in an object as palloc'd text (a string's own, else as JSON); NULL if absent. */
extern char *bm_jsonb_field(JsonbContainer *object, const char *key);

/*
 * The funnel that configuration words describe; gaps point into them. exclusions (BM_MAX_STEPS) is
 * filled. What is wrong with the words, or NULL.
 */
extern const char *bm_funnel_decode(BmFunnel *f, BmFunnelExclusion *exclusions, const uint64 *word,
									uint32 nwords);

#endif
