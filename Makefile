# Every target does its own set-up; the second time it is fast.
PYTHON ?= python3
BIN := .venv/bin
export RITARD_DATA ?= $(wildcard ../shared/data)

.PHONY: demo test test-slow lint bench results setup clean

setup: .venv/.installed

.venv/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

test: lint
	$(BIN)/python -m pytest

test-slow: setup
	$(BIN)/python -m pytest -m slow

clean:
	rm -rf .venv build dist *.egg-info
