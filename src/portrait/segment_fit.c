/*
 * segment_fit.c
 *		behav_segments: groups of users by k-means, described, numbered as the version before, and saved.
 */
#include "pg/pg.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "core/num/rng.h"
#include "core/stat/assign.h"
#include "model/query.h"
#include "portrait/segment.h"

#define TELLING 0.5   /* standard deviations from the mean that are worth a word */
#define NAMED 2       /* features in a name */
#define DESCRIBED 3   /* features in a description */
#define REFERENCES 10 /* of the gap statistic */
#define ALGORITHM "kmeans"

typedef struct Fit
{
	char *model;
	bool deploy;
	BmSegmentInput in;
	BmSegmentOptions options;
	BmSegmentRows rows;
	BmMem mem;
	BmWatch watch;
	BmPool *pool;
	float *mean, *scale; /* (d) */
	bool *constant;      /* (d) */
	size_t k;            /* asked for; 0: choose */
	BmKmeans got;
	int32 *number; /* (k) */
	char **name, **description;
	double silhouette;
	StringInfoData note;
	TimestampTz started;
	BmVersion version;
} Fit;

static void *
take(Fit *f, size_t n, size_t size)
{
	void *block = bmc_alloc0(&f->mem, Max(n, 1), size);

	if (!block)
		bm_check(BM_ENOMEM, "make segments", NULL);
	return block;
}

/* ---- rows ---- */

static void
no_rows(const Fit *f)
{
	bool table = f->in.kind == BM_SEGMENT_COLUMNS;

	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 table ? errmsg("%s has no rows to make segments of", f->in.relation)
				   : errmsg("source \"%s\" has no users to make segments of", f->in.source),
			 errdetail("%zu %s left out.", f->rows.skipped,
					   table ? "rows with a NULL or infinite value were"
							 : "users without what the features need were"),
			 table
				 ? errhint("Fill the missing values: coalesce(column, 0) in a view.")
				 : errhint("features => 'rfm' needs purchases; option min_events leaves out users "
						   "with fewer events.")));
}

/* Columns to mean 0 and standard deviation 1; those that never vary become 0. */
static void
standardise(Fit *f)
{
	size_t n = f->rows.n, d = f->rows.d, constants = 0;
	double *sum = take(f, d, sizeof(double)), *square = take(f, d, sizeof(double));
	float *x = f->rows.x;

	f->mean = take(f, d, sizeof(float));
	f->scale = take(f, d, sizeof(float));
	f->constant = take(f, d, sizeof(bool));
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < d; j++)
			sum[j] += x[i * d + j];
	for (size_t j = 0; j < d; j++)
		sum[j] /= (double) n;
	bm_interrupts();
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < d; j++)
		{
			double v = x[i * d + j] - sum[j];

			square[j] += v * v;
		}
	bm_interrupts();
	for (size_t j = 0; j < d; j++)
	{
		double sd = sqrt(square[j] / (double) n);

		f->constant[j] = !(sd > 1e-7 * fabs(sum[j])) || sd == 0;
		constants += f->constant[j];
		f->mean[j] = (float) sum[j];
		f->scale[j] = f->constant[j] ? 1.0f : (float) sd;
	}
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < d; j++)
			x[i * d + j] = f->constant[j] ? 0.0f : (x[i * d + j] - f->mean[j]) / f->scale[j];
	if (constants == d)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
						errmsg("all rows are equal: there are no segments"),
						errdetail("%zu rows, %zu features, none of which varies.", n, d)));
	if (constants > 0)
		appendStringInfo(&f->note, "%zu of %zu features never vary. ", constants, d);
	if (f->rows.skipped > 0)
		appendStringInfo(&f->note, "%zu %s left out. ", f->rows.skipped,
						 f->in.kind == BM_SEGMENT_COLUMNS ? "rows with missing values were"
														  : "users without such features were");
}

/* Rows for choosing and measuring: m of all without replacement, in a fixed random order. */
static float *
sample_rows(Fit *f, size_t *m)
{
	size_t n = f->rows.n, d = f->rows.d, got = 0;
	BmRng rng = bmc_rng((uint64_t) f->options.seed, 0x73656773);
	float *out;

	*m = Min(n, (size_t) f->options.sample);
	out = take(f, *m * d, sizeof(float));
	for (size_t i = 0; i < n && got < *m; i++)
		if (bmc_rng_double(&rng) * (double) (n - i) < (double) (*m - got))
			memcpy(out + got++ * d, f->rows.x + i * d, d * sizeof(float));
	*m = got;
	return out;
}

static BmKmeansOptions
kmeans_options(const Fit *f, size_t k)
{
	return (BmKmeansOptions){.k = k,
							 .starts = f->options.starts,
							 .iterations = f->options.iterations,
							 .tolerance = 1e-4,
							 .batch = (size_t) f->options.batch};
}

/* ---- how many ---- */

static size_t
best_silhouette(Fit *f, const float *x, size_t n, size_t most)
{
	double best = -INFINITY;
	size_t chosen = 1;

	for (size_t k = 2; k <= most; k++)
	{
		BmKmeansOptions o = kmeans_options(f, k);
		BmKmeans got;
		double s;

		o.batch = 0;
		bm_check(bmc_kmeans(&got, x, n, f->rows.d, &o, (uint64_t) f->options.seed, f->pool, &f->mem,
							&f->watch.stop),
				 "make segments", NULL);
		if (got.k == k)
			bm_check(bmc_silhouette(&s, NULL, x, got.label, n, f->rows.d, k, f->pool, &f->mem,
									&f->watch.stop),
					 "make segments", NULL);
		if (got.k == k && s > best)
		{
			best = s;
			chosen = k;
		}
		bmc_kmeans_free(&got, &f->mem);
	}
	return chosen;
}

static size_t
best_gap(Fit *f, const float *x, size_t n, size_t most)
{
	double *gap = take(f, most, sizeof(double)), *se = take(f, most, sizeof(double));
	BmKmeansOptions o = kmeans_options(f, 1);

	o.batch = 0;
	bm_check(bmc_gap(gap, se, x, n, f->rows.d, most, REFERENCES, &o, (uint64_t) f->options.seed,
					 f->pool, &f->mem, &f->watch.stop),
			 "make segments", NULL);
	return bmc_gap_best(gap, se, most);
}

static void
choose_k(Fit *f)
{
	size_t m, most;
	float *x;

	if (f->k > 0)
		return;
	x = sample_rows(f, &m);
	most = Min((size_t) f->options.max_k, m);
	f->k = f->options.choose == 0 ? best_silhouette(f, x, m, most) : best_gap(f, x, m, most);
	appendStringInfo(&f->note, "%zu segments are best by the %s, of 1 to %zu. ", f->k,
					 f->options.choose == 0 ? "silhouette" : "gap statistic", most);
}

static void
group(Fit *f)
{
	BmKmeansOptions o;
	size_t asked = f->k;

	if (asked > f->rows.n)
		f->k = f->rows.n;
	o = kmeans_options(f, f->k);
	bm_check_memory(&f->mem, bmc_kmeans_bytes(f->rows.n, f->rows.d, &o, bm_threads()),
					"making segments", "Make them of fewer rows, or raise behavmine.max_memory.");
	bm_progress_phase(BM_PHASE_FIT, "kmeans");
	bm_check(bmc_kmeans(&f->got, f->rows.x, f->rows.n, f->rows.d, &o, (uint64_t) f->options.seed,
						f->pool, &f->mem, &f->watch.stop),
			 "make segments", NULL);
	f->k = f->got.k;
	if (f->k < asked)
		appendStringInfo(&f->note, "There are %zu different rows only, so %zu segments, not %zu. ",
						 f->k, f->k, asked);
	if (!f->got.converged && f->options.batch == 0)
		appendStringInfoString(&f->note, "The iterations ended before the centres stood still. ");
}

/* The silhouette of a sample of the rows by the centres that were found. */
static void
measure(Fit *f)
{
	size_t m;
	float *x = sample_rows(f, &m);
	uint32_t *label = take(f, m, sizeof(uint32_t));

	bmc_kmeans_assign(label, NULL, f->got.centre, f->k, x, m, f->rows.d);
	bm_check(bmc_silhouette(&f->silhouette, NULL, x, label, m, f->rows.d, f->k, f->pool, &f->mem,
							&f->watch.stop),
			 "make segments", NULL);
}

/* ---- numbers that stay ---- */

/* The version that answered before, when it is of the same features; else NULL. */
static BmSegmentModel *
before(Fit *f)
{
	int64 id = bm_model_id(f->model, true);
	BmSegmentModel *m;

	if (id == 0 || bm_deployed_version(id) == 0)
		return NULL;
	m = bm_segment_model(f->model, 0, &f->mem);
	if (m->in.kind != f->in.kind || m->in.d != f->in.d)
		return NULL;
	for (size_t j = 0; j < f->in.d; j++)
		if (strcmp(m->in.name[j], f->in.name[j]) != 0)
			return NULL;
	return m;
}

/* Squared distance of old centre o and new centre c, in the new scale. */
static double
distance(const Fit *f, const BmSegmentModel *m, size_t o, size_t c)
{
	double sum = 0;

	for (size_t j = 0; j < f->in.d; j++)
	{
		double was = m->centre[o * f->in.d + j] * m->scale[j] + m->mean[j];
		double v = (was - f->mean[j]) / f->scale[j] - f->got.centre[c * f->in.d + j];

		sum += f->constant[j] ? 0.0 : v * v;
	}
	return sum;
}

/* Number the segments: by size, or as the version before, paired so that distances add up to the least. */
static void
number_segments(Fit *f)
{
	BmSegmentModel *m = before(f);
	size_t rows = m ? Min(f->k, m->k) : 0, cols = m ? Max(f->k, m->k) : 0;
	double *cost = take(f, rows * cols, sizeof(double));
	size_t *pair = take(f, rows, sizeof(size_t));
	int32 next = 1;
	bool new_rows = m && f->k <= m->k;

	f->number = take(f, f->k, sizeof(int32));
	for (size_t i = 0; i < rows; i++)
		for (size_t j = 0; j < cols; j++)
			cost[i * cols + j] = new_rows ? distance(f, m, j, i) : distance(f, m, i, j);
	if (rows > 0)
		bm_check(bmc_assign(pair, cost, rows, cols, &f->mem), "number the segments", NULL);
	for (size_t i = 0; i < rows; i++)
		f->number[new_rows ? i : pair[i]] = m->number[new_rows ? pair[i] : i];
	for (size_t c = 0; c < f->k; c++)
	{
		bool taken = f->number[c] == 0;

		while (taken)
		{
			taken = false;
			for (size_t other = 0; other < f->k; other++)
				taken |= f->number[other] == next;
			next += taken;
		}
		if (f->number[c] == 0)
			f->number[c] = next;
	}
}

/* ---- words ---- */

/* Features by how far the centre is from the mean, farthest first. */
static void
rank_features(const Fit *f, size_t c, size_t *order)
{
	const float *z = f->got.centre + c * f->in.d;

	for (size_t j = 0; j < f->in.d; j++)
	{
		size_t i = j;

		for (; i > 0 && fabsf(z[order[i - 1]]) < fabsf(z[j]); i--)
			order[i] = order[i - 1];
		order[i] = j;
	}
}

/* What a centre's feature stands for, in its own unit. */
static double
value_of(const Fit *f, size_t j, double z)
{
	double x = z * f->scale[j] + f->mean[j];

	return f->in.kind <= BM_SEGMENT_ALL ? bmc_feature_value(&f->in.feature[j], x) : x;
}

/* "orders high (12.4, all 2.1), days_since_order low (8, all 51)" */
static char *
describe(const Fit *f, size_t c, const size_t *order)
{
	const float *z = f->got.centre + c * f->in.d;
	StringInfoData s;

	initStringInfo(&s);
	for (size_t i = 0; i < f->in.d && i < DESCRIBED; i++)
		if (fabsf(z[order[i]]) >= TELLING || i == 0)
			appendStringInfo(&s, "%s%s %s (%.3g, all %.3g)", i ? ", " : "", f->in.name[order[i]],
							 fabsf(z[order[i]]) < TELLING ? "about average"
							 : z[order[i]] > 0            ? "high"
														  : "low",
							 value_of(f, order[i], z[order[i]]), value_of(f, order[i], 0));
	return s.data;
}

static bool
is_taken(const Fit *f, size_t n, const char *name)
{
	for (size_t c = 0; c < n; c++)
		if (strcmp(f->name[c], name) == 0)
			return true;
	return false;
}

/* "high orders, low days_since_order"; "average" without a feature that tells; numbers make it unique. */
static char *
name_segment(const Fit *f, size_t c, const size_t *order)
{
	const float *z = f->got.centre + c * f->in.d;
	StringInfoData s;
	char *name;

	initStringInfo(&s);
	for (size_t i = 0; i < f->in.d && i < NAMED; i++)
		if (fabsf(z[order[i]]) >= TELLING)
			appendStringInfo(&s, "%s%s %s", i ? ", " : "", z[order[i]] > 0 ? "high" : "low",
							 f->in.name[order[i]]);
	if (s.len == 0)
		appendStringInfoString(&s, "average");
	name = s.data;
	for (int same = 2; is_taken(f, c, name); same++)
		name = psprintf("%s %d", s.data, same);
	return name;
}

static void
name_segments(Fit *f)
{
	size_t *order = palloc(sizeof(size_t) * f->in.d);

	f->name = palloc0(sizeof(char *) * f->k);
	f->description = palloc(sizeof(char *) * f->k);
	for (size_t c = 0; c < f->k; c++)
	{
		rank_features(f, c, order);
		f->name[c] = name_segment(f, c, order);
		f->description[c] = describe(f, c, order);
	}
}

/* {"orders": {"typical": 12.4, "all": 2.1, "deviations": 1.8}, ...} */
static Jsonb *
features_json(const Fit *f, size_t c)
{
	const float *z = f->got.centre + c * f->in.d;
	StringInfoData s;

	initStringInfo(&s);
	appendStringInfoChar(&s, '{');
	for (size_t j = 0; j < f->in.d; j++)
	{
		if (j)
			appendStringInfoChar(&s, ',');
		escape_json(&s, f->in.name[j]);
		appendStringInfo(&s, ":{\"typical\":%.4g,\"all\":%.4g,\"deviations\":%.3f}",
						 value_of(f, j, z[j]), value_of(f, j, 0), z[j]);
	}
	appendStringInfoChar(&s, '}');
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(s.data)));
}

/* ---- saving ---- */

static void
add_text(StringInfo s, const char *key, const char *value)
{
	if (value == NULL)
		return;
	appendStringInfo(s, ",\"%s\":", key);
	escape_json(s, value);
}

static void
add_texts(StringInfo s, const char *key, char **value, size_t n)
{
	if (n == 0)
		return;
	appendStringInfo(s, ",\"%s\":[", key);
	for (size_t i = 0; i < n; i++)
	{
		if (i)
			appendStringInfoChar(s, ',');
		escape_json(s, value[i]);
	}
	appendStringInfoChar(s, ']');
}

static Jsonb *
encoder_of(const Fit *f)
{
	const BmSegmentInput *in = &f->in;
	StringInfoData s;

	initStringInfo(&s);
	appendStringInfo(&s, "{\"features\":\"%s\"", bm_segment_kinds[in->kind]);
	add_text(&s, "relation", in->relation);
	add_text(&s, "user_id", in->user_id);
	add_texts(&s, "columns", in->column, in->kind == BM_SEGMENT_COLUMNS ? in->d : 0);
	add_texts(&s, "events", in->event, (size_t) in->nevents);
	add_text(&s, "embedding_model", in->embedding);
	if (in->embedding)
		appendStringInfo(&s, ",\"embedding_version\":%d", in->embedding_version);
	add_texts(&s, "descriptions", f->description, f->k);
	appendStringInfo(&s, ",\"end\":" INT64_FORMAT "}", in->end);
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(s.data)));
}

static void
add_tensor(BmTensors *t, const char *name, BmDtype type, const void *data, int ndim,
		   const size_t *shape)
{
	if (!bmc_tensors_add(t, NULL, name, type, data, ndim, shape))
		elog(ERROR, "too many tensors in one version");
}

static void
save(Fit *f)
{
	BmTensors *t = palloc0(sizeof(BmTensors));
	size_t shape[2] = {f->k, f->in.d};
	float *size = take(f, f->k, sizeof(float));
	uint32_t *count = take(f, f->k, sizeof(uint32_t));
	BmVersion *v = &f->version;
	BmDict names;

	bm_check(bmc_dict_init(&names, BM_KEY_BYTES, &f->mem), "save the segments", NULL);
	for (size_t c = 0; c < f->k; c++)
	{
		uint32_t code = bm_people_code(&names, f->name[c], strlen(f->name[c]));

		if (code != c)
			elog(ERROR, "two segments have one name");
		size[c] = (float) f->got.size[c];
		count[c] = (uint32_t) f->got.size[c];
	}
	add_tensor(t, "centre", BM_F32, f->got.centre, 2, shape);
	add_tensor(t, "mean", BM_F32, f->mean, 1, shape + 1);
	add_tensor(t, "scale", BM_F32, f->scale, 1, shape + 1);
	add_tensor(t, "number", BM_I32, f->number, 1, shape);
	add_tensor(t, "size", BM_F32, size, 1, shape);
	v->model = f->model;
	v->task = BM_SEGMENT_TASK;
	v->source = f->in.source;
	v->algorithm = ALGORITHM;
	v->options = bm_options_jsonb(&f->options, bm_segment_options);
	v->encoder = encoder_of(f);
	v->seed = f->options.seed;
	v->rows = v->users = (int64) f->rows.n;
	v->epochs = f->got.iterations;
	v->seconds = (double) (GetCurrentTimestamp() - f->started) / USECS_PER_SEC;
	v->metric = "silhouette";
	v->value = f->silhouette;
	v->baseline = NAN;
	v->watermark = f->in.end;
	bm_version_save(v, t, &names.view, count);
	if (f->deploy)
		bm_deploy(v->model_id, v->version);
	bm_version_prune(v->model_id, f->options.keep_versions);
}

static void
emit(FunctionCallInfo fcinfo, const Fit *f)
{
	for (size_t c = 0; c < f->k; c++)
	{
		Datum values[9] = {Int32GetDatum(f->number[c]),
						   bm_text_datum(f->name[c]),
						   Int64GetDatum((int64) f->got.size[c]),
						   Float8GetDatum((double) f->got.size[c] / (double) f->rows.n),
						   bm_text_datum(f->description[c]),
						   JsonbPGetDatum(features_json(f, c)),
						   Int32GetDatum(f->version.version),
						   Float8GetDatum(f->silhouette),
						   bm_text_datum(f->note.len ? f->note.data : "ok")};
		bool nulls[9] = {false};

		nulls[7] = !isfinite(f->silhouette);
		bm_srf_row(fcinfo, values, nulls);
	}
}

/* ---- arguments ---- */

static BmSegmentKind
arg_kind(FunctionCallInfo fcinfo)
{
	char *word = bm_arg_text(fcinfo, 2, "features");

	for (int k = 0; k < BM_SEGMENT_SOURCES; k++)
		if (strcmp(word, bm_segment_kinds[k]) == 0)
			return (BmSegmentKind) k;
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					errmsg("\"features\" cannot be \"%s\"", word),
					errhint("It is one of rfm, rates, all, embedding; or give a table: data => "
							"'my_table', columns => '{a,b}'.")));
}

static void
check_column(Oid relid, const char *name, bool number)
{
	AttrNumber attno = get_attnum(relid, name);
	char category;
	bool preferred;

	if (attno <= 0)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
						errmsg("column \"%s\" of relation %s does not exist", name,
							   bm_relation_name(relid))));
	get_type_category_preferred(getBaseType(get_atttype(relid, attno)), &category, &preferred);
	if (number && category != TYPCATEGORY_NUMERIC)
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("column \"%s\" of relation %s is no number", name,
							   bm_relation_name(relid))));
}

/* The columns named, or all that are numbers but the user's. */
static void
arg_columns(Fit *f, FunctionCallInfo fcinfo, Oid relid)
{
	BmSegmentInput *in = &f->in;
	int n = 0, all;
	char **name = PG_ARGISNULL(6) ? NULL : bm_arg_text_array(fcinfo, 6, "columns", &n);

	in->kind = BM_SEGMENT_COLUMNS;
	in->relation = bm_relation_name(relid);
	in->user_id = bm_arg_text_or_null(fcinfo, 5);
	if (in->user_id)
		check_column(relid, in->user_id, false);
	for (int i = 0; i < n; i++)
		check_column(relid, name[i], true);
	if (n == 0)
	{
		char **column = bm_relation_columns(relid, &all), category;
		bool preferred;

		name = palloc(sizeof(char *) * Max(all, 1));
		for (int i = 0; i < all; i++)
		{
			get_type_category_preferred(
				getBaseType(get_atttype(relid, get_attnum(relid, column[i]))), &category,
				&preferred);
			if (category == TYPCATEGORY_NUMERIC &&
				!(in->user_id && strcmp(column[i], in->user_id) == 0))
				name[n++] = column[i];
		}
	}
	if (n == 0 || n > BM_MOST_COLUMNS)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("segments need 1 to %d columns, not %d", BM_MOST_COLUMNS, n)));
	in->column = name;
	in->d = (size_t) n;
	bm_segment_features(in);
}

static void
arguments(Fit *f, FunctionCallInfo fcinfo)
{
	static const BmOptionSpec *const specs[] = {bm_segment_options};
	Jsonb *json = PG_ARGISNULL(7) ? NULL : PG_GETARG_JSONB_P(7);

	f->model = bm_arg_text(fcinfo, 0, "model");
	f->in.source = bm_arg_text_or_null(fcinfo, 1);
	f->k = PG_ARGISNULL(3) ? 0 : (size_t) bm_arg_range(fcinfo, 3, "k", 1, BM_MOST_SEGMENTS);
	f->deploy = bm_arg_bool_or(fcinfo, 8, true);
	bm_options_check(json, specs, 1, "behav_segments");
	bm_options_parse(&f->options, bm_segment_options, json);
	f->in.min_events = f->options.min_events;
	f->in.embedding = f->options.embedding_model;
	initStringInfo(&f->note);
	f->silhouette = NAN;
	if ((f->in.source == NULL) == PG_ARGISNULL(4))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("either \"source\" or \"data\" must be given"),
						errhint("source => 'shop', or data => 'my_table', user_id => 'id'.")));
	if (f->in.source)
		f->in.kind = arg_kind(fcinfo);
	else
		arg_columns(f, fcinfo, PG_GETARG_OID(4));
}

/* behav_segments(model, source, features, k, data, user_id, columns, options, deploy) */
BM_FUNCTION(behav_segments);
Datum
behav_segments(PG_FUNCTION_ARGS)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "behavmine segments", ALLOCSET_DEFAULT_SIZES);
	Fit f = {.started = GetCurrentTimestamp()};

	bm_srf_begin(fcinfo);
	arguments(&f, fcinfo);
	bm_model_lock(f.model);
	bm_mem_init(&f.mem, context);
	bm_watch_init(&f.watch, 0);
	bm_progress_start(f.model);
	bm_segment_read(&f.rows, &f.in, &f.options, NULL, false, &f.mem, context, &f.watch);
	if (f.rows.n == 0)
		no_rows(&f);
	standardise(&f);
	f.pool = bm_pool_open(context, bm_threads(), false);
	choose_k(&f);
	group(&f);
	measure(&f);
	if (f.in.name == NULL)
		bm_segment_features(&f.in);
	number_segments(&f);
	name_segments(&f);
	if (f.note.len > 0)
		f.note.data[--f.note.len] = '\0'; /* the space after the last sentence */
	bm_progress_phase(BM_PHASE_SAVE, NULL);
	save(&f);
	bm_progress_end();
	emit(fcinfo, &f);
	MemoryContextDelete(context);
	return (Datum) 0;
}
