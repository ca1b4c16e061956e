"""YAML is read as its author meant it, and refused where that is unclear."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from splitrun.spec import loads, yaml_text
from tests.spec.specs import BANK, document, problem, problems


def kwargs(text: str) -> Any:
    """What a value means where nothing says which type is wanted."""
    bottom = f"{{class: 'models:Bottom', kwargs: {{x: {text}}}}}"
    party = document(BANK, f"parties.bob.bottom={bottom}").spec.parties["bob"]
    assert party.bottom is not None
    return party.bottom.model_dump()["kwargs"]["x"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("y", "y"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("1e-3", 0.001),
        ("1E6", 1e6),
        (".5", 0.5),
        ("-3", -3),
        ("10_000", 10_000),
        ("1_0", "1_0"),
        ("12:30", "12:30"),
        ("017", "017"),
        ("0o17", "0o17"),
        ("0x1F", "0x1F"),
        ("2024-01-31", "2024-01-31"),
        ("'7'", "7"),
        ("!!str 7", "7"),
        ("[1, {a: no}]", [1, {"a": "no"}]),
    ],
)
def test_a_scalar_means_what_it_says(text: str, value: object) -> None:
    assert kwargs(text) == value
    assert type(kwargs(text)) is type(value)


def test_where_text_is_wanted_a_number_is_read_as_it_was_spelt() -> None:
    columns = "parties.bob.columns=[2019, 1e3, 1.50, 017, true, no, 10_000]"
    spec = document(BANK, columns, "name=2024").spec
    assert spec.parties["bob"].columns == ("2019", "1e3", "1.50", "017", "true", "no", "10_000")
    assert spec.name == "2024"


@pytest.mark.parametrize(("text", "value"), [("no", False), ("on", True), ("false", False)])
def test_where_a_truth_value_is_wanted_yes_and_no_are_understood(text: str, value: bool) -> None:  # noqa: FBT001
    bottom = document(BANK, f"parties.bob.bottom.bias={text}").spec.parties["bob"].bottom
    assert bottom is not None
    assert bottom.model_dump()["bias"] is value


@pytest.mark.parametrize(("text", "value"), [("1e3", 1000), ("40_000", 40_000), ("7.0", 7)])
def test_where_a_whole_number_is_wanted_its_spelling_is_free(text: str, value: int) -> None:
    assert document(BANK, f"seed={text}").spec.seed == value


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("017", "write 17, without quotes, underscores or leading zeros"),
        ("'7'", "write 7, without quotes, underscores or leading zeros"),
        ("0o17", "write it in decimal"),
        ("12:30", "write a number, such as 1"),
        ("true", "write one, such as 1"),
        ("2.5", "write one, such as 1"),
    ],
)
def test_what_only_resembles_a_whole_number_is_refused(text: str, remedy: str) -> None:
    line = problem(BANK, f"seed={text}")
    assert ": seed: must be a whole number, not " in line
    assert line.endswith(remedy)


def test_anchors_and_merge_keys_work() -> None:
    text = BANK.replace("bottom: {type", "bottom: &bottom {type", 1).replace(
        "    bottom: {type: mlp, hidden: [8], out: 4}\ntop",
        "    bottom: {<<: *bottom, out: 5}\ntop",
    )
    parties = document(text).spec.parties
    alice, bob = parties["alice"].bottom, parties["bob"].bottom
    assert alice is not None
    assert bob is not None
    assert bob.model_dump() == alice.model_dump() | {"out": 5}


def test_a_merge_key_takes_a_list_whose_first_wins() -> None:
    value = "{a: &a {x: 1}, b: &b {x: 2, y: 2}, c: {<<: [*a, *b]}}"
    assert kwargs(value)["c"] == {"x": 1, "y": 2}


def test_a_byte_order_mark_and_windows_line_ends_are_content() -> None:
    text = "\ufeff" + BANK.replace("\n", "\r\n")
    loaded = document(text)
    assert loaded.spec == document(BANK).spec
    assert loaded.text == text
    assert loaded.locate(("dataset",)) == "bank.yaml:2:1"


REFUSED = {
    "a key twice": ("seed: 1\nseed: 2\n", "17:1: seed: this key is on line 16 already"),
    "a number for a key": ("1: 2\n", "16:1: the key 1 is not text"),
    "null for a key": ("? \n: 2\n", "16:2: a key is missing"),
    "a list for a key": ("[a]: 2\n", "16:1: a key that is not plain text"),
    "a tab": ("links:\n\tdefault: wan\n", "17:1: a tab; indent with spaces"),
    "an object": (
        "x: !!python/object:os.system {}\n",
        "16:4: x: the tag !!python/object:os.system",
    ),
    "a tag": ("seed: !seed 3\n", "16:7: seed: the tag !seed"),
    "a second document": ("---\nseed: 1\n", "16:1: a second document begins here"),
    "recursion": ("links: &a {default: *a}\n", "16:21: links.default: *a stands inside"),
    "an unknown alias": ("seed: *seed\n", "16:7: seed: *seed has no anchor before it"),
    "an open bracket": ("links: {default: [1\n", "16:18: this '[' is not closed"),
    "an open quote": ("seed: 'x\n", "16:7: this quote is not closed"),
    "an odd indent": (
        "links:\n  default: wan\n bob: 1\n",
        "18:2: this does not fit the lines above",
    ),
    "a colon too many": ("seed: a: b\n", "16:8: a ':' where no key can be"),
    "a bad first character": ("seed: @x\n", "16:7: text that begins with '@'"),
    "an unknown escape": ('seed: "\\q"\n', "16:7: this has an unknown escape"),
    "a NUL byte": ("seed: \0\n", "16:7: the character '\\x00'"),
    "a lone surrogate": ("seed: \ud800\n", "16:7: the character '\\ud800'"),
    "not a number": ("seed: .nan\n", "16:1: seed: must be a whole number, not nan"),
    "a merge of no mapping": ("links: {<<: 3}\n", "16:9: links: '<<' merges mappings"),
}


@pytest.mark.parametrize("parser", ["CSafeLoader", "SafeLoader"])
@pytest.mark.parametrize(("more", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_bad_yaml_is_refused_at_its_place(
    more: str, message: str, parser: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(yaml_text, "_Parser", getattr(yaml, parser))
    assert problem(BANK.replace("pipeline: sequential\n", "") + more).startswith(
        f"bank.yaml:{message}"
    )


@pytest.mark.parametrize("text", ["", "# nothing\n", "- a\n", "just text", "3", "~"])
def test_a_root_that_is_no_mapping_is_refused(text: str) -> None:
    assert "a spec is a mapping: name, dataset, parties, top, …" in problem(text)


HOSTILE = {
    "aliases of aliases": "a: &a0 [1,1,1]\n"
    + "".join(f"b{i}: &a{i + 1} [{','.join([f'*a{i}'] * 9)}]\n" for i in range(40)),
    "merges of merges": "a: &a {"
    + ",".join(f"k{i}: 1" for i in range(1000))
    + "}\nb: {<<: ["
    + ",".join(["*a"] * 50_000)
    + "]}\n",
    "deep lists": "[" * 1_000_000,
    "deep mappings": "{" * 1_000_000,
    "deep keys": "? " * 500_000,
    "deep indents": "\n".join(" " * depth + "a:" for depth in range(1000)),
    "many values": "[" + "1," * 200_000 + "]",
    "too many bytes": "#" * (2**20 + 1),
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_text_is_refused_early(text: str) -> None:
    (line,) = problems(text)
    assert any(
        words in line for words in ("more than 100,000 values", "nested deeper than 40", "MiB")
    )


def test_thousands_of_mistakes_are_told_by_their_first() -> None:
    lines = problems("\n".join(f"key{number}: {number}" for number in range(5000)))
    assert len(lines) == 51
    assert "there are more problems; mend those above first" in lines[-1]


def test_the_name_of_the_file_stands_in_for_a_missing_name() -> None:
    text = BANK.replace("name: bank\n", "")
    assert loads(text, "some/where/trial-7.yaml").spec.name == "trial-7"
    with pytest.raises(Exception, match=r"no spaces\.yaml:1:1: name: is missing; add it"):
        loads(text, "no spaces.yaml")
