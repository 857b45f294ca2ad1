/*
 * fit.h
 *		One algorithm with one setting, fitted, bound and measured.
 */
#ifndef BM_FIT_H
#define BM_FIT_H

#include "model/algorithm.h"
#include "train/split.h"

/* What every fit of one run shares. */
typedef struct BmRun
{
	BmMem *mem;
	BmPool *pool;
	int threads;
	BmWatch *watch;  /* cancel or max_seconds: for one-shot fits */
	BmWatch *cancel; /* cancel only: for measuring, and for networks */
	uint64 seed;
	const BmTrainOptions *options;
	const uint32_t *cold; /* (ncold) items without an event in the training part, ascending */
	size_t ncold;
} BmRun;

struct BmFitted;

/*
 * How good the weights of a fit are on the validation part. It is asked after every epoch of a
 * network, whose best epoch is kept, and once at the end of the others.
 */
typedef struct BmJudge
{
	const char *metric; /* for progress lines and the history: "ndcg@10" */
	/* The quality of what f->bound answers now, higher is better; raises on cancel. */
	double (*measure)(const struct BmJudge *judge, struct BmFitted *f);
	/* The weights that were just measured are the best so far. May be NULL. */
	void (*kept)(const struct BmJudge *judge, struct BmFitted *f);
	void *arg;
} BmJudge;

typedef struct BmFitted
{
	const BmAlgorithm *algorithm;
	BmFitter fitter;
	void *settings;     /* the algorithm's option struct, complete */
	BmTensors *tensors; /* named "<algorithm>/..." */
	void *bound;
	int epochs;     /* that the weights took: the best epoch of a network */
	double seconds; /* of fitting, validation included */
	size_t bytes;   /* of the tensors */
	size_t memory;  /* most that the fit and its measuring took at a time */
	bool stopped;   /* max_seconds ended it early */
	double quality; /* of the kept weights, by the judge; NaN without one */
	BmMetrics latest, valid,
		test;       /* of recommenders: just measured; of what was kept; on the test part */
	Jsonb *history; /* [{"epoch":1,"loss":..,"ndcg@10":..,"seconds":..}] */
	BmFit fit;
	bool open;  /* fit still owns the tensors */
	void *copy; /* or this block, taken from mem, does */
	size_t copy_bytes;
	BmRun *run;
} BmFitted;

/* The sum-over-cases metric as a mean; 0 without cases. */
#define BM_MEAN(metrics, field) ((metrics).n ? (metrics).field / (double) (metrics).n : 0.0)

/* Settings of algorithm from json (defaults where absent), adapted to the data's size. */
extern void *bm_settings(const BmAlgorithm *algorithm, Jsonb *json, const BmFitSize *size);
/*
 * Fit on input->data or input->samples (the rest of input is filled in). With a judge, a network is
 * measured after each epoch, stops early and keeps its best epoch, and every algorithm is measured at
 * the end; without, it runs `epochs` epochs (0 = its own number). NULL when max_seconds ended it before
 * anything could be kept.
 */
extern BmFitted *bm_fit_input(BmRun *run, const BmAlgorithm *algorithm, void *settings,
							  const BmFit *input, const BmFitSize *size, const BmJudge *judge,
							  int epochs);
/*
 * The same for a recommender, judged by NDCG@k on cases (NULL: not judged), which also fills its
 * valid metrics.
 */
extern BmFitted *bm_fit(BmRun *run, const BmAlgorithm *algorithm, void *settings,
						const BmSequences *data, const BmCases *cases, int epochs);
/*
 * The same from earlier weights (NULL: from nothing), always `epochs` epochs: measured at the end alone,
 * since a handful of epochs neither stop early nor have a best one.
 */
extern BmFitted *bm_fit_from(BmRun *run, const BmAlgorithm *algorithm, void *settings,
							 const BmSequences *data, const BmCases *cases, int epochs,
							 const BmFitStart *start);
extern void bm_fitted_free(BmFitted *fitted); /* NULL is fine */
/* Metrics of a blend on cases; raises on cancel. */
extern BmMetrics bm_measure(BmRun *run, const BmBlend *blend, const BmCases *cases);
extern BmBlend bm_blend_of(const BmFitted *fitted, size_t nitems);
/*
 * Median milliseconds of one answer's scores and their best k, one history after the other and without
 * OpenBLAS, as in serving; over some of the cases.
 */
extern double bm_answer_ms(BmRun *run, const BmBlend *blend, const BmCases *cases);
/* No step may run past the deadline of run->watch; true when it has passed. */
extern bool bm_run_late(const BmRun *run);

#endif
