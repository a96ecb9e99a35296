# make demo   the whole pipeline on embedded data, in a few minutes, with nothing but Python installed
# make test   the tests
# make run    the full benchmark of config.yaml        make quick   every case of it, cut short
# make bench  the speed of every case, measured apart from training, and nothing else
# make plan   predict time, memory and disk of make run on this machine (ARGS="--configfile ..." for another configuration)
# make verify RUN=results/runs/.../run.json   repeat a recorded run's first updates and compare the losses
# make bundle                    the records of RESULTS (default: results) in one file, RESULTS/bundle.zip
#                                MODELS=1: and the models that its runs kept
# make compare A=a.zip B=b.zip   two bundles (or more: B="b.zip c.zip") case by case: what changed against A?
# make coverage   the tests again, and which lines none of them ran; fewer than before is a failure
# make test-slow, make fuzz   what takes minutes: a hundred kills, thousands of damaged files
# make test-tutorial          the tutorial and its exercises (docs/tutorial)
# make test-cluster           the workflow through a Slurm that the tests start (root, and Slurm installed)
# make gpu-check              does the GPU here compute right, does a run resume on it, how fast is it? (docs/gpu.md)
# make gpu-wheels             what that needs on a machine without a network, in .wheels/
# make wheelhouse             what `make install` needs there, in .wheelhouse/ (or WHEELHOUSE=DIR)
# make resolve                what would be installed on every system and Python of README, from an index's metadata
# make lock   the hashes of what is installed (envs/locked.txt)    make audit   its known vulnerabilities
# make lint   what CI checks beside the tests
# make versions               two versions of each framework side by side, and their page (docs/versions.md): half an hour
# make figures                the figures that README and docs quote, from the records in results/baselines
# make tutorial               the functions that the tutorial shows, from their modules, and its notebook from its page
# make schemas                the schemas of the records and of the configuration, from their types
# make picture                the picture of the report in README, from the page of make demo
#
# GPU=1       installs TensorFlow's CUDA build, CPU=1 the other; without either the environment keeps the one it has
# JAX=1       installs JAX beside it, and later calls keep it; tests and checks of the project need it and install it
# WHEELHOUSE=DIR   install from the folder of `make wheelhouse`, without a network
# CORES=n     cores for Snakemake (default: all)
# ARGS="..."  more arguments for Snakemake, as in: make quick ARGS="--config local_data=[/data]"

PYTHON ?= python3
VENV ?= .venv
CORES ?= $(shell nproc 2>/dev/null || sysctl -n hw.ncpu)

# TensorFlow's build for CPUs has a name of its own on one system only, and only there the hashes are of what is installed.
SYSTEM ?= $(shell uname -s)-$(shell uname -m)
NAMED := $(filter Linux-x86_64,$(SYSTEM))

$(foreach name,GPU CPU JAX,$(if $(filter-out 0 1,$($(name)))$(word 2,$($(name))),$(error $(name)=$($(name)): expected 1, 0 or nothing)))

# An environment holds one build of TensorFlow: cpu or gpu.  The file .installed says which, and is written last.  What pip
# notes beside it must say the same: both builds share their files, so one over the other is neither.
PACKAGES := $(notdir $(wildcard $(VENV)/lib/python3*/site-packages/tensorflow*.dist-info))
FOUND := $(if $(NAMED),$(if $(filter tensorflow-%,$(PACKAGES)),gpu) $(if $(filter tensorflow_cpu-%,$(PACKAGES)),cpu))
# Earlier versions left the file empty.
HELD := $(or $(filter cpu gpu,$(shell cat $(VENV)/.installed 2>/dev/null)),$(if $(wildcard $(VENV)/.installed),$(FOUND)))
BUILD := $(if $(filter-out 0,$(GPU)),gpu,$(if $(filter-out 0,$(CPU))$(filter-out undefined,$(origin GPU)),cpu,$(firstword $(HELD) $(FOUND) cpu)))
WRONG := $(filter-out $(BUILD),$(or $(HELD),nothing) $(FOUND))
# JAX is beside either build: the environment has it from the first call with JAX=1 on.
WITH_JAX := $(if $(filter-out 0,$(JAX))$(wildcard $(VENV)/.installed-jax),$(VENV)/.installed-jax)
REQUIREMENTS := envs/requirements$(if $(filter gpu,$(BUILD)),-gpu).txt

ifeq (gpu Darwin,$(BUILD) $(firstword $(subst -, ,$(SYSTEM))))
$(error GPU=1 is for NVIDIA GPUs, which a Mac has not: make CPU=1 ...; docs/gpu.md says how PyTorch uses another GPU)
endif

# A package that has no wheel is built, and so is this one: with these.
BUILD_TOOLS := "setuptools>=77" wheel

# Quoted where it is used, so that it may hold spaces; then no shell replaces its ~.
HOUSE := $(or $(WHEELHOUSE),.wheelhouse)
HOUSE := $(if $(filter ~/%,$(HOUSE)),$(patsubst ~/%,$(HOME)/%,$(HOUSE)),$(HOUSE))

# With WHEELHOUSE=DIR every pip below takes from that folder alone.  As a URL, because pip splits the variable at white space.
ifneq (,$(and $(WHEELHOUSE),$(filter-out wheelhouse,$(or $(MAKECMDGOALS),demo))))
ifeq (,$(shell ls '$(HOUSE)' 2>/dev/null))
$(error $(WHEELHOUSE): expected the folder of `make wheelhouse`, found no file: make it where there is a network, and carry it here)
endif
SPACE := $(subst ,, )
HASH := \#
export PIP_NO_INDEX := 1
export PIP_FIND_LINKS := file://$(subst $(SPACE),%20,$(subst ?,%3F,$(subst $(HASH),%23,$(subst %,%25,$(shell cd '$(HOUSE)' && pwd)))))
endif

# The names of make's targets end at a space.
ifneq (1,$(words $(VENV)))
$(error VENV=$(VENV): expected a folder whose path holds no space)
endif

ifneq (,$(filter verify,$(MAKECMDGOALS)))
ifeq (,$(strip $(RUN)))
$(error verify: expected the record of a run to repeat: make verify RUN=results/runs/.../run.json)
endif
endif

# PATH ends a folder's name at a colon.
ifneq (,$(findstring :,$(abspath $(VENV))))
$(error $(abspath $(VENV)): a folder whose path holds a colon cannot be on PATH: rename or move it)
endif

# The rules say `python`; it must be the environment's.
export PATH := $(abspath $(VENV))/bin:$(PATH)

.PHONY: demo quick run bench plan verify bundle compare versions test coverage test-slow test-cluster test-tutorial gpu-check gpu-wheels wheelhouse figures schemas picture tutorial fuzz lint lock resolve audit \
	install install-dev in-place again

# A line per finished job, and at the end a table: workflow/snakemake_logger_plugin_lstmbench.  Without --logger Snakemake
# says everything itself.
SHOWN := snakemake --logger lstmbench

demo: install
	@$(SHOWN) --cores $(CORES) --configfile workflow/configs/demo.yaml $(ARGS)

quick: install
	@$(SHOWN) --cores $(CORES) --configfile workflow/configs/quick.yaml $(ARGS)

run: install
	@$(SHOWN) --cores $(CORES) $(ARGS)

bench: install
	@$(SHOWN) bench --cores $(CORES) $(ARGS)

plan: install
	snakemake plan --cores $(CORES) $(ARGS) --forcerun plan

verify: install
	for run in $(RUN); do lstm-bench verify $$run || exit; done

RESULTS ?= results

bundle: install
	lstm-bench bundle --results $(RESULTS) --output $(RESULTS)/bundle.zip $(if $(filter-out 0,$(MODELS)),--models)

compare: install
	lstm-bench compare $(A) $(B) --output-dir $(RESULTS)/comparison

# With WHEELS=.wheels the Python at hand is used, with torch in it, and nothing is fetched.
gpu-check: $(if $(WHEELS),,install-dev)
	$(if $(WHEELS),$(PYTHON) -m pip install --quiet --no-index --find-links $(WHEELS) -r envs/gpu-check.txt)
	$(if $(WHEELS),$(PYTHON) -m pip install --quiet --no-index --find-links $(WHEELS) --no-deps --editable .)
	@$(if $(WHEELS),$(PYTHON),python) -m lstmbench gpu-check $(ARGS)

# Everything that `make install` fetches, for this system and this Python, to carry to a machine without a network.
wheelhouse:
	$(PYTHON) -m pip download --dest "$(HOUSE)" -r $(REQUIREMENTS) $(if $(WITH_JAX),-r envs/requirements-jax.txt) \
		pip $(BUILD_TOOLS)
	du -sh "$(HOUSE)"

# PRESENT="numpy scipy": packages that the other machine has, and whose wheels need not travel.
gpu-wheels:
	rm -rf .wheels
	$(PYTHON) -m pip download --quiet --only-binary=:all: --implementation cp --python-version 3.12 \
		$(foreach n,39 35 34 31 28 27 24 17,--platform manylinux_2_$(n)_x86_64) --platform manylinux2014_x86_64 \
		--platform manylinux1_x86_64 --dest .wheels -r envs/gpu-check.txt
	rm -f $(foreach name,$(PRESENT),.wheels/$(name)-*.whl)
	du -sh .wheels

# This one measures how other processes disturb a computation: it runs before all others, alone.
ALONE := tests/unit/records/test_interference.py

test: install-dev
	python -m pytest $(ALONE)
	python -m pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder --ignore=$(ALONE)

coverage: install-dev
	rm -rf .coverage
	python -m coverage run -m pytest $(ALONE)
	python -m coverage run -m pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder --ignore=$(ALONE)
	python -m coverage combine --quiet
	python -m coverage report

test-slow: install-dev
	python -m pytest -m slow $(ARGS)

test-cluster: install-dev $(VENV)/.installed-cluster
	python -m pytest -m cluster

test-tutorial: install-dev
	python -m pytest -m tutorial

figures: install-dev
	python -m tests.repository.figures

versions: install-dev
	@$(SHOWN) bench --cores $(CORES) --configfile workflow/configs/versions_ptb.yaml $(ARGS)
	lstm-bench bundle --results results/versions-ptb --output results/baselines/versions/frameworks.zip
	python -m tests.repository.figures

schemas: install-dev
	python -m tests.repository.schemas

tutorial: install-dev
	python -m tests.repository.tutorial

picture: install-dev
	python -m tests.repository.report_picture

fuzz: install-dev
	python -m pytest -m fuzz

lint: install-dev
	ruff check .
	ruff format --check .
	lint-imports
	mypy
	codespell
	check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	pre-commit validate-config
	hadolint envs/container/Dockerfile
	snakefmt --check Snakefile workflow/rules
	snakemake --lint

resolve: install-dev
	python envs/resolve.py

lock: install-dev
	python -m pip install --quiet pip-tools
	pip-compile --quiet --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links --unsafe-package torch \
		--output-file envs/locked.txt envs/requirements.txt

audit: install-dev
	python -m pip install --quiet pip-audit
	pip-audit --strict --disable-pip --require-hashes --requirement envs/locked.txt

install: $(VENV)/.installed $(WITH_JAX) in-place $(VENV)/bin/lstm-bench
install-dev: $(VENV)/.installed-dev in-place $(VENV)/bin/lstm-bench

# After `mv project project2` the scripts of the environment would look for their Python in the old folder.
in-place: $(VENV)/.installed
	@python envs/in_place.py

$(VENV)/.installed: $(REQUIREMENTS) envs/constraints.txt envs/locked.txt $(if $(WRONG),again)
	$(PYTHON) -c 'import sys; sys.exit("lstm-bench needs Python 3.11 to 3.13: make PYTHON=python3.11 ..." if not (3, 11) <= sys.version_info < (3, 14) else 0)'
	$(PYTHON) -m venv $(if $(WRONG),--clear) $(VENV)
	python -m pip install --quiet --upgrade pip
	$(if $(and $(NAMED),$(filter cpu,$(BUILD))),python -m pip install --progress-bar on --require-hashes --no-deps -r envs/locked.txt)
	python -m pip install --progress-bar on -r $(REQUIREMENTS)
	@python envs/size.py $(BUILD)
	echo $(BUILD) > $@

# The command line of this checkout, as it is; what it needs is installed already.
$(VENV)/bin/lstm-bench: | $(VENV)/.installed
	python -m pip install --quiet --no-deps --editable .

$(VENV)/.installed-jax: $(VENV)/.installed envs/requirements-jax.txt
	python -m pip install --progress-bar on -r envs/requirements-jax.txt
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed $(VENV)/.installed-jax envs/requirements-dev.txt
	python -m pip install -r envs/requirements-dev.txt
	touch $@

$(VENV)/.installed-cluster: $(VENV)/.installed-dev envs/requirements-cluster.txt
	python -m pip install --quiet -r envs/requirements-cluster.txt
	touch $@
