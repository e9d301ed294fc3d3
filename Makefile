# memprobe. `make help` lists the targets. Switches: CC=clang asan=1 ubsan=1 coverage=1 serial=1 (no MPI) V=1

PACKAGES = gcc make libopenmpi-dev openmpi-bin libopenblas-dev libzstd-dev libgsl-dev libinih-dev libjansson-dev \
           libutf8proc-dev libxxhash-dev zlib1g-dev libcmocka-dev gnuplot-nox bible-kjv zstd python3-minimal \
           procps util-linux
DEV_PACKAGES = clang clang-format

VERSION = 0.1
CC      = gcc
Q       = $(if $(V),,@)
JOBS    = $(if $(findstring j,$(firstword -$(MAKEFLAGS))),,-j$(shell nproc))

# --- what is built, and where: every combination of switches has its own folder -----------------------------------
VARIANT := $(if $(filter-out gcc,$(CC)),-$(notdir $(CC)))$(if $(asan),-asan)$(if $(ubsan),-ubsan)$(if $(coverage),-coverage)$(if $(serial),-serial)$(if $(fuzz),-fuzz)
BUILD   := build/out$(VARIANT)
SOURCES := $(filter-out $(if $(serial),%/par_mpi.c,%/par_serial.c),$(wildcard workbench/*/*.c))
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o)
LIBRARY := $(BUILD)/libmemprobe.a
PROGRAM := $(BUILD)/memprobe
MACHINE := $(shell uname -m)
FOREIGN := $(if $(filter x86_64,$(MACHINE)),,avx2 avx512) $(if $(filter aarch64,$(MACHINE)),,neon) # vector types of others
UNITS   := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(filter-out $(FOREIGN:%=tests/unit/test_vec_%.c),$(wildcard tests/unit/test_*.c)))
MPIS    := $(patsubst tests/mpi/%.c,$(BUILD)/mpi/%,$(wildcard tests/mpi/test_*.c))
FUZZERS := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
PEERS   := $(patsubst tests/peers/%.c,$(BUILD)/peers/%,$(wildcard tests/peers/*.c))
BENCHES := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(wildcard tests/bench/bench_*.c))

# --- flags ----------------------------------------------------------------------------------------------------------
# -ffp-contract=off: law 1; the compiler must not turn a * b + c into fmaf where the source does not say so.
OPTIMISE  = $(if $(asan)$(ubsan)$(coverage),-O1 -g,-O3 -g)
SANITISE  = $(if $(asan),-fsanitize=address) $(if $(ubsan),-fsanitize=undefined -fno-sanitize-recover=all) \
            $(if $(coverage),--coverage) $(if $(fuzz),-fsanitize=fuzzer-no-link)
WARN      = -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror
MPI_FLAGS := $(if $(serial),,$(shell mpicc --showme:compile 2>/dev/null))
MPI_LIBS  := $(if $(serial),,$(shell mpicc --showme:link 2>/dev/null))
CPPFLAGS  = -Iworkbench -D_GNU_SOURCE $(patsubst -I%,-isystem %,$(MPI_FLAGS)) -DMEMPROBE_VERSION='"$(VERSION)"'
CFLAGS    = -std=c17 $(OPTIMISE) -fno-math-errno -fno-trapping-math -ffp-contract=off -fno-omit-frame-pointer $(WARN) $(SANITISE)
LDLIBS    = -lopenblas -lgsl -lzstd -lz -linih -ljansson -lutf8proc -lxxhash $(MPI_LIBS) -lm
LDFLAGS   = $(SANITISE)

# The kernels: the same sources' arithmetic, other instructions; chosen at run time.
ifeq ($(MACHINE),x86_64)
$(BUILD)/workbench/tensor/%_avx2.o $(BUILD)/tests/unit/%_avx2.o: CFLAGS += -mavx2 -mfma -mf16c
$(BUILD)/workbench/tensor/%_avx512.o $(BUILD)/tests/unit/%_avx512.o: CFLAGS += -mavx512f -mavx512dq -mavx512bw -mavx512vl -mfma
$(BUILD)/workbench/tensor/%_avx512bf16.o: CFLAGS += -mavx512f -mavx512dq -mavx512bw -mavx512vl -mavx512bf16 -mfma
ifdef fuzz # no fuzzer reaches the kernels, and clang takes many minutes to instrument them
$(BUILD)/workbench/tensor/%_avx2.o $(BUILD)/workbench/tensor/%_avx512.o $(BUILD)/workbench/tensor/%_avx512bf16.o: SANITISE =
endif
endif

# What the manifest says of the build; made again when the commit changes.
$(BUILD)/workbench/base/manifest.o: CPPFLAGS += -DMEMPROBE_FLAGS='"$(strip $(CFLAGS))"' \
    -DMEMPROBE_COMMIT='"$(shell git describe --always --dirty 2>/dev/null || echo unknown)"'
$(BUILD)/workbench/base/manifest.o: $(wildcard $(shell git rev-parse --git-path logs/HEAD 2>/dev/null))

# The rule of manifest.o stands first.
.DEFAULT_GOAL := all

# --- targets --------------------------------------------------------------------------------------------------------
FUZZ_SECONDS = 60
.PHONY: all demo test tests-built bench peers fuzz fuzzers deps format clean help
all: $(PROGRAM) ## build the program

demo: deps ## install what is missing, build, and run experiments/quickstart from text to figures
	$(Q)$(MAKE) --no-print-directory $(JOBS) all corpora/build/kjv.done
	$(Q)experiments/quickstart/run.sh $(PROGRAM)

test: deps ## install what is missing, build, and run every test
	$(Q)$(MAKE) --no-print-directory $(JOBS) all tests-built
	$(Q)BUILD=$(BUILD) SERIAL=$(serial) tests/run.sh

bench: all $(BENCHES) ## print the measured rates as shares of the machine's limits
	$(Q)BUILD=$(BUILD) tests/bench/run.sh

peers: all $(PEERS) $(MPIS) ## compare with the Python peers (their own virtual environment, outside the tree)
	$(Q)BUILD=$(BUILD) tests/peers/run.sh

fuzz: ## run every fuzzer of foreign bytes for FUZZ_SECONDS (needs clang)
	$(Q)$(MAKE) --no-print-directory $(JOBS) CC=clang asan=1 ubsan=1 fuzz=1 fuzzers
	$(Q)BUILD=build/out-clang-asan-ubsan-fuzz tests/fuzz/run.sh $(FUZZ_SECONDS)

deps: ## install missing Debian packages (as root or with sudo)
	$(Q)scripts/deps.sh $(PACKAGES) $(if $(CI)$(dev),$(DEV_PACKAGES))

format: ## lay out the C sources
	$(Q)clang-format -i $$(git ls-files '*.c' '*.h')

clean: ## remove what was built (not the cache of studies)
	$(Q)rm -rf build/out*

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' Makefile

# --- rules ----------------------------------------------------------------------------------------------------------
tests-built: $(UNITS) $(MPIS)
fuzzers: $(FUZZERS)

$(PROGRAM): $(BUILD)/workbench/main.o $(LIBRARY)
	$(Q)echo "  link $@"
	$(Q)$(CC) $(LDFLAGS) $^ $(LDLIBS) -o $@

$(LIBRARY): $(OBJECTS)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/%.o: %.c Makefile
	$(Q)mkdir -p $(@D)
	$(Q)echo "  cc   $<"
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

# Each file of tests/ is a program of its own.
$(UNITS) $(MPIS) $(BENCHES) $(PEERS) $(FUZZERS): $(BUILD)/%: $(BUILD)/tests/%.o $(LIBRARY)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) $^ $(LDLIBS) -o $@
$(UNITS): LDLIBS += -lcmocka
$(FUZZERS): LDFLAGS += -fsanitize=fuzzer

corpora/build/%.done: corpora/%/build.sh corpora/%/manifest.json corpora/lib.sh corpora/pack.py
	$(Q)corpora/$*/build.sh corpora/build

.SECONDARY:
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
