# Two commands do everything: `make serve` and `make test`. The rest is for people who change the code.
PY := .venv/bin/python
MAKEFLAGS += --no-print-directory

.PHONY: serve test check bench bench-micro drill clean

serve: .venv/ready  ## the gateway with the sandbox provider beside the real ones; no key needed
	@$(PY) -m engine serve --demo --allow-missing-secrets

test: check  ## everything: lint, types, unit and whole-system tests
	@$(PY) -m pytest -q -n 2 tests

check: .venv/ready  ## the fast part: lint and types
	@.venv/bin/ruff check -q . && .venv/bin/ruff format -q --check . && .venv/bin/mypy --no-error-summary

bench: .venv/ready  ## the figures of the quality page, as one table; about four minutes
	@$(PY) -m tests.bench.run

bench-micro: .venv/ready  ## what single steps of the request path cost
	@for file in tests/bench/bench_*.py; do echo "$$file"; $(PY) -m "$$(echo "$${file%.py}" | tr / .)" || exit 1; done

drill: .venv/ready  ## kills, broken edits, failing providers, shutdown: what is lost; about five minutes
	@$(PY) -m tests.drill.run

.venv/ready: requirements-dev.txt pyproject.toml
	@python3 -m venv .venv
	@.venv/bin/pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@.venv/bin/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

clean:
	@rm -rf .venv build dist *.egg-info
