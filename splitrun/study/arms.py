"""Arms: the ways to run one experiment that a comparison sets against each other.

An `ArmSet` is those that take part in one comparison, what each trains, and what is expected of
it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from splitrun.data import OnDownload
from splitrun.errors import Problem, SpecError, UsageError
from splitrun.plan import Plan
from splitrun.session import prepare
from splitrun.session.prepare import Tell, memory_limit_bytes, refuse_beyond
from splitrun.simulate import Costs, Recommendation
from splitrun.spec import Codec, Document, Link, Spec, metrics_of
from splitrun.spec.effective import DEFAULT_MICRO_BATCHES
from splitrun.spec.model import Pipeline
from splitrun.study.training import InitialWeights, Subject

if TYPE_CHECKING:
    from splitrun.study.watcher import Watcher

Schedule = Literal["sequential", "microbatch", "stale"]
SCHEDULES: tuple[Schedule, ...] = get_args(Schedule)
CODECS: tuple[Codec, ...] = get_args(Codec)
DEPTHS = (2, 4, 8)
"""Depths of `stale`, unless others are asked for."""


@dataclass(frozen=True)
class Arm:
    """One schedule; the depth is the same at every bottom, and the codec at every link."""

    schedule: Schedule
    depth: int = 1
    micro_batches: int = 1
    codec: Codec | None = None
    """None: each link has the spec's own."""

    @classmethod
    def of(cls, plan: Plan) -> Arm:
        """The arm that a plan belongs to."""
        return cls(plan.schedule, plan.depth, plan.micro_batches)

    def __str__(self) -> str:
        codec = f"+{self.codec}" if self.codec else ""
        match self.schedule:
            case "stale":
                return f"stale:{self.depth}{codec}"
            case "microbatch":
                return f"microbatch:{self.micro_batches}{codec}"
            case "sequential":
                return f"sequential{codec}"

    @property
    def is_baseline(self) -> bool:
        """Whether it is the one that the others are compared with."""
        return self == BASELINE

    def applied(self, spec: Spec) -> Spec:
        """The experiment, run this arm's way."""
        pipeline = Pipeline(
            schedule=self.schedule,
            depth=self.depth,
            micro_batches=self.micro_batches,
            compensation=spec.pipeline.compensation,
        )
        applied = piped(spec, pipeline)
        if self.codec is None:
            return applied
        links = {"default": Link()} | spec.links
        coded = {k: link.model_copy(update={"codec": self.codec}) for k, link in links.items()}
        return applied.model_copy(update={"links": coded})


BASELINE = Arm("sequential")


def piped(spec: Spec, pipeline: Pipeline) -> Spec:
    """The experiment with another pipeline, to which no party makes an exception."""
    parties = {
        name: party.model_copy(update={"depth": None}) for name, party in spec.parties.items()
    }
    return spec.model_copy(update={"pipeline": pipeline, "parties": parties})


def choose_arms(
    spec: Spec,
    schedules: Sequence[Schedule],
    depths: Sequence[int],
    fastest: Arm,
    codecs: Sequence[Codec] = (),
) -> tuple[Arm, ...]:
    """The baseline, the schedules asked for, `stale` at every depth, and what is foretold best;
    each of them again with every codec asked for."""
    micro_batches = spec.pipeline.micro_batches or 1
    sliced = micro_batches if micro_batches > 1 else DEFAULT_MICRO_BATCHES
    arms = {BASELINE, fastest}
    if "microbatch" in schedules:
        arms.add(Arm("microbatch", 1, sliced))
    if "stale" in schedules:
        arms |= {Arm("stale", depth) for depth in depths}
    arms |= {replace(arm, codec=codec) for arm in arms for codec in codecs}
    return tuple(sorted(arms, key=_place))


def _place(arm: Arm) -> tuple[int, ...]:
    """Where an arm stands among others."""
    codec = 0 if arm.codec is None else 1 + CODECS.index(arm.codec)
    return SCHEDULES.index(arm.schedule), arm.depth, arm.micro_batches, codec


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


@dataclass(frozen=True)
class ArmSet:
    """The arms that take part, each with what it trains and its plan."""

    subjects: Mapping[Arm, Subject]
    plans: Mapping[Arm, Plan]
    costs: Costs
    advice: Recommendation
    """What the probed costs and the evidence on accuracy speak for, before anything is trained."""
    max_staleness: int | None
    """The most updates of delay that a recommended arm may have; None: any."""

    def allows(self, arm: Arm) -> bool:
        """Whether an arm may be recommended, whatever it does."""
        return self.max_staleness is None or arm.depth <= self.max_staleness + 1

    def without(self, arms: Collection[Arm]) -> ArmSet:
        """The set of the other arms; the baseline is not among `arms`."""
        kept = [arm for arm in self.subjects if arm not in arms]
        subjects = {arm: self.subjects[arm] for arm in kept}
        return replace(self, subjects=subjects, plans={arm: self.plans[arm] for arm in kept})

    @property
    def metrics(self) -> tuple[str, ...]:
        """What the held-out rows are judged by, beside the loss; the first is the one that counts
        unless another is asked for."""
        return metrics_of(self.subjects[BASELINE].spec)


def line_up(
    document: Document,
    schedules: tuple[Schedule, ...] | None,
    depths: tuple[int, ...] | None,
    watcher: Watcher,
    *,
    codecs: Sequence[Codec] = (),
    data_dir: Path | None = None,
    on_download: OnDownload | None = None,
    allow_code: bool = False,
    tell: Tell = lambda _: None,
) -> ArmSet:
    """Load the data, probe the costs, and choose the arms.

    Args:
        document: the experiment.
        schedules: that take part beside the baseline and what the probe finds the fastest; None:
            all that the models can be run with.
        depths: of `stale`; None: 2, 4 and 8, as far as the run has steps for them.
        watcher: told what was left out.
        codecs: with which each arm takes part once more.
        data_dir: where known datasets are looked up first.
        on_download: told of downloads.
        allow_code: import and run the classes that the spec names.
        tell: told what is begun, as it is.

    Raises:
        UsageError: the spec, its data or its models cannot be used, or an arm that was asked for
            cannot be measured, or none but the baseline can, or no rows are held out.
    """
    given = document.spec.pipeline
    one_at_a_time = Pipeline(max_staleness=given.max_staleness, compensation=given.compensation)
    experiment = prepare(
        replace(document, spec=piped(document.spec, one_at_a_time)),
        data_dir=data_dir,
        on_download=on_download,
        probe=True,
        allow_code=allow_code,
        tell=tell,
    )
    for warning in experiment.warnings:
        watcher.tell(f"warning: {warning}")
    if not experiment.plan.facts.evaluated_rows:
        remedy = "compare with dataset.test_fraction above 0"
        raise UsageError(f"no rows are held out, so arms cannot be told apart; {remedy}")
    assert experiment.costs is not None
    assert experiment.advice is not None
    if any(party.depth for party in document.spec.parties.values()):
        watcher.tell("arms have one depth at every bottom: those of single parties are not used")
    subjects: dict[Arm, Subject] = {}
    plans: dict[Arm, Plan] = {}
    left_out: list[str] = []
    initial_weights = InitialWeights()
    fastest = Arm.of(experiment.advice.fastest)
    tell("preparing the arms …")
    chosen_schedules, chosen_depths = schedules or SCHEDULES, depths or DEPTHS
    for arm in choose_arms(document.spec, chosen_schedules, chosen_depths, fastest, codecs):
        subject = Subject(experiment.parties.under(arm.applied(document.spec)))
        try:
            plan = _plan(arm, subject, document, initial_weights)
        except SpecError as error:
            if _is_asked_for(arm, schedules, depths):
                raise
            left_out.append(f"left out {arm}: {error.problems[0].what}")
            watcher.tell(left_out[-1])
        else:
            subjects[arm], plans[arm] = subject.with_facts_of(plan), plan
    if left_out and len(subjects) == 1:
        lines = ["there is nothing to compare sequential with", *left_out]
        raise UsageError("\n".join(lines))
    return ArmSet(subjects, plans, experiment.costs, experiment.advice, given.max_staleness)


def _is_asked_for(
    arm: Arm, schedules: Sequence[Schedule] | None, depths: Sequence[int] | None
) -> bool:
    """Whether the user named it: leaving it out would not be what they want."""
    if arm.schedule == "stale":
        return arm.depth in (depths or ())
    return arm.schedule in (schedules or ())


def _plan(arm: Arm, subject: Subject, document: Document, initial_weights: InitialWeights) -> Plan:
    """An arm's plan, of which everything can be measured.

    Raises:
        SpecError: the models cannot be run that way, or a trial of it would be too short.
        UsageError: it begins as another network than the arms before it.
    """
    with document.located():
        plan = subject.plan()
        refuse_beyond(plan, memory_limit_bytes(document.spec))
        steps = next(plan.segments()).stop
        if plan.depth > steps:
            what = f"depth {plan.depth} is never reached: the pipeline drains every {steps} steps"
            remedy = (
                "compare smaller --depths, or leave more steps between evaluations and checkpoints"
            )
            raise SpecError([Problem(("pipeline", "depth"), what, remedy)])
    mine = subject.first_weights(plan)
    if differing := initial_weights.differing(subject.spec.seed, str(arm), mine):
        raise UsageError(differing)
    return plan
