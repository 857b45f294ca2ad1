/*
 * memory.h
 *		What memory.c tells error.c and others that print sizes.
 */
#ifndef BM_PG_MEMORY_H
#define BM_PG_MEMORY_H

#include "pg/pg.h"

/* Since the last bm_mem_init, did the system refuse memory (and not behavmine.max_memory)? */
extern bool bm_memory_system_refused(void);
/* Bytes for people, palloc'd: "640 kB", "1.5 GB". */
extern char *bm_size_text(size_t bytes);

#endif
