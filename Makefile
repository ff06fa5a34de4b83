# The two commands of the README, and their set-up.  Needs Python 3.11 or newer, g++, make and perl; nothing else.
#   make demo      the main job on the paper's preset: Verilog, lint, cocotb regression, area report
#   make test      lint, types and the whole test suite
#   make test-all  the slow, deep runs as well
#   make layout    a lane and a core of 4 lanes, placed and routed (Debian's packages)
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help demo test test-all check bench results packages layout clean

help:
	@sed -n '2,5p' Makefile | cut -c3-

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "nmpu: Python 3.11 or newer is needed; set PYTHON=<path> to one" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

demo: $(STAMP)
	$(BIN)/nmpu run --preset paper

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# What no Python wheel has, and only some tests use.  As root on Debian it is installed; elsewhere those tests are skipped.
PACKAGES := iverilog liblz4-dev zlib1g-dev opensta qflow-tech-osu018 graywolf qrouter magic netgen-lvs

packages:
	@dpkg -s $(PACKAGES) >/dev/null 2>&1 || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive apt-get install -qq -y $(PACKAGES) >/dev/null; } || \
		echo "nmpu: some tests will be skipped; for all of them: apt-get install $(PACKAGES)"

test: check packages
	$(BIN)/pytest -n auto -m "not deep"

test-all: check packages
	$(BIN)/pytest -n auto

# From nothing to two pictures, in build/paper/layout and build/paper-array/layout; about 5 minutes.
layout: $(STAMP) packages
	$(BIN)/nmpu layout --preset paper --set how.stages=2
	$(BIN)/nmpu layout --preset paper --set how.stages=2 --lanes 4 -o build/paper-array

bench: $(STAMP)
	$(BIN)/python -m tests.benchmarks.speed

# docs/results.md and its pictures; takes about an hour on 2 cores.
LIBS ?= ../shared/lib/nangate45_typ.lib ../shared/lib/asap7_rvt_tt.lib
SWEEPS ?= ../shared/lib/sky130hd_tt.lib ../shared/lib/ihp_sg13g2_typ_1p20V_25C.lib

results: $(STAMP)
	$(BIN)/python -m tests.benchmarks.results $(LIBS) $(SWEEPS:%=--sweep %)

clean:
	rm -rf build $(VENV)
