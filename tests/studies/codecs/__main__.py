"""`python -m tests.studies.codecs [options]`: see `--help`."""

from __future__ import annotations

import argparse
from pathlib import Path

from tests.studies.codecs import page
from tests.studies.codecs.cell import DEPTHS, ROOT, SEEDS, Cell, Found, cells, train
from tests.studies.store import Store


def main() -> None:
    """Train what is missing, then write the page."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.studies.codecs",
        description="Train the cells that are missing, and write the page from all that there are.",
    )
    parser.add_argument("--depth", nargs="*", type=int, default=DEPTHS)
    parser.add_argument("--seeds", type=int, help="the first so many")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "codecs")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs" / "studies")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    store = Store[Cell, Found](options.work / "cells.jsonl", Found)
    store.fill(cells(options.depth, SEEDS[: options.seeds]), train, options.processes)
    page.write(store.found, options.docs)


if __name__ == "__main__":
    main()
