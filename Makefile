# Two commands matter: `make demo` and `make test`. Both make the environment first.
VENV := .venv
PYTHON ?= python3
BIN := $(VENV)/bin
STAMP := $(VENV)/.made
PORT ?= 5006
DEMO_OPTIONS ?=

.PHONY: demo test env lint types unit browser bench clean

demo: env
	$(BIN)/python app.py demo --port $(PORT) $(DEMO_OPTIONS)

# uv when it is there (seconds instead of a minute), else venv and pip.
env: $(STAMP)

$(STAMP): pyproject.toml
	@if command -v uv >/dev/null 2>&1; then \
	  test -x $(BIN)/python || uv venv --quiet $(VENV); \
	  uv pip install --quiet --python $(BIN)/python -e '.[dev]'; \
	else \
	  test -x $(BIN)/python || $(PYTHON) -m venv $(VENV); \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'; \
	fi
	@touch $(STAMP)

test: lint types unit browser

lint: env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: env
	$(BIN)/mypy

unit: env
	$(BIN)/pytest -q -m 'not browser'

browser: env
	$(BIN)/pytest -q -m browser

bench: env
	$(BIN)/python -m benchmarks $(ITEM)

clean:
	rm -rf $(VENV) .demo benchmarks/out tests/out
