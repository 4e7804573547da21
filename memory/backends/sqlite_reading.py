# SPDX-License-Identifier: Apache-2.0
"""One read transaction of the SQLite store, and what may be kept of it for the next.

Neighbours: sqlite.py begins a Reading for each question, sqlite_search.py asks it; sqlite_rows.py parses rows.
Rules of the file: what is kept is what the store would answer: each transaction first asks the store's own counters
whether anything was written, by this process or another, and drops what that may have changed; a statement ends when
the meter is spent.
"""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any

from memory.backends import sqlite_rows as rows
from memory.backends import sqlite_schema as schema
from memory.backends.meter import Meter
from memory.backends.sqlite_file import THEIRS, StoreFile
from memory.backends.sqlite_words import CommonWords, WordLists
from memory.records import Record
from memory.vector_files import Space

KEPT = 8192  # rows, 21 MB with vectors of 384 values
COMMON_KEPT = 20_000  # words, 4 MB
FOLLOWED = 100  # most new rows whose words are added to the lists, 2 ms; after more, the lists begin anew
LOOKED_THROUGH = 1000  # most changes that are looked through for rows to drop; after more, all are dropped

Condition = Callable[[], tuple[str, Sequence[Any]]]  # on `records r`, with its parameters


def _any() -> tuple[str, Sequence[Any]]:
    return "1", ()


class Row:
    """One version as it is stored; its record is parsed when it is asked for.

    Attributes:
        number: Its sequence.
        vector: b"" without one.
        vector_number: None without one.
    """

    __slots__ = ("_line", "_record", "_retired_ns", "number", "vector", "vector_number")

    def __init__(
        self, number: int, line: str, retired_ns: int | None, vector: bytes | None, vector_number: int | None
    ) -> None:
        self.number = number
        self.vector = vector or b""
        self.vector_number = vector_number
        self._line = line
        self._retired_ns = retired_ns
        self._record: Record | None = None

    @property
    def record(self) -> Record:
        """The version.

        Raises:
            StoreCorrupt: the row holds none.
        """
        if self._record is None:
            self._record = rows.record_of((self.number, self._line, self._retired_ns, self.vector))
            self._line = ""
        return self._record


class Kept:
    """What the connection that reads was told, as long as it stays true; used by one transaction at a time.

    Attributes:
        common: Words that were found to be common; that stays so.
        lists: Rows that have a word.
    """

    def __init__(self) -> None:
        self.common: CommonWords = set()
        self.lists = WordLists()
        self._stand = (0, 0, 0)  # last stamp, last number of a vector, last of a row
        self._audits = 0
        self._rows: OrderedDict[int, Row] = OrderedDict()
        self._embedded: dict[int, Row] = {}
        self._robots: dict[str, tuple[int, bool]] = {}
        self._spaces: list[Space] = []

    def clear(self) -> None:
        """Keep nothing."""
        self.common = set()
        self.lists.clear()
        self._drop_all()
        self._robots, self._spaces = {}, []

    def follow(self, sql: sqlite3.Connection) -> None:
        """Be of the state that the transaction sees; of none, keeping nothing, if it cannot be asked."""
        try:
            stand = sql.execute("SELECT recorded_ns, vector, sequence FROM last").fetchone()
            if stand != self._stand:
                self._robots, self._spaces = {}, []
                self._drop_changed(sql, self._stand, stand)
                self._add_words(sql, self._stand[2], stand[2])
        except BaseException:
            self.clear()
            raise
        self._stand = stand
        if len(self.common) > COMMON_KEPT:
            self.common.clear()

    def robot(self, sql: sqlite3.Connection, name: str) -> tuple[int, bool]:
        """Number of a robot's name, 0 for one that is not known; and has it the store to itself?"""
        if name not in self._robots:
            number = rows.number_of(sql, name, make=False)
            if not number:
                return 0, False
            ((robots,),) = sql.execute("SELECT count(*) FROM robots")
            self._robots[name] = (number, robots == 1)
        return self._robots[name]

    def spaces(self, sql: sqlite3.Connection) -> list[Space]:
        """Every space of vectors."""
        if not self._spaces:
            self._spaces = rows.spaces(sql)
        return self._spaces

    def get(self, number: int) -> Row | None:
        """The row of a number, if it is kept."""
        row = self._rows.get(number)
        if row is not None:
            self._rows.move_to_end(number)
        return row

    def with_vector(self, number: int) -> Row | None:
        """The row that has the vector of a number, if it is kept."""
        row = self._embedded.get(number)
        return None if row is None else self.get(row.number)

    def keep(self, row: Row) -> None:
        """For the next question; what was not asked for longest makes room."""
        self._rows[row.number] = row
        if row.vector_number is not None:
            self._embedded[row.vector_number] = row
        if len(self._rows) > KEPT:
            _, oldest = self._rows.popitem(last=False)
            self._embedded.pop(oldest.vector_number or 0, None)

    def _add_words(self, sql: sqlite3.Connection, before: int, now: int) -> None:
        """A word that was asked for once is followed through the log."""
        if now - before > FOLLOWED:
            self.lists.clear()
        if not self.lists:
            return
        asked = f"SELECT r.robot, {rows.BARE} FROM records r WHERE r.sequence > ? ORDER BY r.sequence"
        for robot, *row in sql.execute(asked, (before,)).fetchall():
            record = rows.record_of(row)
            self.lists.add(schema.TEXTS[record.kind], schema.text_row(record, robot).split(), record.sequence)

    def _drop_all(self) -> None:
        self._rows, self._embedded = OrderedDict(), {}

    def _drop(self, number: int) -> None:
        row = self._rows.pop(number, None)
        if row is not None and row.vector_number is not None:
            self._embedded.pop(row.vector_number, None)

    def _drop_changed(self, sql: sqlite3.Connection, before: Sequence[int], now: Sequence[int]) -> None:
        """Rows change when they are retired, embedded anew or erased, and each of these leaves a number that rises."""
        stamp_ns, vector, _ = before
        ((audits,),) = sql.execute("SELECT ifnull(max(number), 0) FROM audits")
        if audits != self._audits:
            self._audits = audits
            self.clear()
        if now[1] - vector > LOOKED_THROUGH:
            self._drop_all()
        if not self._rows:
            return
        since = "SELECT sequence FROM records WHERE retired_ns > ? LIMIT ?"
        retired = sql.execute(since, (stamp_ns, LOOKED_THROUGH)).fetchall()
        embedded = sql.execute("SELECT sequence FROM vectors WHERE number > ?", (vector,)).fetchall()
        if len(retired) == LOOKED_THROUGH:
            self._drop_all()
        for (number,) in (*retired, *embedded):
            self._drop(number)


class Reading:
    """One transaction, from `with` on.

    Args:
        kept: Brought to the state that the transaction sees.
        meter: Ends it early; None = nothing does.

    Raises:
        StoreError: the file cannot be read.
    """

    def __init__(self, file: StoreFile, kept: Kept, meter: Meter | None = None) -> None:
        self.meter = meter or Meter(None, 0)
        self.kept = kept
        self._file = file

    def __enter__(self) -> Reading:
        try:
            self._sql = self._file.begin(self.meter)
            try:
                self._ended_by_the_meter(lambda: self.kept.follow(self._sql))
            except BaseException:
                self._file.end()
                raise
        except THEIRS as error:
            raise self._file.ours("read", error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._file.end()
        except THEIRS as late:
            error = error or late
        if isinstance(error, THEIRS):
            raise self._file.ours("read", error) from error

    def robot(self, name: str) -> tuple[int, bool]:
        """As Kept's."""
        return self._ended_by_the_meter(lambda: self.kept.robot(self._sql, name)) or (0, False)

    def spaces(self) -> list[Space]:
        """As Kept's."""
        return self._ended_by_the_meter(lambda: self.kept.spaces(self._sql)) or []

    def all(self, statement: str, values: Sequence[Any]) -> list[Any]:
        """Every row of a statement, or none where the meter ended it."""
        try:
            return [] if self.meter.late() else self._sql.execute(statement, values).fetchall()
        except UnicodeEncodeError:  # a lone surrogate in what is asked for: nothing stored has one
            return []
        except sqlite3.OperationalError:
            if not self.meter.cut:
                raise
            return []

    def each(self, statement: str, values: Sequence[Any]) -> Iterator[Any]:
        """The rows of a statement one by one, until the meter ends it."""
        if self.meter.late():
            return
        try:
            yield from self._sql.execute(statement, values)
        except UnicodeEncodeError:  # as above
            return
        except sqlite3.OperationalError:
            if not self.meter.cut:
                raise

    def record(self, found: Any) -> Record:
        """The record of one ROW."""
        return self._row(found).record

    def numbered(self, numbers: Sequence[int], condition: Condition = _any) -> list[Row]:
        """The rows of these numbers, in their order; those that do not fulfil the condition may be missing."""
        start = f"SELECT {rows.ROW} {rows.FROM} WHERE r.sequence"
        return self._read(numbers, self.kept.get, lambda row: row.number, start, condition)

    def with_vectors(self, numbers: Sequence[int], condition: Condition = _any) -> list[Row]:
        """The same of rows that have the vectors of these numbers."""
        joined = "vectors v CROSS JOIN records r ON r.sequence = v.sequence AND r.vector = v.number"
        start = f"SELECT {rows.ROW} FROM {joined} WHERE v.number"
        return self._read(numbers, self.kept.with_vector, lambda row: row.vector_number, start, condition)

    def _read(
        self,
        numbers: Sequence[int],
        kept: Callable[[int], Row | None],
        number_of: Callable[[Row], int | None],
        start: str,
        condition: Condition,
    ) -> list[Row]:
        found = {number: row for number in numbers if (row := kept(number)) is not None}
        if len(found) == len(numbers):
            return list(found.values())
        missing = [number for number in numbers if number not in found]
        where, values = condition()
        for first in range(0, len(missing), schema.LISTED):
            page = schema.padded(missing[first : first + schema.LISTED])
            for one in self.all(f"{start} IN {schema.listed(page)} AND {where}", [*page, *values]):
                row = self._row(one)
                found[number_of(row) or 0] = row
        return [found[number] for number in numbers if number in found]

    def _row(self, found: Any) -> Row:
        row = self.kept.get(found[0])
        if row is None:
            row = Row(*found)
            self.kept.keep(row)
        return row

    def _ended_by_the_meter(self, ask: Callable[[], Any]) -> Any:
        try:
            return ask()
        except UnicodeEncodeError:  # as below
            return None
        except sqlite3.OperationalError:
            if not self.meter.late():
                raise
            return None
