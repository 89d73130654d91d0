# Two commands are all a newcomer needs: `make demo` and `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet

# Without its bytecode on disk every process that the checks start would compile the product anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test check lint types layers unit fuzz faults load bench openapi openapi-rules vectors-javascript foreign schema lock clean

demo: $(VENV)/runtime  ## Set up, then show the whole way on a fresh database
	$(BIN)/throughcare demo

test: $(VENV)/checks check  ## Set up, then run every check

# What needs no database is checked beside the tests, which wait for others a third of their time.
check: lint
	@$(MAKE) --no-print-directory types layers foreign > $(VENV)/beside.txt 2>&1 & beside=$$!; \
	$(MAKE) --no-print-directory unit; tests=$$?; \
	wait $$beside; beside=$$?; cat $(VENV)/beside.txt; exit $$((tests || beside))

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@if [ -x $(BIN)/hadolint ]; then $(BIN)/hadolint Dockerfile && echo "Dockerfile: no findings"; \
	else echo "NOT RUN: no linter of Dockerfiles is here for this machine"; fi

types:
	$(BIN)/mypy

layers:
	$(BIN)/lint-imports

# Files in the order of tests/conftest.py, the longest first; four for two cores, as many wait.
# Their databases end with them: in memory, where there is room for them, no test waits for a disk.
MEMORY := $(shell [ "$$(df -k --output=avail /dev/shm 2> /dev/null | tail -1)" -gt 4000000 ] 2> /dev/null && echo -p /dev/shm)

# Lines and branches are counted in what the tests import, not in the processes that they start.
unit:
	@scratch=$$(mktemp -d $(MEMORY)) && chmod 755 "$$scratch" && trap 'rm -rf "$$scratch"' EXIT \
	&& mkdir "$$scratch/counted" \
	&& PYTEST_PLUGINS=tests.counting THROUGHCARE_TEST_COUNTED="$$scratch/counted" TMPDIR="$$scratch" \
	  $(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder \
	&& $(BIN)/python -m slipcover --merge "$$scratch"/counted/*.json \
	  --out "$$scratch/all" --skip-covered --fail-under 95

fuzz: $(VENV)/checks openapi-rules  ## The long comparisons: with the reference engine, with the matrix as tables; properties at length
	$(BIN)/python -m tests.policy.fuzz
	$(BIN)/python -m tests.policy.mutants
	THROUGHCARE_ALLOW_ILLUSTRATIVE=true $(BIN)/throughcare policy prove --policies policies
	THROUGHCARE_TEST_ORACLE_REQUESTS=100000 $(BIN)/python -m pytest tests/isolation/test_oracle.py
	THROUGHCARE_TEST_EFFORT=20 $(BIN)/python -m pytest tests/api/test_contract_holds.py
	THROUGHCARE_TEST_EFFORT=2 $(BIN)/python -m pytest tests/isolation/test_doors.py
	THROUGHCARE_TEST_EFFORT=20 $(BIN)/python -m pytest -n auto --dist worksteal $$(grep -rl hypothesis tests --include='test_*.py')

faults: $(VENV)/checks  ## The long run: 200 kills of each process on both databases, 10,000 subscribers
	THROUGHCARE_TEST_KILLS=200 THROUGHCARE_TEST_SUBSCRIBERS=10000 THROUGHCARE_TEST_LOAD=300 \
	  $(BIN)/python -m pytest -s tests/faults tests/outbox/test_many.py

load: $(VENV)/checks  ## A long day with 10,000 operations on each database, in which processes die
	THROUGHCARE_TEST_LOAD=10000 $(BIN)/python -m pytest -s tests/faults/test_load.py

bench: $(VENV)/bench/installed  ## Speed, as a ratio to a peer in the same run; bars and pages in docs/performance.md
	PYTHONPATH=$(VENV)/bench $(BIN)/python -m bench

vectors-javascript: $(VENV)/checks  ## The published vectors in JavaScript: needs Node.js 20 and npm
	$(BIN)/python -m pytest -rs tests/throughcare_receiver/test_javascript.py

foreign: $(VENV)/foreign/installed  ## The access log before verifiers written elsewhere; what cannot be had says NOT RUN
	PYTHONPATH=$(VENV)/foreign $(BIN)/python -m tests.foreign

openapi: $(VENV)/checks  ## Write the contract anew from the code
	$(BIN)/python -m app.api.contract openapi/openapi.json

openapi-rules:  ## Public security rules over the contract; where there is no npm it says NOT RUN
	@if command -v npm > /dev/null; then \
	  npm ci --prefix openapi/linter --ignore-scripts --no-audit --no-fund --silent \
	  && openapi/linter/node_modules/.bin/spectral lint openapi/openapi.json \
	    --ruleset openapi/linter/rules.yaml --fail-severity warn \
	  && echo "1 passed, 0 failed"; \
	else echo "NOT RUN: the security rules of the contract need npm"; \
	  echo "0 passed, 0 failed, 1 skipped"; fi

schema: $(VENV)/checks  ## Write the Cedar schema anew from the catalogue
	$(BIN)/python -m app.policy.schema policies/schema.cedarschema

messages: $(VENV)/checks  ## Write the template of the catalogues anew, and every catalogue with all its messages
	$(BIN)/python -m app.own_report.template

lock:  ## Pin every dependency, with hashes and without addresses (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	  --no-emit-index-url --no-emit-find-links requirements.in -o requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	  --no-emit-index-url --no-emit-find-links -c requirements.lock requirements-dev.in -o requirements-dev.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	  --no-emit-index-url --no-emit-find-links -c requirements-dev.lock bench/requirements.in -o bench/requirements.lock

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Throughcare needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/runtime: $(VENV)/bin/python requirements.lock pyproject.toml
	$(PIP) install --no-compile --require-hashes --requirement requirements.lock
	$(PIP) install --no-deps --no-build-isolation --editable .
	touch $@

# All at once, and compiled when it is first used: most of it never is.
$(VENV)/checks: $(VENV)/bin/python requirements.lock requirements-dev.lock pyproject.toml
	$(PIP) install --no-compile --require-hashes --requirement requirements-dev.lock
	$(PIP) install --no-deps --no-build-isolation --editable .
	touch $(VENV)/runtime $@

# Apart from everything else: no code of the product or of its tests may rest on them.
$(VENV)/foreign/installed: $(VENV)/checks tests/foreign/requirements.lock
	mkdir -p $(@D)
	-$(PIP) install --require-hashes --no-deps --ignore-requires-python --upgrade \
	  --target $(@D) --requirement tests/foreign/requirements.lock && touch $@

# Peers and plots, apart from everything else; what cannot be had is NOT RUN.
$(VENV)/bench/installed: $(VENV)/checks bench/requirements.lock bench/cerbos/package-lock.json
	mkdir -p $(@D)
	-$(PIP) install --require-hashes --no-deps --upgrade \
	  --target $(@D) --requirement bench/requirements.lock && touch $@
	-npm ci --prefix bench/cerbos --ignore-scripts --no-audit --no-fund --silent

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
