/*
 * row_outcome.c
 *		What a training on rows leaves in its version's row, and whether it is better than what is deployed.
 */
#include "pg/pg.h"

#include <math.h>

#include "lib/stringinfo.h"
#include "utils/json.h"

#include "train/rows.h"

#define TABLE_BINS 10
/* A value of the same metric, on other rows, says so much and not more. */
#define MARGIN 0.02

static char *
text_of(Jsonb *json)
{
	return JsonbToCString(NULL, &json->root, VARSIZE(json));
}

void
bm_append_number(StringInfo s, const char *name, double v)
{
	if (isfinite(v))
		appendStringInfo(s, ",\"%s\":%.6g", name, v);
	else
		appendStringInfo(s, ",\"%s\":null", name);
}

static void
append_means(StringInfo s, const char *name, const BmClassMetrics *m)
{
	appendStringInfo(s, ",\"%s\":{\"precision\":%.6g,\"recall\":%.6g,\"f1\":%.6g", name,
					 m->precision, m->recall, m->f1);
	bm_append_number(s, "auc", m->auc);
	bm_append_number(s, "pr_auc", m->pr_auc);
	appendStringInfoChar(s, '}');
}

void
bm_append_quality(StringInfo s, const BmRowQuality *q)
{
	appendStringInfo(s, "{\"n\":%.0f", q->n);
	for (int m = 1; m < BM_NMETRICS; m++)
		if (!isnan(q->value[m]))
			bm_append_number(s, bm_row_metric_name[m], q->value[m]);
	if (q->accuracy.n > 0)
	{
		append_means(s, "macro", &q->accuracy.macro);
		append_means(s, "weighted", &q->accuracy.weighted);
	}
	appendStringInfoChar(s, '}');
}

/* ---- tables of answers ---- */

static void
append_class_metrics(StringInfo s, const char *name, const BmClassMetrics *each, size_t classes,
					 char *const *class_name)
{
	appendStringInfo(s, ",\"%s\":[", name);
	for (size_t c = 0; c < classes; c++)
	{
		appendStringInfo(s, "%s{\"class\":", c ? "," : "");
		escape_json(s, class_name[c]);
		appendStringInfo(s, ",\"n\":%.0f,\"precision\":%.6g,\"recall\":%.6g,\"f1\":%.6g", each[c].n,
						 each[c].precision, each[c].recall, each[c].f1);
		bm_append_number(s, "auc", each[c].auc);
		bm_append_number(s, "pr_auc", each[c].pr_auc);
		appendStringInfoChar(s, '}');
	}
	appendStringInfoChar(s, ']');
}

static void
append_confusion(StringInfo s, const BmAnswers *a, char *const *class_name)
{
	uint64_t *count = palloc(sizeof(uint64_t) * a->classes * a->classes);
	bool first = true;

	bmc_confusion(count, a);
	appendStringInfoString(s, ",\"confusion\":[");
	for (size_t y = 0; y < a->classes; y++)
		for (size_t p = 0; p < a->classes; p++)
		{
			if (count[y * a->classes + p] == 0 && a->classes > 2)
				continue;
			appendStringInfo(s, "%s{\"actual\":", first ? "" : ",");
			escape_json(s, class_name[y]);
			appendStringInfoString(s, ",\"predicted\":");
			escape_json(s, class_name[p]);
			appendStringInfo(s, ",\"n\":%llu}", (unsigned long long) count[y * a->classes + p]);
			first = false;
		}
	appendStringInfoChar(s, ']');
}

static void
append_classes(StringInfo s, const BmAnswers *a, char *const *class_name, BmMem *mem)
{
	BmClassMetrics *each = palloc(sizeof(BmClassMetrics) * a->classes);
	BmAccuracy all;

	bm_check(bmc_accuracy(&all, each, a, mem), "measure the answers", NULL);
	append_class_metrics(s, "classes", each, a->classes, class_name);
}

/* Bins of class c, with what both calibration and lift need. */
static void
append_bins(StringInfo s, const BmAnswers *a, size_t c, const char *name, int nbins, bool first,
			BmMem *mem)
{
	BmBin *bin = palloc(sizeof(BmBin) * nbins);
	double n = 0.0, hits = 0.0, all = 0.0;

	bm_check(bmc_score_bins(bin, nbins, a->p + c, a->classes, a->y, (float) c, a->n, mem),
			 "measure the answers", NULL);
	for (int b = 0; b < nbins; b++)
		all += bin[b].positives;
	for (int b = 0; b < nbins; b++)
	{
		if (bin[b].n <= 0.0)
			continue;
		n += bin[b].n;
		hits += bin[b].positives;
		appendStringInfo(s, "%s{\"class\":", first ? "" : ",");
		first = false;
		escape_json(s, name);
		appendStringInfo(s,
						 ",\"bin\":%d,\"n\":%.6g,\"positives\":%.6g,\"low\":%.6g,\"high\":%.6g,"
						 "\"mean\":%.6g,\"rate\":%.6g",
						 b + 1, bin[b].n, bin[b].positives, bin[b].low, bin[b].high,
						 bin[b].score / bin[b].n, bin[b].positives / bin[b].n);
		bm_append_number(s, "lift", bin[b].positives / bin[b].n / (all / (double) a->n));
		bm_append_number(s, "gain", hits / all);
		bm_append_number(s, "cumulative_lift", hits / n / (all / (double) a->n));
		appendStringInfoChar(s, '}');
	}
	pfree(bin);
}

void
bm_append_tables(StringInfo s, const BmAnswers *a, char *const *class_name, int nbins, BmMem *mem)
{
	if (a->classes == 0)
		return;
	append_classes(s, a, class_name, mem);
	append_confusion(s, a, class_name);
	appendStringInfoString(s, ",\"bins\":[");
	if (a->classes == 2)
		append_bins(s, a, 1, class_name[1], nbins, true, mem);
	else
		for (size_t c = 0; c < a->classes; c++)
			append_bins(s, a, c, class_name[c], nbins, c == 0, mem);
	appendStringInfoChar(s, ']');
}

/* ---- the version ---- */

static void
append_candidates(StringInfo s, const BmRows *r)
{
	appendStringInfoString(s, ",\"candidates\":[");
	for (int i = 0; i < r->ncandidates; i++)
	{
		const BmRowCandidate *c = &r->candidate[i];
		const BmFitted *f = c->fitted;

		appendStringInfo(s, "%s{\"algorithm\":\"%s\",\"options\":%s,\"validation\":", i ? "," : "",
						 f->algorithm->name,
						 text_of(bm_options_jsonb(f->settings, f->algorithm->options)));
		bm_append_quality(s, &c->valid);
		appendStringInfoString(s, ",\"test\":");
		bm_append_quality(s, &c->test);
		appendStringInfo(s, ",\"seconds\":%.3f,\"bytes\":%zu,\"epochs\":%d}", f->seconds, f->bytes,
						 f->epochs);
	}
	appendStringInfoChar(s, ']');
}

static void
append_importance(StringInfo s, const BmRows *r)
{
	if (r->importance == NULL)
		return;
	appendStringInfoString(s, ",\"importance\":[");
	for (int j = 0; j < r->nfeatures; j++)
	{
		appendStringInfo(s, "%s{\"feature\":", j ? "," : "");
		escape_json(s, r->column[j].name);
		bm_append_number(s, "importance", r->importance[j]);
		bm_append_number(s, "sd", r->importance_sd[j]);
		appendStringInfoChar(s, '}');
	}
	appendStringInfoChar(s, ']');
}

static void
append_folds(StringInfo s, const BmRows *r)
{
	if (r->folds_done == 0)
		return;
	appendStringInfo(s, ",\"cross_validation\":{\"folds\":%d", r->folds_done);
	for (int m = 1; m < BM_NMETRICS; m++)
		if (!isnan(r->cv_mean[m]))
		{
			appendStringInfo(s, ",\"%s\":{\"mean\":%.6g", bm_row_metric_name[m], r->cv_mean[m]);
			bm_append_number(s, "sd", r->cv_sd[m]);
			appendStringInfoChar(s, '}');
		}
	appendStringInfoChar(s, '}');
}

static Jsonb *
metrics_jsonb(BmTraining *t)
{
	static const char *const rules[] = {"f1", "youden", "accuracy", "half"};
	BmRows *r = t->rows;
	const BmRowCandidate *best = &r->candidate[r->best];
	BmAnswers a = {.n = r->test.n,
				   .classes = r->classes,
				   .p = r->test_p,
				   .y = r->test.samples.y,
				   .threshold = r->threshold};
	StringInfoData s;

	initStringInfo(&s);
	appendStringInfo(&s, "{\"task\":\"%s\",\"protocol\":", r->classes ? "classify" : "regress");
	escape_json(&s, r->protocol);
	appendStringInfo(&s,
					 ",\"rows\":{\"training\":%zu,\"validation\":%zu,\"test\":%zu,"
					 "\"without_target\":%zu},\"refitted\":%s,\"test\":",
					 r->train.n, r->valid.n, r->test.n, r->dropped, t->refitted ? "true" : "false");
	bm_append_quality(&s, &best->test);
	appendStringInfoString(&s, ",\"validation\":");
	bm_append_quality(&s, &best->valid);
	appendStringInfoString(&s, ",\"baseline\":");
	bm_append_quality(&s, &r->baseline);
	if (r->windows)
	{
		appendStringInfoString(&s, ",\"markov\":");
		bm_append_quality(&s, &r->windows->markov);
		append_class_metrics(&s, "markov_classes", r->windows->markov_class, r->classes,
							 r->class_name);
	}
	if (r->classes == 2)
		appendStringInfo(&s, ",\"threshold\":%.9g,\"threshold_rule\":\"%s\"", r->threshold,
						 rules[r->options.threshold]);
	append_candidates(&s, r);
	append_importance(&s, r);
	append_folds(&s, r);
	bm_append_tables(&s, &a, r->class_name, TABLE_BINS, &t->mem);
	appendStringInfoChar(&s, '}');
	return bm_jsonb_parse(s.data);
}

/* What it takes to answer, beside the tensors: see row_model.h. */
static Jsonb *
encoder_jsonb(const BmRows *r)
{
	static const char *const calibrations[] = {"none", "isotonic", "platt"};
	StringInfoData s;

	initStringInfo(&s);
	appendStringInfoString(&s, "{\"data\":");
	escape_json(&s, r->relation_name);
	appendStringInfoString(&s, ",\"target\":");
	escape_json(&s, r->target);
	appendStringInfo(&s, ",\"task\":\"%s\",\"asked\":[", r->classes ? "classify" : "regress");
	for (int i = 0; i < r->nasked; i++)
	{
		appendStringInfoString(&s, i ? "," : "");
		escape_json(&s, r->asked[i]);
	}
	appendStringInfoString(&s, "],\"classes\":[");
	for (size_t c = 0; c < r->classes; c++)
	{
		appendStringInfoString(&s, c ? "," : "");
		escape_json(&s, r->class_name[c]);
	}
	appendStringInfo(&s, "],\"threshold\":%.9g,\"calibration\":\"%s\",\"encoder\":%s", r->threshold,
					 calibrations[r->calibrated.kind], text_of(bm_encode_jsonb(r->encoder, false)));
	if (r->windows)
		bm_windows_encoder_json(&s, r);
	appendStringInfoChar(&s, '}');
	return bm_jsonb_parse(s.data);
}

void
bm_rows_fill_version(BmTraining *t)
{
	BmRows *r = t->rows;
	BmVersion *v = &t->version;
	BmRowMetric metric = bm_rows_metric(r);
	const BmFitted *f = r->final;

	v->model = t->model;
	v->algorithm = pstrdup(f->algorithm->name);
	v->options = bm_options_jsonb(f->settings, f->algorithm->options);
	v->encoder = encoder_jsonb(r);
	v->seed = t->seed;
	v->rows = (int64) r->n;
	v->epochs = f->epochs;
	v->history = f->history;
	v->metric = pstrdup(bm_row_metric_name[metric]);
	v->value = r->candidate[r->best].test.value[metric];
	v->baseline = r->baseline.value[metric];
	v->metrics = metrics_jsonb(t);
}

/* ---- the incumbent ---- */

/*
 * The deployed version has been fitted on all rows of its time, these test rows among them as a rule,
 * so it is not asked about them: compared is what each reported on rows that it had not seen.
 */
bool
bm_rows_beat_incumbent(BmTraining *t, char **note)
{
	const BmRows *r = t->rows;
	BmRowMetric metric = bm_rows_metric(r);
	double value = r->candidate[r->best].test.value[metric], base = r->baseline.value[metric];
	double sign = bm_metric_is_loss(metric) ? -1.0 : 1.0;
	const BmVersion *old = t->incumbent ? t->incumbent->version : NULL;

	if (old == NULL)
	{
		bool poor = sign * value < sign * base;

		*note = psprintf("nothing was deployed before%s", poor ? "; the baseline is better" : "");
		if (poor)
			ereport(
				WARNING,
				(errmsg("model \"%s\" is worse than its baseline", t->model),
				 errdetail("%s is %.4f, that of the %s %.4f.", bm_row_metric_name[metric], value,
						   r->classes ? "majority" : "mean", base),
				 errhint("The features say little about the target, or there are too few rows.")));
		return true;
	}
	if (old->metric == NULL || strcmp(old->metric, bm_row_metric_name[metric]) != 0 ||
		isnan(old->value))
	{
		*note = psprintf("deployed version %d was measured by another metric", old->version);
		return sign * value >= sign * base;
	}
	*note = psprintf("%s %.4f, deployed version %d had %.4f when it was trained", old->metric,
					 value, old->version, old->value);
	return sign * value >= sign * old->value - MARGIN * fabs(old->value);
}
