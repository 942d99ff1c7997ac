"""Compares docs/reference/ with what is installed, and with the sources.

Whatever exists is described, and whatever is described exists: functions with their
arguments, columns with their types, settings with their defaults and bounds, codes of
errors, keys of the graph format, rows of doctor(). The sources are read where the
catalog does not know: codes are literals there.
"""

import glob
import os
import re
import subprocess

REFERENCE = "docs/reference/"
LINE = 88
CODE = re.compile(r"^\|\s*`([^`]+)`\s*\|", re.M)
ROW = re.compile(r"^\|(.+)\|\s*$")


def read(path):
    with open(path, encoding="utf-8") as page:
        return page.read()


def sources(*patterns):
    return {path: read(path) for pattern in patterns for path in sorted(glob.glob(pattern))}


def query(sql):
    """Rows of lists of texts, from a database with the extension."""
    out = subprocess.run(["psql", "-Xqt", "-A", "-F", "\x1f", "-R", "\x1e", "-d", "docs_reference",
                          "-v", "ON_ERROR_STOP=1", "-c", sql],
                         check=True, text=True, capture_output=True).stdout
    return [row.split("\x1f") for row in out.rstrip("\n").split("\x1e") if row]


def cells(line):
    match = ROW.match(line)
    if not match:
        return None
    return [c.strip().replace("\\|", "|") for c in re.split(r"(?<!\\)\|", match.group(1))]


def table_after(text, header):
    """The rows of the first table whose header begins with these cells."""
    lines = text.split("\n")
    for at, line in enumerate(lines):
        row = cells(line)
        if row and row[:len(header)] == header:
            found = []
            for below in lines[at + 2:]:
                row = cells(below)
                if row is None:
                    break
                found.append(row)
            return found
    return []


def sections(text, level=3):
    """Bodies by heading; a heading is the code in "### `name`"."""
    found = {}
    name = None
    fenced = False
    for line in text.split("\n"):
        fenced ^= line.startswith("```")
        heading = None if fenced else re.match(r"^(#+) (.*)$", line)
        if heading and len(heading.group(1)) <= level:
            code = re.fullmatch(r"`([^`]+)`", heading.group(2).strip())
            name = code.group(1) if code and len(heading.group(1)) == level else None
            if name is not None:
                found[name] = []
        elif name is not None:
            found[name].append(line)
    return {k: "\n".join(v) for k, v in found.items()}


# ---- functions ----

PROCS = """
SELECT p.oid::regproc::text, p.prokind, p.proretset,
       pg_get_function_arguments(p.oid), format_type(p.prorettype, NULL)
FROM pg_proc p
WHERE p.pronamespace = 'pulse'::regnamespace
ORDER BY 1"""


def plain_type(text):
    text = re.sub(r"::[a-z \[\]]+", "", text)
    return text.replace("timestamp with time zone", "timestamptz").replace(" DEFAULT ", " = ")


def signature(name, kind, retset, arguments, result):
    """How a function is written in the reference."""
    into, out = [], []
    for argument in plain_type(arguments).split(", ") if arguments else []:
        mode, _, rest = argument.partition(" ")
        if mode == "OUT":
            out.append(rest)
        elif mode == "INOUT":
            into.append(argument if kind == "p" else rest)
            if kind != "p":
                out.append(rest)
        else:
            into.append(rest if mode == "IN" else argument)
    if kind == "p":
        head, tail = "CALL " + name, ""
    else:
        head = name
        what = "(%s)" % ", ".join(out) if out else plain_type(result)
        tail = " → " + ("rows " if retset == "t" else "") + what
    line = "%s(%s)%s" % (head, ", ".join(into), tail)
    if len(line) <= LINE:
        return line
    line = "%s(\n    %s)" % (head, ",\n    ".join(into))
    if len(line.split("\n")[-1] + tail) > LINE:
        tail = tail.replace(" → ", "\n    → ")
    return line + tail


def functions(tap):
    text = read(REFERENCE + "functions.md")
    found = sections(text)
    installed = {row[0]: signature(*row) for row in query(PROCS)}
    tap.same(sorted(found), sorted(installed), "functions.md describes all functions")
    for name in sorted(set(found) & set(installed)):
        block = re.search(r"```text\n(.*?)\n```", found[name], re.S)
        shown = block.group(1) if block else ""
        if not tap.ok(shown == installed[name], "signature of %s" % name):
            tap.note("installed:\n" + installed[name])
        prose = re.sub(r"```.*?```", "", found[name], flags=re.S)
        arguments = re.findall(r"(?:^|\(|, |,\n {4}|INOUT )(\w+) [a-z\"]", installed[name].split("→")[0])
        missing = [a for a in arguments if a not in ("CALL", "INOUT") and "`%s`" % a not in prose and "`%s =>" % a not in prose]
        tap.same(missing, [], "arguments of %s are explained" % name)
    later = re.search(r"\n## Not in this version\n(.*)", text, re.S)
    named = re.findall(r"`(\w+)`", later.group(1)) if later else []
    tap.same([n for n in named if "pulse." + n in installed], [],
             "functions.md calls nothing planned that is there")

    causes = re.findall(r'\bput\(\s*&?why,\s*[^,]+,\s*[^,]+,\s*"([a-z_ ]+)"', read("src/api/why.c"))
    rows = table_after(found.get("pulse.why", ""), ["`cause`"])
    shown = [code for row in rows for code in re.findall(r"`([^`]+)`", row[0])]
    tap.same(sorted(shown), sorted(set(causes)), "the causes of why() are explained")


# ---- views ----

COLUMNS = """
SELECT c.oid::regclass::text, a.attname, format_type(a.atttypid, a.atttypmod)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = 'pulse'::regnamespace AND c.relkind = 'v' AND a.attnum > 0
ORDER BY 1, a.attnum"""


def views(tap):
    found = sections(read(REFERENCE + "views.md"))
    installed = {}
    for view, column, of in query(COLUMNS):
        installed.setdefault(view, []).append("%s %s" % (column, plain_type(of)))
    tap.same(sorted(found), sorted(installed), "views.md describes all views")
    for name in sorted(set(found) & set(installed)):
        rows = table_after(found[name], ["column", "type"])
        shown = ["%s %s" % (row[0].strip("`"), row[1]) for row in rows]
        tap.same(shown, installed[name], "columns of %s" % name)
        tap.ok(all(len(row) == 3 and row[2] for row in rows), "columns of %s are explained" % name)


# ---- settings ----

SETTINGS = """
SELECT name, vartype, boot_val || coalesce(' ' || unit, ''),
       coalesce(min_val, ''), coalesce(max_val, ''), context
FROM pg_settings WHERE name LIKE 'pulse.%' ORDER BY name"""
CONTEXTS = {"sighup": "reload", "postmaster": "restart", "superuser": "superuser", "user": "session"}


def settings(tap):
    rows = table_after(read(REFERENCE + "settings.md"), ["setting", "type"])
    shown = [" | ".join(c.replace("`", "") for c in row[:5]) for row in rows]
    installed = []
    for name, kind, default, low, high, context in query(SETTINGS):
        bounds = "%s to %s" % (low, high) if low else ""
        if kind == "string":
            default = "'%s'" % default
        installed.append(" | ".join([name, {"bool": "boolean", "string": "text"}.get(kind, kind),
                                     default, bounds, CONTEXTS[context]]))
    tap.same(shown, installed, "settings.md lists the settings as they are")
    found = sections(read(REFERENCE + "settings.md"))
    tap.same(sorted(found), [row.split(" | ")[0] for row in installed], "each setting is explained")


# ---- errors ----

CLASS_CALLS = re.compile(
    r"""(?:pulse_step_error\(step,|simple_error\(arena,|pulse_call_hold\(e,\ call,|
        pulse_work_quarantine\(e,\ \w+(?:\[i\])?,|spill\(e,[^;"]*|
        "class",(?:\ 5,)?\s*pulse_json_string\(step->scratch,)\s*"([a-z_]+)\"""", re.X)


def errors(tap):
    text = read(REFERENCE + "errors.md")
    own = re.findall(r"MAKE_SQLSTATE\('P', 'U', '(\d)', '(\d)', '(\d)'\)", read("src/base/errors.h"))
    tap.same([row[0].strip("`") for row in table_after(text, ["SQLSTATE", "of pulse"])],
             sorted("PU" + "".join(digits) for digits in own), "errors.md lists the codes of pulse")

    used = set()
    for body in sources("src/api/*.c", "src/store/*.c").values():
        used |= set(re.findall(r"errcode\(ERRCODE_(?!PULSE_)([A-Z_]+)\)", body))
    shown = [row[1].strip("`") for row in table_after(text, ["SQLSTATE", "name"])]
    tap.same(sorted(shown), sorted(name.lower() for name in used),
             "errors.md lists the other codes that functions raise")

    codes = re.findall(r'^\t\{"(\w+)", (true|false),', read("src/core/graph_codes.c"), re.M)
    shown = re.findall(r"^\| `(\w+)` \| (error|warning) \|", text, re.M)
    tap.same(["%s %s" % pair for pair in shown],
             ["%s %s" % (c, "warning" if w == "true" else "error") for c, w in codes],
             "errors.md lists the codes of findings")

    classes = set(re.findall(r"^ \*\t(\w+)\t+\S", read("src/core/answer.h"), re.M))
    for body in sources("src/core/*.c", "src/engine/*.c").values():
        classes |= set(CLASS_CALLS.findall(body))
    shown = [row[0].strip("`") for row in table_after(text, ["class", "of an error"])]
    tap.same(sorted(shown), sorted(classes), "errors.md lists the classes of errors")


def rejections(tap):
    """Why rewrites are rejected, and what their checks find."""
    growth = read("src/core/growth.c")
    codes = set(re.findall(r'record->code = "([a-z_]+)"', growth))
    shown = [row[0].strip("`") for row in table_after(read(REFERENCE + "errors.md"), ["code", "meaning"])]
    tap.same(sorted(shown), sorted(codes), "errors.md lists why rewrites are rejected")

    found = set()
    for body in sources("src/core/fragment.c", "src/core/rewrite.c", "src/core/graph_body.c").values():
        for pair in re.findall(r'pulse_rewrite_error\([^,]+,\s*(?:\w+ \? "(\w+)" : )?"(\w+)"', body):
            found |= {code for code in pair if code}
    shown = [code for row in table_after(read("docs/rewrites.md"), ["group", "codes"])
             for code in re.findall(r"`([a-z_]+)`", row[1]) if code != "goto"]
    tap.same(sorted(shown), sorted(found), "rewrites.md lists the codes of the checks")


# ---- graph format ----

def graph_format(tap):
    text = read(REFERENCE + "graph-format.md")
    source = read("src/core/graph_node.c")
    later = set(re.findall(r'\{"(\w+)", [^}]*key_later\}', source))
    keys = set(re.findall(r'^\t\{"(\w+)", [^}]*key_\w+\}', source, re.M)) - later
    # in no definition, only in documents of graphs that have grown
    keys.discard("collect")
    shown = [row[0].strip("`") for header in (["kind", "value"], ["key", "value"])
             for row in table_after(text, header)]
    tap.same(sorted(shown), sorted(keys), "graph-format.md lists the keys of nodes")
    for kind in sorted(later):
        tap.ok("`%s`" % kind in text, "graph-format.md says that %s is not available" % kind)
    top = re.search(r"long_keys\[\] = \{(.*?), NULL\}", read("src/core/graph_read.c"), re.S)
    tap.same(sorted(row[0].strip("`") for row in table_after(text, ["top-level key"])),
             sorted(re.findall(r'"(\w+)"', top.group(1)) + ["steps"]), "graph-format.md lists the keys at the top")
    for what, function, body in (("a map", "key_map", source), ("a repeat", "key_repeat", source),
                                 ("a fragment", "check_keys", read("src/core/fragment.c"))):
        inner = re.search(r"\n%s\(.*?keys\[\] = \{(.*?)\};" % function, body, re.S)
        tap.same(sorted(row[0].strip("`") for row in table_after(text, ["key of " + what])),
                 sorted(re.findall(r'"(\w+)"', inner.group(1))), "graph-format.md lists the keys of %s" % what)
    lists = re.findall(r"keys\[\] = \{(.*?)NULL", read("src/core/steps.c"), re.S)
    linear = re.search(r"\n## Linear form\n(.*?)\n## ", text, re.S).group(1)
    tap.same([key for key in sorted(set(re.findall(r'"(\w+)"', " ".join(lists)))) if "`%s`" % key not in linear], [],
             "graph-format.md tells of the keys of steps")


# ---- other pages ----

def doctor(tap):
    items = [row[0] for row in query("SELECT item FROM pulse.doctor()")]
    shown = [row[0].strip("`") for row in table_after(read("docs/operations.md"), ["item", "fails when"])]
    tap.same(shown, items, "operations.md explains the rows of doctor()")


def links(tap, pages):
    """Every relative link of a page leads to a file, and to a heading there."""
    for page in pages:
        broken = []
        for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"```.*?```", "", read(page), flags=re.S)):
            if re.match(r"[a-z]+:", target):
                continue
            path, _, anchor = target.partition("#")
            file = os.path.normpath(os.path.join(os.path.dirname(page), path)) if path else page
            if not os.path.exists(file):
                broken.append(target)
            elif anchor:
                anchors = [re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-")
                           for h in re.findall(r"^#+ (.*)$", read(file), re.M)]
                if anchor not in anchors:
                    broken.append(target)
        tap.same(broken, [], "links of %s" % page)


def check(tap, pages):
    subprocess.run(["createdb", "docs_reference"], check=True)
    query("CREATE EXTENSION pulse")
    functions(tap)
    views(tap)
    settings(tap)
    errors(tap)
    rejections(tap)
    graph_format(tap)
    doctor(tap)
    links(tap, pages)
