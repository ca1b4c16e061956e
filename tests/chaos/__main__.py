"""`python -m tests.chaos [PART [N]]`: all parts, or one of them; 1 if anything ends otherwise.

runs      kill -9 of runs, or of a party's process, until there have been N kills
parties   kill -9 of `splitrun party`, until there have been N kills
cluster   kill -9 of actors and nodes of a Ray cluster, until there have been N kills
flaps     N runs over a network that is reset every second
law       N specs over every runtime, and N over links that are cut
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path

from tests.chaos.cluster import trials_on_cluster
from tests.chaos.flapping import trial_of_flaps
from tests.chaos.law import LAWS
from tests.chaos.parties import trial_of_parties
from tests.chaos.trial import Trial, trial

Trials = Callable[[int, Path], Iterator[Trial]]


def main(wanted: str = "", number: str = "") -> int:
    """Print a Markdown table, a row per trial, and what all came to."""
    _say("| part | seed | what | kills | while writing | attempts | weights |")
    _say("|---|---:|---|---:|---:|---:|---|")
    report, different = [], 0
    for part, (usual, trials) in PARTS.items():
        if wanted in ("", part):
            with tempfile.TemporaryDirectory() as directory:
                done = [
                    _shown(part, each) for each in trials(int(number or usual), Path(directory))
                ]
            kills, odd = sum(it.kills for it in done), sum(not it.same for it in done)
            report.append(f"{part}: {len(done)} trials, {kills} kills, {odd} ended otherwise")
            different += odd
    _say("\n" + "\n".join(report))
    return int(different > 0)


def _until_killed(
    one: Callable[[int, Path], Trial], kills: int, directory: Path
) -> Iterator[Trial]:
    for seed in count():
        if kills <= 0:
            return
        each = one(seed, directory)
        kills -= each.kills
        yield each


def _flaps(times: int, directory: Path) -> Iterator[Trial]:
    return (trial_of_flaps(seed, directory) for seed in range(times))


def _law(examples: int, _: Path) -> Iterator[Trial]:
    for what, hold in LAWS.items():
        hold(examples)
        yield Trial(0, f"{examples} specs {what}", 0, 0, 1, same=True)


def _shown(part: str, each: Trial) -> Trial:
    same = "the same" if each.same else "**DIFFERENT**"
    cells = [part, each.seed, each.what, each.kills, each.in_writing, each.attempts, same]
    _say(f"| {' | '.join(map(str, cells))} |")
    return each


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


PARTS: dict[str, tuple[int, Trials]] = {
    "runs": (100, partial(_until_killed, trial)),
    "parties": (50, partial(_until_killed, trial_of_parties)),
    "cluster": (20, trials_on_cluster),
    "flaps": (3, _flaps),
    "law": (200, _law),
}
"""By part, how much of it there is by default, and what makes its trials."""


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
