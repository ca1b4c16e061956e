"""Damaged inputs, one after the other, into one reader."""

from __future__ import annotations

import random
import resource
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from splitrun.errors import SplitrunError
from tests.fuzz.mutate import mutant


@dataclass(frozen=True)
class Target:
    """A reader, and the valid files that it is given damaged."""

    name: str
    make: Callable[[Path], object]
    """Writes the files into an empty directory."""
    read: Callable[[Path], object]
    """Reads that directory."""
    files: str = "**/*.*"
    """Which of its files are damaged."""
    slower: int = 1
    """How many times as long it takes as others: it gets as many times fewer inputs."""


@dataclass(frozen=True)
class Outcome:
    """What came of it."""

    inputs: int
    refused: int
    """With an error of splitrun's own; the others were read."""
    seconds: float
    peak_bytes: int
    """Growth of this process's largest resident size."""


class Found(AssertionError):
    """A reader that let another error through; names the input."""


def fire(target: Target, inputs: int, directory: Path, seed: int = 0) -> Outcome:
    """Read so many damaged directories; each is a valid one with one file damaged, or two.

    Raises:
        Found: something else than a `SplitrunError` came out. The directory is left as it was read.
    """
    target.make(directory)
    paths = sorted(path for path in directory.glob(target.files) if path.is_file())
    files = {path: path.read_bytes() for path in paths}
    target.read(directory)
    before, start, refused = _peak_bytes(), time.perf_counter(), 0
    for number in range(inputs):
        source = random.Random(f"{target.name}/{seed}/{number}")
        chosen = source.sample(list(files), min(len(files), source.choice([1, 1, 1, 2])))
        for path in chosen:
            path.write_bytes(mutant(path.name, files[path], source))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                target.read(directory)
        except SplitrunError as error:
            refused += 1
            if not str(error):
                raise Found(f"{target.name}, seed {seed}, input {number}: no message") from error
        except Exception as error:
            where = f"{target.name}, seed {seed}, input {number}"
            raise Found(f"{where}: {type(error).__name__}: {str(error)[:300]}") from error
        for path in chosen:
            path.write_bytes(files[path])
    return Outcome(inputs, refused, time.perf_counter() - start, _peak_bytes() - before)


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
