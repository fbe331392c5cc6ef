# Two commands for a newcomer: `make up` and `make test`. Nothing but Python 3.11–3.13 and make is assumed.
# Settings are environment variables, e.g. `make up PATIENTS=300 ALMONER_STATE=/srv/almoner`.

ALMONER = .venv/bin/almoner
PYTEST = .venv/bin/python -m pytest

.PHONY: help up install down reset status test test-all bench lint install-test conformance spark-test oracle

SHARED_DATA = $(or $(ALMONER_SHARED_DATA),../shared/data)

help:
	@echo "make up        start everything and print where it is; Ctrl-C stops it"
	@echo "make status    what runs, where, and is it healthy"
	@echo "make down      stop it from another terminal"
	@echo "make reset     stop it and remove all its data"
	@echo "make install   only make the environment"
	@echo "make test      all tests but the long ones (at most 15 minutes)"
	@echo "make test-all  the long ones too (about an hour)"
	@echo "make figures   first start, restart and memory with 1,000 patients, against what is promised"
	@echo "make bench     measure against limits of this machine"
	@echo "make conformance  run the official measures' cases of the shared test data, and print a table"
	@echo "make spark-test   install Spark (300 MB; needs Java 17) and compare measures on it with one machine"
	@echo "make oracle   install fqm-execution into .oracle (needs Node.js) and compare its answers with ours"
	@echo "make lint      style and the floors' import rules"

install:
	@sh deploy/install.sh

up: install
	@exec $(ALMONER) up

down: install
	@$(ALMONER) down

reset: install
	@$(ALMONER) reset --yes

status: install
	@$(ALMONER) status

install-test:
	@sh deploy/install.sh test

lint: install-test
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/lint-imports --config .importlinter

test: install-test
	@sh deploy/chromium.sh
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@$(PYTEST) -m "not long" -n 3 --dist loadfile --no-loadscope-reorder

test-all: install-test
	@sh deploy/foreign_clients.sh
	@sh deploy/chromium.sh
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@$(PYTEST) -n 3 --dist loadfile --no-loadscope-reorder --timeout=3000

figures: install-test
	@$(PYTEST) -q tests/system/test_figures.py

bench: install-test
	@.venv/bin/python -m tests.bench

conformance: install
	@$(ALMONER) measures conformance $(SHARED_DATA)/ecqm

spark-test: install-test
	@.venv/bin/python -m pip --version >/dev/null 2>&1 || .venv/bin/python -m ensurepip >/dev/null
	@.venv/bin/python -m pip install -qq --no-deps --require-hashes -r deploy/constraints/spark.txt
	@$(PYTEST) tests/integration/spark tests/spec/measures/test_spark_dialect.py --timeout=3000

oracle: install-test
	@mkdir -p .oracle
	@cp tests/oracle/package.json tests/oracle/package-lock.json .oracle
	@npm ci --prefix .oracle --no-audit --no-fund --ignore-scripts
	@ALMONER_FQM=.oracle $(PYTEST) tests/oracle -s --timeout=3000
