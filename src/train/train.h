/*
 * train.h
 *		One training from request to saved version, in three phases, so that a background worker can
 *		commit between them and hold no snapshot while it computes.
 */
#ifndef BM_TRAIN_H
#define BM_TRAIN_H

#include "model/bound.h"
#include "train/choose.h"

typedef enum BmDeployRule
{
	BM_DEPLOY_IF_BETTER = 0,
	BM_DEPLOY_ALWAYS,
	BM_DEPLOY_NEVER
} BmDeployRule;

struct BmRows;

/* What is asked for; strings and options are copied. */
typedef struct BmRequest
{
	const char *model;
	const char *algorithm; /* NULL: choose */
	const char *source;    /* of events; NULL: the model's own, or that of its name */
	const char *data;      /* of rows: the relation, quoted where it must be; or NULL */
	const char *target;    /* with data */
	char **features;       /* (nfeatures) with data; none: all columns that can be one */
	int nfeatures;
	Jsonb *options;
	const char *deploy;
	int64 seed;
	/* a search of settings instead of one training; method NULL: none */
	const char *method; /* random | halving */
	Jsonb *space;       /* or NULL */
	int trials;
	bool update; /* fold new events into the deployed version: model, options and deploy count */
} BmRequest;

typedef struct BmTraining
{
	/* the request */
	char *model;
	char *algorithm;   /* NULL: choose */
	char *source_name; /* NULL: of rows */
	struct BmRows
		*rows; /* of rows (rows.h), else NULL; what is said of events below is then unused */
	struct BmTune *tune;     /* of behav_tune (tune.h), else NULL */
	struct BmUpdate *update; /* of behav_update (update.h), else NULL */
	Jsonb *json;
	BmDeployRule rule;
	int64 seed;

	/* the run */
	MemoryContext context; /* holds everything below */
	BmMem mem;
	BmWatch watch, cancel;
	BmTrainOptions options;
	BmSource *source;
	BmLog *log;
	BmModel *incumbent; /* the deployed version, or NULL */
	BmSplit *split;
	bool
		baselines; /* whatever is asked for, popular, seq_rules, item_knn and ease are candidates */
	BmRun run;
	BmChoice *choice;
	TimestampTz started;

	/* the outcome */
	BmFitted *final[BM_MAX_BLEND]; /* parts as they will be saved */
	float *popularity, *support, *weight;
	BmTensors *tensors;
	BmVersion version;
	bool refitted;
	bool deploy; /* decided by the rule */
	bool deployed;
	char *note;
} BmTraining;

/* Check names, options and rule; nothing is read yet. Makes a context under parent. */
extern BmTraining *bm_training_begin(const BmRequest *request, MemoryContext parent);
extern void bm_training_read(BmTraining *t);    /* needs a snapshot; takes the model's lock */
extern void bm_training_compute(BmTraining *t); /* touches no table */
extern void bm_training_save(BmTraining *t);    /* needs a snapshot; writes, deploys, prunes */
extern void bm_training_end(BmTraining *t);
/* All of it in the calling transaction, under the model's lock. */
extern void bm_training_run(BmTraining *t);
/*
 * With algorithm content among the names: read what items are, and items without events, into the log. Part
 * of the reading where the request names the candidates; behav_compare's are its own. Needs a snapshot.
 */
extern void bm_training_features(BmTraining *t, const char *const *names, int n);
/* Pieces of compute, for behav_compare and behav_evaluate: split and threads; then the choice. */
extern void
bm_training_open(BmTraining *t); /* threads and what every fit shares, without a split */
extern void bm_training_split(BmTraining *t);
extern void bm_training_choose(BmTraining *t, const char *const *names, int n);

/* From now on the clock of t->watch stops when this share of max_seconds has passed since the beginning. */
extern void bm_training_allow(BmTraining *t, double share);
/* Names of the candidates: the algorithm asked for, the option "candidates", or none (default). */
extern const char **bm_training_candidates(const BmTraining *t, int *n);

/* outcome.c: {"cases":..,"recall@10":..,...}; all measurements; the chosen options. */
extern char *bm_metrics_json(const BmMetrics *m, int k, size_t nitems);
extern Jsonb *bm_training_metrics(const BmTraining *t);
extern Jsonb *bm_choice_options(const BmChoice *c);

/* segment.c: the option "segment": its column read along; its tensors; its members of the encoder, or NULL. */
extern void bm_segment_column(BmTraining *t);
extern void bm_segment_tensors(BmTraining *t);
extern Jsonb *bm_segment_encoder(const BmTraining *t);

/* incumbent.c: metrics of a bound version (or of another blend in its codes) on this log's cases. */
extern BmMetrics bm_measure_model(BmTraining *t, const BmModel *model, const BmBlend *blend,
								  const BmCases *cases);
/* The code in `old` of the key that has this code in `items`; BM_NONE: not there. */
extern uint32_t bm_code_in(const BmDictView *items, uint32_t code, const BmDictView *old);
/*
 * Should the new version take the place of the deployed one? Compared on the same rows where the
 * deployed one has not seen them, else by the lift over popularity. note says which.
 */
extern bool bm_beats_incumbent(BmTraining *t, char **note);

/* background.c: start a worker for this request once the caller's transaction commits; its job id. */
extern int64 bm_background_train(const BmTraining *t);

#endif
