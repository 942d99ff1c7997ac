#!/usr/bin/env python3
"""Random workflows for the parity test, one JSON document a line.

    generate.py SEED COUNT [--first N] [--only N] [--sort SORT]

A case is {"n", "graph", "input", "bindings", "signals", "budget", "workflows", "calm"}: what
pulse.run_local takes, and what a durable run is given. The same seed gives the same cases;
case N does not depend on the others.

Answers of actions depend on the request only, or come from lists where the calls of the
action follow each other. No case uses what differs between the two kinds of runs: wall
clocks, ids, jitter. There are three sorts:

    calm    nothing depends on the order in which parallel calls are answered, nor on the number
            of an attempt: these may also be killed
    wild    failures, budgets and timeouts meet in parallel; no child runs, which take turns with
            their parents in another way in memory
    line    everything one after the other, so that all of it may be mixed
    mixed   all of it, in parallel: ends may differ, but there must be one (only if asked for)
"""

import argparse
import json
import random
import sys

SORTS = ["calm", "wild", "line"]
MIXED = "mixed"
IDS = ["a", "b", "c", "d", "e", "f", "B", "a.b", "a-b", "a1", "z9", "_x"]
NO_JITTER = {"jitter": 0}


def literal(value):
    return {"$literal": value}


def dollar(path):
    return {"$": path}


def member(name):
    return name if name.isidentifier() else '"%s"' % name


class Place:
    """Where nodes are made: what expressions may read there, and how often it is run."""

    def __init__(self, outer=(), item=False, round_=False, depth=0, often=1, sequential=True,
                 child=False, rewrites=0):
        self.outer = list(outer)       # names that are not of this fragment
        self.item = item
        self.round = round_
        self.depth = depth             # of fragments in fragments
        self.often = often             # how many instances there may be
        self.sequential = sequential   # one after the other
        self.child = child             # in another run: signals do not reach it
        self.rewrites = rewrites       # of rewrites in rewrites

    def inside(self, outer, **changes):
        place = Place(outer, self.item, self.round, self.depth + 1, self.often, self.sequential,
                      self.child, self.rewrites)
        place.__dict__.update(changes)
        return place


class Case:
    def __init__(self, seed, number, sort):
        self.random = random.Random("%s/%d" % (seed, number))
        self.number = number
        self.calm = sort == "calm"
        self.line = sort == "line"
        self.children = sort != "wild"
        self.bindings = {}
        self.signals = {}
        self.workflows = {}
        self.n_actions = 0
        self.n_nodes = 0

    # ------------------------------------------------------------------
    # small things
    # ------------------------------------------------------------------

    def chance(self, p):
        return self.random.random() < p

    def wild(self, p):
        """Something that calm cases do not have."""
        return not self.calm and self.chance(p)

    def pick(self, *choices):
        return self.random.choice(choices)

    def weighted(self, pairs):
        words, weights = zip(*pairs)
        return self.random.choices(words, weights)[0]

    def value(self):
        return self.pick(0, 1, 2, 7, -3, 1.50, "x", "", "a:b", True, False, None, [], [1, 2], {"k": 1},
                         {"k": [1, {"v": 2}], "long": "xxxxxxxxxxxx"})

    def action(self, answer):
        name = "g%d.a%d" % (self.number, self.n_actions)
        self.n_actions += 1
        self.bindings[name] = answer
        return name

    # ------------------------------------------------------------------
    # expressions
    # ------------------------------------------------------------------

    def source(self, place, readable):
        """A path that never fails, though it may find nothing."""
        choices = ["$.input.n", "$.input.s", "$.input.list", "$.config.k", "$.input.none"]
        choices += ["$.nodes.%s" % member(name) for name in readable] * 3
        if place.item:
            choices += ["$.item", "$.index", "$.item.v"] * 2
        if place.round:
            choices += ["$.round"] * 3
        return self.random.choice(choices)

    def expression(self, place, readable):
        path = self.source(place, readable)
        kind = self.weighted([("plain", 6), ("size", 2), ("type", 1), ("sum", 0 if self.calm else 1),
                              ("whole", 0.5), ("bad", 0 if self.calm else 0.25)])
        if kind == "plain":
            return path
        if kind == "type":
            return path + ".type()"
        if kind == "sum":
            return "%s.size() * 10 + %s" % (path, self.pick("1", "$.input.n", "$.input.list[0]"))
        if kind == "whole":
            return "$.nodes"
        if kind == "bad":
            return path + " + 1"
        return path + ".size()"

    def condition(self, place, readable):
        path = self.source(place, readable)
        choices = ["%s.size() >= 1" % path, "exists(%s)" % path, "$.input.n > 3", "!($.input.n > 3)",
                   '%s.type() == "number"' % path, "%s == 1" % path, "$.input.list[*] == 2"]
        if place.item:
            choices += ["$.index == 0", "$.index > 0", "$.item > 1"] * 2
        if place.round:
            choices += ["$.round < 2", "$.round > 1"] * 2
        if self.wild(0.04):
            return self.pick("$.input.n", "$.input.s + 1 > 1")
        return self.random.choice(choices)

    def template(self, place, readable, depth=0):
        kind = self.weighted([("expr", 5), ("constant", 2), ("object", 2), ("array", 1), ("literal", 0.5)])
        if kind == "expr" or depth > 1:
            return dollar(self.expression(place, readable))
        if kind == "constant":
            return self.value()
        if kind == "literal":
            return literal(dollar("$.input"))
        if kind == "array":
            return [self.template(place, readable, depth + 1) for _ in range(self.random.randint(0, 2))]
        return {key: self.template(place, readable, depth + 1) for key in self.random.sample(["p", "q", "v"], 2)}

    # ------------------------------------------------------------------
    # what actions answer
    # ------------------------------------------------------------------

    def plain_answer(self):
        """Not a stage result, an error or a list."""
        return self.weighted([
            ({"of": dollar("$.node"), "got": dollar("$.input")}, 3),
            (dollar("$.input"), 2),
            (dollar("$.node"), 1),
            ({"k": 3, "v": [1, 2]}, 1),
            (literal([1, 2, 3]), 1),
            ({"size": dollar("$.input.size()")}, 1),
            ({"attempt": dollar("$.node" if self.calm else "$.attempt")}, 1)])

    def error(self):
        error = {"class": self.pick("action", "server", "network", "x.y")}
        if self.chance(0.4):
            error["code"] = self.pick("no", "E1")
        if self.chance(0.4):
            error["message"] = "told so"
        if self.chance(0.3):
            error["retryable"] = self.chance(0.5)
        if self.chance(0.1):
            error["details"] = {"k": [1]}
        return error

    def stage_error(self):
        error = {"code": self.pick("no", "E1"), "message": "told so"}
        if self.chance(0.5):
            error["retryable"] = self.chance(0.5)
        return {"result": "fail", "error": error}

    def malformed(self):
        return self.pick({"result": "rewrite", "output": 1}, {"result": "suspend"},
                         {"result": "suspend", "signal": 3},
                         {"result": "rewrite", "output": 1, "rewrite": literal({"form": "grow", "fragment": {"nodes": {}}})},
                         {"result": "rewrite", "output": 1, "rewrite": literal({"form": "append"})})

    def stage(self, place, readable, id_):
        """A stage result of an action, or of a pure node that says so; may grow the graph."""
        kind = self.weighted([("rewrite", 6 if place.rewrites < 2 else 0), ("complete", 1),
                              ("suspend", 1.2 if not place.child else 0), ("reject", 0.6),
                              ("fail", 0.4), ("malformed", 0 if self.calm else 0.4)])
        if kind == "complete":
            return {"result": "complete", "output": self.pick(1, {"k": 2}, dollar("$.input"))}
        if kind == "suspend":
            return {"result": "suspend", "signal": self.signal(place)}
        if kind == "reject":
            answer = {"result": "reject_rewrite", "output": self.pick(1, {"k": 2})}
            if self.chance(0.6):
                answer["reason"] = self.pick("no", {"code": 7})
            return answer
        if kind == "fail":
            return self.stage_error()
        if kind == "malformed":
            return self.malformed()
        return {"result": "rewrite", "output": self.pick(1, None, {"k": 2}, dollar("$.input")),
                "rewrite": literal(self.rewrite(place, readable, id_))}

    def rewrite(self, place, readable, id_):
        form = self.pick("replace", "retain", "append")
        outer = readable + ([id_] if form != "replace" else [])
        inner = place.inside(outer, rewrites=place.rewrites + 1)
        fragment = self.fragment(inner, self.weighted([(1, 3), (2, 3), (3, 2), (5, 1)]))
        if self.wild(0.12):
            self.spoil(fragment)
        return {"form": form, "fragment": fragment}

    def spoil(self, fragment):
        """Makes a fragment invalid in one of many ways."""
        nodes = fragment["nodes"]
        one = self.random.choice(sorted(nodes))
        last = self.random.choice(sorted(nodes))
        how = self.random.randrange(11)
        if how == 0:
            fragment.setdefault("edges", []).append([one, "nowhere"])
        elif how == 1:
            nodes.clear()
        elif how == 2:
            fragment["entries"] = []
        elif how == 3:
            fragment["exits"] = [one, one]
        elif how == 4:
            fragment["entries"] = ["nowhere"]
        elif how == 5:
            nodes["a:b"] = {"noop": True}
        elif how == 6:
            nodes[""] = {"noop": True}
        elif how == 7:
            nodes[one]["nope"] = 1
        elif how == 8:
            nodes["p1"] = {"pure": dollar("$.nodes.nobody")}
        elif how == 9:
            fragment.setdefault("edges", []).extend([[one, last], [last, one]])
        else:
            nodes["l1"], nodes["l2"] = {"noop": True}, {"noop": True, "after": ["l1"]}
            fragment["entries"] = [one]

    def signal(self, place):
        """A signal that comes in time, mostly; always the same payload if several wait for it."""
        name = "s%d" % len(self.signals)
        payload = self.pick(1, "go", {"by": "eve"}, None, [1])
        n = 1 if place.often == 1 else place.often + 2
        if self.chance(0.1 if self.calm else 0.2):
            n = self.random.randrange(n)
        self.signals[name] = [payload] * n
        return name

    # ------------------------------------------------------------------
    # nodes
    # ------------------------------------------------------------------

    def guarded(self, nodes, id_, node, chance):
        """Something that fails: perhaps others go on."""
        how = self.weighted([("fail", 0 if self.calm else 2), ("skip", 2), ("goto", 1)])
        if not self.calm and not self.chance(chance):
            return
        if how == "goto":
            handler = id_ + "h"
            # in a fragment handler and guarded one must both be able to be exits
            nodes[handler] = {"pure": dollar(self.pick("$.error.class", '"handled"', "$.input.n"))}
            node["on_error"] = {"goto": handler}
        else:
            node["on_error"] = how

    def make_action(self, place, readable, nodes, id_):
        node = {}
        if self.chance(0.5):
            node["input"] = self.template(place, readable)
        kind = self.weighted([("plain", 6), ("stage", 4), ("error", 1.2),
                              ("list", 2 if place.sequential and not self.calm else 0)])
        if kind == "plain":
            answer = self.plain_answer()
        elif kind == "error":
            answer = {"$error": self.error()} if self.chance(0.7) else self.stage_error()
        elif kind == "list":
            answer = [self.pick({"$error": self.error()}, self.stage(place, readable, id_), self.plain_answer())
                      for _ in range(self.random.randint(1, 3))]
            answer.append(self.plain_answer())
        else:
            answer = self.stage(place, readable, id_)
        node["action"] = self.action(answer)
        if kind != "plain":
            retry = dict(NO_JITTER)
            if self.chance(0.6):
                retry["max_attempts"] = self.random.randint(1, 4)
            if self.chance(0.3):
                retry["initial"] = self.pick("2 s", "1500 ms")
            if self.chance(0.2):
                retry[self.pick("retry_on", "no_retry_on")] = [self.pick("server", "E1", "network")]
            node["retry"] = retry
            if self.chance(0.4):
                node["rewrite"] = {}
                if self.chance(0.7):
                    node["rewrite"]["max_reexecutions"] = self.random.randint(0, 2)
                if self.chance(0.6):
                    node["rewrite"]["on_exhausted"] = self.pick("fail", "degrade", "degrade")
            self.guarded(nodes, id_, node, 0.5)
        return node

    def make_pure(self, place, readable, nodes, id_):
        if self.chance(0.2):
            node = {"pure": self.stage(place, readable, id_), "result": True}
            self.guarded(nodes, id_, node, 0.5)
            return node
        return {"pure": self.template(place, readable)}

    def make_delay(self, place, readable, nodes, id_):
        return {"delay": self.pick("1 s", "5 s", "90 s", "2 hours", "0 s", dollar("$.input.pause"))}

    def make_signal(self, place, readable, nodes, id_):
        node = {"signal": self.signal(place)}
        if self.chance(0.3):
            node["timeout"] = self.pick("3 s", "10 min")
            node["on_timeout"] = self.pick("complete", "fail") if not self.calm else "complete"
            if self.chance(0.4):
                self.signals[node["signal"]] = []
        return node

    def make_noop(self, place, readable, nodes, id_):
        return {"noop": True}

    def make_choose(self, place, readable, nodes, id_):
        ways = []
        for _ in range(self.weighted([(0, 1), (1, 4), (2, 3)])):
            ways.append({"when": self.condition(place, readable),
                         "then": self.fragment(place.inside(readable), self.random.randint(1, 3))})
        if not ways or self.chance(0.6):
            ways.append({"else": self.fragment(place.inside(readable), self.random.randint(1, 3))})
        node = {"choose": ways}
        if self.chance(0.2):
            self.guarded(nodes, id_, node, 1)
        return node

    def make_map(self, place, readable, nodes, id_):
        over = self.weighted([("$.input.list", 4), ("$.input.mixed", 2), ("$.input.empty", 1),
                              ("$.input.objects", 2), ("$.input.n", 0 if self.calm else 0.3)])
        parallel = 1 if self.line else self.pick(None, None, 1, 2, 3)
        inner = place.inside(readable, item=True, often=place.often * 4,
                             sequential=place.sequential and parallel == 1)
        spec = {"over": over, "as": self.fragment(inner, self.random.randint(1, 3))}
        if parallel:
            spec["max_parallel"] = parallel
        if self.chance(0.3):
            spec["tolerate"] = self.pick(0, 0.25, 0.5, 1)
        if self.wild(0.1):
            spec["max_items"] = self.random.randint(1, 4)
        node = {"map": spec}
        if self.chance(0.3):
            self.guarded(nodes, id_, node, 1)
        return node

    def make_repeat(self, place, readable, nodes, id_):
        rounds = self.random.randint(1, 3)
        inner = place.inside(readable + [id_], round_=True, often=place.often * 3)
        body = self.fragment(inner, self.random.randint(1, 3))
        condition = self.weighted([("$.round < %d" % rounds, 4), ("$.input.n < 0", 1),
                                   ("$.nodes.%s.size() < 1" % member(id_), 1),
                                   ("$.input.n > 3", 1)])
        if self.wild(0.05):
            condition = "$.round"
        node = {"repeat": {"body": body, "while": condition, "max": self.random.randint(rounds, 3)}}
        if self.calm or self.chance(0.6):
            node["on_exhausted"] = "complete"
        if self.chance(0.2):
            self.guarded(nodes, id_, node, 1)
        return node

    def make_workflow(self, place, readable, nodes, id_):
        if self.wild(0.06) or not self.children:
            node = {"workflow": "nowhere"}
            self.guarded(nodes, id_, node, 0.6)
            return node
        name = "g%d.w%d" % (self.number, len(self.workflows))
        self.workflows[name] = None
        inner = Place(depth=place.depth + 2, often=place.often, sequential=place.sequential,
                      child=True, rewrites=place.rewrites)
        self.workflows[name] = self.graph(inner, self.random.randint(1, 3))
        node = {"workflow": name}
        if self.chance(0.7):
            node["input"] = {"n": dollar("$.input.n"), "list": [1, 2], "s": "child", "mixed": [1, "x", None],
                             "empty": [], "objects": [{"v": 1}], "pause": "4 s",
                             "got": self.template(place, readable)}
        self.guarded(nodes, id_, node, 0.5)
        return node

    def kind(self, place):
        composite = 1.0 if place.depth < 4 and place.often <= 12 and self.n_nodes < 60 else 0
        deep = composite if place.depth < 3 and not (place.child and place.depth > 2) else 0
        return self.weighted([
            (self.make_action, 5), (self.make_pure, 3), (self.make_delay, 1),
            (self.make_signal, 0.7 if not place.child else 0), (self.make_noop, 1),
            (self.make_choose, 1.6 * composite), (self.make_map, 1.4 * composite),
            (self.make_repeat, 1.2 * composite), (self.make_workflow, (0.8 if self.children else 0.1) * deep)])

    def nodes(self, place, n):
        """Nodes and, by id, the ids of this fragment that are their ancestors."""
        ids = self.random.sample(IDS, min(n, len(IDS)))
        nodes, above = {}, {}
        for i, id_ in enumerate(ids):
            before = ids[i - 1:i] if self.line else [other for other in ids[:i] if self.chance(0.45)]
            above[id_] = sorted(set(before).union(*(above[b] for b in before)))
            shadowed = [name for name in place.outer if name not in ids]
            readable = above[id_] + shadowed
            self.n_nodes += 1
            node = self.kind(place)(place, readable, nodes, id_)
            if before:
                node["after"] = before
            if self.chance(0.2):
                node["when"] = self.condition(place, readable)
            if self.chance(0.1):
                node["on_skip"] = "run"
            nodes[id_] = node
        return nodes, above

    def fragment(self, place, n):
        nodes, above = self.nodes(place, n)
        fragment = {"nodes": nodes}
        for id_, node in nodes.items():
            # edges may stand apart as well
            if "after" in node and self.chance(0.3):
                fragment.setdefault("edges", []).extend([other, id_] for other in node.pop("after"))
        edges = {tuple(edge) for edge in fragment.get("edges", [])}
        edges |= {(other, id_) for id_, node in nodes.items() for other in node.get("after", [])}
        handlers = {node["on_error"]["goto"]: id_ for id_, node in nodes.items()
                    if isinstance(node.get("on_error"), dict)}
        exits = [id_ for id_ in nodes if not any(a == id_ for a, b in edges)]
        if handlers or self.chance(0.2):
            # who has a handler leads on to it; both are ways out
            fragment["exits"] = self.random.sample(exits, len(exits))
        if self.chance(0.1):
            entries = [id_ for id_ in nodes if id_ not in handlers and not any(b == id_ for a, b in edges)]
            fragment["entries"] = self.random.sample(entries, len(entries))
        return fragment

    def graph(self, place, n):
        nodes, above = self.nodes(place, n)
        graph = {"nodes": nodes, "config": {"k": self.pick(1, "c")}}
        if self.chance(0.4):
            graph["output"] = self.template(place, sorted(nodes))
        if self.calm:
            graph["budget"] = {"nodes": 900, "edges": 9000, "depth": 900, "frontier": 900, "operations": 900}
        elif self.chance(0.5):
            graph["budget"] = {dimension: self.random.randint(0, most) for dimension, most in
                               [("nodes", 20), ("edges", 60), ("depth", 12), ("frontier", 6), ("operations", 6)]
                               if self.chance(0.5)}
        if self.wild(0.04):
            graph["deadline"] = self.pick("4 s", "1 hour")
        return graph

    def make(self):
        graph = self.graph(Place(), self.weighted([(1, 1), (2, 2), (3, 3), (5, 3), (8, 1)]))
        case = {"n": self.number, "calm": self.calm, "graph": graph,
                "input": {"n": self.random.randint(0, 7), "s": "text", "list": [1, 2, 3][:self.random.randint(1, 3)],
                          "mixed": [1, "x", None, [2]], "empty": [], "objects": [{"v": 1}, {"v": [2, 3]}],
                          "pause": "7 s"},
                "bindings": self.bindings, "signals": self.signals, "workflows": self.workflows}
        if not self.calm and self.chance(0.3):
            case["budget"] = {dimension: self.random.randint(0, 8) for dimension in
                              ["nodes", "edges", "depth", "frontier", "operations"] if self.chance(0.5)}
        return case


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("seed")
    parser.add_argument("count", type=int)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--only", type=int)
    parser.add_argument("--sort", choices=SORTS + [MIXED], help="of one sort only")
    options = parser.parse_args()
    numbers = range(options.first, options.first + options.count)
    for number in [options.only] if options.only is not None else numbers:
        case = Case(options.seed, number, options.sort or SORTS[number % 3])
        json.dump(case.make(), sys.stdout, separators=(",", ":"))
        sys.stdout.write("\n")


if __name__ == "__main__":
    main()
