"""The cells of a grid, each timed alone on its machine; what is done already is not done again.

Each cell is a spec of its own; what is wrong with them is found before any runs.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

from msgspec.structs import replace

from splitrun import __version__
from splitrun.data import OnDownload, check_columns, fingerprint
from splitrun.errors import Interrupted, RunFailed, SpecError, UsageError
from splitrun.files import read_bytes
from splitrun.interrupts import interrupted, stopped_by
from splitrun.session import is_advised, prepare
from splitrun.session.environment import cpu_model, usable_cores
from splitrun.session.prepare import named_classes
from splitrun.spec import Document, load, resolved_yaml
from splitrun.study.bench.grid import Axis, Combination, combinations, overrides_of
from splitrun.study.bench.measure import (
    BenchSettings,
    Measured,
    measure,
    reliability_warnings,
)
from splitrun.study.bench.result import CellResult, Results
from splitrun.study.bench.store import BenchDirectory
from splitrun.study.watcher import BenchWatcher

_ENDLESS = "training.epochs=1000000000"


@dataclass(frozen=True)
class BenchCell:
    """One combination of the axes' values."""

    combination: Combination
    document: Document | None
    problem: str = ""
    """Why it cannot be run; empty where it can, as far as the spec tells."""

    @property
    def labels(self) -> Mapping[str, str]:
        """Of every axis its value, as it was written."""
        return {key: point.label for key, point in self.combination.items()}


def line_up(
    file: Path, overrides: Sequence[str], axes: Sequence[Axis], data_dir: Path | None
) -> list[BenchCell]:
    """Load every cell's spec.

    A cell that is wrong has a problem of its own where its values are right, each in another cell,
    and where it only has too few steps for its depth.

    Raises:
        SpecError: a value is wrong; with the problems of every cell that has such a one.
        DataError: a data file has no header to check columns by.
    """
    cells: list[BenchCell] = []
    errors: list[tuple[Combination, SpecError]] = []
    for combination in combinations(axes):
        arguments = [*overrides, *overrides_of(combination)]
        try:
            cells.append(BenchCell(combination, _loaded(file, arguments, data_dir)))
        except SpecError as error:
            if not _lacks_steps(error, file, arguments):
                errors.append((combination, error))
            cells.append(BenchCell(combination, None, error.problems[0].what))
    right = {
        (key, point)
        for cell in cells
        if not cell.problem
        for key, point in cell.combination.items()
    }
    wrong = [error for combination, error in errors if combination.items() - right]
    if wrong:
        raise SpecError([problem for error in wrong for problem in error.problems])
    return cells


@dataclass(frozen=True)
class Machine:
    """What times cells."""

    cpu: str
    """The processor's name."""
    cores: int
    """That a run may use."""

    @classmethod
    def here(cls) -> Machine:
        """This one."""
        return cls(cpu_model(), len(usable_cores()))


def identity(document: Document, settings: BenchSettings, machine: Machine | None = None) -> str:
    """SHA-256 of what a cell's figures depend on, but for what classes import.

    Args:
        machine: that times it; default: this one.
    """
    machine = machine or Machine.here()
    data = fingerprint(document.spec, document.directory)
    what = [resolved_yaml(document.spec), asdict(settings), _own_code(document), data]
    where = [__version__, version("torch"), machine.cpu, machine.cores]
    return hashlib.sha256(json.dumps([what, where]).encode()).hexdigest()


def _own_code(document: Document) -> Mapping[str, str]:
    """Digests of the files beside the spec that its classes are in, by module."""
    modules = {class_path.partition(":")[0] for class_path in named_classes(document.spec).values()}
    return {module: _digest(document.directory, module) for module in sorted(modules)}


def _digest(directory: Path, module: str) -> str:
    """SHA-256 of a module's file; empty where there is none."""
    place = directory.joinpath(*module.split("."))
    for file in (place.with_name(f"{place.name}.py"), place / "__init__.py"):
        with suppress(OSError, ValueError):
            return hashlib.sha256(read_bytes(file, elsewhere=True)).hexdigest()
    return ""


def warnings_of(cells: Sequence[BenchCell]) -> list[str]:
    """What the specs' checks remark, each once."""
    return list(
        dict.fromkeys(text for cell in cells if cell.document for text in cell.document.warnings)
    )


def _loaded(file: Path, arguments: Sequence[str], data_dir: Path | None) -> Document:
    document = load(file, arguments)
    with document.located():
        check_columns(document.spec, document.directory, data_dir)
    return document


def _lacks_steps(error: SpecError, file: Path, arguments: Sequence[str]) -> bool:
    """Whether a longer training could be run."""
    if any(problem.path[-1:] != ("depth",) for problem in error.problems):
        return False
    try:
        load(file, [*arguments, _ENDLESS])
    except SpecError:
        return False
    return True


@dataclass(frozen=True)
class Bench:
    """A grid, and how to go through it."""

    document: Document
    """Before the grid's overrides."""
    axes: tuple[Axis, ...]
    baseline: Mapping[str, str]
    """As in `Results`."""
    cells: Sequence[BenchCell]
    settings: BenchSettings
    directory: BenchDirectory
    data_dir: Path | None = None
    allow_code: bool = False
    """Import and run the classes that the specs name."""

    def key(self, cell: BenchCell, machine: Machine) -> str:
        """What a cell's figures are kept by; empty for one that cannot be run."""
        return identity(cell.document, self.settings, machine) if cell.document else ""

    def known(self, cell: BenchCell, key: str) -> CellResult | None:
        """What is known of a cell without running it: what an earlier bench measured, or that it
        cannot be run; None where nothing is."""
        if not key:
            return CellResult(cell.labels, problem=cell.problem)
        measured = self.directory.cell(key)
        return None if measured is None else CellResult(cell.labels, measured, reused=True)

    def kept(self, cell: BenchCell, key: str, measured: Measured) -> CellResult:
        """Write down what a cell came to."""
        self.directory.keep(key, measured)
        return CellResult(cell.labels, measured)


class Timer(Protocol):
    """Where cells are timed."""

    at_once: int
    """How many, at most."""
    header: Mapping[str, object]
    """What there is to say of it, by field of `BenchHeader`."""

    def results(self, bench: Bench, watcher: BenchWatcher) -> Generator[CellResult]:
        """What every cell comes to, in the grid's order."""
        ...


def sweep(bench: Bench, watcher: BenchWatcher, timer: Timer) -> Results:
    """Measure every cell that is not done yet, and write down each as soon as it is.

    A cell that cannot be run, or fails, has a problem instead of figures, and is tried again next
    time.

    Raises:
        Interrupted: the user stopped it; the cells that are done are kept.
    """
    header = replace(bench.directory.header(bench.document, asdict(bench.settings)), **timer.header)
    results = Results(header, bench.axes, bench.baseline, ())
    watcher.begin(results)
    try:
        with closing(timer.results(bench, watcher)) as cells:
            for cell in cells:
                judged = _judged(cell, results.cores)
                results = dataclasses.replace(results, cells=(*results.cells, judged))
                bench.directory.write("bench.json", results.report().record)
                watcher.done(results)
    except KeyboardInterrupt as error:
        number = stopped_by(error)
        done = f"{interrupted(number)} after {len(results.cells)} of {len(bench.cells)} cells"
        remedy = f"the same command goes on from there: {bench.directory.path}"
        raise Interrupted(f"{done}; {remedy}", number) from error
    return results


def _judged(cell: CellResult, cores: int) -> CellResult:
    """With the reasons not to trust it, if there are some."""
    if cell.measured is None:
        return cell
    found = tuple(reliability_warnings(cell.measured, cores))
    return dataclasses.replace(cell, reliability_warnings=found)


class OneByOne:
    """Cells are timed here, one after the other.

    Args:
        on_download: told of downloads.
    """

    at_once = 1
    header: Mapping[str, object] = {}

    def __init__(self, on_download: OnDownload) -> None:
        self._on_download = on_download

    def results(self, bench: Bench, watcher: BenchWatcher) -> Generator[CellResult]:
        """See `Timer`."""
        for number, cell in enumerate(bench.cells, 1):
            watcher.cell(number)
            key = bench.key(cell, Machine.here())
            if (result := bench.known(cell, key)) is None:
                assert cell.document is not None  # it can be run
                try:
                    measured = _measured(bench, cell.document, watcher, self._on_download)
                except (UsageError, RunFailed) as error:
                    result = failed(cell, error)
                else:
                    result = bench.kept(cell, key, measured)
            yield result


def failed(cell: BenchCell, error: UsageError | RunFailed) -> CellResult:
    """A cell that cannot be run, or that broke."""
    return CellResult(cell.labels, problem=str(error), failed=isinstance(error, RunFailed))


def _measured(
    bench: Bench, document: Document, watcher: BenchWatcher, on_download: OnDownload
) -> Measured:
    """In a function of its own, so that no cell's data are in the next one's memory."""
    experiment = prepare(
        document,
        data_dir=bench.data_dir,
        on_download=on_download,
        unproven=bench.settings.unproven and is_advised(document.spec),
        allow_code=bench.allow_code,
    )
    return measure(experiment, bench.settings, watcher)
