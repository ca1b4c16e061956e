"""How a study's page tells how it was measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from splitrun import units
from splitrun.records.bench import BenchHeader
from splitrun.records.comparison import StudyRecord
from splitrun.records.reading import read_text
from splitrun.report.page import Block, CodeListing, Terms
from splitrun.report.run_page import environment_terms
from splitrun.units import PAGE


def appendix(
    directory: Path, terms: Sequence[tuple[str, str]], study: StudyRecord | BenchHeader
) -> list[Block]:
    """What words mean, how it was asked to measure, where that was, and the spec.

    Args:
        directory: of the study.
        terms: words and their meanings.
    """
    lists = (
        ("What the words mean", terms),
        ("Settings", [_setting(*pair) for pair in study.settings.items() if pair[1] not in _UNSET]),
        ("Environment", environment_terms(study.environment)),
    )
    blocks: list[Block] = [Terms(title, pairs) for title, pairs in lists if pairs]
    spec = read_text(directory / "resolved.yaml")
    if spec:
        blocks.append(CodeListing("The spec as understood, every key stated", spec))
    return blocks


_UNSET: tuple[object, ...] = (None, [], ())


def _setting(key: str, value: object) -> tuple[str, str]:
    name = key.removesuffix("_s")
    return name.replace("_", " "), units.flat(value) + (f"{PAGE.space}s" if name != key else "")
