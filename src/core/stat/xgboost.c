/*
 * xgboost.c
 *		Opening XGBoost; see xgboost.h.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "core/stat/xgboost.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const usual_names[] = {"libxgboost.so", "libxgboost.so.0"};

void
bmc_signals_block(sigset_t *old)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, old);
}

void
bmc_signals_restore(const sigset_t *old)
{
	pthread_sigmask(SIG_SETMASK, old, NULL);
}

/* Each opening counts, and none is closed: the library stays, its handle is the same. */
static void *
open_file(const char *name)
{
	const char *policy = getenv("OMP_WAIT_POLICY");
	sigset_t old;
	void *library;

	bmc_signals_block(&old);
	if (policy == NULL) /* its idle threads sleep, where other backends want the processors */
		setenv("OMP_WAIT_POLICY", "passive", 1);
	library = dlopen(name, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (policy == NULL)
		unsetenv("OMP_WAIT_POLICY");
	bmc_signals_restore(&old);
	return library;
}

const char *
bmc_xgboost_open(BmXgboost *x, const char *library, char *error, size_t size)
{
	const struct
	{
		void *slot;
		const char *name;
	} symbols[] = {
		{&x->last_error, "XGBGetLastError"},        {&x->matrix_create, "XGDMatrixCreateFromMat"},
		{&x->matrix_info, "XGDMatrixSetFloatInfo"}, {&x->matrix_free, "XGDMatrixFree"},
		{&x->booster_create, "XGBoosterCreate"},    {&x->booster_free, "XGBoosterFree"},
		{&x->booster_param, "XGBoosterSetParam"},   {&x->booster_update, "XGBoosterUpdateOneIter"},
		{&x->booster_slice, "XGBoosterSlice"},      {&x->booster_dump, "XGBoosterDumpModelEx"},
	};
	bool given = library && library[0];

	memset(x, 0, sizeof(*x));
	if (given)
		x->library = open_file(library);
	for (size_t i = 0;
		 !given && x->library == NULL && i < sizeof(usual_names) / sizeof(*usual_names); i++)
		x->library = open_file(usual_names[i]);
	if (x->library == NULL)
	{
		const char *why = dlerror();

		snprintf(error, size, "%s", why ? why : "libxgboost.so could not be opened");
		return error;
	}
	for (size_t i = 0; i < sizeof(symbols) / sizeof(*symbols); i++)
	{
		void *symbol = dlsym(x->library, symbols[i].name);

		if (symbol == NULL)
		{
			snprintf(error, size, "it has no function %s: version 1.3 or newer is needed",
					 symbols[i].name);
			return error;
		}
		memcpy(symbols[i].slot, &symbol, sizeof(symbol));
	}
	return NULL;
}
