/*
 * algorithm.c
 *		Looking up the table of algorithms, and showing it: behav_algorithms, behav_options.
 */
#include "pg/pg.h"

#include <limits.h>

#include "model/algorithm.h"

static int
count_algorithms(void)
{
	int n = 0;

	while (bm_algorithms[n])
		n++;
	return n;
}

const BmAlgorithm *
bm_algorithm_or_null(const char *name)
{
	for (int i = 0; bm_algorithms[i]; i++)
		if (strcmp(bm_algorithms[i]->name, name) == 0)
			return bm_algorithms[i];
	return NULL;
}

const BmAlgorithm *
bm_algorithm(const char *name)
{
	const BmAlgorithm *algorithm = bm_algorithm_or_null(name);
	const char *nearest, **names;
	int n = count_algorithms();

	if (algorithm)
		return algorithm;
	names = palloc(sizeof(char *) * Max(n, 1));
	for (int i = 0; i < n; i++)
		names[i] = bm_algorithms[i]->name;
	nearest = bm_nearest(name, names, n);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("algorithm \"%s\" does not exist", name),
			 nearest ? errhint("Perhaps you meant \"%s\".", nearest)
					 : errhint("SELECT name, summary FROM behav_algorithms()")));
}

BmFitter
bm_fitter(const BmAlgorithm *algorithm)
{
	const BmRecommender *r = algorithm->core;
	const BmPredictor *p = algorithm->predictor;

	if (r)
		return (BmFitter){r->options_size, r->bound_size,  r->fit_bytes, r->fit_begin,
						  r->fit_step,     r->fit_tensors, r->fit_end};
	return (BmFitter){p->options_size, p->bound_size,  p->fit_bytes, p->fit_begin,
					  p->fit_step,     p->fit_tensors, p->fit_end};
}

/* behav_algorithms(): name, task, network, options (how many), summary. */
BM_FUNCTION(behav_algorithms);
Datum
behav_algorithms(PG_FUNCTION_ARGS)
{
	bm_srf_begin(fcinfo);
	for (int i = 0; bm_algorithms[i]; i++)
	{
		const BmAlgorithm *a = bm_algorithms[i];
		Datum values[5];
		bool nulls[5] = {false};
		int options = 0;

		while (a->options && a->options[options].name)
			options++;
		values[0] = bm_text_datum(a->name);
		values[1] = bm_text_datum(a->task);
		values[2] = BoolGetDatum(a->network);
		values[3] = Int32GetDatum(options);
		values[4] = bm_text_datum(a->summary);
		bm_srf_row(fcinfo, values, nulls);
	}
	return (Datum) 0;
}

/* What may stand in an option, in words: "1 to 1024", "cosine, tfidf, bm25". */
static char *
range_text(const BmOptionSpec *spec)
{
	char *words, *p;

	switch (spec->type)
	{
	case BM_OPT_INT:
	case BM_OPT_FLOAT:
		return psprintf("%.15g to %.15g", spec->min, spec->max);
	case BM_OPT_BOOL:
		return pstrdup("true, false");
	case BM_OPT_ENUM:
		words = palloc(2 * strlen(spec->choices) + 1);
		p = words;
		for (const char *c = spec->choices; *c; c++)
		{
			*p++ = *c == '|' ? ',' : *c;
			if (*c == '|')
				*p++ = ' ';
		}
		*p = '\0';
		return words;
	default:
		return NULL;
	}
}

static void
emit_option(FunctionCallInfo fcinfo, const char *algorithm, const BmOptionSpec *spec)
{
	static const char *const types[] = {"integer", "number", "boolean", "choice", "text", "json"};
	char *range = range_text(spec);
	Datum values[6];
	bool nulls[6] = {false, false, false, spec->dflt == NULL, range == NULL, spec->doc == NULL};

	values[0] = bm_text_datum(algorithm);
	values[1] = bm_text_datum(spec->name);
	values[2] = bm_text_datum(types[spec->type]);
	values[3] = spec->dflt ? bm_text_datum(spec->dflt) : (Datum) 0;
	values[4] = range ? bm_text_datum(range) : (Datum) 0;
	values[5] = spec->doc ? bm_text_datum(spec->doc) : (Datum) 0;
	bm_srf_row(fcinfo, values, nulls);
}

/* behav_options(algorithm text): algorithm, name, type, default, range, description; NULL: of all. */
BM_FUNCTION(behav_options);
Datum
behav_options(PG_FUNCTION_ARGS)
{
	char *name = bm_arg_text_or_null(fcinfo, 0);
	const BmAlgorithm *only = name ? bm_algorithm(name) : NULL;

	bm_srf_begin(fcinfo);
	for (int i = 0; bm_algorithms[i]; i++)
		if (only == NULL || only == bm_algorithms[i])
			for (const BmOptionSpec *s = bm_algorithms[i]->options; s && s->name; s++)
				emit_option(fcinfo, bm_algorithms[i]->name, s);
	return (Datum) 0;
}
