/*
 * segment_rows.c
 *		The rows that segments are made of: from portraits, from a recommender's item vectors, or from
 *		the columns of a table.
 */
#include "pg/pg.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/regproc.h"
#include "utils/timestamp.h"

#include "event/history.h"
#include "pg/scan.h"
#include "portrait/segment.h"

#define CHUNK_USERS 2048

const char *const bm_segment_kinds[] = {"rfm", "rates", "all", "embedding", "columns"};

/* ---- growing ---- */

static void *
grown(BmSegmentRows *r, void *block, size_t n, size_t size)
{
	block = bmc_realloc(r->mem, block, n, size);
	if (!block)
		bm_check(BM_ENOMEM, "read the rows of segments", NULL);
	return block;
}

/* Room for one row more; it counts once keep_row was called. */
static float *
next_row(BmSegmentRows *r)
{
	if (r->n == r->capacity)
	{
		r->capacity = Max(1024, r->capacity + r->capacity / 2);
		r->x = grown(r, r->x, bmc_mul(r->capacity, r->d), sizeof(float));
		if (r->users)
			r->user = grown(r, r->user, r->capacity, sizeof(size_t));
	}
	return r->x + r->n * r->d;
}

static void
keep_row(BmSegmentRows *r, const char *user, size_t len)
{
	if (r->users)
	{
		if (r->text_used + len + 1 > r->text_capacity)
		{
			r->text_capacity = Max(r->text_used + len + 1, Max(16384, 2 * r->text_capacity));
			r->text = grown(r, r->text, r->text_capacity, 1);
		}
		r->user[r->n] = r->text_used;
		memcpy(r->text + r->text_used, user, len);
		r->text[r->text_used + len] = '\0';
		r->text_used += len + 1;
	}
	r->n++;
}

/* ---- a table ---- */

typedef struct TableReader
{
	BmSegmentRows *rows;
	int first; /* column of the first feature */
} TableReader;

static void
table_row(void *arg, TupleTableSlot *slot)
{
	TableReader *t = arg;
	BmSegmentRows *r = t->rows;
	float *x = next_row(r);

	for (size_t j = 0; j < r->d; j++)
	{
		int i = t->first + (int) j;

		x[j] = slot->tts_isnull[i] ? NAN : (float) DatumGetFloat8(slot->tts_values[i]);
		if (!isfinite(x[j]))
		{
			r->skipped++;
			return;
		}
	}
	if (t->first == 0)
		keep_row(r, "", 0);
	else if (slot->tts_isnull[0])
		r->skipped++;
	else
	{
		text *user = DatumGetTextPP(slot->tts_values[0]);

		keep_row(r, VARDATA_ANY(user), VARSIZE_ANY_EXHDR(user));
		if ((Pointer) user != DatumGetPointer(slot->tts_values[0]))
			pfree(user);
	}
}

static void
read_table(BmSegmentRows *r, const BmSegmentInput *in, const char *user)
{
	TableReader t = {r, r->users ? 1 : 0};
	Oid type = TEXTOID;
	Datum value = user ? bm_text_datum(user) : (Datum) 0;
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT ");
	if (r->users)
		appendStringInfo(&sql, "%s::pg_catalog.text, ", quote_identifier(in->user_id));
	for (size_t j = 0; j < r->d; j++)
		appendStringInfo(&sql, "%s%s::pg_catalog.float8", j ? ", " : "",
						 quote_identifier(in->column[j]));
	appendStringInfo(&sql, " FROM %s", in->relation);
	if (user) /* the key as the column's own type, so that an index serves it */
	{
		Oid relid = DatumGetObjectId(
			DirectFunctionCall1(regclassin, CStringGetDatum((char *) in->relation)));

		appendStringInfo(&sql, " WHERE %s = $1::%s", quote_identifier(in->user_id),
						 format_type_be(get_atttype(relid, get_attnum(relid, in->user_id))));
	}
	SPI_connect();
	(void) bm_scan(sql.data, user ? 1 : 0, &type, &value, NULL, table_row, &t);
	SPI_finish();
}

/* ---- portraits ---- */

bool
bm_segment_row(float *x, const BmSegmentInput *in, const BmPortrait *p, BmPeople *people)
{
	uint32_t *code = palloc(sizeof(uint32_t) * Max(in->nevents, 1));
	bool has;

	for (int i = 0; i < in->nevents; i++)
		code[i] = bm_people_code(&people->events, in->event[i], strlen(in->event[i]));
	has = p->events >= (uint32_t) in->min_events &&
		  bmc_portrait_feature_row(x, p, (BmFeatureKind) in->kind, code, (size_t) in->nevents,
								   Max(in->end, p->last));
	pfree(code);
	return has;
}

static void
read_one(BmSegmentRows *r, BmSegmentInput *in, BmPeople *people, const char *user)
{
	BmPortrait *p = palloc(sizeof(BmPortrait));

	if (bm_person_read(p, people, user) && bm_segment_row(next_row(r), in, p, people))
		keep_row(r, user, strlen(user));
}

/* The behaviours of a source that is fitted, the lightest first. */
static void
learn_events(BmSegmentInput *in, const BmCrowd *c)
{
	in->nevents = (int) c->people->events.view.n;
	in->event = palloc(sizeof(char *) * Max(in->nevents, 1));
	for (int i = 0; i < in->nevents; i++)
		in->event[i] = bm_dict_text(&c->people->events.view, c->order[i]);
	in->end = c->log->last;
}

static void
read_portraits(BmSegmentRows *r, BmSegmentInput *in, const BmCrowd *c, BmPool *pool, BmWatch *watch)
{
	size_t users = bm_crowd_users(c);
	BmPortrait *p = palloc_extended(sizeof(BmPortrait) * CHUNK_USERS, MCXT_ALLOC_HUGE);

	for (size_t first = 0; first < users; first += CHUNK_USERS)
	{
		size_t n = Min(CHUNK_USERS, users - first);

		for (size_t i = 0; i < n; i++)
			bmc_portrait_init(&p[i]);
		bm_crowd_sweep(p, c, first, n, pool, watch);
		for (size_t i = 0; i < n; i++)
			if (bm_segment_row(next_row(r), in, &p[i], c->people))
			{
				char *user =
					r->users ? bm_dict_text(&c->log->users.view, (uint32_t) (first + i)) : "";

				keep_row(r, user, strlen(user));
			}
			else
				r->skipped++;
		bm_interrupts();
	}
	pfree(p);
}

/* ---- item vectors ---- */

typedef struct Vectors
{
	const float *v; /* (items, width) */
	size_t width;
	BmDict items;
} Vectors;

/* The item vectors of the recommender that is named, or of the only one on this source. */
static void
load_vectors(Vectors *out, BmSegmentInput *in, BmMem *mem)
{
	BmVersion *v =
		bm_version_load(in->embedding ? in->embedding : in->source, in->embedding_version);
	const BmAlgorithm *a = bm_algorithm_or_null(v->algorithm);
	BmTensors *t = palloc0(sizeof(BmTensors));

	if (a == NULL || a->core == NULL || a->core->item_embedding == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("version %d of model \"%s\" has no item embeddings", v->version, v->model),
				 errdetail("Its algorithm is \"%s\".", v->algorithm),
				 errhint("Train one that has: SELECT * FROM behav_train(%s, 'als').",
						 quote_literal_cstr(v->model))));
	in->embedding = v->model;
	in->embedding_version = v->version;
	if (!bm_version_tensor(v, psprintf("%s/%s", a->name, a->core->item_embedding), t, &out->items,
						   mem) ||
		t->t[0].dtype != BM_F32 || t->t[0].ndim != 2 || t->t[0].shape[0] < out->items.view.n)
		bm_version_damaged(v, a->core->item_embedding, "its shape is not (items, width)");
	out->v = t->t[0].data;
	out->width = t->t[0].shape[1];
}

static uint32_t
vector_of(const Vectors *v, bool is_int, int64 key, const char *text, size_t len)
{
	if (v->items.view.kind == BM_KEY_INT)
		return is_int ? bmc_dict_find_int(&v->items.view, key) : BM_NONE;
	return is_int ? BM_NONE : bmc_dict_find_bytes(&v->items.view, text, len);
}

/* Mean of the vectors added to x with this sum of weights; false when there is none. */
static bool
finish_mean(float *x, size_t d, double weight)
{
	for (size_t j = 0; j < d && weight > 0; j++)
		x[j] /= (float) weight;
	return weight > 0;
}

static void
add_vector(float *x, const Vectors *v, uint32_t item, float weight, double *sum)
{
	const float *row = v->v + (size_t) item * v->width;

	for (size_t j = 0; j < v->width; j++)
		x[j] += weight * row[j];
	*sum += weight;
}

static void
embed_all(BmSegmentRows *r, const BmSegmentInput *in, const BmCrowd *c, const Vectors *v)
{
	const BmLog *log = c->log;
	const BmDictView *items = &log->items.view;
	uint32_t *code = bmc_alloc(r->mem, Max(items->n, 1), sizeof(uint32_t));

	if (!code)
		bm_check(BM_ENOMEM, "read the rows of segments", NULL);
	for (uint32_t i = 0; i < items->n; i++)
	{
		bool is_int = items->kind == BM_KEY_INT;

		code[i] = vector_of(v, is_int, is_int ? items->key[i] : 0,
							is_int ? NULL : items->blob + items->offset[i],
							is_int ? 0 : items->offset[i + 1] - items->offset[i]);
	}
	for (uint32_t u = 0; u < log->users.view.n; u++)
	{
		float *x = next_row(r);
		double sum = 0;

		memset(x, 0, r->d * sizeof(float));
		for (size_t e = log->start[u]; e < log->start[u + 1]; e++)
			if (log->item[e] != BM_NONE && code[log->item[e]] != BM_NONE)
				add_vector(x, v, code[log->item[e]], c->weight[log->event ? log->event[e] : 0],
						   &sum);
		if (log->start[u + 1] - log->start[u] >= (size_t) in->min_events &&
			finish_mean(x, r->d, sum))
		{
			char *user = r->users ? bm_dict_text(&log->users.view, u) : "";

			keep_row(r, user, strlen(user));
		}
		else
			r->skipped++;
	}
}

static void
embed_one(BmSegmentRows *r, const BmSegmentInput *in, BmPeople *people, const char *user,
		  const Vectors *v, MemoryContext context)
{
	BmHistoryReader *reader = bm_history_reader(people->source, NULL, context);
	BmPastEvent *e;
	size_t n = bm_history_read(reader, strtoll(user, NULL, 10), user, PG_INT64_MAX, &e);
	float *x = next_row(r);
	double sum = 0;

	memset(x, 0, r->d * sizeof(float));
	for (size_t i = 0; i < n; i++)
	{
		uint32_t item = vector_of(v, e[i].text == NULL, e[i].key, e[i].text, e[i].len);

		if (item != BM_NONE)
			add_vector(x, v, item, e[i].event ? e[i].weight : 1.0f, &sum);
	}
	if (n >= (size_t) in->min_events && finish_mean(x, r->d, sum))
		keep_row(r, user, strlen(user));
}

/* ---- all of them ---- */

void
bm_segment_features(BmSegmentInput *in)
{
	if (in->kind == BM_SEGMENT_COLUMNS)
		in->name = in->column;
	else if (in->kind == BM_SEGMENT_EMBEDDING)
	{
		in->name = palloc(sizeof(char *) * in->d);
		for (size_t j = 0; j < in->d; j++)
			in->name[j] = psprintf("dimension_%zu", j + 1);
	}
	else
	{
		in->d = bmc_portrait_features(in->feature, (BmFeatureKind) in->kind, (size_t) in->nevents);
		in->name = palloc(sizeof(char *) * BM_MOST_FEATURES);
		for (size_t j = 0; j < in->d; j++)
			in->name[j] =
				in->feature[j].name
					? pstrdup(in->feature[j].name)
					: psprintf("%s_per_%s", in->event[in->feature[j].event], in->event[0]);
	}
}

static void
read_source(BmSegmentRows *out, BmSegmentInput *in, const BmSegmentOptions *o, const char *user,
			MemoryContext context, BmWatch *watch)
{
	BmPeople people;
	BmCrowd crowd;
	Vectors vectors;

	bm_people(&people, in->source, NULL, out->mem);
	bm_zone_init(&people.zone, o->person.time_zone);
	if (in->kind == BM_SEGMENT_EMBEDDING)
	{
		load_vectors(&vectors, in, out->mem);
		out->d = in->d = vectors.width;
	}
	if (user)
	{
		out->d = in->d;
		if (in->kind == BM_SEGMENT_EMBEDDING)
			embed_one(out, in, &people, user, &vectors, context);
		else
			read_one(out, in, &people, user);
		return;
	}
	bm_crowd_read(&crowd, &people, PG_INT64_MIN, context, watch);
	if (crowd.log == NULL)
		return;
	if (in->nevents == 0)
		learn_events(in, &crowd);
	if (in->name == NULL)
		bm_segment_features(in);
	out->d = in->d;
	if (out->d == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("source \"%s\" has one behaviour only: there are no rates", in->source),
				 errhint("Use features => 'rfm' or 'all'.")));
	if (in->kind == BM_SEGMENT_EMBEDDING)
		embed_all(out, in, &crowd, &vectors);
	else
		read_portraits(out, in, &crowd, bm_pool_open(context, bm_threads(), false), watch);
}

void
bm_segment_read(BmSegmentRows *out, BmSegmentInput *in, const BmSegmentOptions *o, const char *user,
				bool users, BmMem *mem, MemoryContext context, BmWatch *watch)
{
	memset(out, 0, sizeof(*out));
	out->mem = mem;
	out->users = users;
	out->d = in->d;
	if (in->kind == BM_SEGMENT_COLUMNS)
		read_table(out, in, user);
	else
		read_source(out, in, o, user, context, watch);
}
