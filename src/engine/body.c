/*
 * body.c
 *		The bytes a host gets: body and headers of one attempt.
 *
 * The body is made from what cannot change between attempts of an activation (ids, the
 * version asked for, config, input, why a rewrite was rejected), in one fixed order, so that it is the same
 * bytes in every attempt, also after a crash.  What differs is in the headers.
 */
#include "postgres.h"

#include "engine/engine_private.h"

#include "base/clock.h"
#include "base/version.h"
#include "core/timetext.h"
#include "lib/stringinfo.h"

static void
member(StringInfo out, const char *key, const char *value)
{
	appendStringInfo(out, "\"%s\":", key);
	if (value == NULL)
		appendStringInfoString(out, "null");
	else
		pulse_json_write_string(out, value, strlen(value));
	appendStringInfoChar(out, ',');
}

/* config of the graph, overridden key by key by that of the node. */
static const PulseJson *
merged_config(PulseEngine *e, const PulseGraph *graph, const PulseNode *node)
{
	PulseJsonPair *pairs;
	uint32 n;

	if (node->config == NULL || graph->config == NULL)
		return node->config ? node->config : graph->config;
	n = graph->config->len + node->config->len;
	pairs = pulse_arena_alloc(e->scratch, sizeof(*pairs) * (n + 1));
	memcpy(pairs, graph->config->u.pairs, sizeof(*pairs) * graph->config->len);
	memcpy(pairs + graph->config->len, node->config->u.pairs,
		   sizeof(*pairs) * node->config->len);
	return pulse_json_object(e->scratch, pairs, n);
}

/* Time of a UUIDv7: when the activation began, to the millisecond. */
static int64
activation_time(const PulseUuid *id)
{
	int64 msec = 0;

	for (int i = 0; i < 6; i++)
		msec = msec << 8 | id->b[i];
	return msec * 1000;
}

/* Fills call->body. The call's memory context is current. */
void
pulse_body_build(PulseEngine *e, PulseRun *run, const PulseCommand *cmd,
				 const PulseAction *action, PulseCall *call)
{
	const PulseRunState *s = run->state;
	const PulseNode *node = s->graph->nodes[cmd->node];
	const PulseJson *config = merged_config(e, s->graph, node);
	char text[64];
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoString(&out, "{\"type\":\"pulse.action.run.v1\",");
	pulse_timestamp_format(activation_time(&cmd->activation), text);
	member(&out, "timestamp", text);
	appendStringInfoString(&out, "\"data\":{");
	member(&out, "activation", pulse_uuid_text(&cmd->activation, text));
	member(&out, "action", node->name);
	member(&out, "action_version", s->nodes[cmd->node].action_version);
	member(&out, "tenant", s->tenant);
	appendStringInfoString(&out, "\"run\":{");
	member(&out, "id", pulse_uuid_text(&s->id, text));
	member(&out, "workflow", s->workflow);
	appendStringInfo(&out, "\"version\":%d,\"is_replay\":false},", s->version);
	member(&out, "node", node->id);
	appendStringInfoString(&out, "\"event\":null,\"input\":");
	pulse_json_write_compact(&out, cmd->input);
	appendStringInfoString(&out, ",\"config\":");
	if (config != NULL)
		pulse_json_write_compact(&out, config);
	else
		appendStringInfoString(&out, "{}");
	if (s->nodes[cmd->node].rejection != NULL)
	{
		appendStringInfoString(&out, ",\"rejection\":");
		pulse_json_write_compact(&out, s->nodes[cmd->node].rejection);
	}
	appendStringInfoString(&out, "}}");
	call->body = out.data;
	call->body_len = (size_t) out.len;
}

/* Headers of this attempt, at the moment it is sent. False: headers->why says why not. */
bool
pulse_body_headers(PulseEngine *e, PulseCall *call, TimestampTz now,
				   PulseHeaders *headers)
{
	PulseCallHeaders h = { 0 };
	char id[64];
	char uuid[PULSE_UUID_TEXT + 1];
	char signature[PULSE_SIGNATURE_MAX];

	snprintf(id, sizeof(id), "act_%s", pulse_uuid_text(&call->activation, uuid));
	h.type = "pulse.action.run.v1";
	h.id = id;
	h.timestamp = pulse_time_to_unix(now) / 1000000;
	if (call->host->n_secrets > 0 &&
		pulse_sign_webhook(call->host->secrets, call->host->n_secrets, id, h.timestamp,
						   call->body, call->body_len, signature))
		h.signature = signature;
	h.bearer = call->host->bearer;
	h.idempotency_key = !call->read_only;
	h.tenant = call->tenant;
	h.workflow = call->workflow;
	h.node = call->node;
	h.traceparent = call->traceparent;
	h.user_agent = "pulse/" PULSE_VERSION " (PostgreSQL " PG_MAJORVERSION ")";
	h.attempt = call->attempt;
	h.wait_seconds = 0;			/* 202 cannot be honoured yet: do not ask for it */
	return pulse_request_headers(headers, &h);
}
