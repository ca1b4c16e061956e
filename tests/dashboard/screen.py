"""A terminal of fixed width, as far as a bar and a dashboard use one."""

from __future__ import annotations

import re


class Screen:
    """Lines and a cursor; a full line wraps when the next character comes, as terminals do."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._lines = [""]
        self._row = self._column = 0

    def feed(self, text: str) -> None:
        """Take in what a program writes, or what the terminal itself echoes."""
        for token in re.findall(r"\x1b\[\?*\d*[A-Za-z]|[^\x1b]", text):
            match token:
                case "\r":
                    self._column = 0
                case "\n":
                    self._go_to(self._row + 1)
                case "\x1b[2K":
                    self._lines[self._row] = ""
                case "\x1b[1A":
                    self._row = max(0, self._row - 1)
                case "\x1b[2J":
                    self._lines = [""] * len(self._lines)
                case "\x1b[H":
                    self._go_to(0)
                case _ if not token.startswith("\x1b"):
                    self._put(token)

    def text(self) -> str:
        """What a person sees, without trailing blanks."""
        return "\n".join(line.rstrip() for line in self._lines)

    def _go_to(self, row: int) -> None:
        self._row, self._column = row, 0
        self._lines += [""] * (row + 1 - len(self._lines))

    def _put(self, character: str) -> None:
        if self._column == self._width:
            self._go_to(self._row + 1)
        line = self._lines[self._row].ljust(self._column)
        self._lines[self._row] = line[: self._column] + character + line[self._column + 1 :]
        self._column += 1
