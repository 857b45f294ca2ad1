/*
 * about.c
 *		behav_version(): what is installed and what it found on this machine.
 */
#include "pg/pg.h"

#include <unistd.h>

#include "commands/extension.h"
#include "core/num/blas.h"
#include "utils/guc.h"

#include "pg/memory.h"

static void
emit(FunctionCallInfo fcinfo, const char *name, const char *value)
{
	Datum values[2] = {bm_text_datum(name), bm_text_datum(value)};
	bool nulls[2] = {false, false};

	bm_srf_row(fcinfo, values, nulls);
}

/* Open the library if it is not open yet: only then it says what it is. */
static const char *
blas_variant(void)
{
	if (bmc_blas_open(1) != BM_OK)
		return psprintf("OpenBLAS cannot be used: it needs %s of address space",
						bm_size_text(bmc_blas_bytes(1)));
	switch (bmc_blas_state())
	{
	case BM_BLAS_SERIAL:
		return "OpenBLAS, serial variant: one thread";
	case BM_BLAS_PTHREAD:
		return "OpenBLAS, pthread variant";
	case BM_BLAS_OPENMP:
		return "OpenBLAS, openmp variant";
	default:
		return "none found: built-in kernels";
	}
}

/* behav_version(): rows of name and value. */
BM_FUNCTION(behav_version);
Datum
behav_version(PG_FUNCTION_ARGS)
{
	bm_srf_begin(fcinfo);
	emit(fcinfo, "behavmine", BM_VERSION);
	emit(fcinfo, "server", GetConfigOption("server_version", false, false));
	emit(fcinfo, "blas", blas_variant());
	emit(fcinfo, "blas_kernel", bmc_blas_corename());
	emit(fcinfo, "cpus", psprintf("%ld", sysconf(_SC_NPROCESSORS_ONLN)));
	emit(fcinfo, "threads", psprintf("%d", bmc_blas_threads(bm_threads())));
	emit(fcinfo, "max_memory", bm_size_text(bmc_mul(bm_max_memory_kb, 1024)));
	emit(fcinfo, "pg_cron", OidIsValid(get_extension_oid("pg_cron", true)) ? "yes" : "no");
	return (Datum) 0;
}
