"""`python -m tests.chaos [N]`: kill -9 until N kills have happened; 1 if any run ends otherwise."""

from __future__ import annotations

import sys
import tempfile
from itertools import count
from pathlib import Path

from tests.chaos.trial import trial


def main(kills: int) -> int:
    """Print a Markdown table, a row per spec."""
    _say("| seed | spec | kills | while writing | attempts | weights and metrics |")
    _say("|---:|---|---:|---:|---:|---|")
    done = different = 0
    with tempfile.TemporaryDirectory() as directory:
        for seed in count():
            if done >= kills:
                break
            each = trial(seed, Path(directory))
            done += each.kills
            different += not each.same
            same = "the same" if each.same else "**DIFFERENT**"
            cells = [each.seed, each.what, each.kills, each.in_writing, each.attempts, same]
            _say(f"| {' | '.join(map(str, cells))} |")
    _say(f"\n{done} kills, {different} runs that ended otherwise")
    return int(different > 0)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100))
