# behavmine: `make demo` shows it, `make test` proves it, `make && make install` installs it.
EXTENSION   = behavmine
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" behavmine.control)
MODULE_big  = behavmine
OBJS        = $(patsubst %.c,%.o,$(sort $(wildcard src/*.c src/*/*.c src/core/*/*.c)))

SQL_MODULES = header event encode simulate model train recommend rule predict next_event funnel retention path sequence patterns rules uplift target churn value stock segments portrait footer
# behav_export(..., 'onnx') is built where protobuf-c and its compiler are; ONNX=no leaves it out anyway.
ifndef ONNX
ONNX := $(shell command -v protoc-c >/dev/null && $(CC) -E -include protobuf-c/protobuf-c.h -x c /dev/null >/dev/null 2>&1 && echo yes || echo no)
endif
ifeq ($(ONNX),yes)
OBJS       := $(filter-out src/model/onnx_none.o,$(OBJS)) build/onnx.pb-c.o
else
OBJS       := $(filter-out src/model/onnx%.o,$(OBJS)) src/model/onnx_none.o
endif

SCRIPT      = build/behavmine--$(EXTVERSION).sql
DATA        = $(wildcard sql/upgrade/*.sql)
DATA_built  = $(SCRIPT)
DOCS        = README.md $(wildcard doc/*.md)
EXTRA_CLEAN = build $(OBJS:.o=.d)

REGRESS        = $(patsubst sql/%.sql,%,$(sort $(wildcard sql/*.sql)))
REGRESS_OPTS   = --load-extension=behavmine
ISOLATION      = $(patsubst test/isolation/specs/%.spec,%,$(sort $(wildcard test/isolation/specs/*.spec)))
ISOLATION_OPTS = --inputdir=test/isolation --load-extension=behavmine

# -fno-math-errno, -fno-trapping-math: let loops with sqrtf and fmaxf become vectors; values stay the
# same. The bitcode is left out: no function of ours is small enough to inline into a query.
OPTFLAGS ?=
PG_CPPFLAGS = -Isrc -DBM_VERSION='"$(EXTVERSION)"'
PG_CFLAGS   = -std=gnu11 -O3 -fno-math-errno -fno-trapping-math \
	-Wall -Wextra -Wno-unused-parameter -Wno-sign-compare -Wno-declaration-after-statement -MMD -MP $(OPTFLAGS)
SHLIB_LINK  = -Wl,--version-script=src/behavmine.map -Wl,--gc-sections -lm -lpthread -ldl $(if $(filter yes,$(ONNX)),-lprotobuf-c)
override with_llvm = no

PG_CONFIG ?= $(shell test/find_pg_config)

.PHONY: test demo bench
ifeq ($(PG_CONFIG),)
all install:
	@echo "no PostgreSQL with server headers found: install postgresql-server-dev-<version>, or set PG_CONFIG" >&2; exit 1
else
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

$(OBJS): Makefile
-include $(wildcard $(OBJS:.o=.d))
# Linked anew where ONNX was switched on or off. Made here, not by a rule: under PGXS a missing file remakes nothing.
ONNX_STAMP := $(shell mkdir -p build; cd build; [ -e with_onnx.$(ONNX) ] || { rm -f with_onnx.*; touch with_onnx.$(ONNX); })
$(shlib): src/behavmine.map build/with_onnx.$(ONNX)
$(filter src/model/onnx%.o,$(OBJS)): override CPPFLAGS += -Ibuild
$(filter src/model/onnx%.o,$(OBJS)): | build/onnx.pb-c.c
build/onnx.pb-c.c: src/model/onnx.proto
	@mkdir -p $(@D)
	$(if $(filter yes,$(ONNX)),protoc-c --c_out=$(@D) --proto_path=$(<D) $<,touch $@)
src/behavmine.o src/model/about.o: behavmine.control

$(SCRIPT): $(SQL_MODULES:%=sql/install/%.sql) behavmine.control Makefile
	@mkdir -p $(@D)
	cat $(filter %.sql,$^) > $@
endif

# Both install missing packages, build, and run on a throw-away server of their own.
# make demo DATA=file.csv shows it on your own events.
test:
	@test/run
demo:
	@demo/run "$(if $(filter command line,$(origin DATA)),$(abspath $(DATA)))"
