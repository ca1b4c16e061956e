"""Whole runs as their events, from plans on a virtual clock: always the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from msgspec.structs import replace

from splitrun.dashboard.live import plan_of
from splitrun.dashboard.view import RunView, moment
from splitrun.events import (
    Evaluated,
    Event,
    Executed,
    Gpu,
    RunEnded,
    RunStarted,
    Sampled,
    Sent,
    StepDone,
    Stuck,
    Waiting,
)
from splitrun.plan import Plan
from splitrun.plan.explain import describe
from splitrun.records.plan import PlanRecord
from splitrun.session import RunDirectory
from splitrun.simulate import events, simulate
from tests.plan.plans import make_plan
from tests.simulate.timing import ms, uniform_costs

SAMPLES_EVERY_S = 0.25
GPU = Gpu("Model X", 40.0, 3 << 30, 16 << 30, 120.0)


def planned(
    schedule: str,
    depth: int | None = None,
    *,
    parties: int = 2,
    micro_batches: int | None = None,
    steps: int = 200,
) -> Plan:
    """Batches of 10 rows over links of 20 ms and 1 Mbit/s."""
    return make_plan(
        schedule=schedule,
        depth=depth,
        micro_batches=micro_batches,
        parties=parties,
        rows=10 * steps // 2,
        epochs=2,
        links={"default": {"latency_ms": 20, "bandwidth_mbps": 1}},
    )


def happened(
    plan: Plan, *, gpus: Sequence[Gpu] = (), cores: int = 2, work_ms: float = 1
) -> Iterator[Event]:
    """The plan's run, with losses, samples and an evaluation in the middle.

    Args:
        gpus: what every sample shows of them.
        cores: how many.
        work_ms: multiplies the costs of all work: 2, 3, 1 and 2 ms.
    """
    costs = uniform_costs(
        plan,
        forward=ms(2 * work_ms),
        backward=ms(3 * work_ms),
        update=ms(work_ms),
        loss=ms(work_ms),
    )
    sample_at = SAMPLES_EVERY_S
    for event in events(simulate(plan, costs)):
        if isinstance(event, Executed) and event.end >= sample_at:
            yield _sampled(sample_at, gpus, cores)
            sample_at += SAMPLES_EVERY_S
        yield event
        if isinstance(event, Executed) and (event.role, event.op) == (plan.top.name, "UPDATE"):
            epoch, rows = event.step // plan.steps_per_epoch, plan.rows(event.step)
            yield StepDone(event.step, epoch, rows, 0.7 / (1 + 0.02 * event.step), event.end)
            if event.step == plan.steps // 2:
                metrics: dict[str, float | None] = {"loss": 0.4321, "auroc": 0.8765}
                yield Evaluated(event.step, epoch, 100, metrics, event.end, event.end)


def at_party(events: Iterable[Event], role: str) -> Sequence[Event]:
    """What the party of one bottom knows of a run, on its own machine: its role's instructions,
    what that one sends, and what comes to it, as it comes."""
    return sorted(_known_at(events, role), key=moment)


def _known_at(events: Iterable[Event], role: str) -> Iterator[Event]:
    for event in events:
        match event:
            case RunStarted():
                channels = tuple(name for name in event.channels if role in name.split("->"))
                yield replace(event, roles=(role,), channels=channels)
            case Executed() if event.role != role:
                pass
            case Sent():
                source, _, target = event.channel.partition("->")
                if role == source:
                    yield replace(event, arrive=event.start)
                elif role == target:
                    yield replace(event, start=event.arrive)
            case StepDone() | Evaluated():
                pass
            case _:
                yield event


def got_stuck(
    plan: Plan, step: int, *, for_s: float, left_s: float, ended: bool = False
) -> Iterator[Event]:
    """The plan's run, whose second bottom does not come back from the forward of a step.

    Args:
        for_s: so long already.
        left_s: until the deadline.
        ended: the run has failed by now.
    """
    top, stuck = plan.top.name, plan.bottoms[1].name
    since, heard, over = 0.0, 0, set[str]()
    for event in happened(plan):
        if isinstance(event, Executed):
            heard += (event.role, event.op, event.step) == (top, "RECV", step)
            if _lacks(event, step, top, stuck, heard):
                over.add(event.role)
            if event.role in over:
                continue
            since = max(since, event.end)
        if isinstance(event, Sent):
            source = event.channel.partition("->")[0]
            if source in over or (source == stuck and event.step >= step):
                continue
        if isinstance(event, StepDone | Evaluated | Sampled | RunEnded) and top in over:
            continue
        yield event
    now = since + for_s
    waiting = [
        Waiting(role.name, stuck if role == plan.top else top, for_s)
        for role in plan.roles
        if role.name != stuck
    ]
    for passed in (1.0, for_s):
        yield _sampled(since + passed, (), 2)
        yield Stuck(
            role=stuck,
            at=f"FORWARD {step}",
            cause="role",
            for_s=passed,
            left_s=left_s + for_s - passed,
            time=since + passed,
            waits=tuple(waiting),
        )
    if ended:
        cause = f"it has not come back for {for_s:.1f} s, more than the deadline of {for_s:g} s"
        told = "; ".join(f"{it.role} waits at RECV {step} from {it.peer}" for it in waiting)
        yield RunEnded("failed", f"{stuck} failed at FORWARD {step}: {cause}; {told}", now)


def _lacks(event: Executed, step: int, top: str, stuck: str, heard: int) -> bool:
    """Whether an instruction needs the forward of a step that never comes back.

    Args:
        heard: RECVs of that step by the top, this one among them: the first hears another bottom.
    """
    if event.role == stuck:
        return event.op == "FORWARD" and event.step >= step
    if event.role == top:
        return event.op == "RECV" and (event.step > step or heard > 1)
    return event.op == "RECV" and event.step >= step


def _sampled(time: float, gpus: Sequence[Gpu], cores: int) -> Sampled:
    loads = tuple(100.0 * (core + 1) / cores for core in range(cores))
    return Sampled(time, 120.0, loads, 300 << 20, 8, 20, {}, tuple(gpus))


def folded(happened: Iterator[Event] | Sequence[Event], until: float | None = None) -> RunView:
    """A view of what there was until a time."""
    view = RunView()
    for event in happened:
        if until is not None and isinstance(event, Executed) and event.end > until:
            break
        view.fold(event)
    view.run_dir = "runs/20260101T000000Z-made-0123abcd"
    return view


def plan_file(plan: Plan, directory: Path) -> PlanRecord:
    """What is read of the plan as a run directory holds it."""
    RunDirectory(directory).write_json("plan.json", describe(plan))
    return plan_of(directory)
