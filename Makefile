# convlens: `make demo` trains LeNet-5 and writes a report; `make test` runs all tests. Each target installs what it needs.
PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3,$(shell command -v $(name))))
BIN := .venv/bin
PIP := PIP_CONSTRAINT=$(CURDIR)/constraints.txt PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/pip install --quiet

# Python 3.8, for the versions of the course. COURSE_PYTHON=... names another interpreter.
COURSE_PYTHON ?= $(shell for found in python3.8 $(HOME)/.pyenv/versions/3.8*/bin/python; do \
	$$found -c 'import sys; sys.exit(sys.version_info[:2] != (3, 8))' 2>/dev/null && echo $$found && break; done)

.PHONY: help demo test smoke coverage lint bench setup pictures summary course-env course-python clean

help:
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: .venv/demo ## train LeNet-5 on the embedded digits, and write a report and the explorer page
	$(BIN)/convlens train

test: .venv/test ## run all tests
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder

smoke: .venv/test ## run the quickest tests, in half a minute
	$(BIN)/python -m pytest -q -m smoke -n 2

coverage: .venv/test ## measure which lines of the Python code the tests run
	$(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder --cov --cov-report=term

lint: .venv/test ## run ruff, mypy, pycodestyle, tsc and biome where node is installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pycodestyle 0x07-cnn/*.py
	@if [ -x node_modules/.bin/tsc ]; then node_modules/.bin/tsc -p jsconfig.json && node_modules/.bin/biome lint --error-on-warnings; \
	else echo "the JavaScript was not checked: apt install npm, then npm install"; fi

bench: .venv/test ## measure every figure and print the table
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks --vectors 256

pictures: .venv/test ## draw the pictures of the documents again
	$(BIN)/python -m scripts.make_picture
	$(BIN)/python -m scripts.make_alexnet_picture
	$(BIN)/python -m scripts.make_architecture
	$(BIN)/python -m scripts.make_engine_figures
	$(BIN)/python -m scripts.make_explorer_pictures

summary: .venv/test ## convert the summary of the AlexNet paper to one HTML file
	$(BIN)/python scripts/make_summary.py

course-env: course-python .venv/demo .venv-course/ready ## check the coursework with Python 3.8 and TensorFlow 2.6
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && \
		$(BIN)/python scripts/course_reference.py "$$folder" && .venv-course/bin/python scripts/course_env.py "$$folder"

course-python:
	@"$(COURSE_PYTHON)" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 8))' 2>/dev/null || \
		{ echo "course-env needs Python 3.8; set COURSE_PYTHON=... to its path" >&2; exit 2; }

setup: .venv/test ## install everything that the tests need, in .venv

clean: ## remove the virtual environments and caches
	rm -rf .venv .venv-course .pytest_cache .mypy_cache .ruff_cache .hypothesis

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "convlens needs Python 3.11 or later; set PYTHON=... to its path" >&2; exit 1; }
	$(PYTHON) -m venv .venv

.venv/demo: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) --editable '.[fast,plots]'
	@touch $@

# tf_keras asks for the package tensorflow, whose files would replace those of tensorflow-cpu.
.venv/test: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) --editable '.[test]'
	$(PIP) --no-deps tf_keras
	@touch $@ .venv/demo

.venv-course/ready: scripts/course-requirements.txt
	"$(COURSE_PYTHON)" -m venv --clear .venv-course
	PIP_DISABLE_PIP_VERSION_CHECK=1 .venv-course/bin/pip install -qq --requirement $<
	@touch $@
