"""Parties in network namespaces of their own, over kernel TCP that loses, resets and is cut."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from tests.remote.parties import Parties, content, until, weights
from tests.remote.relay import ADDRESSES, NoRelay, enter, relay

ADDRESS = f"{ADDRESSES[0]}:7000"


@pytest.mark.long
def test_whatever_the_wire_does_the_weights_are_those_of_one_process(tmp_path: Path) -> None:
    made = content(training={"epochs": 12, "optimizer": "adam"})
    parties = Parties(tmp_path, made, with_tls=True)
    try:
        with relay(delay_ms=5, mbps=100) as wire:
            here, there = (partial(enter, namespace) for namespace in wire.namespaces)
            wire.tell("loss 0.01")
            alice = parties.start("alice", "--listen", ADDRESS, first=here)
            bob = parties.start("bob", "--connect", ADDRESS, first=there)
            until(lambda: bob.steps() > 20)
            wire.tell("reset")
            until(lambda: bob.steps() > 60)
            wire.tell("cut")
            lost = wire.lost()
            until(lambda: wire.lost() > lost + 5)
            wire.tell("heal")
            for party in (alice, bob):
                assert party.wait() == 0, party.said
    except NoRelay as why:
        pytest.skip(str(why))
    assert weights([alice, bob]) == parties.together()
