/*
 * bound.h
 *		A model version bound for answering: tensors (mapped or in memory), item dictionary, parts.
 */
#ifndef BM_BOUND_H
#define BM_BOUND_H

#include "core/num/panel.h"
#include "core/num/predictor.h"
#include "core/rec/blend.h"
#include "model/registry.h"

typedef struct BmModel
{
	BmVersion *version;
	const BmTensors *tensors; /* what it is bound to */
	/* of a model of rows; all that follows is then empty */
	const BmPredictor *predictor;
	void *predictor_bound;
	/* of a recommender */
	BmDictView items;
	BmBlend blend; /* one part for a single algorithm; all answers go through it */
	const float
		*popularity; /* (items) time-decayed popularity: tensor "popularity", cold users' answer */
	const float *support; /* (items) training events: tensor "support" */
	/* The first part's that has one: tensor of BmRecommender.item_embedding; else NULL. */
	const float *embedding; /* (items, embedding_dim) */
	size_t embedding_dim;
	const BmPanel *panel; /* of the item matrix, from the cache file, or NULL */
	/* What is popular by segment, where the version was trained with the option "segment"; see segments.h. */
	int nsegments;
	char **segments;             /* names by code */
	char *segment_column;        /* of the events, or NULL */
	const int32_t *segment_item; /* (nsegments, BM_SEGMENT_TOP) */
	const float *segment_score;
	float event_weight[256];
	bool purchase[256];
	int nevents;
	char **events;       /* behaviour names by code */
	const void *mapping; /* or NULL */
	size_t mapping_bytes;
	void *attached;   /* what serving prepared for this model, in context; NULL at first */
	Oid source_relid; /* the events that attached reads, or 0; when it changes all is made anew */
	MemoryContext context;
} BmModel;

/*
 * Bind tensors to algorithms. A single algorithm's tensors carry the prefix "<algorithm>/", a
 * blend's parts each their own ("seq_rules/", "ease/") beside the tensor "blend_weight" (parts) and
 * the option "parts" in version->options (names in the same order). XX001 names what is wrong.
 */
extern void bm_model_bind(BmModel *model, const BmTensors *tensors);
/* Names of the parts (BM_MAX_BLEND): option "parts" of a blend, else the algorithm itself. How many. */
extern int bm_version_parts(const BmVersion *v, char **name);
/* From the tables into memory of context: evaluation, export, explicit versions. */
extern BmModel *bm_model_load(const char *model, int version, BmMem *mem, MemoryContext context);
/*
 * The deployed version (name NULL: behavmine.default_model, else the only model that is deployed),
 * from the backend's cache and the mapped file; rights of the current role are checked on the first
 * use and after every change. Valid until the end of the statement.
 */
extern BmModel *bm_model_deployed(const char *name);
/* The same; 42809 with what to call instead unless it recommends, or unless it learned from rows. */
extern BmModel *bm_recommender_deployed(const char *name);
extern BmModel *bm_predictor_deployed(const char *name);
extern void bm_model_must_predict(const BmModel *model);

#endif
