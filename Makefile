# Two commands: `make demo` trains on real handwritten digits, `make test` checks everything. Both install what they need
# into .venv. On Linux without a GPU, TORCH_INDEX=https://download.pytorch.org/whl/cpu saves gigabytes of CUDA.
PYTHON ?= python3
VENV ?= .venv
TORCH_INDEX ?=
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet -c constraints.txt

.PHONY: demo test check web test-web format bench soak clean

demo: $(VENV)/.demo
	$(BIN)/gansmith train digits --run runs/demo --minutes 1.2

test: check test-web
	$(BIN)/python -m pytest -n 2 --dist worksteal

check: $(VENV)/.dev
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/mypy src
	$(BIN)/lint-imports

web: web/node_modules
	cd web && npm run build

test-web:
	@if command -v npm > /dev/null; then $(MAKE) --no-print-directory web && cd web && npm test; \
	else echo "SKIPPED: the pages' build and tests want Node 20 or newer, which is not here"; fi

web/node_modules: web/package-lock.json
	cd web && npm ci --no-audit --no-fund
	touch $@

format: $(VENV)/.dev
	$(BIN)/ruff check --fix src tests benchmarks
	$(BIN)/ruff format src tests benchmarks

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks

soak: $(VENV)/.dev
	$(BIN)/python benchmarks/soak.py --kills 200

# torch on its own first: a plain `torch` in another package's list must find it there already
$(VENV)/.torch: constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch
	touch $@

$(VENV)/.demo: $(VENV)/.torch pyproject.toml
	$(PIP) -e ".[demo]"
	touch $@

$(VENV)/.dev: $(VENV)/.torch pyproject.toml
	$(PIP) -e ".[demo,dev,hub,onnx,video,web]"
	touch $@

clean:
	rm -rf $(VENV) build dist web/node_modules src/gansmith/serve/pages src/gansmith/export/page .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
