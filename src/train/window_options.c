/*
 * window_options.c
 *		What behav_train takes for windows of events, and the request.
 */
#include "pg/pg.h"

#include "lib/stringinfo.h"
#include "utils/json.h"
#include "utils/memutils.h"

#include "train/rows.h"

#define AT(field) offsetof(BmWindowOptions, field)

const BmOptionSpec bm_window_spec[] = {
	{"task", BM_OPT_ENUM, AT(task), "next_event", 0, 0, "next_event|will",
	 "next_event: which behaviour comes next; will: does one happen within a time."},
	{"event", BM_OPT_TEXT, AT(event), NULL, 0, 0, NULL,
	 "The behaviour that \"will\" is about; null means any purchase."},
	{"within", BM_OPT_TEXT, AT(within), "7 days", 0, 0, NULL,
	 "The time within which \"will\" asks for it."},
	{"steps", BM_OPT_INT, AT(steps), "20", 1, BM_WINDOW_STEPS, NULL,
	 "Most events of a user that an answer looks at."},
	{"max_windows", BM_OPT_INT, AT(max_windows), "20000", 10, 100000000, NULL,
	 "Most windows to train on, drawn evenly; validation and test have a quarter of it each."},
	{"since", BM_OPT_TEXT, AT(since), NULL, 0, 0, NULL, "Only events from this time on."},
	{"until", BM_OPT_TEXT, AT(until), NULL, 0, 0, NULL, "Only events before this time."},
	{NULL, 0, 0, NULL, 0, 0, NULL, NULL}};

const BmOptionSpec *
bm_window_row_spec(void)
{
	static const char *const others[] = {"task", "positive", "time", "group", "folds"};
	static BmOptionSpec *spec = NULL;
	int n = 0, kept = 0;

	if (spec)
		return spec;
	while (bm_row_own_spec[n].name)
		n++;
	spec = MemoryContextAlloc(TopMemoryContext, sizeof(BmOptionSpec) * (n + 1));
	for (int i = 0; i <= n; i++)
	{
		bool other = false;

		for (int k = 0; i < n && k < lengthof(others); k++)
			other |= strcmp(bm_row_own_spec[i].name, others[k]) == 0;
		if (!other)
			spec[kept++] = bm_row_own_spec[i];
	}
	return spec;
}

static char *
text_member(JsonbContainer *json, const char *key)
{
	JsonbValue *v = getKeyJsonValueFromContainer(json, key, strlen(key), NULL);

	return v && v->type == jbvString ? pnstrdup(v->val.string.val, v->val.string.len) : NULL;
}

/* What the deployed version of the model was trained on; NULL when it does not know windows. */
static BmWindows *
recall(const BmRequest *request)
{
	int64 id = bm_model_id(request->model, true);
	JsonbValue *events;
	BmWindows *w;
	BmVersion *v;

	if (id == 0 || bm_deployed_version(id) == 0)
		return NULL;
	v = bm_version_load(request->model, 0);
	if (v->encoder == NULL || !JB_ROOT_IS_OBJECT(v->encoder))
		return NULL;
	events = getKeyJsonValueFromContainer(&v->encoder->root, "events", 6, NULL);
	if (events == NULL || events->type != jbvBinary ||
		!JsonContainerIsObject(events->val.binary.data))
		return NULL;
	w = palloc0(sizeof(BmWindows));
	w->source_name = text_member(events->val.binary.data, "source");
	events = getKeyJsonValueFromContainer(events->val.binary.data, "options", 7, NULL);
	if (w->source_name == NULL || events == NULL || events->type != jbvBinary)
		return NULL;
	w->json = bm_jsonb_merge(JsonbValueToJsonb(events), request->options);
	return w;
}

BmWindows *
bm_windows_begin(const BmRequest *request)
{
	char *task = request->options && JB_ROOT_IS_OBJECT(request->options)
					 ? text_member(&request->options->root, "task")
					 : NULL;
	bool asked = task && strcmp(task, "classify") != 0 && strcmp(task, "regress") != 0 &&
				 strcmp(task, "auto") != 0;
	BmWindows *w;

	if (request->data)
	{
		if (task && (strcmp(task, "next_event") == 0 || strcmp(task, "will") == 0))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("task \"%s\" learns from a source of events, not from rows", task),
					 errhint("Give \"source\" in the place of \"data\" and \"target\".")));
		return NULL;
	}
	if (!asked)
		return request->source ? NULL : recall(request);
	w = palloc0(sizeof(BmWindows));
	w->source_name = pstrdup(request->source ? request->source : bm_model_source(request->model));
	w->json = (Jsonb *) PG_DETOAST_DATUM_COPY(JsonbPGetDatum(request->options));
	return w;
}

/* ,"events":{...}: the source, what it takes to answer, and the options of a training like this one. */
void
bm_windows_encoder_json(StringInfo s, const BmRows *r)
{
	static const char *const tasks[] = {"next_event", "will"};
	const BmWindows *w = r->windows;

	appendStringInfoString(s, ",\"events\":{\"source\":");
	escape_json(s, w->source_name);
	appendStringInfo(s, ",\"task\":\"%s\",\"steps\":%d,\"options\":{\"task\":\"%s\",\"steps\":%d",
					 tasks[w->options.task], w->options.steps, tasks[w->options.task],
					 w->options.steps);
	if (w->options.task == BM_TASK_WILL)
	{
		appendStringInfoString(s, ",\"within\":");
		escape_json(s, w->options.within);
		if (w->options.event)
		{
			appendStringInfoString(s, ",\"event\":");
			escape_json(s, w->options.event);
		}
	}
	appendStringInfoString(s, "}}");
}
