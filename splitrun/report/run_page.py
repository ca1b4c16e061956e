"""The page of one run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from splitrun import units
from splitrun.events import Decided
from splitrun.files import is_something
from splitrun.records.plan import PlanRecord
from splitrun.records.reading import read_lines, read_record, read_text
from splitrun.records.run import (
    Environment,
    EpochRecord,
    Manifest,
    RunResult,
    links_section,
    read_manifest,
    stand,
)
from splitrun.records.setting import setting
from splitrun.report.class_tables import class_tables
from splitrun.report.learning_charts import learning, step_losses, throughput
from splitrun.report.page import (
    RUN_TERMS,
    Block,
    CodeListing,
    Fact,
    Figure,
    Note,
    Page,
    PageSection,
    PageTable,
    TableCell,
    TableColumn,
    Terms,
)
from splitrun.report.summary import RunSummary, summarise, window
from splitrun.report.timeline_chart import Strip, timeline
from splitrun.report.utilisation_charts import machine, shares
from splitrun.telemetry.jsonl import FIRST_PART
from splitrun.units import PAGE


@dataclass(frozen=True)
class Run:
    """What a run directory holds; None is what is not there."""

    directory: str
    """Its name."""
    status: str
    """As the manifest and the directory's lock tell; empty where nothing does."""
    message: str
    """What there is to say of that."""
    manifest: Manifest | None
    plan: PlanRecord | None
    epochs: list[EpochRecord]
    summary: RunSummary | None
    spec: str | None
    failure: str | None


def read_run(directory: Path) -> Run | None:
    """A run directory, or a bare recording; None where it is neither.

    Raises:
        RunDirectoryError: a file is damaged.
    """
    manifest = read_manifest(directory)
    recorded = is_something(directory / FIRST_PART)
    if manifest is None and not recorded:
        return None
    status, message = stand(directory)
    return Run(
        directory.resolve().name,
        status,
        message,
        manifest,
        read_record(directory / "plan.json", PlanRecord),
        read_lines(directory / "metrics.jsonl", EpochRecord),
        summarise(directory) if recorded else None,
        read_text(directory / "resolved.yaml"),
        read_text(directory / "failure.txt"),
    )


_RUNNING = "running, or ended without saying so"


def run_page(run: Run) -> Page:
    """The page of what there is of a run."""
    status = _status(run)
    result = (run.manifest.result if run.manifest else None) or RunResult()
    return Page(
        title=(run.plan and run.plan.name) or run.directory,
        subtitle=_subtitle(run),
        question=_question(run),
        verdict=_verdict(run, status, result),
        facts=_facts(result, run.summary),
        remarks=_remarks(run),
        sections=[
            section
            for section in (
                PageSection("Speed and learning", _progress(run), "side-by-side"),
                PageSection("Class by class", class_tables(result)),
                PageSection("Where the time goes", _time(run.summary)),
                PageSection("The machine", _machine(run.summary), "side-by-side"),
                PageSection("The links", [*links_table(run.summary), *_measured(result)]),
                PageSection("The plan", roles_table(run.plan, result)),
                PageSection("How it was run and measured", _appendix(run)),
            )
            if section.blocks
        ],
    )


def _status(run: Run) -> str:
    if run.status in ("", "running", "killed"):
        ended = run.summary.ended if run.summary else None
        return ended.status if ended else run.status or _RUNNING
    return run.status


def _subtitle(run: Run) -> str:
    started = run.manifest.started if run.manifest else ""
    return " · ".join(part for part in ("A run", units.moment(started), run.directory) if part)


def _question(run: Run) -> str:
    told = setting(run.plan) if run.plan else ""
    return f"{told[:1].upper()}{told[1:]}; {_schedule(run)}." if told else ""


def _schedule(run: Run) -> str:
    started = run.summary.started if run.summary else None
    plan = run.plan or PlanRecord(
        schedule=started.schedule if started else "", depth=started.depth if started else 1
    )
    if plan.micro_batches > 1:
        return f"{plan.schedule}, {plan.micro_batches} micro-batches"
    return f"{plan.schedule}, depth {plan.depth}" if plan.depth > 1 else plan.schedule


def _verdict(run: Run, status: str, result: RunResult) -> str:
    schedule = _schedule(run) or "a run"
    steps = _steps(run, result)
    of = run.summary.started.steps if run.summary else run.plan.steps if run.plan else steps
    if status != "done":
        ended = run.summary.ended if run.summary else None
        message = (ended.message if ended else "") or run.message
        stop = "; " if status == "killed" else ". "
        told = f"{stop}{message}" if message else "."
        return f"{status.capitalize()}: {steps:,} of {of:,} steps, {schedule}{told}"
    metrics = [
        f"{units.metric_name(name)} {PAGE.value(value)}"
        for name, value in (
            result.metrics.get("test") or result.metrics.get("validation", {})
        ).items()
        if name != "loss"
    ]
    sentence = f"Done: {PAGE.plural(steps, 'step')}, {schedule}"
    if result.samples_per_s:
        sentence += f", at {PAGE.rate(result.samples_per_s)}"
    return sentence + (f", to {units.listed(metrics)}." if metrics else ".")


def _steps(run: Run, result: RunResult) -> int:
    return result.steps or (run.summary.done if run.summary else 0)


def _facts(result: RunResult, summary: RunSummary | None) -> list[Fact]:
    facts = []
    if result.samples_per_s:
        facts.append(Fact(PAGE.whole(result.samples_per_s), "samples per second"))
    elif summary is not None and summary.span_s and summary.samples:
        rate = PAGE.whole(summary.samples / summary.span_s)
        facts.append(Fact(rate, "samples per second", "evaluations among the time"))
    if result.wall_s:
        note = ""
        if result.evaluation_s:
            note = f"and {PAGE.duration(result.evaluation_s)} of evaluation"
        facts.append(Fact(PAGE.duration(result.wall_s), "training time", note))
    if result.train_loss is not None:
        facts.append(Fact(PAGE.value(result.train_loss), "training loss", "last epoch"))
    facts += [
        Fact(PAGE.value(value), units.metric_name(name), f"on the {split} rows")
        for split, metrics in result.metrics.items()
        for name, value in metrics.items()
    ]
    return facts


def _decided(last: Decided, steps: int) -> str:
    """When a run that may stop early did, and why."""
    if last.best is None:
        return f"No evaluation until step {last.step:,} has found a value of {last.metric}."
    metric = units.metric_name(last.metric)
    best = f"{metric} {PAGE.value(last.best)} on the validation rows, of step {last.best_step:,}"
    if last.stops and last.step < steps:
        waited = PAGE.plural(last.waited, "evaluation")
        return (
            f"The run stopped early, at step {last.step:,} of {steps:,}: {waited} found nothing "
            f"better than {best}, whose weights it has."
        )
    if last.stops:
        return f"The run did not stop early. Best was {best}, whose weights it has."
    return f"Until step {last.step:,} best was {best}."


def _remarks(run: Run) -> list[str]:
    remarks = []
    if run.plan and run.plan.advice:
        taken = f"Depth {run.plan.depth} was taken" + (", unproven" if run.plan.unproven else "")
        remarks.append(f"{taken}. Advice: {run.plan.advice.rstrip('.')}.")
    if run.summary is not None and run.summary.decided is not None:
        remarks.append(_decided(run.summary.decided, run.summary.started.steps))
    if run.summary is None:
        remarks.append("There are no events of this run, so nothing tells where its time went.")
    elif run.summary.missing:
        remarks.append(
            f"The recording no longer has {run.summary.missing:,} events of the run's middle; "
            "charts over time leave them out, and what the links carried is of what is left."
        )
    if run.summary is not None and (stuck := run.summary.stuck) is not None:
        what = f"{stuck.role} at {stuck.at}, for {PAGE.duration(stuck.for_s)}"
        remarks.append(f"The run was stuck, for longest with {what}.")
    if run.summary is not None and run.summary.started.attempt > 1:
        started = run.summary.started
        remarks.append(
            f"This is attempt {started.attempt} of the run, from step {started.first_step:,} on, "
            "and so are charts over time and what the links carried; attempts/ has the others, and "
            "manifest.json tells how each ended. Training time and metrics are of the whole run."
        )
    return remarks


def _progress(run: Run) -> list[Block]:
    blocks: list[Figure | None] = []
    if run.summary is not None:
        blocks += [throughput(run.summary), step_losses(run.summary)]
    blocks += learning(run.epochs)
    return [block for block in blocks if block is not None]


def _time(summary: RunSummary | None) -> list[Block]:
    blocks: list[Block] = []
    if summary is None:
        return blocks
    steady = window(summary)
    if steady is not None:
        blocks.append(timeline([Strip("", summary, steady)]))
    if summary.shares:
        blocks.append(shares([("", summary.shares)]))
    return blocks


def _machine(summary: RunSummary | None) -> list[Block]:
    if summary is None:
        return []
    return [*machine(summary)] or [Note("The machine was not sampled during this run.")]


def _appendix(run: Run) -> list[Block]:
    pairs: list[tuple[str, str]] = []
    if run.manifest is not None:
        pairs += [
            ("seed", units.flat(run.manifest.seed)),
            ("threads", units.flat(dict(run.manifest.threads))),
        ]
        pairs += environment_terms(run.manifest.environment)
        if run.manifest.result and run.manifest.result.weights_sha256:
            pairs.append(("weights, sha256", run.manifest.result.weights_sha256))
    blocks: list[Block] = [Terms("What the words mean", RUN_TERMS)]
    if pairs:
        blocks.append(Terms("Environment", pairs))
    if run.failure:
        blocks.append(CodeListing("Where it broke", run.failure))
    if run.spec:
        blocks.append(CodeListing("The spec as understood, every key stated", run.spec))
    return blocks


def environment_terms(environment: Environment) -> list[tuple[str, str]]:
    """What is known of a machine and its software."""
    return [(key, units.flat(value)) for key, value in environment.to_json().items() if value]


def links_table(summary: RunSummary | None) -> list[Block]:
    """What each link carried; nothing where that is not known."""
    if summary is None or not summary.links:
        return []
    names = ("link", "messages", "sent", "a training step", "on its way, mean", "longest")
    columns = [TableColumn(name, number=place > 0) for place, name in enumerate(names)]
    rows = [
        [
            TableCell(name),
            TableCell(PAGE.whole(link.messages)),
            TableCell(PAGE.size(link.bytes)),
            TableCell(PAGE.size(link.train_bytes / summary.steps if summary.steps else None)),
            TableCell(PAGE.duration(link.flight_s / link.messages if link.messages else None)),
            TableCell(PAGE.duration(link.longest_s if link.messages else None)),
        ]
        for name, link in summary.links.items()
    ]
    sent = PAGE.size(sum(link.bytes for link in summary.links.values()))
    caption = f"{sent} in all, between roles of one party too; tensors alone, without framing."
    return [PageTable("What crossed", caption, columns, rows)]


def _measured(result: RunResult) -> list[Block]:
    """What real links were found to be like."""
    if not result.links:
        return []
    return [CodeListing("As measured before the run, for a spec", links_section(result.links))]


def roles_table(plan: PlanRecord | None, result: RunResult) -> list[Block]:
    """What each role holds, and how stale its gradients were; nothing where there is no plan."""
    if plan is None or not plan.roles:
        return []
    names = ("role", "depth", "staleness, mean", "largest", "weights", "versions", "they hold")
    columns = [TableColumn(name, number=place > 0) for place, name in enumerate(names)]
    rows = [
        [
            TableCell(name),
            TableCell(PAGE.whole(role.depth)),
            TableCell(PAGE.unknown if late is None else f"{late.mean:.2f}"),
            TableCell(PAGE.whole(role.staleness if late is None else late.max)),
            TableCell(PAGE.whole(role.parameters)),
            TableCell(PAGE.whole(role.versions)),
            TableCell(PAGE.size(role.version_bytes)),
        ]
        for name, role in plan.roles.items()
        for late in (result.staleness.get(name),)
    ]
    deciding = f"{plan.validation_rows:,} to decide on, " if plan.validation_rows else ""
    caption = (
        f"{PAGE.plural(plan.steps, 'step')}: {PAGE.plural(plan.epochs, 'epoch')}, batches of "
        f"{plan.batch_size:,}; {plan.train_rows:,} rows to train on, {deciding}"
        f"{plan.test_rows:,} held out."
    )
    return [PageTable("Roles", caption, columns, rows)]
