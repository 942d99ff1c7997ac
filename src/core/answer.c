/*
 * answer.c
 *		What a host's answer means: the status table of the host protocol.
 *
 * Owns the reading of answers: media types, JSON, problem documents, and what stage
 * results mean (their shape is stage.c's).
 * Remote bytes are bounded and checked here before anything
 * else sees them.  Must not decide about attempts, budgets or circuits.  What it gives
 * lives in the caller's arena.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/answer.h"

#include "common/base64.h"
#include "mb/pg_wchar.h"

#include "core/stage.h"

#define BODY_MAX		(512 * 1024 * 1024)	/* lengths are int below */
#define CODE_MAX		200
#define TITLE_MAX		1024
#define DETAIL_MAX		4096
#define DETAILS_MAX		16384
#define VERSION_MAX		200
#define DEPTH_MAX		(PULSE_JSON_MAX_DEPTH - 10) /* it will be wrapped */
#define DETAILS_DEPTH	32

#define STAGE_RESULT	"application/vnd.pulse.result+json"
#define PROBLEM			"application/problem+json"

typedef struct Reading
{
	PulseArena *arena;
	const PulseResponse *response;
	PulseAnswer *out;
	const char *body;			/* as received */
	size_t		len;
	const char *clean;			/* with the secrets blanked out */
	size_t		clean_len;
	char	   *media;			/* "type/subtype" in lower case, "" if none */
	bool		charset_ok;

	/* from a problem document or the error of a stage result */
	const PulseJson *title;
	const PulseJson *detail;
	const PulseJson *details;
	bool		has_retryable;
	bool		retryable;
	bool		understood;		/* body need not be kept as evidence */
} Reading;

static const char *const classes[] = {
	"network", "timeout", "tls", "address", "credentials", "redirect",
	"not_found", "conflict", "withdrawn", "throttled", "server", "client",
	"action", "bad_response", "local"
};

bool
pulse_error_class_known(const char *class_)
{
	size_t		i;

	for (i = 0; i < lengthof(classes); i++)
	{
		if (strcmp(classes[i], class_) == 0)
			return true;
	}
	return false;
}

const char *
pulse_answer_kind_name(PulseAnswerKind kind)
{
	switch (kind)
	{
		case PULSE_ANSWER_DONE:
			return "done";
		case PULSE_ANSWER_REWRITE:
			return "rewrite";
		case PULSE_ANSWER_REJECT:
			return "reject";
		case PULSE_ANSWER_SUSPEND:
			return "suspend";
		case PULSE_ANSWER_ACCEPTED:
			return "accepted";
		case PULSE_ANSWER_FAILED:
			return "failed";
		case PULSE_ANSWER_RETRY:
			return "retry";
		case PULSE_ANSWER_UNKNOWN:
			return "unknown";
		case PULSE_ANSWER_HOLD:
			return "hold";
		case PULSE_ANSWER_THROTTLE:
			return "throttle";
		case PULSE_ANSWER_HOLD_HOST:
			return "hold_host";
		case PULSE_ANSWER_WITHDRAWN:
			return "withdrawn";
	}
	return "?";
}

/* ---- texts of the other side ---- */

static bool
valid_utf8(const char *s, size_t len)
{
	return (size_t) pg_encoding_verifymbstr(PG_UTF8, s, (int) len) == len;
}

/* A text that may be stored: as it is, or with all odd bytes replaced. */
static const char *
storable(PulseArena *arena, const char *s)
{
	char	   *copy = pulse_arena_strdup(arena, s);
	char	   *c;

	if (valid_utf8(copy, strlen(copy)))
		return copy;
	for (c = copy; *c; c++)
	{
		if ((unsigned char) *c >= 0x80)
			*c = '?';
	}
	return copy;
}

/* Splits Content-Type into the media type and whether its charset is UTF-8. */
static void
read_content_type(Reading *r)
{
	const char *value = r->response->content_type ? r->response->content_type : "";
	size_t		n = strcspn(value, "; \t");
	const char *p;
	size_t		i;

	r->media = pulse_arena_strndup(r->arena, value, n);
	for (i = 0; i < n; i++)
		r->media[i] = pg_ascii_tolower((unsigned char) r->media[i]);

	r->charset_ok = true;
	for (p = strchr(value, ';'); p != NULL; p = strchr(p, ';'))
	{
		p++;
		p += strspn(p, " \t");
		if (pg_strncasecmp(p, "charset=", 8) == 0)
		{
			p += 8;
			if (*p == '"')
				p++;
			n = strcspn(p, "\"; \t");
			r->charset_ok = (n == 5 && pg_strncasecmp(p, "utf-8", 5) == 0) ||
				(n == 4 && pg_strncasecmp(p, "utf8", 4) == 0) ||
				(n == 8 && pg_strncasecmp(p, "us-ascii", 8) == 0);
		}
	}
}

static bool
media_is_json(const char *media)
{
	size_t		n = strlen(media);

	if (strcmp(media, "application/json") == 0 || strcmp(media, "text/json") == 0)
		return true;
	return n > 17 && strncmp(media, "application/", 12) == 0 &&
		strcmp(media + n - 5, "+json") == 0;
}

/* The body with every occurrence of a secret replaced by stars. */
static void
blank_secrets(Reading *r, const char *const *secrets, int n)
{
	char	   *copy = NULL;
	int			i;

	r->clean = r->body;
	r->clean_len = r->len;
	for (i = 0; i < n; i++)
	{
		size_t		len = secrets[i] ? strlen(secrets[i]) : 0;
		size_t		at;

		if (len < 4 || len > r->len)
			continue;			/* too short to be one */
		for (at = 0; at + len <= r->len; at++)
		{
			const char *hay = copy ? copy : r->body;
			const char *hit = memchr(hay + at, secrets[i][0], r->len - len - at + 1);

			if (hit == NULL)
				break;
			at = hit - hay;
			if (memcmp(hit, secrets[i], len) != 0)
				continue;
			if (copy == NULL)
				copy = pulse_arena_strndup(r->arena, r->body, r->len);
			memset(copy + at, '*', len);
			at += len - 1;
		}
	}
	if (copy)
		r->clean = copy;
}

/* Parses a body; NULL and *why (in the arena) if it is not acceptable JSON. */
static const PulseJson *
read_json(Reading *r, const char *text, size_t len, const char **why)
{
	const PulseJson *value;
	PulseDiag	diag;

	pulse_diag_init(&diag, r->arena);
	value = pulse_json_parse(r->arena, text, len, &diag);
	if (value == NULL)
	{
		*why = diag.n > 0 ? diag.items[0].message : "malformed";
		return NULL;
	}
	if (value->depth > DEPTH_MAX)
	{
		*why = "nested too deeply";
		return NULL;
	}
	return value;
}

/* A member that is a string of at most max bytes; longer ones are cut at a character. */
static const PulseJson *
text_member(Reading *r, const PulseJson *object, const char *key, size_t max)
{
	const PulseJson *value = pulse_json_get(object, key);

	if (value == NULL || value->type != PULSE_JSON_STRING || value->len == 0)
		return NULL;
	if (value->len > max)
	{
		size_t		n = max;

		while (n > 0 && ((unsigned char) value->u.text[n] & 0xc0) == 0x80)
			n--;
		value = pulse_json_stringn(r->arena, value->u.text, n);
	}
	return value;
}

/* Reads the members that problem documents and failures of stage results share. */
static void
read_problem(Reading *r, const PulseJson *object)
{
	const PulseJson *value;

	if (object->type != PULSE_JSON_OBJECT)
		return;
	r->understood = true;
	r->title = text_member(r, object, "title", TITLE_MAX);
	r->detail = text_member(r, object, "detail", DETAIL_MAX);

	value = pulse_json_get(object, "code");
	if (value && value->type == PULSE_JSON_STRING && value->len > 0 && value->len <= CODE_MAX)
		r->out->code = value->u.text;

	value = pulse_json_get(object, "retryable");
	if (value && value->type == PULSE_JSON_BOOL)
	{
		r->has_retryable = true;
		r->retryable = value->u.boolean;
	}

	/* Whole seconds are enough here; a fraction is rounded up. */
	value = pulse_json_get(object, "retry_after_seconds");
	if (value && value->type == PULSE_JSON_NUMBER && value->u.text[0] != '-' &&
		r->out->retry_after < 0)
	{
		char	   *whole = pulse_arena_strdup(r->arena, value->u.text);
		char	   *dot = strchr(whole, '.');
		int64		wait;

		if (dot)
			*dot = '\0';
		wait = pulse_retry_after_parse(whole, 0);
		if (wait >= 0 && dot && dot[1 + strspn(dot + 1, "0")] != '\0')
			wait = Min(wait + 1000000, PULSE_ANSWER_RETRY_AFTER_MAX);
		r->out->retry_after = wait;
	}

	value = pulse_json_get(object, "details");
	if (value)
	{
		if (pulse_json_size(value) <= DETAILS_MAX &&
			value->depth <= DETAILS_DEPTH)
			r->details = value;
		else
			r->understood = false;	/* the raw body shows its beginning */
	}
}

/* ---- building the answer ---- */

static void
add_pair(PulseJsonPair *pairs, int *n, const char *key, const PulseJson *value)
{
	if (value == NULL)
		return;
	pairs[*n].key = key;
	pairs[*n].key_len = (uint32) strlen(key);
	pairs[*n].value = value;
	(*n)++;
}

/* The first bytes of the body: as text if they are text, else as base64. */
static void
add_evidence(Reading *r, PulseJsonPair *pairs, int *n)
{
	size_t		len = Min(r->clean_len, PULSE_ANSWER_EVIDENCE);
	size_t		good;
	bool		cut = len < r->clean_len || r->response->body_truncated;

	if (len == 0)
		return;
	good = (size_t) pg_encoding_verifymbstr(PG_UTF8, r->clean, (int) len);
	if (good == len || (cut && len - good < 4))
		add_pair(pairs, n, "body", pulse_json_stringn(r->arena, r->clean, good));
	else
	{
		int			size = pg_b64_enc_len((int) len) + 1;
		char	   *text = pulse_arena_alloc(r->arena, size);
		int			written = pg_b64_encode((const void *) r->clean, (int) len, text, size);

		if (written >= 0)
			add_pair(pairs, n, "body_base64", pulse_json_stringn(r->arena, text, written));
	}
	if (cut)
		add_pair(pairs, n, "body_truncated", &pulse_json_true);
}

/* Ends as anything but a success: builds the error object. */
static void
conclude(Reading *r, PulseAnswerKind kind, const char *class_, const char *message)
{
	PulseAnswer *out = r->out;
	PulseJsonPair *pairs = pulse_arena_alloc(r->arena, 10 * sizeof(PulseJsonPair));
	int			n = 0;

	out->kind = kind;
	out->class_ = class_;
	out->output = NULL;
	out->rewrite = NULL;
	out->reason = NULL;
	out->signal = NULL;
	out->location = NULL;
	out->message = storable(r->arena, message);

	add_pair(pairs, &n, "class", pulse_json_string(r->arena, class_));
	add_pair(pairs, &n, "message", pulse_json_string(r->arena, out->message));
	if (out->code)
		add_pair(pairs, &n, "code", pulse_json_string(r->arena, out->code));
	if (r->response->status > 0)
		add_pair(pairs, &n, "status", pulse_json_int(r->arena, r->response->status));
	add_pair(pairs, &n, "title", r->title);
	add_pair(pairs, &n, "detail", r->detail);
	add_pair(pairs, &n, "details", r->details);
	if (!r->understood)
		add_evidence(r, pairs, &n);
	out->error = pulse_json_object(r->arena, pairs, n);
}

static void
bad_response(Reading *r, const char *message)
{
	r->understood = false;
	conclude(r, PULSE_ANSWER_FAILED, "bad_response", message);
}

/* The host says of this very attempt whether to try again: that overrides the table. */
static PulseAnswerKind
overridden(const Reading *r, PulseAnswerKind kind)
{
	if (!r->has_retryable)
		return kind;
	if (!r->retryable)
		return PULSE_ANSWER_FAILED;
	if (kind == PULSE_ANSWER_HOLD || kind == PULSE_ANSWER_THROTTLE ||
		kind == PULSE_ANSWER_UNKNOWN)
		return kind;
	return PULSE_ANSWER_RETRY;
}

static const char *
best_message(Reading *r, const char *otherwise)
{
	if (r->detail && r->detail->len <= TITLE_MAX)
		return r->detail->u.text;
	if (r->title)
		return r->title->u.text;
	return otherwise;
}

/* A complete answer with a status that is no success. */
static void
by_status(Reading *r)
{
	int			status = r->response->status;
	PulseAnswerKind kind;
	const char *class_;

	if (strcmp(r->media, PROBLEM) == 0 && r->charset_ok && !r->response->body_truncated)
	{
		const char *why;
		const PulseJson *problem = read_json(r, r->clean, r->clean_len, &why);

		if (problem)
			read_problem(r, problem);
	}

	switch (status)
	{
		case 401:
		case 403:
			kind = PULSE_ANSWER_HOLD_HOST;
			class_ = "credentials";
			break;
		case 404:
			kind = PULSE_ANSWER_HOLD;
			class_ = "not_found";
			break;
		case 408:
			kind = PULSE_ANSWER_RETRY;
			class_ = "timeout";
			break;
		case 409:
			kind = PULSE_ANSWER_HOLD;
			class_ = "conflict";
			break;
		case 410:
			kind = PULSE_ANSWER_WITHDRAWN;
			class_ = "withdrawn";
			break;
		case 425:
			kind = PULSE_ANSWER_RETRY;
			class_ = "server";
			break;
		case 429:
			kind = PULSE_ANSWER_THROTTLE;
			class_ = "throttled";
			break;
		case 501:
			kind = PULSE_ANSWER_FAILED;
			class_ = "client";
			break;
		case 502:
		case 504:
			/* Somebody in between speaks: what the host did is not known. */
			kind = PULSE_ANSWER_UNKNOWN;
			class_ = "server";
			break;
		case 503:
			kind = r->out->retry_after >= 0 ? PULSE_ANSWER_THROTTLE : PULSE_ANSWER_RETRY;
			class_ = kind == PULSE_ANSWER_THROTTLE ? "throttled" : "server";
			break;
		default:
			if (status >= 400 && status < 500)
			{
				kind = PULSE_ANSWER_FAILED;
				class_ = "client";
			}
			else
			{
				kind = status >= 520 && status < 530 ?
					PULSE_ANSWER_UNKNOWN : PULSE_ANSWER_RETRY;
				class_ = "server";
			}
	}
	conclude(r, overridden(r, kind), class_,
			 best_message(r, pulse_arena_printf(r->arena, "the host answered with status %d",
												status)));
}

static void
done(Reading *r, const PulseJson *output)
{
	r->out->kind = PULSE_ANSWER_DONE;
	r->out->output = output;
	r->out->message = "";
}

/*
 * What is wrong with a stage result: the first finding is the message, and all of them are
 * the details if there are several.
 */
static void
malformed(Reading *r, const PulseDiag *diag)
{
	const PulseFinding *first = &diag->items[0];

	r->out->progress = r->out->cost = r->out->logs = r->out->emit = NULL;
	if (diag->n > 1)
	{
		const PulseJson **list = pulse_arena_alloc(r->arena, sizeof(*list) * (size_t) diag->n);
		const PulseJson *details;

		for (int i = 0; i < diag->n; i++)
		{
			PulseJsonPair *pairs = pulse_arena_alloc(r->arena, 3 * sizeof(*pairs));
			int			n = 0;

			add_pair(pairs, &n, "code", pulse_json_string(r->arena, diag->items[i].code));
			add_pair(pairs, &n, "path", pulse_json_string(r->arena, diag->items[i].path));
			add_pair(pairs, &n, "message", pulse_json_string(r->arena, diag->items[i].message));
			list[i] = pulse_json_object(r->arena, pairs, n);
		}
		details = pulse_json_array(r->arena, list, (uint32) diag->n);
		if (pulse_json_size(details) <= DETAILS_MAX)
			r->details = details;
	}
	bad_response(r, pulse_arena_printf(r->arena, "malformed stage result: %.*s: %s",
									   (int) pulse_utf8_clip(first->path, strlen(first->path), TITLE_MAX),
									   first->path, first->message));
}

/*
 * The stage result once more, from the text without secrets: what becomes an error
 * record must not have them. NULL: it is no JSON any more.
 */
static const PulseJson *
without_secrets(Reading *r, const PulseJson *object)
{
	const char *why;

	return r->clean == r->body ? object : read_json(r, r->clean, r->clean_len, &why);
}

/* The action says that it has failed. */
static void
stage_failure(Reading *r, const PulseJson *error)
{
	if (error && error->type == PULSE_JSON_STRING)
	{
		r->detail = error->len <= DETAIL_MAX ? error : NULL;
		r->understood = r->detail != NULL;
	}
	else if (error)
		read_problem(r, error);
	else
		r->understood = true;
	conclude(r, r->has_retryable && r->retryable ? PULSE_ANSWER_RETRY : PULSE_ANSWER_FAILED,
			 "action", best_message(r, "the action reported a failure"));
}

static void
stage_result(Reading *r, const PulseJson *object)
{
	PulseAnswer *out = r->out;
	const PulseJson *clean;
	PulseStage	stage;
	PulseDiag	diag;

	pulse_diag_init(&diag, r->arena);
	if (!pulse_stage_read(object, r->arena, &stage, &diag))
	{
		clean = without_secrets(r, object);
		if (clean != object)
		{
			pulse_diag_init(&diag, r->arena);
			if (clean == NULL || pulse_stage_read(clean, r->arena, &stage, &diag))
			{
				bad_response(r, "malformed stage result");
				return;
			}
		}
		malformed(r, &diag);
		return;
	}
	out->progress = stage.progress;
	out->cost = stage.cost;
	out->logs = stage.logs;
	out->emit = stage.emit;
	switch (stage.word)
	{
		case PULSE_STAGE_WORD_COMPLETE:
			done(r, stage.output);
			break;
		case PULSE_STAGE_WORD_REWRITE:
			done(r, stage.output);
			out->kind = PULSE_ANSWER_REWRITE;
			out->rewrite = stage.rewrite;
			break;
		case PULSE_STAGE_WORD_REJECT:
			done(r, stage.output);
			out->kind = PULSE_ANSWER_REJECT;
			/* shown to people, unlike the output */
			clean = without_secrets(r, object);
			if (stage.reason)
				out->reason = clean ? pulse_json_get(clean, "reason") : NULL;
			break;
		case PULSE_STAGE_WORD_SUSPEND:
			out->kind = PULSE_ANSWER_SUSPEND;
			out->signal = stage.signal;
			out->message = "";
			break;
		case PULSE_STAGE_WORD_FAIL:
			clean = without_secrets(r, object);
			stage_failure(r, clean ? pulse_json_get(clean, "error") : NULL);
			break;
	}
}

void
pulse_answer_from_stage(PulseArena *arena, const PulseJson *value, PulseAnswer *out)
{
	static const PulseResponse nothing;
	Reading		r;

	memset(out, 0, sizeof(*out));
	memset(&r, 0, sizeof(r));
	out->retry_after = -1;
	r.arena = arena;
	r.response = &nothing;
	r.out = out;
	r.body = r.clean = "";
	stage_result(&r, value);
}

static void
success(Reading *r)
{
	const char *why;
	const PulseJson *value;

	if (r->response->status == 204)
	{
		done(r, &pulse_json_null);
		return;
	}
	if (r->response->body_truncated)
	{
		bad_response(r, storable(r->arena, r->response->error));
		return;
	}
	if (!media_is_json(r->media) || strcmp(r->media, PROBLEM) == 0)
	{
		bad_response(r, r->media[0] == '\0' ?
					 "the host answered without a content type" :
					 pulse_arena_printf(r->arena, "the host answered with content type %s",
										storable(r->arena, r->media)));
		return;
	}
	if (!r->charset_ok)
	{
		bad_response(r, "the host answered in a character set other than UTF-8");
		return;
	}
	if (r->len == 0 && !r->response->unframed)
	{
		bad_response(r, "the host answered with an empty body");
		return;
	}
	value = read_json(r, r->body, r->len, &why);
	if (value == NULL && r->response->unframed)
	{
		/* Perhaps only the beginning of an answer: nothing has said where it ends. */
		conclude(r, PULSE_ANSWER_UNKNOWN, "network",
				 "the connection ended, perhaps within the answer");
	}
	else if (value == NULL)
		bad_response(r, pulse_arena_printf(r->arena, "the host's answer is no acceptable JSON: %s",
										   why));
	else if (strcmp(r->media, STAGE_RESULT) == 0)
		stage_result(r, value);
	else
		done(r, value);
}

static void
accepted(Reading *r)
{
	const char *location = r->response->location;

	r->out->kind = PULSE_ANSWER_ACCEPTED;
	r->out->message = "";
	if (location && location[0] != '\0' && valid_utf8(location, strlen(location)))
		r->out->location = pulse_arena_strdup(r->arena, location);
}

/* No complete answer. */
static void
by_transport(Reading *r)
{
	const PulseResponse *response = r->response;
	PulseAnswerKind kind = response->sent ? PULSE_ANSWER_UNKNOWN : PULSE_ANSWER_RETRY;
	const char *class_ = "network";

	switch (response->transport)
	{
		case PULSE_TRANSPORT_OK:
		case PULSE_TRANSPORT_TOO_LARGE:
		case PULSE_TRANSPORT_DNS:
		case PULSE_TRANSPORT_CONNECT:
		case PULSE_TRANSPORT_BROKEN:
			break;
		case PULSE_TRANSPORT_REFUSED_ADDRESS:
			kind = PULSE_ANSWER_HOLD_HOST;
			class_ = "address";
			break;
		case PULSE_TRANSPORT_TLS:
			kind = PULSE_ANSWER_HOLD_HOST;
			class_ = "tls";
			break;
		case PULSE_TRANSPORT_TIMEOUT:
			if (response->tls && response->connected && !response->tls_done)
			{
				kind = PULSE_ANSWER_HOLD_HOST;	/* stuck in the handshake */
				class_ = "tls";
			}
			else
				class_ = "timeout";
			break;
		case PULSE_TRANSPORT_PROTOCOL:
		case PULSE_TRANSPORT_HEADERS:
			class_ = "bad_response";
			break;
		case PULSE_TRANSPORT_LOCAL:
			class_ = "local";
			break;
	}
	conclude(r, kind, class_, response->error && response->error[0] != '\0' ?
			 response->error : "the exchange failed");
}

void
pulse_answer_classify(PulseArena *arena, const PulseResponse *response, int64 now,
					  const char *const *secrets, int n_secrets, PulseAnswer *out)
{
	Reading		r;
	const char *version = response->action_version;
	int			status = response->status;

	memset(out, 0, sizeof(*out));
	memset(&r, 0, sizeof(r));
	out->retry_after = -1;
	r.arena = arena;
	r.response = response;
	r.out = out;
	r.body = response->body ? response->body : "";
	r.len = Min(response->body_len, (size_t) BODY_MAX);
	read_content_type(&r);
	blank_secrets(&r, secrets, n_secrets);

	if (response->transport != PULSE_TRANSPORT_OK &&
		response->transport != PULSE_TRANSPORT_TOO_LARGE)
	{
		by_transport(&r);
		return;
	}

	if (version && version[0] != '\0' && strlen(version) <= VERSION_MAX &&
		valid_utf8(version, strlen(version)))
		out->action_version = pulse_arena_strdup(arena, version);
	if (response->retry_after)
		out->retry_after = pulse_retry_after_parse(response->retry_after, now);

	if (status == 200 || status == 201 || status == 204)
		success(&r);
	else if (status == 202)
		accepted(&r);
	else if (status >= 300 && status < 400)
		conclude(&r, PULSE_ANSWER_HOLD_HOST, "redirect",
				 pulse_arena_printf(arena, "the host answered with a redirect (status %d), "
									"which is never followed", status));
	else if (status >= 400 && status < 600)
		by_status(&r);
	else
		bad_response(&r, pulse_arena_printf(arena, "the host answered with status %d", status));
}
