"""What a run runs on: versions, git, hardware, and the other processes on the machine."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

import psutil

from splitrun import __version__
from splitrun.records.run import Environment, Git
from splitrun.runtime.clock import now
from splitrun.usage import cpu_s

_PACKAGES = ("torch", "numpy", "pandas", "pydantic", "safetensors")

_STATUS = ("--no-optional-locks", "status", "--porcelain", "--ignore-submodules=all")
_OF_THE_USER = ("system", "global", "command")
_HARMLESS = re.compile(
    r"core\.(repositoryformatversion|filemode|bare|logallrefupdates|ignorecase|precomposeunicode"
    r"|symlinks|autocrlf|eol)|remote\..*\.(url|fetch)|branch\..*\.(remote|merge|rebase)|user\..*"
)
"""Settings of a checkout that make git run nothing."""


def environment(directory: Path) -> Environment:
    """This machine, and the git checkout around `directory`, if there is one."""
    return Environment(
        splitrun=__version__,
        python=platform.python_version(),
        packages=dict(_versions()),
        platform=platform.platform(),
        cpu=cpu_model(),
        cores=len(usable_cores()),
        git=_git(directory),
    )


@cache
def _versions() -> Mapping[str, str]:
    """Of the packages that were loaded: what is installed meanwhile is not what runs."""
    return {name: version(name) for name in _PACKAGES}


def usable_cores() -> Set[int]:
    """Numbers of the cores that this process may run on; where nothing tells, all there are."""
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def cpu_model() -> str:
    """The processor's name, as far as it is known."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")),
        platform.processor(),
    )


def _harmless(keys: Iterable[str]) -> bool:
    """Whether `git status` runs no program that the checkout itself names: filters, fsmonitor, …

    Args:
        keys: scope and key of every setting, with a tab between.
    """
    pairs = (line.split("\t", 1) for line in keys)
    return all(scope in _OF_THE_USER or _HARMLESS.fullmatch(key) for scope, key in pairs)


def _git(directory: Path) -> Git | None:
    """The commit, and whether anything differs from it: None where telling could run a program."""

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", str(directory), *arguments],
            check=True,
            capture_output=True,
            text=True,
            timeout=5,
        ).stdout.strip()

    try:
        commit = git("rev-parse", "HEAD")
        keys = git("config", "--list", "--name-only", "--show-scope").splitlines()
        dirty = bool(git(*_STATUS)) if _harmless(keys) else None
        return Git(commit=commit, dirty=dirty)
    except (OSError, subprocess.SubprocessError):
        return None


_WORK = ("user", "nice", "system", "irq", "softirq", "steal")


@dataclass(frozen=True)
class MachineLoad:
    """Processor time, a second, over some seconds; 100 is one core."""

    others_percent: float
    idle_percent: float
    """Of the cores that this process may use, which nobody used."""


class LoadMeter:
    """Counts from when it is made on."""

    def __init__(self) -> None:
        self._cores = usable_cores()
        self._start, self._ours_s, self._used_s = now(), cpu_s(), self._busy_s()

    def so_far(self) -> MachineLoad:
        """What there was until now."""
        elapsed_s = max(1e-9, now() - self._start)
        used_s = self._busy_s() - self._used_s
        others_s = used_s - (cpu_s() - self._ours_s)
        idle_s = len(self._cores) * elapsed_s - used_s
        return MachineLoad(*(max(0.0, 100 * each / elapsed_s) for each in (others_s, idle_s)))

    def _busy_s(self) -> float:
        """Until now, also at low priority, and what the machine that ours is a part of took."""
        return sum(
            sum(getattr(core, part, 0.0) for part in _WORK)
            for number, core in enumerate(psutil.cpu_times(percpu=True))
            if number in self._cores
        )
