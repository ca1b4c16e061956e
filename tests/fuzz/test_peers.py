"""A sample of what a peer may send; `make fuzz` fires 100,000 sequences at each side."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.fire import Target, fire
from tests.fuzz.peers import PEERS

SAMPLE = 400
MOST_BYTES = 64 << 20


@pytest.mark.parametrize("target", PEERS, ids=lambda target: target.name)
def test_what_a_peer_sends_is_refused_or_has_no_effect_and_takes_no_memory(
    target: Target, tmp_path: Path
) -> None:
    outcome = fire(target, SAMPLE, tmp_path)
    assert 0 < outcome.refused < SAMPLE
    assert outcome.peak_bytes < MOST_BYTES
