/*
 * utility_hook.c
 *		Statements that launcher and workers must hear of.
 *
 *	CREATE, ALTER, DROP EXTENSION pulse	tell launcher and workers at commit
 *	DROP, RENAME, SET TABLESPACE of a database, and its use as a template
 *										ask the workers out, keep them out
 *	other changes of databases			tell the launcher at commit
 *	COMMIT PREPARED						wake the workers: the rows appear now
 *
 * Owns nothing but the previous hook. It changes no statement and refuses none.
 */
#include "postgres.h"

#include "worker/utility_hook.h"

#include "base/compat.h"
#include "base/extension.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"
#include "worker/block.h"
#include "worker/shared.h"
#include "worker/wake.h"

static ProcessUtility_hook_type prev_hook = NULL;

/*
 * Only those who could run the statement may disturb a database's workers; others
 * get their error from the statement itself.
 */
static void
block_by_name(const char *name)
{
	Oid			database = get_database_oid(name, true);

	if (OidIsValid(database) &&
		pulse_compat_owns_database(database, GetUserId()))
		pulse_block_acquire(database);
}

static void
block_template(const CreatedbStmt *stmt)
{
	ListCell   *lc;

	foreach(lc, stmt->options)
	{
		DefElem    *option = lfirst_node(DefElem, lc);

		if (strcmp(option->defname, "template") == 0 && option->arg)
			block_by_name(defGetString(option));
	}
}

static bool
names_pulse(List *objects)
{
	ListCell   *lc;

	foreach(lc, objects)
	{
		Node	   *name = lfirst(lc);

		if (IsA(name, String) && strcmp(strVal(name), PULSE_EXTENSION_NAME) == 0)
			return true;
	}
	return false;
}

static bool
option_given(List *options, const char *name)
{
	ListCell   *lc;

	foreach(lc, options)
		if (strcmp(lfirst_node(DefElem, lc)->defname, name) == 0)
			return true;
	return false;
}

/* What must be done before the statement, and noted for its commit. */
static void
before_statement(Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_DropdbStmt:
			block_by_name(((DropdbStmt *) stmt)->dbname);
			pulse_wake_databases();
			break;
		case T_CreatedbStmt:
			block_template((CreatedbStmt *) stmt);
			pulse_wake_databases();
			break;
		case T_RenameStmt:
			if (((RenameStmt *) stmt)->renameType == OBJECT_DATABASE)
			{
				block_by_name(((RenameStmt *) stmt)->subname);
				pulse_wake_databases();
			}
			break;
		case T_AlterDatabaseStmt:
			if (option_given(((AlterDatabaseStmt *) stmt)->options, "tablespace"))
				block_by_name(((AlterDatabaseStmt *) stmt)->dbname);
			pulse_wake_databases();
			break;
		case T_CreateExtensionStmt:
		{
			CreateExtensionStmt *create = (CreateExtensionStmt *) stmt;

				if (strcmp(create->extname, PULSE_EXTENSION_NAME) == 0 ||
					option_given(create->options, "cascade"))
					pulse_wake_extension();
		}
		break;
		case T_AlterExtensionStmt:
			if (strcmp(((AlterExtensionStmt *) stmt)->extname,
					   PULSE_EXTENSION_NAME) == 0)
				pulse_wake_extension();
			break;
		case T_DropStmt:
			if (((DropStmt *) stmt)->removeType == OBJECT_EXTENSION &&
				names_pulse(((DropStmt *) stmt)->objects))
				pulse_wake_extension();
			break;
		case T_DropOwnedStmt:
			pulse_wake_extension();
			break;
		default:
			break;
	}
}

/* Whether it was a transaction of ours is not recorded: wake everybody. */
static void
after_commit_prepared(void)
{
	if (pulse_team_find(MyDatabaseId))
		pulse_wake_all_now();
	else if (OidIsValid(pulse_extension_oid()))
		pulse_launcher_request(MyDatabaseId);
}

static void
process_utility(PlannedStmt *pstmt, const char *query_string,
				bool read_only_tree, ProcessUtilityContext context,
				ParamListInfo params, QueryEnvironment *query_env,
				DestReceiver *dest, QueryCompletion *qc)
{
	Node	   *stmt = pstmt->utilityStmt;
	bool		commit_prepared = IsA(stmt, TransactionStmt) &&
		((TransactionStmt *) stmt)->kind == TRANS_STMT_COMMIT_PREPARED;

	/*
	 * Inside an aborted transaction catalogs cannot be read; only ROLLBACK and the
	 * like come here then, which do not concern us.
	 */
	if (pulse_shared && !IsA(stmt, TransactionStmt))
		before_statement(stmt);
	if (prev_hook)
		prev_hook(pstmt, query_string, read_only_tree, context, params,
				  query_env, dest, qc);
	else
		standard_ProcessUtility(pstmt, query_string, read_only_tree, context,
								params, query_env, dest, qc);
	/* the statement may be freed by now */
	if (pulse_shared && commit_prepared)
		after_commit_prepared();
}

void
pulse_utility_hook_init(void)
{
	prev_hook = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
}
