"""A value on the command line is what was meant, or is refused with what to type instead."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from splitrun.errors import SpecError
from splitrun.spec import load
from tests.odd.case import ONE_FILE, write
from tests.odd.command_lines import MEANT, QUOTED, TEXT


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("typed"), {}, ONE_FILE)


def value_at(spec: Path, argument: str, key: str) -> object:
    """What the spec says at a key, given an override."""
    value: object = load(spec, [argument]).spec
    for name in key.split("."):
        value = value[name] if isinstance(value, dict) else getattr(value, name)
    return value


@pytest.mark.parametrize("key", ["dataset.label", "dataset.positive"])
@pytest.mark.parametrize("text", TEXT.values(), ids=TEXT.keys())
def test_where_text_is_wanted_it_is_taken_as_it_stands(text: str, key: str, spec: Path) -> None:
    assert value_at(spec, f"{key}={text}", key) == text


@pytest.mark.parametrize(
    ("key", "text"),
    [
        pytest.param(key, text, id=f"{name}-{key}")
        for key in ("dataset.label", "dataset.positive", "dataset.weight")
        for name, text in QUOTED.items()
        if key != "dataset.label" or text not in ("[a, b]", "[]")  # which are lists of labels
    ],
)
def test_what_could_be_something_else_is_refused_with_what_to_type(
    text: str, key: str, spec: Path
) -> None:
    with pytest.raises(SpecError) as caught:
        load(spec, [f"{key}={text}"])
    (problem,) = caught.value.problems
    advised = shlex.split(problem.remedy.partition("write '")[2].join(("'", "")))[0].rstrip(",")
    assert value_at(spec, advised, key) == text


@pytest.mark.parametrize(("key", "typed", "wanted"), MEANT.values(), ids=MEANT.keys())
def test_what_is_no_text_is_read_by_what_the_key_wants(
    key: str, typed: str, wanted: object, spec: Path
) -> None:
    assert value_at(spec, f"{key}={typed}", key) == wanted
