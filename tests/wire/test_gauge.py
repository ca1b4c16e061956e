"""What a link is like is found by round trips, and told at both ends."""

from __future__ import annotations

import math
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue

import pytest

from splitrun.seeds import uniform
from splitrun.wire.gauge import ASK, MEASURED, PROBE
from splitrun.wire.link import Link
from splitrun.wire.meter import PADDING_BYTES, LinkMeter, MeasuredLink
from splitrun.wire.stream import Dialer, Listener


def measured(
    latency_s: float, jitter_s: float, there_bytes_per_s: float, back_bytes_per_s: float
) -> tuple[MeasuredLink, float]:
    """What a meter makes of such a link, and how long that takes, on a virtual clock."""
    meter, time_s = LinkMeter(), 0.0
    while (probe := meter.next(time_s)) is not None:
        jitters = sum(uniform("wire", probe.number, way) for way in (0, 1)) * jitter_s
        there_s = probe.there * PADDING_BYTES / there_bytes_per_s
        time_s += 2 * latency_s + jitters + there_s + probe.back * PADDING_BYTES / back_bytes_per_s
        meter.answered(probe.number, time_s)
    return meter.found(), time_s


@pytest.mark.parametrize("latency_s", [0.0002, 0.025, 0.2])
@pytest.mark.parametrize("mbps", [5, 100, 1000])
def test_latency_and_bandwidths_are_those_of_the_link(latency_s: float, mbps: float) -> None:
    found, _ = measured(latency_s, 0.0, mbps * 125e3, mbps * 25e3)
    assert found.latency_s == pytest.approx(latency_s)
    assert found.jitter_s == pytest.approx(0.0, abs=1e-9)
    assert found.there_bytes_per_s == pytest.approx(mbps * 125e3)
    assert found.back_bytes_per_s == pytest.approx(mbps * 25e3)


def test_jitter_is_told_apart_from_latency_and_hides_what_takes_less() -> None:
    found, _ = measured(0.025, 0.01, 12.5e6, 1e12)
    assert found.jitter_s == pytest.approx(0.01, rel=0.5)
    assert found.latency_s + found.jitter_s / 2 == pytest.approx(0.03, rel=0.1)
    assert found.there_bytes_per_s == pytest.approx(12.5e6, rel=0.3)
    assert found.back_bytes_per_s == math.inf


def test_a_slow_link_is_measured_in_bounded_time() -> None:
    found, took_s = measured(3.0, 0.0, 125e3, 125e3)
    assert found.latency_s == pytest.approx(3.0)
    assert found.there_bytes_per_s == pytest.approx(125e3)
    assert took_s < 60.0


@contextmanager
def delaying(port: int, delay_s: float) -> Iterator[int]:
    """A port that leads to another one, each way so much later."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_accept, args=(server, port, delay_s), daemon=True).start()
        yield server.getsockname()[1]


def _accept(server: socket.socket, port: int, delay_s: float) -> None:
    while True:
        try:
            near, _ = server.accept()
        except OSError:
            return
        far = socket.create_connection(("127.0.0.1", port))
        for source, target in ((near, far), (far, near)):
            under_way = SimpleQueue[tuple[float, bytes]]()
            for run in (_take, _give):
                given = (source if run is _take else target, under_way, delay_s)
                threading.Thread(target=run, args=given, daemon=True).start()


def _take(
    source: socket.socket, under_way: SimpleQueue[tuple[float, bytes]], delay_s: float
) -> None:
    content = b"x"
    while content:
        try:
            content = source.recv(1 << 16)
        except OSError:
            content = b""
        under_way.put((time.monotonic() + delay_s, content))


def _give(target: socket.socket, under_way: SimpleQueue[tuple[float, bytes]], _: float) -> None:
    while True:
        due, content = under_way.get()
        time.sleep(max(0.0, due - time.monotonic()))
        if not content:
            return target.close()
        try:
            target.sendall(content)
        except OSError:
            return None


def test_a_delay_on_the_wire_is_found_and_told_at_both_ends() -> None:
    here, there = Link("bob", lambda *_: None), Link("alice", lambda *_: None)
    listener = Listener("127.0.0.1:0", {"bob": here}, None)
    with delaying(listener.port, 0.03) as port:
        here.measure()
        dialer = Dialer(f"127.0.0.1:{port}", "bob", there, None)
        assert here.gauge.is_done.wait(60)
        assert there.gauge.is_done.wait(60)
        dialer.close()
        listener.close()
    found = there.gauge.measured
    assert found == here.gauge.measured
    assert found is not None
    assert 2 * found.latency_s + found.jitter_s >= 0.06
    told = [
        link.gauge.events(*names)
        for link, names in ((here, ("alice", "bob")), (there, ("bob", "alice")))
    ]
    assert [[(it.source, it.target, it.latency_ms) for it in each] for each in told] == [
        [(*way, round(1e3 * found.latency_s, 3)) for way in (("bob", "alice"), ("alice", "bob"))]
    ] * 2


class Talk:
    """Two links, one of which measures, whose messages pass in this thread."""

    def __init__(self) -> None:
        self.dials, self.listens = Link("alice", lambda *_: None), Link("bob", lambda *_: None)
        self.connect()

    def connect(self) -> None:
        """A connection, until nothing more is said; what was said is kept."""
        sent: list[tuple[bool, bytes]] = []
        self.said = sent
        ends = {
            False: self.listens.attach(lambda content: sent.append((True, content))),
            True: self.dials.attach(lambda content: sent.append((False, content)), dials=True),
        }
        self.listens.measure()
        for to_dialer, content in sent:  # which grows meanwhile
            ends[to_dialer].read(content)
        self.to_dialer, self.to_listener = ends[True], ends[False]


def test_a_connection_made_anew_is_primed_and_leaves_what_was_measured() -> None:
    talk = Talk()
    first = talk.dials.gauge.measured
    talk.listens = Link("bob", lambda *_: None)  # was started again
    talk.connect()
    assert talk.dials.gauge.measured is first
    assert talk.listens.gauge.measured == first
    assert sum(len(content) for to_dialer, content in talk.said if to_dialer) > 1e6
    assert sum(len(content) for to_dialer, content in talk.said if not to_dialer) > 1e6
    assert len(talk.said) < 100


@pytest.mark.parametrize(
    "figures",
    [
        (-1.0, 0.0, 1.0, 1.0),
        (math.nan, 0.0, 1.0, 1.0),
        (0.0, math.inf, 1.0, 1.0),
        (0.0, 0.0, 0.0, 1.0),
        (0.0, 0.0, 1.0, math.nan),
    ],
)
def test_what_no_link_could_be_is_refused(figures: tuple[float, ...]) -> None:
    talk = Talk()
    before = talk.listens.gauge.measured
    talk.to_listener.read(bytes([MEASURED]) + struct.pack("<dddd", *figures))
    assert "a link that there cannot be" in talk.listens.refusal
    assert talk.listens.gauge.measured is before


def test_who_does_not_dial_is_not_asked() -> None:
    talk = Talk()
    talk.to_listener.read(bytes([ASK]))
    assert "by who does not dial" in talk.listens.refusal


def test_who_has_not_measured_tells_nothing_of_the_link() -> None:
    talk = Talk()
    talk.to_dialer.read(bytes([MEASURED]) + struct.pack("<dddd", 0.0, 0.0, 1.0, 1.0))
    assert "which it has not measured" in talk.dials.refusal


def test_paddings_without_end_are_refused() -> None:
    talk = Talk()
    for number in range(20):
        talk.to_listener.read(struct.pack("<BBI", PROBE, 16, number))
    assert "paddings wanted over one connection" in talk.listens.refusal
