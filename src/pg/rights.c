/*
 * rights.c
 *		May the current role work with the stored state at all? A clear word instead of a bare
 *		"permission denied for schema behavmine".
 */
#include "pg/pg.h"

#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "utils/acl.h"

#include "pg/compat.h"

void
bm_check_state_rights(void)
{
	Oid schema = get_namespace_oid("behavmine", true);
	const char *role;

	if (!OidIsValid(schema) || bm_schema_usable(schema))
		return;
	role = quote_identifier(GetUserNameFromId(GetUserId(), false));
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("role %s may not use behavmine's stored state", role),
			 errdetail("Sources and models are rows in schema behavmine; a role sees its own "
					   "and what it was granted."),
			 errhint("As the extension's owner: GRANT USAGE ON SCHEMA behavmine TO %s; GRANT "
					 "SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA behavmine TO %s; "
					 "to ask only, SELECT is enough.",
					 role, role)));
}
