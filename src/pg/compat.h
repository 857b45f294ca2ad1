/*
 * compat.h
 *		The only place that knows PG_VERSION_NUM: differences between PostgreSQL 14 and 18.
 */
#ifndef BM_COMPAT_H
#define BM_COMPAT_H

#include "utils/backend_status.h"
#include "utils/guc.h"

#if PG_VERSION_NUM < 140000
#error "behavmine needs PostgreSQL 14 or newer"
#endif

/* Refuse settings behavmine.<anything> that nobody defined. */
#if PG_VERSION_NUM >= 150000
#define bm_reserve_prefix(prefix) MarkGUCPrefixReserved(prefix)
#else
#define bm_reserve_prefix(prefix) EmitWarningsOnPlaceholders(prefix)
#endif

/* The i-th (1-based) backend of this session's snapshot of all backends, or NULL. */
#if PG_VERSION_NUM >= 160000
#define bm_backend_status(i) pgstat_get_local_beentry_by_index(i)
#else
#define bm_backend_status(i) pgstat_fetch_stat_local_beentry(i)
#endif

/* "schema.name" as a list of names; an error when it is malformed. */
#if PG_VERSION_NUM >= 160000
#define bm_qualified_name(text) stringToQualifiedNameList(text, NULL)
#else
#define bm_qualified_name(text) stringToQualifiedNameList(text)
#endif

/* Is this process a background worker? */
#if PG_VERSION_NUM >= 170000
#define bm_is_background_worker() AmBackgroundWorkerProcess()
#else
#define bm_is_background_worker() IsBackgroundWorker
#endif

/* May the current role use this schema? */
#if PG_VERSION_NUM >= 160000
#define bm_schema_usable(oid)                                                                      \
	(object_aclcheck(NamespaceRelationId, oid, GetUserId(), ACL_USAGE) == ACLCHECK_OK)
#else
#define bm_schema_usable(oid) (pg_namespace_aclcheck(oid, GetUserId(), ACL_USAGE) == ACLCHECK_OK)
#endif

#endif
