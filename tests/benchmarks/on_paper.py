"""What a design that was measured small would cost large, with every assumption beside.

Everything is a line, a constant and so much for each one more, through what the growth tables
found; a cluster is what one is by definition: a machine for each party, and a network between.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from splitrun.units import SCREEN
from tests.benchmarks.slopes import Line, extrapolated


@dataclass(frozen=True)
class Measured:
    """A growth table: values by title, one a size."""

    sizes: tuple[int, ...]
    values: Mapping[str, tuple[float, ...]]

    def line(self, title: str) -> Line:
        """Of one column."""
        return Line.through(self.sizes, self.values[title])


@dataclass(frozen=True)
class Cluster:
    """What is to be reckoned."""

    batch_size: int
    width: int
    """Of every cut, in float32."""
    rows: int = 10**9
    parties: int = 64
    table_rows: int = 10**9
    """Of an embedding table, where a party has one."""
    latency_ms: float = 0.2
    bandwidth_mbps: float = 10_000.0
    """Of the label holder's port, each way: what all the others send has to pass it."""

    @property
    def steps(self) -> int:
        """Of an epoch."""
        return -(-self.rows // self.batch_size)

    @property
    def cut_bytes(self) -> int:
        """Of one batch, one way."""
        return 4 * self.batch_size * self.width


_ORDER_BYTES = 8
"""A row, of an epoch's order."""
_MEASURED_PARTIES = 2
"""Whose rows one process held, in the table of rows."""
_TABLES = 2


@dataclass(frozen=True)
class Reckoned:
    """What a cluster's run comes to."""

    bottom_bytes: float
    """Memory of a party for its rows, the most it holds while it makes them ready."""
    prepare_s: float
    """Processor seconds of a party, to make its rows ready."""
    bottom_ms: float
    """A bottom's work, a step."""
    top_ms: float
    port_ms: float
    """A step's messages at the label holder's port, each way."""
    one_way_bytes: float
    """A step's messages there: what the top sends to all the others, or gets of them."""
    recorded_bytes: float
    """A step, of all roles."""
    table_bytes: float

    @property
    def period_ms(self) -> float:
        """Of a filled pipeline."""
        return max(self.bottom_ms, self.top_ms, self.port_ms)

    @property
    def limit(self) -> str:
        """What sets the period."""
        each = {"a bottom": self.bottom_ms, "the top": self.top_ms, "its port": self.port_ms}
        return max(each, key=lambda name: each[name])


def reckon(
    cluster: Cluster, threaded: Measured, serial: Measured, rows: Measured, tables: Measured
) -> Reckoned:
    """Every figure from a line; a party's part is its share of what one process held."""
    row_bytes = rows.line("most memory, MiB").each * 2**20 / _MEASURED_PARTIES + _ORDER_BYTES
    one_way_bytes = (cluster.parties - 1) * cluster.cut_bytes
    return Reckoned(
        bottom_bytes=row_bytes * cluster.rows,
        prepare_s=rows.line("processor s").each * cluster.rows / _MEASURED_PARTIES,
        bottom_ms=serial.line("a bottom's work, ms a step").at(cluster.parties),
        top_ms=serial.line("the top's, ms a step").at(cluster.parties),
        port_ms=one_way_bytes * 8 / (cluster.bandwidth_mbps * 1e6) * 1e3,
        one_way_bytes=one_way_bytes,
        recorded_bytes=threaded.line("recorded bytes a step").at(cluster.parties),
        table_bytes=tables.line("most memory, MiB").each * 2**20 / _TABLES * cluster.table_rows,
    )


def on_paper(
    threaded: Measured,
    serial: Measured,
    rows: Measured,
    tables: Measured,
    cluster: Cluster,
) -> Iterator[str]:
    """Markdown: what each role takes, what a run takes, and what was assumed."""
    found = reckon(cluster, threaded, serial, rows, tables)
    sequential_ms = found.bottom_ms + found.top_ms + 2 * found.port_ms + 2 * cluster.latency_ms
    depth = -(-sequential_ms // found.period_ms)
    yield (
        f"\nOn paper: {cluster.rows:,} rows, {cluster.parties} parties, a machine each, batches of "
        f"{cluster.batch_size:,}\n"
    )
    yield (
        "| role | memory for rows | to make them ready | work, ms a step | sent, MB a step "
        "| sent, TB an epoch |\n|---|---|---|---|---|---|"
    )
    rows_held = f"{SCREEN.size(found.bottom_bytes)} | {SCREEN.duration(found.prepare_s)}"
    for name, held, work_ms, sent_bytes in (
        ("a bottom, each", rows_held, found.bottom_ms, cluster.cut_bytes),
        ("the top", "its bottom's | its bottom's", found.top_ms, found.one_way_bytes),
    ):
        sent = f"{sent_bytes / 1e6:.2f} | {sent_bytes * cluster.steps / 1e12:.2f}"
        yield f"| {name} | {held} | {work_ms:.2f} | {sent} |"
    yield "\n| the run | |\n|---|---|"
    yield f"| steps an epoch | {cluster.steps:,} |"
    yield f"| a step in a filled pipeline | {found.period_ms:.2f} ms, set by {found.limit} |"
    yield f"| a step without one | {sequential_ms:.2f} ms |"
    yield f"| depth that fills it | {depth:.0f} |"
    for name, each_ms in (("filled", found.period_ms), ("sequential", sequential_ms)):
        yield f"| an epoch, {name} | {SCREEN.duration(each_ms * cluster.steps / 1e3)} |"
    recorded = f"{found.recorded_bytes / 1e3:.1f} kB a step"
    yield f"| recorded by all | {recorded}; a recording keeps half a GiB at most |"
    yield (
        f"| an embedding table of {cluster.table_rows:,} × 16, besides "
        f"| {SCREEN.size(found.table_bytes)} |"
    )
    yield "\n| assumption | measured to | taken to | extrapolated |\n|---|---|---|---|"
    for what, measured, taken in (
        ("memory and time grow with rows as a line", max(rows.sizes), cluster.rows),
        ("the top's work grows with parties as a line", max(serial.sizes), cluster.parties),
        ("recorded bytes grow with parties as a line", max(threaded.sizes), cluster.parties),
        ("a table's memory grows with its rows as a line", max(tables.sizes), cluster.table_rows),
    ):
        factor = extrapolated(taken / measured)
        yield f"| {what} | {measured:,} | {taken:,} | {factor} |"
    for what in (
        f"a party has half of what two had here, and {_ORDER_BYTES} bytes a row for its order",
        "a core for each role, as fast as one here is alone; roles of one machine don't share it",
        f"a network of {cluster.latency_ms:g} ms and {cluster.bandwidth_mbps:,.0f} Mbit/s a port, "
        "which costs the roles no work",
        "rows are as quick to read as synthetic ones to make",
    ):
        yield f"| {what} | not measured | | |"
