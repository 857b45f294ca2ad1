/*
 * rows.h
 *		Training on the rows of a table or view: what is read, how it is cut, what is measured.
 *
 * The columns of the frame are the features in order, then the target, then the columns that only the
 * split asks for. The encoder is fitted inside the training part, the candidates on its output; the
 * choice is fitted once more on everything, with an encoder of everything.
 */
#ifndef BM_ROWS_H
#define BM_ROWS_H

#include "core/stat/metrics.h"
#include "core/stat/row_encoder.h"
#include "event/window.h"
#include "train/train.h"

extern int bm_max_classes; /* setting behavmine.max_classes */

typedef enum BmRowTask
{
	BM_TASK_AUTO = 0,
	BM_TASK_CLASSIFY,
	BM_TASK_REGRESS
} BmRowTask;

/* In the order of the option "metric" and of the table in row_metrics.c. */
typedef enum BmRowMetric
{
	BM_METRIC_AUTO = 0, /* auc; r2 for values */
	BM_METRIC_AUC,
	BM_METRIC_PR_AUC,
	BM_METRIC_ACCURACY,
	BM_METRIC_PRECISION,
	BM_METRIC_RECALL,
	BM_METRIC_F1,
	BM_METRIC_LOG_LOSS,
	BM_METRIC_BRIER,
	BM_METRIC_RMSE,
	BM_METRIC_MAE,
	BM_METRIC_R2,
	BM_NMETRICS
} BmRowMetric;

typedef enum BmCalibration
{
	BM_CALIBRATE_NONE = 0,
	BM_CALIBRATE_ISOTONIC,
	BM_CALIBRATE_PLATT
} BmCalibration;

typedef struct BmRowOptions
{
	int task;           /* BmRowTask */
	char *positive;     /* class 1 of a binary problem; NULL: true, or the last class */
	char *time, *group; /* columns that the split goes by; NULL: at random */
	double valid_share, test_share;
	int folds;     /* of a cross-validation; 0: none */
	int metric;    /* BmRowMetric */
	bool balanced; /* classes weigh the same in the fit */
	int threshold; /* BmThresholdRule */
	int calibrate; /* BmCalibration */
	int repeats;   /* shuffles of the permutation importance; 0: none */
} BmRowOptions;

extern const BmOptionSpec bm_row_common_spec[]; /* into BmTrainOptions */
extern const BmOptionSpec bm_row_own_spec[];    /* into BmRowOptions */
/* Into BmEncodeOptions, without the key "folds", which is that of the cross-validation here. */
extern const BmOptionSpec *bm_row_encode_spec(void);

/* One part of the rows, encoded. */
typedef struct BmPart
{
	uint32_t *row; /* (n) of the frame */
	size_t n;
	BmSamples samples;
	BmSamples pooled; /* of windows: as one row each */
} BmPart;

/* What is measured of answers. */
typedef struct BmRowQuality
{
	double value
		[BM_NMETRICS]; /* NaN where a metric does not apply; precision, recall, F1 and AUC are of
								  class 1 of a binary problem, else means over the classes */
	BmAccuracy accuracy;
	double n;
} BmRowQuality;

/* One candidate at its best setting. */
typedef struct BmRowCandidate
{
	BmFitted *fitted;
	double threshold; /* chosen on validation */
	BmRowQuality valid, test;
} BmRowCandidate;

/* Probabilities that were made honest on the validation part. */
typedef struct BmCalibrated
{
	BmCalibration kind;
	float *knot; /* (nsteps, 3) of an isotonic regression */
	size_t nsteps;
	double a, b; /* of Platt scaling */
} BmCalibrated;

typedef enum BmWindowTask
{
	BM_TASK_NEXT_EVENT = 0, /* which behaviour comes next */
	BM_TASK_WILL            /* does one happen within a time after a cut */
} BmWindowTask;

typedef struct BmWindowOptions
{
	int task;        /* BmWindowTask */
	char *event;     /* of BM_TASK_WILL; NULL: any purchase */
	char *within;    /* an interval */
	int steps;       /* most events of a window */
	int max_windows; /* of the training part; a quarter of it in each of the others */
	char *since, *until;
} BmWindowOptions;

/* One sample: what it sees ends before `at`, its label is settled in [at, settled]. */
typedef struct BmWindow
{
	uint32_t user;
	size_t first, last; /* events of the log [first, last) */
	int64_t at, settled;
	float y;
	uint8_t part; /* 0 training, 1 validation, 2 test */
} BmWindow;

typedef struct BmWindows
{
	char *source_name;
	Jsonb *json; /* options: those given over those remembered */
	BmWindowOptions options;
	int64 within;
	BmSource *source;
	BmLog *log;
	int64 valid_from, test_from;
	BmWindow *window; /* (rows->n) */
	size_t nrows;     /* of the frame */
	size_t *end;      /* (rows->n) rows of a sample: [end - length, end) */
	uint32_t *length;
	uint32_t *train_row; /* (ntrain_rows) what the encoder of the training part may see */
	size_t ntrain_rows;
	const BmTableEncoder *encoded; /* the encoder whose rows these are: */
	float *x;                      /* (nrows, width) */
	uint32_t *code;                /* (nrows, ncodes) */
	/* of the baseline that knows the last behaviour, on the test part: over all, and by class */
	BmRowQuality markov;
	BmClassMetrics *markov_class;
} BmWindows;

typedef struct BmRows
{
	/* the request */
	BmWindows *windows;  /* rows are events and samples windows of them; else NULL */
	char *relation_name; /* quoted */
	char *target;
	char **asked; /* (nasked) features by name, or none */
	int nasked;
	BmRowOptions options;
	BmEncodeOptions encode;

	/* the data */
	Oid relation;
	BmEncodePlan *plan;
	BmFrameColumn *column; /* (frame->ncolumns) the plan's */
	int nfeatures;
	int time_column, group_column; /* of the frame, or -1 */
	BmFrame *frame;
	BmFrame features; /* the first nfeatures columns of frame */
	uint32_t *row;    /* (n) with a target */
	size_t n, dropped;
	size_t classes;
	char **class_name; /* (classes) by code */
	float *y;          /* (frame->n) */
	float *weight;     /* (classes), or NULL */

	/* the run */
	BmPart train, valid, test, all;
	char protocol[200];
	BmTableEncoder *encoder; /* of the training part; after the refit of all rows */
	int ncandidates;
	BmRowCandidate candidate[BM_MAX_CANDIDATES];
	int best;
	BmFitted *final;
	BmCalibrated calibrated;
	BmRowQuality baseline; /* on the test part */
	float *test_p;         /* answers of the best candidate for the test part */
	double threshold;
	double *importance, *importance_sd; /* (nfeatures) loss of quality, or NULL */
	int folds_done;
	double cv_mean[BM_NMETRICS], cv_sd[BM_NMETRICS];
} BmRows;

/* NULL when the request names no data and the model does not know rows; 22023 on half a request. */
extern BmRows *bm_rows_begin(const BmRequest *request);
extern void bm_rows_request_json(StringInfo s, const BmRows *r);
extern void bm_rows_read(BmTraining *t);      /* row_read.c */
extern void bm_rows_compute(BmTraining *t);   /* row_train.c */
extern void bm_rows_incumbent(BmTraining *t); /* what is deployed, for the rule if_better */
/* A value of a target column, not missing, as classes are named; palloc'd or constant. */
extern char *bm_target_text(const BmColumn *c, size_t row);

/* row_split.c: train, valid and test, or all of fold k but a test part of it. 22000 on a bad side. */
extern void bm_rows_split(BmTraining *t);
extern void bm_rows_fold(BmTraining *t, BmPart *train, BmPart *test, int fold);

/* row_encode.c */
extern BmTableEncoder *bm_rows_fit_encoder(BmTraining *t, const BmPart *part);
extern void bm_part_encode(BmTraining *t, BmPart *part, const BmTableEncoder *e, bool fitted);
extern void bm_part_release(BmTraining *t, BmPart *part); /* its encoded samples */
extern void bm_rows_notice_leaks(const BmRows *r, BmMem *mem);

/* row_metrics.c */
extern const char *const bm_row_metric_name[BM_NMETRICS];
extern bool bm_metric_is_loss(BmRowMetric metric);
extern BmRowMetric bm_rows_metric(const BmRows *r); /* what candidates are chosen by */
/* Answers for all of s by a bound predictor, into p; threads of pool (may be NULL). */
extern void bm_predict_all(float *p, const BmPredictor *predictor, const void *bound,
						   const BmSamples *s, BmPool *pool, BmMem *mem, BmWatch *watch,
						   bool fast_blas);
extern void bm_row_quality(BmRowQuality *q, const BmAnswers *a, BmMem *mem);
extern void bm_calibrate(float *p, size_t n, const BmCalibrated *c);

/* row_outcome.c */
extern void bm_rows_fill_version(BmTraining *t);
extern bool bm_rows_beat_incumbent(BmTraining *t, char **note);
extern void bm_append_quality(StringInfo s, const BmRowQuality *q);
/* ,"confusion":[..],"calibration":[..],"lift":[..],"classes":{..} of answers */
extern void bm_append_tables(StringInfo s, const BmAnswers *a, char *const *class_name, int bins,
							 BmMem *mem);

/* window_options.c */
extern const BmOptionSpec bm_window_spec[]; /* into BmWindowOptions */
extern const BmOptionSpec *
bm_window_row_spec(void); /* into BmRowOptions: what windows have of it */
extern BmWindows *bm_windows_begin(const BmRequest *request); /* NULL: not asked for, not known */
extern void bm_windows_encoder_json(StringInfo s, const BmRows *r);
/* window_read.c: the log, its windows and their rows as a frame */
extern void bm_windows_read(BmTraining *t);
/* window_encode.c */
extern BmTableEncoder *bm_windows_fit_encoder(BmTraining *t, const BmPart *part);
extern void bm_windows_encode(BmTraining *t, BmPart *part, const BmTableEncoder *e);
extern void bm_windows_markov(BmTraining *t);
/* A few samples of s with rows of their own, in mem, for measurements that change them. */
extern BmSamples bm_windows_sample(const BmSamples *s, size_t most, BmMem *mem);
extern void bm_windows_sample_free(BmSamples *s, BmMem *mem);
/* Windows as rows: x and code in mem, the rest shared. */
extern BmSamples bm_windows_pooled(const BmSamples *s, BmMem *mem);
/* The samples of a part as an algorithm takes them. */
extern const BmSamples *bm_part_for(const BmPart *part, const BmAlgorithm *a);

/* ,"name":value; null for what is no number. */
extern void bm_append_number(StringInfo s, const char *name, double v);

#endif
