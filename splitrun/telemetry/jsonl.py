"""`events.jsonl`: every event of a run, one JSON object a line."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import msgspec

from splitrun.events import Event, RunEnded, RunStarted


class JsonLines:
    """A sink that writes into the run directory which `RunStarted` names."""

    def __init__(self) -> None:
        self._encoder = msgspec.json.Encoder()
        self._file: BinaryIO | None = None

    def __call__(self, event: Event) -> None:
        """Write one event."""
        if isinstance(event, RunStarted):
            self._file = (Path(event.run_dir) / "events.jsonl").open("wb")
        if self._file is None:
            return
        self._file.write(self._encoder.encode(event) + b"\n")
        if isinstance(event, RunEnded):
            self._file.close()
            self._file = None
