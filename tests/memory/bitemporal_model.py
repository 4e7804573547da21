# SPDX-License-Identifier: Apache-2.0
"""Both clocks by brute force: each moment of the world is a cell, each commit of the store keeps a copy of all of them.

Neighbours: test_as_of.py compares every store with it. Nothing of memory/ is used here.
"""


class Model:
    """Cells (timeline, layer, moment) -> (object, its beginning); layer 0 is what was seen, 1 what was told."""

    def __init__(self, moments):
        self.moments, self.kept = moments, [(0, {})]  # (recorded, cells as they were believed from then on)
        self.cells, self.begins, self.confirmed = {}, set(), {}

    def put(self, line, told, object, at, until=None):
        here = {layer: self.cells[line, layer, at] for layer in (0, 1) if (line, layer, at) in self.cells}
        ends = [self.stretch(line, layer, at)[-1] + 1 for layer in here if layer <= told] + ([until] if until else [])
        same = next(((layer, fact) for layer, fact in here.items() if layer <= told and fact[0] == object), None)
        for layer, fact in here.items():
            if layer >= told and (layer, fact) != same:
                self.cut(line, layer, at)
        if same is None:
            self.paint(line, told, (object, at), at, ends)
        elif same[0] == told:
            self.confirmed[line, same[1]] = max(at, self.confirmed.get((line, same[1]), 0))

    def end(self, line, at):
        self.cut(line, 0, at)
        self.cut(line, 1, at)

    def undo(self, line, told, fact, at):
        if mistaken := self.cells.get((line, told, at)):
            self.cells.update(dict.fromkeys([(line, told, m) for m in self.stretch(line, told, at)], fact))
            self.begins -= {(line, told, mistaken)} if mistaken[1] == at else set()
        else:
            self.paint(line, told, fact, at, [])
        self.begins.add((line, told, fact))

    def commit(self, recorded):
        self.kept.append((recorded, dict(self.cells)))

    def as_of(self, line, at, recorded):
        believed = max((kept for kept in self.kept if kept[0] <= recorded), key=lambda kept: kept[0])[1]
        return [believed.get((line, layer, at), (None,))[0] for layer in (0, 1)]

    def paint(self, line, told, fact, at, ends):
        starts = [begin for one, layer, (_, begin) in self.begins if one == line and layer <= told and begin > at]
        stretch = range(at, min([self.moments, *ends, *starts]))
        self.cells.update(dict.fromkeys([(line, told, moment) for moment in stretch], fact))
        self.begins.add((line, told, fact))

    def cut(self, line, layer, at):
        fact = self.cells.get((line, layer, at), (None, 0))
        again = self.confirmed.get((line, fact), 0)
        gone = [self.cells.pop((line, layer, moment)) and moment for moment in self.stretch(line, layer, at)]
        if again > at and again in gone:
            self.cells.update(dict.fromkeys([(line, layer, m) for m in gone if m >= again], (fact[0], again)))
            self.begins.add((line, layer, (fact[0], again)))

    def stretch(self, line, layer, at):
        fact = self.cells.get((line, layer, at))
        return [m for m in range(at, self.moments) if fact and self.cells.get((line, layer, m)) == fact]
