/*
 * hosts.c
 *		Hosts, actions and credentials: what administrators register.
 *
 * Owns what values are acceptable; the registry concerns all tenants, so all of it needs
 * level admin for all of them.  Secrets never appear in a message: whatever goes wrong in
 * pulse.set_credential, the statement is kept out of the server log.
 */
#include "postgres.h"

#include "api/api.h"

#include "base/guc.h"
#include "catalog/pg_authid.h"
#include "core/retry.h"
#include "core/sign.h"
#include "http/address.h"
#include "miscadmin.h"
#include "store/jsonb.h"
#include "store/registry_store.h"
#include "store/spi.h"
#include "store/stamp.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "worker/wake.h"

PG_FUNCTION_INFO_V1(pulse_sql_register_host);
PG_FUNCTION_INFO_V1(pulse_sql_alter_host);
PG_FUNCTION_INFO_V1(pulse_sql_drop_host);
PG_FUNCTION_INFO_V1(pulse_sql_register_action);
PG_FUNCTION_INFO_V1(pulse_sql_drop_action);
PG_FUNCTION_INFO_V1(pulse_sql_set_credential);
PG_FUNCTION_INFO_V1(pulse_sql_drop_credential);

#define MAX_PATH_BYTES	1024
#define MAX_BEARER		4096
#define MIN_HMAC_KEY	24		/* bytes, as Standard Webhooks has it */
#define MAX_HMAC_KEY	64
#define MAX_TIMEOUT		(INT64CONST(3600) * USECS_PER_SEC)
#define MAX_PERIOD		USECS_PER_DAY
#define MAX_CALLS		10000
#define MAX_RATE		1000000

static void
begin(const char *what)
{
	pulse_api_begin();
	pulse_access_require(PULSE_LEVEL_ADMIN, NULL, what);
}

/* Names of hosts, actions, credentials: the letters of node ids. */
static char *
id_arg(FunctionCallInfo fcinfo, int n, const char *what)
{
	char	   *s = pulse_arg_name(fcinfo, n, what);
	size_t		good = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.");

	if (s[good] != '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s \"%s\" contains a character that is not allowed", what, s),
				 errdetail("Allowed are ASCII letters, digits, \"_\", \"-\" and \".\".")));
	return s;
}

static void
check_range(int64 value, int64 min, int64 max, const char *what)
{
	if (value < min || value > max)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s %lld is out of range", what, (long long) value),
				 errdetail("It must be between %lld and %lld.", (long long) min, (long long) max)));
}

static Interval *
interval_arg(FunctionCallInfo fcinfo, int n, const char *what, int64 max)
{
	Interval   *interval;
	int64		usec;

	if (PG_ARGISNULL(n))
		return NULL;
	interval = PG_GETARG_INTERVAL_P(n);
	usec = pulse_interval_usec(interval, what);
	if (usec < 1000 || usec > max)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is out of range", what),
				 errdetail("It must be between 1 ms and %lld s.", (long long) (max / USECS_PER_SEC))));
	return interval;
}

static int
int_arg(FunctionCallInfo fcinfo, int n, const char *what, int min, int max)
{
	if (PG_ARGISNULL(n))
		return -1;
	check_range(PG_GETARG_INT32(n), min, max, what);
	return PG_GETARG_INT32(n);
}

/* Like a name, but may be empty: to take a setting away. */
static char *
clearable_arg(FunctionCallInfo fcinfo, int n, const char *what)
{
	char	   *s;

	if (PG_ARGISNULL(n))
		return NULL;
	s = text_to_cstring(PG_GETARG_TEXT_PP(n));
	if (*s != '\0')
		pulse_check_name(s, what);
	return s;
}

/* A file of the server: only for those who may read any. */
static char *
file_arg(FunctionCallInfo fcinfo, int n, const char *what, bool clearable)
{
	char	   *s;

	if (PG_ARGISNULL(n))
		return NULL;
	s = text_to_cstring(PG_GETARG_TEXT_PP(n));
	if (*s == '\0' && clearable)
		return s;
	if (!has_privs_of_role(GetUserId(), ROLE_PG_READ_SERVER_FILES))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to name a file of the server"),
				 errdetail("This needs a superuser, or a member of pg_read_server_files.")));
	if (strlen(s) > MAX_PATH_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is too long", what),
				 errdetail("It has %zu bytes; %d are allowed.", strlen(s), MAX_PATH_BYTES)));
	for (const char *p = s; *p; p++)
	{
		if ((unsigned char) *p < 0x20 || *p == 0x7f)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s contains a control character", what)));
	}
	canonicalize_path(s);
	if (!is_absolute_path(s) || path_contains_parent_reference(s))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be an absolute path", what),
				 errdetail("\"%s\" is none.", s)));
	return s;
}

static void
check_url(const char *url, bool allow_http)
{
	PulseUrl	parsed;
	const char *why;

	if (!pulse_url_parse(url, strlen(url), &parsed, &why))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("url of the host is not acceptable: %s", why),
				 errdetail("It must be http or https, without user, password and fragment.")));
	if (!parsed.https && !parsed.loopback && !allow_http)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("url of the host must be https"),
				 errdetail("Plain http is only for loopback addresses, unless it is allowed for the host."),
				 errhint("Use https, or say allow_http => true if the network is trusted.")));
}

static void
changed(void)
{
	PulseStoreScope scope;

	pulse_store_enter(&scope);
	(void) pulse_stamp_ensure();
	pulse_store_leave(&scope);
	pulse_wake_registry();
}

pg_noreturn static void
throw_no_host(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("host \"%s\" does not exist", name),
			 errhint("SELECT name, url FROM pulse.hosts;")));
}

/* Arguments 1 to 10 of register_host and alter_host. */
static void
host_args(FunctionCallInfo fcinfo, PulseHostChange *h)
{
	char	   *url = pulse_arg_text_opt(fcinfo, 1, "url of the host", PULSE_URL_MAX);

	h->name = id_arg(fcinfo, 0, "name of the host");
	h->url = url;
	h->credential = clearable_arg(fcinfo, 2, "credential");
	h->networks = PG_ARGISNULL(3) ? NULL : PG_GETARG_ARRAYTYPE_P(3);
	if (h->networks != NULL && array_contains_nulls(h->networks))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("list of networks contains NULL")));
	h->timeout = interval_arg(fcinfo, 4, "timeout", MAX_TIMEOUT);
	h->max_in_flight = int_arg(fcinfo, 5, "max_in_flight", 1, MAX_CALLS);
	h->rate_limit = int_arg(fcinfo, 6, "rate", 0, MAX_RATE);
	h->rate_period = interval_arg(fcinfo, 7, "rate_period", MAX_PERIOD);
	h->allow_http = PG_ARGISNULL(8) ? -1 : PG_GETARG_BOOL(8);
	h->tenant = clearable_arg(fcinfo, 9, "tenant");
	if (h->tenant != NULL && *h->tenant != '\0')
		pulse_check_tenant(h->tenant);
	h->ca_file = file_arg(fcinfo, 10, "ca_file", true);
	h->enable = -1;
}

Datum
pulse_sql_register_host(PG_FUNCTION_ARGS)
{
	PulseHostChange h = {0};

	begin("register a host");
	host_args(fcinfo, &h);
	if (h.url == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("url of the host must not be NULL or empty")));
	check_url(h.url, h.allow_http > 0);
	switch (pulse_host_register(&h))
	{
		case PULSE_CHANGE_DONE:
			changed();
			PG_RETURN_BOOL(true);
		case PULSE_CHANGE_NOTHING:
			break;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_OBJECT),
					 errmsg("host \"%s\" is registered with other settings", h.name),
					 errhint("Change them: SELECT pulse.alter_host(%s, ...);", pulse_quoted(h.name))));
	}
	PG_RETURN_BOOL(false);
}

Datum
pulse_sql_alter_host(PG_FUNCTION_ARGS)
{
	PulseHostChange h = {0};
	char	   *url;
	bool		allow_http;

	begin("alter a host");
	host_args(fcinfo, &h);
	h.enable = PG_ARGISNULL(11) ? -1 : PG_GETARG_BOOL(11);
	h.reason = pulse_arg_text_opt(fcinfo, 12, "reason", PULSE_REASON_LENGTH);
	if (!pulse_host_url(h.name, &url, &allow_http))
		throw_no_host(h.name);
	check_url(h.url ? h.url : url, h.allow_http >= 0 ? h.allow_http > 0 : allow_http);
	switch (pulse_host_alter(&h))
	{
		case PULSE_CHANGE_DONE:
			changed();
			PG_RETURN_BOOL(true);
		case PULSE_CHANGE_NOTHING:
			break;
		default:
			throw_no_host(h.name);
	}
	PG_RETURN_BOOL(false);
}

Datum
pulse_sql_drop_host(PG_FUNCTION_ARGS)
{
	char	   *name;
	int64		n_actions;

	begin("drop a host");
	name = id_arg(fcinfo, 0, "name of the host");
	if (pulse_host_drop(name, &n_actions))
	{
		changed();
		PG_RETURN_BOOL(true);
	}
	if (n_actions > 0)
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
				 errmsg("host \"%s\" has actions", name),
				 errdetail("Actions registered for it: %lld.", (long long) n_actions),
				 errhint("SELECT pulse.drop_action(name) FROM pulse.actions WHERE host = %s;",
						 pulse_quoted(name))));
	if (!pulse_arg_bool(fcinfo, 1, false))
		throw_no_host(name);
	PG_RETURN_BOOL(false);
}

/* A retry policy is checked by the reader that will use it. */
static void
check_retry(Jsonb *retry)
{
	PulseArena *arena = pulse_arena_create(0);
	PulseRetryPolicy policy;
	PulseDiag	diag;

	pulse_diag_init(&diag, arena);
	pulse_retry_defaults(&policy);
	if (!pulse_retry_read(arena, pulse_check_payload(arena, retry, "retry"), "$.retry",
						  &policy, &diag))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("retry policy is not valid: %s", diag.items[0].message),
				 errdetail("At %s (%s).", diag.items[0].path, diag.items[0].code),
				 diag.items[0].hint ? errhint("%s", diag.items[0].hint) : 0));
	pulse_arena_free(arena);
}

Datum
pulse_sql_register_action(PG_FUNCTION_ARGS)
{
	PulseActionChange a = {0};

	begin("register an action");
	a.name = id_arg(fcinfo, 0, "name of the action");
	a.host = id_arg(fcinfo, 1, "name of the host");
	a.version = pulse_arg_name_opt(fcinfo, 2, "version of the action");
	a.timeout = interval_arg(fcinfo, 3, "timeout", MAX_TIMEOUT);
	a.retry = pulse_arg_jsonb_opt(fcinfo, 4);
	if (a.retry != NULL)
		check_retry(a.retry);
	a.repeatable = pulse_arg_bool(fcinfo, 5, true);
	a.read_only = pulse_arg_bool(fcinfo, 6, false);
	a.replay_safe = pulse_arg_bool(fcinfo, 7, false);
	a.description = pulse_arg_text_opt(fcinfo, 8, "description", PULSE_REASON_LENGTH);
	switch (pulse_action_register(&a))
	{
		case PULSE_CHANGE_DONE:
			changed();
			PG_RETURN_BOOL(true);
		case PULSE_CHANGE_NOTHING:
			break;
		default:
			throw_no_host(a.host);
	}
	PG_RETURN_BOOL(false);
}

Datum
pulse_sql_drop_action(PG_FUNCTION_ARGS)
{
	char	   *name;

	begin("drop an action");
	name = id_arg(fcinfo, 0, "name of the action");
	if (pulse_action_drop(name))
	{
		changed();
		PG_RETURN_BOOL(true);
	}
	if (!pulse_arg_bool(fcinfo, 1, false))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("action \"%s\" does not exist", name),
				 errhint("SELECT name, host FROM pulse.actions;")));
	PG_RETURN_BOOL(false);
}

/*
 * ---------------------------------------------------------------------
 * Credentials
 * ---------------------------------------------------------------------
 */

/* The statement in the log would show the secret. */
static void
hide_statement(void *arg pg_attribute_unused())
{
	errhidestmt(true);
	errhidecontext(true);
}

static char *
kind_arg(FunctionCallInfo fcinfo, int n)
{
	char	   *kind = pulse_arg_name_opt(fcinfo, n, "kind");

	if (kind != NULL && strcmp(kind, "hmac") != 0 && strcmp(kind, "bearer") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown kind of credential"),
				 errdetail("Kinds are hmac and bearer.")));
	return kind;
}

static void
check_hmac(const char *text)
{
	PulseSecret secret;
	const char *why;

	if (!pulse_secret_parse(text, strlen(text), &secret, &why))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("hmac secret is not acceptable: %s", why),
				 errdetail("It must be \"whsec_\" and the base64 form of %d to %d bytes.",
						   MIN_HMAC_KEY, MAX_HMAC_KEY)));
	if (secret.len < MIN_HMAC_KEY || secret.len > MAX_HMAC_KEY)
	{
		int			len = secret.len;

		pulse_secret_wipe(&secret);
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("hmac secret is not acceptable: the key has %d bytes", len),
				 errdetail("It must be \"whsec_\" and the base64 form of %d to %d bytes.",
						   MIN_HMAC_KEY, MAX_HMAC_KEY)));
	}
	pulse_secret_wipe(&secret);
}

static void
check_bearer(const char *text)
{
	size_t		len = strlen(text);
	bool		ok = len > 0 && len <= MAX_BEARER;

	for (const char *p = text; *p; p++)
		ok &= *p > ' ' && *p < 0x7f;
	if (!ok)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("bearer secret is not acceptable"),
				 errdetail("It must be 1 to %d visible ASCII characters without spaces.", MAX_BEARER)));
}

static void
check_directory(const char *file)
{
	if (pulse_guc_secret_directory[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("credentials cannot be kept in files"),
				 errdetail("pulse.secret_directory is not set."),
				 errhint("ALTER SYSTEM SET pulse.secret_directory = '/etc/pulse'; SELECT pg_reload_conf();")));
	if (!pulse_guc_secret_file_allowed(file))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("file of the credential is not in pulse.secret_directory")));
}

Datum
pulse_sql_set_credential(PG_FUNCTION_ARGS)
{
	ErrorContextCallback hide = {error_context_stack, hide_statement, NULL};
	char	   *name;
	char	   *kind;
	char	   *secret = NULL;
	char	   *file;
	bool		done;

	error_context_stack = &hide;
	begin("set a credential");
	name = id_arg(fcinfo, 0, "name of the credential");
	pulse_arg_require(fcinfo, 1, "kind");
	kind = kind_arg(fcinfo, 1);
	if (PG_ARGISNULL(2) == PG_ARGISNULL(3))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a credential needs either a secret or a file")));
	file = file_arg(fcinfo, 3, "file of the credential", false);
	if (file != NULL)
		check_directory(file);
	else
	{
		secret = text_to_cstring(PG_GETARG_TEXT_PP(2));
		if (strcmp(kind, "hmac") == 0)
			check_hmac(secret);
		else
			check_bearer(secret);
	}
	done = pulse_credential_set(name, kind, secret, file);
	if (secret != NULL)
		explicit_bzero(secret, strlen(secret));
	if (done)
		changed();
	error_context_stack = hide.previous;
	PG_RETURN_BOOL(done);
}

Datum
pulse_sql_drop_credential(PG_FUNCTION_ARGS)
{
	char	   *name;
	char	   *kind;
	int64		n_hosts;

	begin("drop a credential");
	name = id_arg(fcinfo, 0, "name of the credential");
	kind = kind_arg(fcinfo, 1);
	if (pulse_credential_drop(name, kind, &n_hosts))
	{
		changed();
		PG_RETURN_BOOL(true);
	}
	if (n_hosts > 0)
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
				 errmsg("credential \"%s\" is in use", name),
				 errdetail("Hosts that name it: %lld.", (long long) n_hosts),
				 errhint("SELECT name FROM pulse.hosts WHERE credential = %s;", pulse_quoted(name))));
	if (!pulse_arg_bool(fcinfo, 2, false))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("credential \"%s\" does not exist", name)));
	PG_RETURN_BOOL(false);
}
