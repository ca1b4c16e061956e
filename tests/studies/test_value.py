"""The study of `splitrun value`, on one small data set."""

from __future__ import annotations

import pytest

from splitrun.study.value import ValueSettings
from tests.studies import value


@pytest.mark.long
def test_a_partner_with_half_of_the_signal_is_told_from_one_with_noise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(value, "PARTS", {"train": 300, "validation": 300, "test": 5_000})
    monkeypatch.setattr(value, "SETTINGS", ValueSettings(seeds=3, repeats=1))
    monkeypatch.setattr(value, "TRUTH_SEEDS", range(100, 104))
    head, line, bob, carol = value.measure(1)
    assert head.count("|") == line.count("|") == bob.count("|") == carol.count("|")
    assert "better 1" in bob
    assert "better" not in carol
    assert all("| 1 of 1 | 1 of 1 |" in row for row in (bob, carol))
