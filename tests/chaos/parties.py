"""Parties on machines of their own: killed at any moment, started again with the same command."""

from __future__ import annotations

import json
import random
import signal
import time
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.chaos.dying import DieAt
from tests.chaos.specs import draw
from tests.chaos.trial import Trial
from tests.remote.parties import Parties, PartyProcess, content, weights

_PATIENCE_S = 300.0
_LOOK_S = 0.01
_WRITING = "while writing"
_CALLS: Mapping[str, Sequence[DieAt]] = {
    "in the handshake": [DieAt("splitrun.wire.link:Link.say", number) for number in range(1, 9)],
    _WRITING: [DieAt("os:fsync", number) for number in range(1, 80)],
    "at the end": [
        DieAt("splitrun.session.attempt:Attempt.finish", 1),
        DieAt("splitrun.session.attempt:Attempt.close", 1),
        DieAt("splitrun.remote.side:Side._is_saved", 1),
        DieAt("splitrun.remote.run:Apart.leave", 1),
    ],
}
"""At which calls a party is killed."""
MOMENTS = ("at any time", "two at once", *_CALLS)


def trial_of_parties(seed: int, directory: Path) -> Trial:
    """Two or three parties with TLS, of which one or two are killed and started again."""
    luck = random.Random(f"parties {seed}")
    names = ("alice", "bob", "carol")[: luck.choice([2, 3])]
    moment = MOMENTS[seed % len(MOMENTS)]
    parties = Parties(directory / f"parties{seed}", _drawn(seed, names), with_tls=True)
    victims = luck.sample(names, 1 + (moment == "two at once"))
    at = luck.choice(_CALLS[moment]) if moment in _CALLS else None
    killed = _Killed(parties, dict.fromkeys(victims, at))
    problem = killed.run(luck.uniform(0, lasts_s(len(names))) if at is None else _PATIENCE_S)
    same = not problem and weights(list(killed.newest.values())) == parties.together()
    told = [f"{' and '.join(victims)} of {len(names)}", moment, str(at or ""), problem]
    what = ", ".join(filter(None, told))
    return Trial(seed, what, killed.kills, killed.kills * (moment == _WRITING), killed.life(), same)


def _drawn(seed: int, names: Sequence[str]) -> dict[str, Any]:
    """A spec of some seconds, with checkpoints."""
    drawn = draw(seed)
    training = drawn["training"] | {"epochs": 25, "evaluate_every_epochs": 10}
    return content(
        names,
        training=training,
        pipeline=drawn["pipeline"],
        checkpoint={"every_steps": 25, "keep": 2},
        supervision={"deadline_s": 100},
    )


@cache
def lasts_s(parties: int) -> float:
    """How long a run of so many takes that nobody disturbs, from the command on."""
    names, lasted_s = ("alice", "bob", "carol")[:parties], []
    for _ in range(2):  # the first one waits for what processes are forked from
        with TemporaryDirectory() as directory:
            started = Parties(Path(directory), _drawn(0, names), with_tls=True)
            start = time.monotonic()
            for each in started.start_all():
                each.wait()
            lasted_s.append(time.monotonic() - start)
    return min(lasted_s)


class _Killed:
    """A run of which parties are killed once, and started again whenever they are gone.

    Args:
        victims: with the call at which each is killed, if it is not at a time.
    """

    def __init__(self, parties: Parties, victims: Mapping[str, DieAt | None]) -> None:
        self._parties, self._victims = parties, victims
        self.kills = 0
        self.newest: dict[str, PartyProcess] = {}
        """By party, its process that was started last."""

    def run(self, kill_after_s: float) -> str:
        """To its end; gives what went wrong, or nothing."""
        has_killed = False
        for name in self._parties.made["parties"]:
            self.newest[name] = self._parties.start(name, first=self._victims.get(name))
        for look in count():
            if not self._goes_on():
                break
            lasted_s = look * _LOOK_S
            if lasted_s > _PATIENCE_S:
                return self._told("it does not end")
            if lasted_s > kill_after_s and not has_killed:
                has_killed = True
                for name in self._victims:
                    self.newest[name].process.kill()
            time.sleep(_LOOK_S)
        codes = {name: each.process.exitcode for name, each in self.newest.items()}
        return self._told(str(codes)) if any(codes.values()) else ""

    def _goes_on(self) -> bool:
        """Whether a party is at it still; one that is gone is started again."""
        for name, each in list(self.newest.items()):
            if each.process.exitcode == -signal.SIGKILL:
                self.kills += 1
                self.newest[name] = self._parties.start(name)
        return any(each.process.is_alive() for each in self.newest.values())

    def _told(self, what: str) -> str:
        for each in self._parties.started:
            each.process.kill()
        said = (f"{it.name}: {' '.join(it.said.split())[-300:]}" for it in self.newest.values())
        return " | ".join([what, *said])

    def life(self) -> int:
        """How often the run began or went on."""
        each = next(iter(self.newest.values()))
        return int(json.loads((each.run_directory / "parties.json").read_text())["life"])
