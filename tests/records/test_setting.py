"""What an experiment is about, in a sentence."""

from __future__ import annotations

from typing import Any

import pytest

from splitrun.records.plan import ChannelRecord, PlanRecord, RoleRecord
from splitrun.records.setting import over, setting
from splitrun.units import SCREEN

ROLE = RoleRecord(
    depth=1, staleness=0, parameters=1, versions=0, version_bytes=0, parameter_bytes=4
)


def plan(channels: dict[str, dict[str, Any]], **changes: Any) -> PlanRecord:
    return PlanRecord(
        roles=dict.fromkeys(("alice.bottom", "bob.bottom", "alice.top"), ROLE),
        channels={name: ChannelRecord(**channel) for name, channel in channels.items()},
        **changes,
    )


WAN = {"latency_ms": 25.0, "transfer_ms": 2.5, "bytes_per_step": 31250}
OWN: dict[str, dict[str, Any]] = {"alice.bottom->alice.top": {}}


def test_parties_rows_batches_and_links_are_told() -> None:
    asked = plan(OWN | {"bob.bottom->alice.top": WAN}, train_rows=36168, batch_size=128)
    told = "2 parties (alice and bob), 36,168 training rows, batches of 128"
    assert setting(asked, SCREEN) == f"{told}, over links of 25 ms and 100 Mbit/s"


@pytest.mark.parametrize(
    ("channels", "told"),
    [
        ({}, ""),
        (OWN, ""),
        ({"bob.bottom->alice.top": {}}, "over links without added delay"),
        ({"bob.bottom->alice.top": {"latency_ms": 3.5}}, "over links of 3.5 ms"),
        (
            {"bob.bottom->alice.top": WAN | {"codec": "int8"}},
            "over links of 25 ms, 100 Mbit/s and int8",
        ),
        (
            {"bob.bottom->alice.top": WAN, "alice.top->bob.bottom": {"latency_ms": 1.0}},
            "over links of at worst 25 ms and 100 Mbit/s",
        ),
    ],
)
def test_the_slowest_link_between_parties_is_told(
    channels: dict[str, dict[str, Any]], told: str
) -> None:
    assert over(plan(channels), SCREEN) == told


def test_of_a_plan_that_tells_nothing_nothing_is_told() -> None:
    assert setting(PlanRecord()) == ""
