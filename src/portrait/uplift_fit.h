/*
 * uplift_fit.h
 *		One training of an uplift model, as its steps share it: reading the people, choosing a learner,
 *		saving the version.
 */
#ifndef BM_UPLIFT_FIT_H
#define BM_UPLIFT_FIT_H

#include "core/stat/uplift.h"
#include "portrait/uplift_model.h"
#include "train/rows.h"

typedef struct BmUpliftOptions
{
	int learner; /* 0 auto, then BmUpliftMethod + 1 */
	double l2;
	int trees, depth, min_arm;
	double valid_share, test_share, top;
	int bootstrap, keep_versions;
} BmUpliftOptions;

/* Some of the people: rows of the frame, encoded. */
typedef struct BmUpliftPart
{
	uint32_t *row;
	size_t n;
	float *x;
	double *outcome;
	bool *treated;
} BmUpliftPart;

/* A way to rank people, and how well it does. */
typedef struct BmUpliftRanking
{
	const char *name;
	double valid;
	double error, loss; /* standard error of valid; squared distance to the effects on validation */
	BmUpliftAreas test;
	double top;
	double low, high; /* 95 % interval of test's Qini */
} BmUpliftRanking;

typedef struct BmUpliftCall
{
	char *model, *relation, *outcome, *treatment;
	int rule; /* of deploy_rules */
	int64 seed;
	BmUpliftOptions options;
	BmEncodeOptions encode;
	BmUpliftSettings settings;
	BmEncodePlan *plan;
	BmFrame *frame, features;
	double *y;     /* (frame->n) outcome */
	bool *treated; /* (frame->n) */
	float *target; /* (frame->n) y for target encodings */
	bool binary;
	size_t left_out;
	BmUpliftPart train, valid, test, all;
	BmTableEncoder *encoder; /* of the training part; at the end of everybody */
	int best;                /* BmUpliftMethod, -1: none yet */
	BmUpliftLearner candidate[BM_UPLIFT_METHODS]; /* fitted on the training part */
	BmUpliftLearner learner; /* the best of them; at the end fitted on everybody */
	BmUpliftRanking ranking[BM_UPLIFT_METHODS], column, random;
	bool tried[BM_UPLIFT_METHODS];
	BmUpliftBand *band;
	size_t nbands;
	BmVersion version;
	bool deployed;
	char *note;
	TimestampTz started;
	MemoryContext context;
	BmMem mem;
	BmPool *pool;
	BmWatch watch;
} BmUpliftCall;

/* 53200 where memory was refused. */
static inline void *
bm_uplift_need(void *block)
{
	if (block == NULL)
		bm_check(BM_ENOMEM, "train an uplift model", NULL);
	return block;
}

/* uplift_read.c: the people of a relation, dealt to the parts; features may be NULL: all columns. */
extern void bm_uplift_read(BmUpliftCall *c, Oid relation, char **features, int nfeatures);
/* The encoder fitted on a part, in place of the one before; a part put through it. */
extern void bm_uplift_encoder(BmUpliftCall *c, const BmUpliftPart *p);
extern void bm_uplift_encode(BmUpliftCall *c, BmUpliftPart *p, bool fitted);

/* uplift_choose.c: every learner fitted and measured, the best of them fitted again on everybody. */
extern void bm_uplift_choose(BmUpliftCall *c);
/* What learners are compared by: Qini, unscaled where outcomes are not 0 and 1. */
extern double bm_uplift_criterion(const BmUpliftCall *c, const BmUpliftAreas *a);

#endif
