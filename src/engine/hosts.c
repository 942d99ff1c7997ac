/*
 * hosts.c
 *		The registry of hosts and actions, and what this worker has learned of hosts.
 *
 * Owns PulseHost and PulseAction.  The registry is read again in a batch after an
 * administrator has changed it (a relcache invalidation of _pulse.host, sent by the
 * functions that change it, also says so after COMMIT PREPARED); what was learned
 * and the queues of calls survive that, except that a changed host gets a new
 * chance.  It starts no calls.
 */
#include "postgres.h"

#include "engine/engine_private.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/extension.h"
#include "base/guc.h"
#include "core/retry.h"
#include "storage/fd.h"
#include "store/host_store.h"
#include "store/jsonb.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"

#define CIRCUIT_FIRST INT64CONST(15000000) /* usec until the first probe */
#define CIRCUIT_MAX INT64CONST(300000000)
#define SECRET_FILE_MAX 4096

/* Set by the relcache callback: _pulse.host, or everything, has changed. */
static bool registry_stale = true;
static Oid host_relid = InvalidOid;

static void
relcache_callback(Datum arg, Oid relid)
{
	if (relid == InvalidOid || relid == host_relid)
		registry_stale = true;
}

void
pulse_hosts_init(PulseEngine *e)
{
	static bool registered = false;

	if (!registered)
	{
		CacheRegisterRelcacheCallback(relcache_callback, (Datum) 0);
		registered = true;
	}
	registry_stale = true;
	e->hosts_context = AllocSetContextCreate(e->context, "pulse hosts", ALLOCSET_DEFAULT_SIZES);
}

/*
 * ---------------------------------------------------------------------
 * Reading the registry
 * ---------------------------------------------------------------------
 */

/*
 * First line of a file that holds a secret. NULL, and *why set, if it cannot be
 * read; the content appears nowhere else.
 */
static char *
read_secret_file(const char *path, const char **why)
{
	char buf[SECRET_FILE_MAX + 1];
	int fd;
	ssize_t n;
	char *result;

	if (!pulse_guc_secret_file_allowed(path))
	{
		*why = psprintf("credential file \"%s\" is not in pulse.secret_directory", path);
		return NULL;
	}
	fd = OpenTransientFile(path, O_RDONLY | PG_BINARY);
	if (fd < 0)
	{
		*why = psprintf("credential file \"%s\" cannot be opened: %m", path);
		return NULL;
	}
	n = read(fd, buf, SECRET_FILE_MAX);
	CloseTransientFile(fd);
	if (n < 0)
	{
		*why = psprintf("credential file \"%s\" cannot be read: %m", path);
		return NULL;
	}
	buf[n] = '\0';
	buf[strcspn(buf, "\r\n")] = '\0';
	result = pstrdup(buf);
	explicit_bzero(buf, sizeof(buf));
	return result;
}

static void
add_secret(PulseHost *host, const char *text)
{
	const char *why;

	if (!pulse_secret_parse(text, strlen(text), &host->secrets[host->n_secrets], &why))
		host->disabled = psprintf("its signing secret is malformed: %s", why);
	else
		host->n_secrets++;
}

static void
set_credential(PulseHost *host, const PulseHostRow *row)
{
	const char *why = NULL;
	char *text;

	host->n_secrets = 0;
	host->bearer = NULL;
	if (row->credential != NULL && row->hmac == NULL && row->hmac_file == NULL &&
		row->bearer == NULL && row->bearer_file == NULL)
		host->disabled = psprintf("credential \"%s\" is not set", row->credential);

	text = row->hmac_file ? read_secret_file(row->hmac_file, &why) : row->hmac;
	if (text != NULL)
		add_secret(host, text);
	if (text != NULL && row->hmac_previous != NULL)
		add_secret(host, row->hmac_previous);
	text = row->bearer_file ? read_secret_file(row->bearer_file, &why) : row->bearer;
	if (text != NULL)
		host->bearer = pstrdup(text);
	if (host->bearer != NULL && !pulse_header_value_ok(host->bearer, strlen(host->bearer)))
		host->disabled = pstrdup("its bearer credential has characters a header may not have");
	if (why != NULL)
		host->disabled = pstrdup(why);
}

/* The networks of the host and those of pulse.allow_networks. */
static void
set_policy(PulseHost *host, const PulseHostRow *row)
{
	char *list = pstrdup(pulse_guc_allow_networks);
	List *names = NIL;
	PulseCidr *cidrs;
	PulseUrl url;
	const char *why;
	ListCell *lc;
	int n = 0;

	if (list[0] != '\0' && !SplitGUCList(list, ',', &names))
		names = NIL;
	cidrs = palloc(sizeof(PulseCidr) * (size_t) (row->n_networks + list_length(names) + 1));
	for (int i = 0; i < row->n_networks; i++)
		n += pulse_cidr_parse(row->networks[i], &cidrs[n]);
	foreach(lc, names)
		n += pulse_cidr_parse((char *) lfirst(lc), &cidrs[n]);
	host->policy.networks = cidrs;
	host->policy.n_networks = n;
	host->policy.allow_loopback = false;
	if (pulse_url_parse(row->url, strlen(row->url), &url, &why))
		host->policy.allow_loopback = url.loopback;
	else
		host->disabled = psprintf("its URL is malformed: %s", why);
}

static PulseHost *
find_host(PulseEngine *e, const char *name)
{
	for (int i = 0; i < e->n_hosts; i++)
	{
		if (strcmp(e->hosts[i]->name, name) == 0)
			return e->hosts[i];
	}
	return NULL;
}

static PulseHost *
new_host(PulseEngine *e, const char *name)
{
	MemoryContext old = MemoryContextSwitchTo(e->hosts_context);
	PulseHost *host = palloc0(sizeof(PulseHost));
	PulseHost **list = palloc(sizeof(PulseHost *) * (size_t) (e->n_hosts + 1));

	host->name = pstrdup(name);
	dlist_init(&host->queue);
	if (e->n_hosts > 0)
	{
		memcpy(list, e->hosts, sizeof(PulseHost *) * (size_t) e->n_hosts);
		pfree(e->hosts);
	}
	list[e->n_hosts++] = host;
	e->hosts = list;
	MemoryContextSwitchTo(old);
	return host;
}

static void
close_circuit(PulseEngine *e, PulseHost *host)
{
	if (!host->open)
		return;
	host->open = false;
	host->trips = 0;
	host->reason[0] = '\0';
	host->opened_at = 0;
	host->retry_at = 0;
	host->unsaved = true;
	e->mended = true;
}

static void
set_host(PulseEngine *e, PulseHost *host, const PulseHostRow *row)
{
	MemoryContext context = AllocSetContextCreate(e->hosts_context, "pulse host",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	bool changed = host->changed_at != row->changed_at;

	host->gone = false;
	host->disabled = row->disabled_reason ? pstrdup(row->disabled_reason) : NULL;
	host->url = pstrdup(row->url);
	host->tenant = row->tenant ? pstrdup(row->tenant) : NULL;
	host->ca_file = row->ca_file ? pstrdup(row->ca_file) : NULL;
	host->timeout = row->timeout;
	host->slots = Max(1, (row->max_in_flight + e->n_workers - 1) / e->n_workers);
	host->rate = 0;
	if (row->rate_limit > 0 && row->rate_period > 0)
	{
		host->burst = Max(1.0, (double) row->rate_limit / e->n_workers);
		host->rate = host->burst / (double) row->rate_period;
		host->tokens = host->burst;
	}
	set_policy(host, row);
	set_credential(host, row);
	host->changed_at = row->changed_at;
	MemoryContextSwitchTo(old);

	if (host->context != NULL)
		MemoryContextDelete(host->context);
	host->context = context;
	if (changed)
	{
		/* it may be mended: try at once */
		close_circuit(e, host);
		host->unsaved |= host->throttled_until != 0;
		host->throttled_until = 0;
	}
}

/*
 * A worker that starts anew knows what its predecessor had learned, unless the host has
 * been changed since: a Retry-After outlives the process that heard it.
 */
static void
remember(PulseHost *host, const PulseHostRow *row)
{
	if (row->opened_at > row->changed_at)
	{
		host->open = row->open;
		host->opened_at = row->opened_at;
		host->retry_at = row->retry_at;
		host->trips = row->open ? 1 : 0;
	}
	if (row->throttled_until > row->changed_at)
		host->throttled_until = row->throttled_until;
	if (row->reason != NULL)
		strlcpy(host->reason, row->reason, sizeof(host->reason));
	host->changed_at = row->changed_at; /* this is not the news set_host looks for */
}

static int
compare_actions(const void *a, const void *b)
{
	return strcmp(((const PulseAction *) a)->name, ((const PulseAction *) b)->name);
}

static void
load_actions(PulseEngine *e)
{
	int n;
	PulseActionRow *rows = pulse_load_actions(&n);
	MemoryContext context = AllocSetContextCreate(e->context, "pulse actions",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	PulseArena *arena = pulse_arena_create(0);
	PulseAction *actions = palloc0(sizeof(PulseAction) * (size_t) Max(n, 1));

	for (int i = 0; i < n; i++)
	{
		PulseAction *a = &actions[i];
		PulseDiag diag;

		a->name = pstrdup(rows[i].name);
		a->host = find_host(e, rows[i].host);
		a->version = rows[i].version ? pstrdup(rows[i].version) : NULL;
		a->timeout = rows[i].timeout;
		a->repeatable = rows[i].repeatable;
		a->read_only = rows[i].read_only;
		pulse_diag_init(&diag, e->scratch);
		a->has_retry = rows[i].retry != NULL &&
			pulse_retry_read(arena, pulse_jsonb_read(arena, rows[i].retry), "$",
							 &a->retry, &diag);
	}
	qsort(actions, (size_t) n, sizeof(PulseAction), compare_actions);
	MemoryContextSwitchTo(old);

	if (e->actions_context != NULL)
		MemoryContextDelete(e->actions_context);
	e->actions_context = context;
	e->actions = actions;
	e->n_actions = n;
}

/*
 * Reads the registry if it has changed, or the caller has been told so. Inside a
 * transaction, before facts are folded.
 */
void
pulse_hosts_reload(PulseEngine *e, bool told)
{
	PulseHostRow *rows;
	int n;

	if (!told && !registry_stale && e->registry_loaded)
		return;
	host_relid = pulse_extension_table("host");

	/*
	 * A change that comes while we read is not in our snapshot: the flag it
	 * raises must survive, so it is lowered before and not after.
	 */
	registry_stale = false;
	e->registry_loaded = false;
	rows = pulse_load_hosts(e->worker, &n);
	for (int i = 0; i < e->n_hosts; i++)
		e->hosts[i]->gone = true;
	for (int i = 0; i < n; i++)
	{
		PulseHost *host = find_host(e, rows[i].name);

		if (host == NULL)
		{
			host = new_host(e, rows[i].name);
			remember(host, &rows[i]);
		}
		set_host(e, host, &rows[i]);
	}
	e->mended |= e->actions_context != NULL; /* perhaps: what is held finds out */
	load_actions(e);
	e->registry_loaded = true;
}

const PulseAction *
pulse_hosts_action(PulseEngine *e, const char *name)
{
	PulseAction key;

	key.name = unconstify(char *, name);
	return bsearch(&key, e->actions, (size_t) e->n_actions, sizeof(PulseAction),
				   compare_actions);
}

PulseActionInfo
pulse_hosts_action_info(void *engine, const char *name)
{
	const PulseAction *a = pulse_hosts_action(engine, name);
	PulseActionInfo info = { true, NULL, NULL };

	if (a != NULL)
	{
		info.repeatable = a->repeatable;
		info.retry = a->has_retry ? &a->retry : NULL;
		info.version = a->version;
	}
	return info;
}

/*
 * ---------------------------------------------------------------------
 * What is learned
 * ---------------------------------------------------------------------
 */

/* May a call be started now, as far as the host's state goes? */
bool
pulse_host_available(PulseEngine *e, PulseHost *host)
{
	if (host->throttled_until > e->now)
		return false;
	if (host->open)
	{
		/* one call at a time finds out whether it is well again */
		return host->retry_at <= e->now && host->active == 0;
	}
	return true;
}

/*
 * What everybody who uses the host may read. The words of a host that several tenants
 * share are about a call of one of them.
 */
static void
set_reason(PulseHost *host, const PulseAnswer *answer)
{
	const PulseJson *status = pulse_json_get(answer->error, "status");
	bool quoted = pulse_json_get(answer->error, "detail") != NULL ||
		pulse_json_get(answer->error, "title") != NULL;
	int64 code;

	if (host->tenant == NULL && quoted && status != NULL && pulse_json_as_int(status, &code))
		snprintf(host->reason, sizeof(host->reason), "the host answered with status %d",
				 (int) code);
	else
		strlcpy(host->reason, answer->message, sizeof(host->reason));
}

void
pulse_host_learn(PulseEngine *e, PulseHost *host, const PulseAnswer *answer)
{
	int64 wait;

	switch (answer->kind)
	{
		case PULSE_ANSWER_HOLD_HOST:
			wait = CIRCUIT_FIRST << Min(host->trips, 10);
			wait = Min(wait, CIRCUIT_MAX);
			if (!host->open)
			{
				host->opened_at = e->now;
				ereport(LOG,
						(errmsg("host \"%s\" is held: %s", host->name, answer->message),
						 errhint("Mend it, or its credential; it is tried again every few minutes, and at once after pulse.alter_host or pulse.set_credential.")));
			}
			host->open = true;
			host->trips++;
			host->retry_at = e->now + wait;
			host->unsaved = true;
			set_reason(host, answer);
			break;
		case PULSE_ANSWER_THROTTLE:
			wait = answer->retry_after > 0 ? answer->retry_after : INT64CONST(5000000);
			host->throttled_until = e->now + wait;
			host->unsaved = true;
			set_reason(host, answer);
			break;
		case PULSE_ANSWER_RETRY:
		case PULSE_ANSWER_UNKNOWN:
			host->failures++;
			break;
		default:
			if (host->open)
				ereport(LOG, (errmsg("host \"%s\" is well again", host->name)));
			close_circuit(e, host);
			break;
	}
}

/* Saves what has changed, in the batch's transaction. */
void
pulse_hosts_save(PulseEngine *e)
{
	for (int i = 0; i < e->n_hosts; i++)
	{
		PulseHost *host = e->hosts[i];

		host->saving = host->unsaved;
		if (!host->unsaved)
			continue;
		pulse_save_host_state(host->name, e->worker, host->open,
							  host->reason[0] ? host->reason : NULL,
							  host->opened_at, host->retry_at,
							  host->throttled_until, host->failures);
		host->unsaved = false;
	}
}

/* The batch has failed: what it had saved is not. */
void
pulse_hosts_unsave(PulseEngine *e)
{
	for (int i = 0; i < e->n_hosts; i++)
	{
		e->hosts[i]->unsaved |= e->hosts[i]->saving;
		e->hosts[i]->saving = false;
	}
}
