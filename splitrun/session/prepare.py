"""From a document to everything a run needs: data, models, facts, plan."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import msgspec

from splitrun import units
from splitrun.components import AHEAD
from splitrun.data import OnDownload
from splitrun.errors import ModelError, Problem, SpecError, UsageError
from splitrun.errors import Path as SpecPath
from splitrun.files import is_something
from splitrun.model import LOSS, intra_op_threads, metric_place, section_of
from splitrun.party import Parties, doubts, summarise
from splitrun.plan import Plan, RoleFacts, check, compile, deadline_of, peak_bytes, planned_faults
from splitrun.records.data import DataSummary
from splitrun.records.plan import BoundRecord, ChoiceRecord, PlanRecord
from splitrun.session.probe import probe_costs
from splitrun.simulate import (
    MICRO_BATCHES,
    Costs,
    Recommendation,
    ThroughputPrediction,
    bound,
    fastest_depth,
    predict,
    recommend,
    shown,
    with_depth,
)
from splitrun.spec import Document, Spec, own_metrics
from splitrun.spec.contracts import ModelSection
from splitrun.spec.measures import LossSection, MetricSection

Tell = Callable[[str], object]
"""Told in a few words what is begun."""


def refuse_code(spec: Spec, directory: Path, party: str | None = None) -> None:
    """Refuse a spec that names classes; nothing is imported to tell where they come from.

    Args:
        directory: where custom classes are looked up first.
        party: whose code alone is to run here; default: everybody's.

    Raises:
        ModelError: naming each class and the file it would be imported from.
    """
    problems = [
        Problem(
            (*path, "class"),
            f"{class_path} would run the code of {_origin(class_path, directory)}",
            "if you trust it with all that you may do here, add --allow-code",
        )
        for path, class_path in named_classes(spec).items()
        if party in (None, path[1] if path[0] == "parties" else spec.top.party)
    ]
    if problems:
        raise ModelError(problems)


def named_classes(spec: Spec) -> dict[SpecPath, str]:
    """The classes that models, the loss and metrics name, by where they stand in the spec."""
    sections: dict[SpecPath, ModelSection | LossSection | MetricSection | None] = {
        ("top", "model"): spec.top.model,
        LOSS: spec.top.loss,
    }
    for name, party in spec.parties.items():
        sections["parties", name, "bottom"] = party.bottom
    for index, metric in own_metrics(spec).items():
        sections[metric_place(index)] = metric
    return {
        path: section.class_path
        for path, section in sections.items()
        if section is not None and section.class_path is not None
    }


def _origin(class_path: str, directory: Path) -> str:
    """The file next to the spec that the class's import begins with, or the installed module."""
    module = class_path.partition(":")[0]
    package = module.partition(".")[0]
    own = (directory / f"{package}.py", directory / package)
    return next((str(path) for path in own if is_something(path)), f"{module}, an installed module")


@dataclass(frozen=True)
class Experiment:
    """A spec with its parties loaded, their models probed, and its plan compiled and checked."""

    document: Document
    directory: Path
    """Where relative paths and custom classes are looked up."""
    parties: Parties
    plan: Plan
    costs: Costs | None = None
    """What was probed, if it was."""
    advice: Recommendation | None = None
    """What the probed costs and the evidence on accuracy recommend."""
    unproven: bool = False
    """Whether the faster depth is wanted, where it is not shown to be accurate."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What has no effect, as one sees by the plan and the models, and what is odd about the
        data, beyond what the document warns of."""
        woken = (self._woken(role, facts) for role, facts in self.plan.facts.roles.items())
        of_steps = self.document.warnings_of_steps(self.plan.steps)
        return (*of_steps, *filter(None, woken), *self.data.warnings)

    @cached_property
    def data(self) -> DataSummary:
        """What was understood of the data, and what is odd about them."""
        summary = summarise(self.parties)
        with intra_op_threads(self.document.spec.runtime.intra_op_threads):
            odd = list(doubts(self.parties, summary))
        told = (self.document.problem(it.path, it.what, it.remedy) for it in odd)
        notes = self.parties.first.data.notes
        joined = self.parties.join.warnings if self.parties.join else ()
        return msgspec.structs.replace(summary, warnings=(*joined, *notes, *map(str, told)))

    def _woken(self, role: str, facts: RoleFacts) -> str:
        if not facts.woken:
            return ""
        what = f"train() ends the evaluation mode in which __init__() leaves {facts.woken[0]}"
        remedy = "override train() if it is to last, as plain PyTorch wants it, too"
        return str(self.document.problem(section_of(role), what, remedy))


def is_advised(spec: Spec) -> bool:
    """Whether the depth is ours to find."""
    return spec.pipeline.schedule == "stale" and spec.pipeline.depth == "auto"


def prepare(
    document: Document,
    *,
    directory: Path | None = None,
    data_dir: Path | None = None,
    on_download: OnDownload | None = None,
    probe: bool = False,
    unproven: bool = False,
    allow_code: bool = False,
    tell: Tell = lambda _: None,
) -> Experiment:
    """Load the parties, probe their models, compile and check the plan.

    `pipeline.depth: auto` is resolved here, from costs measured on this machine, and is no deeper
    than is shown to be accurate.

    Args:
        directory: where relative paths and custom classes are looked up; default: the spec's.
        data_dir: where known datasets are looked up first.
        probe: measure costs even if the depth is given.
        unproven: `auto` is the fastest depth, whatever is shown.
        allow_code: import and run the classes that the spec names.
        tell: told what is begun, as it is.

    Raises:
        UsageError: the spec, its data or its models cannot be used.
    """
    spec, directory = document.spec, directory or document.directory
    auto = is_advised(spec)
    if unproven and not (auto or probe):
        raise UsageError(
            "--unproven: no depth is advised here; leave it out, or set pipeline.schedule=stale "
            "pipeline.depth=auto"
        )
    with document.located():
        if not allow_code:
            refuse_code(spec, directory)
        tell("reading data …")
        parties = Parties.load(spec, directory, data_dir=data_dir, on_download=on_download)
        tell("trying the models …")
        facts = parties.facts()
        plan = compile(spec, facts)
        planned_faults(spec, plan)
        deadline_of(spec, plan)
    check(plan)
    limit = memory_limit_bytes(spec)
    with document.located():
        refuse_beyond(plan, limit)
    if not (auto or probe):
        return Experiment(document, directory, parties, plan)

    def on_runtime(costs: Costs) -> Costs:
        """Costs of threads, on the spec's runtime."""
        if spec.runtime.type not in AHEAD:
            return costs
        apart = costs.apart(len(spec.parties))
        return apart.over_grpc(plan) if spec.runtime.type == "grpc" else apart

    def fastest(costs: Costs, pipelines: bool) -> int:  # noqa: FBT001 - the probe's callback
        return fastest_depth(
            plan,
            on_runtime(costs),
            pipelines=pipelines,
            memory_limit_bytes=limit,
            max_staleness=spec.pipeline.max_staleness,
        )

    measuring = "measuring costs on this machine"
    tell(f"{measuring} …")
    probed = probe_costs(
        parties,
        fastest,
        tell=lambda passed_s, most_s: tell(
            f"{measuring}: {passed_s:.0f} of at most {most_s:.0f} s"
        ),
    )
    costs = on_runtime(probed.costs)
    advice = recommend(
        plan,
        costs,
        shown=shown(spec, plan.steps),
        certainty=probed.certainty,
        pipelines=probed.pipelines,
        memory_limit_bytes=limit,
        max_staleness=spec.pipeline.max_staleness,
        slices=() if auto else MICRO_BATCHES,  # a depth is to be found, not a schedule
    )
    if auto:
        depth = (advice.fastest if unproven else advice.plan).depth
        pipeline = spec.pipeline.model_copy(update={"depth": depth})
        spec = spec.model_copy(update={"pipeline": pipeline})
        document, parties = replace(document, spec=spec), parties.under(spec)
        plan = compile(spec, facts)
        check(plan)
    return Experiment(document, directory, parties, plan, costs, advice, unproven=unproven)


def memory_limit_bytes(spec: Spec) -> float:
    """What the roles of a plan may hold together; infinite where nothing is said."""
    limit_mb = spec.runtime.memory_limit_mb
    return math.inf if limit_mb is None else limit_mb * 1e6


def refuse_beyond(plan: Plan, limit_bytes: float) -> None:
    """Refuse a plan whose roles would hold more than this at their peak.

    Raises:
        SpecError: with the depth that would fit, if there is one.
    """
    wanted = peak_bytes(plan)
    if wanted <= limit_bytes:
        return
    held, limit = units.megabytes(wanted), units.megabytes(limit_bytes)
    what = f"the plan holds {held} MB at its peak, more than {limit} MB"
    depths = range(plan.depth - 1, 0, -1)
    sizes = ((depth, peak_bytes(with_depth(plan, depth))) for depth in depths)
    fitting = next(((depth, size) for depth, size in sizes if size <= limit_bytes), None)
    if fitting:
        remedy = f"depth {fitting[0]} would fit, with {units.megabytes(fitting[1])} MB"
    else:
        remedy = "no depth would fit; use smaller layers, smaller batches or a higher limit"
    raise SpecError([Problem(("runtime", "memory_limit_mb"), what, remedy)])


def forecast(experiment: Experiment, plan: PlanRecord) -> PlanRecord:
    """The plan's record with what probed costs foretell of it: its bound, its throughput, and
    better depths; as it is where they were not probed."""
    advice = experiment.advice
    if experiment.costs is None or advice is None:
        return plan
    limit = bound(experiment.plan, experiment.costs)
    runtime = experiment.document.spec.runtime.type
    prediction = predict(experiment.plan, experiment.costs, runtime)
    return msgspec.structs.replace(
        plan,
        bound=BoundRecord(
            period_ms=limit.period_s * 1e3,
            samples_per_s=limit.segment_samples_per_s,
            limited_by=limit.limited_by,
        ),
        predicted_samples_per_s=prediction.samples_per_s,
        effective_cores=experiment.costs.effective_cores,
        wakeup_latency_ms=experiment.costs.wakeup_latency_s * 1e3,
        recommended_depth=advice.plan.depth,
        fastest_depth=advice.fastest.depth,
        shown_depth=advice.shown.depth if advice.shown else None,
        shown_of=advice.shown.of if advice.shown else None,
        unproven=experiment.unproven,
        recommended=_choice(advice.plan, advice.prediction, advice.speedup),
        fastest=_choice(advice.fastest, advice.fastest_prediction, advice.fastest_speedup),
        certainty=advice.certainty.to_record() if advice.certainty else None,
        advice=advice.reason,
    )


def _choice(plan: Plan, prediction: ThroughputPrediction, speedup: float) -> ChoiceRecord:
    return ChoiceRecord(
        schedule=plan.schedule,
        depth=plan.depth,
        micro_batches=plan.micro_batches,
        predicted_samples_per_s=prediction.samples_per_s,
        speedup=speedup,
    )
