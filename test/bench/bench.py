"""Runs the workloads and reports; called by test/bench/bench, which sees to the server.

Owns the measuring. A round measures the reference and then each workload once; a
figure is the median of its rounds, and so is its ratio, each round by its own reference,
so that a machine whose speed changes in between does less harm.

A backlog is submitted while the engine is off; the time runs from switching it on until
the last of its runs has ended. What the server did for it (bytes of WAL, transactions, rows
written, processor time of all its processes) is taken as difference over that time.
"""

import http.client
import json
import os
import re
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import growth

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
SCALE = float(os.environ.get("BENCH_SCALE", "1"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "3"))
LIMIT = float(os.environ.get("BENCH_LIMIT", "450"))
PERF = os.environ.get("BENCH_PERF", "")
STATEMENTS = os.environ.get("BENCH_STATEMENTS", "")
DRAIN_CAP = 20.0        # seconds; what has not ended by then is not waited for
LONG_DRAIN = 6.0        # seconds; the next round takes a smaller backlog
POLL = 0.02
HOST_PORT = os.environ["BENCH_HOST_PORT"]
HOST_PID = int(os.environ["BENCH_HOST_PID"])
POSTMASTER = int(os.environ["BENCH_POSTMASTER"])
TICK = os.sysconf("SC_CLK_TCK")
TABLES = "run, node, attempt, timer, inbox, signal, log, strike"

PURE_STEP = {"pure": {"v": {"$": "$.input.i"}}}


def linear(n, node):
    """n nodes one after the other; node(i) gives all but `after`."""
    nodes = {}
    for i in range(1, n + 1):
        nodes["n%d" % i] = node(i)
        if i > 1:
            nodes["n%d" % i]["after"] = ["n%d" % (i - 1)]
    return {"nodes": nodes}


def pure_step(i):
    return {"pure": {"v": {"$": "$.nodes.n%d.v" % (i - 1) if i > 1 else "$.input.i"}}}


def fan(width):
    """One node, `width` after it, and one after all of these."""
    nodes = {"a": {"pure": {"v": {"$": "$.input.i"}}}}
    for i in range(width):
        nodes["b%d" % i] = {"pure": {"v": {"$": "$.nodes.a.v"}}, "after": ["a"]}
    nodes["z"] = {"pure": {"v": {"$": "$.nodes.b0.v"}}, "after": ["b%d" % i for i in range(width)]}
    return {"nodes": nodes}


WORKFLOWS = {
    "noop": {"nodes": {"n": {"noop": True}}},
    "linear": linear(10, pure_step),
    "linear_http": linear(10, lambda i: {"action": "bench.fast", "input": {"i": {"$": "$.input.i"}}}),
    "fan100": fan(100),
    "fan10000": fan(9998),
    "http": {"nodes": {"n": {"action": "bench.fast", "input": {"i": {"$": "$.input.i"}}}}},
    "http_slow": {"nodes": {"n": {"action": "slow.slow", "input": {"i": {"$": "$.input.i"}}}}},
    "http_stamp": {"nodes": {"n": {"action": "stamp.stamp", "input": {"i": {"$": "$.input.i"}}}}},
    "sleep": {"nodes": {"d": {"delay": "300 days"}}},
}


class Session:
    """A psql that stays; query() gives the text of the answer."""

    def __init__(self):
        self.psql = subprocess.Popen(
            ["psql", "-qAtX", "-v", "ON_ERROR_STOP=1"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, universal_newlines=True, bufsize=1)
        self.statements = 0

    def query(self, sql):
        self.statements += 1
        self.psql.stdin.write(sql.rstrip(";") + ";\n\\echo <end>\n")
        self.psql.stdin.flush()
        lines = []
        for line in self.psql.stdout:
            if line == "<end>\n":
                return "\n".join(lines)
            lines.append(line.rstrip("\n"))
        raise RuntimeError("the server refused: " + sql)

    def number(self, sql):
        return float(self.query(sql) or 0)

    def close(self):
        try:
            self.psql.stdin.close()
        except OSError:
            pass                # it is gone already
        self.psql.wait()


def median(values):
    return statistics.median(values)


def percentile(values, p):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * p / 100.0))]


# ---------------------------------------------------------------------
# Processor time
# ---------------------------------------------------------------------

def proc_stat(pid):
    """Parent, own ticks, ticks of children that are gone; None if there is no such process."""
    try:
        with open("/proc/%d/stat" % pid) as f:
            fields = f.read().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return None
    return int(fields[1]), int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14])


def server_cpu():
    """Seconds of all server processes so far, those that have ended included."""
    while True:
        own = proc_stat(POSTMASTER)
        ticks = own[1] + own[2]
        for name in os.listdir("/proc"):
            if name.isdigit():
                stat = proc_stat(int(name))
                if stat and stat[0] == POSTMASTER:
                    ticks += stat[1]
        if proc_stat(POSTMASTER)[2] == own[2]:      # no child was buried meanwhile
            return ticks / TICK


def host_cpu():
    stat = proc_stat(HOST_PID)
    return stat[1] / TICK if stat else 0.0


def pulse_pids(only_workers=False):
    pids = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        stat = proc_stat(int(name))
        if not stat or stat[0] != POSTMASTER:
            continue
        try:
            with open("/proc/%s/cmdline" % name) as f:
                title = f.read()
        except OSError:
            continue
        if "pulse worker" in title or (not only_workers and "pulse launcher" in title):
            pids.append(int(name))
    return pids


def sched(pids):
    """Seconds on a processor, and seconds waiting for one, of these processes."""
    busy = waiting = 0.0
    for pid in pids:
        try:
            with open("/proc/%d/schedstat" % pid) as f:
                fields = f.read().split()
        except OSError:
            continue
        busy += int(fields[0]) / 1e9
        waiting += int(fields[1]) / 1e9
    return busy, waiting


def fine_cpu(pids):
    """Seconds of these processes, to the nanosecond where the system counts so."""
    total = 0.0
    for pid in pids:
        try:
            with open("/proc/%d/schedstat" % pid) as f:
                total += int(f.read().split()[0]) / 1e9
        except OSError:
            stat = proc_stat(pid)
            total += stat[1] / TICK if stat else 0.0
    return total


# ---------------------------------------------------------------------
# Server and engine
# ---------------------------------------------------------------------

class Bench:
    def __init__(self):
        self.session = Session()
        self.begun = time.monotonic()
        self.reference = 0.0
        self.round = 0
        self.figures = {}       # (workload, figure) -> dict
        self.order = []
        self.size = {}          # workload -> factor, from how long the last round took
        self.notes = []
        self.profiles = set()

    def q(self, sql):
        return self.session.query(sql)

    def setting(self, name, value=None):
        if value is None:
            self.q("ALTER SYSTEM RESET %s" % name)
        else:
            self.q("ALTER SYSTEM SET %s = '%s'" % (name, value))
        self.q("SELECT pg_reload_conf()")

    def recover(self):
        """After trouble: the rest of the workloads still gets a fair start."""
        self.session.close()
        end = time.monotonic() + 30
        while subprocess.call(["pg_isready", "-q"]) != 0 and time.monotonic() < end:
            time.sleep(0.1)
        self.session = Session()
        self.setting("pulse.workers")
        self.setting("pulse.max_in_flight")

    def workers(self):
        return int(self.session.number(
            "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'pulse worker%'"))

    def until(self, what, condition, seconds=20.0):
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise RuntimeError("not within %d s: %s" % (seconds, what))
            time.sleep(POLL)

    def off(self):
        self.setting("pulse.enabled", "off")
        self.until("workers have left", lambda: self.workers() == 0)

    def on(self):
        """Switches the engine on and returns when its workers wait for work."""
        self.setting("pulse.enabled", "on")
        wanted = int(self.session.number("SHOW pulse.workers"))
        self.until("workers are there", lambda: self.workers() == wanted)
        self.until("workers are at work", lambda: self.session.number(
            "SELECT count(*) FROM pulse.stat_workers WHERE polls + wakeups + batches > 0") == wanted)

    def empty(self):
        self.q("TRUNCATE %s" % ", ".join("_pulse." + t for t in TABLES.split(", ")))
        self.q("CHECKPOINT")

    def prepare(self):
        """Once: extension, hosts, workflows, and scripts for pgbench."""
        self.q("CREATE EXTENSION pulse")
        self.q("CREATE EXTENSION pg_walinspect")
        if STATEMENTS:
            self.q("CREATE EXTENSION pg_stat_statements")
        self.q("CREATE TABLE bench_reference (id bigserial PRIMARY KEY, a bigint, b text)")
        for name, path, limit in (("bench", "/", 64), ("slow", "/d200/", 2000), ("stamp", "/s/", 64)):
            self.q("SELECT pulse.register_host('%s', 'http://127.0.0.1:%s%s', max_in_flight => %d)"
                   % (name, HOST_PORT, path, limit))
        for action in ("bench.fast", "slow.slow", "stamp.stamp"):
            self.q("SELECT pulse.register_action('%s', '%s')" % (action, action.split(".")[0]))
        for name, graph in WORKFLOWS.items():
            self.q("SELECT pulse.define('%s', $g$%s$g$)" % (name, json.dumps(graph)))
        growth.prepare(self)
        if os.environ.get("BENCH_SQL"):
            self.q(os.environ["BENCH_SQL"])
        scripts = {
            "reference": "\\set a random(1, 1000000000)\n"
                         "INSERT INTO bench_reference (a, b) VALUES (:a, repeat('x', 32));\n",
            "submit": "\\set i random(1, 1000000000)\n"
                      "SELECT pulse.submit('noop', jsonb_build_object('i', :i::bigint));\n",
            "submit_later": "\\set i random(1, 1000000000)\n"
                            "SELECT pulse.submit('noop', jsonb_build_object('i', :i::bigint),"
                            " start_at => now() + interval '1 day');\n",
        }
        for name, script in scripts.items():
            with open(name + ".sql", "w") as f:
                f.write(script)

    def pgbench(self, script, clients, seconds=None, transactions=None):
        """Transactions, and how many a second."""
        args = ["pgbench", "-n", "-M", "prepared", "-c", str(clients), "-j", str(min(clients, 2)),
                "-f", script]
        args += ["-T", "%d" % max(1, round(seconds))] if seconds else ["-t", str(transactions)]
        out = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             universal_newlines=True)
        done = re.search(r"actually processed: (\d+)", out.stdout)
        rate = re.search(r"^tps = ([\d.]+)", out.stdout, re.M)
        failed = re.search(r"failed transactions: ([1-9]\d*)", out.stdout)
        if out.returncode or not done or not rate or failed:
            raise RuntimeError("pgbench: " + out.stdout)
        return int(done.group(1)), float(rate.group(1))

    def fill(self, workflow, runs, extra=""):
        """Submits a backlog, a thousand runs a transaction."""
        chunk = min(1000, max(1, runs // 2))
        with open("fill.sql", "w") as f:
            f.write("SELECT count(pulse.submit('%s', jsonb_build_object('i', g)%s))"
                    " FROM generate_series(1, %d) g;\n" % (workflow, extra, chunk))
        self.pgbench("fill.sql", 2, transactions=max(1, runs // chunk // 2))
        return max(1, runs // chunk // 2) * 2 * chunk

    def counters(self):
        self.q("SELECT pg_stat_force_next_flush()")
        row = self.q(
            "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0'), wal_records, wal_fpi,"
            " (SELECT xact_commit FROM pg_stat_database WHERE datname = current_database())"
            " FROM pg_stat_wal").split("|")
        tables = self.q(
            "SELECT json_object_agg(relname, json_build_array(n_tup_ins, n_tup_upd, n_tup_hot_upd,"
            " n_tup_del)) FROM pg_stat_user_tables WHERE schemaname = '_pulse'")
        return {"wal": float(row[0]), "records": float(row[1]), "fpi": float(row[2]),
                "commits": float(row[3]) - self.session.statements,
                "tables": json.loads(tables), "cpu": server_cpu(), "host": host_cpu()}

    def per_node(self, before, after, nodes):
        """What changed between two counters(), for one node."""
        rows = {}
        for table, now in after["tables"].items():
            was = before["tables"].get(table, [0, 0, 0, 0])
            change = [a - b for a, b in zip(now, was)]
            if any(change):
                rows[table] = dict(zip(("inserted", "updated", "hot", "deleted"),
                                       (round(c / nodes, 4) for c in change)))
        total = sum(r["inserted"] + r["updated"] + r["deleted"] for r in rows.values())
        return {"wal_bytes": round((after["wal"] - before["wal"]) / nodes, 1),
                "wal_records": round((after["records"] - before["records"]) / nodes, 3),
                "wal_fpi": round((after["fpi"] - before["fpi"]) / nodes, 5),
                "transactions": round(max(0, after["commits"] - before["commits"]) / nodes, 5),
                "row_writes": round(total, 3), "rows": rows,
                "server_cpu_us": round((after["cpu"] - before["cpu"]) / nodes * 1e6, 2),
                "host_cpu_us": round((after["host"] - before["host"]) / nodes * 1e6, 2)}

    def statements_begin(self):
        if STATEMENTS:
            self.q("SELECT pg_stat_statements_reset()")

    def statements_end(self, name, nodes):
        """Where the time of statements went, if it is wanted."""
        if not STATEMENTS:
            return
        os.makedirs("perf", exist_ok=True)
        text = self.q(
            "SELECT format('%%8s us/node %%8s calls %%9s rows %%7s B WAL/node %%7s buffers/call  %%s',"
            " round((total_exec_time * 1000 / %d)::numeric, 2), calls, rows, round(wal_bytes / %d, 1),"
            " (shared_blks_hit + shared_blks_read) / calls, left(regexp_replace(query, '\\s+', ' ', 'g'), 160))"
            " FROM pg_stat_statements ORDER BY total_exec_time DESC LIMIT 14" % (nodes, nodes))
        with open("perf/%s.statements.txt" % name, "w") as f:
            f.write(text + "\n")

    def profile(self, name):
        """perf of the workers until they leave, if it is wanted; once a workload."""
        if not PERF or name in self.profiles:
            return None
        self.profiles.add(name)
        os.makedirs("perf", exist_ok=True)
        pids = []
        end = time.monotonic() + 2
        while len(pids) < int(self.session.number("SHOW pulse.workers")) and time.monotonic() < end:
            pids = pulse_pids(only_workers=True)
        return subprocess.Popen(
            ["perf", "record", "-q", "-g", "-p", ",".join(map(str, pids)), "-o", "perf/%s.data" % name],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def profile_end(self, name, perf):
        if not perf:
            return
        perf.send_signal(2)
        perf.wait()
        for suffix, options in ((".self", ["--no-children"]), (".callers", ["--children"])):
            with open("perf/%s%s.txt" % (name, suffix), "w") as f:
                subprocess.run(["perf", "report", "-i", "perf/%s.data" % name, "-g", "none",
                                "--percent-limit", "0.5", "--stdio"] + options,
                               stdout=f, stderr=subprocess.DEVNULL)

    def drained(self, nodes):
        """True when that many nodes have ended and no run is left. Samples what workers wait for."""
        done, in_flight, queued, waits = self.q(
            "SELECT coalesce(sum(nodes), 0), sum(in_flight), sum(queued),"
            " (SELECT string_agg(coalesce(wait_event, 'none'), ' ')"
            " FROM pg_stat_activity WHERE backend_type LIKE 'pulse worker%') FROM pulse.stat_workers").split("|")
        self.flights.append((float(in_flight or 0), float(queued or 0)))
        for wait in waits.split():
            self.waits[wait] = self.waits.get(wait, 0) + 1
        done = float(done)
        now = time.monotonic()
        if done < nodes and now < self.look_closer:
            return False
        self.look_closer = now + 1.0
        return self.q("SELECT EXISTS (SELECT FROM _pulse.run WHERE status = 'pending')") == "f"

    def wait_drained(self, nodes):
        """Returns the moment at which all was done, or the cap was reached."""
        self.look_closer = time.monotonic() + 1.0
        self.waits = {}
        self.flights = []
        cap = time.monotonic() + DRAIN_CAP
        while not self.drained(nodes):
            if time.monotonic() > cap:
                break
            time.sleep(POLL)
        end = time.monotonic()
        self.sched = sched(pulse_pids(only_workers=True))
        return end

    def workers_did(self, seconds):
        """
        How the workers spent that time: shares of it on a processor, and waiting for one,
        summed over the workers; and from samples: calls in flight, calls that wait for a slot,
        wait events.
        """
        total = sum(self.waits.values()) or 1
        return {"on_cpu": round(self.sched[0] / seconds, 3), "for_cpu": round(self.sched[1] / seconds, 3),
                "in_flight": round(statistics.mean(f[0] for f in self.flights), 1),
                "queued": round(statistics.mean(f[1] for f in self.flights), 1),
                "wait_events": {k: round(v / total, 3) for k, v in
                                sorted(self.waits.items(), key=lambda kv: -kv[1]) if v / total >= 0.01}}

    def drain(self, name, workflow, runs, nodes_each, beside=None):
        """
        One backlog from end to end: nodes a second, and what the server did for it. What
        beside() gives, called while the engine works, is in "beside".
        """
        self.off()
        self.empty()
        runs = max(2, int(runs * SCALE * self.size.get(name, 1.0)))
        runs = self.fill(workflow, runs)
        nodes = runs * nodes_each
        self.statements_begin()
        before = self.counters()
        start = time.monotonic()
        self.setting("pulse.enabled", "on")
        perf = self.profile(name)
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(beside) if beside else None
            end = self.wait_drained(nodes)
        self.profile_end(name, perf)
        self.off()
        after = self.counters()
        self.statements_end(name, nodes)
        statuses = dict(line.split("|") for line in self.q(
            "SELECT status, count(*) FROM _pulse.run WHERE workflow = '%s' GROUP BY 1" % workflow).split("\n"))
        completed = int(statuses.pop("completed", 0))
        if statuses:
            self.note("%s: %d of %d runs completed (%s)" % (
                name, completed, runs, ", ".join("%s %s" % (v, k) for k, v in statuses.items())))
            nodes = completed * nodes_each
            for line in self.q(
                    "SELECT 'error', error ->> 'class', left(error ->> 'message', 200), count(*)"
                    " FROM _pulse.run WHERE error IS NOT NULL GROUP BY 2, 3 ORDER BY 4 DESC LIMIT 3").split("\n") + self.q(
                    "SELECT 'attempt', outcome, class, code, left(error ->> 'message', 200), count(*)"
                    " FROM _pulse.attempt GROUP BY 2, 3, 4, 5 ORDER BY 6 DESC LIMIT 3").split("\n"):
                if line:
                    self.note("%s: %s" % (name, line))
        if end - start > LONG_DRAIN:
            self.size[name] = self.size.get(name, 1.0) * LONG_DRAIN / 2 / (end - start)
        return {"value": nodes / (end - start), "runs": runs, "seconds": round(end - start, 3),
                "per_node": dict(self.per_node(before, after, max(1, nodes)),
                                 worker_cpu_us=round(self.sched[0] / max(1, nodes) * 1e6, 2)),
                "workers": self.workers_did(end - start), "beside": answer.result() if answer else None}

    # -----------------------------------------------------------------
    # Figures
    # -----------------------------------------------------------------

    def note(self, text):
        self.notes.append("round %d: %s" % (self.round, text))

    def figure(self, workload, figure, value, unit, target=None, stretch=None, relative=True,
               less=False, more=None):
        """
        One value of this round. A relative one is compared with the reference; of others
        targets are absolute. less: smaller is better.
        """
        key = (workload, figure)
        if key not in self.figures:
            self.figures[key] = {"workload": workload, "figure": figure, "unit": unit,
                                 "target": target, "stretch": stretch, "relative": relative,
                                 "less": less, "values": [], "references": [], "more": None}
            self.order.append(key)
        f = self.figures[key]
        f["values"].append(value)
        f["references"].append(self.reference)
        if more and value == sorted(f["values"])[len(f["values"]) // 2]:
            f["more"] = more

    def last(self, workload, figure):
        f = self.figures.get((workload, figure))
        return f["values"][-1] if f else None

    def result(self, key):
        f = self.figures[key]
        value = median(f["values"])
        ratio = median([v / r for v, r in zip(f["values"], f["references"])])
        out = {"workload": f["workload"], "figure": f["figure"], "value": round(value, 4),
               "unit": f["unit"], "reference": round(median(f["references"]), 1),
               "ratio": round(ratio, 4) if f["relative"] else None,
               "target": f["target"], "stretch": f["stretch"], "less_is_better": f["less"],
               "rounds": [round(v, 4) for v in f["values"]]}
        if f["target"] is not None:
            got = ratio if f["relative"] else value
            if got == f["target"]:
                out["of_target"] = 1
            elif got > 0 and f["target"] > 0:
                out["of_target"] = round(f["target"] / got if f["less"] else got / f["target"], 3)
        out.update(f["more"] or {})
        return out


# ---------------------------------------------------------------------
# Workloads
# ---------------------------------------------------------------------

def details(d):
    return {k: d[k] for k in ("runs", "seconds", "per_node", "workers")}


def w1s(b):
    """submit one by one over 16 connections, the engine off"""
    b.off()
    b.empty()
    before = b.counters()
    n, rate = b.pgbench("submit.sql", 16, seconds=SECONDS)
    after = b.counters()
    b.figure("W1s", "submits", rate, "runs/s", 0.7, 0.9, more={"per_node": b.per_node(before, after, n)})


def w1d(b):
    """drain a backlog of single-node runs (noop)"""
    d = b.drain("W1d", "noop", 200000, 1)
    b.figure("W1d", "drained", d["value"], "runs/s", 2, 4, more=details(d))


def w1(b):
    """submit over 16 connections and execute at once"""
    b.off()
    b.empty()
    b.on()
    b.statements_begin()
    before = b.counters()
    start = time.monotonic()
    perf = b.profile("W1")
    n, rate = b.pgbench("submit.sql", 16, seconds=SECONDS)
    submitted = time.monotonic()
    end = b.wait_drained(n)
    b.profile_end("W1", perf)
    b.off()
    after = b.counters()
    b.statements_end("W1", n)
    left = int(b.session.number("SELECT count(*) FROM _pulse.run WHERE status <> 'completed'"))
    if left:
        b.note("W1: %d of %d runs did not complete" % (left, n))
    b.figure("W1", "runs", (n - left) / (n / rate + end - submitted), "runs/s", 0.5, 0.6,
             more={"runs": n, "seconds": round(end - start, 3), "submitted": round(rate, 1),
                   "behind_s": round(end - submitted, 3), "workers": b.workers_did(end - start),
                   "per_node": dict(b.per_node(before, after, n),
                                    worker_cpu_us=round(b.sched[0] / n * 1e6, 2))})


def w2(b):
    """10-node linear runs (pure)"""
    d = b.drain("W2", "linear", 40000, 10)
    b.figure("W2", "nodes", d["value"], "nodes/s", 5, 10, more=details(d))
    b.figure("W2", "WAL per node", d["per_node"]["wal_bytes"], "bytes", 450, None, relative=False, less=True)


def w2h(b):
    """10-node linear runs, a real call for each node"""
    d = b.drain("W2h", "linear_http", 4000, 10)
    b.figure("W2h", "nodes", d["value"], "nodes/s", 0.5, 1, more=details(d))
    b.figure("W2h", "WAL per node", d["per_node"]["wal_bytes"], "bytes", 700, None, relative=False, less=True)


def w3(b):
    """fan-out 100 and a join (pure)"""
    d = b.drain("W3", "fan100", 4000, 102)
    b.figure("W3", "nodes", d["value"], "nodes/s", 5, 10, more=details(d))


def w3k(b):
    """fan-out 10,000 (all that a document may have) and a join"""
    small = b.last("W3", "nodes")
    d = b.drain("W3k", "fan10000", 40, 10000)
    b.figure("W3k", "nodes", d["value"], "nodes/s", 5, 10, more=details(d))
    if small:
        b.figure("W3k", "cost against W3", small / d["value"], "times", 1.3, None, relative=False, less=True)


def get(path):
    """What the host answers to a GET."""
    conn = http.client.HTTPConnection("127.0.0.1", int(HOST_PORT), timeout=20)
    conn.request("GET", path)
    body = conn.getresponse().read().decode()
    conn.close()
    return body


def latencies(runs, priority=1):
    """Milliseconds of each run: submit returned to call received, to wait returned; submit itself."""
    get("/stamps")
    out = subprocess.run(["./latency", "http_stamp", str(runs), "20", "5000", str(priority)],
                         stdout=subprocess.PIPE, universal_newlines=True, check=True).stdout
    stamps = [int(s) for s in get("/stamps").split()]
    rows = [[int(v) for v in line.split()] for line in out.splitlines()]
    start, end, submit = [], [], []
    at = 0
    for sent, returned, ended in rows:
        while at < len(stamps) and stamps[at] < sent:
            at += 1
        if at == len(stamps) or stamps[at] > ended:
            raise RuntimeError("a run without a call")
        start.append((stamps[at] - returned) / 1e6)
        end.append((ended - returned) / 1e6)
        submit.append((returned - sent) / 1e6)
    return start, end, submit


def w4(b):
    """one run at a time, at idle"""
    b.off()
    b.empty()
    b.on()
    start, end, submit = latencies(max(50, int(300 * SCALE)))
    b.figure("W4", "to action, p50", percentile(start, 50), "ms", 0.5, 0.3, relative=False, less=True,
             more={"runs": len(start)})
    b.figure("W4", "to action, p99", percentile(start, 99), "ms", 2, 1, relative=False, less=True)
    b.figure("W4", "to wait, p50", percentile(end, 50), "ms", 1.5, 1, relative=False, less=True)
    b.figure("W4", "to wait, p99", percentile(end, 99), "ms", None, None, relative=False, less=True)
    b.figure("W4", "submit itself, p50", percentile(submit, 50), "ms", None, None, relative=False, less=True)


def w5(b):
    """single call, 64 in flight"""
    d = b.drain("W5", "http", 40000, 1)
    b.figure("W5", "calls", d["value"], "calls/s", 0.6, 1, more=details(d))


def w5c(b):
    """2,000 calls of 200 ms in flight from one worker; another host beside it"""
    b.off()
    b.setting("pulse.workers", "1")
    b.setting("pulse.max_in_flight", "2100")
    try:
        d = b.drain("W5c", "http_slow", 40000, 1, beside=lambda: latencies(50, priority=0))
    finally:
        b.setting("pulse.workers")
        b.setting("pulse.max_in_flight")
    calls = d["value"] + 70 / d["seconds"]
    b.figure("W5c", "calls", calls, "calls/s", 9000, 9900, relative=False, more=details(d))
    b.figure("W5c", "other host, p50", percentile(d["beside"][0], 50), "ms", None, None, relative=False,
             less=True)
    b.figure("W5c", "other host, p99", percentile(d["beside"][0], 99), "ms", None, None, relative=False,
             less=True)


def idle(b, workload, seconds=6.0):
    """Processor time and WAL of a minute in which nothing happens."""
    pids = pulse_pids()
    end = time.monotonic() + 10
    while time.monotonic() < end:       # what went before has to settle
        cpu = fine_cpu(pids)
        time.sleep(0.5)
        if fine_cpu(pids) - cpu < 0.002:
            break
    b.q("CHECKPOINT")
    lsn = b.q("SELECT pg_current_wal_flush_lsn()")
    cpu = fine_cpu(pids)
    start = time.monotonic()
    time.sleep(seconds)
    minute = 60 / (time.monotonic() - start)
    cpu = (fine_cpu(pids) - cpu) * 1000 * minute
    # what others write meanwhile (snapshots of the background writer, pruned pages of the catalog)
    # is not ours; ours are commits, and pages of our tables and indexes
    wal = 0.0
    upto = b.q("SELECT pg_current_wal_flush_lsn()")
    if b.q("SELECT '%s'::pg_lsn > '%s'::pg_lsn" % (upto, lsn)) == "t":
        ours = ("FROM pg_get_wal_records_info('%s', '%s') WHERE resource_manager = 'Transaction' OR block_ref ~"
                " (SELECT 'rel [0-9]+/[0-9]+/(' || string_agg(relfilenode::text, '|') || ') ' FROM pg_class"
                " WHERE relnamespace = '_pulse'::regnamespace AND relfilenode <> 0)" % (lsn, upto))
        wal = b.session.number("SELECT sum(record_length) " + ours)
        if wal > 0:
            b.note("%s: WAL while asleep: %s" % (workload, b.q(
                "SELECT string_agg(format('%%s %%s, %%s B', n, who, bytes), '; ') FROM (SELECT count(*) n,"
                " resource_manager || '/' || record_type || ' ' || left(block_ref, 40) who,"
                " sum(record_length) bytes %s GROUP BY 2 ORDER BY 3 DESC LIMIT 5) w" % ours)))
    b.figure(workload, "CPU asleep, a minute", cpu, "ms", 50, None, relative=False, less=True)
    b.figure(workload, "WAL asleep, a minute", wal * minute, "bytes", 0, None, relative=False, less=True)


def w6(b):
    """nothing to do"""
    b.off()
    b.empty()
    b.on()
    idle(b, "W6", 10.0)


def settle(b):
    """So that autovacuum finds nothing to do while the engine is watched asleep."""
    b.q("VACUUM (ANALYZE) %s" % ", ".join("_pulse." + t for t in TABLES.split(", ")))


def size_of(b):
    return b.session.number(
        "SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c"
        " WHERE c.relnamespace = '_pulse'::regnamespace AND c.relkind = 'r'"
        " AND c.relname IN ('run', 'node', 'timer', 'attempt', 'inbox')")


def w7(b):
    """runs with start_at ahead"""
    b.off()
    b.empty()
    bare = size_of(b)
    b.on()
    n, rate = b.pgbench("submit_later.sql", 16, seconds=SECONDS)
    n += b.fill("noop", int(100000 * SCALE), ", start_at => now() + interval '1 day'")
    b.figure("W7", "submits", rate, "runs/s", 0.6, None)
    settle(b)
    idle(b, "W7")
    b.figure("W7", "size of a run", (size_of(b) - bare) / n, "bytes", 700, None, relative=False, less=True,
             more={"runs": n})


def w7d(b):
    """runs asleep in a delay node"""
    b.off()
    b.empty()
    bare = size_of(b)
    n = b.fill("sleep", int(100000 * SCALE))
    start = time.monotonic()
    b.on()
    b.until("all runs sleep", lambda: b.session.number(
        "SELECT count(*) FROM (SELECT FROM _pulse.timer LIMIT %d) t" % n) == n, 60)
    rate = n / (time.monotonic() - start)
    b.figure("W7d", "fallen asleep", rate, "runs/s", None, None)
    settle(b)
    idle(b, "W7d")
    b.figure("W7d", "size of a run", (size_of(b) - bare) / n, "bytes", 1300, None, relative=False, less=True,
             more={"runs": n})


def w8(b):
    """W2 and W5 while a foreign transaction holds a snapshot, or an xid"""
    for name, workflow, runs, each in (("W2", "linear", 30000, 10), ("W5", "http", 20000, 1)):
        plain = b.drain(name, workflow, runs, each)["value"]
        for what, level, hold in (
                ("snapshot", "REPEATABLE READ", "SELECT count(*) FROM pg_class"),
                ("xid", "READ COMMITTED", "SELECT pg_current_xact_id()")):
            other = Session()
            other.query("BEGIN ISOLATION LEVEL " + level)
            other.query(hold)
            try:
                d = b.drain(name, workflow, runs, each)
            finally:
                other.close()
            b.figure("W8", "%s with %s" % (name, what), d["value"] / plain, "of without", 0.85, 0.95,
                     relative=False, more=details(d))


WORKLOADS = {"W1s": w1s, "W1d": w1d, "W1": w1, "W2": w2, "W2h": w2h, "W3": w3, "W3k": w3k,
             "W4": w4, "W5": w5, "W5c": w5c, "W6": w6, "W7": w7, "W7d": w7d, "W8": w8}
WORKLOADS.update(growth.WORKLOADS)
ONCE = ("W6", "W7", "W7d")


# ---------------------------------------------------------------------
# Report
# ---------------------------------------------------------------------

def short(value):
    if value is None:
        return ""
    if abs(value) >= 1000:
        return "{:,.0f}".format(value)
    if abs(value) >= 100:
        return "%.0f" % value
    return "%.2f" % value


def table(results):
    head = ("", "", "value", "", "ratio", "target", "stretch", "of target", "WAL B", "rows", "tx", "CPU us",
            "workers")
    rows = [head]
    for r in results:
        per = r.get("per_node") or {}
        unit = r["unit"]
        suffix = " R" if r["ratio"] is not None else ""
        rows.append((r["workload"], r["figure"], short(r["value"]), unit, short(r["ratio"]),
                     short(r["target"]) + suffix if r["target"] is not None else "",
                     short(r["stretch"]) + suffix if r["stretch"] is not None else "",
                     "%.0f %%" % (100 * r["of_target"]) if r.get("of_target") is not None else "",
                     short(per.get("wal_bytes")), short(per.get("row_writes")),
                     "%.4f" % per["transactions"] if per else "", short(per.get("server_cpu_us")),
                     short(per.get("worker_cpu_us"))))
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    left = (0, 1, 3)
    lines = ["  ".join(c.ljust(w) if i in left else c.rjust(w)
                       for i, (c, w) in enumerate(zip(row, widths))).rstrip() for row in rows]
    return "\n".join(lines)


def main():
    names = sys.argv[1:] or list(WORKLOADS)
    for name in names:
        if name not in WORKLOADS:
            sys.exit("bench: unknown workload %s; there are: %s" % (name, " ".join(WORKLOADS)))
    b = Bench()
    b.prepare()
    load = os.getloadavg()[0]
    for b.round in range(1, ROUNDS + 1):
        if b.round > 1 and time.monotonic() - b.begun > LIMIT * (b.round / (b.round + 1.0)):
            b.note("not begun, to end in time (BENCH_LIMIT)")
            break
        b.off()
        b.q("TRUNCATE bench_reference")
        b.q("CHECKPOINT")
        b.reference = b.pgbench("reference.sql", 8, seconds=3)[1]
        print("round %d: reference %s/s" % (b.round, short(b.reference)), flush=True)
        if load > 1.5 and b.round == 1:
            b.note("other work on this machine (load %.1f): latencies say little" % load)
        b.figure("R", "reference", b.reference, "inserts/s", relative=False, more={"load": load})
        for name in names:
            if name in ONCE and b.round > 1 and len(names) > 1:
                continue
            if time.monotonic() - b.begun > LIMIT:
                b.note("%s left out, to end in time (BENCH_LIMIT)" % name)
                continue
            began = time.monotonic()
            try:
                WORKLOADS[name](b)
            except (RuntimeError, OSError, ValueError, subprocess.SubprocessError) as e:
                b.note("%s broke off: %s" % (name, e))
                b.recover()
            for key in b.order:
                if key[0] == name:
                    print("  %-4s %-22s %12s %s" % (name, key[1], short(b.figures[key]["values"][-1]),
                                                    b.figures[key]["unit"]), flush=True)
            print("       (%.0f s)" % (time.monotonic() - began), flush=True)
    results = [b.result(key) for key in b.order]
    with open("results.jsonl", "w") as f:
        for r in results:
            f.write(json.dumps(r) + "\n")
    print()
    print(table(results))
    print()
    print("R: single-row INSERTs a second over 8 connections, in the same round. WAL bytes, rows written,")
    print("transactions, processor time of all server processes and that of the workers among them are for one")
    print("node (or run). Median of %d." % ROUNDS)
    for note in b.notes:
        print("note: " + note)
    b.session.close()


main()
