/*
 * compat.h
 *		The only place that knows PG_VERSION_NUM: differences between PostgreSQL 14 and 18.
 */
#ifndef BM_COMPAT_H
#define BM_COMPAT_H

#if PG_VERSION_NUM < 140000
#error "behavmine needs PostgreSQL 14 or newer"
#endif

#endif
