# Every target does its own set-up; the second time it is fast.
PYTHON ?= python3
BIN := .venv/bin
# Real data sets: found here where the folder exists, fetched and verified otherwise.
RITARD_DATA ?= $(abspath $(wildcard ../shared/data))
export RITARD_DATA

.PHONY: setup demo test test-slow lint bench chaos results unet gallery api clean

setup: .venv/.installed

.venv/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: setup  ## compare schedules on bundled data, in under 3 minutes on 2 cores
	$(BIN)/ritard compare --task digits --schedules linear,cosine,rex,"uba(phi=1)",step,onecycle,wsd \
	  --budgets 5,25 --seeds 3 --jobs 2 --plot --out ritard-runs/demo

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

test: lint  ## lint, types, tests, doctests
	$(BIN)/python -m pytest -n 2 --dist worksteal

test-slow: setup
	$(BIN)/python -m pytest -m slow

bench: setup  ## every ratio that has a goal, ours against a peer in the same run: one table
	$(BIN)/python experiments/benchmarks/run.py

chaos: setup  ## kill, stop, starve and lock out every long command, and check what is left: half an hour
	$(BIN)/python -m ritard.experiments.chaos

results: setup  ## the rows of RESULTS.md; ROW=name runs one; a killed run goes on
	$(BIN)/python experiments/results/run.py $(ROW)

unet: setup  ## train the small U-Net of the testbeds: about 40 minutes on one core; a killed run goes on
	$(BIN)/python -m ritard.experiments.testbeds.train_unet

gallery: setup  ## the pictures of docs/images, from committed results
	$(BIN)/python -m ritard.experiments.gallery

# Packages name what is public in __all__, which leaves out subpackages and what needs an extra:
# those stand here by name.
API := ritard.schedules ritard.schedules.lightning ritard.schedules.refinement.lightning \
  ritard.solvers.linear ritard.solvers.linear.gallery \
  ritard.solvers.diffusion ritard.solvers.diffusion.scheduler \
  ritard.tuners ritard.tuners.online_callback ritard.tuners.bandits \
  ritard.tuners.autolrs ritard.tuners.autolrs.callback ritard.tuners.solver_search \
  ritard.experiments.compare ritard.experiments.rules ritard.experiments.testbeds \
  ritard.experiments.tasks ritard.experiments.tasks.batches ritard.experiments.tasks.objectives

api: setup  ## the API reference, in build/api; a warning is an error
	$(BIN)/python -W error::UserWarning -m pdoc --docformat google --template-directory docs/api \
	  --output-directory build/api $(API)

clean:
	rm -rf .venv build dist *.egg-info
