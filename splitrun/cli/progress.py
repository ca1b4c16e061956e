"""How a run shows that it is getting on."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from splitrun.events import Sink


class Progress(StrEnum):
    """How a run shows that it is getting on."""

    AUTO = "auto"
    BAR = "bar"
    PLAIN = "plain"
    NONE = "none"


@contextmanager
def shown(progress: Progress) -> Iterator[list[Sink]]:
    """Sinks that show a run; what they draw is in order again when the context ends."""
    from splitrun.cli.console import Console
    from splitrun.dashboard import Dashboard, PlainLines, ProgressBar

    console = Console(stderr=True)
    if progress is Progress.AUTO and console.is_terminal and not console.is_dumb_terminal:
        with Dashboard(console) as dashboard:
            yield [dashboard]
    elif progress is Progress.BAR:
        yield [ProgressBar(console)]
    elif progress is Progress.NONE:
        yield []
    else:
        yield [PlainLines(sys.stderr)]
