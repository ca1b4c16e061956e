"""Those who only show or record a run: one that fails is left out, and the run goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from splitrun.errors import one_line
from splitrun.events import Event, Sink

Warn = Callable[[str], None]
"""Takes what the user should know at once, on one line."""


class SinkGroup:
    """Sinks of which none can end what it is shown.

    Args:
        sinks: each is told everything, in order, until it fails.
        warn: told once of every sink that is left out.
    """

    def __init__(self, sinks: Sequence[Sink], warn: Warn) -> None:
        self.warnings: list[str] = []
        self._sinks = list(sinks)
        self._warn = warn

    def __call__(self, event: Event) -> None:
        """Show them an event."""
        for sink in tuple(self._sinks):
            try:
                sink(event)
            except (Exception, SystemExit) as error:  # noqa: BLE001 - rich exits on a broken pipe
                self._leave_out(sink, error)

    def _leave_out(self, sink: Sink, error: BaseException) -> None:
        self._sinks.remove(sink)
        name = getattr(sink, "__qualname__", type(sink).__name__)
        warning = f"{name} shows no more of the run, for it has failed: {one_line(error)}"
        self.warnings.append(warning)
        self._warn(warning)
