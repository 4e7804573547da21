# SPDX-License-Identifier: Apache-2.0
"""docs/abilities.md out of the contract grid's own result: which store and which memory keeps which promise.

    python -m tools.abilities            # run tests/contract and write the page
    python -m tools.abilities --check    # run it and say where the page is out of date

Rules of the file: a cell is what a test did, never what somebody wrote; a column that cannot run here (a server that is
not there) stays as the page has it.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from memory.testing import BackendContract, MemoryContract

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "abilities.md"
KEPT, LACKS, BROKEN = "yes", "lacks {}", "NO"
HEAD = """# What each store and each memory can do

Written by `python -m tools.abilities` from a run of the contract grid (`tests/contract`): "yes" is a test that passed,
"lacks X" one that was skipped because the store does not claim the ability X.
"""

Grid = dict[str, dict[str, str]]  # promise -> column -> cell


class Results:
    """Takes down what became of each promise; a memory is asked over several stores and keeps it over all or not."""

    def __init__(self) -> None:
        self.cells: dict[str, Grid] = {"stores": defaultdict(dict), "memories": defaultdict(dict)}

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Of each test, as it ends."""
        if report.when == "teardown" or (report.when == "setup" and report.passed):
            return
        _, _, place = report.nodeid.partition("::")
        column, _, name = place.partition("::")
        name = name.partition("[")[0]
        for table, contract in (("stores", BackendContract), ("memories", MemoryContract)):
            if hasattr(contract, name) and not _absent(report):
                cells = self.cells[table][said(name)]
                cell = KEPT if report.passed else _why(report)
                worse = cells.get(column.removeprefix("Test"), KEPT)
                cells[column.removeprefix("Test")] = cell if worse == KEPT else worse


def _absent(report: Any) -> bool:
    """Was it skipped for want of a server, or of a package?"""
    return bool(report.skipped) and "lacks " not in str(report.longrepr)


def _why(report: Any) -> str:
    lacks = re.search(r"lacks (\w+)", str(report.longrepr)) if report.skipped else None
    return LACKS.format(lacks[1]) if lacks else BROKEN


def said(name: str) -> str:
    """A promise as its test spells it."""
    return name.removeprefix("test_").replace("_", " ")


def run_grid() -> dict[str, Grid]:
    """What the grid says here."""
    results = Results()
    pytest.main(["-q", "-p", "no:cacheprovider", "--no-header", "--tb=no", str(ROOT / "tests/contract")], [results])
    return results.cells


def promises(contract: type) -> list[str]:
    """Every promise of a contract, in its order."""
    kept = (name for base in reversed(contract.__mro__) for name in vars(base))
    return [said(name) for name in dict.fromkeys(kept) if name.startswith("test_")]


def read(text: str) -> dict[str, Grid]:
    """The tables of a page."""
    tables: dict[str, Grid] = {"stores": {}, "memories": {}}
    for table, grid in tables.items():
        section = text.partition(f"## {table.capitalize()}\n")[2].partition("\n## ")[0]
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if "|" in line]
        for row in rows[2:]:
            grid[row[0]] = {column: cell for column, cell in zip(rows[0][1:], row[1:], strict=True) if cell}
    return tables


def merged(known: dict[str, Grid], fresh: dict[str, Grid]) -> dict[str, Grid]:
    """What ran here, and the rest as it was."""
    tables: dict[str, Grid] = {}
    for table, contract in (("stores", BackendContract), ("memories", MemoryContract)):
        tables[table] = {
            promise: {**known.get(table, {}).get(promise, {}), **fresh[table].get(promise, {})}
            for promise in promises(contract)
        }
    return tables


def spelled(tables: dict[str, Grid]) -> str:
    """The page."""
    parts = [HEAD]
    for table, grid in tables.items():
        columns = sorted({column for row in grid.values() for column in row})
        lines = [f"| promise | {' | '.join(columns)} |", "| --- |" + " --- |" * len(columns)]
        lines += [f"| {name} | {' | '.join(row.get(column, '') for column in columns)} |" for name, row in grid.items()]
        parts.append("\n".join((f"## {table.capitalize()}\n", *lines)) + "\n")
    return "\n".join(parts)


def main() -> int:
    """Write the page, or check it."""
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--check", action="store_true", help="Write nothing; exit code 1 if the page is out of date.")
    check = asked.parse_args().check
    before = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    after = spelled(merged(read(before), run_grid()))
    if check and before != after:
        print(f"{PAGE.name} is out of date: python -m tools.abilities writes it anew", file=sys.stderr)
        return 1
    if not check:
        PAGE.write_text(after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
