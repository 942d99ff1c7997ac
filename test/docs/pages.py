#!/usr/bin/env python3
"""Runs what the pages of README.md and docs/ show, in the order in which it stands.

Every page gets a database with the extension, in which workers run, and one session of
psql; its blocks are run in order. What a block is follows from its language:

  sql      is run; every statement must succeed
  json     must be JSON
  python   must compile
  sh       is run if it begins with "pulse-run", else left alone (counted as skipped)
  others   are left alone

A comment in the line before a block says what else is expected of it:

  <!-- docs: skip WHY -->       not run; counted
  <!-- docs: error CODE ... --> (sql) the statements fail with these SQLSTATEs, in order
  <!-- docs: output -->         (text) is how the output of the block before it ends, but
                                for ids and times
  <!-- docs: graph -->          (json) is a valid graph
  <!-- docs: graph CODE ... --> (json) is a graph with just these findings
  <!-- docs: file NAME -->      is written to a file, which blocks of sh find
  <!-- docs: status N -->       (sh) ends with this exit status

http://127.0.0.1:8900 stands for the test host; on a page that shows a file host.py, for that
host, which is started (and tried out if it greets; see host_example.py). After the pages the reference is
compared with what is installed (see reference.py), and the status table of the host protocol
is tried (see status_table.py).
"""

import argparse
import json
import os
import queue
import re
import subprocess
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import host_example  # noqa: E402
import reference  # noqa: E402
import status_table  # noqa: E402
from tap import Tap  # noqa: E402

HOST_URL = "http://127.0.0.1:8900"
BLOCK_SECONDS = 60
FENCE = re.compile(r"^(\s*)```(\S*)\s*$")
MARK = re.compile(r"^\s*<!-- docs: (\w+) ?(.*?) -->\s*$")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?([+-]\d\d(:?\d\d)?|Z)?")


class Block:
    def __init__(self, line, language, mark, argument, lines):
        self.line = line
        self.language = language
        self.mark = mark
        self.argument = argument
        self.text = "\n".join(lines)


def blocks(path):
    """The fenced blocks of a page; a fence that is not closed is an error."""
    found = []
    mark, argument, opened = "", "", None
    with open(path, encoding="utf-8") as page:
        for number, line in enumerate(page.read().split("\n"), 1):
            fence = FENCE.match(line)
            if opened is not None:
                if fence and fence.group(2) == "":
                    found.append(Block(*opened, lines))
                    opened, mark, argument = None, "", ""
                else:
                    lines.append(line[indent:] if line[:indent].isspace() else line)
            elif fence:
                opened = (number, fence.group(2), mark, argument)
                indent, lines = len(fence.group(1)), []
            elif line.strip() != "":
                comment = MARK.match(line)
                mark, argument = comment.groups() if comment else ("", "")
    if opened is not None:
        raise SystemExit("%s:%d: block is not closed" % (path, opened[0]))
    return found


class Session:
    """One psql. Both of its streams are read up to a mark after each block."""

    def __init__(self, database):
        self.psql = subprocess.Popen(
            ["psql", "-X", "-q", "-v", "VERBOSITY=sqlstate", "-d", database],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, encoding="utf-8")
        self.lines = {}
        for name, stream in (("out", self.psql.stdout), ("err", self.psql.stderr)):
            self.lines[name] = queue.Queue()
            threading.Thread(target=self.read, args=(name, stream), daemon=True).start()
        self.count = 0

    def read(self, name, stream):
        for line in stream:
            self.lines[name].put(line.rstrip("\n"))
        self.lines[name].put(None)

    def until(self, name, mark):
        found = []
        while True:
            try:
                line = self.lines[name].get(timeout=BLOCK_SECONDS)
            except queue.Empty:
                self.psql.kill()
                return found + ["TIMEOUT: nothing for %d s" % BLOCK_SECONDS]
            if line is None:
                return found + ["END: psql has ended"]
            if line == mark:
                return found
            found.append(line)

    def run(self, text):
        """What it printed, and the lines on standard error."""
        self.count += 1
        mark = "-- end of block %d --" % self.count
        try:
            self.psql.stdin.write("%s\n\\echo %s\n\\warn %s\n" % (text, mark, mark))
            self.psql.stdin.flush()
        except BrokenPipeError:
            return [], ["END: psql has ended"]
        return self.until("out", mark), self.until("err", mark)

    def close(self):
        self.psql.stdin.close()
        try:
            self.psql.wait(timeout=BLOCK_SECONDS)
        except subprocess.TimeoutExpired:
            self.psql.kill()


def masked(lines):
    """Without ids, times, the widths that follow from them, and empty lines."""
    text = UUID.sub("ID", TIME.sub("TIME", "\n".join(lines)))
    text = re.sub(r"-{3,}", "---", text)
    shortened = [re.sub(r" {2,}", " ", line).strip() for line in text.split("\n")]
    return [line for line in shortened if line]


class Page:
    def __init__(self, tap, path, args, number):
        self.tap = tap
        self.path = path
        self.host_url = args.host_url
        self.dir = os.path.join(args.dir, "page%d" % number)
        os.makedirs(self.dir, exist_ok=True)
        self.session = None
        self.database = "docs_%d" % number
        self.example = None
        self.printed = None

    def psql(self):
        if self.session is None:
            subprocess.run(["createdb", self.database], check=True)
            subprocess.run(["psql", "-Xq", "-d", self.database, "-c", "CREATE EXTENSION pulse"],
                           check=True)
            self.session = Session(self.database)
            self.session.run("\\pset footer off")
        return self.session

    def sql(self, block, name):
        out, err = self.psql().run(block.text.replace(HOST_URL, self.host_url))
        codes = [m.group(1) for m in (re.match(r"ERROR:\s+(\w{5})", line) for line in err) if m]
        other = [line for line in err if re.match(r"(TIMEOUT|END|FATAL|PANIC|psql:|invalid|unrecog)", line)
                 or line.startswith("\\")]
        expected = block.argument.split() if block.mark == "error" else []
        self.printed = out
        if not self.tap.ok(codes == expected and not other, name):
            self.tap.note("expected errors: %s" % (" ".join(expected) or "none"))
            self.tap.note("standard error:\n" + "\n".join(err))
            self.tap.note("block:\n" + block.text)

    def output(self, block, name):
        expected = masked(block.text.split("\n"))
        got = masked(self.printed or [])
        if not self.tap.ok(expected and got[-len(expected):] == expected, name):
            self.tap.note("printed:\n" + "\n".join(self.printed or []))

    def document(self, block, name):
        try:
            json.loads(block.text)
        except ValueError as error:
            self.tap.ok(False, name)
            self.tap.note("no JSON: %s" % error)
            return
        if block.mark != "graph":
            self.tap.ok(True, name)
            return
        out, err = self.psql().run(
            "\\t on\n\\a\nSELECT code FROM pulse.validate($docs$%s$docs$) ORDER BY 1;\n\\t off\n\\a"
            % block.text)
        self.tap.same(sorted(line for line in out if line), sorted(block.argument.split()), name)
        if err:
            self.tap.note("\n".join(err))

    def shell(self, block, name):
        done = subprocess.run(["bash", "-ec", block.text], cwd=self.dir, text=True,
                              timeout=BLOCK_SECONDS, capture_output=True)
        expected = int(block.argument) if block.mark == "status" else 0
        self.printed = done.stdout.rstrip("\n").split("\n")
        if not self.tap.ok(done.returncode == expected, name):
            self.tap.note("exit status %d\n%s%s" % (done.returncode, done.stdout, done.stderr))

    def block(self, block):
        name = "%s:%d %s" % (self.path, block.line, block.language or "block")
        if block.mark == "skip":
            self.tap.skip(name, block.argument or "no reason given")
            return
        if block.mark == "file":
            with open(os.path.join(self.dir, block.argument), "w", encoding="utf-8") as out:
                out.write(block.text + "\n")
            if block.argument == "host.py":
                self.example = host_example.Host(os.path.join(self.dir, "host.py"), self.dir)
                self.host_url = self.example.url
                self.tap.ok(self.example.listens(), name + " runs")
        if block.mark == "output":
            self.output(block, name + " is what was printed")
        elif block.language == "sql":
            self.sql(block, name)
        elif block.language == "json":
            self.document(block, name)
        elif block.language == "python":
            try:
                compile(block.text, name, "exec")
                self.tap.ok(True, name)
            except SyntaxError as error:
                self.tap.ok(False, "%s: %s" % (name, error))
        elif block.language == "sh":
            if block.text.startswith("pulse-run"):
                self.shell(block, name)
            else:
                self.tap.skip(name, "commands of a shell")

    def run(self):
        try:
            for block in blocks(self.path):
                self.block(block)
            if self.example is not None and self.example.greets:
                host_example.check(self.tap, self.path, self.example)
        finally:
            if self.example is not None:
                self.example.stop()
            if self.session is not None:
                self.session.close()
                # its workers would use up the slots of the server
                subprocess.run(["dropdb", self.database], check=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--dir", required=True)
    parser.add_argument("--host-url", required=True)
    parser.add_argument("--secret", required=True)
    parser.add_argument("pages", nargs="*")
    args = parser.parse_args()
    tap = Tap()
    pages = args.pages
    if not pages:
        pages = ["README.md"] if os.path.exists("README.md") else []
        for folder, _, names in os.walk("docs"):
            pages += [os.path.join(folder, n) for n in names if n.endswith(".md")]
    for number, path in enumerate(sorted(pages), 1):
        Page(tap, path, args, number).run()
    if not args.pages:
        reference.check(tap, sorted(pages))
        status_table.check(tap, args.host_url, args.secret)
    sys.exit(tap.done())


main()
