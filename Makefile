# Commands of the project; `make` lists them.

PORT ?= 8000
VENV := .venv/bin/python
MANAGE := $(VENV) manage.py
CHECKS_KEY := only-for-the-checks-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLMNOPQRSTUVWXYZ
TRIAL := DEBUG=on SITE_URL=http://localhost:8000 SECRET_KEY=$(CHECKS_KEY)
PRODUCTION := DEBUG=off SITE_URL=https://coachmaster.example SECRET_KEY=$(CHECKS_KEY)

SCALE ?= 9
CROWD ?= 0

.PHONY: help run test test-fast check soak bench lock sbom clean requirements requirements-dev

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /  make \1\t/p' Makefile | expand -t 16

run: requirements ## Serve on 127.0.0.1:8000 (PORT=… for another) with the demo institute
	@PORT=$(PORT) scripts/run

test: requirements-dev ## Run all tests: SQLite, browser, PostgreSQL (REQUIRE_ALL=1: fail if one cannot run)
	@scripts/test

test-fast: requirements-dev ## Run the tests on SQLite without browser, races and large inputs: under two minutes
	@scripts/test --fast

check: requirements-dev ## Check format, lint, types, templates, imports, migrations, production settings
	$(VENV) -m ruff format --check .
	$(VENV) -m ruff check .
	$(VENV) -m djlint --quiet --lint templates
	$(TRIAL) $(VENV) -m mypy
	.venv/bin/lint-imports --no-cache
	$(VENV) -m pip check
	$(TRIAL) $(MANAGE) makemigrations --check --dry-run
	$(TRIAL) $(MANAGE) check --fail-level WARNING
	$(PRODUCTION) $(MANAGE) check --deploy --fail-level WARNING
	$(PRODUCTION) $(MANAGE) collectstatic --noinput

soak: requirements-dev ## Run 200 random histories of payments and long races, verifying all totals after each
	HISTORIES=$${HISTORIES:-200} HISTORY_STEPS=$${HISTORY_STEPS:-50} RACE_PAYMENTS=$${RACE_PAYMENTS:-50} \
		$(TRIAL) $(VENV) -m pytest -q finance/tests/test_histories.py finance/tests/test_races.py

bench: requirements ## Measure pages on SQLite and PostgreSQL with 2,000 students (SCALE=1 CROWD=2000: five million marks)
	@SCALE=$(SCALE) CROWD=$(CROWD) scripts/bench

lock: requirements-dev ## Resolve requirements*.in into the pinned requirements*.txt
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(VENV) -m uv pip compile --quiet --universal \
		--python-version 3.11 --generate-hashes --no-emit-index-url --upgrade requirements.in -o requirements.txt
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(VENV) -m uv pip compile --quiet --universal \
		--python-version 3.11 --generate-hashes --no-emit-index-url --upgrade requirements-dev.in -o requirements-dev.txt

sbom: requirements-dev ## Write the list of all parts by others, build/sbom.json (CycloneDX)
	@mkdir -p build
	.venv/bin/cyclonedx-py environment --output-reproducible -o build/environment.json $(VENV)
	$(VENV) scripts/sbom.py build/environment.json build/sbom.json

clean: ## Delete generated files; the database, .env and the secret key stay
	rm -rf staticfiles build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache test*.sqlite3
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
	@if [ -L .venv ]; then rm .venv; else rm -rf .venv; fi

requirements:
	@scripts/install requirements.txt

requirements-dev:
	@scripts/install requirements-dev.txt requirements.txt
