"""The page of one run."""

from __future__ import annotations

from splitrun.report import glossary, words
from splitrun.report.charts.learning import learning, step_losses, throughput
from splitrun.report.charts.timeline import Strip, timeline
from splitrun.report.charts.utilisation import machine, shares
from splitrun.report.files import flat
from splitrun.report.page import (
    Block,
    Cell,
    Column,
    Fact,
    Figure,
    Note,
    Page,
    Section,
    Source,
    Table,
    Terms,
)
from splitrun.report.run import Plan, Result, Run
from splitrun.report.summary import RunSummary, window

_RUNNING = "running, or ended without saying so"


def run_page(run: Run) -> Page:
    """The page of what there is of a run."""
    status = _status(run)
    result = (run.manifest.result if run.manifest else None) or Result()
    return Page(
        title=(run.plan and run.plan.name) or run.directory,
        subtitle=_subtitle(run),
        verdict=_verdict(run, status, result),
        facts=_facts(result, run.digest),
        remarks=_remarks(run),
        sections=[
            section
            for section in (
                Section("Speed and learning", _progress(run), side_by_side=True),
                Section("Where the time goes", _time(run.digest)),
                Section("The machine", _machine(run.digest), side_by_side=True),
                Section("The links", links_table(run.digest)),
                Section("The plan", roles_table(run.plan, result)),
                Section("How it was run and measured", _appendix(run)),
            )
            if section.blocks
        ],
    )


def _status(run: Run) -> str:
    if run.status in ("", "running", "killed"):
        ended = run.digest.ended if run.digest else None
        return ended.status if ended else run.status or _RUNNING
    return run.status


def _subtitle(run: Run) -> str:
    started = run.manifest.started if run.manifest else ""
    return " · ".join(part for part in ("A run", words.moment(started), run.directory) if part)


def _schedule(run: Run) -> str:
    started = run.digest.started if run.digest else None
    plan = run.plan or Plan(
        schedule=started.schedule if started else "", depth=started.depth if started else 1
    )
    if plan.micro_batches > 1:
        return f"{plan.schedule}, {plan.micro_batches} micro-batches"
    return f"{plan.schedule}, depth {plan.depth}" if plan.depth > 1 else plan.schedule


def _verdict(run: Run, status: str, result: Result) -> str:
    schedule = _schedule(run) or "a run"
    steps = _steps(run, result)
    of = run.digest.started.steps if run.digest else run.plan.steps if run.plan else steps
    if status != "done":
        ended = run.digest.ended if run.digest else None
        message = (ended.message if ended else "") or run.message
        stop = "; " if status == "killed" else ". "
        told = f"{stop}{message}" if message else "."
        return f"{status.capitalize()}: {steps:,} of {of:,} steps, {schedule}{told}"
    metrics = [
        f"{words.metric_name(name)} {words.value(value)}"
        for name, value in result.metrics.get("test", {}).items()
        if name != "loss"
    ]
    sentence = f"Done: {words.plural(steps, 'step')}, {schedule}"
    if result.samples_per_s is not None:
        sentence += f", at {words.rate(result.samples_per_s)}"
    return sentence + (f", to {words.listed(metrics)}." if metrics else ".")


def _steps(run: Run, result: Result) -> int:
    return result.steps or (run.digest.done if run.digest else 0)


def _facts(result: Result, digest: RunSummary | None) -> list[Fact]:
    facts = []
    if result.samples_per_s:
        facts.append(Fact(words.whole(result.samples_per_s), "samples per second"))
    elif digest is not None and digest.span_s and digest.samples:
        rate = words.whole(digest.samples / digest.span_s)
        facts.append(Fact(rate, "samples per second", "evaluations among the time"))
    if result.wall_s is not None:
        note = ""
        if result.evaluation_s is not None:
            note = f"and {words.duration(result.evaluation_s)} of evaluation"
        facts.append(Fact(words.duration(result.wall_s), "training time", note))
    if result.train_loss is not None:
        facts.append(Fact(words.value(result.train_loss), "training loss", "last epoch"))
    facts += [
        Fact(words.value(value), words.metric_name(name), f"on the {split} rows")
        for split, metrics in result.metrics.items()
        for name, value in metrics.items()
    ]
    return facts


def _remarks(run: Run) -> list[str]:
    remarks = []
    if run.plan and run.plan.advice:
        taken = f"Depth {run.plan.depth} was taken" + (", unproven" if run.plan.unproven else "")
        remarks.append(f"{taken}. Advice: {run.plan.advice.rstrip('.')}.")
    if run.digest is None:
        remarks.append("There are no events of this run, so nothing tells where its time went.")
    elif run.digest.missing:
        remarks.append(
            f"The recording no longer has {run.digest.missing:,} events of the run's middle; "
            "charts over time leave them out, and what the links carried is of what is left."
        )
    if run.digest is not None and (stuck := run.digest.stuck) is not None:
        what = f"{stuck.role} at {stuck.at}, for {words.duration(stuck.for_s)}"
        remarks.append(f"The run was stuck, for longest with {what}.")
    if run.digest is not None and run.digest.started.attempt > 1:
        started = run.digest.started
        remarks.append(
            f"This is attempt {started.attempt} of the run, from step {started.first_step:,} on, "
            "and so are charts over time and what the links carried; attempts/ has the others, and "
            "manifest.json tells how each ended. Training time and metrics are of the whole run."
        )
    return remarks


def _progress(run: Run) -> list[Block]:
    blocks: list[Figure | None] = []
    if run.digest is not None:
        blocks += [throughput(run.digest), step_losses(run.digest)]
    blocks += learning(
        [(record.epoch, record.train) for record in run.records],
        [(record.epoch, record.test) for record in run.records],
    )
    return [block for block in blocks if block is not None]


def _time(digest: RunSummary | None) -> list[Block]:
    blocks: list[Block] = []
    if digest is None:
        return blocks
    steady = window(digest)
    if steady is not None:
        blocks.append(timeline([Strip("", digest, steady)]))
    if digest.shares:
        blocks.append(shares([("", digest.shares)]))
    return blocks


def _machine(digest: RunSummary | None) -> list[Block]:
    if digest is None:
        return []
    return [*machine(digest)] or [Note("The machine was not sampled during this run.")]


def _appendix(run: Run) -> list[Block]:
    pairs: list[tuple[str, str]] = []
    if run.manifest is not None:
        pairs += [("seed", flat(run.manifest.seed)), ("threads", flat(run.manifest.threads))]
        pairs += [(key, flat(value)) for key, value in run.manifest.environment.items()]
        if run.manifest.result and run.manifest.result.weights_sha256:
            pairs.append(("weights, sha256", run.manifest.result.weights_sha256))
    blocks: list[Block] = [Terms("What the words mean", glossary.RUN)]
    if pairs:
        blocks.append(Terms("Environment", pairs))
    if run.failure:
        blocks.append(Source("Where it broke", run.failure))
    if run.spec:
        blocks.append(Source("The spec as understood, every key stated", run.spec))
    return blocks


def links_table(digest: RunSummary | None) -> list[Block]:
    """What each link carried; nothing where that is not known."""
    if digest is None or not digest.links:
        return []
    names = ("link", "messages", "sent", "a training step", "on its way, mean", "longest")
    columns = [Column(name, number=place > 0) for place, name in enumerate(names)]
    rows = [
        [
            Cell(name),
            Cell(words.whole(link.messages)),
            Cell(words.size(link.bytes)),
            Cell(words.size(link.train_bytes / digest.steps if digest.steps else None)),
            Cell(words.duration(link.flight_s / link.messages if link.messages else None)),
            Cell(words.duration(link.longest_s if link.messages else None)),
        ]
        for name, link in digest.links.items()
    ]
    sent = words.size(sum(link.bytes for link in digest.links.values()))
    caption = f"{sent} in all, between roles of one party too; tensors alone, without framing."
    return [Table("What crossed", caption, columns, rows)]


def roles_table(plan: Plan | None, result: Result) -> list[Block]:
    """What each role holds, and how stale its gradients were; nothing where there is no plan."""
    if plan is None or not plan.roles:
        return []
    names = ("role", "depth", "staleness, mean", "largest", "weights", "versions", "they hold")
    columns = [Column(name, number=place > 0) for place, name in enumerate(names)]
    rows = [
        [
            Cell(name),
            Cell(words.whole(role.depth)),
            Cell(words.UNKNOWN if late is None else f"{late.mean:.2f}"),
            Cell(words.whole(role.staleness if late is None else late.max)),
            Cell(words.whole(role.parameters)),
            Cell(words.whole(role.versions)),
            Cell(words.size(role.version_bytes)),
        ]
        for name, role in plan.roles.items()
        for late in (result.staleness.get(name),)
    ]
    caption = (
        f"{words.plural(plan.steps, 'step')}: {words.plural(plan.epochs, 'epoch')}, batches of "
        f"{plan.batch_size:,}; {plan.train_rows:,} rows to train on, {plan.test_rows:,} held out."
    )
    return [Table("Roles", caption, columns, rows)]
