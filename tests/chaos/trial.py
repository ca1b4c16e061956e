"""One spec: undisturbed once, then killed again and again until it is done."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.chaos.attempts import Doom, Ended, live
from tests.chaos.specs import draw

_MOST_KILLS = 4


@dataclass(frozen=True)
class Trial:
    """What came of one spec."""

    seed: int
    what: str
    kills: int
    """Of which `in_writing` while a checkpoint, a manifest or the model was written."""
    in_writing: int
    attempts: int
    """Of the run that was done in the end: kills before the first checkpoint begin a new one."""
    same: bool


def trial(seed: int, directory: Path) -> Trial:
    """Kill the runs of a spec at moments that its seed draws, then let the last one end."""
    luck = random.Random(f"kills {seed}")
    content = draw(seed)
    spec = directory / f"{content['name']}.yaml"
    spec.write_text(yaml.safe_dump(content))
    calm, wild = directory / f"calm{seed}", directory / f"wild{seed}"
    lasts_s = live(spec, calm, Doom()).lasted_s
    kills = in_writing = 0
    for _ in range(luck.randint(1, _MOST_KILLS)):
        writing = luck.random() < 0.5
        of_party = luck.choice([None, luck.randrange(2)])
        moment = Doom(luck.uniform(0, lasts_s), of_party=of_party)
        doom = Doom(at_sync=luck.randint(1, 40)) if writing else moment
        if not live(spec, wild, doom).killed:
            break
        kills += 1
        in_writing += writing
    else:
        live(spec, wild, Doom())
    undisturbed, resumed = Ended.of(calm), Ended.of(wild)
    same = (undisturbed.weights_sha256, undisturbed.metrics) == (
        resumed.weights_sha256,
        resumed.metrics,
    )
    return Trial(seed, _told(content), kills, in_writing, resumed.attempts, same)


def _told(content: dict[str, object]) -> str:
    pipeline: dict[str, object] = content["pipeline"]  # type: ignore[assignment]
    runtime: dict[str, str] = content["runtime"]  # type: ignore[assignment]
    words = [pipeline["schedule"], pipeline.get("depth"), pipeline.get("compensation")]
    return ", ".join(str(word) for word in [*words, runtime["type"]] if word)
