"""Tries the tables of answers and of stage results of host-protocol.md on a real engine.

For each row some answers are taken that the row speaks of; the test host gives them, and
what becomes of the node must be what the row says.
"""

import json
import subprocess
import time

import reference

RETRY_AFTER = {"Retry-After": "60"}
# first cell of the row: answers of the test host
ANSWERS = {
    "200, 201 with JSON": [{"status": s, "body": {"x": 1}} for s in (200, 201)],
    "204": [{"status": 204, "body": ""}],
    "200, 201 with anything else": [{"status": 200, "type": "text/plain", "body": "fine"},
                                    {"status": 201, "body": "{not json"}],
    "3xx": [{"status": 301}, {"status": 302}, {"status": 307}],
    "400 and other 4xx not listed, 501": [{"status": s} for s in (400, 405, 422, 499, 501)],
    "401, 403": [{"status": 401}, {"status": 403}],
    "404": [{"status": 404}],
    "408, 425, 500, other 5xx": [{"status": s} for s in (408, 425, 500, 505, 599)],
    "502, 504, 520 to 529": [{"status": s} for s in (502, 504, 520, 529)],
    "409": [{"status": 409}],
    "410": [{"status": 410}],
    "429; 503 with `Retry-After`": [{"status": 429, "headers": RETRY_AFTER}, {"status": 429},
                                    {"status": 503, "headers": RETRY_AFTER}],
    "503 without it": [{"status": 503}],
    "202": [{"status": 202, "body": ""}],
    "no connection, name not resolved": ["http://127.0.0.1:1/", "http://nowhere.invalid/"],
    "connection lost, or time over, after the call was sent": [{"mode": "reset"}, {"delay_ms": 9000}],
    "bad certificate, TLS failure, forbidden address": ["https tls", "http://10.11.12.13/"],
}

FRAGMENT = {"form": "append", "fragment": {"nodes": {"more": {"noop": True}}}}
# first cell of the row: stage results of the test host, and what becomes of the node
STAGES = {
    '"complete"': [({"output": 1}, "completed completed succeeded"), ({}, "completed completed succeeded")],
    '"fail"': [({"error": "no"}, "failed failed failed"),
               ({"error": {"retryable": True}}, "failed failed failed failed")],
    '"suspend"': [({"signal": "s"}, "waiting waiting"), ({}, "failed failed failed"),
                  ({"signal": "pulse.x"}, "failed failed failed")],
    '"rewrite"': [({"rewrite": FRAGMENT}, "completed rewritten succeeded"),
                  ({"rewrite": {"form": "append"}}, "failed failed failed"),
                  ({"rewrite": {"form": "append", "fragment": {"nodes": {}}}}, "failed failed failed")],
    '"reject_rewrite"': [({"reason": "none"}, "failed failed rejected rejected rejected")],
}


def expected(meaning, counts):
    """Status of the run, status of the node, outcomes of its attempts."""
    if meaning.startswith("done"):
        return "completed completed succeeded"
    if "final failure" in meaning:
        return "failed failed failed"
    if counts.startswith("no"):
        return "waiting waiting held"
    if "*unknown*" in meaning:
        return "failed failed unknown unknown"
    return "failed failed failed failed"


def literal(value):
    return "'%s'" % str(value).replace("'", "''")


def psql(sql):
    return subprocess.run(["psql", "-Xqt", "-A", "-d", "docs_reference", "-v", "ON_ERROR_STOP=1", "-c", sql],
                          check=True, text=True, capture_output=True).stdout.strip()


def submit(number, answer, host_url, stage=False):
    """A host, an action and a run of their own, so that circuits do not meet."""
    url = answer if isinstance(answer, str) else host_url
    if url == "https tls":
        url = host_url.replace("http:", "https:")
    given = {} if isinstance(answer, str) else {"__result" if stage else "__fault": answer}
    graph = {"nodes": {"n": {"action": "test.a%d" % number, "input": {"$literal": given}, "timeout": "600 ms",
                             "retry": {"max_attempts": 2, "initial": "1 ms", "jitter": 0}}}}
    psql("SELECT pulse.register_host('h%d', %s, credential => 'docs', allow_http => true)" % (number, literal(url)))
    psql("SELECT pulse.register_action('test.a%d', 'h%d')" % (number, number))
    return psql("SELECT pulse.submit_graph(%s)" % literal(json.dumps(graph)))


def became(run):
    return psql("""SELECT concat_ws(' ', r.status, n.status, (SELECT string_agg(
            replace(a.outcome, 'timed_out', 'unknown'), ' ' ORDER BY attempt)
            FROM pulse.attempts a WHERE a.run = r.run))
        FROM pulse.runs r JOIN pulse.nodes n USING (run) WHERE run = %s AND n.node = 'n'""" % literal(run))


def check(tap, host_url, secret):
    page = reference.read(reference.REFERENCE + "host-protocol.md")
    rows = reference.table_after(page, ["status", "meaning", "counts as an attempt"])
    tap.same([row[0] for row in rows], [r for r in (row[0] for row in rows) if r in ANSWERS],
             "all rows of the status table are tried")
    psql("SELECT pulse.set_credential('docs', 'hmac', secret => %s)" % literal(secret))
    tried = []
    for row in rows:
        for answer in ANSWERS.get(row[0], []):
            tried.append((row[0], answer, expected(row[1], row[2]), submit(len(tried), answer, host_url)))
    rows = [row[0].strip("`") for row in reference.table_after(page, ["`result`", "other keys"])]
    tap.same(rows, list(STAGES), "all stage results are tried")
    for name in rows:
        for members, wanted in STAGES.get(name, []):
            answer = {"result": json.loads(name), **members}
            tried.append((name, answer, wanted, submit(len(tried), answer, host_url, stage=True)))
    end = time.monotonic() + 30
    for row, answer, wanted, run in tried:
        while (got := became(run)) != wanted and time.monotonic() < end:
            time.sleep(0.05)
        if not tap.ok(got == wanted, "host-protocol.md: %s (%s)" % (row, json.dumps(answer))):
            tap.note("got %s, expected %s" % (got, wanted))
