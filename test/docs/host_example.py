"""Starts hosts that pages show, and tries whether that of host-protocol.md does what it says."""

import base64
import hashlib
import hmac
import http.client
import json
import os
import socket
import sqlite3
import subprocess
import sys
import time

SECRET = "whsec_cHVsc2UtZXhhbXBsZS1zZWNyZXQtb2YtMzItYnl0ZXM="


class Host:
    def __init__(self, program, directory):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = "http://127.0.0.1:%d" % self.port
        with open(program, encoding="utf-8") as source:
            self.greets = "greetings.hello" in source.read()
        self.database = os.path.join(directory, "host.db")
        self.log = open(os.path.join(directory, "host.log"), "w", encoding="utf-8")
        self.process = subprocess.Popen([sys.executable, program, str(self.port), self.database],
                                        env=dict(os.environ, PULSE_SECRETS=SECRET),
                                        stdout=self.log, stderr=self.log)

    def listens(self):
        end = time.monotonic() + 20
        while time.monotonic() < end and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return True
            except OSError:
                time.sleep(0.05)
        return False

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.log.close()

    def rows(self, table):
        connection = sqlite3.connect(self.database)
        try:
            return connection.execute("SELECT count(*) FROM %s" % table).fetchone()[0]
        finally:
            connection.close()

    def call(self, action, data, key, secret=SECRET, age=0, change=b""):
        """Status, content type and JSON of the answer to a call as pulse would send it."""
        body = json.dumps({"type": "pulse.action.run.v1", "timestamp": "2026-01-01T00:00:00Z",
                           "data": {"action": action, "input": data}}).encode()
        stamp = str(int(time.time()) - age)
        signed = b".".join([key.encode(), stamp.encode(), body])
        digest = hmac.new(base64.b64decode(secret[6:]), signed, hashlib.sha256).digest()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request("POST", "/", body + change, {
            "Content-Type": "application/json", "webhook-id": key, "webhook-timestamp": stamp,
            "webhook-signature": "v1," + base64.b64encode(digest).decode(),
            "Idempotency-Key": '"%s"' % key})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, answer.headers.get("Content-Type"), json.loads(text)


def check(tap, path, host):
    def same(got, expected, what):
        if not tap.ok(got == expected, "%s: %s" % (path, what)):
            tap.note("got %r, expected %r" % (got, expected))

    hello = ("greetings.hello", {"name": "Ada"})
    before = host.rows("greeting")
    first = host.call(*hello, "act_1")
    same(first, (200, "application/json", {"text": "Hello, Ada"}), "a genuine call is answered")
    same(host.call(*hello, "act_1"), first, "a repeated key gets the same answer")
    same(host.rows("greeting"), before + 1, "and has its effect once")
    same(host.call(*hello, "act_2")[0], 200, "another key")
    same(host.rows("greeting"), before + 2, "has an effect of its own")
    same(host.call("greetings.hello", {"name": "Bob"}, "act_1")[0], 422, "a key with another body")

    other = "whsec_" + base64.b64encode(b"x" * 32).decode()
    same(host.call(*hello, "act_3", secret=other)[0], 401, "another secret")
    same(host.call(*hello, "act_3", age=3600)[0], 401, "an old timestamp")
    same(host.call(*hello, "act_3", change=b" ")[0], 401, "a changed body")
    same(host.rows("greeting"), before + 2, "have no effect")
    status, kind, problem = host.call("greetings.hello", {}, "act_4")
    same((status, kind, problem.get("code")), (422, "application/problem+json", "no_name"),
         "a problem document")
    same(host.call("greetings.bye", {}, "act_5")[0], 404, "an unknown action")
