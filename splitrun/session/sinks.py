"""The sinks of an attempt, by section or by name.

Sinks only show or record a run: one that fails is left out, and the run goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from pydantic import ValidationError

from splitrun.components import registry
from splitrun.errors import MissingExtra, UsageError, one_line
from splitrun.events import Event, Sink, hand_over
from splitrun.spec.contracts import SinkSection

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

    def take_all(self, events: Sequence[Event]) -> None:
        """Show them events, in their order."""
        for sink in tuple(self._sinks):
            try:
                hand_over(events, sink)
            except (Exception, SystemExit) as error:  # noqa: BLE001 - rich exits on a broken pipe
                self._leave_out(sink, error)

    def _leave_out(self, sink: Sink, error: BaseException) -> None:
        self._sinks.remove(sink)
        name = getattr(sink, "__qualname__", type(sink).__name__)
        warning = f"{name} shows no more of the run, for it has failed: {one_line(error)}"
        self.warnings.append(warning)
        self._warn(warning)


def make_sinks(sections: Sequence[SinkSection], names: Iterable[str] = ()) -> list[Sink]:
    """New sinks: those of a spec, and others by name, with their defaults.

    Raises:
        UsageError: no package offers one of that name, or it cannot be made.
        MissingExtra: it wants a package that is not installed.
    """
    there = {section.type for section in sections}
    made = [_made(f"the sink {section.type}", section) for section in sections]
    return made + [
        _made(f"--sink {name}", _of_name(name))
        for name in dict.fromkeys(names)
        if name not in there
    ]


def _of_name(name: str) -> SinkSection:
    try:
        section: SinkSection = registry().find("sinks", name)(type=name)
    except UsageError as error:
        raise UsageError(f"--sink {name}: {error}") from error
    except ValidationError as error:
        keys = ", ".join(str(each["loc"][0]) for each in error.errors())
        raise UsageError(f"--sink {name}: it needs {keys}; list it under sinks: instead") from error
    return section


def _made(asked: str, section: SinkSection) -> Sink:
    try:
        return section.build()
    except ImportError as error:
        remedy = f"pip install 'splitrun[{section.extra}]'" if section.extra else "install it"
        raise MissingExtra(f"{asked}: {one_line(error)}; {remedy}") from error
    except UsageError as error:
        raise UsageError(f"{asked}: {error}") from error
    except Exception as error:
        what = f"{asked}: {type(section).__qualname__} cannot be made: {one_line(error)}"
        raise UsageError(what) from error
