# SPDX-License-Identifier: Apache-2.0
"""Both clocks by brute force: each moment of the world is a cell, each commit of the store keeps a copy of all of them.

Neighbours: test_as_of.py compares every store with it. Nothing of memory/ is used here.
"""

import copy
from collections import defaultdict


class Model:
    """For each timeline, the cells of what was seen [0] and of what was told [1]: moment -> (object, its beginning)."""

    def __init__(self, moments):
        self.moments = moments
        self.cells = defaultdict(lambda: ({}, {}))
        self.begins = defaultdict(lambda: (set(), set()))  # (object, beginning) of every fact, lasting or not
        self.confirmed = defaultdict(int)  # (timeline, (object, beginning)) -> moment
        self.kept = [(0, {})]  # (recorded, cells as they were believed from then on)

    def put(self, line, told, object, at, until=None):
        layers, fact = self.cells[line], (object, at)
        ends = [self.stretch(cells, at)[-1] + 1 for cells in layers[: told + 1] if at in cells]
        ends += [until] if until else []
        here = [(layer, cells[at]) for layer, cells in enumerate(layers) if at in cells]
        same = next((one for one in here if one[0] <= told and one[1][0] == object), None)
        for layer, _ in here:
            if layer >= told and (layer, layers[layer][at]) != same:
                self.cut(line, layer, at)
        if same is None:
            self.paint(line, told, fact, at, ends)
        elif not told or same[0]:
            self.confirmed[line, same[1]] = max(at, self.confirmed[line, same[1]])

    def end(self, line, at):
        for layer in (0, 1):
            self.cut(line, layer, at)

    def undo(self, line, told, fact, at):
        cells = self.cells[line][told]
        if at in cells:
            mistaken = cells[at]
            cells.update(dict.fromkeys(self.stretch(cells, at), fact))
            self.begins[line][told].discard(mistaken if mistaken[1] == at else None)
        else:
            self.paint(line, told, fact, at, [])
        self.begins[line][told].add(fact)

    def commit(self, recorded):
        self.kept.append((recorded, copy.deepcopy(dict(self.cells))))

    def as_of(self, line, at, recorded):
        believed = max((kept for kept in self.kept if kept[0] <= recorded), key=lambda kept: kept[0])[1]
        return [cells[at][0] if at in cells else None for cells in believed.get(line, ({}, {}))]

    def paint(self, line, told, fact, at, ends):
        starts = [begin for facts in self.begins[line][: told + 1] for _, begin in facts if begin > at]
        self.cells[line][told].update(dict.fromkeys(range(at, min([self.moments, *ends, *starts])), fact))
        self.begins[line][told].add(fact)

    def cut(self, line, layer, at):
        cells = self.cells[line][layer]
        if at in cells:
            fact, gone = cells[at], self.stretch(cells, at)
            again = self.confirmed[line, fact]
            for moment in gone:
                del cells[moment]
            if again > at and again in gone:
                self.begins[line][layer].add((fact[0], again))
                cells.update({moment: (fact[0], again) for moment in gone if moment >= again})

    def stretch(self, cells, at):
        return [moment for moment in range(at, self.moments) if cells.get(moment) == cells[at]]
