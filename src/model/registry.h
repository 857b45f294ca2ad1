/*
 * registry.h
 *		Models, versions, tensors, codes and deployments in the tables of schema behavmine.
 */
#ifndef BM_REGISTRY_H
#define BM_REGISTRY_H

#include "core/num/dict.h"
#include "core/num/tensor.h"
#include "model/algorithm.h"

/* A row of behavmine.version, joined with its model. */
typedef struct BmVersion
{
	int64 model_id;
	char *model;
	char *owner;
	char *source; /* name of the event source, or NULL */
	const char
		*task;   /* "recommend", "value", ...; NULL in a version to be saved: its algorithm's */
	int version; /* 0 before it is saved */
	char *algorithm;
	Jsonb *options; /* the algorithm's, complete */
	Jsonb *
		encoder; /* {"user_int":true,"item_int":true,"events":[..],"event_weights":{..},"purchase":[..],...} */
	int64 seed;
	int64 rows, users, items;
	int64 bytes; /* of all tensors */
	int epochs;
	double seconds;
	char *metric;           /* "ndcg@10" */
	double value, baseline; /* NaN = NULL */
	Jsonb *
		metrics; /* {"test":{...},"validation":{...},"baseline":{...},"candidates":[...],"protocol":"..."} */
	Jsonb *history; /* [{"epoch":1,"loss":..,"ndcg@10":..,"seconds":..}, ...] */
	Jsonb *cleaning;
	TimestampTz watermark; /* newest event it saw */
	int parent;            /* the version that this one updates, or 0; written, not read */
	uint64 fingerprint;    /* of the tensors and codes: the cache file must carry the same */
} BmVersion;

/* Elements of a chunk in behavmine.tensor: just under 1 MB; the last one of a tensor may be shorter. */
#define BM_CHUNK_ELEMENTS 250000

/*
 * Insert the model (when new; the name must be the caller's own), the version, its tensors in
 * chunks of at most 1 MB, and its codes, in the current transaction. Sets model_id and version.
 * Tensors must be finite (22000). items' keys become behavmine.code rows of kind 'item'.
 */
extern void bm_version_save(BmVersion *v, const BmTensors *tensors, const BmDictView *items,
							const uint32_t *item_count);
/* By name; version 0 = the deployed one. 42704 / 55000 (nothing deployed) / 42501. */
extern BmVersion *bm_version_load(const char *model, int version);
/* What behav_export wrote of a version's row; not saved yet. Raises when its algorithm is unknown here. */
extern BmVersion *bm_version_of_json(const char *json);
/*
 * Read all tensors and the item dictionary of a version into context, verifying chunk order, sizes,
 * checksums and finiteness: XX001 names model, version and tensor.
 */
extern void bm_version_tensors(const BmVersion *v, BmTensors *out, BmDict *items, BmMem *mem);
/* The same for one tensor; items may be NULL. False when the version has none of this name. */
extern bool bm_version_tensor(const BmVersion *v, const char *name, BmTensors *out, BmDict *items,
							  BmMem *mem);
/* Raise XX001 that names model, version and (unless NULL) tensor; detail without full stop. */
extern void bm_version_damaged(const BmVersion *v, const char *tensor, const char *fmt, ...)
	pg_attribute_noreturn() pg_attribute_printf(3, 4);
/* A member of v->encoder that is true. */
extern bool bm_version_flag(const BmVersion *v, const char *key);
/* The deployed version's number of a model, 0 if none. */
extern int bm_deployed_version(int64 model_id);
/* Push onto the deployment stack and invalidate every backend's cache at commit. */
extern void bm_deploy(int64 model_id, int version);
extern int64 bm_model_id(const char *model, bool missing_ok); /* 42704 with the nearest name; 0 */
/* The source that a model is trained on when none is named: its own, or that of its name. */
extern const char *bm_model_source(const char *model);
/* Is it a version of the algorithm table, which bm_model_bind can bind? Others have functions of their own. */
extern bool bm_version_bindable(const BmVersion *v);
/* 42809 when a model of this name exists whose task is another one. */
extern void bm_model_check_task(const char *model, const char *task);
/* Take the model's training lock (transaction-level advisory); 55P03 at once when another holds it. */
extern void bm_model_lock(const char *model);
/* The same lock for the rest of the session: a background job holds it across its transactions. */
extern void bm_model_lock_session(const char *model);
/* 42501 unless the current role is the model's owner or a member of it. Returns the model's id. */
extern int64 bm_model_own(const char *model);
/* Delete old, undeployed versions beyond keep (default 2 newest stay, the deployed always). */
extern void bm_version_prune(int64 model_id, int keep);

#endif
