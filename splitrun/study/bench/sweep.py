"""Through a grid, cell after cell; what is done already is not done again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from splitrun.data import OnDownload
from splitrun.errors import Interrupted, RunFailed, UsageError
from splitrun.interrupts import interrupted, stopped_by
from splitrun.session import is_advised, prepare
from splitrun.spec import Document
from splitrun.study.bench.grid import Axis
from splitrun.study.bench.lineup import Cell, identity
from splitrun.study.bench.measure import Measured, OnTurn, Settings, measure
from splitrun.study.bench.reliability import reliability_warnings
from splitrun.study.bench.result import CellResult, Results
from splitrun.study.bench.store import BenchDirectory

OnCell = Callable[[Results], None]
"""Takes the results so far, after each cell."""


@dataclass(frozen=True)
class Bench:
    """A grid, and how to go through it."""

    document: Document
    """Before the grid's overrides."""
    axes: tuple[Axis, ...]
    baseline: Mapping[str, str]
    """As in `Results`."""
    cells: Sequence[Cell]
    settings: Settings
    directory: BenchDirectory
    data_dir: Path | None = None
    allow_code: bool = False
    """Import and run the classes that the specs name."""


def sweep(bench: Bench, on_turn: OnTurn, on_cell: OnCell, on_download: OnDownload) -> Results:
    """Measure every cell that is not done yet, and write down each as soon as it is.

    A cell that cannot be run, or fails, has a problem instead of figures, and is tried again next
    time.

    Raises:
        Interrupted: the user stopped it; the cells that are done are kept.
    """
    about = bench.directory.about(bench.document, asdict(bench.settings))
    results = Results(about, bench.axes, bench.baseline, ())
    try:
        for cell in bench.cells:
            result = _result(bench, cell, results.cores, on_turn, on_download)
            results = replace(results, cells=(*results.cells, result))
            bench.directory.write("bench.json", results.report().content)
            on_cell(results)
    except KeyboardInterrupt as error:
        number = stopped_by(error)
        done = f"{interrupted(number)} after {len(results.cells)} of {len(bench.cells)} cells"
        remedy = f"the same command goes on from there: {bench.directory.path}"
        raise Interrupted(f"{done}; {remedy}", number) from error
    return results


def _result(
    bench: Bench, cell: Cell, cores: int, on_turn: OnTurn, on_download: OnDownload
) -> CellResult:
    parameters = {key: point.label for key, point in cell.combination.items()}
    if cell.document is None:
        return CellResult(parameters, problem=cell.problem)
    key = identity(cell.document, bench.settings)
    measured = bench.directory.cell(key)
    reused = measured is not None
    if measured is None:
        try:
            measured = _measured(bench, cell.document, on_turn, on_download)
        except (UsageError, RunFailed) as error:
            return CellResult(parameters, problem=str(error), failed=isinstance(error, RunFailed))
        bench.directory.keep(key, measured)
    found = tuple(reliability_warnings(measured, cores))
    return CellResult(parameters, measured, reused=reused, reliability_warnings=found)


def _measured(
    bench: Bench, document: Document, on_turn: OnTurn, on_download: OnDownload
) -> Measured:
    """In a function of its own, so that no cell's data are in the next one's memory."""
    experiment = prepare(
        document,
        data_dir=bench.data_dir,
        on_download=on_download,
        unproven=bench.settings.unproven and is_advised(document.spec),
        allow_code=bench.allow_code,
    )
    return measure(experiment, bench.settings, on_turn)
