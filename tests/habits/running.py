"""A habit's runs, through spec and command line: what a user gets to see of them."""

from __future__ import annotations

import io
import json
import math
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors.torch import load_file

from splitrun.cli.app import run
from tests.habits.course import Course, Runtime, content
from tests.habits.habit import Habit
from tests.habits.loading import MODULES, process_of_its_own
from tests.habits.reference import Weights

TOLERANCE = 1e-6
"""Of micro-batches: the norm of a tensor's difference by its norm, after 60 steps."""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    exit_code: int | str
    """Text where no exit code came back: what was raised."""
    message: str
    """All of stderr."""
    weights: Weights = field(default_factory=dict)
    weights_sha256: str = ""
    run_dir: Path | None = None

    def observed(self, expected: Callable[[], Weights], tolerance: float = 0.0) -> str:
        """In an outcome's words: "equal", "refused …", "caught …", or what should never be.

        Args:
            expected: asked for if the run ended well.
        """
        match self.exit_code:
            case 0:
                return difference(self.weights, expected(), tolerance) or "equal"
            case 1:
                return f"caught {self.message.strip()}"
            case 2:
                return f"refused {self.message.strip()}"
            case other:
                return f"{other}: {self.message.strip()}"


def is_right(outcome: str, observed: str, habit: Habit) -> bool:
    """Whether what was observed is an outcome as the catalogue has it.

    What is caught during training names the role and the step.
    """
    kind, _, pattern = outcome.partition(" ")
    said, _, message = observed.partition(" ")
    if kind == "equal" or said != kind:
        return observed == outcome
    if kind == "caught" and not re.search(rf"{re.escape(habit.trained_role)}\b.* \d+", message):
        return False
    return re.search(pattern, message) is not None


def difference(weights: Weights, expected: Weights, tolerance: float = 0.0) -> str:
    """The tensor that differs most, in words; nothing if none differs by more than allowed."""
    worst, where = 0.0, ""
    for role in sorted(weights.keys() | expected.keys()):
        ours, theirs = weights.get(role, {}), expected.get(role, {})
        if ours.keys() != theirs.keys():
            return f"differs in what {role} holds: {sorted(ours.keys() ^ theirs.keys())}"
        for name, one in ours.items():
            other = theirs[name]
            if one.shape != other.shape or one.dtype != other.dtype:
                return f"differs in the shape of {role} {name}"
            apart = 0.0 if torch.equal(one, other) else _apart(one, other)
            if apart > max(worst, tolerance) or math.isnan(apart):
                worst, where = apart, f"{role} {name}"
    return f"differs by {worst:.1e} in {where}" if where else ""


def _apart(one: torch.Tensor, other: torch.Tensor) -> float:
    one, other = one.double(), other.double()
    norm = torch.linalg.vector_norm(other).item()
    return torch.linalg.vector_norm(one - other).item() / norm if norm else float("inf")


@dataclass(frozen=True)
class Bench:
    """A directory with every module in it, in which habits are run."""

    directory: Path

    @classmethod
    @contextmanager
    def opened(cls) -> Iterator[Bench]:
        """One that is removed again; in memory where there is such a place, as runs are synced."""
        memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
        with tempfile.TemporaryDirectory(dir=memory) as directory:
            for module in MODULES.glob("[!_]*.py"):
                shutil.copy(module, directory)
            yield cls(Path(directory))

    def trained(
        self,
        habit: Habit,
        course: Course,
        runtime: Runtime,
        *,
        twin: bool = False,
        fault_at: int | None = None,
    ) -> Ended:
        """`splitrun train`; with a fault, it fails at bob's forward of that step."""
        spec = content(habit, course, runtime, twin=twin)
        if fault_at is not None:
            spec["faults"] = [{"type": "raise", "role": "bob.bottom", "step": fault_at}]
        (self.directory / "habit.yaml").write_text(yaml.safe_dump(spec, sort_keys=False))
        runs = self.directory / "runs"
        before = set(runs.iterdir()) if runs.is_dir() else set()
        ended = _run(["train", str(self.directory / "habit.yaml"), "--runs-dir", str(runs)])
        new = set(runs.iterdir()) - before if runs.is_dir() else set()
        return _with_directory(ended, next(iter(new), None))

    def resumed(self, stopped: Ended) -> Ended:
        """`splitrun train --resume` of a run that failed."""
        assert stopped.run_dir is not None
        return _with_directory(_run(["train", "--resume", str(stopped.run_dir)]), stopped.run_dir)

    def stopped_and_resumed(
        self, habit: Habit, course: Course, runtime: Runtime, *, stop_at: int
    ) -> Ended:
        """A run that a fault ends on its way, and what comes of going on with it.

        A refusal of the first is an outcome, too.
        """
        stopped = self.trained(habit, course, runtime, fault_at=stop_at)
        assert stopped.exit_code != 0, "the fault did not happen"
        if stopped.exit_code != 1 or "InjectedError" not in stopped.message:
            return stopped
        return self.resumed(stopped)


def _run(arguments: list[str]) -> Ended:
    out, told = io.StringIO(), io.StringIO()
    options = ["--allow-code", "--progress", "none", "--json"]
    with process_of_its_own(), redirect_stdout(out), redirect_stderr(told):
        try:
            code: int | str = run([*arguments, *options])
        except Exception as error:  # noqa: BLE001 - a traceback is an outcome, and a wrong one
            code = f"traceback {type(error).__name__}: {error}"
    result: dict[str, Any] = json.loads(out.getvalue()) if code == 0 else {}
    return Ended(code, told.getvalue(), weights_sha256=result.get("weights_sha256", ""))


def _with_directory(ended: Ended, run_dir: Path | None) -> Ended:
    weights: Weights = {}
    if ended.exit_code == 0 and run_dir is not None:
        weights = {
            path.stem: load_file(path)
            for path in (run_dir / "model").glob("*/*.safetensors")
            if not path.stem.endswith(".extra")
        }
    return Ended(ended.exit_code, ended.message, weights, ended.weights_sha256, run_dir)
