"""The cells of a grid, each a spec of its own; what is wrong with them is found before any runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from splitrun import __version__
from splitrun.data import check_columns, fingerprint
from splitrun.errors import SpecError
from splitrun.files import read_bytes
from splitrun.session.environment import cpu_model, usable_cores
from splitrun.session.prepare import named_classes
from splitrun.spec import Document, load, resolved_yaml
from splitrun.study.bench.grid import Axis, Combination, combinations, overrides_of
from splitrun.study.bench.measure import Settings

_ENDLESS = "training.epochs=1000000000"


@dataclass(frozen=True)
class Cell:
    """One combination of the axes' values."""

    combination: Combination
    document: Document | None
    problem: str = ""
    """Why it cannot be run; empty where it can, as far as the spec tells."""


def line_up(
    file: Path, overrides: Sequence[str], axes: Sequence[Axis], data_dir: Path | None
) -> list[Cell]:
    """Load every cell's spec.

    A cell that is wrong has a problem of its own where its values are right, each in another cell,
    and where it only has too few steps for its depth.

    Raises:
        SpecError: a value is wrong; with the problems of every cell that has such a one.
        DataError: a data file has no header to check columns by.
    """
    cells: list[Cell] = []
    errors: list[tuple[Combination, SpecError]] = []
    for combination in combinations(axes):
        arguments = [*overrides, *overrides_of(combination)]
        try:
            cells.append(Cell(combination, _loaded(file, arguments, data_dir)))
        except SpecError as error:
            if not _lacks_steps(error, file, arguments):
                errors.append((combination, error))
            cells.append(Cell(combination, None, error.problems[0].what))
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


def identity(document: Document, settings: Settings) -> str:
    """SHA-256 of what a cell's figures depend on, but for what classes import."""
    data = fingerprint(document.spec, document.directory)
    what = [resolved_yaml(document.spec), asdict(settings), _own_code(document), data]
    where = [__version__, version("torch"), cpu_model(), len(usable_cores())]
    return hashlib.sha256(json.dumps([what, where]).encode()).hexdigest()


def _own_code(document: Document) -> Mapping[str, str]:
    """Digests of the files beside the spec that its classes are in, by module."""
    modules = {model.class_.partition(":")[0] for model in named_classes(document.spec).values()}
    return {module: _digest(document.directory, module) for module in sorted(modules)}


def _digest(directory: Path, module: str) -> str:
    """Of a module's file; empty where there is none."""
    place = directory.joinpath(*module.split("."))
    for file in (place.with_name(f"{place.name}.py"), place / "__init__.py"):
        with suppress(OSError, ValueError):
            return hashlib.sha256(read_bytes(file, elsewhere=True)).hexdigest()
    return ""


def warnings_of(cells: Sequence[Cell]) -> list[str]:
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
