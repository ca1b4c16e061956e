"""From what a user gives in Python to a spec."""

from __future__ import annotations

import json
import os
import threading
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from splitrun.data import check_columns
from splitrun.errors import UsageError
from splitrun.files import why_odd
from splitrun.records.run import Invocation
from splitrun.spec import Document, judged_by, load, loads
from splitrun.spec.yaml_text import dump

FilePath = str | os.PathLike[str]
SpecLike = FilePath | Mapping[str, Any]
"""A spec's file, or what is in one."""
Overrides = Mapping[str, Any]
"""Values by dotted keys, as `{"pipeline.depth": 8}`."""
UNNAMED = "spec"
"""What messages call a spec that is no file; and its experiment, where it has no `name`."""

one_at_a_time = threading.RLock()
"""Held while something trains or predicts: PyTorch's number of threads and the generators that
models draw from belong to the whole process."""


def asked(overrides: Overrides | None) -> Invocation:
    """The overrides as they would be typed, for the spec and for the records of what it starts.

    Raises:
        UsageError: one is no plain value.
    """
    changes = (f"{key}={_written(key, value)}" for key, value in (overrides or {}).items())
    return Invocation(overrides=tuple(changes))


def document_of(
    spec: SpecLike, changes: Sequence[str], data_dir: Path | None, metric: str | None = None
) -> Document:
    """The spec with its overrides, and its columns checked.

    Args:
        changes: the overrides, as they would be typed.
        metric: that it is to be judged by alone; default: by those it has.

    Raises:
        SpecError: it is not valid; with every problem that was found.
        UsageError: it is no spec at all.
    """
    document = _read(spec, changes)
    if judged := judged_by(document.spec, metric):
        document = _read(spec, [*changes, judged])
    warn_each(document.warnings)
    with document.located():
        check_columns(document.spec, document.directory, data_dir)
    return document


def directory_of(path: FilePath) -> Path:
    """Where runs are made.

    Raises:
        UsageError: its name could not stand in what a run writes.
    """
    directory = Path(path)
    if why := why_odd(directory):
        raise UsageError(f"{directory.absolute()}: {why}; rename it, or name another")
    return directory


def path_or_none(path: FilePath | None) -> Path | None:
    """The same as a path."""
    return None if path is None else Path(path)


def warn_each(texts: Iterable[str]) -> None:
    """Warn of each."""
    for text in texts:
        warn(text)


def warn(text: str) -> None:
    """Warn as Python does."""
    warnings.warn(text, UserWarning, stacklevel=2)


def _read(spec: SpecLike, changes: Sequence[str]) -> Document:
    if isinstance(spec, Mapping):
        plain = json.loads(_written(UNNAMED, spec))
        return loads(dump(plain), UNNAMED, changes)
    if not isinstance(spec, str | os.PathLike):
        what = f"{type(spec).__name__} is no spec"
        raise UsageError(f"{what}; give the path of a YAML file, or a mapping as YAML has it")
    path = Path(spec)
    directory_of(path.parent)
    return load(path, changes)


def _written(key: str, value: object) -> str:
    """A value as JSON, which YAML reads as it is meant.

    Raises:
        UsageError: it is not plain.
    """
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, default=_plain)
    except (TypeError, ValueError) as error:
        remedy = "give text, numbers, truth values, None, lists and dicts"
        raise UsageError(f"{key}: {error}; {remedy}") from error


def _plain(value: Any) -> object:
    """What stands for a path, or for a number of NumPy's.

    Raises:
        TypeError: nothing does.
    """
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is no plain value")
