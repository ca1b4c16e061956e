"""Whatever is given, the answer is a document or a located error, and soon."""

from __future__ import annotations

import contextlib
import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from splitrun.errors import SpecError
from splitrun.spec import load, loads
from tests.spec.specs import BANK, SYNTHETIC

WORDS = sorted({*BANK.split(), *SYNTHETIC.split()})
YAML_SOUP = st.lists(
    st.sampled_from([*WORDS, "\n", "  ", "\n  ", "- ", "? ", ": ", "[", "]", "{", "}", ",", "&a ",
                     "*a", "<<: ", "!!str ", "!x ", "|", ">", "'", '"', "#", "---", "...", "%", "@",
                     "1e9", "-1", ".inf", "~", "\t"]),
    max_size=60,
).map("".join)  # fmt: skip


def check(text: str, *overrides: str) -> None:
    try:
        assert loads(text, "fuzz.yaml", overrides).text == text
        return
    except SpecError as error:
        problems = error.problems
    assert problems
    for problem in problems:
        assert str(problem).isprintable()
        assert problem.where
        assert problem.what
        assert problem.remedy


@settings(max_examples=200)
@given(st.text())
@example("\x00")
@example("\ufeff")
def test_any_text(text: str) -> None:
    check(text)


@settings(max_examples=300)
@given(YAML_SOUP)
def test_anything_like_yaml(text: str) -> None:
    check(text)


@settings(max_examples=300)
@given(st.sampled_from([BANK, SYNTHETIC]), st.randoms(use_true_random=False))
def test_any_damage_to_a_valid_spec(text: str, source: random.Random) -> None:
    for _ in range(source.randint(1, 4)):
        start = source.randrange(len(text))
        stop = start + source.randint(0, 12)
        text = text[:start] + source.choice(["", " ", "\n", *WORDS]) + text[stop:]
    check(text)


@settings(max_examples=300)
@given(st.lists(st.text(max_size=30) | st.tuples(st.sampled_from(["~", ""]), st.sampled_from(
    ["parties.bob.bottom", "links", "parties", "top.model.type", "training.metrics[0]", "name.x",
     "training.optimizer.betas[1]", "parties.bob.columns[2]", "dataset", "pipeline"]
), st.sampled_from(["", "=", "=1", "=[1]", "={a: 1}", "=.nan", "=null", "={type: sgd}", "[0]=1"]))
    .map("".join), max_size=4))  # fmt: skip
def test_any_override(overrides: list[str]) -> None:
    check(BANK, *overrides)


@settings(max_examples=100)
@given(content=st.binary(max_size=200))
@example(content=BANK.encode("utf-16"))
@example(content=BANK.encode("utf-8-sig"))
def test_any_bytes(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.getbasetemp() / "fuzz.yaml"
    file.write_bytes(content)
    with contextlib.suppress(SpecError):
        assert load(file).text.encode() == content
