/*
 * pg.h
 *		First include of every file that talks to the server: server headers, the function macro,
 *		argument guards, errors from the core, memory for the core, interrupts, progress.
 */
#ifndef BM_PG_H
#define BM_PG_H

#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "datatype/timestamp.h"
#include "utils/builtins.h"

#include "core/num/mem.h"
#include "core/num/pool.h"

#define BM_FUNCTION(fn)                                                                            \
	extern PGDLLEXPORT Datum fn(PG_FUNCTION_ARGS);                                                 \
	PG_FUNCTION_INFO_V1(fn)

/* ---- settings (defined in behavmine.c) ---- */
extern int bm_max_memory_kb;        /* behavmine.max_memory */
extern int bm_num_threads;          /* behavmine.num_threads; 0 = the machine's cores, at most 8 */
extern bool bm_progress_notice;     /* behavmine.progress = notice | off */
extern int bm_progress_interval_ms; /* behavmine.progress_interval */
extern char *bm_default_model;      /* behavmine.default_model */
extern int bm_panel_items;          /* behavmine.panel_items; 0: never */
extern int bm_threads(void);        /* what bm_num_threads means here */

/* ---- arguments (args.c): errors 22023/22004 name the argument ---- */
extern char *bm_arg_text(FunctionCallInfo fcinfo, int i,
						 const char *name); /* not NULL, not empty */
extern char *bm_arg_text_or_null(FunctionCallInfo fcinfo, int i);
extern int64 bm_arg_range(FunctionCallInfo fcinfo, int i, const char *name, int64 lo, int64 hi);
extern int64 bm_arg_range_or(FunctionCallInfo fcinfo, int i, const char *name, int64 lo, int64 hi,
							 int64 dflt);
extern bool bm_arg_bool_or(FunctionCallInfo fcinfo, int i, bool dflt);
/* text[] without NULLs as C strings; *n = 0 for NULL */
extern char **bm_arg_text_array(FunctionCallInfo fcinfo, int i, const char *name, int *n);
/* The same of a value; name is for the errors */
extern char **bm_text_array_strings(Datum value, const char *name, int *n);
/* An interval longer than zero as microseconds; a month has 30 days, as when intervals are compared. */
extern int64 bm_interval_micros(const Interval *interval, const char *name);
/* The word's place among words (n); 22023 lists them. */
extern int bm_word(const char *word, const char *const *words, int n, const char *argument);
/* Column i of a row; NULL for what is not finite. */
extern void bm_set_float8(Datum *values, bool *nulls, int i, double v);
extern Datum bm_text_datum(const char *s);
extern Datum bm_float8_datum(float v);
extern Datum bm_float4_array(const float *v, size_t n);
extern Datum bm_int4_array(const int32 *v, size_t n);
extern Datum bm_text_array(char **v, size_t n);
/* The candidate nearest to word by Levenshtein distance, or NULL when none is near. For hints. */
extern const char *bm_nearest(const char *word, const char *const *candidates, int n);

/* 42501 with the GRANT to run when the role may not use schema behavmine (rights.c). */
extern void bm_check_state_rights(void);

/* ---- set-returning functions, materialised ---- */
extern void bm_srf_begin(FunctionCallInfo fcinfo); /* InitMaterializedSRF on every version */
extern void bm_srf_row(FunctionCallInfo fcinfo, Datum *values, bool *nulls);

/* ---- memory (memory.c) ---- */
/*
 * A BmMem over context (huge, no-raise) with the limit of behavmine.max_memory. Freed by deleting
 * the context.
 */
extern void bm_mem_init(BmMem *mem, MemoryContext context);
/*
 * Refuse with 53400 when bytes (+ what mem already uses) is above behavmine.max_memory. what: "training sasrec";
 * the detail gives both numbers, hint is a full sentence on what to change.
 */
extern void bm_check_memory(const BmMem *mem, size_t bytes, const char *what, const char *hint);
/* A pool in context, joined by a reset callback whatever happens; opens BLAS first when blas is
 * true (53200 with the sizes when its address space is not to be had). WARNING on fewer threads. */
extern BmPool *bm_pool_open(MemoryContext context, int threads, bool blas);

/* ---- core status -> error (error.c) ---- */
/* Returns for BM_OK, BM_MORE, BM_EPOCH; raises otherwise. doing: "train algorithm \"ease\"". detail may be NULL. */
extern void bm_check(BmStatus status, const char *doing, const char *detail);

/* ---- interrupts ---- */
/* For core calls: cancel or terminate pending, dead postmaster, or the deadline passed. */
typedef struct BmWatch
{
	BmStop stop;          /* pass &watch->stop to the core */
	TimestampTz deadline; /* 0 = none */
	bool timed_out;       /* the deadline, and nothing else, stopped it */
} BmWatch;
extern void bm_watch_init(BmWatch *watch, double max_seconds); /* <= 0: no deadline */
/* CHECK_FOR_INTERRUPTS, and exit when the postmaster is gone. Between core calls. */
extern void bm_interrupts(void);

/* ---- progress (progress.c): NOTICE lines and the backend's progress slot ---- */
typedef enum BmPhase
{
	BM_PHASE_READ = 1,
	BM_PHASE_CLEAN,
	BM_PHASE_INDEX,
	BM_PHASE_FIT,
	BM_PHASE_EVALUATE,
	BM_PHASE_SAVE
} BmPhase;
extern void bm_progress_start(const char *model); /* idempotent; nested calls keep the outer */
extern void bm_progress_phase(BmPhase phase, const char *what); /* what: "sasrec", or NULL */
/* At most one NOTICE per interval and about 30 in a run; loss NaN = not shown; metric NaN = not shown. */
extern void bm_progress_step(double done, double total, double loss, const char *metric,
							 double value);
extern void bm_progress_note(const char *fmt, ...)
	pg_attribute_printf(1, 2); /* a NOTICE line, when on */
extern void bm_progress_end(void);

#endif
