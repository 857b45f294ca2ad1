/*
 * Encoders of rows: against naive formulas on random columns, against numbers that scikit-learn 1.9 gives
 * (RobustScaler, StandardScaler, TargetEncoder), through tensors and back, row by row as in blocks.
 */
#include "unit.h"
#include "core/num/rng.h"
#include "core/stat/row_encoder.h"

#define DAY INT64_C(86400000000)

/* A frame of up to 8 columns, filled by the tests. */
typedef struct World
{
	UnitHeap heap;
	BmMem *mem;
	BmColumn column[8];
	BmFrame f;
	BmColumnSpec spec[8];
	BmRowEncoder e;
	BmEncoderFit fit;
} World;

static void
world(World *w, size_t n, size_t ncolumns, const BmColumnKind *kind, uint32_t dim)
{
	memset(w, 0, sizeof(*w));
	w->mem = unit_heap(&w->heap);
	for (size_t j = 0; j < ncolumns; j++)
	{
		static const char *const name[] = {"a", "b", "c", "d", "e", "f", "g", "h"};

		w->column[j].name = name[j];
		w->column[j].kind = kind[j];
		w->column[j].dim = dim;
		w->spec[j] = bmc_column_spec();
	}
	CHECK_INT(bmc_frame_init(&w->f, w->column, ncolumns, NULL, w->mem), BM_OK);
	CHECK_INT(bmc_frame_grow(&w->f, n), BM_OK);
	w->f.n = n;
}

static void
leave(World *w)
{
	bmc_encoder_free(&w->e);
	bmc_frame_free(&w->f);
	CHECK_INT(w->heap.live, 0);
}

static uint32_t
key(World *w, size_t j, const char *text)
{
	uint32_t code;

	CHECK_INT(bmc_dict_put_bytes(&w->column[j].dict, text, strlen(text), &code), BM_OK);
	return code;
}

static void
fit(World *w)
{
	BmStatus status = bmc_encoder_fit(&w->e, &w->f, w->spec, &w->fit, w->mem);

	CHECK_INT(status, BM_OK);
	if (status != BM_OK)
		printf("# column %zu: %s\n", w->fit.column, w->fit.error);
}

static float *
apply(World *w, bool fitted)
{
	float *x = malloc((w->f.n * w->e.width + 1) * sizeof(float));

	CHECK_INT(bmc_encoder_apply(x, NULL, &w->e, &w->f, NULL, w->f.n, fitted, w->mem, NULL, NULL),
			  BM_OK);
	return x;
}

/* ---- numbers ---- */

static const double powers[] = {1, 2, 4, 8, 16, 32, 64, 128};

static void
test_scales(void)
{
	static const BmColumnKind kind[] = {BM_COLUMN_NUMBER, BM_COLUMN_NUMBER, BM_COLUMN_NUMBER,
										BM_COLUMN_NUMBER, BM_COLUMN_NUMBER};
	World w;
	float *x;

	CASE("scales as scikit-learn's scalers");
	world(&w, 8, 5, kind, 1);
	for (size_t j = 0; j < 5; j++)
		memcpy(w.column[j].number, powers, sizeof(powers));
	w.spec[0].scale = BM_SCALE_ROBUST;
	w.spec[1].scale = BM_SCALE_ZSCORE;
	w.spec[2].scale = BM_SCALE_MINMAX;
	w.spec[3].scale = BM_SCALE_NONE;
	w.spec[4].scale = BM_SCALE_NONE;
	w.spec[4].clip = BM_CLIP_IQR;
	fit(&w);
	CHECK_INT(w.e.width, 5);
	CHECK_NEAR(w.e.column[0].center, 12, 0);
	CHECK_NEAR(1 / w.e.column[0].scale_by, 36.5, 1e-12);
	CHECK_NEAR(w.e.column[1].center, 31.875, 0);
	CHECK_NEAR(1 / w.e.column[1].scale_by, 41.40784195, 1e-8);
	CHECK_NEAR(w.e.column[4].low, 3.5 - 1.5 * 36.5, 1e-12);
	CHECK_NEAR(w.e.column[4].high, 40 + 1.5 * 36.5, 1e-12);
	x = apply(&w, false);
	for (size_t i = 0; i < 8; i++)
	{
		CHECK_NEAR(x[5 * i], (powers[i] - 12) / 36.5, 1e-6);
		CHECK_NEAR(x[5 * i + 1], (powers[i] - 31.875) / 41.40784195, 1e-6);
		CHECK_NEAR(x[5 * i + 2], (powers[i] - 1) / 127, 1e-6);
		CHECK_NEAR(x[5 * i + 3], powers[i], 0);
		CHECK_NEAR(x[5 * i + 4], fmin(powers[i], 94.75), 1e-5);
	}
	free(x);
	leave(&w);
}

static void
test_outside_the_range(void)
{
	static const BmColumnKind kind[] = {BM_COLUMN_NUMBER, BM_COLUMN_NUMBER};
	World w;
	BmCell cell[2] = {{.number = 1e300}, {.number = -1e300}};
	float x[2];

	CASE("min-max stays within 0 and 1, and no feature overflows a float");
	world(&w, 8, 2, kind, 1);
	for (size_t j = 0; j < 2; j++)
		memcpy(w.column[j].number, powers, sizeof(powers));
	w.spec[0].scale = BM_SCALE_MINMAX;
	fit(&w);
	bmc_encoder_row(x, NULL, &w.e, cell);
	CHECK_NEAR(x[0], 1, 0);
	CHECK(isfinite(x[1]) && x[1] < -1e38f);
	leave(&w);
}

static void
test_imputation(void)
{
	static const BmColumnKind kind[] = {BM_COLUMN_NUMBER, BM_COLUMN_NUMBER, BM_COLUMN_NUMBER,
										BM_COLUMN_NUMBER, BM_COLUMN_NUMBER, BM_COLUMN_TIME};
	static const double v[] = {3, NAN, 1, 1, 9, NAN};
	static const BmImpute how[] = {BM_IMPUTE_MEAN, BM_IMPUTE_MEDIAN, BM_IMPUTE_MODE,
								   BM_IMPUTE_CONSTANT, BM_IMPUTE_INTERPOLATE};
	static const double want[] = {3.5, 2, 1, -7, 0}; /* of both missing ones, but for the last */
	World w;
	float *x;

	CASE("imputation: mean, median, mode, constant, interpolation, and a flag");
	world(&w, 6, 6, kind, 1);
	for (size_t j = 0; j < 5; j++)
	{
		memcpy(w.column[j].number, v, sizeof(v));
		w.spec[j].impute = how[j];
		w.spec[j].scale = BM_SCALE_NONE;
		w.spec[j].constant = -7;
		w.spec[j].by = 5;
	}
	for (size_t i = 0; i < 6; i++)
		w.column[5].time[i] = (int64_t) i * DAY;
	w.spec[5].encode = BM_ENCODE_SKIP;
	w.spec[4].flag = BM_FLAG_OFF;
	fit(&w);
	CHECK_INT(w.e.width, 9);
	x = apply(&w, false);
	for (size_t j = 0; j < 4; j++)
		for (size_t i = 0; i < 6; i++)
		{
			CHECK_NEAR(x[9 * i + 2 * j], isnan(v[i]) ? want[j] : v[i], 1e-6);
			CHECK_NEAR(x[9 * i + 2 * j + 1], isnan(v[i]), 0);
		}
	CHECK_NEAR(x[9 * 1 + 8], 2, 1e-6); /* between 3 on day 0 and 1 on day 2 */
	CHECK_NEAR(x[9 * 5 + 8], 9, 1e-6); /* beyond the last known one */
	free(x);
	leave(&w);
}

/* Many positions: the line goes through means of neighbours, so a straight one is still found. */
static void
test_long_interpolation(void)
{
	static const BmColumnKind kind[] = {BM_COLUMN_NUMBER, BM_COLUMN_NUMBER};
	size_t n = 5000;
	World w;
	float *x;

	CASE("interpolation over more positions than knots");
	world(&w, n, 2, kind, 1);
	for (size_t i = 0; i < n; i++)
	{
		w.column[1].number[i] = (double) i;
		w.column[0].number[i] = i % 3 == 1 ? NAN : 2.0 * (double) i + 5;
	}
	w.spec[0].impute = BM_IMPUTE_INTERPOLATE;
	w.spec[0].by = 1;
	w.spec[0].scale = BM_SCALE_NONE;
	w.spec[0].flag = BM_FLAG_OFF;
	w.spec[1].encode = BM_ENCODE_SKIP;
	fit(&w);
	CHECK(w.e.column[0].nknots <= BM_MAX_KNOTS && w.e.column[0].nknots > BM_MAX_KNOTS / 2);
	x = apply(&w, false);
	for (size_t i = 10; i + 10 < n; i++)
		CHECK_NEAR(x[i], 2.0 * (double) i + 5, 1e-2);
	free(x);
	leave(&w);
}

/* ---- categories ---- */

static void
test_onehot(void)
{
	static const BmColumnKind kind[] = {BM_COLUMN_KEY, BM_COLUMN_KEY};
	static const char *const v[] = {"b", "a", "b", "c", "", "b", "a", NULL};
	BmCell cell[2] = {{.bytes = "zz", .len = 2}, {.missing = true}};
	char name[64];
	World w;
	float *x;

	CASE("one-hot: by count, the rest and the unseen are other, missing has a flag");
	world(&w, 8, 2, kind, 1);
	for (size_t j = 0; j < 2; j++)
		for (size_t i = 0; i < 8; i++)
			w.column[j].code[i] = v[i] ? key(&w, j, v[i]) : BM_NONE;
	w.spec[1].encode = BM_ENCODE_ONEHOT;
	w.spec[1].max_categories = 2;
	fit(&w);
	/* b a "" c other missing | b a other missing */
	CHECK_INT(w.e.width, 6 + 4);
	CHECK_INT(w.e.column[0].encode, BM_ENCODE_ONEHOT);
	x = apply(&w, false);
	for (size_t i = 0; i < 8; i++)
	{
		static const int want[8][2] = {{0, 6}, {1, 7}, {0, 6}, {3, 8},
									   {2, 8}, {0, 6}, {1, 7}, {5, 9}};

		for (int k = 0; k < 10; k++)
			CHECK_NEAR(x[10 * i + (size_t) k], k == want[i][0] || k == want[i][1], 0);
	}
	free(x);
	x = malloc(10 * sizeof(float));
	bmc_encoder_row(x, NULL, &w.e, cell);
	for (int k = 0; k < 10; k++)
		CHECK_NEAR(x[k], k == 4 || k == 9, 0);
	bmc_encoder_feature(&w.e, 0, name, sizeof(name), NULL);
	CHECK(strcmp(name, "a=b") == 0);
	bmc_encoder_feature(&w.e, 8, name, sizeof(name), NULL);
	CHECK(strcmp(name, "b other") == 0);
	bmc_encoder_feature(&w.e, 5, name, 4, NULL);
	CHECK(strcmp(name, "a m") == 0);
	free(x);
	leave(&w);
}

static void
test_other_encodings(void)
{
	static const BmColumnKind kind[] = {BM_COLUMN_KEY, BM_COLUMN_KEY, BM_COLUMN_KEY, BM_COLUMN_KEY};
	static const char *const v[] = {"mid", "low", "high", "low", NULL, "mid"};
	static const char *const order[] = {"low", "mid", "high"};
	World w;
	float *x;
	uint32_t code[6];
	BmCell cell[4] = {{.bytes = "new", .len = 3},
					  {.bytes = "new", .len = 3},
					  {.bytes = "new", .len = 3},
					  {.bytes = "new", .len = 3}};

	CASE("ordinal by key and by order, hash, embedding codes");
	world(&w, 6, 4, kind, 1);
	for (size_t j = 0; j < 4; j++)
		for (size_t i = 0; i < 6; i++)
			w.column[j].code[i] = v[i] ? key(&w, j, v[i]) : BM_NONE;
	w.spec[0].encode = w.spec[1].encode = BM_ENCODE_ORDINAL;
	w.spec[0].scale = BM_SCALE_NONE;
	w.spec[1].order = order;
	w.spec[1].norder = 3;
	w.spec[2].encode = BM_ENCODE_HASH;
	w.spec[2].buckets = 16;
	w.spec[3].encode = BM_ENCODE_EMBED;
	fit(&w);
	CHECK_INT(w.e.width, 2 + 2 + 17);
	CHECK_INT(w.e.ncodes, 1);
	CHECK_INT(w.e.cardinality[0], 5);
	x = malloc(6 * w.e.width * sizeof(float));
	CHECK_INT(bmc_encoder_apply(x, code, &w.e, &w.f, NULL, 6, false, w.mem, NULL, NULL), BM_OK);
	for (size_t i = 0; i < 6; i++)
	{
		/* by key: high 0, low 1, mid 2, missing: the median, 1 */
		static const float by_key[] = {2, 1, 0, 1, 1, 2}, by_order[] = {.5, 0, 1, 0, .5, .5};
		static const uint32_t codes[] = {1, 0, 2, 0, 4, 1};
		const float *r = x + i * w.e.width;
		float sum = 0;

		CHECK_NEAR(r[0], by_key[i], 0);
		CHECK_NEAR(r[1], v[i] == NULL, 0);
		CHECK_NEAR(r[2], by_order[i], 1e-6);
		for (int k = 4; k < 20; k++)
			sum += fabsf(r[k]);
		CHECK_NEAR(sum, v[i] != NULL, 0);
		CHECK_NEAR(r[20], v[i] == NULL, 0);
		CHECK_INT(code[i], codes[i]);
	}
	for (int k = 4; k < 20; k++) /* equal keys, equal buckets */
		CHECK_NEAR(x[w.e.width + (size_t) k], x[3 * w.e.width + (size_t) k], 0);
	bmc_encoder_row(x, code, &w.e, cell);
	CHECK_INT(code[0], 3);
	CHECK_NEAR(x[1], 1, 0); /* an unknown rank is missing */
	free(x);
	leave(&w);
}

static void
set_target(World *w, const char *const *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		w->column[0].code[i] = v[i] ? key(w, 0, v[i]) : BM_NONE;
	w->spec[0].encode = BM_ENCODE_TARGET;
	w->spec[0].scale = BM_SCALE_NONE;
}

static void
test_target(void)
{
	static const BmColumnKind kind[] = {BM_COLUMN_KEY};
	static const char *const v[] = {"a", "a", "b", "b", "b", "c"};
	static const float binary[] = {1, 0, 1, 1, 0, 1}, number[] = {10, 20, 30, 40, 50, 60},
					   three[] = {0, 1, 2, 2, 1, 0};
	static const double want[3][3] = {{.38888889, .19047619, .46666667},
									  {.38888889, .33333333, .26666667},
									  {.22222222, .47619048, .26666667}};
	World w;
	float *x;

	CASE("target encoding as scikit-learn's TargetEncoder");
	world(&w, 6, 1, kind, 1);
	set_target(&w, v, 6);
	w.fit.y = binary;
	w.fit.classes = 2;
	fit(&w);
	x = apply(&w, false);
	CHECK_NEAR(x[0], .63888889, 1e-6);
	CHECK_NEAR(x[2], .66666667, 1e-6);
	CHECK_NEAR(x[5], .69696970, 1e-6);
	free(x);
	leave(&w);

	world(&w, 6, 1, kind, 1);
	set_target(&w, v, 6);
	w.spec[0].smoothing = 2;
	w.fit.y = number;
	fit(&w);
	x = apply(&w, false);
	CHECK_NEAR(x[0], 25, 1e-5);
	CHECK_NEAR(x[2], 38, 1e-5);
	CHECK_NEAR(x[5], 43.333333, 1e-5);
	free(x);
	leave(&w);

	world(&w, 6, 1, kind, 1);
	set_target(&w, v, 6);
	w.spec[0].smoothing = 4;
	w.fit.y = three;
	w.fit.classes = 3;
	fit(&w);
	CHECK_INT(w.e.width, 3);
	x = apply(&w, false);
	for (size_t o = 0; o < 3; o++)
	{
		CHECK_NEAR(x[o], want[o][0], 1e-6);
		CHECK_NEAR(x[6 + o], want[o][1], 1e-6);
		CHECK_NEAR(x[15 + o], want[o][2], 1e-6);
	}
	free(x);
	leave(&w);
}

/* A column of pure noise with a category for each row: in sample it tells the target, out of fold not. */
static void
test_out_of_fold(void)
{
	static const BmColumnKind kind[] = {BM_COLUMN_KEY};
	size_t n = 2000;
	BmRng rng = bmc_rng(4, 1);
	float *y = malloc(n * sizeof(float)), *x;
	double in = 0, out = 0;
	World w;

	CASE("target encodings of training rows know nothing of their own target");
	world(&w, n, 1, kind, 1);
	for (size_t i = 0; i < n; i++)
	{
		char text[16];

		snprintf(text, sizeof(text), "%zu", i / 2);
		w.column[0].code[i] = key(&w, 0, text);
		y[i] = (float) bmc_rng_below(&rng, 2);
	}
	w.spec[0].encode = BM_ENCODE_TARGET;
	w.spec[0].smoothing = 1;
	w.fit.y = y;
	w.fit.classes = 2;
	fit(&w);
	x = apply(&w, false);
	for (size_t i = 0; i < n; i++)
		in += (y[i] - 0.5) * (x[i] - 0.5) * 4 / (double) n;
	free(x);
	x = apply(&w, true);
	for (size_t i = 0; i < n; i++)
		out += (y[i] - 0.5) * (x[i] - 0.5) * 4 / (double) n;
	CHECK(in > 0.3);
	CHECK(fabs(out) < 0.08);
	free(x);
	free(y);
	leave(&w);
}

/* ---- times and vectors ---- */

static void
test_times(void)
{
	static const BmColumnKind kind[] = {BM_COLUMN_TIME};
	/* 2024-02-29 18:00, 1999-12-31 00:00, 2000-01-01 06:00, missing */
	static const int64_t t[] = {INT64_C(8825) * DAY + DAY * 3 / 4, -DAY, DAY / 4, BM_TIME_MISSING};
	static const double hour[] = {.75, 0, .25}, weekday[] = {3 / 7.0, 4 / 7.0, 5 / 7.0},
						monthday[] = {28 / 29.0, 30 / 31.0, 0}, month[] = {1 / 12.0, 11 / 12.0, 0};
	const double *part[] = {hour, weekday, monthday, month};
	World w;
	float *x;

	CASE("cyclic parts of times, before and after 2000, and a trend");
	world(&w, 4, 1, kind, 1);
	memcpy(w.column[0].time, t, sizeof(t));
	fit(&w);
	CHECK_INT(w.e.width, 10);
	x = apply(&w, false);
	for (size_t i = 0; i < 3; i++)
		for (size_t p = 0; p < 4; p++)
		{
			CHECK_NEAR(x[10 * i + 2 * p], sin(2 * M_PI * part[p][i]), 1e-6);
			CHECK_NEAR(x[10 * i + 2 * p + 1], cos(2 * M_PI * part[p][i]), 1e-6);
		}
	CHECK_NEAR(x[8], 1, 0);
	CHECK_NEAR(x[18], 0, 0);
	for (size_t k = 0; k < 8; k++)
		CHECK_NEAR(x[30 + k], 0, 0);
	CHECK_NEAR(x[39], 1, 0);
	free(x);
	leave(&w);
}

/* Every day of four centuries, by counting. */
static void
test_calendar(void)
{
	static const BmColumnKind kind[] = {BM_COLUMN_TIME};
	static const int length[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int year = 1900, month = 0, day = 0, wrong = 0;
	World w;

	CASE("the calendar of 1900 to 2200, day by day");
	world(&w, 2, 1, kind, 1);
	w.column[0].time[0] = 0;
	w.column[0].time[1] = 100 * DAY + DAY / 2;
	w.spec[0].parts = BM_PART_MONTHDAY | BM_PART_MONTH;
	fit(&w);
	for (int64_t d = -36524; d < 73050; d++)
	{
		int leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
		int days = length[month] + (month == 1 && leap);
		BmCell cell = {.key = d * DAY};
		float x[4];

		bmc_encoder_row(x, NULL, &w.e, &cell);
		wrong += fabs(x[0] - sin(2 * M_PI * day / days)) > 1e-6 ||
				 fabs(x[1] - cos(2 * M_PI * day / days)) > 1e-6 ||
				 fabs(x[2] - sin(2 * M_PI * month / 12)) > 1e-6;
		if (++day == days)
		{
			day = 0;
			month = (month + 1) % 12;
			year += month == 0;
		}
	}
	CHECK_INT(wrong, 0);
	leave(&w);
}

static void
test_vectors(void)
{
	static const BmColumnKind kind[] = {BM_COLUMN_VECTOR, BM_COLUMN_VECTOR};
	static const float v[] = {1, 10, 3, 30, NAN, 0, 5, 80};
	World w;
	float *x;

	CASE("vectors pass through, or are scaled component by component");
	world(&w, 4, 2, kind, 2);
	memcpy(w.column[0].vector, v, sizeof(v));
	memcpy(w.column[1].vector, v, sizeof(v));
	w.spec[1].scale = BM_SCALE_MINMAX;
	fit(&w);
	CHECK_INT(w.e.width, 6);
	x = apply(&w, false);
	CHECK_NEAR(x[0], 1, 0);
	CHECK_NEAR(x[6 + 1], 30, 0);
	CHECK_NEAR(x[12], 3, 1e-6); /* the mean */
	CHECK_NEAR(x[12 + 2], 1, 0);
	CHECK_NEAR(x[6 + 3], .5, 1e-6);
	CHECK_NEAR(x[6 + 4], 2 / 7.0, 1e-6);
	free(x);
	leave(&w);
}

/* ---- what is left out ---- */

static void
test_dropped(void)
{
	static const BmColumnKind kind[] = {BM_COLUMN_NUMBER, BM_COLUMN_NUMBER, BM_COLUMN_KEY,
										BM_COLUMN_KEY,    BM_COLUMN_TIME,   BM_COLUMN_BOOL,
										BM_COLUMN_NUMBER, BM_COLUMN_VECTOR};
	World w;

	CASE("constant and empty columns have no feature; whether a constant is missing has");
	world(&w, 3, 8, kind, 1);
	for (size_t i = 0; i < 3; i++)
	{
		w.column[0].number[i] = 5;
		w.column[1].number[i] = NAN;
		w.column[2].code[i] = key(&w, 2, "x");
		w.column[3].code[i] = BM_NONE;
		w.column[4].time[i] = 77;
		w.column[5].boolean[i] = 1;
		w.column[6].number[i] = i == 0 ? NAN : 5;
		w.column[7].vector[i] = 2;
	}
	fit(&w);
	CHECK_INT(w.e.width, 1);
	CHECK_INT(w.e.column[0].dropped, BM_DROPPED_CONSTANT);
	CHECK_INT(w.e.column[1].dropped, BM_DROPPED_EMPTY);
	CHECK_INT(w.e.column[2].dropped, BM_DROPPED_CONSTANT);
	CHECK_INT(w.e.column[3].dropped, BM_DROPPED_EMPTY);
	CHECK_INT(w.e.column[4].dropped, BM_DROPPED_CONSTANT);
	CHECK_INT(w.e.column[5].dropped, BM_DROPPED_CONSTANT);
	CHECK_INT(w.e.column[6].dropped, BM_KEPT);
	CHECK(w.e.column[6].flag && !w.e.column[6].value);
	CHECK_INT(w.e.column[7].dropped, BM_DROPPED_CONSTANT);
	leave(&w);
}

static void
test_refused(void)
{
	static const BmColumnKind kind[] = {BM_COLUMN_NUMBER, BM_COLUMN_KEY};
	World w;

	CASE("what cannot be is refused, with the column");
	world(&w, 3, 2, kind, 1);
	for (size_t i = 0; i < 3; i++)
	{
		w.column[0].number[i] = (double) i;
		w.column[1].code[i] = key(&w, 1, i ? "x" : "y");
	}
	w.spec[1].encode = BM_ENCODE_TARGET;
	CHECK_INT(bmc_encoder_fit(&w.e, &w.f, w.spec, &w.fit, w.mem), BM_EINVAL);
	CHECK_INT(w.fit.column, 1);
	CHECK(w.fit.error[0] != '\0');
	bmc_encoder_free(&w.e);
	w.spec[1].encode = BM_ENCODE_AUTO;
	w.spec[0].impute = BM_IMPUTE_INTERPOLATE;
	w.spec[0].by = 1;
	CHECK_INT(bmc_encoder_fit(&w.e, &w.f, w.spec, &w.fit, w.mem), BM_EINVAL);
	CHECK_INT(w.fit.column, 0);
	bmc_encoder_free(&w.e);
	w.spec[0].impute = BM_IMPUTE_AUTO;
	w.column[0].nonfinite = 1;
	CHECK_INT(bmc_encoder_fit(&w.e, &w.f, w.spec, &w.fit, w.mem), BM_ENOTFINITE);
	bmc_encoder_free(&w.e);
	w.column[0].nonfinite = 0;
	w.f.n = 0;
	CHECK_INT(bmc_encoder_fit(&w.e, &w.f, w.spec, &w.fit, w.mem), BM_EINVAL);
	w.f.n = 3;
	leave(&w);
}

/* ---- the whole, at random ---- */

/* Seven columns of every kind and encoding, with missing values. */
static void
random_world(World *w, size_t n, uint64_t seed, bool permuted)
{
	static const BmColumnKind kind[] = {BM_COLUMN_NUMBER, BM_COLUMN_BOOL, BM_COLUMN_KEY,
										BM_COLUMN_KEY,    BM_COLUMN_TIME, BM_COLUMN_VECTOR,
										BM_COLUMN_NUMBER, BM_COLUMN_KEY};

	world(w, n, 8, kind, 3);
	for (size_t at = 0; at < n; at++)
	{
		size_t i = permuted ? n - 1 - at : at;
		BmRng rng = bmc_rng(seed, i);
		char text[32];
		bool missing = bmc_rng_below(&rng, 10) == 0;

		w->column[0].number[at] = missing ? NAN : bmc_rng_normal(&rng) * 100 + 1e6;
		w->column[1].boolean[at] = (uint8_t) bmc_rng_below(&rng, 3);
		snprintf(text, sizeof(text), "city %u", bmc_rng_below(&rng, 9));
		w->column[2].code[at] = missing ? BM_NONE : key(w, 2, text);
		snprintf(text, sizeof(text), "%u", bmc_rng_below(&rng, 300));
		w->column[3].code[at] = key(w, 3, text);
		w->column[4].time[at] = (int64_t) (bmc_rng_double(&rng) * 1e16);
		for (size_t d = 0; d < 3; d++)
			w->column[5].vector[3 * at + d] =
				missing && d == 0 ? NAN : (float) bmc_rng_normal(&rng);
		w->column[6].number[at] = missing ? NAN : bmc_rng_exponential(&rng);
		snprintf(text, sizeof(text), "%u", bmc_rng_below(&rng, 50));
		w->column[7].code[at] = bmc_rng_below(&rng, 5) == 0 ? BM_NONE : key(w, 7, text);
	}
	w->spec[6].impute = BM_IMPUTE_INTERPOLATE;
	w->spec[6].by = 4;
	w->spec[6].scale = BM_SCALE_ROBUST;
	w->spec[6].clip = BM_CLIP_QUANTILE;
	w->spec[5].scale = BM_SCALE_ZSCORE;
	w->spec[7].encode = seed % 2 ? BM_ENCODE_EMBED : BM_ENCODE_ORDINAL;
}

static BmCell
cell_of(const BmColumn *c, size_t i)
{
	BmCell cell = {.missing = bmc_missing(c, i)};

	if (cell.missing)
		return cell;
	switch (c->kind)
	{
	case BM_COLUMN_NUMBER:
		cell.number = c->number[i];
		break;
	case BM_COLUMN_BOOL:
		cell.number = c->boolean[i];
		break;
	case BM_COLUMN_TIME:
		cell.key = c->time[i];
		break;
	case BM_COLUMN_VECTOR:
		cell.vector = c->vector + i * c->dim;
		break;
	case BM_COLUMN_KEY:
		cell.bytes = c->dict.view.blob + c->dict.view.offset[c->code[i]];
		cell.len = (size_t) (c->dict.view.offset[c->code[i] + 1] - c->dict.view.offset[c->code[i]]);
	}
	return cell;
}

static void
test_rows_and_tensors(void)
{
	size_t n = 1500;

	CASE("row by row as in blocks, and through tensors bit for bit");
	for (uint64_t seed = 1; seed <= 4; seed++)
	{
		static BmTensors tensors, again;
		BmRowEncoder back;
		World w;
		float *x, *row;
		uint32_t *code, one[8];
		const char *wrong;

		random_world(&w, n, seed, false);
		fit(&w);
		x = malloc(n * w.e.width * sizeof(float));
		code = malloc((n * w.e.ncodes + 1) * sizeof(uint32_t));
		row = malloc(w.e.width * sizeof(float));
		CHECK_INT(bmc_encoder_apply(x, code, &w.e, &w.f, NULL, n, false, w.mem, NULL, NULL), BM_OK);
		memset(&tensors, 0, sizeof(tensors));
		memset(&again, 0, sizeof(again));
		CHECK_INT(bmc_encoder_tensors(&w.e, "x/", &tensors), BM_OK);
		wrong = bmc_encoder_bind(&back, &tensors, "x/", w.mem);
		if (wrong)
			UNIT_FAIL("%s", wrong);
		CHECK_INT(bmc_encoder_tensors(&back, "x/", &again), BM_OK);
		for (int t = 0; t < tensors.n; t++)
			CHECK(memcmp(tensors.t[t].data, again.t[t].data, 4 * bmc_tensor_count(&tensors.t[t])) ==
				  0);
		for (size_t i = 0; i < n; i++)
		{
			BmCell cell[8];

			for (size_t j = 0; j < 8; j++)
				cell[j] = cell_of(&w.column[j], i);
			bmc_encoder_row(row, one, &back, cell);
			CHECK(memcmp(row, x + i * w.e.width, w.e.width * sizeof(float)) == 0);
			CHECK(w.e.ncodes == 0 || one[0] == code[i]);
			for (size_t k = 0; k < w.e.width; k++)
				CHECK(isfinite(row[k]));
		}
		bmc_encoder_free(&back);
		free(x);
		free(code);
		free(row);
		leave(&w);
	}
}

static void
test_order_of_rows(void)
{
	static BmTensors one, other;
	World a, b;

	CASE("in canonical order the rows' order of arrival cannot be seen");
	random_world(&a, 1200, 3, false);
	random_world(&b, 1200, 3, true);
	CHECK_INT(bmc_frame_canonical(&a.f, true, NULL), BM_OK);
	CHECK_INT(bmc_frame_canonical(&b.f, true, NULL), BM_OK);
	CHECK(memcmp(a.column[4].time, b.column[4].time, 1200 * sizeof(int64_t)) == 0);
	CHECK(memcmp(a.column[3].code, b.column[3].code, 1200 * sizeof(uint32_t)) == 0);
	fit(&a);
	fit(&b);
	memset(&one, 0, sizeof(one));
	memset(&other, 0, sizeof(other));
	CHECK_INT(bmc_encoder_tensors(&a.e, NULL, &one), BM_OK);
	CHECK_INT(bmc_encoder_tensors(&b.e, NULL, &other), BM_OK);
	for (int t = 0; t < one.n; t++)
	{
		CHECK_INT(bmc_tensor_count(&one.t[t]), bmc_tensor_count(&other.t[t]));
		CHECK(memcmp(one.t[t].data, other.t[t].data, 4 * bmc_tensor_count(&one.t[t])) == 0);
	}
	leave(&a);
	leave(&b);
}

/* Any word of any tensor changed: refused, or an encoder that is safe to use. */
static void
test_damaged(void)
{
	static BmTensors tensors;
	BmRng rng = bmc_rng(9, 9);
	World w;
	int refused = 0;

	CASE("damaged tensors are refused or harmless");
	random_world(&w, 200, 2, false);
	fit(&w);
	memset(&tensors, 0, sizeof(tensors));
	CHECK_INT(bmc_encoder_tensors(&w.e, NULL, &tensors), BM_OK);
	for (int round = 0; round < 3000; round++)
	{
		BmTensor *t = &tensors.t[round % tensors.n];
		int32_t *word = (int32_t *) t->data + bmc_rng_below(&rng, (uint32_t) bmc_tensor_count(t));
		int32_t old = *word;
		BmRowEncoder back;

		*word = bmc_rng_below(&rng, 2) ? (int32_t) bmc_rng_u32(&rng)
									   : old + (int32_t) bmc_rng_below(&rng, 5) - 2;
		if (bmc_encoder_bind(&back, &tensors, NULL, w.mem) == NULL)
		{
			float *x = malloc((back.width + 1) * sizeof(float));
			uint32_t code[8];
			char name[32];
			BmCell cell[8];

			for (size_t j = 0; j < 8; j++)
			{
				back.column[j].name = "x";
				cell[j] = (BmCell){.missing = true};
			}
			bmc_encoder_row(x, code, &back, cell);
			if (back.width > 0)
				bmc_encoder_feature(&back, back.width - 1, name, sizeof(name), NULL);
			free(x);
		}
		else
			refused++;
		bmc_encoder_free(&back);
		*word = old;
	}
	CHECK(refused > 1000);
	leave(&w);
}

/* Each allocation in turn refused: an orderly end, nothing lost. */
static void
test_no_memory(void)
{
	CASE("running out of memory ends a fit in order");
	for (long at = 1; at < 400; at += 3)
	{
		static BmTensors tensors;
		World w;
		BmStatus status;

		random_world(&w, 100, 2, false);
		w.heap.fail_at = w.heap.calls + at;
		status = bmc_frame_canonical(&w.f, true, NULL);
		if (status == BM_OK)
			status = bmc_encoder_fit(&w.e, &w.f, w.spec, &w.fit, w.mem);
		if (status == BM_OK)
		{
			memset(&tensors, 0, sizeof(tensors));
			status = bmc_encoder_tensors(&w.e, NULL, &tensors);
		}
		CHECK(status == BM_OK || status == BM_ENOMEM);
		leave(&w);
		if (status == BM_OK)
			break;
	}
}

int
main(void)
{
	test_scales();
	test_outside_the_range();
	test_imputation();
	test_long_interpolation();
	test_onehot();
	test_other_encodings();
	test_target();
	test_out_of_fold();
	test_times();
	test_calendar();
	test_vectors();
	test_dropped();
	test_refused();
	test_rows_and_tensors();
	test_order_of_rows();
	test_damaged();
	test_no_memory();
	return unit_done();
}
