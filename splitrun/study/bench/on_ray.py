"""Cells of a grid on a Ray cluster: each alone on a node, of which it takes all cores.

Cells are compared with each other, so all run on nodes of one kind: those with the processor, and
the number of cores, that most nodes have.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import Any

from splitrun.cluster.actor import machine, versions
from splitrun.cluster.connection import connected
from splitrun.errors import NoCluster, RunFailed, UsageError
from splitrun.records.run import Environment
from splitrun.session import is_advised, prepare
from splitrun.session.environment import environment
from splitrun.spec import Document
from splitrun.study.bench.measure import (
    BenchSettings,
    Measured,
    all_cores,
    load_average,
    measure,
)
from splitrun.study.bench.result import CellResult
from splitrun.study.bench.sweep import Bench, BenchCell, Machine, failed
from splitrun.study.executors.at_once import Attempt
from splitrun.study.executors.executor import Tell
from splitrun.study.executors.ray_task import Place
from splitrun.study.executors.submitted import Submitted
from splitrun.study.watcher import BenchWatcher


@dataclass(frozen=True)
class Node:
    """A machine of the cluster that cells are timed on."""

    name: str
    """Ray's."""
    host: str
    cpus: float
    """All that Ray has of it."""


@dataclass(frozen=True)
class About:
    """What a node tells of itself."""

    environment: Environment
    load_average: float
    all_cores: int
    versions: Mapping[str, str]
    computer: str
    """Which machine it is on, together with other nodes maybe."""

    @property
    def machine(self) -> Machine:
        """What figures depend on."""
        return Machine(self.environment.cpu, self.environment.cores or 1)


class Nodes:
    """Nodes of one kind, which time cells; see `splitrun.study.bench.sweep.Timer`.

    Args:
        about: of the first of them.
        most: cells at once.
        tell: told of cells that are begun again.
    """

    def __init__(
        self, ray: Any, nodes: list[Node], about: About, place: Place, most: int, tell: Tell
    ) -> None:
        self._ray, self._nodes, self._about, self._place = ray, nodes, about, place
        self._tell = tell
        self.at_once = most
        self.header: Mapping[str, object] = {
            "environment": about.environment,
            "load_average": about.load_average,
            "all_cores": about.all_cores,
            "nodes": tuple(node.host for node in nodes),
        }

    def results(self, bench: Bench, watcher: BenchWatcher) -> Generator[CellResult]:
        """See `Timer`."""
        keys = [bench.key(cell, self._about.machine) for cell in bench.cells]
        found: dict[int, CellResult] = {}
        wanted: list[_Wanted] = []
        for number, (cell, key) in enumerate(zip(bench.cells, keys, strict=True), 1):
            if (result := bench.known(cell, key)) is not None:
                found[number] = result
            elif key not in keys[: number - 1]:
                wanted.append(_Wanted(number, cell, key))
        at_work = _Cells(self._ray, self._nodes, self.at_once, self._tell, bench, self._place)
        with at_work.ending():
            measured = at_work.outcomes(_told(wanted, watcher))
            for number, (cell, key) in enumerate(zip(bench.cells, keys, strict=True), 1):
                if number not in found:
                    first = keys.index(key) + 1
                    found[number] = (
                        next(measured)
                        if first == number
                        else replace(found[first], parameters=cell.labels)  # it is the same run
                    )
                yield found[number]


@contextmanager
def nodes_of(place: Place, directory: Path, jobs: int | None, tell: Tell) -> Iterator[Nodes]:
    """In here cells can be timed on a cluster.

    Args:
        directory: of the spec.
        jobs: cells at once, at most; None: as many as there are nodes of one kind.
        tell: told what is odd.

    Raises:
        MissingExtra: Ray is not installed, there is no cluster, or it has other versions.
    """
    with connected(place.address, asked="--on ray") as ray:
        there = [
            Node(it["NodeID"], it["NodeManagerAddress"], it["Resources"]["CPU"])
            for it in ray.nodes()
            if it["Alive"] and it["Resources"].get("CPU")
        ]
        if not there:
            raise NoCluster("--on ray: no node of the cluster has a core; add one")
        asked = [_on(ray, node, 0, about_here).remote(directory.absolute()) for node in there]
        every: dict[Node, About] = dict(zip(there, ray.get(asked), strict=True))
        ours = versions()
        for node, about in every.items():
            other = [f"{name} {it}" for name, it in about.versions.items() if it != ours[name]]
            if other:
                what = f"--on ray: node {node.host} has {', '.join(other)}"
                raise NoCluster(f"{what}; install the same everywhere")
        alike = chosen(every, tell)
        most = min(len(alike), jobs or len(alike))
        yield Nodes(ray, alike, every[alike[0]], place, most, tell)


def chosen(every: Mapping[Node, About], tell: Tell) -> list[Node]:
    """Nodes of the kind that most are, one of each machine."""
    kind, _ = Counter(about.machine for about in every.values()).most_common(1)[0]
    alike = [node for node, about in every.items() if about.machine == kind]
    if left := [node.host for node in every if node not in alike]:
        most = f"{kind.cores} cores of {kind.cpu}"
        tell(f"{', '.join(left)}: not timed on, as most nodes have {most}")
    apart = list({every[node].computer: node for node in reversed(alike)}.values())[::-1]
    if left := [node.host for node in alike if node not in apart]:
        tell(f"{', '.join(left)}: not timed on, as another node is on the same machine")
    return apart


@dataclass(frozen=True)
class _Wanted:
    """A cell that is to be measured."""

    number: int
    """From 1."""
    cell: BenchCell
    key: str

    @property
    def name(self) -> str:
        """Its values."""
        return CellResult(self.cell.labels).name


def _told(wanted: Iterable[_Wanted], watcher: BenchWatcher) -> Iterator[_Wanted]:
    """The same, with each of which the watcher is told as it begins."""
    for each in wanted:
        watcher.cell(each.number)
        yield each


class _Cells(Submitted[_Wanted, CellResult]):
    """Cells that nodes have been given."""

    def __init__(
        self, ray: Any, nodes: list[Node], most: int, tell: Tell, bench: Bench, place: Place
    ) -> None:
        super().__init__(ray, most, tell)
        self._nodes, self._bench, self._place = nodes, bench, place
        self._at: dict[int, Node] = {}
        """By the number of the cell that a node is at."""

    def submit(self, attempt: Attempt[_Wanted]) -> Any:
        """See `Submitted`: to a node that is free, or will be first."""
        alive = {it["NodeID"] for it in self._ray.nodes() if it["Alive"]}
        there = [node for node in self._nodes if node.name in alive] or self._nodes
        busy = Counter(self._at.values())
        node = min(there, key=busy.__getitem__)
        self._at[attempt.work.number] = node
        measured = _on(self._ray, node, node.cpus, measured_here)
        document = attempt.work.cell.document
        assert document is not None  # it can be run
        document = replace(document, file=document.file.absolute())
        return measured.remote(document, self._bench.settings, self._place)

    def outcome(self, work: _Wanted, found: Measured | tuple[str, bool]) -> CellResult:
        """See `Submitted`. It is written down at once, whoever comes before it."""
        del self._at[work.number]
        if isinstance(found, Measured):
            return self._bench.kept(work.cell, work.key, found)
        return CellResult(work.cell.labels, problem=found[0], failed=found[1])

    def lost(self, work: _Wanted, error: RunFailed) -> CellResult:
        """See `AtOnce`."""
        del self._at[work.number]
        return failed(work.cell, error)


def _on(ray: Any, node: Node, cpus: float, function: Any) -> Any:
    """The function as a task of that node, in a process of its own, which takes so many cores."""
    strategy = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(node.name, soft=False)
    options = {"num_cpus": cpus, "max_retries": 0, "max_calls": 1}
    return ray.remote(scheduling_strategy=strategy, **options)(function)


def about_here(directory: Path) -> About:
    """In a process of a node: what it is.

    Args:
        directory: of the spec.
    """
    return About(environment(directory), load_average(), all_cores(), versions(), machine())


def measured_here(
    document: Document, settings: BenchSettings, place: Place
) -> Measured | tuple[str, bool]:
    """In a process of a node: measure a cell; of one that cannot be, the problem, and whether the
    run broke."""
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        try:
            experiment = prepare(
                document,
                data_dir=place.data_dir,
                unproven=settings.unproven and is_advised(document.spec),
                allow_code=place.allow_code,
            )
            return measure(experiment, settings, BenchWatcher())
        except (UsageError, RunFailed) as error:
            return str(error), isinstance(error, RunFailed)
