#!/usr/bin/env python3
"""A host for tests and demos: answers actions, keeps a ledger, misbehaves on demand.

    pulse_test_host.py --port 0 --port-file FILE --ledger FILE --secret whsec_...
                       [--bearer TOKEN] [--tls CERT KEY] [--any]

Standard library only. One process, one event loop.

It speaks host protocol 1: checks the Standard Webhooks signature, the timestamp and the
Idempotency-Key, applies each key once, remembers the answer and repeats it. Every
delivery is one line in the ledger (see ledger.py), written before the answer leaves.
A ledger that exists is read at the start: a host that was restarted still knows its keys.

Misbehaviour ("faults") comes from, in this order,
  - a list posted to /_control: {"action": "x", "faults": [{...}, ...]}; each delivery of
    that action ("*": of any) consumes one; {"reset": true} forgets all lists;
  - the member __fault of the action's input or config: an object, used for every delivery
    (or the first "times" ones of a key), or a list, one element for each delivery of a key;
  - the action's name: echo.fault.reset.

What actions answer as stage results, because their input says so, is in actions.py. The ledger
has the rejection that a call was told of, and the stage result of an answer that was one.

A fault is an object; all members are optional:
  mode        what to do, see Faults below; default: answer properly
  delay_ms    wait before answering
  apply       true, false, or "late" (after the delay; until then the same key gets 409)
  status, headers, body, type    what to answer (a body that is no string is sent as JSON)
Other members belong to single modes.

GET /_ledger[?from=N]   the entries as JSON lines        GET /_stats   counters
GET /.well-known/pulse  the manifest                     GET /_health  {"ok": true}
"""

import argparse
import asyncio
import base64
import gzip
import hashlib
import hmac
import json
import os
import re
import resource
import signal
import socket
import ssl
import struct
import sys
import time
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import actions  # noqa: E402
import ledger as ledgers  # noqa: E402

MAX_HEAD = 64 * 1024
MAX_BODY = 64 * 1024 * 1024
STAGE_RESULT = "application/vnd.pulse.result+json"
REASONS = {200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 302: "Found",
           400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 409: "Conflict",
           422: "Unprocessable Content", 429: "Too Many Requests",
           500: "Internal Server Error", 503: "Service Unavailable"}
KEY_FORM = re.compile(r'^"[\x20-\x21\x23-\x5b\x5d-\x7e]+"$')


def message(status, body=b"", ctype="application/json", headers=None, close=False):
    """A complete HTTP answer."""
    head = ["HTTP/1.1 %d %s" % (status, REASONS.get(status, "Status"))]
    if status != 204:
        if ctype:
            head.append("Content-Type: " + ctype)
        head.append("Content-Length: %d" % len(body))
    for name, value in (headers or {}).items():
        head.append("%s: %s" % (name, value))
    if close:
        head.append("Connection: close")
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + (b"" if status == 204 else body)


def problem(status, title, **members):
    members = {"title": title, "status": status, **members}
    return message(status, json.dumps(members).encode(), "application/problem+json")


class Host:
    """The keys, the ledger and the lists of faults."""

    def __init__(self, args):
        self.secrets = [base64.b64decode(s.removeprefix("whsec_")) for s in args.secret]
        self.bearer = args.bearer
        self.tolerance = args.tolerance
        self.any = args.any
        self.applied = {}       # key: remembered answer (status, body, media type)
        self.deliveries = {}    # key: how often seen
        self.bodies = {}        # key: hash
        self.running = set()    # keys whose effect is under way
        self.polls = {}         # key: polls left before the answer is ready
        self.faults = {}        # action: list
        self.stats = {"requests": 0, "connections": 0, "open": 0, "most_open": 0,
                      "reused": 0}
        self.ledger_path = args.ledger
        self.entries = 0
        if os.path.exists(args.ledger):
            self.reload(args.ledger)
        self.fd = os.open(args.ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def reload(self, path):
        with open(path, "rb") as f:
            data = f.read()
        if data and not data.endswith(b"\n"):
            # The last line was cut off: its delivery was never answered.
            with open(path, "r+b") as f:
                f.truncate(data.rfind(b"\n") + 1)
        for e in ledgers.load(path):
            self.entries += 1
            key = e.get("key")
            if key is None or e["outcome"] in ("rejected", "cancel", "poll"):
                continue
            self.deliveries[key] = self.deliveries.get(key, 0) + 1
            self.bodies[key] = e.get("sha")
            if e["outcome"] == "applied":
                self.remember(key, e.get("answer"), "stage" in e)

    def remember(self, key, answer, is_stage):
        self.applied[key] = (200, json.dumps(answer).encode(),
                             STAGE_RESULT if is_stage else "application/json")

    def write(self, entry):
        entry = {"t": round(time.time(), 6), **entry}
        os.write(self.fd, json.dumps(entry, separators=(",", ":")).encode() + b"\n")
        self.entries += 1

    def check_request(self, headers, body):
        """Why a delivery must be refused, or None."""
        for name in ("webhook-id", "webhook-timestamp", "idempotency-key"):
            if len(headers.get(name, [])) > 1:
                return "header %s comes twice" % name
        ident = headers.get("webhook-id", [""])[0]
        stamp = headers.get("webhook-timestamp", [""])[0]
        if not ident:
            return "no webhook-id"
        if not re.fullmatch(r"[0-9]{1,12}", stamp):
            return "webhook-timestamp is no number"
        if self.tolerance and abs(time.time() - int(stamp)) > self.tolerance:
            return "webhook-timestamp is too old or too new"
        if self.secrets:
            signed = ("%s.%s." % (ident, stamp)).encode("latin-1") + body
            given = headers.get("webhook-signature", [""])[0].split(" ")
            if not any(g.startswith("v1,") and hmac.compare_digest(
                    g[3:].encode("latin-1"),
                    base64.b64encode(hmac.new(s, signed, hashlib.sha256).digest()))
                    for g in given for s in self.secrets):
                return "no signature fits"
        if self.bearer and headers.get("authorization") != ["Bearer " + self.bearer]:
            return "wrong bearer"
        key = headers.get("idempotency-key")
        if key:
            if not KEY_FORM.match(key[0]):
                return "idempotency-key is no quoted string"
            if key[0][1:-1] != ident:
                return "idempotency-key differs from webhook-id"
        if headers.get("pulse-protocol") != ["1"]:
            return "pulse-protocol is not 1"
        return None

    def fault_of(self, action, data, key):
        """The fault for this delivery, or {}."""
        for name in (action, "*"):
            queue = self.faults.get(name)
            if queue:
                fault = queue.pop(0)
                return fault or {}
        n = self.deliveries.get(key, 1)
        for place in (data.get("input"), data.get("config")):
            if isinstance(place, dict) and "__fault" in place:
                fault = place["__fault"]
                if isinstance(fault, list):
                    return (fault[n - 1] or {}) if n <= len(fault) else {}
                if not isinstance(fault, dict) or n > fault.get("times", n):
                    return {}
                return fault
        given = data.get("input")
        if action == "payments.charge" and isinstance(given, dict) and \
                n <= int(given.get("fail_times") or 0):
            return {"status": 503, "body": {"title": "card network is busy",
                                            "code": "network_busy"},
                    "type": "application/problem+json"}
        if ".fault." in action:
            return {"mode": action.split(".fault.", 1)[1]}
        return {}


class Connection(asyncio.Protocol):
    """One connection: requests one after the other."""

    def __init__(self, host):
        self.host = host
        self.buffer = bytearray()
        self.busy = None
        self.served = 0
        self.poisoned = False
        self.transport = None
        self.can_write = asyncio.Event()
        self.can_write.set()

    def connection_made(self, transport):
        self.transport = transport
        stats = self.host.stats
        stats["connections"] += 1
        self.number = stats["connections"]
        stats["open"] += 1
        stats["most_open"] = max(stats["most_open"], stats["open"])
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def connection_lost(self, exc):
        self.host.stats["open"] -= 1
        self.can_write.set()
        if self.busy:
            self.busy.cancel()

    def pause_writing(self):
        self.can_write.clear()

    def resume_writing(self):
        self.can_write.set()

    def data_received(self, data):
        self.buffer += data
        if self.busy is None:
            self.pump()

    def pump(self):
        if self.buffer[:1] == b"\x16":
            # A TLS greeting on a plain port.
            self.send(message(400, close=True))
            self.transport.close()
            return
        while self.busy is None and not self.transport.is_closing():
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(self.buffer) > MAX_HEAD:
                    self.transport.abort()
                return
            lines = bytes(self.buffer[:end]).decode("latin-1").split("\r\n")
            headers = {}
            for line in lines[1:]:
                name, _, value = line.partition(":")
                headers.setdefault(name.strip().lower(), []).append(value.strip())
            try:
                method, target, _ = lines[0].split(" ", 2)
                length = int(headers.get("content-length", ["0"])[0])
            except ValueError:
                self.transport.abort()
                return
            if length > MAX_BODY or "transfer-encoding" in headers:
                self.send(message(411, close=True))
                self.transport.close()
                return
            if len(self.buffer) < end + 4 + length:
                if "expect" in headers and len(self.buffer) == end + 4:
                    self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
                return
            body = bytes(self.buffer[end + 4:end + 4 + length])
            del self.buffer[:end + 4 + length]
            self.served += 1
            if self.served > 1:
                self.host.stats["reused"] += 1
            self.host.stats["requests"] += 1
            self.handle(method, target, headers, body)

    def send(self, data):
        if not self.transport.is_closing():
            self.transport.write(data)

    async def send_slowly(self, data):
        """Waits until the other side takes it."""
        self.send(data)
        await self.can_write.wait()
        if self.transport.is_closing():
            raise ConnectionResetError

    def reset(self):
        """A real RST, not a polite end."""
        sock = self.transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def handle(self, method, target, headers, body):
        url = urllib.parse.urlsplit(target)
        if url.path.startswith("/_") or url.path == "/.well-known/pulse":
            self.send(self.control(method, url, headers, body))
        elif method != "POST":
            self.send(problem(405, "use POST"))
        else:
            self.deliver(headers, body)

    # -- questions about the host itself

    def control(self, method, url, headers, body):
        host = self.host
        query = urllib.parse.parse_qs(url.query)
        if url.path == "/_control" and method == "POST":
            try:
                order = json.loads(body)
                if order.get("reset"):
                    host.faults.clear()
                if "faults" in order:
                    host.faults.setdefault(order.get("action", "*"), []).extend(order["faults"])
            except (ValueError, AttributeError, TypeError) as e:
                return problem(400, str(e))
            return message(200, b'{"ok":true}')
        if url.path == "/_ledger":
            start = int(query.get("from", ["0"])[0])
            with open(host.ledger_path, "rb") as f:
                lines = f.read().splitlines(True)
            return message(200, b"".join(lines[start:]), "application/x-ndjson")
        if url.path == "/_stats":
            facts = dict(host.stats, entries=host.entries, keys=len(host.deliveries),
                         applied=len(host.applied), running=len(host.running))
            return message(200, json.dumps(facts).encode())
        if url.path == "/_health":
            return message(200, b'{"ok":true}')
        if url.path.startswith("/_poll/"):
            key = urllib.parse.unquote(url.path[len("/_poll/"):])
            host.write({"key": key, "outcome": "poll"})
            if key not in host.applied:
                return problem(404, "no such task")
            if host.polls.get(key, 0) > 0:
                host.polls[key] -= 1
                return message(202, headers={"Retry-After": "1"})
            return message(*host.applied[key])
        if url.path == "/.well-known/pulse":
            where = headers.get("host", ["localhost"])[0]
            return message(200, json.dumps(actions.manifest("http://%s/" % where)).encode())
        return problem(404, "no such page")

    # -- deliveries

    def deliver(self, headers, body):
        host = self.host
        ident = headers.get("webhook-id", [None])[0]
        attempt = headers.get("pulse-attempt", [None])[0]
        entry = {"key": ident, "conn": self.number,
                 "attempt": int(attempt) if attempt and attempt.isdigit() else None,
                 "sha": hashlib.sha256(body).hexdigest()}
        reason = host.check_request(headers, body)
        data = {}
        kind = None
        if reason is None:
            try:
                document = json.loads(body)
                kind = document["type"]
                data = document["data"]
                entry.update(activation=data["activation"])
                if kind == "pulse.action.run.v1":
                    entry.update(action=data["action"], node=data["node"],
                                 run=data["run"]["id"], tenant=data.get("tenant"))
                    if "rejection" in data:
                        entry["rejection"] = data["rejection"]
                    if ident != "act_" + data["activation"]:
                        reason = "webhook-id is not the activation"
                elif kind == "pulse.action.cancel.v1":
                    entry.update(reason=data.get("reason"))
                else:
                    reason = "unknown type"
                if headers.get("ce-type") != [kind]:
                    reason = "ce-type differs from the type"
            except (ValueError, KeyError, TypeError, AttributeError) as e:
                reason = "body: %r" % e
        if reason is None and kind == "pulse.action.run.v1" and \
                host.bodies.get(ident, entry["sha"]) != entry["sha"]:
            reason = "the body differs from that of an earlier attempt"
        if reason is not None:
            host.write(dict(entry, outcome="rejected", reason=reason))
            self.send(problem(422 if data else 401, reason))
            return
        if kind == "pulse.action.cancel.v1":
            host.write(dict(entry, outcome="cancel"))
            self.send(message(200, b"{}"))
            return
        if self.poisoned:
            # Read, and gone: the case of a kept connection that dies.
            host.write(dict(entry, outcome="not_applied", fault="poison"))
            self.transport.close()
            return

        key = ident
        host.bodies[key] = entry["sha"]
        host.deliveries[key] = host.deliveries.get(key, 0) + 1
        function = actions.find(data["action"], host.any)
        if function is None:
            host.write(dict(entry, outcome="not_applied", reason="unknown action"))
            self.send(problem(404, "no such action", code="unknown_action"))
            return
        fault = host.fault_of(data["action"], data, key)
        if not fault:
            self.apply(entry, function, data)
            self.send(message(*host.applied[key], headers={"Pulse-Action-Version": "1"}))
            return
        self.busy = asyncio.ensure_future(Faults(self, fault, entry, function, data).run())
        self.busy.add_done_callback(self.after)

    def after(self, task):
        self.busy = None
        if not task.cancelled() and task.exception() is not None and \
                not isinstance(task.exception(), ConnectionError):
            print("fault: %r" % task.exception(), file=sys.stderr, flush=True)
            self.transport.abort()
        self.pump()

    def apply(self, entry, function, data):
        """The effect, once a key."""
        host = self.host
        key = entry["key"]
        if key in host.applied:
            host.write(dict(entry, outcome="repeated"))
            return
        given, config = data.get("input"), data.get("config")
        answer = function(given, config, key)
        stage = actions.stage_result(entry["action"], given, config, data.get("rejection"), answer)
        if stage is not None:
            answer = stage
            word = stage.get("result") if isinstance(stage, dict) else None
            entry = dict(entry, stage=word)
        host.write(dict(entry, outcome="applied", answer=answer))
        host.remember(key, answer, stage is not None)


class Faults:
    """Plays one fault."""

    # Modes that act before the effect: the delivery leaves no trace but in the ledger.
    BEFORE = {"reset", "close", "hang", "status", "redirect", "problem"}

    def __init__(self, conn, fault, entry, function, data):
        self.conn = conn
        self.host = conn.host
        self.fault = fault
        self.entry = entry
        self.function = function
        self.data = data
        self.mode = fault.get("mode") or ("status" if "status" in fault else "ok")

    async def run(self):
        fault = self.fault
        conn = self.conn
        key = self.entry["key"]
        apply = fault.get("apply")
        if apply is None:
            apply = self.mode not in self.BEFORE or \
                (self.mode == "status" and 200 <= fault["status"] < 300)
        entry = dict(self.entry, fault=self.mode)

        if key in self.host.running:
            self.host.write(dict(entry, outcome="not_applied", reason="running"))
            conn.send(problem(409, "an earlier attempt is still running"))
            return
        if apply == "late":
            # The host works on, even if the caller has given up.
            self.host.running.add(key)
            work = asyncio.ensure_future(self.late(entry))
            await asyncio.shield(work)
        else:
            if apply:
                conn.apply(entry, self.function, self.data)
            else:
                self.host.write(dict(entry, outcome="not_applied"))
            if fault.get("delay_ms"):
                await asyncio.sleep(fault["delay_ms"] / 1000)
        play = getattr(self, "do_" + self.mode, None)
        if play is None:
            conn.send(problem(500, "the test host knows no fault " + self.mode))
            return
        await play()

    async def late(self, entry):
        await asyncio.sleep(self.fault.get("delay_ms", 1000) / 1000)
        self.host.running.discard(entry["key"])
        self.conn.apply(entry, self.function, self.data)

    def answer(self):
        """The proper answer: (status, body, media type)."""
        return self.host.applied.get(self.entry["key"],
                                     (200, b'{"ok":true}', "application/json"))

    def body(self):
        body = self.fault.get("body")
        if body is None:
            return b""
        return body.encode("utf-8", "surrogateescape") if isinstance(body, str) \
            else json.dumps(body).encode()

    # -- answers that are proper HTTP

    async def do_ok(self):
        status, body, ctype = self.answer()
        self.conn.send(message(self.fault.get("status", status),
                               self.body() if "body" in self.fault else body,
                               self.fault.get("type", ctype),
                               {"Pulse-Action-Version": "1", **self.fault.get("headers", {})}))

    async def do_status(self):
        self.conn.send(message(self.fault["status"], self.body(),
                               self.fault.get("type", "application/json"),
                               self.fault.get("headers")))

    async def do_problem(self):
        members = self.fault.get("problem", {})
        status = self.fault.get("status", 500)
        self.conn.send(message(status, json.dumps(members).encode(),
                               "application/problem+json", self.fault.get("headers")))

    async def do_redirect(self):
        self.conn.send(message(self.fault.get("status", 302), headers={
            "Location": self.fault.get("to", "/elsewhere")}))

    async def do_accepted(self):
        key = self.entry["key"]
        self.host.polls[key] = self.fault.get("polls", 0)
        headers = {"Retry-After": str(self.fault.get("retry_after", 1))}
        if self.fault.get("location", True):
            headers["Location"] = "/_poll/" + urllib.parse.quote(key)
        self.conn.send(message(202, headers=headers))

    async def do_result(self):
        """A stage result: member `result` of the fault is the document."""
        self.conn.send(message(200, json.dumps(self.fault.get("result")).encode(),
                               STAGE_RESULT))

    async def do_html(self):
        self.conn.send(message(200, b"<html><body>It works!</body></html>", "text/html"))

    async def do_empty(self):
        self.conn.send(message(200, b""))

    async def do_no_type(self):
        self.conn.send(message(200, b'{"ok":true}', None))

    async def do_no_content(self):
        self.conn.send(message(204))

    async def do_trunc_json(self):
        self.conn.send(message(200, b'{"a": [1, 2'))

    async def do_nul(self):
        self.conn.send(message(200, b'{"a": "\\u0000"}'))

    async def do_bad_utf8(self):
        self.conn.send(message(200, b'{"a": "\xff\xfe"}'))

    async def do_deep(self):
        n = self.fault.get("depth", 100000)
        self.conn.send(message(200, b"[" * n + b"]" * n))

    async def do_number(self):
        self.conn.send(message(200, b'{"a": 1e999999999}'))

    # -- the connection

    async def do_hang(self):
        await asyncio.sleep(self.fault.get("hang_ms", 3600 * 1000) / 1000)
        self.conn.transport.abort()

    async def do_reset(self):
        self.conn.reset()

    async def do_reset_after(self):
        self.conn.reset()

    async def do_close(self):
        self.conn.transport.close()

    async def do_close_after(self):
        self.conn.transport.close()

    async def do_poison(self):
        """Answers, and lets the next request on this connection die unanswered."""
        self.conn.poisoned = True
        await self.do_ok()

    async def do_idle_close(self):
        """Answers, and closes the kept connection right behind."""
        await self.do_ok()
        self.conn.transport.close()

    async def do_half(self):
        status, body, ctype = self.answer()
        body = body.ljust(200)
        whole = message(status, body, ctype)
        self.conn.send(whole[:len(whole) - len(body) // 2])
        self.conn.transport.close()

    async def do_half_reset(self):
        status, body, ctype = self.answer()
        body = body.ljust(200)
        whole = message(status, body, ctype)
        self.conn.send(whole[:len(whole) - len(body) // 2])
        await asyncio.sleep(0.02)
        self.conn.reset()

    async def do_half_head(self):
        self.conn.send(b"HTTP/1.1 200 OK\r\nContent-Type: appl")
        self.conn.transport.close()

    async def do_stall(self):
        """Half a body, then silence."""
        status, body, ctype = self.answer()
        whole = message(status, body.ljust(200), ctype)
        self.conn.send(whole[:-100])
        await asyncio.sleep(self.fault.get("hang_ms", 3600 * 1000) / 1000)
        self.conn.transport.abort()

    async def do_drip(self):
        for c in message(*self.answer()):
            await self.conn.send_slowly(bytes([c]))
            await asyncio.sleep(self.fault.get("interval_ms", 1000) / 1000)

    # -- sizes

    async def do_huge(self):
        n = self.fault.get("bytes", 64 * 1024 * 1024)
        await self.conn.send_slowly(
            ("HTTP/1.1 %d OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
             % (self.fault.get("status", 200), n)).encode())
        while n > 0:
            piece = min(n, 65536)
            await self.conn.send_slowly(b" " * piece)
            n -= piece

    async def do_endless(self):
        await self.conn.send_slowly(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                                    b"Transfer-Encoding: chunked\r\n\r\n")
        while True:
            await self.conn.send_slowly(b"10000\r\n" + b" " * 65536 + b"\r\n")

    async def do_gzip(self):
        body = gzip.compress(b" " * self.fault.get("bytes", 32 * 1024 * 1024))
        self.conn.send(message(200, body, headers={"Content-Encoding": "gzip"}))

    async def do_gzip_transfer(self):
        """A bomb in the transfer coding, which needs no consent of the client."""
        body = gzip.compress(b" " * self.fault.get("bytes", 32 * 1024 * 1024))
        self.conn.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                       b"Transfer-Encoding: gzip, chunked\r\n\r\n"
                       + b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n")

    async def do_many_headers(self):
        n = self.fault.get("count", 20000)
        await self.conn.send_slowly(b"HTTP/1.1 200 OK\r\n" +
                                    b"".join(b"X-%d: y\r\n" % i for i in range(n)) +
                                    b"Content-Type: application/json\r\n"
                                    b"Content-Length: 2\r\n\r\n{}")

    async def do_big_header(self):
        n = self.fault.get("bytes", 300 * 1024)
        await self.conn.send_slowly(b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * n +
                                    b"\r\nContent-Type: application/json\r\n"
                                    b"Content-Length: 2\r\n\r\n{}")

    async def do_early_hints(self):
        for _ in range(self.fault.get("count", 5000)):
            await self.conn.send_slowly(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n"
                                        b"Retry-After: 5\r\n\r\n")
        await self.do_ok()

    # -- not quite HTTP

    async def do_junk(self):
        self.conn.send(bytes(range(256)) * 40)
        self.conn.transport.close()

    async def do_http09(self):
        self.conn.send(b'{"ok":true}')
        self.conn.transport.close()

    async def do_lying_long(self):
        self.conn.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                       b'Content-Length: 1000\r\n\r\n{"ok":true}')
        self.conn.transport.close()

    async def do_lying_short(self):
        """More bytes than announced: the rest must not become the next answer."""
        self.conn.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                       b'Content-Length: 11\r\n\r\n{"ok":true}'
                       b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                       b'Content-Length: 14\r\n\r\n{"stolen":true}')

    async def do_two_lengths(self):
        self.conn.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                       b'Content-Length: 11\r\nContent-Length: 50\r\n\r\n{"ok":true}')
        self.conn.transport.close()

    async def do_negative_length(self):
        self.conn.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                       b'Content-Length: -5\r\n\r\n{"ok":true}')
        self.conn.transport.close()

    async def do_bad_chunk(self):
        self.conn.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                       b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n")
        self.conn.transport.close()

    async def do_raw(self):
        """The bytes of member `raw` (latin-1), then the end."""
        self.conn.send(self.fault.get("raw", "").encode("latin-1"))
        self.conn.transport.close()


async def serve(args):
    loop = asyncio.get_running_loop()
    host = Host(args)
    context = None
    if args.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(args.tls[0], args.tls[1])
    server = await loop.create_server(lambda: Connection(host), args.host, args.port,
                                      backlog=4096, ssl=context)
    port = server.sockets[0].getsockname()[1]
    if args.port_file:
        with open(args.port_file + ".new", "w") as f:
            f.write("%d\n" % port)
        os.rename(args.port_file + ".new", args.port_file)
    print("listening on %s:%d" % (args.host, port), flush=True)
    stop = asyncio.Event()
    for sig in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sig, stop.set)
    await stop.wait()
    server.close()


def main():
    p = argparse.ArgumentParser(description="test host of pulse")
    p.add_argument("--host", default="127.0.0.1", help="address to listen on")
    p.add_argument("--port", type=int, default=0, help="0: any free one")
    p.add_argument("--port-file", help="gets the port, once it listens")
    p.add_argument("--ledger", required=True)
    p.add_argument("--secret", action="append", default=[],
                   help="whsec_...; may be given twice; without it nothing is verified")
    p.add_argument("--bearer")
    p.add_argument("--tolerance", type=int, default=300,
                   help="seconds a timestamp may be off; 0: any")
    p.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"))
    p.add_argument("--any", action="store_true", help="every unknown action is an echo")
    args = p.parse_args()

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(serve(args))


if __name__ == "__main__":
    main()
