/*
 * interrupt.c
 *		Noticing cancels, timeouts, terminations, deadlines and a dead postmaster.
 *
 * CHECK_FOR_INTERRUPTS does not see that the postmaster is gone, and a backend that computes on
 * would keep its shared memory alive and block the restart. A core call only asks (an error must
 * not jump out of its frames); the glue raises after it has returned.
 */
#include "pg/pg.h"

#include "storage/ipc.h"
#include "storage/pmsignal.h"
#include "utils/timestamp.h"

/* Asking for the postmaster may be a system call. */
#define POSTMASTER_INTERVAL_US 20000

static bool
postmaster_gone(void)
{
	return IsUnderPostmaster && !PostmasterIsAlive();
}

static bool
watch_stop(void *arg)
{
	static TimestampTz asked = 0;
	BmWatch *watch = arg;
	TimestampTz now;

	if (QueryCancelPending || ProcDiePending)
		return true;
	now = GetCurrentTimestamp();
	if (now < asked || now - asked >= POSTMASTER_INTERVAL_US)
	{
		asked = now;
		if (postmaster_gone())
			return true;
	}
	if (watch->deadline == 0 || now < watch->deadline)
		return false;
	watch->timed_out = true;
	return true;
}

void
bm_watch_init(BmWatch *watch, double max_seconds)
{
	watch->stop.fn = watch_stop;
	watch->stop.arg = watch;
	watch->deadline = 0;
	watch->timed_out = false;
	/* a century is for ever, and far from the end of int64 */
	if (max_seconds > 0 && max_seconds < 100.0 * 365.25 * 86400.0)
		watch->deadline = GetCurrentTimestamp() + (TimestampTz) (max_seconds * USECS_PER_SEC);
}

void
bm_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
	if (postmaster_gone())
		proc_exit(1); /* as every wait in the server does; nobody is left to tell */
}
