"""Parties whose network is lost every second."""

from __future__ import annotations

import random
from pathlib import Path

from tests.chaos.proxy import flapping
from tests.chaos.trial import Trial
from tests.remote.parties import Parties, content, weights

_DELAY_S = 0.02
_PATIENCE_S = 1200.0


def trial_of_flaps(seed: int, directory: Path, cuts: int = 60) -> Trial:
    """Three parties with TLS; the network is reset every second, so many times at least."""
    luck = random.Random(f"flaps {seed}")
    names = ("alice", "bob", "carol")
    made = content(
        names,
        training={"epochs": 7 * cuts, "optimizer": "adam"},
        pipeline={"schedule": "stale", "depth": luck.randint(2, 6)},
        supervision={"deadline_s": 300},
        seed=seed,
    )
    parties = Parties(directory / f"flaps{seed}", made, with_tls=True)
    with flapping(parties.port, _DELAY_S, every_s=1.0) as proxy:
        ports = {"alice": parties.port, "bob": proxy.port, "carol": proxy.port}
        processes = [parties.start(name, port=ports[name]) for name in names]
        codes = [each.wait(_PATIENCE_S) for each in processes]
    ended = not any(codes) and proxy.cuts >= cuts
    same = ended and weights(processes) == parties.together()
    problem = "" if not any(codes) else f": {[each.said[-300:] for each in processes]}"
    return Trial(seed, f"{proxy.cuts} resets, one a second{problem}", 0, 0, 1, same)
