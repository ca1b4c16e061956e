"""Runs on a Ray cluster of two nodes, of which an actor or a node is killed at any moment."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from time import monotonic

import psutil

from splitrun.errors import Lost
from splitrun.records.run import RunResult
from splitrun.session import find_restart, prepare_resume, train
from tests.chaos.specs import draw
from tests.chaos.trial import Trial
from tests.cluster.nodes import TwoNodes, two_nodes
from tests.runtime.running import Content, prepared

_DEADLINE_S = 10.0
_MORE_S = 2.0
"""A death is named so long after the deadline at the latest."""
_LOOK_S = 0.02
_VICTIMS = ("actor", "node")


def trials_on_cluster(kills: int, directory: Path) -> Iterator[Trial]:
    """Each spec once by threads, undisturbed; then on the cluster, with one kill and a restart."""
    with two_nodes() as nodes:
        for seed in count():
            if kills <= 0:
                return
            each = _trial(seed, directory, nodes)
            kills -= each.kills
            yield each


def _trial(seed: int, directory: Path, nodes: TwoNodes) -> Trial:
    luck, made = random.Random(f"cluster {seed}"), _drawn(seed)
    calm = train(prepared(made | {"runtime": {"type": "threaded"}}), directory / f"calm{seed}")
    made["runtime"] = {"type": "ray", "address": nodes.address}
    killer = _Killer(nodes, _VICTIMS[seed % 2], luck.uniform(0, 4))
    killer.start()
    runs, attempts = directory / f"wild{seed}", 1
    try:
        result = train(prepared(made), runs)
        told = f"{killer.victim}, not missed before the end"
        killer.mend()
    except Lost as lost:
        late_s = monotonic() - killer.killed_at
        told = f"{killer.victim} after {killer.after_s:.1f} s, named {late_s:.1f} s later: {lost}"
        killer.mend()
        result, attempts = _gone_on(lost, runs), 2
        if late_s > _DEADLINE_S + _MORE_S:
            return Trial(seed, told, 1, 0, attempts, same=False)
    same = (result.weights_sha256, result.metrics) == (calm.weights_sha256, calm.metrics)
    return Trial(seed, told.split(";")[0], attempts - 1, 0, attempts, same)


def _gone_on(lost: Lost, runs: Path) -> RunResult:
    resume = find_restart(Path(lost.run_dir))
    return train(prepare_resume(resume), runs, resume=resume)


def _drawn(seed: int) -> Content:
    """A spec of some seconds over two nodes, with checkpoints."""
    made = draw(seed)
    made["parties"]["p1"]["ray"] = {"resources": {"away": 1}}
    return made | {
        "training": made["training"] | {"epochs": 30},
        "links": {"default": {"latency_ms": 5}},
        "checkpoint": {"every_steps": 25},
        "supervision": {"deadline_s": _DEADLINE_S},
    }


class _Killer(threading.Thread):
    """Kills an actor, or the second node's raylet, once.

    Args:
        after_s: from when both actors are there.
    """

    def __init__(self, nodes: TwoNodes, victim: str, after_s: float) -> None:
        super().__init__(daemon=True)
        self._nodes, self.victim, self.after_s = nodes, victim, after_s
        self.killed_at = 0.0
        self._is_over = threading.Event()

    def run(self) -> None:
        while len(actors := _actors()) < 2:
            if self._is_over.wait(_LOOK_S):
                return
        if self._is_over.wait(self.after_s):
            return
        victim = self._nodes.raylet if self.victim == "node" else actors[int(self.after_s) % 2]
        self.killed_at = monotonic()
        victim.kill()

    def mend(self) -> None:
        """Kill nobody any more, and have the cluster as it was."""
        self._is_over.set()
        self.join()
        if self.victim == "node" and self.killed_at:
            self._nodes.replace_other()


def _actors() -> list[psutil.Process]:
    """Those of this process's cluster that are at work."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # it ended just now
            if process.cmdline()[:1] == ["ray::PartyActor.hear"]:
                found.append(process)
    return found
