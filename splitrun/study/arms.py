"""Arms: the ways to run one experiment that a comparison sets against each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from splitrun.errors import UsageError
from splitrun.plan import Plan
from splitrun.spec import Spec
from splitrun.spec.effective import DEFAULT_MICRO_BATCHES
from splitrun.spec.model import Pipeline

Schedule = Literal["sequential", "microbatch", "stale"]
SCHEDULES: tuple[Schedule, ...] = get_args(Schedule)
DEPTHS = (2, 4, 8)
"""Of `stale`, unless others are asked for."""


@dataclass(frozen=True)
class Arm:
    """One schedule; the depth is the same at every bottom."""

    schedule: Schedule
    depth: int = 1
    micro_batches: int = 1

    @classmethod
    def of(cls, plan: Plan) -> Arm:
        """The arm that a plan belongs to."""
        return cls(plan.schedule, plan.depth, plan.micro_batches)

    def __str__(self) -> str:
        match self.schedule:
            case "stale":
                return f"stale:{self.depth}"
            case "microbatch":
                return f"microbatch:{self.micro_batches}"
            case "sequential":
                return "sequential"

    def applied(self, spec: Spec) -> Spec:
        """The experiment, run this arm's way."""
        pipeline = Pipeline(
            schedule=self.schedule,
            depth=self.depth,
            micro_batches=self.micro_batches,
            compensation=spec.pipeline.compensation,
        )
        return piped(spec, pipeline)


BASELINE = Arm("sequential")


def piped(spec: Spec, pipeline: Pipeline) -> Spec:
    """The experiment with another pipeline, to which no party makes an exception."""
    parties = {
        name: party.model_copy(update={"depth": None}) for name, party in spec.parties.items()
    }
    return spec.model_copy(update={"pipeline": pipeline, "parties": parties})


def choose_arms(
    spec: Spec, schedules: Sequence[Schedule], depths: Sequence[int], fastest: Arm
) -> tuple[Arm, ...]:
    """The baseline, the schedules asked for, `stale` at every depth, and what is foretold best."""
    micro_batches = spec.pipeline.micro_batches or 1
    sliced = micro_batches if micro_batches > 1 else DEFAULT_MICRO_BATCHES
    arms = {BASELINE, fastest}
    if "microbatch" in schedules:
        arms.add(Arm("microbatch", 1, sliced))
    if "stale" in schedules:
        arms |= {Arm("stale", depth) for depth in depths}
    return tuple(
        sorted(arms, key=lambda arm: (SCHEDULES.index(arm.schedule), arm.depth, arm.micro_batches))
    )


def named(arms: Sequence[Arm], name: str) -> Arm:
    """The arm of this name; a schedule alone will do where it has one arm.

    Raises:
        UsageError: there is none, or there are several.
    """
    found = [arm for arm in arms if name in (str(arm), arm.schedule)]
    if len(found) != 1:
        known = ", ".join(str(arm) for arm in arms)
        raise UsageError(f"--arm {name}: not one of the arms; name one of {known}")
    return found[0]
