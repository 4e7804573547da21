# SPDX-License-Identifier: Apache-2.0
"""The drawings of the report, as SVG: a home seen from above, a walk through it, belief beside truth, steps by day.

Neighbours: report_reading.py and report_belief.py hand over what is drawn, report.py sets it on the page and has the
colours (every class named here is in its style sheet).
Rules of the file: a floor plan is drawn once as a symbol and then used; x of the map frame goes right, y goes up;
every word that comes from a file is escaped.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sim.report_belief import Comparison, Judged
from sim.report_reading import EpisodeTrace, FloorPlan, Point, Thing
from sim.scoring import EpisodeResult

WIDEST_PX, DENSEST_PX = 600.0, 150.0  # of a whole plan; of a metre
MARGIN_M = 0.15
SHADES = 12  # in which the time of a walk is told
EARLY_RGB, LATE_RGB = (147, 205, 214), (10, 52, 72)
GLYPH_EM = 0.56  # mean width of a letter
FONTS_PX, NUMBER_PX = (9.5, 8.5, 7.5, 6.5), 9.5
BAR_HEIGHT_PX, STRIP_WIDTH_PX = 120.0, 1080.0

Area = tuple[float, float, float, float]  # left, top, right, bottom in pixels


@dataclass(frozen=True, slots=True)
class Canvas:
    """From metres in the map frame to pixels of the drawing."""

    left_m: float
    top_m: float
    width_m: float
    height_m: float

    @classmethod
    def around(cls, plan: FloorPlan) -> Canvas:
        """The canvas that holds all of a plan."""
        xs, ys = zip(*_corners(plan), strict=True)
        left, low, right, top = min(xs) - MARGIN_M, min(ys) - MARGIN_M, max(xs) + MARGIN_M, max(ys) + MARGIN_M
        return cls(left, top, right - left, top - low)

    @property
    def scale(self) -> float:
        """Pixels in a metre."""
        return min(DENSEST_PX, WIDEST_PX / max(self.width_m, self.height_m))

    def at(self, point_m: Sequence[float]) -> Point:
        """Where a point of the map is drawn."""
        return (point_m[0] - self.left_m) * self.scale, (self.top_m - point_m[1]) * self.scale

    def box(self, centre_m: Sequence[float], size_m: Sequence[float]) -> tuple[float, float, float, float]:
        """Left, top, width and height of a box of the map."""
        x, y = self.at((centre_m[0] - size_m[0] / 2, centre_m[1] + size_m[1] / 2))
        return x, y, size_m[0] * self.scale, size_m[1] * self.scale

    def svg(self, content: Iterable[str], caption: str) -> str:
        """A whole drawing."""
        size = f"{_n(self.width_m * self.scale)} {_n(self.height_m * self.scale)}"
        return (
            f'<svg class="home" viewBox="0 0 {size}" style="max-width:{size.split()[0]}px" role="img" '
            f'aria-label="{html.escape(caption)}">{"".join(content)}</svg>'
        )


def plan_symbols(plan: FloorPlan, key: str) -> str:
    """The floor plan and its labels, to be used by the drawings of every episode in this home."""
    canvas = Canvas.around(plan)
    furniture = sorted(plan.furniture, key=lambda t: (-t.size_m[0] * t.size_m[1], t.id))
    rooms = [_rect("room", canvas.box(*_centred(bounds))) for _, bounds in plan.rooms]
    walls = [_rect("wall", canvas.box(*wall)) for wall in plan.walls]
    boxes = [_rect("thing", canvas.box(t.position_m, t.size_m), _titled(t)) for t in furniture]
    names = [_room_name(plan, canvas, name, bounds) for name, bounds in plan.rooms]
    shell = "".join([*rooms, *_floor(plan, canvas), *walls, *names, *boxes])
    return (
        f'<svg class="hidden" width="0" height="0" aria-hidden="true"><g id="{key}">{shell}</g>'
        f'<g id="{key}-labels">{"".join(_labels(furniture, canvas))}</g></svg>'
    )


def draw_walk(plan: FloorPlan, key: str, trace: EpisodeTrace) -> str:
    """Where the robot went: the line from light to dark in time, a dot where a skill ended."""
    canvas = Canvas.around(plan)
    content = [f'<use href="#{key}"/>', f'<use href="#{key}-labels"/>', *_walk(canvas, trace.path)]
    content += _ends(canvas, trace)
    if trace.path:
        content += [_mark(canvas, trace.path[0], "start", "S"), _mark(canvas, trace.path[-1], "end", "E")]
    return canvas.svg(content, "Where the robot went")


def draw_belief(plan: FloorPlan, key: str, carried: Comparison, furniture: Comparison) -> str:
    """What was believed over what was true."""
    canvas = Canvas.around(plan)
    tinted = [_rect("known", canvas.box(t.position_m, t.size_m), _titled(t))
              for t in furniture.true if t.id in furniture.known_ids]  # fmt: skip
    known = carried.known_ids
    crosses = [_cross(canvas, thing, known=thing.id in known) for thing in carried.true]
    astray = [j for j in furniture.judged if not j.right or j.belief.missing]
    drawn = (*astray, *carried.judged)
    layers = [*tinted, *crosses, *(_believed(canvas, judged) for judged in drawn), *_astray_names(canvas, drawn)]
    return canvas.svg([f'<use href="#{key}"/>', *layers], "What was believed and what was true")


def draw_days(results: Sequence[EpisodeResult], links: frozenset[int]) -> str:
    """Steps of every episode as bars, a block a day.

    Args:
        links: Places in results whose episode has a section of its own on the page.
    """
    days = sorted({r.day for r in results if r.day})
    block_px = STRIP_WIDTH_PX / len(days)
    most = max(1, *(r.steps for r in results))
    blocks = []
    for place, day in enumerate(days):
        of_day = [(i, r) for i, r in enumerate(results) if r.day == day]
        blocks.append(f'<g transform="translate({_n(place * block_px)} 0)">{_block(of_day, block_px, most, links)}</g>')
    height = _n(BAR_HEIGHT_PX + 62)
    return (
        f'<svg class="days" viewBox="0 0 {_n(STRIP_WIDTH_PX)} {height}" role="img" '
        f'aria-label="Steps of every episode, by day">{"".join(blocks)}</svg>'
    )


def shade(when: float) -> str:
    """The colour of a moment; 0 is the start of an episode, 1 its end.

    >>> shade(0.0), shade(1.0)
    ('#93cdd6', '#0a3448')
    """
    mixed = (round(a + (b - a) * when) for a, b in zip(EARLY_RGB, LATE_RGB, strict=True))
    return "#" + "".join(f"{channel:02x}" for channel in mixed)


def words(label: str) -> str:
    """A class name as people write it.

    >>> words("CoffeeMachine"), words("TVStand")
    ('coffee machine', 'TV stand')
    """
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[^A-Z]+", label)
    return " ".join(part if part.isupper() and len(part) > 1 else part.lower() for part in parts)


def _corners(plan: FloorPlan) -> list[Point]:
    boxes = [_centred(bounds) for _, bounds in plan.rooms]
    boxes += [(t.position_m[:2], t.size_m[:2]) for t in plan.furniture] + list(plan.walls)
    corners = [(x + sign * w / 2, y + sign * h / 2) for (x, y), (w, h) in boxes for sign in (-1, 1)]
    return corners or [(0.0, 0.0), (1.0, 1.0)]


def _centred(bounds: Sequence[float]) -> tuple[Point, Point]:
    low_x, low_y, high_x, high_y = bounds
    return ((low_x + high_x) / 2, (low_y + high_y) / 2), (high_x - low_x, high_y - low_y)


def _floor(plan: FloorPlan, canvas: Canvas) -> Iterable[str]:
    """Where the robot can stand, runs of cells as one box; doorways are the runs that cross a wall's line."""
    for first, last, j in _runs(plan):
        middle = ((first + last) / 2 * plan.resolution_m, j * plan.resolution_m)
        size = ((last - first + 1) * plan.resolution_m, plan.resolution_m)
        yield _rect("free", canvas.box(middle, size))


def _runs(plan: FloorPlan) -> Iterable[tuple[int, int, int]]:
    """First and last column and the row of every unbroken run of free cells."""
    for i, j in sorted(plan.cells, key=lambda cell: (cell[1], cell[0])):
        if (i - 1, j) not in plan.cells:
            last = i
            while (last + 1, j) in plan.cells:
                last += 1
            yield i, last, j


def _room_name(plan: FloorPlan, canvas: Canvas, name: str, bounds: Sequence[float]) -> str:
    """The name where the room's floor is widest."""
    step, (centre, _) = plan.resolution_m, _centred(bounds)
    low_x, low_y, high_x, high_y = bounds
    widest = (0.0, 0.0, centre)
    for first, last, j in _runs(plan):
        left, right, y = max(first * step, low_x), min(last * step, high_x), j * step
        if low_y < y < high_y:
            widest = max(widest, (round(right - left, 3), -abs(y - centre[1]), ((left + right) / 2, y)))
    x, y = canvas.at(widest[2])
    return f'<text class="name" x="{_n(x)}" y="{_n(y)}">{html.escape(name)}</text>'


def _labels(furniture: Sequence[Thing], canvas: Canvas) -> Iterable[str]:
    """A short label in every box that can hold one, the larger boxes first, none over another."""
    taken: list[Area] = []
    for thing in furniture:
        x, y, width, height = canvas.box(thing.position_m, thing.size_m)
        fit = _fitting(words(thing.label).split(), width, height)
        if fit is None:
            continue
        lines, font, upright = fit
        across, along = max(map(len, lines)) * font * GLYPH_EM / 2, len(lines) * font / 2
        half_w, half_h = (along, across) if upright else (across, along)
        middle_x, middle_y = x + width / 2, y + height / 2
        if _take(taken, (middle_x - half_w, middle_y - half_h, middle_x + half_w, middle_y + half_h)):
            yield _label((x, y, width, height), lines, font, upright)


def _take(taken: list[Area], area: Area) -> bool:
    """Whether an area was still free; then it is no more."""
    left, top, right, bottom = area
    if any(left < t[2] and t[0] < right and top < t[3] and t[1] < bottom for t in taken):
        return False
    taken.append(area)
    return True


def _fitting(parts: Sequence[str], width: float, height: float) -> tuple[list[str], float, bool] | None:
    """Lines, font and whether turned, for the largest font in which the words fit the box."""
    for font in FONTS_PX:
        for upright in (False, True):
            across, along = (height, width) if upright else (width, height)
            for lines in ([" ".join(parts)], list(parts)):
                if max(map(len, lines)) * font * GLYPH_EM <= across - 2 and len(lines) * font <= along:
                    return lines, font, upright
    return None


def _label(box: tuple[float, float, float, float], lines: Sequence[str], font: float, upright: bool) -> str:
    """Text in the middle of a box, clipped to it."""
    x, y, width, height = box
    turned = f' transform="rotate(-90 {_n(width / 2)} {_n(height / 2)})"' if upright else ""
    first = height / 2 - (len(lines) - 1) * font / 2
    spans = "".join(
        f'<tspan x="{_n(width / 2)}" y="{_n(first + n * font)}">{html.escape(line)}</tspan>'
        for n, line in enumerate(lines)
    )
    return (
        f'<svg x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}">'
        f'<text class="label" font-size="{font}"{turned}>{spans}</text></svg>'
    )


def _walk(canvas: Canvas, path: Sequence[Point]) -> Iterable[str]:
    """The line of the walk in pieces of one shade."""
    legs = max(1, len(path) - 1)
    for piece in range(SHADES):
        points = path[piece * legs // SHADES : (piece + 1) * legs // SHADES + 1]
        if len(set(points)) > 1:
            drawn = " ".join(",".join(map(_n, canvas.at(point))) for point in points)
            yield f'<polyline class="walk" stroke="{shade(piece / (SHADES - 1))}" points="{drawn}"/>'


def _ends(canvas: Canvas, trace: EpisodeTrace) -> Iterable[str]:
    """One dot for each place where skills ended, with the numbers of the steps."""
    places: dict[Point, list[int]] = {}
    for at, step in enumerate(trace.steps):
        if step.number:
            places.setdefault(step.ended_at, []).append(at)
    taken: list[Area] = []
    for point, ended in places.items():
        steps = [trace.steps[at] for at in ended]
        x, y = canvas.at(point)
        told = _title("\n".join(f"{step.number} {step.phrase}" for step in steps))
        failed = " failed" * any(step.outcome not in ("", "succeeded") for step in steps)
        fill = shade(ended[-1] / max(1, len(trace.steps) - 1))
        yield f'<circle class="ended{failed}" cx="{_n(x)}" cy="{_n(y)}" r="4" fill="{fill}">{told}</circle>'
        yield _numbers(x, y, _spans([step.number for step in steps]), taken)


def _numbers(x: float, y: float, said: str, taken: list[Area]) -> str:
    """The numbers beside their dot, on the first side that is free; "" if none is, the dot's title has them too."""
    width = len(said) * NUMBER_PX * GLYPH_EM
    for left, base in ((x + 6, y - 5), (x + 6, y + 12), (x - 6 - width, y - 5), (x - 6 - width, y + 12)):
        if _take(taken, (left, base - NUMBER_PX, left + width, base)):
            return f'<text class="number" x="{_n(left)}" y="{_n(base)}">{said}</text>'
    return ""


def _spans(numbers: Sequence[int]) -> str:
    """Numbers with runs drawn together.

    >>> _spans([1, 2, 3, 7])
    '1–3, 7'
    """
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"{run[0]}–{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


def _mark(canvas: Canvas, point: Point, kind: str, letter: str) -> str:
    x, y = canvas.at(point)
    if kind == "start":
        x, y = x - 9, y + 9  # beside it, so that both are seen where a walk ends at its start
    else:
        x, y = x + 9, y + 9
    return (
        f'<g class="{kind}"><circle cx="{_n(x)}" cy="{_n(y)}" r="6.5"/>'
        f'<text x="{_n(x)}" y="{_n(y)}">{letter}</text>{_title(kind)}</g>'
    )


def _cross(canvas: Canvas, thing: Thing, *, known: bool) -> str:
    x, y = canvas.at(thing.position_m)
    kind = "true known-true" if known else "true"
    arms = f"M{_n(x - 3)} {_n(y - 3)}l6 6m0-6l-6 6"
    said = f"true: {thing.id}" + f", inside {thing.inside}" * bool(thing.inside)
    return f'<path class="{kind}" d="{arms}">{_title(said)}</path>'


def _believed(canvas: Canvas, judged: Judged) -> str:
    """A circle at the believed place and a line to the nearest true thing of the class."""
    belief, kind = judged.belief, _verdict(judged)
    x, y = canvas.at(belief.position_m)
    line = ""
    if judged.nearest is not None and kind != "gone":
        to_x, to_y = canvas.at(judged.nearest.position_m)
        line = f'<path class="link {kind}-link" d="M{_n(x)} {_n(y)}L{_n(to_x)} {_n(to_y)}"/>'
    said = f"believed: {belief.id}" + f", inside {belief.inside}" * bool(belief.inside)
    said += " (known to be missing)" * belief.missing + " (remembered, not seen this time)" * (not belief.sighted)
    return f'{line}<circle class="{kind}" cx="{_n(x)}" cy="{_n(y)}" r="4.5">{_title(said)}</circle>'


def _verdict(judged: Judged) -> str:
    if judged.belief.missing:
        return "gone"
    return "right" if judged.right else "wrong"


def _astray_names(canvas: Canvas, drawn: Sequence[Judged]) -> Iterable[str]:
    """Names of what is wrong, then of what is missing, as far as they do not cover each other."""
    taken: list[Area] = []
    for kind in ("wrong", "gone"):
        for judged in (j for j in drawn if _verdict(j) == kind):
            x, y = canvas.at(judged.belief.position_m)
            name = words(judged.belief.label)
            area = (x + 6, y - NUMBER_PX / 2, x + 6 + len(name) * NUMBER_PX * GLYPH_EM, y + NUMBER_PX / 2)
            if _take(taken, area):
                yield f'<text class="{kind}-name" x="{_n(x + 6)}" y="{_n(y + 3)}">{html.escape(name)}</text>'


def _block(of_day: Sequence[tuple[int, EpisodeResult]], width: float, most: int, links: frozenset[int]) -> str:
    """The bars of one day over a line at their mean."""
    slot = (width - 40) / len(of_day)
    bar = min(slot * 0.72, 46.0)
    slot = min(slot, bar / 0.72)
    mean = sum(r.steps for _, r in of_day) / len(of_day)
    solved = sum(r.success for _, r in of_day)
    base, level = BAR_HEIGHT_PX + 16, BAR_HEIGHT_PX * (1 - mean / most) + 16
    bars = [_bar(i, result, 10 + n * slot, bar, most, i in links) for n, (i, result) in enumerate(of_day)]
    right = _n(10 + slot * len(of_day))
    return (
        f'<path class="base" d="M4 {_n(base)}H{right}"/><path class="mean" d="M4 {_n(level)}H{right}"/>{"".join(bars)}'
        f'<text class="mean-name" x="{_n(float(right) + 4)}" y="{_n(level + 3)}">{mean:.1f}</text>'
        f'<text class="day" x="4" y="{_n(base + 22)}">Day {of_day[0][1].day}</text>'
        f'<text class="day-says" x="4" y="{_n(base + 39)}">{solved} of {len(of_day)} solved, {mean:.1f} steps on '
        "average</text>"
    )


def _bar(at: int, result: EpisodeResult, x: float, width: float, most: int, linked: bool) -> str:
    height = max(1.5, BAR_HEIGHT_PX * result.steps / most)
    top = BAR_HEIGHT_PX + 16 - height
    box = _rect("solved" if result.success else "unsolved", (x, top, width, height),
                _title(f"{result.id}: {result.instruction} {result.reason}, {result.steps} steps"))  # fmt: skip
    count = f'<text class="count" x="{_n(x + width / 2)}" y="{_n(top - 4)}">{result.steps}</text>' * (width >= 14)
    return f'<a href="#e{at + 1}">{box}{count}</a>' if linked else box + count


def _titled(thing: Thing) -> str:
    return _title(f"{thing.id} ({words(thing.label)})")


def _title(said: str) -> str:
    return f"<title>{html.escape(said)}</title>"


def _rect(kind: str, box: tuple[float, float, float, float], inner: str = "") -> str:
    x, y, width, height = map(_n, box)
    return f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}">{inner}</rect>'


def _n(number: float) -> str:
    """A pixel count, short."""
    return f"{number:.1f}".removesuffix(".0")
