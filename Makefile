# Everything a fresh checkout needs: `make help`. Each target sets up what it uses, the first time from the network,
# afterwards without it. ROS 2 comes as wheels, so a machine needs no more than make and Python 3.11, 3.12 or 3.13.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:

KILTED := .venv
JAZZY := .venv-jazzy
DESCRIPTION := setup.py
SOURCES := $(DESCRIPTION) pyproject.toml package.xml $(shell find humanoid_recorder launch config executables resource \
             -type f -not -path '*/__pycache__/*')

# A sourced ROS distribution must not leak into the wheels' environments, nor one of these environments into the other.
unexport PYTHONPATH PYTHONHOME LD_LIBRARY_PATH _ROS_WHEELS_BOOTSTRAP_COMPLETE RMW_IMPLEMENTATION VIRTUAL_ENV
unexport COLCON_PREFIX_PATH CMAKE_PREFIX_PATH FASTDDS_DEFAULT_PROFILES_FILE FASTRTPS_DEFAULT_PROFILES_FILE
export ROS_AUTOMATIC_DISCOVERY_RANGE := LOCALHOST
unexport ROS_LOCALHOST_ONLY ROS_DISCOVERY_SERVER ROS_STATIC_PEERS
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# $(call in,VENV): a command prefix; both paths are what sourcing a workspace would set.
in = PATH="$(CURDIR)/$(1)/bin:$$PATH" AMENT_PREFIX_PATH="$(CURDIR)/$(1)"
# $(call step,[1/3],what it does,command): says what runs, how long it took, and stops everything if it fails.
define step
	@printf '\n%s %s\n' '$(1)' '$(2)'; began=$$SECONDS; \
	if $(3); then printf '%s passed in %d s\n' '$(1)' $$((SECONDS - began)); \
	else printf '\n%s FAILED: %s. Nothing after it was run.\n' '$(1)' '$(2)' >&2; exit 1; fi
endef

PYTEST = python -m pytest -q
# Tests with ROS wait for discovery most of the time; each has a domain of its own. A file stays in one process: its
# robots and bags are made once.
TOGETHER = -n 2 --dist loadfile
LINT = ruff check .
FORMAT = ruff format --check .
CONTRACTS = lint-imports --no-cache

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(KILTED)/.installed ## Record a synthetic robot, no ROS installation or hardware needed
	@$(call in,$(KILTED)) humanoid-recorder demo

.PHONY: quick
quick: $(KILTED)/.installed ## Lint, types and unit tests, without the slow ones: for while you work
	$(call step,[1/5],lint,$(call in,$(KILTED)) $(LINT))
	$(call step,[2/5],format,$(call in,$(KILTED)) $(FORMAT))
	$(call step,[3/5],types,$(call in,$(KILTED)) mypy)
	$(call step,[4/5],import contracts,$(call in,$(KILTED)) $(CONTRACTS))
	$(call step,[5/5],unit tests,$(call in,$(KILTED)) $(PYTEST) -n 2 -m "not slow" test/unit)

.PHONY: test
test: $(KILTED)/.installed $(JAZZY)/.installed ## The whole check: lint, types, contracts, tests on Kilted and on Jazzy
	$(call step,[1/8],lint,$(call in,$(KILTED)) $(LINT))
	$(call step,[2/8],format,$(call in,$(KILTED)) $(FORMAT))
	$(call step,[3/8],types,$(call in,$(KILTED)) mypy)
	$(call step,[4/8],import contracts,$(call in,$(KILTED)) $(CONTRACTS))
	$(call step,[5/8],unit tests,$(call in,$(KILTED)) $(PYTEST) -n 2 test/unit)
	$(call step,[6/8],ROS tests on Kilted,$(call in,$(KILTED)) $(PYTEST) $(TOGETHER) test/ros)
	$(call step,[7/8],ROS tests on Jazzy,$(call in,$(JAZZY)) $(PYTEST) $(TOGETHER) test/ros)
	$(call step,[8/8],end-to-end tests of the installed package,$(call in,$(KILTED)) $(PYTEST) $(TOGETHER) test/e2e)
	@printf '\nAll 8 steps passed.\n'

.PHONY: clean
clean: ## Remove what make made: both environments, build leftovers, caches (the next target needs the network)
	rm -rf $(KILTED) $(JAZZY)
	$(drop_build)
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find humanoid_recorder test launch -name __pycache__ -type d -prune -exec rm -rf {} +

# setuptools installs again what an older build left behind, deleted modules included. `build` may also be colcon's.
drop_build = rm -rf build/lib build/bdist.* humanoid_recorder.egg-info; \
  if [ -d build ]; then rmdir --ignore-fail-on-non-empty build; fi

# The environments with their dependencies: again only when the package's description changes.
$(KILTED)/.dependencies: $(DESCRIPTION)
	$(call make_environment,$(KILTED),ros,ROS 2 Kilted)
$(JAZZY)/.dependencies: $(DESCRIPTION)
	$(call make_environment,$(JAZZY),jazzy,ROS 2 Jazzy)

# The package itself: again whenever a source changes, and without the network. Never `-e`, which leaves out launch
# files, configurations and executables.
%/.installed: %/.dependencies $(SOURCES)
	@printf '[setup] installing this checkout into %s\n' '$*'
	@$(drop_build)
	@$*/bin/python -m pip install -q --no-index --no-deps --no-build-isolation --force-reinstall .
	@$(drop_build)
	@touch $@
.PRECIOUS: %/.dependencies %/.installed

# The newest Python that can make environments; PYTHON=... on the command line comes first. pyenv puts versions on PATH
# that do not run, so each candidate is really started.
CANDIDATES = $(strip $(PYTHON) python3.13 python3.12 python3.11 python3)
define make_environment
	@if [ "$$(uname -sm)" != "Linux x86_64" ]; then \
	  echo "error: the ROS 2 wheels exist for Linux x86_64 only, and this is $$(uname -sm)." >&2; \
	  echo "Build the package with colcon in a ROS 2 workspace instead (see CONTRIBUTING.md)." >&2; exit 1; fi
	@python=""; \
	for candidate in $(CANDIDATES); do \
	  if "$$candidate" -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	      2>/dev/null; then python="$$candidate"; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "error: no usable Python 3.11, 3.12 or 3.13 on PATH (tried $(CANDIDATES))." >&2; \
	  echo "Install one with its venv module (Debian: python3-venv) or name it: make PYTHON=/path/to/python3.12" >&2; \
	  exit 1; fi; \
	$(1)/bin/python -c '' 2>/dev/null || "$$python" -m venv --clear $(1)
	@printf '[setup] %s: %s on %s; the first time this downloads about 280 MB\n' \
	  '$(1)' '$(3)' "$$($(1)/bin/python --version)"
	@$(1)/bin/python -m pip install -q 'setuptools>=68' wheel
	@$(drop_build)
	@$(1)/bin/python -m pip install -q --no-build-isolation '.[$(2),dev]'
	@touch $@
endef
