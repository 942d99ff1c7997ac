"""Test Anything Protocol, as far as these tests need it."""

import sys


class Tap:
    def __init__(self):
        self.n = 0
        self.failed = 0
        self.skipped = 0

    def line(self, ok, name):
        self.n += 1
        print("%sok %d - %s" % ("" if ok else "not ", self.n, name), flush=True)

    def ok(self, good, name):
        self.failed += not good
        self.line(good, name)
        return good

    def same(self, got, expected, name):
        """Two lists of texts."""
        if self.ok(got == expected, name):
            return True
        for text in [t for t in expected if t not in got]:
            self.note("missing: %s" % text)
        for text in [t for t in got if t not in expected]:
            self.note("not expected: %s" % text)
        if sorted(got) == sorted(expected):
            self.note("the same in another order: %s" % ", ".join(got))
        return False

    def skip(self, name, why):
        self.skipped += 1
        self.line(True, "%s # SKIP %s" % (name.replace("#", "-"), why))

    def note(self, text):
        for line in text.split("\n"):
            print("# " + line, file=sys.stderr, flush=True)

    def done(self):
        print("1..%d" % self.n)
        print("# %d tests, %d failed, %d skipped" % (self.n, self.failed, self.skipped))
        return 1 if self.failed else 0
