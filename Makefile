# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
# make help: what there is. Every target brings the environment up to date first (see setup).

PYTHON ?= python3
# packages to leave out, such as torch
WITHOUT ?=
ARGS ?=
MUJOCO_GL ?= egl

# Runs here neither hear nor command a robot or another run: traffic stays on this machine, in a
# domain of its own. 1 to 101 keeps the ports below the ephemeral ones. To choose one:
# `make demo ROS_DOMAIN_ID=7`; the variable of the terminal does not count.
ROS_DOMAIN_ID := $(shell echo $$(( ($$(date +%s%N) / 1000 + $$$$) % 101 + 1 )))

# a Python that somebody names is taken; else the environment keeps the one it was made of
CHOSEN = $(if $(filter file,$(origin PYTHON)),,--chosen)

ENVIRONMENT = . .venv/wla_ros_env.sh
ISOLATED = $(ENVIRONMENT) && export MUJOCO_GL='$(MUJOCO_GL)' ROS_DOMAIN_ID='$(ROS_DOMAIN_ID)' \
  ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST && \
  if [ "$${ROS_DISTRO:-}" = humble ]; then export ROS_LOCALHOST_ONLY=1; fi

# ruff and mypy; both run even if the first one complains
LINT = status=0; \
  ruff check . || status=1; \
  ruff format --check . || status=1; \
  mypy || status=1

.DEFAULT_GOAL := help
.PHONY: help setup demo test nightly bench bench-execution mutants lint clean
# the targets share the environment
.NOTPARALLEL:

help:
	@echo 'make setup   make or update .venv: ROS 2 (a sourced distribution, else from PyPI), messages'
	@echo 'make demo    run the simulated robot with a policy   (ARGS="..." goes to wla_ros demo)'
	@echo 'make test    ruff, mypy, pytest                      (ARGS="-m \"not slow\"" goes to pytest)'
	@echo 'make nightly properties of the executor, 100000 examples in half an hour (ARGS: to pytest)'
	@echo 'make mutants do the tests notice one-line changes of the pure rooms? an hour (ARGS="--seed 1")'
	@echo 'make bench   measure                                 (ARGS="..." goes to wla_ros bench)'
	@echo 'make bench-execution   compare execution strategies  (ARGS="--quick": seconds instead of hours)'
	@echo 'make lint    ruff and mypy'
	@echo 'make clean   delete .venv, builds and caches'
	@echo 'PYTHON=python3.13 makes .venv of that Python, WITHOUT=torch leaves a package out'
	@echo 'In a terminal of your own: . .venv/wla_ros_env.sh'

setup:
	@$(PYTHON) config/build/setup_environment.py --without '$(WITHOUT)' $(CHOSEN)

demo: setup
	@$(ISOLATED) && wla_ros demo $(ARGS)

# pytest comes last and always, so that its summary ends the output; the status counts all three
test: setup
	@$(ISOLATED); $(LINT); pytest $(ARGS) || status=$$?; exit $$status

# a property takes minutes, not the two that a test may
nightly: setup
	@$(ISOLATED) && HYPOTHESIS_PROFILE=nightly pytest --timeout 0 $(ARGS) \
	  test/execution/test_plan_properties.py test/execution/test_executor_properties.py \
	  test/execution/test_told_rows.py test/execution/test_executor_fuzz.py

mutants: setup
	@$(ENVIRONMENT) && python config/build/mutants.py $(ARGS)

bench: setup
	@$(ISOLATED) && wla_ros bench $(ARGS)

bench-execution: setup
	@$(ISOLATED) && wla_ros bench-execution $(ARGS)

lint: setup
	@$(ENVIRONMENT); $(LINT); exit $$status

clean:
	rm -rf .venv .venv.previous build install log dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
