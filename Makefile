# `make demo` sends a text file through Kafka's protocol, `make test` runs every test; `make help` lists the rest.

CARGO ?= cargo
TOPIC ?= demo
JOBS ?= 2

target := $(or $(CARGO_TARGET_DIR),target)
library := $(target)/release
warnings := -std=c99 -D_POSIX_C_SOURCE=200809L -Wall -Wextra -Wpedantic -O2

.DEFAULT_GOAL := build
.NOTPARALLEL:
.PHONY: build demo test deb header abi tables docs chaos fuzz sanitize mutants bench bench-languages clean help setup-build setup-test prefix
.PHONY: $(addprefix test-,core c cpp install docs go ruby node python conformance instructions)

build: ## build the library (target/release/libasync_producer.so and .a)
	$(CARGO) build --release --locked
	ln -sf libasync_producer.so $(library)/libasync_producer.so.0

deb: $(library)/libasync_producer.so ## build the Debian packages (target/deb/*.deb); needs debhelper
	scripts/deb

demo: setup-build build ## show a text file being delivered; BROKERS=host:port TOPIC=name for a real Kafka
	mkdir -p $(target)/demo
	$(CC) $(warnings) -Iinclude examples-c/produce_stdin.c -o $(target)/demo/produce_stdin \
	  -L$(library) -lasync_producer -pthread -Wl,-rpath,'$$ORIGIN/../release'
	$(target)/demo/produce_stdin -v -k '|' -t $(TOPIC) $(if $(BROKERS),-b $(BROKERS)) examples-c/data/orders.txt

PREFIX ?= /usr/local
CMAKE ?= cmake
.PHONY: install uninstall

# Built where it is missing or older than its source, so that root needs no cargo.
$(library)/libasync_producer.so: Cargo.toml Cargo.lock build.rs $(shell find src -name '*.rs')
	$(MAKE) build

install: $(library)/libasync_producer.so ## install below PREFIX (/usr/local), with LIBDIR (lib) and DESTDIR: docs/install.md
	$(CMAKE) -S cmake -B '$(target)/cmake' -DASYNC_PRODUCER_LIBRARY_DIR='$(abspath $(library))' \
	  -DCMAKE_INSTALL_PREFIX='$(PREFIX)' $(if $(LIBDIR),-DCMAKE_INSTALL_LIBDIR='$(LIBDIR)',-UCMAKE_INSTALL_LIBDIR)
	$(CMAKE) --build '$(target)/cmake'
	DESTDIR='$(DESTDIR)' $(CMAKE) --install '$(target)/cmake'

uninstall: ## remove what make install put in place, with the same DESTDIR
	DESTDIR='$(DESTDIR)' $(CMAKE) --build '$(target)/cmake' --target uninstall

test: setup-test build $(addprefix test-,core c cpp install docs go ruby node python conformance instructions) ## run every test

# $(call ctest,directory,variant,option): a CMake project against the library, in a build directory of its own.
define ctest
cmake -S $(1) -B $(target)/ctest/$(1)-$(2) -DAP_LIBRARY_DIR=$(abspath $(library)) -DAP_INCLUDE_DIR=$(abspath include) $(3)
cmake --build $(target)/ctest/$(1)-$(2) --parallel $(JOBS)
scripts/no-skips ctest --test-dir $(target)/ctest/$(1)-$(2) --output-on-failure --no-tests=error --parallel $(JOBS)
endef

# Each of these is a part of `make test`, for one who works on that part; a missing or skipped test is a failure.
test-core: ## ... of these the tests in Rust, some of them against a real Kafka
	tests/kafka/kafka setup
	scripts/no-skips $(CARGO) test --release --locked --no-fail-fast
	CARGO_TARGET_DIR=$(abspath $(target))/model scripts/no-skips $(CARGO) test --release --locked --no-fail-fast \
	  --manifest-path tests/model/Cargo.toml

test-c: ## ... the C tests and examples, under valgrind and under sanitizers
	$(call ctest,tests/c,valgrind,-DAP_VALGRIND=ON)
	$(call ctest,tests/c,asan,-DAP_SANITIZE=ON)
	$(call ctest,examples-c,valgrind,-DAP_VALGRIND=ON)
	$(call ctest,examples-c,asan,-DAP_SANITIZE=ON)

test-cpp: ## ... the C++ tests and examples, plain and under sanitizers
	$(call ctest,tests/cpp,plain)
	$(call ctest,tests/cpp,asan,-DAP_SANITIZE=ON)
	$(call ctest,examples-cpp,plain)
	$(call ctest,examples-cpp,asan,-DAP_SANITIZE=ON)

test-install: ## ... make install, CMake, pkg-config, static linking, the Debian packages
	$(call ctest,tests/install,installed)
	tests/deb/run

test-instructions: ## ... what a message costs, in instructions, against benches/instructions.budget
	benches/instructions

test-docs: ## ... the API reference, manual pages, the programs in the guides, links
	tests/docs/run

test-go test-ruby test-node test-python: test-%: prefix # the package of a language, by its own runner
	tests/kafka/kafka setup
	AP_PREFIX=$(abspath $(target))/prefix bindings/$*/test

test-conformance: prefix ## ... one scenario in all languages against a real Kafka
	tests/kafka/kafka setup
	AP_PREFIX=$(abspath $(target))/prefix tests/conformance/run

# An installation that the languages are tested with.
prefix:
	$(MAKE) --no-print-directory install PREFIX=$(abspath $(target))/prefix DESTDIR= LIBDIR= >$(target)/prefix.log

SECONDS ?= 600
SEED ?= 1
RATE ?= 1200

chaos: ## the long soak under faults of brokers and network: SECONDS=600 SEED=1 RATE=1200 (a second, of each of two threads)
	tests/kafka/kafka setup
	CHAOS_SECONDS=$(SECONDS) CHAOS_SEED=$(SEED) CHAOS_RATE=$(RATE) \
	  $(CARGO) test --release --locked --test chaos nothing_is_lost -- --nocapture

fuzz: ## every input of the ABI under libFuzzer: SECONDS=60 each; wants nightly Rust, clang and cargo-fuzz
	scripts/fuzz $(if $(filter command line,$(origin SECONDS)),$(SECONDS),60)

sanitize: ## the library itself and the C tests under SANITIZER=asan or tsan; wants nightly Rust and clang
	scripts/sanitize $(or $(SANITIZER),asan)

mutants: ## mutation testing of the core; wants cargo-mutants
	scripts/mutants

bench-languages: prefix ## what a call costs in each language, beside C
	AP_PREFIX=$(abspath $(target))/prefix benches/languages

bench: ## this library beside its peers, in tables and charts in docs/benchmarks: QUICK=1 for a few minutes of it
	benches/compare $(if $(QUICK),--quick)

header: ## write include/async_producer.h anew from src/ffi
	HEADER=write $(CARGO) test --release --locked --test header

tables: ## write the tables of properties in README.md and docs/guide.md anew from src/settings.rs
	DOCS=write $(CARGO) test --release --locked --lib documented_properties

docs: ## the API reference in target/docs/html, and manual pages in target/man
	mkdir -p $(target)
	doxygen docs/Doxyfile
	scripts/man-pages include/async_producer.h $(target)/man

abi: ## take additions to the ABI over into tests/abi (docs/abi.md)
	ABI=write $(CARGO) test --release --locked --test abi

clean: ## remove everything that was built
	$(CARGO) clean

help: ## list the targets
	@sed -nE 's/^([a-z-]+):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 18

setup-build:
	scripts/setup build

setup-test:
	scripts/setup build test
