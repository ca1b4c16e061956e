"""A run that is on, on the terminal that stdin is, until its view is closed.

python -m tests.dashboard.typed

Before it, a process in the terminal's background looks for keys, which must not stop it.
"""

from __future__ import annotations

import os
import sys

from rich.console import Console

from splitrun.dashboard import Dashboard
from splitrun.dashboard.keys import Keyboard, keyboard_of_stdin
from splitrun.interrupts import Stopped, listening
from tests.dashboard.runs import started, step


def _look_from_the_background() -> str:
    """How a process ends that looks for keys though the terminal is not its own."""
    child = os.fork()
    if not child:
        os.setpgid(0, 0)
        keyboard = Keyboard(0)
        keyboard.pressed()
        keyboard.release()
        os._exit(0)
    _, status = os.waitpid(child, os.WUNTRACED)
    return "was stopped" if os.WIFSTOPPED(status) else "went on"


def main() -> None:
    """Run until somebody types q."""
    sys.stdout.write(f"in the background it {_look_from_the_background()}\n")
    sys.stdout.flush()
    console = Console(force_terminal=True, color_system=None, width=80, height=24)
    try:
        with listening(), Dashboard(console, keyboard=keyboard_of_stdin()) as dashboard:
            dashboard(started(10))
            dashboard(step(0, 1.0))
            while not dashboard.is_closed:
                dashboard.look(0.05)
            dashboard(step(9, 9.0))
    except Stopped as stopped:
        sys.stdout.write(f"stopped by {stopped.number}\n")


if __name__ == "__main__":
    main()
