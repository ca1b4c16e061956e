"""`python -m tests.fuzz [N [TARGET [SEED]]]`: N damaged inputs for each target, or for one.

By default they are 100,000. Each target has a process of its own, whose memory is thus its own.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.fuzz.fire import fire
from tests.fuzz.parties import PARTIES
from tests.fuzz.peers import PEERS
from tests.fuzz.targets import READERS

TARGETS = (*READERS, *PEERS, *PARTIES)


def main(inputs: str, wanted: str = "", seed: str = "0") -> int:
    """Fire, and print what came of it; what is found is told with its traceback."""
    if not wanted:
        print(f"{'target':<24}{'inputs':>9}{'refused':>9}{'inputs/s':>10}{'peak':>10}", flush=True)
        command = [sys.executable, "-m", "tests.fuzz", inputs]
        return sum(subprocess.run([*command, each.name]).returncode for each in TARGETS)
    (target,) = (target for target in TARGETS if target.name == wanted)
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=memory) as parent:
        directory = Path(parent) / "subject"
        directory.mkdir()
        outcome = fire(target, max(1, int(inputs) // target.slower), directory, int(seed))
    rate, peak = outcome.inputs / outcome.seconds, f"{outcome.peak_bytes / 2**20:.0f} MiB"
    counts = f"{outcome.inputs:>9,}{outcome.refused:>9,}{rate:>10,.0f}"
    print(f"{target.name:<24}{counts}{peak:>10}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*(sys.argv[1:] or ["100000"])))
