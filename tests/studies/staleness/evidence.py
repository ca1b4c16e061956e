"""What the study has confirmed, as the advice on depths reads it.

A depth of an optimizer and its rules counts as shown where no dataset on which it was confirmed
loses as much as the bar, with 95 % confidence; only depths with all of the seeds for confirming
count as tried.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from splitrun.simulate.recommendation import FILE, Evidence
from tests.studies.staleness.cell import Cell
from tests.studies.staleness.grid import CONFIRM
from tests.studies.staleness.judge import Group, Outcome, judged, paired
from tests.studies.staleness.rules import SHIPPED, parts_of
from tests.studies.staleness.tasks import TASKS

PACKAGE = Path(__file__).parents[3] / "splitrun" / "simulate"


def bar(depth: int) -> float:
    """What the metric may lose at a depth; fixed before anything was confirmed."""
    return 0.002 if depth <= 4 else 0.003


def write(known: Mapping[Cell, Outcome], package: Path) -> None:
    """Write what is confirmed into the package's directory."""
    (package / FILE).write_text(text(known), encoding="utf-8")


def text(known: Mapping[Cell, Outcome]) -> str:
    """What is confirmed, a line for each optimizer and its rules."""
    lines = [msgspec.json.encode(each).decode() for each in confirmed(known)]
    return "[\n" + ",\n".join(lines) + "\n]\n"


def confirmed(known: Mapping[Cell, Outcome]) -> Iterator[Evidence]:
    """By optimizer and rules, all depths that were tried in full; nothing where none is shown."""
    lost: dict[tuple[str, str], dict[int, dict[str, float]]] = defaultdict(
        lambda: defaultdict(dict)
    )
    for group, pairs in sorted(paired(known, CONFIRM).items()):
        if group.depth > 1 and len(pairs) == len(CONFIRM) and _is_shipped(group):
            bound = judged(pairs).loss.interval.upper_bound
            lost[group.optimizer, group.rule][group.depth][group.task] = round(bound, 5)
    for (optimizer, rule), by_depth in sorted(lost.items()):
        most = {depth: max(by_task.values()) for depth, by_task in sorted(by_depth.items())}
        shown = tuple(depth for depth, bound in most.items() if bound <= bar(depth))
        if shown:
            steps = min(TASKS[task].steps for task in by_depth[shown[-1]])
            rules = tuple(parts_of(rule))
            yield Evidence(optimizer, rules, steps, shown, most)


def _is_shipped(group: Group) -> bool:
    return all(part in SHIPPED for part in parts_of(group.rule))
