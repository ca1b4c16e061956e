"""The page's tables and figures, from all cells that there are; its words are written by hand.

What cells came to is kept beside the page, so that a study can go on where no cell is left of the
one before.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from tests.studies.pages import fill, row
from tests.studies.staleness.cell import Cell, Found
from tests.studies.staleness.figure import MOST_LINES, chart
from tests.studies.staleness.grid import CHOOSE, CONFIRM
from tests.studies.staleness.judge import Group, Outcome, Pairs, judged, outcomes, paired, typical
from tests.studies.staleness.rules import canonical
from tests.studies.staleness.tasks import TASKS

KEPT = "staleness.json"


def write(found: Mapping[Cell, Found], docs: Path) -> Mapping[Cell, Outcome]:
    """Fill in the page's tables from what is found and what was kept of cells before, and write
    the figures and all that is known beside it; gives what is known."""
    docs.mkdir(parents=True, exist_ok=True)
    known = {**kept(docs / KEPT), **outcomes(found)}
    fill(docs / "staleness.md", _tables(known, docs))
    (docs / KEPT).write_text(_compact(known), encoding="utf-8")
    return known


def _tables(known: Mapping[Cell, Outcome], docs: Path) -> Iterator[str]:
    for title, name, seeds in (("Choosing", "choose", CHOOSE), ("Confirming", "confirm", CONFIRM)):
        pairs = paired(known, seeds)
        if not pairs:
            continue
        yield f"## {title}: seeds {seeds[0]} to {seeds[-1]}\n"
        for task, optimizer in sorted({(group.task, group.optimizer) for group in pairs}):
            part = {
                group: pairs[group]
                for group in pairs
                if (group.task, group.optimizer) == (task, optimizer)
            }
            yield f"### {TASKS[task].title}: {optimizer}\n"
            figure = f"staleness-{name}-{task}-{optimizer}.svg"
            if _draw(part, f"{TASKS[task].title}: {optimizer}", docs / figure):
                yield f"![{TASKS[task].metric} lost against depth, by rule]({figure})\n"
            yield from _losses(part)
            if TASKS[task].keeps_losses:
                yield "Steps to 1.03 × the least sequential loss, of the sequential steps:\n"
                yield from _ratios(part)
            if TASKS[task].evaluate_every_epochs:
                yield "Epochs to within 0.002 of the best sequential metric, of its epochs:\n"
                yield from _ratios(part)


def _losses(pairs: Pairs) -> Iterator[str]:
    def one_line(group: Group) -> str:
        verdict = judged(pairs[group])
        loss, interval = verdict.loss, verdict.loss.interval
        text = f"{loss.mean:+.4f}"
        if math.isfinite(interval.high):
            text += f" ± {interval.high - loss.mean:.4f} (≤ {interval.upper_bound:+.4f})"
        text += f", {loss.count}"
        return text + (f", {verdict.diverged} diverged" if verdict.diverged else "")

    yield from _table(pairs, one_line)


def _ratios(pairs: Pairs) -> Iterator[str]:
    def one_line(group: Group) -> str:
        ratios = [other.ratio for _, other in pairs[group]]
        middle = typical(ratios)
        never = sum(each is None for each in ratios)
        text = "never" if middle is None else f"{middle:.2f}"
        return text + (f" ({never} of {len(ratios)} never)" if never and middle else "")

    yield from _table(pairs, one_line)


def _table(pairs: Pairs, one_line: Callable[[Group], str]) -> Iterator[str]:
    depths = sorted({group.depth for group in pairs})
    yield row(["rule", *(f"d = {depth}" for depth in depths)])
    yield "|---" * (1 + len(depths)) + "|"
    by_place = {(group.rule, group.depth): group for group in pairs}
    for rule in _in_order(pairs):
        groups = (by_place.get((rule, depth)) for depth in depths)
        yield row([_named(rule, pairs), *(one_line(group) if group else "" for group in groups)])
    yield ""


def _in_order(pairs: Collection[Group]) -> Sequence[str]:
    """`none` first, then `auto`, then the others."""
    optimizer = next(iter(pairs)).optimizer
    first = ["none", canonical("auto", optimizer)]
    rules = {group.rule for group in pairs}
    return [rule for rule in first if rule in rules] + sorted(rules.difference(first))


def _named(rule: str, pairs: Collection[Group]) -> str:
    automatic = rule == canonical("auto", next(iter(pairs)).optimizer)
    return rule.replace("+", " + ") + (" (auto)" if automatic else "")


def _draw(pairs: Pairs, title: str, path: Path) -> bool:
    """The rules that were tried at the most depths; no figure of a single depth."""
    groups = [group for group in pairs if group.depth > 1]
    depths = {group.depth for group in groups}
    if len(depths) < 2:
        return False
    lines = {}
    for rule in _in_order(groups):
        points = []
        for group in sorted(group for group in groups if group.rule == rule):
            loss = judged(pairs[group]).loss
            if math.isfinite(loss.interval.low):
                interval = loss.interval
                points.append((group.depth, loss.mean, interval.low, interval.high))
        if len(points) > 1:
            lines[_named(rule, groups)] = points
    most = dict(list(lines.items())[:MOST_LINES])
    if most:
        unit = f"{TASKS[groups[0].task].metric} lost against sequential, mean and 95 % interval"
        path.write_text(chart(title, unit, most), encoding="utf-8")
    return bool(most)


def _compact(known: Mapping[Cell, Outcome]) -> str:
    """One line a group, its outcomes by seed."""
    rows: dict[Group, dict[str, Outcome]] = {}
    for cell in sorted(known):
        rows.setdefault(Group.of(cell), {})[str(cell.seed)] = known[cell]
    lines = [
        json.dumps(msgspec.to_builtins(group) | {"by_seed": msgspec.to_builtins(by_seed)})
        for group, by_seed in sorted(rows.items(), key=lambda row: row[0])
    ]
    return "[\n" + ",\n".join(lines) + "\n]\n"


def kept(path: Path) -> Mapping[Cell, Outcome]:
    """What was kept beside the page."""
    rows = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    known = {}
    for group in rows:
        by_seed = msgspec.convert(group.pop("by_seed"), dict[str, Outcome])
        for seed, outcome in by_seed.items():
            known[Cell(int(seed), **group)] = outcome
    return known
