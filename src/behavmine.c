/*
 * behavmine.c
 *		_PG_init, the settings, and the one table of algorithms.
 */
#include "pg/pg.h"

#include <limits.h>
#include <unistd.h>

#include "utils/guc.h"

#include "pg/compat.h"
#include "predict/algorithms_rows.h"
#include "recommend/algorithms.h"
#include "train/rows.h"

PG_MODULE_MAGIC;

/*
 * Every algorithm, the cheap ones first: the default choice fits them in this order, so that a bound
 * on the seconds leaves out the costly ones.
 */
const BmAlgorithm *const bm_algorithms[] = {&bm_algorithm_popular,     &bm_algorithm_trending,
											&bm_algorithm_markov,      &bm_algorithm_seq_rules,
											&bm_algorithm_item_knn,    &bm_algorithm_rp3beta,
											&bm_algorithm_content,     &bm_algorithm_session_knn,
											&bm_algorithm_next_basket, &bm_algorithm_ease,
											&bm_algorithm_als,         &bm_algorithm_bpr,
											&bm_algorithm_sasrec,      &bm_algorithm_gru,
											&bm_algorithm_caser,       &bm_algorithm_nextitnet,
											&bm_algorithm_blend,       &bm_algorithm_logistic,
											&bm_algorithm_linear,      &bm_algorithm_gbdt,
											&bm_algorithm_mlp,         &bm_algorithm_cnn,
											&bm_algorithm_transformer, &bm_algorithm_gru_events,
											&bm_algorithm_lstm,        NULL};

int bm_max_memory_kb;
int bm_num_threads;
bool bm_progress_notice;
int bm_progress_interval_ms;
char *bm_default_model;
int bm_panel_items = 50000;
int bm_max_classes;
char *bm_xgboost_library;

enum
{
	PROGRESS_OFF,
	PROGRESS_NOTICE
};

static int progress = PROGRESS_NOTICE;
static const struct config_enum_entry progress_values[] = {
	{"off", PROGRESS_OFF, false}, {"notice", PROGRESS_NOTICE, false}, {NULL, 0, false}};

static void
assign_progress(int value, void *extra)
{
	bm_progress_notice = value == PROGRESS_NOTICE;
}

/* behavmine.num_threads, or the machine's cores but at most 8. */
int
bm_threads(void)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	cores = Max(cores, 1);
	return (int) (bm_num_threads > 0 ? Min(bm_num_threads, cores) : Min(cores, 8));
}

void _PG_init(void);

void
_PG_init(void)
{
	DefineCustomIntVariable(
		"behavmine.max_memory", "Most memory that one training or bulk run may take.",
		"A run that would need more is refused before it starts.", &bm_max_memory_kb,
		4 * 1024 * 1024, 16 * 1024, INT_MAX, PGC_USERSET, GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomIntVariable(
		"behavmine.num_threads", "Threads of one training.",
		"0 means the machine's cores, at most 8. The result does not depend on it.",
		&bm_num_threads, 0, 0, BM_MAX_THREADS, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomEnumVariable("behavmine.progress", "Where long runs report their progress.", NULL,
							 &progress, PROGRESS_NOTICE, progress_values, PGC_USERSET, 0, NULL,
							 assign_progress, NULL);
	DefineCustomIntVariable("behavmine.progress_interval", "Least time between two progress lines.",
							NULL, &bm_progress_interval_ms, 1000, 0, 3600 * 1000, PGC_USERSET,
							GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomStringVariable("behavmine.default_model",
							   "Model that answers when a call names none.",
							   "Empty: the only model that is deployed.", &bm_default_model, "",
							   PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("behavmine.panel_items",
							"Catalogue from which on a model is served through 8-bit weights.",
							"They lie beside the model's weights in its cache file and find the "
							"same answers. 0: never.",
							&bm_panel_items, 50000, 0, INT_MAX, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("behavmine.max_classes", "Most classes that a target may have.",
							"A target with more is refused: it is a key or a number, no class.",
							&bm_max_classes, 100, 2, 10000, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("behavmine.xgboost_library",
							   "File of the library that fits the algorithm \"gbdt\".",
							   "Empty: libxgboost.so, as the system's loader finds it.",
							   &bm_xgboost_library, "", PGC_SUSET, 0, NULL, NULL, NULL);
	bm_reserve_prefix("behavmine");
}
