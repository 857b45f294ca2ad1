/*
 * outcome.c
 *		What a training leaves in its version's row: options and measurements as jsonb.
 */
#include "pg/pg.h"

#include "lib/stringinfo.h"
#include "utils/json.h"

#include "train/train.h"

static char *
text_of(Jsonb *json)
{
	return JsonbToCString(NULL, &json->root, VARSIZE(json));
}

char *
bm_metrics_json(const BmMetrics *m, int k, size_t nitems)
{
	return psprintf("{\"cases\":%zu,\"recall@%d\":%.6f,\"ndcg@%d\":%.6f,\"mrr@%d\":%.6f,"
					"\"coverage@%d\":%.6f,\"popularity@%d\":%.6f,\"head@%d\":%.6f,"
					"\"gini@%d\":%.6f,\"recall_error\":%.6f,\"ndcg_error\":%.6f,"
					"\"cold_items\":%zu,\"cold_users\":%zu,\"repeats\":%zu}",
					m->n, k, BM_MEAN(*m, hit), k, BM_MEAN(*m, ndcg), k, BM_MEAN(*m, mrr), k,
					nitems ? (double) m->shown / (double) nitems : 0.0, k, BM_MEAN(*m, popularity),
					k, BM_MEAN(*m, head), k, m->gini, bmc_recall_error(m), bmc_ndcg_error(m),
					m->cold_items, m->cold_users, m->repeats);
}

/* What the version keeps of its measurements: all candidates, the baseline, and the protocol. */
Jsonb *
bm_training_metrics(const BmTraining *t)
{
	const BmChoice *c = t->choice;
	size_t nitems = t->split->all.nitems;
	int k = t->options.k;
	StringInfoData s;

	initStringInfo(&s);
	appendStringInfo(&s, "{\"k\":%d,\"protocol\":", k);
	escape_json(&s, t->split->protocol);
	appendStringInfo(&s,
					 ",\"exclude\":\"%s\",\"refitted\":%s,\"stopped_early\":%s,\"test\":%s,"
					 "\"validation\":%s,\"baseline\":%s,\"candidates\":[",
					 t->options.exclude == BM_EXCLUDE_NONE   ? "nothing"
					 : t->options.exclude == BM_EXCLUDE_SEEN ? "seen"
															 : "purchased",
					 t->refitted ? "true" : "false", c->stopped ? "true" : "false",
					 bm_metrics_json(&c->test, k, nitems), bm_metrics_json(&c->valid, k, nitems),
					 bm_metrics_json(&c->baseline->test, k, nitems));
	for (int i = 0; i < c->n; i++)
	{
		const BmFitted *f = c->candidate[i];

		appendStringInfo(&s,
						 "%s{\"algorithm\":\"%s\",\"options\":%s,\"validation\":%s,\"test\":%s,"
						 "\"seconds\":%.3f,\"bytes\":%zu,\"epochs\":%d}",
						 i ? "," : "", f->algorithm->name,
						 text_of(bm_options_jsonb(f->settings, f->algorithm->options)),
						 bm_metrics_json(&f->valid, k, nitems),
						 bm_metrics_json(&f->test, k, nitems), f->seconds, f->bytes, f->epochs);
	}
	appendStringInfoString(&s, "]}");
	return bm_jsonb_parse(s.data);
}

/* What the version stores as its options: everything explicit, each part's under its name. */
Jsonb *
bm_choice_options(const BmChoice *c)
{
	const BmFitted *first = c->candidate[c->part[0]];
	StringInfoData s;

	if (!c->blended)
		return bm_options_jsonb(first->settings, first->algorithm->options);
	initStringInfo(&s);
	appendStringInfoString(&s, "{\"parts\":[");
	for (int i = 0; i < c->blend.n; i++)
		appendStringInfo(&s, "%s\"%s\"", i ? "," : "", c->candidate[c->part[i]]->algorithm->name);
	appendStringInfoString(&s, "],\"weights\":[");
	for (int i = 0; i < c->blend.n; i++)
		appendStringInfo(&s, "%s%.3g", i ? "," : "", (double) c->blend.part[i].weight);
	appendStringInfoChar(&s, ']');
	for (int i = 0; i < c->blend.n; i++)
	{
		const BmFitted *f = c->candidate[c->part[i]];

		appendStringInfo(&s, ",\"%s\":%s", f->algorithm->name,
						 text_of(bm_options_jsonb(f->settings, f->algorithm->options)));
	}
	appendStringInfoChar(&s, '}');
	return bm_jsonb_parse(s.data);
}
