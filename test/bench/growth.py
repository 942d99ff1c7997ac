"""
Workloads of graphs that grow: runs in memory, rewrites, maps, repeats, child runs.

Each function takes the Bench of bench.py and adds figures to it, like the workloads there.
"""

import json
import os
import random
import subprocess
import tempfile
import time

ROUNDS_OF_REPEAT = int(os.environ.get("BENCH_REPEAT", "100000"))
ROUNDS_OF_CALLS = int(os.environ.get("BENCH_REPEAT_CALLS", "10000"))

GROW = {"form": "append",
        "fragment": {"nodes": {"a": {"noop": True}, "b": {"noop": True, "after": ["a"]}}}}

WORKFLOWS = {
    # the value of a pure node proposes two nodes behind it
    "grow": {"nodes": {"p": {"pure": {"result": "rewrite", "rewrite": GROW}, "result": True}}},
    "map10000": {"nodes": {"m": {"map": {"over": "$.input.items", "max_items": 10000,
                                         "as": {"nodes": {"n": {"noop": True}}}}}}},
    "repeat": {"nodes": {"r": {"repeat": {
        "body": {"nodes": {"n": {"pure": {"n": {"$": "$.round"}}}}},
        "while": "$.round < %d" % ROUNDS_OF_REPEAT, "max": ROUNDS_OF_REPEAT}}}},
    "repeat_http": {"nodes": {"r": {"repeat": {
        "body": {"nodes": {"n": {"action": "bench.fast", "input": {"i": {"$": "$.round"}}}}},
        "while": "$.round < %d" % ROUNDS_OF_CALLS, "max": ROUNDS_OF_CALLS}}}},
    "leaf": {"nodes": {"n": {"noop": True}}},
    "parent": {"nodes": {"c": {"workflow": "leaf"}}},
}


def random_graph(n, seed):
    """n pure nodes, each after up to four of the 200 before it, reading one of them."""
    rnd = random.Random(seed)
    nodes = {}
    for i in range(n):
        before = sorted({rnd.randrange(max(0, i - 200), i) for _ in range(rnd.randint(1, 4))}) if i else []
        node = {"pure": {"v": {"$": "$.nodes.n%d.v" % before[0] if before else "$.input.i"}}}
        if before:
            node["after"] = ["n%d" % k for k in before]
        nodes["n%d" % i] = node
    return {"nodes": nodes}


def prepare(b):
    for name, graph in WORKFLOWS.items():
        b.q("SELECT pulse.define('%s', $g$%s$g$)" % (name, json.dumps(graph)))


def in_memory(b, graph, nodes, times):
    """Nodes a second of pulse.run_local, trace off: one call to warm up, then the mean of `times`."""
    b.q("CREATE TABLE IF NOT EXISTS bench_graph (g jsonb)")
    b.q("TRUNCATE bench_graph")
    b.q("INSERT INTO bench_graph VALUES ($g$%s$g$)" % json.dumps(graph))
    call = ("SELECT count(r ->> 'status') FROM (SELECT pulse.run_local(g, '{\"i\": 1}',"
            " options => '{\"trace\": false}') AS r FROM bench_graph, generate_series(1, %d)) s")
    b.q(call % 1)
    begun = time.monotonic()
    b.q(call % times)
    return nodes * times / (time.monotonic() - begun)


def g1(b):
    """runs in memory: linear and random graphs, by SQL (reading the graph and the result included)"""
    linear = {"nodes": dict([("n0", {"pure": {"v": {"$": "$.input.i"}}})] + [
        ("n%d" % i, {"pure": {"v": {"$": "$.nodes.n%d.v" % (i - 1)}}, "after": ["n%d" % (i - 1)]})
        for i in range(1, 10)])}
    b.figure("G1", "linear of 10, by SQL", in_memory(b, linear, 10, 5000), "nodes/s", relative=False)
    b.figure("G1", "random of 10,000, by SQL", in_memory(b, random_graph(10000, 1), 10000, 10), "nodes/s",
             relative=False)
    probe = os.path.join(os.environ["PULSE_ROOT"], "test", "bench", "local_probe")
    if os.path.exists(probe):
        for name, graph in (("linear of 10", linear), ("random of 10,000", random_graph(10000, 1))):
            with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
                json.dump(graph, f)
                f.flush()
                rate = float(subprocess.check_output([probe, f.name]).split()[0])
            b.figure("G1", name + ", the runner alone", rate, "nodes/s",
                     1000000 if name.startswith("linear") else None, relative=False)


def g2(b):
    """rewrites admitted: runs whose one node proposes two more"""
    d = b.drain("G2", "grow", 20000, 3)
    b.figure("G2", "rewrites admitted", d["value"] / 3, "rewrites/s", more={"per_node": d["per_node"]})


def submit_and_wait(b, sql):
    """Seconds from the commit of a submit to the end of its run, which must complete."""
    run = b.q(sql)
    begun = time.monotonic()
    status = b.q("SELECT status FROM pulse.wait('%s', '10 min')" % run)
    if status != "completed":
        raise RuntimeError("the run ended as %s: %s" % (
            status, b.q("SELECT error FROM pulse.runs WHERE run = '%s'" % run)))
    return time.monotonic() - begun, run


def g3(b):
    """a map of 10,000 noops"""
    b.off()
    b.empty()
    b.on()
    before = b.counters()
    seconds, _ = submit_and_wait(
        b, "SELECT pulse.submit('map10000', (SELECT jsonb_build_object('items', jsonb_agg(g))"
           " FROM generate_series(1, 10000) g))")
    after = b.counters()
    b.figure("G3", "map of 10,000 noops", 10000 / seconds, "items/s",
             more={"seconds": round(seconds, 3), "per_node": b.per_node(before, after, 10000)})


def repeat(b, workload, workflow, rounds, what):
    """One run of so many rounds: the rate, the last tenth against the first, the rows kept."""
    b.off()
    b.empty()
    b.on()
    run = b.q("SELECT pulse.submit('%s')" % workflow)
    marks = []
    begun = time.monotonic()
    rows = 0
    while True:
        done, kept, status = b.q(
            "SELECT coalesce((SELECT (detail ->> 'round')::int FROM _pulse.rewrite WHERE run = '%s'), 0),"
            " (SELECT count(*) FROM _pulse.node WHERE run = '%s') + (SELECT count(*) FROM _pulse.rewrite"
            " WHERE run = '%s') + (SELECT count(*) FROM _pulse.attempt WHERE run = '%s'),"
            " (SELECT status FROM _pulse.run WHERE id = '%s')" % (run, run, run, run, run)).split("|")
        marks.append((int(done), time.monotonic() - begun))
        rows = max(rows, int(kept))
        if status != "pending":
            break
        if time.monotonic() - begun > 600:
            raise RuntimeError("the repeat has not ended after 10 min, round %s" % done)
        time.sleep(0.005)
    if status != "completed":
        raise RuntimeError("the repeat ended as %s" % status)
    seconds = marks[-1][1]

    def cost(low, high):
        """Seconds a round between the first looks at or beyond these rounds."""
        a = next(m for m in marks if m[0] >= low)
        z = next(m for m in marks if m[0] >= high)
        return (z[1] - a[1]) / max(1, z[0] - a[0])

    tenth = rounds // 10
    b.figure(workload, what, rounds / seconds, "rounds/s", more={"seconds": round(seconds, 3)})
    b.figure(workload, "last tenth against first", cost(rounds - tenth, rounds) / cost(1, tenth),
             "times", 1.2, None, relative=False, less=True)
    b.figure(workload, "rows kept of the live run", rows, "rows", relative=False)


def g4(b):
    """a repeat of 100,000 rounds: what the last rounds cost against the first, and what is kept"""
    repeat(b, "G4", "repeat", ROUNDS_OF_REPEAT, "rounds")


def g4h(b):
    """the same with a real call in each round, one after the other"""
    repeat(b, "G4h", "repeat_http", ROUNDS_OF_CALLS, "rounds with a call")


def g5(b):
    """child runs: a parent each that starts one and waits for it"""
    d = b.drain("G5", "parent", 20000, 2)
    b.figure("G5", "child runs", d["value"] / 2, "runs/s", more={"per_node": d["per_node"]})


WORKLOADS = {"G1": g1, "G2": g2, "G3": g3, "G4": g4, "G4h": g4h, "G5": g5}
