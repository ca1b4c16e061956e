"""A page as data, and its HTML: one file with its style, its scripts and its charts in it; and how
its numbers were measured, in plain words.

The page's security policy names the digests of its two scripts and lets nothing else run or be
loaded: what a stranger's spec or events contain is text, and the page never uses the network.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from jinja2 import Environment, PackageLoader, StrictUndefined

from splitrun import __version__

TIMELINE = (
    "working",
    "Load, forward, loss, backward, update, evaluation. Where hardware is emulated, the time that "
    "stands for its work counts as work.",
)
WAITING = (
    "waiting",
    "For a message: from asking for it until it was there. Sending: until the channel had room, "
    "and the microseconds that handing over takes.",
)
FLIGHT = (
    "on its way",
    "From the moment a message is handed to the link until it may be received: its place in the "
    "link's queue, its bytes over the bandwidth, latency and jitter.",
)
SAMPLES = (
    "samples/s",
    "Training samples over training time. Evaluations are outside the clock; filling and draining "
    "the pipeline are inside.",
)
PROCESSOR = (
    "processor",
    "Processor time of this whole process over the time that passed; 100 % is one core.",
)
DEPTH = ("depth", "Most batches in flight per bottom model; 1 is sequential.")
STALENESS = (
    "staleness",
    "Updates applied between the weights a gradient was computed at and those it is applied to.",
)

RUN_TERMS = (SAMPLES, DEPTH, STALENESS, TIMELINE, WAITING, FLIGHT, PROCESSOR)

COMPARISON_TERMS = (
    (
        "speedup",
        "Median, over rounds in which every arm has one trial, of the arm's samples/s over the "
        "baseline's in the same round; in brackets its 95 % interval. The baseline is the faster "
        "of the sequential runtimes.",
    ),
    SAMPLES,
    (
        "bound, predicted",
        "The most that the probed costs of the instructions allow, and what the same programs "
        "come to on a virtual clock; both over the timed segment.",
    ),
    (
        "difference of the metric",
        "Arm less baseline, mean over paired seeds with its 95 % interval. Equivalent: shown, by "
        "two one-sided tests at 5 %, to be within the margin. Different: the interval excludes 0, "
        "and equivalence is not shown. Identical: the same weights, bit for bit.",
    ),
    (
        "training time",
        "Of the metric's curves: steps done so far over the arm's measured throughput. What is "
        "learned depends neither on the links nor on the machine, so it is trained without them.",
    ),
    STALENESS,
    (
        "recorded trial",
        "One trial of each arm with all its events, which timelines, shares and utilisation show. "
        "The sequential one is not on the serial runtime, so that each role has a row.",
    ),
    TIMELINE,
    WAITING,
    FLIGHT,
    PROCESSOR,
)


@dataclass(frozen=True)
class Swatch:
    """A colour and what it stands for."""

    name: str
    colour: str
    hatch: str = ""
    """Colour of the lines across it, if there are any."""
    angle: int = 135
    """The angle of the lines in degrees, as CSS counts."""


@dataclass(frozen=True)
class Chart:
    """A Plotly figure whose colours are CSS variables, written `var(--name)`."""

    data: Sequence[dict[str, Any]]
    layout: dict[str, Any]
    narrow: dict[str, Any] = field(default_factory=dict)
    """What of the layout is different on a phone."""
    swatches: Sequence[Swatch] = ()
    """What the colours mean."""


@dataclass(frozen=True)
class Figure:
    """A chart with what is to be seen in it."""

    title: str
    caption: str
    chart: Chart
    kind: str = "figure"


@dataclass(frozen=True)
class TableCell:
    """A cell of a table; `note` is a second, quieter line."""

    text: str
    note: str = ""


@dataclass(frozen=True)
class TableColumn:
    """A column of a table; numbers stand to the right."""

    name: str
    number: bool = True


@dataclass(frozen=True)
class PageTable:
    """Rows whose first cell is their name."""

    title: str
    caption: str
    columns: Sequence[TableColumn]
    rows: Sequence[Sequence[TableCell]]
    emphasised: int | None = None
    """The row that matters most."""
    kind: str = "table"


@dataclass(frozen=True)
class Terms:
    """Words and what they mean, or keys and their values."""

    title: str
    pairs: Sequence[tuple[str, str]]
    kind: str = "terms"


@dataclass(frozen=True)
class CodeListing:
    """A text as it stands in a file; folded up at first."""

    title: str
    text: str
    kind: str = "source"


@dataclass(frozen=True)
class Note:
    """A paragraph."""

    text: str
    kind: str = "note"


Block = Figure | PageTable | Terms | CodeListing | Note


@dataclass(frozen=True)
class PageSection:
    """A heading and what is under it."""

    title: str
    blocks: Sequence[Block]
    arrangement: Literal["stacked", "side-by-side", "multiples"] = "stacked"
    """Of the blocks, where there is room: two in a row, or as many as fit."""


@dataclass(frozen=True)
class Fact:
    """A number that a reader should not have to look for."""

    value: str
    name: str
    note: str = ""


@dataclass(frozen=True)
class Page:
    """A report."""

    title: str
    subtitle: str
    question: str
    """What was tried, on what: a sentence, or nothing where it is not known."""
    verdict: str
    """What came out, in a sentence."""
    facts: Sequence[Fact]
    remarks: Sequence[str]
    """Further sentences, below the facts."""
    sections: Sequence[PageSection]


def render(page: Page) -> str:
    """The page's HTML."""
    templates = Environment(
        loader=PackageLoader("splitrun.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    scripts = (_plotly(), _text("templates/charts.js"))
    return templates.get_template("page.html").render(
        page=page,
        style=_text("templates/style.css"),
        scripts=scripts,
        digests=[_digest(script) for script in scripts],
        version=__version__,
    )


@cache
def _plotly() -> str:
    """Plotly's own code, less the addresses that it would load maps from and send charts to."""
    return re.sub(r"https://(cdn|cloud)\.[a-z.]+", "", _text("vendor/plotly-basic.min.js"))


def _text(name: str) -> str:
    return (files("splitrun.report") / name).read_text(encoding="utf-8")


def _digest(script: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
