"""The page of a valuation: what each partner brings in a sentence, then what that rests on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from splitrun import units
from splitrun.records.comparison import MeanRecord
from splitrun.records.value import PartyValueRecord, ValueRecord
from splitrun.report.appendix import appendix
from splitrun.report.drawing import SMALL_TICKS, axis, layout, text, whiskers
from splitrun.report.page import (
    Chart,
    Fact,
    Figure,
    Page,
    PageSection,
    PageTable,
    TableCell,
    TableColumn,
)
from splitrun.units import PAGE

TERMS = (
    (
        "gain",
        "How much better the metric is; of one of which less is better, how much less. Mean over "
        "paired seeds with its 95 % interval, for the chance of seeds and of evaluated rows.",
    ),
    (
        "without a partner",
        "Models trained anew without its columns, at the same seeds, on the same rows. What other "
        "parties know, too, is no loss.",
    ),
    (
        "permuted",
        "The same models of all parties, evaluated with the rows of a party, or of one column, in "
        "another order: what the model uses, whoever else knows it.",
    ),
    (
        "an epoch",
        "Cuts and gradients over the partner's links, both ways; the time is what the programs "
        "come to on a virtual clock, over the spec's links.",
    ),
)
_MOST_COLUMNS = 24
"""That a chart shows."""
_ROW_PX = 26


def value_page(directory: Path, value: ValueRecord) -> Page:
    """The page of a valuation's directory."""
    partners = value.partners
    return Page(
        title=value.name,
        subtitle=" · ".join(
            part for part in ("What the partners bring", units.moment(value.ended)) if part
        ),
        question=_question(value),
        verdict=". ".join(_capital(it.verdict) for it in partners) + ".",
        facts=_facts(value),
        remarks=_remarks(value),
        sections=[
            PageSection("What each brings", [_parties_table(value), _gains(value)]),
            PageSection("Which columns the model uses", [_columns(value), _columns_table(value)]),
            PageSection("How it was measured", appendix(directory, TERMS, value)),
        ],
    )


def _question(value: ValueRecord) -> str:
    holders = [it.party for it in value.parties if it.finding is None]
    whose = f"{holders[0]}'s" if holders else "the model's"
    metric, partners = units.metric_name(value.metric), [it.party for it in value.partners]
    rows = f"{value.train_rows:,} rows to train on, {value.evaluated_rows:,} to decide on"
    return f"What do the data of {units.listed(partners)} bring to {whose} {metric}? {rows}."


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def _facts(value: ValueRecord) -> list[Fact]:
    metric = units.metric_name(value.metric)
    facts = [Fact(PAGE.value(value.with_all.mean), metric, "with all parties")]
    for it in value.partners:
        if it.gain is not None:
            between = units.within(it.gain.ci95, ".4f")
            facts.append(Fact(PAGE.change(it.gain.mean), f"gain by {it.party}", between))
    return facts


def _remarks(value: ValueRecord) -> list[str]:
    rows = "validation rows" if value.decided_on == "validation" else "test rows"
    told = [
        f"Decided on {value.evaluated_rows:,} {rows}; trained on {value.train_rows:,}, the same "
        "with and without a partner."
    ]
    if len(value.partners) > 1:
        told.append(
            "A gain is beside all other parties: what two partners both know, neither brings."
        )
    return told


def _estimate(record: MeanRecord | None) -> TableCell:
    if record is None:
        return TableCell(PAGE.unknown)
    return TableCell(PAGE.change(record.mean), units.within(record.ci95, ".4f"))


def _parties_table(value: ValueRecord) -> PageTable:
    metric = units.metric_name(value.metric)
    columns = (
        TableColumn("party", number=False),
        TableColumn(f"gain in {metric}"),
        TableColumn("finding", number=False),
        TableColumn("permuted"),
        TableColumn("sent an epoch"),
        TableColumn("an epoch"),
        TableColumn("without"),
        TableColumn("more rows"),
    )
    caption = (
        f"Gains in {metric} with 95 % intervals: by the party's columns, beside models trained "
        "without them; and beside the same models with its rows permuted."
    )
    return PageTable("The parties", caption, columns, [_party(it) for it in value.parties])


def _party(it: PartyValueRecord) -> list[TableCell]:
    cost = it.cost
    return [
        TableCell(it.party, "" if it.finding else "label holder"),
        _estimate(it.gain),
        TableCell(it.finding or ""),
        _estimate(it.importance),
        TableCell(PAGE.size(cost.bytes_per_epoch if cost else None)),
        TableCell(PAGE.duration(cost.epoch_s if cost else None)),
        TableCell(PAGE.duration(cost.epoch_without_s if cost else None)),
        TableCell(f"{it.more_rows:,}" if it.finding else ""),
    ]


def _gains(value: ValueRecord) -> Figure:
    metric = units.metric_name(value.metric)
    rows = [(f"with {it.party}", it.gain) for it in value.partners if it.gain is not None]
    rows += [(f"{it.party} not permuted", it.importance) for it in value.parties]
    caption = f"{_told(rows)} Whiskers are 95 % intervals."
    return _whiskered(f"Gains in {metric}", caption, rows, f"gain in {metric}")


def _ordered(value: ValueRecord) -> list[tuple[str, str, MeanRecord]]:
    """Party, column and importance, the greatest first."""
    columns = [(it.party, name, each) for it in value.parties for name, each in it.columns.items()]
    return sorted(columns, key=lambda column: -(column[2].mean or 0.0))


def _columns(value: ValueRecord) -> Figure:
    metric = units.metric_name(value.metric)
    ordered = _ordered(value)
    rows = [(f"{party} {name}", each) for party, name, each in ordered[:_MOST_COLUMNS]]
    first = f"The {len(rows)} columns" if len(ordered) > len(rows) else "The columns"
    caption = f"{first} whose permutation costs the most {metric}. Whiskers are 95 % intervals."
    return _whiskered("Columns permuted", caption, rows, f"gain in {metric}")


def _columns_table(value: ValueRecord) -> PageTable:
    metric = units.metric_name(value.metric)
    columns = (
        TableColumn("column", number=False),
        TableColumn("party", number=False),
        TableColumn(f"gain in {metric}"),
    )
    rows = [
        [TableCell(name), TableCell(party), _estimate(each)]
        for party, name, each in _ordered(value)
    ]
    caption = f"Gains in {metric} beside the same models with the column permuted."
    return PageTable("Every column", caption, columns, rows)


def _told(rows: Sequence[tuple[str, MeanRecord]]) -> str:
    told = "; ".join(f"{name} {PAGE.change(each.mean)}" for name, each in rows)
    return f"{_capital(told)}."


def _whiskered(
    title: str, caption: str, rows: Sequence[tuple[str, MeanRecord]], x_title: str
) -> Figure:
    """A marker with its interval in each row, and a line where there is no gain."""
    traces = []
    for place, (name, each) in enumerate(rows):
        mean = each.mean or 0.0
        low, high = each.ci95 or (mean, mean)
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": text(name),
                "x": [mean],
                "y": [-place],
                "error_x": whiskers(mean, low, high, "var(--accent)"),
                "marker": {"color": "var(--accent)", "symbol": "circle", "size": 9},
                "hovertemplate": "%{fullData.name}: %{x:+.4f}<extra></extra>",
            }
        )
    line = {"color": "var(--ink-3)", "width": 1, "dash": "dot"}
    none = {"type": "line", "line": line, "yref": "paper", "y0": 0, "y1": 1, "x0": 0, "x1": 0}
    shape = layout(
        axis(x_title),
        axis(
            tickvals=[-place for place in range(len(rows))],
            ticktext=[text(name) for name, _ in rows],
            showgrid=False,
            fixedrange=True,
        ),
        height=90 + _ROW_PX * len(rows),
        shapes=[none],
    )
    return Figure(title, caption, Chart(traces, shape, SMALL_TICKS))
