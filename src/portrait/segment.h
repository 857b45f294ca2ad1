/*
 * segment.h
 *		Groups of users: what they are fitted on, and what is stored of them.
 */
#ifndef BM_SEGMENT_H
#define BM_SEGMENT_H

#include "core/stat/kmeans.h"
#include "model/registry.h"
#include "portrait/person.h"

#define BM_SEGMENT_TASK "segment"
#define BM_MOST_SEGMENTS 100
#define BM_MOST_COLUMNS 256

typedef enum BmSegmentKind
{
	BM_SEGMENT_RFM = 0, /* the first three are BmFeatureKind */
	BM_SEGMENT_RATES,
	BM_SEGMENT_ALL,
	BM_SEGMENT_EMBEDDING, /* mean of the items' vectors of a recommender */
	BM_SEGMENT_COLUMNS    /* of a table */
} BmSegmentKind;
#define BM_SEGMENT_SOURCES BM_SEGMENT_COLUMNS /* kinds that work on a source */

extern const char *const bm_segment_kinds[];

typedef struct BmSegmentOptions
{
	int starts, iterations, batch, sample, max_k, choose, min_events, seed, keep_versions;
	char *embedding_model;
	BmPersonOptions person; /* the tables share one json */
} BmSegmentOptions;

extern const BmOptionSpec bm_segment_options[];

/* What rows are made of. */
typedef struct BmSegmentInput
{
	BmSegmentKind kind;
	char *source;             /* or NULL */
	char *relation, *user_id; /* of a table, quoted and not; user_id may be NULL */
	char **column;            /* (d) of a table */
	int nevents;
	char **event; /* (nevents) behaviours, the lightest first */
	int64 end;    /* time at which recency ends; of a source */
	int min_events;
	size_t d;
	BmFeature feature[BM_MOST_FEATURES]; /* (d) of a source, embeddings apart */
	char **name;                         /* (d) of the features */
	char *embedding;                     /* model whose item vectors are used */
	int embedding_version;
} BmSegmentInput;

/* Rows that were read. */
typedef struct BmSegmentRows
{
	BmMem *mem;
	size_t n, capacity, d;
	float *x;     /* (n,d) */
	bool users;   /* keep keys */
	size_t *user; /* (n) offsets into text */
	char *text;
	size_t text_used, text_capacity;
	size_t skipped; /* rows with NULL or not finite values, users without what the kind needs */
} BmSegmentRows;

/* Read; user NULL: all. One user of a source is read through the index. */
extern void bm_segment_read(BmSegmentRows *out, BmSegmentInput *in, const BmSegmentOptions *o,
							const char *user, bool users, BmMem *mem, MemoryContext context,
							BmWatch *watch);
/* The row of a portrait that is at hand; false: it has none of this kind. */
extern bool bm_segment_row(float *x, const BmSegmentInput *in, const BmPortrait *p,
						   BmPeople *people);
/* Fill d, feature and name from kind, events and columns. */
extern void bm_segment_features(BmSegmentInput *in);

typedef struct BmSegmentModel
{
	BmVersion *version;
	BmSegmentInput in;
	BmSegmentOptions options;
	size_t k;
	float *centre;              /* (k,d) standardised */
	float *mean, *scale;        /* (d) */
	const int32 *number;        /* (k) */
	char **name, **description; /* (k) */
} BmSegmentModel;

/* The deployed version; name NULL: the only one of this task. 55000, 42809, XX001. */
extern BmSegmentModel *bm_segment_model(const char *name, int version, BmMem *mem);
/* The nearest segment of a row, which is standardised in place; the distance may be NULL. */
extern size_t bm_segment_nearest(const BmSegmentModel *m, float *x, double *distance);
/* What the deployed segments of the portrait's source say of it, as a JSON object; NULL: there are none. */
extern char *bm_segment_json(const BmPortrait *p, BmPeople *people);

#endif
