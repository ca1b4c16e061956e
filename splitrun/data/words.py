"""Words as a reader sees them, that what nobody sees makes none of them another one."""

from __future__ import annotations

import re
import unicodedata

_UNSEEN = "\\s\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff"
NEXT_TO_NOTHING = "case, space or a final dot alone"
_AROUND = re.compile(f"^[{_UNSEEN}]+|[{_UNSEEN}]+$")


def bare(word: str) -> str:
    """The word without the blanks and the characters of no width around it, its letters composed:
    é is one letter, however a keyboard made it.

    Within a word, such characters stay: there they join letters, in Persian or in an emoji.
    """
    if word.isascii():
        return word.strip()
    return unicodedata.normalize("NFC", _AROUND.sub("", word))


def folded(word: str) -> str:
    """What words have in common that differ by case, space or a final dot alone."""
    words = unicodedata.normalize("NFKC", word).casefold().split()
    return " ".join(words).rstrip(".").rstrip()
