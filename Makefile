# Two commands do everything: `make serve` and `make test`. The rest is for people who change the code.
# The first of these that is new enough makes the environment: a distribution's own is optimised by profile, as those of
# the official images are, and takes a sixth less processor than one that a version manager has compiled without.
PYTHON := /usr/bin/python3 python3
PY := .venv/bin/python
PYTEST := $(PY) -m pytest -q -n auto --maxprocesses 4 --dist loadfile
# The rooms that start no process: their tests are the fast ones. Protocols have thousands of them and wait for `test`.
FAST := $(addprefix tests/engine/,config expr limits planning rules sandbox) $(wildcard tests/engine/test_*.py) \
	$(wildcard tests/engine/wire/test_*.py) tests/config $(wildcard tests/test_*.py)
MAKEFLAGS += --no-print-directory

.PHONY: serve test check lint bench bench-micro drill corpus clean

serve: .venv/ready  ## the gateway with the sandbox provider beside the real ones; no key needed
	@$(PY) -m engine serve --demo --allow-missing-secrets

test: lint  ## everything: lint, types, unit and whole-system tests
	@$(PYTEST) tests

check: lint  ## the fast part: lint, types, and the tests that start no process; a minute
	@$(PYTEST) $(FAST)

lint: .venv/ready  ## lint and types
	@.venv/bin/ruff check -q . && .venv/bin/ruff format -q --check . && .venv/bin/mypy --no-error-summary

bench: .venv/ready  ## the figures of the quality page, as one table; about four minutes
	@$(PY) -m tests.bench.run

bench-micro: .venv/ready  ## what single steps of the request path cost
	@for file in tests/bench/bench_*.py; do echo "$$file"; $(PY) -m "$$(echo "$${file%.py}" | tr / .)" || exit 1; done

drill: .venv/ready  ## kills, broken edits, failing providers, shutdown: what is lost; about five minutes
	@$(PY) -m tests.drill.run

corpus: .venv/ready  ## recorded traffic of every provider through the running gateway, on every surface; a minute and a half
	@$(PY) -m tests.corpus.run

.venv/ready: requirements-dev.txt pyproject.toml
	@for python in $(PYTHON); do \
		"$$python" -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; \
		python=; \
	done; \
	[ "$$python" ] || { echo "engine needs Python 3.11 or newer, with venv, as one of: $(PYTHON)" >&2; exit 1; }; \
	echo "setting up .venv with $$python, once; this takes about a minute" >&2; \
	"$$python" -m venv --clear .venv
	@.venv/bin/pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@# `compat`: found by a line in a .pth file; by a finder of its own every start would take 10 ms more.
	@.venv/bin/pip install -q --disable-pip-version-check --no-deps --no-build-isolation \
		--config-settings editable_mode=compat -e .
	@touch $@

clean:
	@rm -rf .venv build dist *.egg-info
