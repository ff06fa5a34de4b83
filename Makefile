# The two commands of the README, and their set-up.  Needs Python 3.11 or newer, g++, make and perl; nothing else.
#   make demo      the main job on the paper's preset: Verilog, lint, cocotb regression, area report
#   make test      lint, types and the whole test suite
#   make test-all  the slow, deep runs as well
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help demo test test-all check bench icarus clean

help:
	@sed -n '2,4p' Makefile | cut -c3-

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

# Icarus is in no Python wheel.  As root on Debian it is installed; elsewhere its tests are skipped and say so.
icarus:
	@command -v iverilog >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
		{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y iverilog >/dev/null; }; } || \
		echo "nmpu: no iverilog here; its tests will be skipped (apt-get install iverilog)"

test: check icarus
	$(BIN)/pytest -n auto -m "not deep"

test-all: check icarus
	$(BIN)/pytest -n auto

bench: $(STAMP)
	$(BIN)/python -m tests.benchmarks.speed

clean:
	rm -rf build $(VENV)
