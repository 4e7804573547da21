# Each target works as the only command in a fresh clone; a second run installs nothing unless setup.py has changed.
#   make demo    ten household episodes on two days, with a memory and without, in a virtual environment of their own
#   make test    style, types, import contracts, tests, doctests
# PYTHON chooses the interpreter (3.10 to 3.13; after another one, make clean first), PYTEST_ARGS is handed to pytest:
#   make test PYTHON=python3.12 PYTEST_ARGS=-x

PYTHON ?= python3
PYTEST_ARGS ?=
DEMO := .venv
TEST := .venv-test
OUT := runs/demo
GROUPS := long neo4j ros habitat gpu

.PHONY: demo test lint clean $(GROUPS:%=test-%)

demo: $(DEMO)/installed
	$(DEMO)/bin/neuraxis run --suite home --mode embodied --episodes 10 --seed 7 --memory full --against none --out $(OUT)

test: lint
	$(TEST)/bin/python -m pytest -m "not long and not neo4j and not ros and not habitat and not gpu" $(PYTEST_ARGS)

lint: $(TEST)/installed
	$(TEST)/bin/ruff check .
	$(TEST)/bin/ruff format --check .
	$(TEST)/bin/mypy --strict
	$(TEST)/bin/lint-imports

# One group of marked tests, such as test-long; its tests say what they need.
$(GROUPS:%=test-%): test-%: $(TEST)/installed
	$(TEST)/bin/python -m pytest -m $* $(PYTEST_ARGS)

clean:
	rm -rf $(DEMO) $(TEST) build dist runs *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
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
