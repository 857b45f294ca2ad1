/*
 * row_encoder.h
 *		From the columns of a table to numbers and codes that a model can take, by what was seen in the
 *		training rows only: imputation, clipping, scaling, one-hot, hashing, ordinal, target and cyclic
 *		encodings.
 *
 * Fitted once, then a pure function of a row. Column j of the encoder is column j of every frame it
 * is applied to; a frame may have more columns (a target) behind them. Nothing that is fitted depends on the order of the rows, but for the folds of the
 * target encoding: put the frame into canonical order first.
 */
#ifndef BM_ROW_ENCODER_H
#define BM_ROW_ENCODER_H

#include "core/num/fit.h"
#include "core/num/tensor.h"
#include "core/stat/frame.h"

/* Written into stored encoders, as are the next three: never renumber, never reuse. */
typedef enum BmEncode
{
	BM_ENCODE_AUTO = 0, /* by the column's kind; keys: one-hot, or target or hash beyond the cap */
	BM_ENCODE_SKIP,     /* no feature (the target, an id, a column that only orders) */
	BM_ENCODE_NUMBER,   /* one number: number, boolean */
	BM_ENCODE_ONEHOT,   /* a 0/1 for each category, and "other" */
	BM_ENCODE_HASH,     /* +1 or -1 in one of a fixed number of buckets (Weinberger et al. 2009) */
	BM_ENCODE_ORDINAL,  /* the category's rank, by key or by a given order; unseen = missing */
	BM_ENCODE_TARGET, /* the smoothed mean of the target (Micci-Barreca 2001), out of fold in fits */
	BM_ENCODE_EMBED,  /* a code for an embedding layer: categories, then other, then missing */
	BM_ENCODE_TIME,   /* sines and cosines of the parts of a time, and a trend */
	BM_ENCODE_VECTOR  /* each component a feature */
} BmEncode;

typedef enum BmImpute
{
	BM_IMPUTE_AUTO = 0, /* numbers: median; booleans: mode; keys: none; vectors: mean */
	BM_IMPUTE_NONE,     /* keys only: missing is a category of its own */
	BM_IMPUTE_MEAN,
	BM_IMPUTE_MEDIAN,
	BM_IMPUTE_MODE,       /* the most frequent value, the smallest of several */
	BM_IMPUTE_CONSTANT,   /* spec->constant, or spec->constant_key */
	BM_IMPUTE_INTERPOLATE /* on the line through the training values in the order of column by */
} BmImpute;

typedef enum BmScale
{
	BM_SCALE_AUTO = 0, /* z-score; booleans, vectors and means of classes: none; ordinal: min-max */
	BM_SCALE_NONE,
	BM_SCALE_MINMAX, /* to [0,1]; beyond the training range: the nearest end */
	BM_SCALE_ZSCORE,
	BM_SCALE_ROBUST /* by median and interquartile range; where that is 0 by standard deviation */
} BmScale;

typedef enum BmClip
{
	BM_CLIP_NONE = 0,
	BM_CLIP_QUANTILE, /* to the quantiles clip_low and clip_high */
	BM_CLIP_IQR       /* to fence interquartile ranges beyond the quartiles (Tukey) */
} BmClip;

typedef enum BmFlag
{
	BM_FLAG_AUTO = 0, /* a 0/1 "is missing" where the training rows have missing values */
	BM_FLAG_ON,
	BM_FLAG_OFF
} BmFlag;

/* Parts of a time: bits of spec->parts; 0 = those that vary in the training rows. */
#define BM_PART_HOUR 1     /* of the day, with minutes and seconds */
#define BM_PART_WEEKDAY 2  /* Monday = 0 */
#define BM_PART_MONTHDAY 4 /* by the length of its month */
#define BM_PART_MONTH 8    /* January = 0 */
#define BM_PART_TREND 16   /* 0 at the first training row, 1 at the last; goes on beyond */
#define BM_PART_ALL 31

#define BM_MAX_CATEGORIES 65536 /* kept for one column */
#define BM_MAX_BUCKETS 65536
#define BM_MAX_FEATURES 65536 /* numbers of one encoded row */
#define BM_MAX_KNOTS 1024     /* of an interpolation */
#define BM_TARGET_CLASSES 64  /* beyond, no target encoding */
#define BM_MAX_FOLDS 64
#define BM_ONEHOT_CATEGORIES 32 /* default cap */

/* What is asked for one column; bmc_column_spec() gives the defaults. */
typedef struct BmColumnSpec
{
	BmEncode encode;
	BmImpute impute;
	BmScale scale;
	BmClip clip;
	BmFlag flag;
	bool nonfinite;           /* NaN and infinities count as missing; false: BM_ENOTFINITE */
	double constant;          /* BM_IMPUTE_CONSTANT of numbers, booleans, vectors and ranks */
	const char *constant_key; /* of keys */
	size_t by;                /* column that orders an interpolation: number or time */
	double clip_low, clip_high;
	double fence;
	uint32_t
		max_categories; /* the most frequent ones, the rest is "other"; 0: 32, or all but of one-hot */
	uint32_t min_count; /* a category has at least so many training rows */
	uint32_t buckets;
	double smoothing; /* rows of the overall mean added to each category's */
	uint32_t parts;
	const char *const *order; /* (norder) categories of an ordinal encoding, lowest first */
	size_t norder;            /* 0: by key */
} BmColumnSpec;

extern BmColumnSpec bmc_column_spec(void);

/* Why a column has no feature. */
typedef enum BmDropped
{
	BM_KEPT = 0,
	BM_DROPPED_ASKED,    /* BM_ENCODE_SKIP */
	BM_DROPPED_CONSTANT, /* one value in all training rows */
	BM_DROPPED_EMPTY     /* no value in any */
} BmDropped;

/* One column as fitted; everything is resolved, nothing is AUTO but where it is unused. */
typedef struct BmEncoderColumn
{
	const char *name; /* the frame's or the caller's; not stored in tensors */
	BmColumnKind kind;
	uint32_t dim;
	BmEncode encode;
	BmImpute impute;
	BmScale scale;
	BmClip clip;
	BmDropped dropped;
	bool value;     /* the value itself is a feature; false: its "is missing" alone */
	bool flag;      /* the last feature says that the value was missing */
	bool nonfinite; /* as in the spec */
	size_t first;   /* its first feature, width 0: none */
	size_t width;
	size_t code;             /* its code among the ncodes, of BM_ENCODE_EMBED */
	size_t by;               /* column that orders an interpolation */
	double fill;             /* what stands for a missing value, before clipping and scaling */
	double low, high;        /* clipped to; -INFINITY and INFINITY: not */
	double center, scale_by; /* feature = (value - center) * scale_by */
	uint32_t parts;
	uint32_t buckets;
	uint32_t fill_category; /* category of what is missing: < ncategories, other or missing */
	uint32_t ncategories;   /* K; K is "other", K + 1 "missing" */
	size_t seen;            /* training rows */
	size_t missing;         /* of them without a value */
	size_t distinct;        /* categories met in them, kept or not */
	BmDict keys;            /* of the K categories */
	/*
	 * Ragged numbers: ordinal: (K + 2) ranks; target: (outputs, K + 2) means; vector: (3, dim) fill,
	 * center, scale_by; interpolation: (2, nknots) positions and values behind those.
	 */
	double *table;
	size_t ntable;
	size_t nknots;
	double *out_of_fold; /* (folds, outputs, K + 2) of a fit; never stored */
} BmEncoderColumn;

typedef struct BmRowEncoder
{
	size_t ncolumns;
	BmEncoderColumn *column;
	size_t width;          /* features of a row */
	size_t ncodes;         /* codes of a row */
	uint32_t *cardinality; /* (ncodes); room for ncolumns */
	size_t outputs;        /* of a target encoding: classes where there are more than two, else 1 */
	uint32_t folds;        /* of it; 0: none */
	uint64_t seed;
	BmMem *mem;   /* of everything above */
	void *stored; /* what bmc_encoder_tensors gave away */
} BmRowEncoder;

typedef struct BmEncoderFit
{
	size_t ncolumns;      /* the first columns of the frame; 0: all */
	const uint32_t *rows; /* (nrows) training rows of the frame; NULL: all */
	size_t nrows;
	const float *y; /* (f->n) target by row of the frame; NULL: none, and no target encoding */
	size_t classes; /* as in BmSamples: y is a class code, or a number where 0 */
	uint32_t folds; /* 2..64; 0: 5 */
	uint64_t seed;
	const BmStop *stop;
	size_t column;   /* out: the column that a failure is about */
	char error[160]; /* out: what is wrong, a full sentence; empty where the status says it all */
} BmEncoderFit;

/*
 * Fit e (not yet initialised) on the training rows of f; spec (ncolumns). BM_EINVAL: an encoding or
 * imputation that does not fit the column's kind, no rows; BM_ENOTFINITE: NaN or an infinity in a column
 * whose spec does not allow it; BM_ELIMIT: more than BM_MAX_FEATURES. Free e after a failure, too.
 */
extern BmStatus bmc_encoder_fit(BmRowEncoder *e, const BmFrame *f, const BmColumnSpec *spec,
								BmEncoderFit *fit, BmMem *mem);
extern void bmc_encoder_free(BmRowEncoder *e);

/*
 * Encode rows (n) of f, NULL: rows 0..n-1, into x (n, width) and code (n, ncodes), either of which may
 * be NULL. fitted: the rows were the training rows of this fit, so target encodings are out of fold.
 * BM_EINVAL when f's columns differ from the encoder's in number, kind or dimension.
 */
extern BmStatus bmc_encoder_apply(float *x, uint32_t *code, const BmRowEncoder *e, const BmFrame *f,
								  const uint32_t *rows, size_t n, bool fitted, BmMem *mem,
								  BmPool *pool, const BmStop *stop);

/* One value of a row that is in no frame. */
typedef struct BmCell
{
	bool missing;
	bool nonfinite;      /* missing because it is NaN or infinite */
	double number;       /* number; boolean as 0 or 1 */
	int64_t key;         /* integer key, or the time */
	const char *bytes;   /* key */
	size_t len;          /* of bytes; of vector */
	const float *vector; /* (dim), finite */
} BmCell;

/* The same for one row: cell (ncolumns). Never allocates. */
extern void bmc_encoder_row(float *x, uint32_t *code, const BmRowEncoder *e, const BmCell *cell);

/* "age", "age missing", "city=Paris", "city other", "visited hour sin", "text[3]"; cut to size bytes. */
extern void bmc_encoder_feature(const BmRowEncoder *e, size_t feature, char *name, size_t size,
								size_t *column);

/*
 * The encoder as tensors, all of them int32, numbers of 64 bits as their lower and upper half, so that
 * nothing is rounded: "encoder" (8), "column" (ncolumns, 24), "number" (ncolumns, 8, 2), "table" (m, 2),
 * "key" (m, 2): integer keys, or where a key ends in "blob" (m), which packs bytes lowest first. They
 * belong to e and live until the next call. Names are kept elsewhere.
 */
extern BmStatus bmc_encoder_tensors(BmRowEncoder *e, const char *prefix, BmTensors *out);
/*
 * Back from tensors; everything in them is checked. What is wrong, or NULL; e must be freed either
 * way. Out of memory: "out of memory". Names are NULL until the caller sets them.
 */
extern const char *bmc_encoder_bind(BmRowEncoder *e, const BmTensors *t, const char *prefix,
									BmMem *mem);

#endif
