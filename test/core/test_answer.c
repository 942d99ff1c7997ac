/*
 * test_answer.c
 *		What a host's answer means: every row of the status table, and hostile bytes.
 */
#include "postgres_fe.h"

#include "common/pg_prng.h"

#include "core/answer.h"
#include "tap.h"

#define NOW INT64CONST(1763719200000000)	/* 2025-11-21 10:00:00 UTC */
#define JSON "application/json"
#define PROBLEM "application/problem+json"
#define STAGE "application/vnd.pulse.result+json"

static PulseArena *arena;

static PulseResponse
response(int status, const char *type, const char *body)
{
	PulseResponse r;

	memset(&r, 0, sizeof(r));
	r.transport = PULSE_TRANSPORT_OK;
	r.connected = r.sent = true;
	r.sends = 1;
	r.status = status;
	r.content_type = type;
	r.body = body;
	r.body_len = strlen(body);
	r.error = "";
	r.address = "";
	return r;
}

static const char *
error_text(const PulseAnswer *a, const char *key)
{
	const PulseJson *value = a->error ? pulse_json_get(a->error, key) : NULL;

	return value ? pulse_json_text(arena, value) : NULL;
}

/* Kind, class and (if done) output in one line. */
static const char *
shown(const PulseAnswer *a)
{
	if (a->kind == PULSE_ANSWER_DONE)
		return pulse_arena_printf(arena, "done %s", pulse_json_text(arena, a->output));
	if (a->kind == PULSE_ANSWER_REWRITE)
		return pulse_arena_printf(arena, "rewrite %s %s", pulse_json_text(arena, a->output),
								  pulse_json_text(arena, a->rewrite));
	if (a->kind == PULSE_ANSWER_REJECT)
		return pulse_arena_printf(arena, "reject %s %s", pulse_json_text(arena, a->output),
								  a->reason ? pulse_json_text(arena, a->reason) : "-");
	if (a->kind == PULSE_ANSWER_SUSPEND)
		return pulse_arena_printf(arena, "suspend %s", a->signal);
	if (a->kind == PULSE_ANSWER_ACCEPTED)
		return "accepted";
	return pulse_arena_printf(arena, "%s %s", pulse_answer_kind_name(a->kind), a->class_);
}

static PulseAnswer
classify(const PulseResponse *r)
{
	PulseAnswer a;

	pulse_answer_classify(arena, r, NOW, NULL, 0, &a);
	return a;
}

static PulseAnswer
check(int status, const char *type, const char *body, const char *expected)
{
	PulseResponse r = response(status, type, body);
	PulseAnswer a = classify(&r);

	is(shown(&a), expected, pulse_arena_printf(arena, "%d %s %.40s", status,
											   type ? type : "-", body));
	return a;
}

static void
test_success(void)
{
	PulseAnswer a;
	PulseResponse r;

	check(200, JSON, "{\"a\": 1}", "done {\"a\":1}");
	check(201, JSON, "[1,2]", "done [1,2]");
	check(200, JSON, "null", "done null");
	check(200, JSON, " \"x\" ", "done \"x\"");
	check(200, "application/json; charset=utf-8", "1", "done 1");
	check(200, "APPLICATION/JSON ;charset=\"UTF-8\"", "1", "done 1");
	check(200, "application/vnd.acme+json", "1", "done 1");
	check(204, NULL, "", "done null");
	check(204, "text/html", "junk", "done null");
	check(200, JSON, "{\"a\":1,\"a\":2}", "done {\"a\":2}");
	check(200, JSON, "\"\xe2\x82\xac\"", "done \"\xe2\x82\xac\"");

	check(200, JSON, "", "failed bad_response");
	check(200, JSON, "  ", "failed bad_response");
	check(200, NULL, "{}", "failed bad_response");
	check(200, "", "{}", "failed bad_response");
	check(200, "text/html", "<html>", "failed bad_response");
	check(200, "text/plain", "{}", "failed bad_response");
	check(200, "application/jsonx", "{}", "failed bad_response");
	check(200, "application/+json", "{}", "failed bad_response");
	check(200, "application/json; charset=latin1", "{}", "failed bad_response");
	check(200, PROBLEM, "{}", "failed bad_response");
	check(200, JSON, "{\"a\":", "failed bad_response");
	check(200, JSON, "{} {}", "failed bad_response");
	check(200, JSON, "NaN", "failed bad_response");
	check(200, JSON, "{\"a\": \"\\u0000\"}", "failed bad_response");
	check(200, JSON, "{\"\\u0000\": 1}", "failed bad_response");
	check(200, JSON, "\"\\ud800\"", "failed bad_response");
	check(200, JSON, "\"\xff\xfe\"", "failed bad_response");
	check(200, JSON, "\xef\xbb\xbf{}", "failed bad_response");
	check(200, JSON, "1e999999999", "failed bad_response");
	check(200, JSON, "\x1f\x8b\x08", "failed bad_response");
	check(203, JSON, "{}", "failed bad_response");
	check(206, JSON, "{}", "failed bad_response");
	check(226, JSON, "{}", "failed bad_response");
	check(0, JSON, "{}", "failed bad_response");
	check(999, JSON, "{}", "failed bad_response");
	check(101, JSON, "{}", "failed bad_response");

	r = response(200, JSON, "\"a\0b\"");
	r.body_len = 5;
	a = classify(&r);
	is(shown(&a), "failed bad_response", "a raw NUL");

	r = response(200, JSON, "{\"a\": 1}");
	r.transport = PULSE_TRANSPORT_TOO_LARGE;
	r.body_truncated = true;
	r.error = "the answer is larger than 8 bytes";
	a = classify(&r);
	is(shown(&a), "failed bad_response", "too large");
	is(a.message, "the answer is larger than 8 bytes", "says so");
	is(error_text(&a, "body_truncated"), "true", "evidence is marked as cut");

	r = response(200, JSON, "{\"a\": ");
	r.unframed = true;
	a = classify(&r);
	is(shown(&a), "unknown network", "half an answer without a length");
	r = response(200, JSON, "");
	r.unframed = true;
	a = classify(&r);
	is(shown(&a), "unknown network", "nothing without a length");
	r = response(200, JSON, "{}");
	r.unframed = true;
	a = classify(&r);
	is(shown(&a), "done {}", "a whole answer without a length");

	r = response(200, JSON, "1");
	r.action_version = "2026.9";
	a = classify(&r);
	is(a.action_version, "2026.9", "version of the action");
	r.action_version = "\xff";
	a = classify(&r);
	is(a.action_version, NULL, "one that is no text");
}

static void
test_depth(void)
{
	char		text[4096];
	int			depth;

	for (depth = 1; depth <= 2000; depth = depth < 88 ? depth + 40 : depth < 105 ? depth + 1 : depth * 2)
	{
		PulseResponse r;
		PulseAnswer a;

		memset(text, '[', depth);
		memset(text + depth, ']', depth);
		text[2 * depth] = '\0';
		r = response(200, JSON, text);
		a = classify(&r);
		is_int(a.kind, depth <= PULSE_JSON_MAX_DEPTH - 10 ?
			   PULSE_ANSWER_DONE : PULSE_ANSWER_FAILED, pulse_arena_printf(arena, "depth %d", depth));
	}
}

static void
test_table(void)
{
	PulseAnswer a;
	PulseResponse r;
	int			status;
	bool		total = true;

	check(301, NULL, "", "hold_host redirect");
	check(302, JSON, "{}", "hold_host redirect");
	check(307, NULL, "", "hold_host redirect");
	check(308, NULL, "", "hold_host redirect");
	check(304, NULL, "", "hold_host redirect");
	check(400, JSON, "{}", "failed client");
	check(401, NULL, "", "hold_host credentials");
	check(402, NULL, "", "failed client");
	check(403, NULL, "", "hold_host credentials");
	check(404, NULL, "", "hold not_found");
	check(405, NULL, "", "failed client");
	check(408, NULL, "", "retry timeout");
	check(409, NULL, "", "hold conflict");
	check(410, NULL, "", "withdrawn withdrawn");
	check(413, NULL, "", "failed client");
	check(418, NULL, "", "failed client");
	check(422, NULL, "", "failed client");
	check(425, NULL, "", "retry server");
	check(429, NULL, "", "throttle throttled");
	check(451, NULL, "", "failed client");
	check(499, NULL, "", "failed client");
	check(500, NULL, "", "retry server");
	check(501, NULL, "", "failed client");
	check(502, NULL, "", "unknown server");
	check(503, NULL, "", "retry server");
	check(504, NULL, "", "unknown server");
	check(507, NULL, "", "retry server");
	check(520, NULL, "", "unknown server");
	check(524, NULL, "", "unknown server");
	check(529, NULL, "", "unknown server");
	check(599, NULL, "", "retry server");
	check(600, NULL, "", "failed bad_response");

	r = response(503, NULL, "");
	r.retry_after = "7";
	a = classify(&r);
	is(shown(&a), "throttle throttled", "503 with Retry-After");
	is_int(a.retry_after, 7000000, "seconds");
	r.retry_after = "junk";
	a = classify(&r);
	is(shown(&a), "retry server", "503 with a junk Retry-After");
	is_int(a.retry_after, -1, "says nothing");
	r = response(429, NULL, "");
	r.retry_after = "99999999999999999999";
	a = classify(&r);
	is_int(a.retry_after, PULSE_ANSWER_RETRY_AFTER_MAX, "capped at an hour");

	r = response(202, NULL, "");
	r.retry_after = "3";
	r.location = "/tasks/1";
	a = classify(&r);
	is(shown(&a), "accepted", "202");
	is(a.location, "/tasks/1", "where to ask");
	is_int(a.retry_after, 3000000, "when to ask");
	r.location = "\xff";
	a = classify(&r);
	is(a.location, NULL, "a location that is no text");

	for (status = -5; status < 1100; status++)
	{
		r = response(status, JSON, "{\"x\": 1}");
		a = classify(&r);
		if (a.message == NULL)
			total = false;
		if (a.kind == PULSE_ANSWER_DONE ? a.output == NULL : a.output != NULL)
			total = false;
		if (a.kind > PULSE_ANSWER_ACCEPTED &&
			(a.class_ == NULL || a.error == NULL || !pulse_error_class_known(a.class_)))
			total = false;
	}
	ok(total, "every status has an answer");
}

static void
test_problem(void)
{
	PulseAnswer a;

	a = check(422, PROBLEM, "{\"title\": \"no stock\", \"detail\": \"Nothing left of TEA-01.\","
			  "\"code\": \"no_stock\", \"details\": {\"sku\": \"TEA-01\"}}", "failed client");
	is(a.code, "no_stock", "code");
	is(a.message, "Nothing left of TEA-01.", "message");
	is(error_text(&a, "code"), "\"no_stock\"", "code in the error");
	is(error_text(&a, "title"), "\"no stock\"", "title");
	is(error_text(&a, "details"), "{\"sku\":\"TEA-01\"}", "details");
	is(error_text(&a, "status"), "422", "status");
	is(error_text(&a, "class"), "\"client\"", "class");
	is(error_text(&a, "body"), NULL, "a problem that was understood needs no evidence");

	check(422, PROBLEM, "{\"retryable\": true}", "retry client");
	check(500, PROBLEM, "{\"retryable\": false}", "failed server");
	check(500, PROBLEM, "{\"retryable\": true}", "retry server");
	check(404, PROBLEM, "{\"retryable\": false}", "failed not_found");
	check(404, PROBLEM, "{\"retryable\": true}", "hold not_found");
	check(403, PROBLEM, "{\"retryable\": false}", "failed credentials");
	check(409, PROBLEM, "{\"retryable\": true}", "hold conflict");
	check(504, PROBLEM, "{\"retryable\": false}", "failed server");
	check(504, PROBLEM, "{\"retryable\": true}", "unknown server");
	check(302, PROBLEM, "{\"retryable\": true}", "hold_host redirect");
	check(500, PROBLEM, "{\"retryable\": \"no\"}", "retry server");

	a = check(503, PROBLEM, "{\"retry_after_seconds\": 5}", "throttle throttled");
	is_int(a.retry_after, 5000000, "retry_after_seconds");
	a = check(503, PROBLEM, "{\"retry_after_seconds\": 1.5}", "throttle throttled");
	is_int(a.retry_after, 2000000, "rounded up");
	a = check(503, PROBLEM, "{\"retry_after_seconds\": 1e30}", "throttle throttled");
	is_int(a.retry_after, PULSE_ANSWER_RETRY_AFTER_MAX, "capped");
	a = check(503, PROBLEM, "{\"retry_after_seconds\": -1}", "retry server");
	a = check(503, PROBLEM, "{\"retry_after_seconds\": \"5\"}", "retry server");

	a = check(500, PROBLEM, "{broken", "retry server");
	is(error_text(&a, "body"), "\"{broken\"", "a broken problem is kept as evidence");
	a = check(500, PROBLEM, "[]", "retry server");
	is(error_text(&a, "body"), "\"[]\"", "one that is no object too");
	a = check(500, PROBLEM, "{\"code\": 5, \"title\": [], \"detail\": null}", "retry server");
	is(a.code, NULL, "members of other types are ignored");
}

static void
test_evidence(void)
{
	static char big[20001];
	PulseAnswer a;
	PulseResponse r;
	const char *secrets[] = {"s3cret-token", NULL, "abc"};
	const PulseJson *body;

	a = check(500, "text/html", "<h1>oops</h1>", "retry server");
	is(error_text(&a, "body"), "\"<h1>oops</h1>\"", "text");
	is(a.message, "the host answered with status 500", "message");
	a = check(500, NULL, "\xff\x01", "retry server");
	is(error_text(&a, "body_base64"), "\"/wE=\"", "bytes");
	is(error_text(&a, "body"), NULL, "not as text");

	memset(big, 'x', sizeof(big) - 1);
	r = response(500, "text/plain", big);
	a = classify(&r);
	body = pulse_json_get(a.error, "body");
	is_int(body ? body->len : 0, PULSE_ANSWER_EVIDENCE, "at most 16 KiB");
	is(error_text(&a, "body_truncated"), "true", "marked as cut");
	memcpy(big + PULSE_ANSWER_EVIDENCE - 1, "\xe2\x82\xac", 3);
	a = classify(&r);
	body = pulse_json_get(a.error, "body");
	is_int(body ? body->len : 0, PULSE_ANSWER_EVIDENCE - 1, "cut at a character");
	big[100] = '\xff';
	a = classify(&r);
	ok(pulse_json_get(a.error, "body_base64") != NULL, "many bytes");

	r = response(500, "text/plain", "Bearer s3cret-token, s3cret-tokens3cret-token abc");
	pulse_answer_classify(arena, &r, NOW, secrets, 3, &a);
	is(error_text(&a, "body"),
	   "\"Bearer ************, ************************ abc\"", "secrets are blanked out");
	r = response(400, PROBLEM, "{\"detail\": \"bad token s3cret-token\"}");
	pulse_answer_classify(arena, &r, NOW, secrets, 3, &a);
	is(a.message, "bad token ************", "in problems");
	r = response(200, STAGE, "{\"result\": \"fail\", \"error\": {\"detail\": \"s3cret-token\"}}");
	pulse_answer_classify(arena, &r, NOW, secrets, 3, &a);
	is(a.message, "************", "in failures");
	r = response(200, JSON, "\"s3cret-token\"");
	pulse_answer_classify(arena, &r, NOW, secrets, 3, &a);
	is(shown(&a), "done \"s3cret-token\"", "an output stays as it is");
}

static void
test_stage(void)
{
	PulseAnswer a;

	check(200, STAGE, "{\"result\": \"complete\", \"output\": {\"a\": 1}}", "done {\"a\":1}");
	check(200, STAGE, "{\"result\": \"complete\"}", "done null");
	check(200, STAGE, "{\"result\": \"suspend\", \"signal\": \"approved\"}", "suspend approved");
	a = check(200, STAGE, "{\"result\": \"complete\", \"output\": 1, \"progress\": 50, \"cost\":"
			  "{\"amount\": \"0.0042\", \"unit\": \"USD\"}, \"logs\": [{}], \"emit\": []}", "done 1");
	ok(a.progress && a.cost && a.logs && a.emit, "side information");
	ok(a.progress && a.progress->type == PULSE_JSON_NUMBER, "progress");

	a = check(200, STAGE, "{\"result\": \"fail\", \"error\": {\"code\": \"declined\", "
			  "\"title\": \"card declined\"}}", "failed action");
	is(a.code, "declined", "code of a failure");
	is(a.message, "card declined", "title of a failure");
	check(200, STAGE, "{\"result\": \"fail\", \"error\": {\"retryable\": true}}", "retry action");
	check(200, STAGE, "{\"result\": \"fail\", \"error\": {\"retryable\": false}}", "failed action");
	a = check(200, STAGE, "{\"result\": \"fail\", \"error\": \"no luck\"}", "failed action");
	is(a.message, "no luck", "a failure in plain words");
	a = check(200, STAGE, "{\"result\": \"fail\"}", "failed action");
	is(a.message, "the action reported a failure", "a failure without words");
	check(201, STAGE, "{\"result\": \"complete\", \"output\": 1}", "done 1");
	check(500, STAGE, "{\"result\": \"complete\", \"output\": 1}", "retry server");
}

static void
transport_is(PulseTransport transport, bool sent, bool handshake, const char *expected)
{
	PulseResponse r = response(0, NULL, "");
	PulseAnswer a;

	r.transport = transport;
	r.sent = sent;
	r.tls = handshake;
	r.connected = sent || handshake;
	r.error = "some \xff text";
	a = classify(&r);
	is(shown(&a), expected, pulse_arena_printf(arena, "transport %d sent %d", transport, sent));
	is(a.message, "some ? text", "its text is storable");
}

static void
test_transport(void)
{
	PulseResponse r;
	PulseAnswer a;

	transport_is(PULSE_TRANSPORT_DNS, false, false, "retry network");
	transport_is(PULSE_TRANSPORT_CONNECT, false, false, "retry network");
	transport_is(PULSE_TRANSPORT_REFUSED_ADDRESS, false, false, "hold_host address");
	transport_is(PULSE_TRANSPORT_TLS, false, true, "hold_host tls");
	transport_is(PULSE_TRANSPORT_TIMEOUT, false, false, "retry timeout");
	transport_is(PULSE_TRANSPORT_TIMEOUT, true, false, "unknown timeout");
	transport_is(PULSE_TRANSPORT_TIMEOUT, false, true, "hold_host tls");
	transport_is(PULSE_TRANSPORT_BROKEN, true, false, "unknown network");
	transport_is(PULSE_TRANSPORT_BROKEN, false, false, "retry network");
	transport_is(PULSE_TRANSPORT_PROTOCOL, true, false, "unknown bad_response");
	transport_is(PULSE_TRANSPORT_HEADERS, true, false, "unknown bad_response");
	transport_is(PULSE_TRANSPORT_LOCAL, false, false, "retry local");
	transport_is(PULSE_TRANSPORT_LOCAL, true, false, "unknown local");

	/* An answer that began does not count until it is complete. */
	r = response(200, JSON, "{\"a\": 1}");
	r.transport = PULSE_TRANSPORT_BROKEN;
	a = classify(&r);
	is(shown(&a), "unknown network", "a broken 200");
	r = response(503, "text/html", "<html>");
	r.transport = PULSE_TRANSPORT_TOO_LARGE;
	r.body_truncated = true;
	a = classify(&r);
	is(shown(&a), "retry server", "an error page that is too large");
}

static void
retry_after_is(const char *value, int64 expected)
{
	is_int(pulse_retry_after_parse(value, NOW), expected,
		   pulse_arena_printf(arena, "Retry-After: %s", value));
}

static void
test_retry_after(void)
{
	const int64 s = 1000000;

	retry_after_is("0", 0);
	retry_after_is("120", 120 * s);
	retry_after_is("3600", 3600 * s);
	retry_after_is("3601", 3600 * s);
	retry_after_is("1000000000", 3600 * s);
	retry_after_is("18446744073709551616", 3600 * s);
	retry_after_is("0120", 120 * s);

	retry_after_is("Fri, 21 Nov 2025 10:01:00 GMT", 60 * s);
	retry_after_is("Friday, 21-Nov-25 10:01:00 GMT", 60 * s);
	retry_after_is("Fri Nov 21 10:01:00 2025", 60 * s);
	retry_after_is("Fri, 21 Nov 2025 09:00:00 GMT", 0);
	retry_after_is("Sun, 06 Nov 1994 08:49:37 GMT", 0);
	retry_after_is("Sunday, 06-Nov-94 08:49:37 GMT", 0);
	retry_after_is("Sun Nov  6 08:49:37 1994", 0);
	retry_after_is("Sat, 29 Feb 2048 00:00:00 GMT", 3600 * s);
	retry_after_is("Fri, 21 Nov 2025 10:00:60 GMT", 60 * s);
	retry_after_is("Sun, 01 Jan 0000 00:00:00 GMT", 0);
	retry_after_is("Fri, 31 Dec 9999 23:59:59 GMT", 3600 * s);

	retry_after_is("", -1);
	retry_after_is("-1", -1);
	retry_after_is("+5", -1);
	retry_after_is("5s", -1);
	retry_after_is("5 ", -1);
	retry_after_is("1.5", -1);
	retry_after_is("soon", -1);
	retry_after_is("Fri, 21 Nov 2025 10:01:00", -1);
	retry_after_is("Fri, 21 Nov 2025 10:01:00 CET", -1);
	retry_after_is("Fri, 21 Nov 2025 25:01:00 GMT", -1);
	retry_after_is("Fri, 32 Nov 2025 10:01:00 GMT", -1);
	retry_after_is("Fri, 21 Foo 2025 10:01:00 GMT", -1);
	retry_after_is("Fri,21 Nov 2025 10:01:00 GMT", -1);
	retry_after_is("2025-11-21T10:01:00Z", -1);
	retry_after_is("Fri", -1);
	retry_after_is("Fri, ", -1);
	retry_after_is("Fri, 21", -1);
	retry_after_is("Friday, 21-Nov", -1);
	retry_after_is("Fri Nov", -1);
}

/* Changed answers: whatever comes, one outcome, and nothing that cannot be stored. */
static void
test_mutations(void)
{
	static const char *const seeds[] = {
		"{\"result\": \"complete\", \"output\": {\"a\": [1, 2.50, \"\\u00e9\xe2\x82\xac\"]}}",
		"{\"result\": \"fail\", \"error\": {\"code\": \"x\", \"retryable\": true, \"details\": [[]]}}",
		"{\"title\": \"t\", \"detail\": \"d\", \"retry_after_seconds\": 12.75, \"code\": \"c\"}",
		"Fri, 21 Nov 2025 10:01:00 GMT"
	};
	static const char *const types[] = {JSON, PROBLEM, STAGE, "text/html", NULL};
	static const int statuses[] = {200, 201, 202, 204, 302, 404, 422, 429, 500, 503, 504};
	pg_prng_state prng;
	uint64		seed = 20251121;
	int			i;
	bool		good = true;

	diag("seed " UINT64_FORMAT, seed);
	pg_prng_seed(&prng, seed);
	for (i = 0; i < 20000 && good; i++)
	{
		PulseArena *own = pulse_arena_create(0);
		char		text[200];
		PulseResponse r;
		PulseAnswer a;
		int			changes = (int) (pg_prng_uint64(&prng) % 5);
		size_t		len;

		strcpy(text, seeds[pg_prng_uint64(&prng) % lengthof(seeds)]);
		len = strlen(text);
		while (changes-- > 0)
		{
			size_t		at = pg_prng_uint64(&prng) % len;

			if (pg_prng_uint64(&prng) % 4 == 0 && len > 2)
				len = at + 1;
			else
				text[at] = (char) pg_prng_uint64(&prng);
		}
		text[len] = '\0';
		r = response(statuses[pg_prng_uint64(&prng) % lengthof(statuses)],
					 types[pg_prng_uint64(&prng) % lengthof(types)], text);
		r.body_len = len;
		r.retry_after = pg_prng_uint64(&prng) % 2 ? text : NULL;
		r.transport = (PulseTransport) (pg_prng_uint64(&prng) % 20 == 0 ?
										pg_prng_uint64(&prng) % 11 : 0);
		r.body_truncated = r.transport == PULSE_TRANSPORT_TOO_LARGE;
		pulse_answer_classify(own, &r, NOW, NULL, 0, &a);
		if (a.kind > PULSE_ANSWER_ACCEPTED)
		{
			PulseDiag	d;
			char	   *written = pulse_json_text(own, a.error);

			pulse_diag_init(&d, own);
			good = pulse_error_class_known(a.class_) &&
				pulse_json_parse(own, written, strlen(written), &d) != NULL;
		}
		if (a.retry_after > PULSE_ANSWER_RETRY_AFTER_MAX || a.retry_after < -1)
			good = false;
		pulse_arena_free(own);
	}
	ok(good, "20000 changed answers");
}

int
main(void)
{
	arena = pulse_arena_create(0);
	test_success();
	test_depth();
	test_table();
	test_problem();
	test_evidence();
	test_stage();
	test_transport();
	test_retry_after();
	test_mutations();
	pulse_arena_free(arena);
	return tap_done();
}
