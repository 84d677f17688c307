# `make demo` and `make test` are all a newcomer needs; each makes its own virtual environment.
VENV ?= .venv
BASE_PYTHON ?= python3
PYTHON ?= $(VENV)/bin/python

.PHONY: help native
help: ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16

native: ## compile csrc/ into jnrf_ext/ (needs torch, pybind11, ninja, cmake in $(PYTHON))
	$(PYTHON) setup.py -q build_ext --inplace
