/*
 * test_status.c
 *		The four questions of semantics section 2: by cases, and on random graphs
 *		against a brute-force reading of the same sentences.
 *
 * Usage: test_status [seed [rounds]]
 */
#include "postgres_fe.h"

#include "core/status.h"

#include "common/pg_prng.h"

#include "tap.h"

#define MAX_N 24

static PulseArena *arena;

/* A graph of single letters from its short form with ' for ". */
static PulseGraph *
graph_of(const char *text)
{
	char *copy = pulse_arena_strdup(arena, text);
	const PulseJson *doc;
	PulseGraph *graph;
	PulseDiag d;

	for (char *p = copy; *p != '\0'; p++)
	{
		if (*p == '\'')
			*p = '"';
	}
	pulse_diag_init(&d, arena);
	doc = pulse_json_parse(arena, copy, strlen(copy), &d);
	graph = doc == NULL ? NULL : pulse_graph_read(doc, PULSE_GRAPH_LIVE, &d);
	if (graph == NULL)
	{
		printf("Bail out! %s\n", d.n > 0 ? d.items[0].message : "no graph");
		exit(1);
	}
	return graph;
}

/* Statuses from letters: p r w i c R s f, in id order. */
static void
statuses_of(const char *letters, PulseStatus *status)
{
	static const char order[] = "prwicRsf";

	for (int i = 0; letters[i] != '\0'; i++)
		status[i] = (PulseStatus) (strchr(order, letters[i]) - order);
}

static const char *
letters_of(const PulseStatus *status, int n)
{
	char *s = pulse_arena_alloc(arena, (size_t) n + 1);

	for (int i = 0; i < n; i++)
		s[i] = "prwicRsf"[status[i]];
	s[n] = '\0';
	return s;
}

static const char *
ids_of(const PulseGraph *graph, const int *list, int n)
{
	char *s = pulse_arena_strdup(arena, "");

	for (int i = 0; i < n; i++)
		s = pulse_arena_printf(arena, "%s%s", s, list[i] < 0 ? "-" : graph->nodes[list[i]]->id);
	return s;
}

static void
case_of(const char *edges, const char *given, const char *frontier, const char *closed,
		const char *causes, const char *recovered, const char *class)
{
	PulseGraph *g = graph_of(edges);
	PulseStatus status[MAX_N];
	PulseStatus work[MAX_N];
	int list[MAX_N];
	int n;
	const char *name = pulse_arena_printf(arena, "%s %s", edges, given);

	statuses_of(given, status);
	memcpy(work, status, sizeof(work));
	n = pulse_closure(g, work, list);
	is(letters_of(work, g->n_nodes), closed, pulse_arena_printf(arena, "closure of %s", name));
	is(ids_of(g, list, g->n_nodes), causes, "its causes");
	ok((n > 0) == (strcmp(given, closed) != 0), "and the number of changes");
	n = pulse_frontier(g, work, list);
	is(ids_of(g, list, n), frontier, "frontier of the closed state");
	is(pulse_class_name(pulse_classify(g, work)), class, "classification");
	memcpy(work, status, sizeof(work));
	pulse_recover(g, work);
	is(letters_of(work, g->n_nodes), recovered, "recovery");
	pulse_graph_free(g);
}

#define DIAMOND "{'edges': [['a','b'],['a','c'],['b','d'],['c','d']]}"
#define PATH "{'edges': [['a','b'],['b','c'],['c','d']]}"

static void
test_cases(void)
{
	case_of("{}", "", "", "", "", "", "completed");
	case_of("{'nodes': ['a']}", "p", "a", "p", "-", "p", "progressing");
	case_of("{'nodes': ['a']}", "r", "", "r", "-", "p", "in_flight");
	case_of("{'nodes': ['a']}", "w", "", "w", "-", "w", "suspended");
	case_of("{'nodes': ['a']}", "i", "", "i", "-", "p", "stuck");
	case_of("{'nodes': ['a']}", "c", "", "c", "-", "c", "completed");
	case_of("{'nodes': ['a']}", "R", "", "R", "-", "R", "completed");
	case_of("{'nodes': ['a']}", "s", "", "s", "-", "s", "completed");
	case_of("{'nodes': ['a']}", "f", "", "f", "-", "f", "failed");

	case_of(DIAMOND, "pppp", "a", "pppp", "----", "pppp", "progressing");
	case_of(DIAMOND, "crpp", "c", "crpp", "----", "cppp", "progressing");
	case_of(DIAMOND, "crrp", "", "crrp", "----", "cppp", "in_flight");
	case_of(DIAMOND, "cscp", "d", "cscp", "----", "cscp", "progressing");
	case_of(DIAMOND, "cRsp", "d", "cRsp", "----", "cRsp", "progressing");
	case_of(DIAMOND, "cwcp", "", "cwcp", "----", "cwcp", "suspended");
	case_of(DIAMOND, "cwrp", "", "cwrp", "----", "cwpp", "in_flight");
	case_of(DIAMOND, "cfpp", "c", "cfpf", "---b", "cfpf", "failed");
	case_of(DIAMOND, "cfrp", "", "cfrf", "---b", "cfpf", "failed");
	case_of(DIAMOND, "cffp", "", "cfff", "---b", "cfff", "failed");
	case_of(DIAMOND, "fppp", "", "ffff", "-aaa", "ffff", "failed");
	case_of(DIAMOND, "ciip", "", "ciip", "----", "cppp", "stuck");
	case_of(DIAMOND, "cccc", "", "cccc", "----", "cccc", "completed");

	/* the walk passes through nodes of any status, and changes those two only */
	case_of(PATH, "fcsp", "", "fcsf", "---a", "fcsf", "failed");
	case_of(PATH, "frip", "", "frif", "---a", "ffff", "failed");
	case_of(PATH, "fwfp", "", "ffff", "-a-a", "ffff", "failed");
	case_of(PATH, "cpfp", "b", "cpff", "---c", "cpff", "failed");
	case_of("{'edges': [['b','c'],['a','c'],['c','d']]}", "ffcp", "", "ffcf", "---a", "ffcf", "failed");
	/* cause: lowest among those that failed by themselves, wherever they are */
	case_of("{'edges': [['z','m'],['m','a'],['a','b']]}", "ppff", "", "ffff", "mm--", "ffff", "failed");
	/* (ids in order: a b m z) */
}

static void
test_names(void)
{
	bool good = true;

	for (int i = 0; i <= PULSE_FAILED; i++)
	{
		PulseStatus s;

		good &= pulse_status_parse(pulse_status_name((PulseStatus) i), &s) && (int) s == i;
	}
	for (int i = PULSE_REASON_WHEN; i <= PULSE_REASON_CLOSURE; i++)
	{
		PulseReason r;

		good &= pulse_reason_parse(pulse_reason_name((PulseReason) i), &r) && (int) r == i;
	}
	ok(good, "names of statuses and reasons go both ways");
	is(pulse_reason_name(PULSE_REASON_NONE), NULL, "no reason has no name");
}

/*
 * ---------------------------------------------------------------------
 * Brute force: matrices instead of walks
 * ---------------------------------------------------------------------
 */

typedef struct Reference
{
	int n;
	bool edge[MAX_N][MAX_N];
	bool before[MAX_N][MAX_N];
} Reference;

static void
random_graph(pg_prng_state *prng, Reference *ref, StringInfo text)
{
	int density = (int) (pg_prng_uint64(prng) % 100);
	bool first = true;

	memset(ref, 0, sizeof(*ref));
	ref->n = (int) (pg_prng_uint64(prng) % (MAX_N + 1));
	appendStringInfoString(text, "{'edges': [");
	for (int a = 0; a < ref->n; a++)
	{
		/* an order that is not the order of ids: by the number times 7 */
		for (int b = 0; b < ref->n; b++)
		{
			if ((a * 7) % 31 >= (b * 7) % 31 || (int) (pg_prng_uint64(prng) % 100) >= density / 2)
				continue;
			ref->edge[a][b] = ref->before[a][b] = true;
			appendStringInfo(text, "%s['%c','%c']", first ? "" : ",", 'a' + a, 'a' + b);
			first = false;
		}
	}
	appendStringInfoString(text, "], 'nodes': [");
	for (int a = 0; a < ref->n; a++)
		appendStringInfo(text, "%s'%c'", a > 0 ? "," : "", 'a' + a);
	appendStringInfoString(text, "]}");
	for (int k = 0; k < ref->n; k++)
	{
		for (int a = 0; a < ref->n; a++)
		{
			for (int b = 0; b < ref->n; b++)
				ref->before[a][b] |= ref->before[a][k] && ref->before[k][b];
		}
	}
}

static bool
unblocks(PulseStatus s)
{
	return s == PULSE_COMPLETED || s == PULSE_REWRITTEN || s == PULSE_SKIPPED;
}

static bool
ref_ready(const Reference *ref, const PulseStatus *s, int x)
{
	bool ready = s[x] == PULSE_PENDING;

	for (int a = 0; a < ref->n; a++)
		ready &= !ref->edge[a][x] || unblocks(s[a]);
	return ready;
}

static void
ref_closure(const Reference *ref, const PulseStatus *in, PulseStatus *out, int *cause)
{
	for (int x = 0; x < ref->n; x++)
	{
		cause[x] = -1;
		out[x] = in[x];
		if (in[x] != PULSE_PENDING && in[x] != PULSE_WAITING)
			continue;
		for (int a = ref->n - 1; a >= 0; a--)
		{
			if (ref->before[a][x] && in[a] == PULSE_FAILED)
				cause[x] = a;
		}
		if (cause[x] >= 0)
			out[x] = PULSE_FAILED;
	}
}

static PulseClass
ref_classify(const Reference *ref, const PulseStatus *s)
{
	bool ready = false,
		 running = false,
		 waiting = false,
		 all = true;

	for (int x = 0; x < ref->n; x++)
	{
		if (s[x] == PULSE_FAILED)
			return PULSE_CLASS_FAILED;
		ready |= ref_ready(ref, s, x);
		running |= s[x] == PULSE_RUNNING;
		waiting |= s[x] == PULSE_WAITING;
		all &= unblocks(s[x]);
	}
	return ready ? PULSE_CLASS_PROGRESSING : running ? PULSE_CLASS_IN_FLIGHT
										 : all		 ? PULSE_CLASS_COMPLETED
										 : waiting	 ? PULSE_CLASS_SUSPENDED
													 : PULSE_CLASS_STUCK;
}

typedef struct Tally
{
	int closure;
	int cause;
	int idempotent;
	int frontier;
	int classify;
	int recover;
	int progress;
	int classes[PULSE_CLASS_STUCK + 1];
} Tally;

static void
check_random(pg_prng_state *prng, const Reference *ref, const PulseGraph *g, Tally *bad)
{
	PulseStatus given[MAX_N + 1];
	PulseStatus mine[MAX_N + 1];
	PulseStatus theirs[MAX_N + 1];
	PulseStatus again[MAX_N + 1];
	int cause[MAX_N + 1];
	int their_cause[MAX_N + 1];
	int list[MAX_N + 1];
	int n = ref->n;
	int mode = (int) (pg_prng_uint64(prng) % 4);
	int k;
	int at = 0;
	size_t bytes = sizeof(PulseStatus) * (size_t) n;

	for (int i = 0; i < n; i++)
	{
		/* all statuses, or mostly benign ones, so that every class occurs */
		given[i] = (PulseStatus) (pg_prng_uint64(prng) % 8);
		if (mode > 0 && given[i] == PULSE_FAILED)
			given[i] = PULSE_COMPLETED;
		if (mode > 1 && (given[i] == PULSE_RUNNING || given[i] == PULSE_PENDING))
			given[i] = mode == 2 ? PULSE_WAITING : PULSE_INTERRUPTED;
	}

	memcpy(mine, given, bytes);
	k = pulse_closure(g, mine, cause);
	ref_closure(ref, given, theirs, their_cause);
	bad->closure += memcmp(mine, theirs, bytes) != 0;
	bad->cause += memcmp(cause, their_cause, sizeof(int) * (size_t) n) != 0;
	for (int i = 0; i < n; i++)
		k -= given[i] != mine[i];
	bad->closure += k != 0;

	memcpy(again, mine, bytes);
	bad->idempotent += pulse_closure(g, again, NULL) != 0 || memcmp(again, mine, bytes) != 0;

	k = pulse_frontier(g, mine, list);
	for (int i = 0; i < n; i++)
	{
		if (ref_ready(ref, mine, i))
			bad->frontier += at >= k || list[at++] != i;
	}
	bad->frontier += at != k;

	bad->classify += pulse_classify(g, mine) != ref_classify(ref, mine);
	bad->classes[pulse_classify(g, mine)]++;

	/* recovery: reset, closure; twice is once; nothing runs afterwards */
	memcpy(mine, given, bytes);
	pulse_recover(g, mine);
	for (int i = 0; i < n; i++)
		again[i] = given[i] == PULSE_RUNNING || given[i] == PULSE_INTERRUPTED ? PULSE_PENDING : given[i];
	ref_closure(ref, again, theirs, their_cause);
	bad->recover += memcmp(mine, theirs, bytes) != 0;
	memcpy(again, mine, bytes);
	pulse_recover(g, again);
	bad->recover += memcmp(mine, again, bytes) != 0;
	for (int i = 0; i < n; i++)
		bad->recover += mine[i] == PULSE_RUNNING || mine[i] == PULSE_INTERRUPTED;
}

/* Completing ready nodes one after the other ends every graph, never stuck. */
static void
check_progress(pg_prng_state *prng, const Reference *ref, const PulseGraph *g, Tally *bad)
{
	PulseStatus s[MAX_N + 1] = {PULSE_PENDING};
	int list[MAX_N + 1];
	int steps = 0;

	while (pulse_classify(g, s) == PULSE_CLASS_PROGRESSING && steps <= ref->n)
	{
		int k = pulse_frontier(g, s, list);

		s[list[pg_prng_uint64(prng) % (uint64) k]] =
			pg_prng_uint64(prng) % 3 == 0 ? PULSE_SKIPPED : PULSE_COMPLETED;
		steps++;
	}
	bad->progress += pulse_classify(g, s) != PULSE_CLASS_COMPLETED || steps != ref->n;
}

static void
test_random(uint64 seed, int rounds)
{
	pg_prng_state prng;
	Tally bad = {0};
	bool all = true;

	pg_prng_seed(&prng, seed);
	for (int r = 0; r < rounds; r++)
	{
		Reference ref;
		StringInfoData text;
		PulseGraph *g;

		initStringInfo(&text);
		random_graph(&prng, &ref, &text);
		g = graph_of(text.data);
		for (int k = 0; k < 20; k++)
			check_random(&prng, &ref, g, &bad);
		check_progress(&prng, &ref, g, &bad);
		pulse_graph_free(g);
		pfree(text.data);
		pulse_arena_reset(arena);
	}
	is_int(bad.closure, 0, "closure agrees with brute force");
	is_int(bad.cause, 0, "causes agree");
	is_int(bad.idempotent, 0, "closure is idempotent");
	is_int(bad.frontier, 0, "frontier agrees and is in id order");
	is_int(bad.classify, 0, "classification agrees");
	is_int(bad.recover, 0, "recovery agrees, is idempotent and leaves nothing running");
	is_int(bad.progress, 0, "graphs complete whatever the order, in as many steps as nodes");
	for (int c = 0; c <= PULSE_CLASS_STUCK; c++)
		all &= bad.classes[c] > 0;
	ok(all || rounds < 100, "every class occurred");
}

int
main(int argc, char **argv)
{
	uint64 seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 20261121;
	int rounds = argc > 2 ? atoi(argv[2]) : 1000;

	diag("seed %llu, %d graphs", (unsigned long long) seed, rounds);
	arena = pulse_arena_create(0);
	test_names();
	test_cases();
	test_random(seed, rounds);
	pulse_arena_free(arena);
	return tap_done();
}
