"""The console of all that is drawn: rich's, which shows names as they are and obeys none.

It is apart from `output`, for rich takes longer to import than most commands to say a line.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from typing import Any

from rich import console
from rich.console import ConsoleOptions, RenderableType
from rich.segment import Segment

from splitrun.units import plain


class Console(console.Console):
    """What it is given is text, without markup; what a terminal takes for commands is escaped.

    Args:
        options: those of rich's.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, **options)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """The segments of anything that can be printed; all that is written comes through here."""
        for segment in super().render(renderable, options):
            text, style, control = segment
            yield segment if control or text.isprintable() else Segment(plain(text), style)

    def say(self, line: str, indent: int = 2) -> None:
        """Print a sentence: on a terminal broken between its words, elsewhere one line.

        Args:
            indent: columns before what does not fit on the first line.
        """
        if self.is_terminal:
            line = textwrap.fill(
                line,
                max(self.width, 2 * indent),
                subsequent_indent=" " * indent,
                break_long_words=False,
                break_on_hyphens=False,
            )
        self.print(line, highlight=False, soft_wrap=True)
