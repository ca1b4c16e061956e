"""The field: which arms take part in a comparison, what each trains, and what is expected of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from splitrun.data import OnDownload
from splitrun.errors import SpecError, UsageError
from splitrun.model import default_metrics
from splitrun.plan import Plan
from splitrun.session import prepare
from splitrun.session.memory import memory_limit_bytes, refuse_beyond
from splitrun.simulate import Costs, Recommendation
from splitrun.spec import Document
from splitrun.spec.model import Metric, Pipeline
from splitrun.study.arms import BASELINE, DEPTHS, SCHEDULES, Arm, Schedule, choose_arms, piped
from splitrun.study.training import Subject
from splitrun.study.watcher import Watcher


@dataclass(frozen=True)
class Field:
    """The arms that take part, each with what it trains and its plan."""

    subjects: Mapping[Arm, Subject]
    plans: Mapping[Arm, Plan]
    costs: Costs
    advice: Recommendation

    @property
    def recommended(self) -> Arm:
        """What the probed costs speak for; the baseline where the models cannot be run that way."""
        arm = Arm.of(self.advice.plan)
        return arm if arm in self.subjects else BASELINE

    def without(self, arms: Collection[Arm]) -> Field:
        """The field of the other arms; the baseline is not among `arms`."""
        kept = [arm for arm in self.subjects if arm not in arms]
        subjects = {arm: self.subjects[arm] for arm in kept}
        return replace(self, subjects=subjects, plans={arm: self.plans[arm] for arm in kept})

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What the held-out rows are judged by, beside the loss; the first is the one that counts
        unless another is asked for."""
        spec = self.subjects[BASELINE].spec
        return spec.training.metrics or default_metrics(spec.top.loss)


def line_up(
    document: Document,
    schedules: tuple[Schedule, ...] | None,
    depths: tuple[int, ...] | None,
    watcher: Watcher,
    *,
    data_dir: Path | None = None,
    on_download: OnDownload | None = None,
    allow_code: bool = False,
) -> Field:
    """Load the data, probe the costs, and choose the arms.

    Args:
        document: the experiment.
        schedules: that take part beside the baseline and what is recommended; None: all that the
            models can be run with.
        depths: of `stale`; None: 2, 4 and 8, as far as the run has steps for them.
        watcher: told what was left out.
        data_dir: where known datasets are looked up first.
        on_download: told of downloads.
        allow_code: import and run the classes that the spec names.

    Raises:
        UsageError: the spec, its data or its models cannot be used, or an arm that was asked for
            cannot be run, or no rows are held out.
    """
    given = document.spec.pipeline
    one_at_a_time = Pipeline(max_staleness=given.max_staleness, compensation=given.compensation)
    experiment = prepare(
        replace(document, spec=piped(document.spec, one_at_a_time)),
        data_dir=data_dir,
        on_download=on_download,
        probe=True,
        allow_code=allow_code,
    )
    for warning in experiment.warnings:
        watcher.tell(f"warning: {warning}")
    if not len(experiment.data.test_ids):
        remedy = "compare with dataset.test_fraction above 0"
        raise UsageError(f"no rows are held out, so arms cannot be told apart; {remedy}")
    assert experiment.costs is not None
    assert experiment.advice is not None
    if any(party.depth for party in document.spec.parties.values()):
        watcher.tell("arms have one depth at every bottom: those of single parties are not used")
    subjects: dict[Arm, Subject] = {}
    plans: dict[Arm, Plan] = {}
    recommended = Arm.of(experiment.advice.plan)
    for arm in choose_arms(document.spec, schedules or SCHEDULES, depths or DEPTHS, recommended):
        subject = Subject(arm.applied(document.spec), experiment.data, document.directory)
        try:
            with document.located():
                plan = subject.plan()
                refuse_beyond(plan, memory_limit_bytes(document.spec))
        except SpecError as error:
            if (depths if arm.schedule == "stale" else schedules) is not None:
                raise
            watcher.tell(f"left out {arm}: {error.problems[0].what}")
        else:
            subjects[arm], plans[arm] = subject, plan
    return Field(subjects, plans, experiment.costs, experiment.advice)
