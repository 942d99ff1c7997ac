# Makefile of pulse.
#
#   make demo        a private cluster, a host and an order workflow, start to end
#   make check       all tests; nothing is installed into the system
#   make             build; make install installs into the server of PG_CONFIG
#   make lint        format, layers, headers, banned calls
#   make bench       figures, as ratios to a reference of the same run
#   make deps        install what building and testing need (Debian, as root)
#
# demo, check, lint and bench see to what they need by themselves, on a fresh machine too.
#
# Variables: PG_CONFIG=/path/to/pg_config; WERROR=1 warnings are errors; ASSERT=1 with
# assertions; KEEP=1 leaves the demo, or the directory of a check, in place;
# CHECK_DIR=dir builds and tests there, incrementally; TESTS="name ..." selects tests of
# a check-* target.

PG_CONFIG ?= $(or $(shell command -v pg_config 2>/dev/null), \
	$(lastword $(sort $(wildcard /usr/lib/postgresql/*/bin/pg_config))),pg_config)
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
CURL_CONFIG ?= curl-config

SHELL := /bin/bash
.DEFAULT_GOAL := all
export PG_CONFIG

SUITES = check-core check-regress check-isolation check-pgtap check-tap check-docs
FRONT = demo check bench deps lint $(SUITES)

# These see to what they need and call make anew for what is built, so that they work
# before the server headers are there.
ifeq ($(filter-out $(FRONT),$(or $(MAKECMDGOALS),all)),)

.PHONY: $(FRONT)

demo:
	@test/setup/deps --ensure demo
	@test/demo/demo

check:
	@test/setup/deps --ensure test
	@test/check

$(SUITES):
	@test/setup/deps --ensure test
	@test/check $(@:check-%=%)

lint:
	@test/setup/deps --ensure lint
	@$(MAKE) --no-print-directory lint-run

bench:
	@test/setup/deps --ensure demo
	@test/bench/bench $(W)

deps:
	@test/setup/deps --install test lint

else ifeq ($(and $(PGXS),$(wildcard $(PGXS))),)

all install lint-run:
	@echo "The PostgreSQL server headers are missing (PG_CONFIG=$(PG_CONFIG))." >&2
	@echo "As root on Debian, 'make deps' installs them and all else that is needed." >&2
	@test/setup/deps --explain test lint >&2
	@exit 1

clean distclean:
	@echo "Nothing to clean: the server headers are missing, so nothing was built."

else

EXTENSION = pulse
MODULE_big = pulse
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" pulse.control)

# Objects by name, a list for each layer, lowest layer first.

CORE = activate answer answer_time arena budget child diag draw draw_body draw_dot draw_items draw_mermaid draw_svg draw_text \
	expr_eval expr_lex expr_parse expr_refs fold_node fold_run format fragment graph graph_body graph_check graph_codes graph_grow graph_index graph_lower graph_node \
	graph_read graph_reader graph_refs growth inspect json json_value layout local local_bindings local_child local_event local_result local_trace lower number outcome plan_rewrite replay \
	retry rewrite sha256 sign state \
	stage status step steps suggest template timetext uuid
BASE = clock extension guc txn
HTTP = address mux request transfer
STORE = access_store batch_store child_store discover_store fact_store growth_store health_store host_store jsonb \
	load_store look_store part_store registry_store rows rowset spi stamp submit_store workflow_store
ENGINE = body cache call careful children collect engine hosts stream test_driver work write
WORKER = block launcher ownership shmem surroundings team utility_hook wake worker
API = access args define draw facts grown health hosts local look pulse_test rewrite submit wait why
CLI = findings input pulse_run run_job run_main

CORE_SRC = $(CORE:%=src/core/%.c)
CLI_SRC = $(CLI:%=src/cli/%.c)
OBJS = src/pulse.o $(BASE:%=src/base/%.o) $(CORE:%=src/core/%.o) \
	$(HTTP:%=src/http/%.o) $(STORE:%=src/store/%.o) $(ENGINE:%=src/engine/%.o) \
	$(WORKER:%=src/worker/%.o) $(API:%=src/api/%.o)

# The install script is made of the pieces in order.
SQL_PIECES = $(sort $(wildcard sql/[0-9][0-9]_*.sql))
DATA_built = sql/pulse--$(EXTVERSION).sql
DATA = $(wildcard sql/updates/pulse--*--*.sql)

# What the server must see: SQL-callable functions, entry points of processes.
SHLIB_EXPORTS = src/exports.txt
SHLIB_LINK = $(shell $(CURL_CONFIG) --libs 2>/dev/null || echo -lcurl)

PG_CPPFLAGS = -Isrc $(shell $(CURL_CONFIG) --cflags 2>/dev/null)
# Not in PG_CPPFLAGS: those are used for links as well.
PG_CFLAGS = -MMD -MP
STRICT = -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare \
	-Wno-missing-field-initializers -Wno-cast-function-type
PG_CFLAGS += $(STRICT)
ifdef WERROR
PG_CFLAGS += -Werror
endif
ifdef ASSERT
PG_CFLAGS += -DUSE_ASSERT_CHECKING
endif

# Front-end programs: pulse-run, unit tests.
FE_CORE_OBJS = $(CORE:%=src/core/%.fe.o)
FE_CLI_OBJS = $(CLI:%=src/cli/%.fe.o)
CORE_LIB = src/core/libpulse_core.a
HTTP_LIB = src/http/libpulse_http.a
CORE_TESTS = $(patsubst %.c,%,$(wildcard test/core/test_*.c test/core/expr_diff.c test/bench/local_probe.c))
FE_LINK = -L$(pkglibdir) -L$(libdir) -lpgcommon -lpgport -lm -lpthread

EXTRA_CLEAN = $(DATA_built) pulse-run $(FE_CORE_OBJS) $(FE_CLI_OBJS) \
	$(CORE_LIB) $(HTTP_LIB) $(CORE_TESTS) $(wildcard test/core/*.o) \
	src/exports.txt src/exports.list src/.build-flags \
	$(wildcard src/*/*.d src/*.d src/*/*.o test/core/*.d) \
	$(wildcard test/bench/*.fe.o test/bench/*.d) test/bench/bench_host results regression.diffs regression.out tmp_check

# Inlining by JIT would buy nothing and would need clang for every build.
override with_llvm := no

include $(PGXS)

all: pulse-run

sql/pulse--$(EXTVERSION).sql: $(SQL_PIECES) pulse.control
	cat $(SQL_PIECES) > $@.new && mv $@.new $@

src/exports.txt: $(OBJS:.o=.c)
	@{ echo "# made by make"; \
	  sed -n 's/^PG_FUNCTION_INFO_V1(\([a-z0-9_]*\));.*/\1\npg_finfo_\1/p' $^; \
	  echo Pg_magic_func; echo _PG_init; \
	  sed -n 's/^extern PGDLLEXPORT void \([a-z0-9_]*\)(Datum .*/\1/p' src/*/*.h; \
	} | awk '/^#/ {print; next} !seen[$$1]++ {print $$1, ++n}' > $@.new && mv $@.new $@

# Objects depend on the flags they were built with, archives and programs on the lists
# of objects.
BUILD_FLAGS := $(strip $(CC) $(CFLAGS) $(CPPFLAGS))
ifneq ($(strip $(file < src/.build-flags)),$(BUILD_FLAGS))
$(file > src/.build-flags,$(BUILD_FLAGS))
endif
$(OBJS) $(FE_CORE_OBJS) $(FE_CLI_OBJS) $(CORE_TESTS:%=%.fe.o): src/.build-flags

FE_OBJS = $(FE_CORE_OBJS) $(FE_CLI_OBJS) $(CORE_TESTS:%=%.fe.o)
$(FE_OBJS): %.fe.o: %.c
	$(CC) -DFRONTEND $(CFLAGS) $(CPPFLAGS) -c -o $@ $<

$(FE_CLI_OBJS): CPPFLAGS += -DPULSE_VERSION='"$(EXTVERSION)"'

$(CORE_LIB): $(FE_CORE_OBJS) Makefile
	rm -f $@ && $(AR) crs $@ $(filter %.o,$^)

$(HTTP_LIB): $(HTTP:%=src/http/%.o) Makefile
	rm -f $@ && $(AR) crs $@ $(filter %.o,$^)

pulse-run: $(FE_CLI_OBJS) $(CORE_LIB)
	$(CC) $(CFLAGS) -o $@ $(FE_CLI_OBJS) $(CORE_LIB) $(LDFLAGS) $(FE_LINK)

$(CORE_TESTS): %: %.fe.o $(CORE_LIB) $(HTTP_LIB)
	$(CC) $(CFLAGS) -o $@ $< $(HTTP_LIB) $(CORE_LIB) $(LDFLAGS) $(FE_LINK) \
		-Wl,--as-needed $(SHLIB_LINK)

.PHONY: core-tests install-program lint-run format
core-tests: $(CORE_TESTS)

test/bench/bench_host: test/bench/bench_host.c
	$(CC) -O2 -g -Wall -Wextra -o $@ $<

install: install-program
install-program: pulse-run
	$(MKDIR_P) '$(DESTDIR)$(bindir)'
	$(INSTALL_PROGRAM) pulse-run '$(DESTDIR)$(bindir)/pulse-run'

uninstall: uninstall-program
.PHONY: uninstall-program
uninstall-program:
	rm -f '$(DESTDIR)$(bindir)/pulse-run'

lint-run: all
	@LINT_COUNTS='$(LINT_COUNTS)' CC='$(CC)' INCLUDES='$(filter -I%,$(CPPFLAGS))' test/lint/lint

format:
	test/lint/format --fix $(wildcard src/*.c src/*/*.[ch] test/core/*.[ch] test/bench/*.[ch])

-include $(wildcard $(OBJS:.o=.d) $(FE_CORE_OBJS:.o=.d) $(FE_CLI_OBJS:.o=.d) \
	$(wildcard test/core/*.d))

endif
