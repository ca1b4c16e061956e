"""The law over every runtime, and over links that are cut, with more examples than tests have time
for; hypothesis tells what it finds by the smallest spec that shows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.runtime.contents import contents
from tests.runtime.law import hold_the_law
from tests.runtime.running import Content
from tests.wire.running import hold_the_law_over_cut_links


def _over_runtimes(examples: int) -> None:
    @_many(examples)
    @given(contents())
    def hold(content: Content) -> None:
        hold_the_law(content, "threaded", "processes", "grpc")

    hold()


def _over_cut_links(examples: int) -> None:
    @_many(examples)
    @given(contents(), st.integers(0, 2**32))
    def hold(content: Content, seed: int) -> None:
        hold_the_law_over_cut_links(content, seed)

    hold()


def _many(examples: int) -> settings:
    """Others each time."""
    every = list(HealthCheck)
    return settings(
        max_examples=examples, deadline=None, database=None, suppress_health_check=every
    )


LAWS: Mapping[str, Callable[[int], None]] = {
    "over every runtime": _over_runtimes,
    "over links that are cut": _over_cut_links,
}
"""Each holds for so many specs, or raises an `AssertionError`."""
