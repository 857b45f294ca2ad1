/*
 * row_model.h
 *		A model of rows ready to answer: encoder, predictor, classes, threshold, calibration.
 *
 * What version.encoder says of a model of rows: {"data": "public.t", "target": "y", "task": "classify",
 * "asked": [...], "classes": ["no", "yes"], "threshold": 0.5, "calibration": "none", "encoder": {...}}; the
 * encoder's own tensors have the prefix "encoder/", the calibration is in "isotonic" or "platt".
 */
#ifndef BM_ROW_MODEL_H
#define BM_ROW_MODEL_H

#include "event/encode_row.h"
#include "model/bound.h"
#include "train/rows.h"

struct BmWindowModel; /* window_model.h */

typedef struct BmRowModel
{
	const BmModel *model;
	BmTableEncoder *encoder;
	size_t classes;
	char **class_name; /* (classes) */
	double threshold;
	BmCalibrated calibrated;
	char *data, *target;
	struct BmWindowModel *events; /* of a model of windows of events, else NULL */
	/* one row on its way */
	BmRowReader *reader;
	BmSamples samples; /* of this one row: x and code */
	float *p;          /* (outputs) */
	void *scratch;
	BmMem mem;
} BmRowModel;

/* Made once and kept in model->attached. XX001 names what is wrong with the stored version. */
extern BmRowModel *bm_row_model(BmModel *model);
/*
 * The model that argument 0 names, for a call for one row: found again without a look at the cache in
 * parallel queries, where the cache would make it anew for every row.
 */
extern BmRowModel *bm_row_model_arg(FunctionCallInfo fcinfo);
/*
 * Encode the composite value or JSON object of argument i into m->samples; of a model of events it names a
 * user, and false says that there is no event of theirs.
 */
extern bool bm_row_model_read(BmRowModel *m, FunctionCallInfo fcinfo, int i);
/* 42809 for a model of events, which rows of a table say nothing to. */
extern void bm_row_model_of_rows(const BmRowModel *m);
/* The class of a name, or for NULL: class 1 of two, else the one answered for m->samples. */
extern size_t bm_row_model_class(BmRowModel *m, const char *name);
/* Then m->p: calibrated probabilities, or the value. */
extern void bm_row_model_predict(BmRowModel *m);

#endif
