#!/usr/bin/env python3
"""The ledger of the test host: what really happened, whatever pulse believes.

A ledger is a file of JSON lines, one per delivery, written before the delivery is
answered. Read it with load() and judge it with check():

    python3 test/host/ledger.py LEDGER [--expect-keys N] [--quiet]

exits with 1 and prints every violation found:
  - a key applied more than once (the host itself would be broken)
  - a key that came with two different bodies
  - attempt numbers of a key that went down (in order of arrival)
  - a key that belongs to two activations, runs or nodes
  - a delivery whose signature or idempotency key was refused
"""

import argparse
import json
import sys


def load(path):
    """All entries; a last line cut off by a crash of the host is left out."""
    entries = []
    with open(path, "rb") as f:
        data = f.read()
    lines = data.split(b"\n")
    for n, line in enumerate(lines):
        if not line.strip():
            continue
        try:
            entries.append(json.loads(line))
        except ValueError:
            if n < len(lines) - 1 and not all(not rest.strip() for rest in lines[n + 1:]):
                raise ValueError("%s: line %d is damaged" % (path, n + 1))
    return entries


def check(entries, allow_rejected=False):
    """A list of violations, as texts."""
    bad = []
    applied = {}
    bodies = {}
    attempts = {}
    owners = {}
    for e in entries:
        key = e.get("key")
        outcome = e.get("outcome")
        if outcome == "rejected" and not allow_rejected:
            bad.append("rejected: %s (key %s)" % (e.get("reason"), key))
        if key is None or outcome in ("rejected", "cancel", "poll"):
            continue
        if outcome == "applied":
            applied[key] = applied.get(key, 0) + 1
            if applied[key] == 2:
                bad.append("applied twice: %s" % key)
        if bodies.setdefault(key, e.get("sha")) != e.get("sha"):
            bad.append("body changed: %s" % key)
        attempt = e.get("attempt")
        if attempt is not None:
            if attempt < attempts.get(key, attempt):
                bad.append("attempt went down: %s (%d after %d)" % (key, attempt, attempts[key]))
            attempts[key] = max(attempt, attempts.get(key, attempt))
        owner = (e.get("activation"), e.get("run"), e.get("node"))
        if owners.setdefault(key, owner) != owner:
            bad.append("key of two activations: %s" % key)
    return bad


def summary(entries):
    counts = {}
    keys = set()
    applied = set()
    for e in entries:
        counts[e.get("outcome")] = counts.get(e.get("outcome"), 0) + 1
        if e.get("key") and e.get("outcome") not in ("rejected", "cancel", "poll"):
            keys.add(e["key"])
        if e.get("outcome") == "applied":
            applied.add(e["key"])
    return {"deliveries": len(entries), "keys": len(keys), "applied_keys": len(applied),
            "outcomes": counts}


def main():
    p = argparse.ArgumentParser(description="check a ledger of the test host")
    p.add_argument("ledger")
    p.add_argument("--expect-keys", type=int, help="number of keys that must have been applied")
    p.add_argument("--allow-rejected", action="store_true")
    p.add_argument("--quiet", action="store_true")
    args = p.parse_args()

    entries = load(args.ledger)
    bad = check(entries, args.allow_rejected)
    facts = summary(entries)
    if args.expect_keys is not None and facts["applied_keys"] != args.expect_keys:
        bad.append("%d keys applied, %d expected" % (facts["applied_keys"], args.expect_keys))
    if not args.quiet:
        print(json.dumps(facts))
    for line in bad:
        print(line)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
