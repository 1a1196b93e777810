# make env    the environment with pinned dependencies      make demo   everything on loopback
# make test   every check there is                          make lint   style, types, contracts
# make defences, properties, mutants, coverage, pictures, size, bench: what takes longer than a test
# make wheel  dist/portal-*.whl                             make lock   pin the dependencies anew

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := env
.PHONY: env test lint demo lock wheel clean
.PHONY: bench defences properties mutants coverage pictures size

# The first of these that is 3.11 or newer; `make PYTHON=/path/to/python3.12 env` says otherwise.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
INSTALL := -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps
WORKERS ?= 2

env: $(VENV)/stamp

# The checkout goes in by path: an editable install would copy templates/ and serve the copy.
$(VENV)/stamp: requirements-dev.lock
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer was found. Install one (Debian: apt-get install python3 python3-venv), or name it: make PYTHON=/path/to/python3 env" >&2; exit 1; }
	@test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV) || { echo "$(PYTHON) cannot make a virtual environment. Install its venv module (Debian: apt-get install python3-venv)." >&2; exit 1; }
	$(BIN)/python $(INSTALL) -r requirements-dev.lock
	@echo "$(CURDIR)" > "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/portal-checkout.pth"
	@printf '#!%s\nimport sys\n\nfrom portal.cli import main\n\nsys.exit(main())\n' "$(CURDIR)/$(BIN)/python" > $(BIN)/portal && chmod +x $(BIN)/portal
	@touch $@

.venv-canaille/stamp: requirements-canaille.lock | $(VENV)/stamp
	@test -x .venv-canaille/bin/python || $(BIN)/python -m venv .venv-canaille
	.venv-canaille/bin/python $(INSTALL) -r requirements-canaille.lock
	@touch $@

lint: env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .

# The migration check is a test: tests/test_migrations.py compares the catalogues of both databases.
test: lint .venv-canaille/stamp
	$(BIN)/pytest -n $(WORKERS) --dist worksteal --durations 10

# Takes each defence of a named case away in a copy, and sees its tests fail: CASES="O03 W10", or all.
defences: env
	PYTHONPATH="$(CURDIR)" $(BIN)/python -m tests.defences --jobs $(WORKERS) $(CASES)

# Ten thousand examples for each canonicaliser and parser of what others write.
properties: env
	PORTAL_EXAMPLES=long $(BIN)/pytest -n $(WORKERS) -m properties --timeout 1800 --durations 10

# Changes each rule a little and sees a test go red: MODULES="sponsorship trust/rules/issuer", or all.
mutants: env
	PYTHONPATH="$(CURDIR)" $(BIN)/python -m tests.mutants --jobs $(WORKERS) $(MODULES)

# 95 % of all branches, every one of what decides and of what changes a row.
DECIDING = portal/*/rules.py,portal/*/rules/*.py,portal/*/changes.py,portal/*/changes/*.py
coverage: export COVERAGE_FILE = $(CURDIR)/.coverage
coverage: env .venv-canaille/stamp
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n $(WORKERS) --dist worksteal
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report
	$(BIN)/coverage report --fail-under 100 --include "$(DECIDING)"

# The pictures of README and docs, taken anew from the pages.
pictures: env
	PORTAL_PICTURES=take $(BIN)/pytest tests/gallery/test_pictures.py

# Search over 100,000 guests, the audit log over 1,000,000 events: what each look reads.
size: env
	PORTAL_SIZE=full $(BIN)/pytest -n $(WORKERS) --timeout 1800 tests/test_size.py

# Every figure as a ratio to a floor of the same run; WHAT="--only web" for a part.
bench: env
	PYTHONPATH="$(CURDIR)" $(BIN)/python -W ignore -m bench $(WHAT)

demo: env .venv-canaille/stamp
	@exec $(BIN)/python -m demo

wheel: env
	$(BIN)/python -m build --wheel --no-isolation --outdir dist

# Only here is uv needed: it resolves for every platform at once. Nothing names a registry.
LOCK = .venv-lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 \
	--fork-strategy fewest --generate-hashes --no-header --no-annotate \
	--no-emit-index-url --no-emit-find-links
lock: env
	@test -x .venv-lock/bin/uv || { $(BIN)/python -m venv .venv-lock && .venv-lock/bin/pip install --quiet uv; }
	$(LOCK) pyproject.toml --output-file requirements.lock
	$(LOCK) pyproject.toml --group dev --constraint requirements.lock --output-file requirements-dev.lock
	$(LOCK) requirements-canaille.in --output-file requirements-canaille.lock

clean:
	rm -rf $(VENV) .venv-canaille .venv-lock build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
