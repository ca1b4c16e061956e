"""What keys do, and what signs mean, for who asks while a run is on."""

from __future__ import annotations

from splitrun.dashboard.line import PLAIN, STRONG, Line, fit, line

KEYS = {
    "q": "closes the view; the run goes on, told of in lines",
    "p": "holds the view as it is, and lets it go on",
    "↑ ↓": "choose a role, of which more is told; Esc chooses none",
    "?": "shows this, and goes back",
    "Ctrl-C": "ends the run in order, or stops watching it",
}
SIGNS = {
    "doing": "what a role is at, as its program goes on from what it told last",
    "in flight": "batches that went forward and whose update has not been done",
    "stale": "updates between the weights of a gradient and those that it changes",
    "█ ░ ▒": "work, waiting for a message, waiting for credit",
    "!": "does not come back",
    "wire": "messages that were sent and have not arrived",
    "queue, peak": "messages that have arrived and wait; the most there were",
    "last": "how long ago a message came",
}
_NAMES = 13


def help_lines(width: int, height: int) -> list[Line]:
    """A line a key, then a line a sign, as far as there is room."""
    keys = [_line(name, text, width) for name, text in KEYS.items()]
    signs = [_line(name, text, width) for name, text in SIGNS.items()]
    blank = line([("", PLAIN)], width)
    return [*keys, blank, *signs][: max(0, height)]


def _line(name: str, text: str, width: int) -> Line:
    room = max(0, width - _NAMES)
    return line([(fit(name, min(_NAMES, width)), STRONG), (fit(text, room), PLAIN)], width)


HINT = "q quit  p pause  ↑↓ roles  ? help"
"""What is said of keys where they are read."""
