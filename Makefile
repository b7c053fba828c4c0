# Every target sets up what it needs (system packages, .venv, pinned Python packages) the first time;
# after that the stamps in .venv make it free. `make demo` installs neither torch nor test tools.

VENV := .venv
BIN := $(VENV)/bin

# One more than there are cores: half of the time the tests wait for processes that they started.
PARALLEL := --numprocesses $(shell expr $$(nproc) + 1)

# What `make test` writes lies in memory, where there are 4 GB of it: half of its time went into syncing small files.
# `make test-all` writes to the disk.
ROOM := $(shell df --output=avail /dev/shm 2>/dev/null | tail -1)
MEMORY := $(shell test $(or $(ROOM),0) -gt 4000000 && echo PYTEST_DEBUG_TEMPROOT=/dev/shm)

# Many containers have it set, and every process compiles torch, and the tests, anew: 5 s for each of hundreds.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help demo demo-all test test-all reliability lint bench clean lock runtime develop

help: ## Say what there is (this)
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

demo: runtime ## Prepare the embedded ImageNet-shaped demonstration set, end to end, under demo/
	$(BIN)/imagemill demo --root demo --classes 525 --images-per-class 6

demo-all: develop ## Run the whole pipeline on the demonstration set with small networks, under demo-all/ (20 minutes)
	$(BIN)/imagemill run pipeline --demo demo-all --scale small

test: develop ## Run the tests that each take seconds
	$(MEMORY) $(BIN)/pytest -m "not slow" -o faulthandler_timeout=300 $(PARALLEL) --dist loadscope --no-loadscope-reorder

test-all: develop ## Run all tests, those that take minutes too
	$(BIN)/pytest $(PARALLEL) --dist worksteal

reliability: develop ## Run the fault tests in full and write docs/reliability.md from what they recorded
	$(BIN)/python -m tests.faults.reliability_page begin
	$(BIN)/pytest tests/faults $(PARALLEL) --dist worksteal; status=$$?; $(BIN)/python -m tests.faults.reliability_page $$status && exit $$status

lint: develop ## Check style, types and who imports whom
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright
	$(BIN)/lint-imports

bench: develop ## Measure against what a user would pick instead, installed in build/ (about an hour)
	$(BIN)/python -m benchmarks

clean: ## Remove the environment, the demo and what tools left behind
	rm -rf $(VENV) demo demo-all build *.egg-info .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

lock: $(VENV)/.made ## Resolve pyproject.toml into requirements*.lock (FLAGS=--upgrade for newer versions)
	scripts/lock $(FLAGS)

# ---- The environment: one stamp per step. Order-only prerequisites (after |) order the steps
# without repeating the later ones whenever an earlier one ran again.

# The last step of both: nothing that was installed may have replaced pillow-simd.
runtime: $(VENV)/.project
	@scripts/install_pillow

develop: $(VENV)/.project $(VENV)/.torch $(VENV)/.postgresql $(VENV)/.chromium
	@scripts/install_pillow

$(VENV)/.made:
	scripts/make_venv
	@touch $@

$(VENV)/.runtime: requirements.lock | $(VENV)/.made
	scripts/install --no-deps --requirement requirements.lock
	@touch $@

# Editable, as one entry on the path: a package that comes later is found without a new install.
$(VENV)/.project: pyproject.toml | $(VENV)/.runtime
	scripts/install --no-deps --config-settings editable_mode=compat --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.lock | $(VENV)/.runtime
	scripts/install --no-deps --requirement requirements-dev.lock
	@touch $@

# By pip, which knows this machine's own builds of torch, if any. torchvision without its
# dependencies: it asks for pillow, and its torch is the one just installed. Compiling the byte code of
# all of torch would take 20 s; what is imported is compiled then.
$(VENV)/.torch: requirements-torch.lock | $(VENV)/.dev
	$(BIN)/pip install --quiet --no-compile --constraint requirements-torch.lock torch
	$(BIN)/pip install --quiet --no-compile --constraint requirements-torch.lock --no-deps torchvision
	@touch $@

# Packages of Debian's, for tests alone.
$(VENV)/.postgresql: | $(VENV)/.dev
	scripts/postgresql
	@touch $@

$(VENV)/.chromium: | $(VENV)/.dev
	scripts/chromium
	@touch $@
