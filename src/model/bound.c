/*
 * bound.c
 *		From stored tensors to something that answers: every algorithm checks its own tensors.
 */
#include "pg/pg.h"

#include "core/rec/segments.h"
#include "model/encoder.h"
#include "model/panel.h"

int
bm_version_parts(const BmVersion *v, char **name)
{
	JsonbValue *parts = NULL;
	int n = 0;

	if (bm_algorithm_or_null(v->algorithm) && !bm_is_blend(bm_algorithm(v->algorithm)))
	{
		name[0] = v->algorithm;
		return 1;
	}
	if (v->options && JB_ROOT_IS_OBJECT(v->options))
		parts = getKeyJsonValueFromContainer(&v->options->root, "parts", 5, NULL);
	if (parts && parts->type == jbvBinary && JsonContainerIsArray(parts->val.binary.data))
		n = (int) JsonContainerSize(parts->val.binary.data);
	if (n < 1 || n > BM_MAX_BLEND)
		bm_version_damaged(v, NULL, "its algorithm \"%s\" is unknown or has no parts",
						   v->algorithm);
	for (int i = 0; i < n; i++)
	{
		JsonbValue *part = getIthJsonbValueFromContainer(parts->val.binary.data, i);

		if (part->type != jbvString)
			bm_version_damaged(v, NULL, "a part of the blend has no name");
		name[i] = pnstrdup(part->val.string.val, part->val.string.len);
	}
	return n;
}

static void
bind_part(BmModel *model, const BmTensors *tensors, const char *name, BmBlendPart *part)
{
	const BmAlgorithm *algorithm = bm_algorithm_or_null(name);
	void *bound;
	const char *wrong;

	if (algorithm == NULL || algorithm->core == NULL)
		bm_version_damaged(model->version, NULL, "this library has no algorithm \"%s\"", name);
	bound = palloc0(algorithm->core->bound_size);
	wrong = algorithm->core->bind(bound, tensors, psprintf("%s/", name), model->items.n);
	if (wrong)
		bm_version_damaged(model->version, name, "%s", wrong);
	if (algorithm->core->item_embedding && model->embedding == NULL)
	{
		size_t shape[2] = {model->items.n, 0};
		const BmTensor *e = bmc_tensors_find(tensors, psprintf("%s/", name),
											 algorithm->core->item_embedding, BM_F32, 2, shape);

		model->embedding = e ? e->data : NULL;
		model->embedding_dim = e ? e->shape[1] : 0;
	}
	part->algorithm = algorithm->core;
	part->bound = bound;
	part->weight = 1.0f;
}

/* A tensor of one float an item. */
static const float *
item_tensor(const BmModel *model, const BmTensors *tensors, const char *name)
{
	size_t n = model->items.n;
	const BmTensor *t = bmc_tensors_find(tensors, NULL, name, BM_F32, 1, &n);

	if (t == NULL)
		bm_version_damaged(model->version, name, "it is missing or has another shape");
	return t->data;
}

/* The lists of segments; an item that does not exist is damage. */
static void
bind_segments(BmModel *model, const BmTensors *tensors)
{
	size_t shape[2] = {(size_t) model->nsegments, BM_SEGMENT_TOP};
	const BmTensor *item, *score;

	if (model->nsegments == 0)
		return;
	item = bmc_tensors_find(tensors, NULL, "segment_item", BM_I32, 2, shape);
	score = bmc_tensors_find(tensors, NULL, "segment_score", BM_F32, 2, shape);
	if (item == NULL || score == NULL)
		bm_version_damaged(model->version, "segment_item", "it is missing or has another shape");
	model->segment_item = item->data;
	model->segment_score = score->data;
	for (size_t i = 0; i < shape[0] * shape[1]; i++)
		if ((uint32_t) model->segment_item[i] != BM_NONE &&
			(uint32_t) model->segment_item[i] >= model->items.n)
			bm_version_damaged(model->version, "segment_item",
							   "it names an item that is not there");
}

/* A model of rows: what else it is made of (the encoder), the room that serves it reads from tensors. */
static void
bind_predictor(BmModel *model, const BmAlgorithm *algorithm)
{
	const char *wrong;

	model->predictor = algorithm->predictor;
	model->predictor_bound = palloc0(algorithm->predictor->bound_size);
	wrong = algorithm->predictor->bind(model->predictor_bound, model->tensors,
									   psprintf("%s/", algorithm->name));
	if (wrong)
		bm_version_damaged(model->version, algorithm->name, "%s", wrong);
}

/* 42809 for versions of other tasks: they have functions of their own that answer from them. */
static void
must_be_bindable(const BmVersion *v)
{
	static const struct
	{
		const char *task, *ask;
	} others[] = {{"value", "behav_clv_table"},
				  {"forecast", "behav_forecast_table"},
				  {"segment", "behav_segment_table"},
				  {"uplift", "behav_uplift_scores"}};

	if (bm_version_bindable(v))
		return;
	for (int i = 0; i < lengthof(others); i++)
		if (strcmp(v->task, others[i].task) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_WRONG_OBJECT_TYPE),
					 errmsg("model \"%s\" does not recommend", v->model),
					 errdetail("Its task is \"%s\", its algorithm \"%s\".", v->task, v->algorithm),
					 errhint("Ask it with SELECT * FROM %s(model => %s).", others[i].ask,
							 quote_literal_cstr(v->model))));
	bm_version_damaged(v, NULL, "its task \"%s\" is unknown", v->task);
}

/* The items without an event, for the blend. */
static void
bind_cold(BmModel *model)
{
	uint32_t *cold;
	size_t n = 0;

	for (size_t i = 0; i < model->items.n; i++)
		n += model->support[i] == 0.0f;
	if (n == 0)
		return;
	cold = palloc_extended(sizeof(uint32_t) * n, MCXT_ALLOC_HUGE);
	for (size_t i = 0, c = 0; i < model->items.n; i++)
		if (model->support[i] == 0.0f)
			cold[c++] = (uint32_t) i;
	model->blend.cold = cold;
	model->blend.ncold = n;
}

static void
bind_recommender(BmModel *model, const BmTensors *tensors)
{
	char *name[BM_MAX_BLEND];
	int n = bm_version_parts(model->version, name);

	model->blend.n = n;
	model->blend.nitems = model->items.n;
	for (int i = 0; i < n; i++)
		bind_part(model, tensors, name[i], &model->blend.part[i]);
	if (bm_algorithm(model->version->algorithm)->core == NULL)
	{
		size_t parts = (size_t) n;
		const BmTensor *w = bmc_tensors_find(tensors, NULL, "blend_weight", BM_F32, 1, &parts);

		if (w == NULL)
			bm_version_damaged(model->version, "blend_weight",
							   "it is missing or has another shape");
		for (int i = 0; i < n; i++)
			model->blend.part[i].weight = ((const float *) w->data)[i];
	}
	model->popularity = item_tensor(model, tensors, "popularity");
	model->support = item_tensor(model, tensors, "support");
	bind_cold(model);
	bm_encoder_apply(model, model->version->encoder);
	bind_segments(model, tensors);
	bm_panel_bind(model, tensors);
}

void
bm_model_bind(BmModel *model, const BmTensors *tensors)
{
	MemoryContext old = MemoryContextSwitchTo(model->context);
	const BmAlgorithm *algorithm = bm_algorithm_or_null(model->version->algorithm);

	must_be_bindable(model->version);
	model->tensors = tensors;
	if (algorithm && algorithm->predictor)
		bind_predictor(model, algorithm);
	else
		bind_recommender(model, tensors);
	MemoryContextSwitchTo(old);
}

BmModel *
bm_recommender_deployed(const char *name)
{
	BmModel *model = bm_model_deployed(name);

	if (model->predictor)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("model \"%s\" does not recommend", model->version->model),
				 errdetail("Its algorithm \"%s\" learned from rows.", model->version->algorithm),
				 errhint("Ask it with SELECT p.* FROM <table> t, behav_predict(%s, t) p.",
						 quote_literal_cstr(model->version->model))));
	return model;
}

void
bm_model_must_predict(const BmModel *model)
{
	if (model->predictor == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("model \"%s\" does not answer for rows", model->version->model),
				 errdetail("Its algorithm \"%s\" recommends items to users.",
						   model->version->algorithm),
				 errhint("Ask it with SELECT * FROM behav_recommend(<user_id>, model => %s).",
						 quote_literal_cstr(model->version->model))));
}

BmModel *
bm_predictor_deployed(const char *name)
{
	BmModel *model = bm_model_deployed(name);

	bm_model_must_predict(model);
	return model;
}

BmModel *
bm_model_load(const char *name, int version, BmMem *mem, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	BmModel *model = palloc0(sizeof(BmModel));
	BmTensors *tensors = palloc0(sizeof(BmTensors));
	BmDict items;

	model->context = context;
	model->version = bm_version_load(name, version);
	bm_version_tensors(model->version, tensors, &items, mem);
	model->items = items.view;
	bm_model_bind(model, tensors);
	MemoryContextSwitchTo(old);
	return model;
}
