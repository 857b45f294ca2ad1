/*
 * error.c
 *		A status of the core becomes an error of the server. Nothing of the core is on the stack
 *		when it is raised.
 */
#include "pg/pg.h"
#include "pg/memory.h"

static void
raise_memory(const char *doing, const char *detail)
{
	if (bm_memory_system_refused())
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory: could not %s", doing),
				 detail
					 ? errdetail("%s", detail)
					 : errdetail("The system refused a request within behavmine.max_memory (%s).",
								 bm_size_text(bmc_mul(bm_max_memory_kb, 1024))),
				 errhint("Lower behavmine.max_memory to what the machine has, or train on fewer "
						 "events (options => '{\"since\": ...}').")));
	ereport(ERROR, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
					errmsg("could not %s within behavmine.max_memory", doing),
					detail ? errdetail("%s", detail)
						   : errdetail("behavmine.max_memory is %s.",
									   bm_size_text(bmc_mul(bm_max_memory_kb, 1024))),
					errhint("Raise it with SET behavmine.max_memory, or train on fewer events "
							"(options => '{\"since\": ...}').")));
}

/* A cancel, a timeout or a terminate raises its own error; what is left is a deadline of ours. */
static void
raise_stopped(const char *doing, const char *detail)
{
	bm_interrupts();
	ereport(ERROR,
			(errcode(ERRCODE_QUERY_CANCELED), errmsg("could not %s in time", doing),
			 detail ? errdetail("%s", detail) : 0, errhint("Raise the option \"max_seconds\".")));
}

void
bm_check(BmStatus status, const char *doing, const char *detail)
{
	if (detail && detail[0] == '\0')
		detail = NULL;
	switch (status)
	{
	case BM_OK:
	case BM_MORE:
	case BM_EPOCH:
		return;
	case BM_ENOMEM:
		raise_memory(doing, detail);
		break;
	case BM_ESTOP:
		raise_stopped(doing, detail);
		break;
	case BM_EINVAL:
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("cannot %s", doing),
						errdetail("%s", detail ? detail : "An argument or a shape does not fit."),
						errhint("SELECT * FROM behav_options('<algorithm>') lists the options with "
								"their ranges.")));
		break;
	case BM_ELIMIT:
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("cannot %s: too large", doing),
				 errdetail("%s", detail ? detail : "A fixed limit on codes or bytes is reached."),
				 errhint("Drop rare items and users (min_item_count, min_user_count), or a part of "
						 "the time span.")));
		break;
	case BM_ESINGULAR:
		ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("could not %s", doing),
						errdetail("%s", detail ? detail : "A matrix is not positive definite."),
						errhint("Raise the regularisation.")));
		break;
	case BM_ENOTFINITE:
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION), errmsg("could not %s: not finite", doing),
				 errdetail("%s", detail ? detail : "A NaN or an infinity appeared."),
				 errhint("Lower the learning rate, or look for extreme values in the data.")));
		break;
	}
	elog(ERROR, "unknown status %d from the core: could not %s", (int) status, doing);
}
