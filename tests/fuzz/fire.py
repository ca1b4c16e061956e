"""Damaged inputs, one after the other, at one target."""

from __future__ import annotations

import random
import resource
import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from splitrun.errors import SplitrunError
from tests.fuzz.mutate import mutant


class Target(ABC):
    """What is fired at."""

    name: str
    slower: int = 1
    """How many times as long it takes as others: it gets as many times fewer inputs."""

    @abstractmethod
    def prepared(self, directory: Path, /) -> Callable[[random.Random], None]:
        """What gives it one damaged input, drawn from the source, and raises a `SplitrunError`
        if that is refused.

        Args:
            directory: empty, and the target's.
        """

    def peak_bytes(self) -> int:
        """The largest resident size of the process that is fired at."""
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@dataclass(frozen=True)
class Reader(Target):
    """A reader, and the valid files that it is given damaged, one at a time or two."""

    name: str
    make: Callable[[Path], object]
    """Writes the files into an empty directory."""
    read: Callable[[Path], object]
    """Reads that directory."""
    files: str = "**/*.*"
    """Which of its files are damaged."""
    slower: int = 1

    def prepared(self, directory: Path) -> Callable[[random.Random], None]:
        """See `Target`. When something is found, the directory is left as it was read."""
        self.make(directory)
        paths = sorted(path for path in directory.glob(self.files) if path.is_file())
        files = {path: path.read_bytes() for path in paths}
        self.read(directory)
        changed: list[Path] = []

        def attack(source: random.Random) -> None:
            for path in changed:
                path.write_bytes(files[path])
            changed[:] = source.sample(list(files), min(len(files), source.choice([1, 1, 1, 2])))
            for path in changed:
                path.write_bytes(mutant(path.name, files[path], source))
            self.read(directory)

        return attack


@dataclass(frozen=True)
class Outcome:
    """What came of it."""

    inputs: int
    refused: int
    """With an error of splitrun's own; the others were read, or had no effect."""
    seconds: float
    peak_bytes: int
    """Growth of the largest resident size of the process that was fired at."""


class Found(AssertionError):
    """A target that let another error through; names the input."""


def fire(target: Target, inputs: int, directory: Path, seed: int = 0) -> Outcome:
    """Fire so many damaged inputs.

    Raises:
        Found: something else than a `SplitrunError` came out.
    """
    attack = target.prepared(directory)
    before, start, refused = target.peak_bytes(), time.perf_counter(), 0
    for number in range(inputs):
        source = random.Random(f"{target.name}/{seed}/{number}")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                attack(source)
        except SplitrunError as error:
            refused += 1
            if not str(error):
                raise Found(f"{target.name}, seed {seed}, input {number}: no message") from error
        except Exception as error:
            where = f"{target.name}, seed {seed}, input {number}"
            raise Found(f"{where}: {type(error).__name__}: {str(error)[:300]}") from error
    return Outcome(inputs, refused, time.perf_counter() - start, target.peak_bytes() - before)
