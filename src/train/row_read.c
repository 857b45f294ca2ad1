/*
 * row_read.c
 *		Which columns are features, the frame, and what the target is.
 */
#include "pg/pg.h"

#include <math.h>

#include "catalog/namespace.h"
#include "common/shortest_dec.h"
#include "lib/stringinfo.h"
#include "utils/json.h"
#include "utils/regproc.h"

#include "event/source.h"
#include "pg/compat.h"
#include "train/rows.h"

/* Whole numbers of at most so many values are classes where the caller does not say. */
#define FEW_VALUES 10

/* ---- columns ---- */

/* The encoder's options; the columns that the split goes by are no features unless they are asked for. */
static BmEncodeOptions
encode_options(const BmRows *r)
{
	BmEncodeOptions o = r->encode;
	StringInfoData s;

	if (r->nasked > 0 || (r->options.time == NULL && r->options.group == NULL))
		return o;
	initStringInfo(&s);
	appendStringInfoChar(&s, '[');
	if (r->options.time)
		escape_json(&s, r->options.time);
	if (r->options.time && r->options.group)
		appendStringInfoChar(&s, ',');
	if (r->options.group)
		escape_json(&s, r->options.group);
	appendStringInfoChar(&s, ']');
	o.exclude = bm_jsonb_merge(o.exclude, bm_jsonb_parse(s.data));
	return o;
}

static void
check_asked(const BmRows *r)
{
	for (int i = 0; i < r->nasked; i++)
		if (strcmp(r->asked[i], r->target) == 0)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("the target \"%s\" cannot be a feature, too", r->target),
							errhint("Leave it out of \"features\".")));
}

/* Place of a column that the split needs: appended, for it may be read in another way than a feature. */
static int
split_column(BmRows *r, const char *name, int *n, bool category)
{
	if (name == NULL)
		return -1;
	r->column[*n] = (BmFrameColumn){.name = name, .category = category};
	return (*n)++;
}

static int
list_columns(BmRows *r)
{
	BmEncodeOptions options = encode_options(r);
	int n;

	check_asked(r);
	r->plan =
		bm_encode_plan(r->relation, r->nasked ? r->asked : NULL, r->nasked, r->target, &options);
	r->column = r->plan->column;
	r->nfeatures = n = r->plan->n;
	r->column[n++] = (BmFrameColumn){.name = r->target};
	r->time_column = split_column(r, r->options.time, &n, false);
	r->group_column = split_column(r, r->options.group, &n, true);
	bm_frame_columns(r->relation, r->column + r->nfeatures, n - r->nfeatures);
	return n;
}

/* ---- target ---- */

static int
compare_doubles(const void *a, const void *b)
{
	double x = *(const double *) a, y = *(const double *) b;

	return x < y ? -1 : x > y;
}

static void
too_many_classes(const BmRows *r, size_t classes)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("target \"%s\" has too many classes", r->target),
			 errdetail("It has %zu; behavmine.max_classes is %d.", classes, bm_max_classes),
			 errhint("Raise the setting, group rare classes in a view, or take a number as it "
					 "is with the option {\"task\": \"regress\"}.")));
}

static void
constant_target(const BmRows *r, const char *value)
{
	ereport(
		ERROR,
		(errcode(ERRCODE_DATA_EXCEPTION), errmsg("target \"%s\" has a single value", r->target),
		 errdetail("All %zu rows with a target have %s; %zu have none.", r->n, value, r->dropped),
		 errhint("A model learns what makes the difference: give it rows of both kinds.")));
}

static char *
number_text(double v)
{
	char *text = palloc(DOUBLE_SHORTEST_DECIMAL_LEN);

	double_to_shortest_decimal_buf(v, text);
	return text;
}

/* The values of a numeric target in order, at most limit + 1 of them; how many. */
static size_t
distinct_values(const BmRows *r, const BmColumn *c, double *value, size_t limit, bool *whole)
{
	double *all = palloc_extended(sizeof(double) * r->n, MCXT_ALLOC_HUGE);
	size_t n = 0;

	*whole = true;
	for (size_t i = 0; i < r->n; i++)
	{
		all[i] = c->number[r->row[i]];
		*whole &= all[i] == floor(all[i]);
	}
	qsort(all, r->n, sizeof(double), compare_doubles);
	for (size_t i = 0; i < r->n && n <= limit; i++)
		if (i == 0 || all[i] != all[i - 1])
			value[n++] = all[i];
	pfree(all);
	return n;
}

static char *
key_text(const BmDictView *keys, uint32_t code)
{
	if (keys->kind == BM_KEY_INT)
		return psprintf(INT64_FORMAT, (int64) keys->key[code]);
	return pnstrdup(keys->blob + keys->offset[code], keys->offset[code + 1] - keys->offset[code]);
}

typedef struct NamedCode
{
	char *name;
	uint32_t code;
} NamedCode;

static int
compare_names(const void *a, const void *b)
{
	return strcmp(((const NamedCode *) a)->name, ((const NamedCode *) b)->name);
}

/* Classes of a key column, in the order of their names' bytes. */
static void
key_classes(BmRows *r, const BmColumn *c)
{
	uint32_t n = c->dict.view.n, *class = palloc(sizeof(uint32_t) * Max(n, 1));
	NamedCode *name;

	if (n > (uint32_t) bm_max_classes)
		too_many_classes(r, n);
	name = palloc(sizeof(NamedCode) * Max(n, 1));
	for (uint32_t i = 0; i < n; i++)
		name[i] = (NamedCode){key_text(&c->dict.view, i), i};
	if (n < 2)
		constant_target(r, n ? psprintf("\"%s\"", name[0].name) : "none");
	qsort(name, n, sizeof(NamedCode), compare_names);
	for (uint32_t i = 0; i < n; i++)
	{
		r->class_name[i] = name[i].name;
		class[name[i].code] = i;
	}
	r->classes = n;
	for (size_t i = 0; i < r->n; i++)
		r->y[r->row[i]] = (float) class[c->code[r->row[i]]];
}

static void
bool_classes(BmRows *r, const BmColumn *c)
{
	size_t count[2] = {0, 0};

	r->class_name[0] = "false";
	r->class_name[1] = "true";
	r->classes = 2;
	for (size_t i = 0; i < r->n; i++)
	{
		count[c->boolean[r->row[i]]]++;
		r->y[r->row[i]] = (float) c->boolean[r->row[i]];
	}
	if (count[0] == 0 || count[1] == 0)
		constant_target(r, count[1] ? "true" : "false");
}

static void
number_target(BmRows *r, const BmColumn *c)
{
	double *value = palloc(sizeof(double) * (bm_max_classes + 1));
	bool whole;
	size_t n = distinct_values(r, c, value, bm_max_classes, &whole);

	if (n < 2)
		constant_target(r, n ? number_text(value[0]) : "none");
	if (r->options.task == BM_TASK_AUTO)
		r->options.task = n == 2 || (whole && n <= FEW_VALUES) ? BM_TASK_CLASSIFY : BM_TASK_REGRESS;
	if (r->options.task == BM_TASK_REGRESS)
	{
		for (size_t i = 0; i < r->n; i++)
			r->y[r->row[i]] = (float) c->number[r->row[i]];
		return;
	}
	if (n > (size_t) bm_max_classes)
		too_many_classes(r, n);
	r->classes = n;
	for (size_t k = 0; k < n; k++)
		r->class_name[k] = number_text(value[k]);
	for (size_t i = 0; i < r->n; i++)
	{
		const double *at =
			bsearch(&c->number[r->row[i]], value, n, sizeof(double), compare_doubles);

		r->y[r->row[i]] = (float) (at - value);
	}
}

/* The class that the problem is about becomes class 1. */
static void
order_classes(BmRows *r)
{
	const char *wanted = r->options.positive;
	char *first = r->class_name[0];

	if (wanted == NULL)
		return;
	if (r->classes != 2 || (strcmp(wanted, first) != 0 && strcmp(wanted, r->class_name[1]) != 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"positive\" cannot be \"%s\"", wanted),
				 r->classes == 2
					 ? errdetail("The classes of \"%s\" are \"%s\" and \"%s\".", r->target, first,
								 r->class_name[1])
					 : errdetail("Target \"%s\" is no choice between two classes.", r->target)));
	if (strcmp(wanted, first) != 0)
		return;
	r->class_name[0] = r->class_name[1];
	r->class_name[1] = first;
	for (size_t i = 0; i < r->n; i++)
		r->y[r->row[i]] = 1.0f - r->y[r->row[i]];
}

static void
read_target(BmRows *r, BmMem *mem)
{
	const BmColumn *c = &r->frame->column[r->nfeatures];

	r->row = bmc_alloc(mem, r->frame->n, sizeof(uint32_t));
	r->y = bmc_alloc0(mem, r->frame->n, sizeof(float));
	if (r->row == NULL || r->y == NULL)
		bm_check(BM_ENOMEM, "read the target", NULL);
	for (size_t i = 0; i < r->frame->n; i++)
		if (!bmc_missing(c, i))
			r->row[r->n++] = (uint32_t) i;
	r->dropped = r->frame->n - r->n;
	if (r->n == 0)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION),
						errmsg("%s has no row with a target", r->relation_name),
						errdetail("It has %zu rows; \"%s\" is null or not finite in all of them.",
								  r->frame->n, r->target)));
	r->class_name = palloc(sizeof(char *) * Max(bm_max_classes, 2));
	if (c->kind == BM_COLUMN_NUMBER)
	{
		number_target(r, c);
		if (r->classes)
			order_classes(r);
		return;
	}
	if (r->options.task == BM_TASK_REGRESS || c->kind == BM_COLUMN_TIME ||
		c->kind == BM_COLUMN_VECTOR)
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("target \"%s\" is neither a class nor a number", r->target),
						errdetail("Its type is %s.", format_type_be(r->column[r->nfeatures].type)),
						errhint("A class is a text, an enum, a boolean or a number.")));
	r->options.task = BM_TASK_CLASSIFY;
	if (c->kind == BM_COLUMN_BOOL)
		bool_classes(r, c);
	else
		key_classes(r, c);
	order_classes(r);
}

char *
bm_target_text(const BmColumn *c, size_t row)
{
	if (c->kind == BM_COLUMN_BOOL)
		return c->boolean[row] ? "true" : "false";
	if (c->kind == BM_COLUMN_NUMBER)
		return number_text(c->number[row]);
	return key_text(&c->dict.view, c->code[row]);
}

/* n / (classes * rows of the class), so that every class weighs the same and the mean weight is 1. */
static void
class_weights(BmRows *r)
{
	if (!r->options.balanced || r->classes == 0)
		return;
	r->weight = palloc0(sizeof(float) * r->classes);
	for (size_t i = 0; i < r->n; i++)
		r->weight[(int) r->y[r->row[i]]] += 1.0f;
	for (size_t c = 0; c < r->classes; c++)
		r->weight[c] = (float) r->n / ((float) r->classes * r->weight[c]);
}

void
bm_rows_incumbent(BmTraining *t)
{
	int64 id = bm_model_id(t->model, true);

	if (t->rule != BM_DEPLOY_IF_BETTER || id == 0 || bm_deployed_version(id) == 0)
		return;
	t->incumbent = palloc0(sizeof(BmModel));
	t->incumbent->version = bm_version_load(t->model, 0);
}

void
bm_rows_read(BmTraining *t)
{
	BmRows *r = t->rows;
	RangeVar *range = makeRangeVarFromNameList(bm_qualified_name(r->relation_name));
	BmFrameRequest request = {.purpose = "training", .canonical = true};

	r->relation = RangeVarGetRelid(range, NoLock, false);
	request.relation = r->relation;
	request.n = list_columns(r);
	request.column = r->column;
	request.time_zone = r->plan->time_zone;
	bm_rows_incumbent(t);
	bm_progress_phase(BM_PHASE_READ, r->relation_name);
	r->frame = bm_frame_read(&request, &t->mem, &t->cancel);
	r->features = *r->frame;
	r->features.ncolumns = (size_t) r->nfeatures;
	if (r->frame->n == 0)
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("%s has no rows", r->relation_name),
						errdetail("Row-level security may hide them from role \"%s\".",
								  GetUserNameFromId(GetUserId(), false))));
	read_target(r, &t->mem);
	class_weights(r);
	if (r->dropped)
		bm_progress_note("%zu of %zu rows have no target \"%s\" and are left out", r->dropped,
						 r->frame->n, r->target);
}
