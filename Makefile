# convlens: `make demo` trains LeNet-5 and writes a report, `make test` tests everything. Each does its own set-up.
PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3,$(shell command -v $(name))))
BIN := .venv/bin
PIP := PIP_CONSTRAINT=$(CURDIR)/constraints.txt PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/pip install --quiet

.PHONY: help demo test smoke lint bench setup picture clean

help:
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: .venv/demo ## train LeNet-5 on the embedded digits and write a report
	$(BIN)/convlens train

test: .venv/test ## all tests
	$(BIN)/python -m pytest -q -n 2 --dist loadfile

smoke: .venv/test ## the quickest tests, half a minute
	$(BIN)/python -m pytest -q -m smoke -n 2

lint: .venv/test ## ruff, mypy, pycodestyle
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pycodestyle 0x07-cnn/*.py

bench: .venv/test ## measure every figure and print the table
	$(BIN)/python -m benchmarks

picture: .venv/test ## draw docs/lenet5.png again
	$(BIN)/python scripts/make_picture.py

setup: .venv/test ## all that the tests need, in .venv

clean: ## remove what make made
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "convlens needs Python 3.11 or later; set PYTHON=... to one" >&2; exit 1; }
	$(PYTHON) -m venv .venv

.venv/demo: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) --editable '.[fast,plots]'
	@touch $@

.venv/test: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) --editable '.[test]'
	@touch $@ .venv/demo
