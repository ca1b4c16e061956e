"""Sentences on a terminal are broken between words, and elsewhere not at all."""

from __future__ import annotations

import io

import pytest

from splitrun.cli.console import Console

ADVICE = "advice: stale:4; faster, unproven: stale:8 (7.74×, Δ auroc -0.0113 ±0.0124), more-seeds"


def said(*, width: int, is_terminal: bool) -> list[str]:
    screen = io.StringIO()
    Console(file=screen, width=width, force_terminal=is_terminal).say(ADVICE, indent=8)
    return screen.getvalue().splitlines()


@pytest.mark.parametrize("width", [24, 40, 80])
def test_on_a_terminal_no_word_is_broken(width: int) -> None:
    lines = said(width=width, is_terminal=True)
    assert len(lines) > 1
    assert all(len(line) <= width for line in lines)
    assert all(line.startswith(" " * 8) for line in lines[1:])
    assert " ".join(" ".join(lines).split()) == ADVICE


def test_elsewhere_a_sentence_is_a_line() -> None:
    assert said(width=40, is_terminal=False) == [ADVICE]
