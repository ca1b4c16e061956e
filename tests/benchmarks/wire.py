"""A real wire: what depth wins over kernel TCP, what an emulated link foretold, and that no weight
depends on what the wire does.

Two `splitrun party` with TLS, each in a network namespace of its own, with 25 ms each way and 100
Mbit/s between them. A run in which packets were late by more than a millisecond in the mean
measured the relay that passes them on, and is thrown away. The relay and both parties share this
machine's cores, which the bound does not know of.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

from splitrun.certificates import throw_away
from splitrun.records.run import read_manifest
from splitrun.session import prepare, train
from splitrun.simulate import bound
from splitrun.spec import Document, loads
from splitrun.study.training import RuntimeName
from tests.benchmarks import overhead
from tests.benchmarks.measuring import median_samples_per_s, probed, subject_of
from tests.remote.parties import PartyProcess, until, weights, write_credentials
from tests.remote.relay import ADDRESSES, NoRelay, Relay, enter, relay

DELAY_MS, MBPS = 25, 100
LATEST_MS = 1.0
BATCH_SIZE = 128
DEPTHS = {1: 2, 8: 12}
"""And how many epochs of 128 steps a run has."""
MODELS: dict[str, Sequence[str]] = {
    "a bottom at both": (),
    "labels alone at their holder": ("~parties.alice.bottom",),
}
"""By name, how it differs from that of `overhead`."""
RUNTIMES: tuple[RuntimeName, ...] = ("threaded", "grpc")
"""Over which a link is emulated; what they give is told as a multiple of the wire's median, too."""
HURT_EPOCHS = 6
HEADER = (
    "| the model | depth | steps/s over the wire, all valid runs | too late | median | of depth 1 "
    "| bound | best, of the bound | emulated link, threads | emulated link, gRPC |\n"
    + "|---" * 10
    + "|"
)
Meanwhile = Callable[[Relay, PartyProcess], None]
"""What is done to the wire while a party runs."""


def _wait_for(party: PartyProcess, steps: int) -> None:
    until(lambda: party.steps() > steps)


def _undisturbed(wire: Relay, party: PartyProcess) -> None:
    pass


def _loses(wire: Relay, party: PartyProcess) -> None:
    wire.tell("loss 0.01")


def _is_reset(wire: Relay, party: PartyProcess) -> None:
    for number in range(1, 11):
        _wait_for(party, 40 * number)
        wire.tell("reset")


def _is_cut(wire: Relay, party: PartyProcess) -> None:
    _wait_for(party, 100)
    wire.tell("cut")
    party.process.join(5)
    wire.tell("heal")


HURT: dict[str, Meanwhile] = {
    "nothing": _undisturbed,
    "loses 1 % of the packets": _loses,
    "is reset ten times": _is_reset,
    "is cut for 5 s": _is_cut,
}


@dataclass(frozen=True)
class Crossing:
    """What a run over the wire came to."""

    steps_per_s: float
    late_ms: float
    weights_sha256: str


def measure(repeats: int) -> Iterator[str]:
    """Rows of two Markdown tables."""
    try:
        with relay(DELAY_MS, MBPS) as wire:
            yield f"Congestion control: {wire.congestion_control}\n\n{HEADER}"
            for name, changes in MODELS.items():
                yield from _speeds(wire, repeats, name, changes)
            yield "\n| the wire | steps/s | weights of one process |\n|---|---|---|"
            yield from _hurt(wire)
    except NoRelay as why:
        yield f"Not measured: {why}"


def _spec(depth: int, epochs: int) -> str:
    pipeline = f"pipeline: {{schedule: stale, depth: {depth}}}\n"
    return overhead.SPEC % (BATCH_SIZE, epochs) + pipeline


def _linked(depth: int, changes: Sequence[str]) -> Document:
    link = f"links={{default: {{latency_ms: {DELAY_MS}, bandwidth_mbps: {MBPS}}}}}"
    return loads(_spec(depth, DEPTHS[depth]), "wire.yaml", [link, *changes])


def _speeds(wire: Relay, repeats: int, name: str, changes: Sequence[str]) -> Iterator[str]:
    crossings: dict[int, list[Crossing]] = {depth: [] for depth in DEPTHS}
    for _ in range(repeats):
        for depth, epochs in DEPTHS.items():
            crossings[depth].append(_crossing(wire, _spec(depth, epochs), changes))
    first = 0.0
    for depth, made in crossings.items():
        valid = [it.steps_per_s for it in made if it.late_ms <= LATEST_MS]
        if not valid:
            yield f"| {name} | {depth} | none | {len(made)} |" + " |" * 6
            continue
        middle, experiment = median(valid), probed(_linked(depth, changes))
        assert experiment.costs is not None
        first = first or middle
        most = bound(experiment.plan, experiment.costs).samples_per_s / BATCH_SIZE
        subject = subject_of(experiment, experiment.document, experiment.plan.steps)
        emulated = [median_samples_per_s(subject, 1, it) / BATCH_SIZE for it in RUNTIMES]
        foretold = " | ".join(f"{each:.1f}, {each / middle:.2f} ×" for each in emulated)
        told = ", ".join(f"{each:.1f}" for each in valid)
        yield (
            f"| {name} | {depth} | {told} | {len(made) - len(valid)} | {middle:.1f} "
            f"| {middle / first:.2f} | {most:.1f} | {max(valid) / most:.3f} | {foretold} |"
        )


def _hurt(wire: Relay) -> Iterator[str]:
    depth = max(DEPTHS)
    spec = _spec(depth, HURT_EPOCHS)
    with tempfile.TemporaryDirectory() as runs:
        alone = train(prepare(loads(spec, "wire.yaml")), Path(runs)).weights_sha256
    for name, meanwhile in HURT.items():
        made = _crossing(wire, spec, (), meanwhile)
        wire.tell("loss 0")
        same = "yes" if made.weights_sha256 == alone else "NO"
        yield f"| {name} | {made.steps_per_s:.1f} | {same} |"


def _crossing(
    wire: Relay, spec: str, changes: Sequence[str], meanwhile: Meanwhile = _undisturbed
) -> Crossing:
    """Two parties run to their end, over the wire."""
    with tempfile.TemporaryDirectory() as directory:
        made = throw_away(("alice", "bob")).items()
        processes = []
        wire.tell("stat")
        for (name, credentials), option, namespace in zip(
            made, ("--listen", "--connect"), wire.namespaces, strict=True
        ):
            where = Path(directory, name)
            write_credentials(where / "tls", name, credentials)
            (where / "spec.yaml").write_text(spec)
            given = [*changes, option, f"{ADDRESSES[0]}:7000", "--tls", "tls"]
            processes.append(PartyProcess(name, where, given, partial(enter, namespace)))
        meanwhile(wire, processes[-1])
        for process in processes:
            if process.wait(300.0):
                raise RuntimeError(process.said)
        late_ms = wire.tell("stat")
        manifest = read_manifest(processes[0].run_directory)
        assert manifest is not None
        assert manifest.result is not None
        return Crossing(manifest.result.samples_per_s / BATCH_SIZE, late_ms, weights(processes))
