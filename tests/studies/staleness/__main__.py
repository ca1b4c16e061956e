"""`python -m tests.studies.staleness [choose] [confirm] [report] [options]`: see `--help`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.studies.staleness import evidence, grid, page
from tests.studies.staleness.cell import Cell, Found
from tests.studies.staleness.tasks import OPTIMIZERS, TASKS
from tests.studies.staleness.train import train
from tests.studies.store import Store

ROOT = Path(__file__).parents[3]
PHASES = ("choose", "confirm", "report")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.studies.staleness",
        description="Train the cells that are missing, and write the page from all that there are.",
    )
    parser.add_argument("phases", nargs="*", metavar="PHASE", help=f"of {', '.join(PHASES)}")
    parser.add_argument("--task", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--optimizer", nargs="+", choices=OPTIMIZERS, default=list(OPTIMIZERS))
    parser.add_argument("--depth", nargs="+", type=int, default=grid.DEPTHS)
    parser.add_argument("--rule", nargs="+", help="names joined by +; default: the phase's")
    parser.add_argument("--seeds", type=int, help="the first so many of the phase's")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "staleness")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs" / "studies")
    parser.add_argument("--package", type=Path, default=evidence.PACKAGE)
    return parser


def _wanted(options: argparse.Namespace) -> Iterator[Cell]:
    phases = options.phases or PHASES
    for phase, seeds, rules in (
        ("choose", grid.CHOOSE, None),
        ("confirm", grid.CONFIRM, ["none", "auto"]),
    ):
        if phase in phases:
            yield from grid.cells(
                options.task,
                options.optimizer,
                options.depth,
                options.rule or rules,
                seeds[: options.seeds],
            )


def main() -> None:
    """Train what is missing, then write the page."""
    parser = _parser()
    options = parser.parse_args()
    unknown = [phase for phase in options.phases if phase not in PHASES]
    if unknown:
        parser.error(f"no phase is called {unknown[0]}: there are {', '.join(PHASES)}")
    options.work.mkdir(parents=True, exist_ok=True)
    store = Store[Cell, Found](options.work / "cells.jsonl", Found)
    store.fill(_wanted(options), partial(train, directory=options.work), options.processes)
    if "report" in (options.phases or PHASES):
        evidence.write(page.write(store.found, options.docs), options.package)


if __name__ == "__main__":
    main()
