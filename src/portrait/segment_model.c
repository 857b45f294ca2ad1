/*
 * segment_model.c
 *		Stored segments: centres as tensors, what their columns are in the encoder, names as codes.
 */
#include "pg/pg.h"

#include <math.h>

#include "lib/stringinfo.h"
#include "utils/json.h"
#include "utils/timestamp.h"

#include "model/query.h"
#include "portrait/segment.h"
#include "portrait/value_model.h"

const BmOptionSpec bm_segment_options[] = {
	{"starts", BM_OPT_INT, offsetof(BmSegmentOptions, starts), "5", 1, 1000, NULL,
	 "Starts of k-means, of which the best is kept."},
	{"iterations", BM_OPT_INT, offsetof(BmSegmentOptions, iterations), "300", 1, 100000, NULL,
	 "Iterations of a start, at most."},
	{"batch", BM_OPT_INT, offsetof(BmSegmentOptions, batch), "0", 0, 10000000, NULL,
	 "Rows of a mini-batch; 0: all rows in each iteration."},
	{"sample", BM_OPT_INT, offsetof(BmSegmentOptions, sample), "2000", 10, 20000, NULL,
	 "Rows on which the number of segments is chosen and the silhouette measured."},
	{"max_k", BM_OPT_INT, offsetof(BmSegmentOptions, max_k), "8", 2, BM_MOST_SEGMENTS, NULL,
	 "Most segments when k is not given."},
	{"choose", BM_OPT_ENUM, offsetof(BmSegmentOptions, choose), "silhouette", 0, 0,
	 "silhouette|gap", "How the number of segments is chosen when k is not given."},
	{"min_events", BM_OPT_INT, offsetof(BmSegmentOptions, min_events), "1", 1, 1000000, NULL,
	 "Users of a source with fewer events are in no segment."},
	{"seed", BM_OPT_INT, offsetof(BmSegmentOptions, seed), "1", 0, 2147483647, NULL,
	 "The same seed gives the same segments."},
	{"embedding_model", BM_OPT_TEXT, offsetof(BmSegmentOptions, embedding_model), NULL, 0, 0, NULL,
	 "Recommender whose item vectors are used; default: the one named like the source."},
	{"keep_versions", BM_OPT_INT, offsetof(BmSegmentOptions, keep_versions), "2", 0, 1000000, NULL,
	 "Newest versions to keep beside the deployed one."},
	{"time_zone", BM_OPT_TEXT,
	 offsetof(BmSegmentOptions, person) + offsetof(BmPersonOptions, time_zone), NULL, 0, 0, NULL,
	 "Zone on whose clock hours and days are; default: the session's."},
	{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

/* The texts of an array member of a jsonb object. */
static char **
json_texts(Jsonb *json, const char *name, int *n)
{
	JsonbValue *v = json && JB_ROOT_IS_OBJECT(json)
						? getKeyJsonValueFromContainer(&json->root, name, strlen(name), NULL)
						: NULL;
	char **out;

	*n = 0;
	if (v == NULL || v->type != jbvBinary || !JsonContainerIsArray(v->val.binary.data))
		return NULL;
	out = palloc(sizeof(char *) * Max(JsonContainerSize(v->val.binary.data), 1));
	for (uint32 i = 0; i < JsonContainerSize(v->val.binary.data); i++)
	{
		JsonbValue *e = getIthJsonbValueFromContainer(v->val.binary.data, i);

		if (e->type == jbvString)
			out[(*n)++] = pnstrdup(e->val.string.val, e->val.string.len);
	}
	return out;
}

static void
read_input(BmSegmentModel *m)
{
	BmSegmentInput *in = &m->in;
	BmVersion *v = m->version;
	char *kind = bm_json_text(v->encoder, "features");
	double end = bm_json_number(v->encoder, "end");
	int n, k = 0;

	while (k <= BM_SEGMENT_COLUMNS && (kind == NULL || strcmp(kind, bm_segment_kinds[k]) != 0))
		k++;
	if (k > BM_SEGMENT_COLUMNS)
		bm_version_damaged(v, NULL, "it does not say what its features are");
	in->kind = (BmSegmentKind) k;
	in->source = v->source;
	in->relation = bm_json_text(v->encoder, "relation");
	in->user_id = bm_json_text(v->encoder, "user_id");
	in->column = json_texts(v->encoder, "columns", &n);
	in->event = json_texts(v->encoder, "events", &in->nevents);
	in->embedding = bm_json_text(v->encoder, "embedding_model");
	in->embedding_version = (int) bm_json_number(v->encoder, "embedding_version");
	in->end = isfinite(end) ? (int64) end : 0;
	in->min_events = m->options.min_events;
	in->d = in->kind == BM_SEGMENT_COLUMNS ? (size_t) n : m->in.d;
	m->description = json_texts(v->encoder, "descriptions", &n);
	if ((size_t) n != m->k || (in->kind == BM_SEGMENT_COLUMNS ? in->relation : in->source) == NULL)
		bm_version_damaged(v, NULL, "its description is incomplete");
	bm_segment_features(in);
}

static const void *
tensor(const BmSegmentModel *m, const BmTensors *t, const char *name, BmDtype type, int ndim,
	   const size_t *shape)
{
	const BmTensor *found = bmc_tensors_find(t, NULL, name, type, ndim, shape);

	if (found == NULL)
		bm_version_damaged(m->version, name, "it is missing or has another shape");
	return found->data;
}

static void
check_task(const BmVersion *v)
{
	if (strcmp(v->task, BM_SEGMENT_TASK) == 0)
		return;
	ereport(ERROR, (errcode(ERRCODE_WRONG_OBJECT_TYPE),
					errmsg("model \"%s\" does not know segments", v->model),
					errdetail("Its task is \"%s\".", v->task),
					errhint("Make one that does: SELECT * FROM behav_segments('my_segments', "
							"source => 'my_source')")));
}

BmSegmentModel *
bm_segment_model(const char *name, int version, BmMem *mem)
{
	BmSegmentModel *m = palloc0(sizeof(BmSegmentModel));
	BmTensors *t = palloc0(sizeof(BmTensors));
	size_t any[2] = {0, 0}, shape[2];
	const BmTensor *centre;
	BmDict names;

	if (name == NULL)
		name = bm_only_model(BM_SEGMENT_TASK,
							 "SELECT * FROM behav_segments('my_segments', source => 'my_source')");
	m->version = bm_version_load(name, version);
	check_task(m->version);
	bm_options_parse(&m->options, bm_segment_options, m->version->options);
	bm_version_tensors(m->version, t, &names, mem);
	centre = bmc_tensors_find(t, NULL, "centre", BM_F32, 2, any);
	if (centre == NULL || centre->shape[0] == 0 || centre->shape[0] != names.view.n)
		bm_version_damaged(m->version, "centre", "it is missing or has another shape");
	m->k = shape[0] = centre->shape[0];
	m->in.d = shape[1] = centre->shape[1];
	m->centre = (float *) centre->data;
	m->mean = (float *) tensor(m, t, "mean", BM_F32, 1, shape + 1);
	m->scale = (float *) tensor(m, t, "scale", BM_F32, 1, shape + 1);
	m->number = tensor(m, t, "number", BM_I32, 1, shape);
	read_input(m);
	if (m->in.d != shape[1])
		bm_version_damaged(m->version, "centre", "it has another width than its features");
	m->name = palloc(sizeof(char *) * m->k);
	for (size_t s = 0; s < m->k; s++)
		m->name[s] = bm_dict_text(&names.view, (uint32_t) s);
	return m;
}

size_t
bm_segment_nearest(const BmSegmentModel *m, float *x, double *distance)
{
	uint32_t label;
	float d2;

	for (size_t j = 0; j < m->in.d; j++)
		x[j] = (x[j] - m->mean[j]) / m->scale[j];
	bmc_kmeans_assign(&label, &d2, m->centre, m->k, x, 1, m->in.d);
	if (distance)
		*distance = sqrt(Max(d2, 0.0f));
	return label;
}

char *
bm_segment_json(const BmPortrait *p, BmPeople *people)
{
	BmParam source = bm_param_text(people->source->name);
	MemoryContext caller = CurrentMemoryContext;
	char *model = NULL;
	BmSegmentModel *m;
	StringInfoData s;
	double distance;
	float *x;
	size_t i;

	SPI_connect();
	if (bm_read("SELECT m.name FROM behavmine.model m JOIN LATERAL (SELECT d.version FROM "
				"behavmine.deployment d WHERE d.model_id = m.model_id AND d.undone_at IS NULL "
				"ORDER BY d.deployment_id DESC LIMIT 1) d ON true JOIN behavmine.version v "
				"ON v.model_id = m.model_id AND v.version = d.version WHERE m.task = 'segment' "
				"AND m.source = $1 AND v.encoder ->> 'features' IN ('rfm', 'rates', 'all') "
				"ORDER BY m.model_id LIMIT 1",
				1, &source) == 1)
		model = bm_row_text(0, 1, caller);
	SPI_finish();
	if (model == NULL)
		return NULL;
	m = bm_segment_model(model, 0, people->mem);
	x = palloc(sizeof(float) * BM_MOST_FEATURES);
	if (!bm_segment_row(x, &m->in, p, people))
		return NULL;
	i = bm_segment_nearest(m, x, &distance);
	initStringInfo(&s);
	appendStringInfo(&s, "{\"segment\":%d,\"name\":", m->number[i]);
	escape_json(&s, m->name[i]);
	appendStringInfoString(&s, ",\"description\":");
	escape_json(&s, m->description[i]);
	appendStringInfo(&s, ",\"distance\":%.3f,\"model\":", distance);
	escape_json(&s, model);
	appendStringInfo(&s, ",\"version\":%d}", m->version->version);
	return s.data;
}
