"""Text on its way to a terminal, which takes some characters for commands.

Names come from files, directories and command lines of strangers. Whatever is shown passes `plain`:
lines through `cli.output.echo`, tables and dashboards through `cli.console.Console`.
"""

from __future__ import annotations

import unicodedata


def plain(text: str) -> str:
    """The text, with escapes for what a terminal would not show but do: control characters, marks
    that turn the direction of writing, halves of characters. Newlines and tabs stay."""
    if text.isprintable():
        return text
    return "".join(char if _is_shown(char) else ascii(char)[1:-1] for char in text)


def _is_shown(char: str) -> bool:
    return char.isprintable() or char in "\n\t" or unicodedata.category(char) == "Zs"
