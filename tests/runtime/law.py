"""The law: a plan's weights are the same to the bit, whatever runs it."""

from __future__ import annotations

from typing import Literal

from tests.runtime.running import Content, prepared, trained


def hold_the_law(content: Content, *kinds: Literal["threaded", "processes", "grpc"]) -> None:
    """A spec trained by each runtime ends as trained by the serial one."""
    serial = trained(prepared(content), "serial")
    for kind in kinds:
        assert trained(prepared(content), kind).outcome.digests == serial.outcome.digests, kind
