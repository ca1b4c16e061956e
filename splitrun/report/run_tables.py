"""A run's tables."""

from __future__ import annotations

from splitrun.report import words
from splitrun.report.page import Block, Cell, Column, Table
from splitrun.report.run import Plan, Result
from splitrun.report.summary import RunSummary


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
