"""A value on a command line is a value; one that YAML takes for something else is told."""

from __future__ import annotations

import re
import shlex

import pytest

from splitrun.spec import Spec, loads, resolved_yaml
from splitrun.spec.files import AllBut
from splitrun.spec.load import stated_tree
from tests.spec.specs import BANK, document, problem, problems

TEXTS = (
    "x # y", "#x", "# x", "x #y", ">50K", ">", "|", "|-", "*", "*x", "* x", "%x", "%", "@x", "`x",
    "!x", "!", "!!str 7", "&x", "&x y", "- x", "-", "---", "--- x", "...", "? x", "?", ": x", ":",
    "a: b", "a:", "a:b", ",", ",x", "x,y", "=", "=x", "<<", "}", "]", "x]", "a\tb", "\t", " ",
    "x  ", "  x", "it's", 'a"b', "a\\nb", "a\nb", "- a\n- b", "é", "表", "<=50K", "$12", "~x",
    "12:30", "no", "on", "y", "true", "1e-3", "007", "7", "1_000", "0x1F", ".", "NaN", ".nan",
    "1.50", "-0", "2026-11-29",
)  # fmt: skip


def label(*overrides: str) -> str:
    spec: Spec = document(BANK, *overrides).spec
    [named] = spec.dataset.labels
    return named


@pytest.mark.parametrize("text", TEXTS)
def test_where_text_is_wanted_a_value_on_the_command_line_is_the_text_that_was_typed(
    text: str,
) -> None:
    assert label(f"dataset.label={text}") == text


@pytest.mark.parametrize("text", TEXTS)
def test_text_on_the_command_line_survives_the_file_that_a_run_keeps(text: str) -> None:
    spec = document(BANK, f"dataset.positive={text}").spec
    again = loads(resolved_yaml(spec), "again.yaml").spec
    assert again == spec


@pytest.mark.parametrize("value", ["[day, hour]", "{drop: [id]}", "[1, 2.50, no]", '["a # b"]'])
def test_what_begins_with_a_bracket_is_read_as_yaml(value: str) -> None:
    columns = document(BANK, f"parties.bob.columns={value}").spec.parties["bob"].columns
    wanted = {
        "[day, hour]": ("day", "hour"),
        "[1, 2.50, no]": ("1", "2.50", "no"),
        '["a # b"]': ("a # b",),
    }
    assert columns == wanted.get(value, columns)
    assert value[0] == "[" or columns.drop == ("id",)  # type: ignore[union-attr]


def test_a_star_is_all_columns() -> None:
    spec = document(BANK, "parties.bob.columns=*").spec
    assert spec.parties["bob"].columns == AllBut()
    assert stated_tree(spec)["parties"]["bob"]["columns"] == "*"
    assert loads(resolved_yaml(spec), "again.yaml").spec == spec


@pytest.mark.parametrize("value", ['"a # b"', "'a # b'"])
def test_what_begins_with_a_quotation_mark_is_the_text_in_it(value: str) -> None:
    assert label(f"dataset.label={value}") == "a # b"


def shown(line: str, key: str) -> str:
    """The override in a message, as a shell gives it to the program that is typed there."""
    found = re.search(rf"write (['\"]?{re.escape(key)}=.*?)(?: for this text|$)", line)
    assert found, line
    (word,) = shlex.split(found[1])
    return word


@pytest.mark.parametrize(
    "text",
    ["[x", "{", "[", "[x]", "{a: b}", "[a] # y", "[a]: b", '"', "'", '"a', "'n' Roses",
     '"x" y', '"x" # y', "[%x]b", "~", "null", ""],
)  # fmt: skip
def test_text_that_begins_like_yaml_or_could_be_nothing_is_shown_as_it_must_be_typed(
    text: str,
) -> None:
    line = problem(BANK, f"dataset.positive={text}")
    typed = shown(line, "dataset.positive")
    assert document(BANK, typed).spec.dataset.counts_as_one == text


def test_what_could_be_nothing_is_left_out_by_a_deletion() -> None:
    line = problem(BANK, "dataset.positive=~")
    assert line.endswith("or '~dataset.positive' for none")
    assert document(BANK, "~dataset.positive").spec.dataset.counts_as_one is None


def test_a_list_that_was_written_as_text_is_shown_as_it_must_be_typed() -> None:
    for value, wanted in {
        "day": ("day",),
        "day, hour": ("day", "hour"),
        "007": ("007",),
        "1.50": ("1.50",),
        ">50K": (">50K",),
        "it's": ("it's",),
    }.items():
        line = problem(BANK, f"parties.bob.columns={value}")
        (typed,) = shlex.split(line.partition("; write ")[2])
        assert document(BANK, typed).spec.parties["bob"].columns == wanted


# --- names in paths ------------------------------------------------------------------------------


def dates(*overrides: str) -> object:
    return list(document(BANK, *overrides).spec.dataset.model_dump()["dates"])


@pytest.mark.parametrize(
    "path", ['"<=50K"', "'<=50K'", '"a.b"', '"a[1]"', "spaces within", '"it\'s"', '"say \\"x\\""']
)
def test_a_name_of_any_characters_is_quoted_within_a_path(path: str) -> None:
    bare = path[1:-1].replace('\\"', '"') if path[0] in "\"'" else path
    assert dates(f"dataset.dates.{path}.format=iso") == [bare]
    assert dates(f"dataset.dates.{path}.format=iso", f"~dataset.dates.{path}") == []


@pytest.mark.parametrize(
    ("override", "remedy"),
    [
        ("dataset.classes.<=50K=[x]", 'quote it: dataset.classes."<=…"=…'),
        ("dataset.classes.a.b=[x]", 'is written in quotes: dataset.classes."a.b"'),
        ("dataset.dates.a.b.parts=[year]", 'is written in quotes: dataset.dates."a.b"'),
        ("dataset.classes.a]=[x]", 'as in dates."a.b"'),
        ('dataset.classes."a=[x]', 'as in dates."a.b"'),
    ],
)
def test_a_name_that_must_be_quoted_is_told(override: str, remedy: str) -> None:
    assert remedy in problem(BANK, override)


# --- spec files ----------------------------------------------------------------------------------


def positive(value: str) -> str:
    """BANK with a `positive` written so, on line 5."""
    dataset = "dataset: {type: csv, path: bank.csv, label: y}"
    assert dataset in BANK
    block = f"dataset:\n  type: csv\n  path: bank.csv\n  positive: {value}\n  label: y"
    return BANK.replace(dataset, block)


@pytest.mark.parametrize(
    "text",
    [">50K", "*", "*x", "* x", "%x", "%", "|", ">", "|-", "@x", "`x", "!x", "! x", "!", "!!x",
     "&x", "&x y", "&", "- x", "-", "? x", "?", ": x", ":", "a: b", "a:", ",", ",x", "[x", "[x] y",
     "{", "{x", "}", "]", "'q", "'a'b", '"a" b', "*x y"],
)  # fmt: skip
def test_text_that_yaml_takes_for_a_sign_is_shown_in_quotes_at_its_place(text: str) -> None:
    line = problems(positive(text))[-1]
    assert line.startswith("bank.yaml:5:")
    quoted = re.search(r"('(?:[^']|'')*'|\"(?:[^\"\\]|\\.)*\")(?: for text)?$", line)
    assert quoted, line
    assert document(positive(quoted[1])).spec.dataset.counts_as_one == text


def test_a_key_that_takes_text_and_has_nothing_is_told() -> None:
    for value in ("", "# x"):
        assert problem(positive(value)) == (
            "bank.yaml:5:3: dataset.positive: is empty; "
            "write '' for this text, or remove the key for none"
        )
    assert document(positive("null")).spec.dataset.counts_as_one is None
    assert document(positive("''")).spec.dataset.counts_as_one == ""


@pytest.mark.parametrize(("text", "value"), [("no", "no"), ("007", "007"), ("1.50", "1.50")])
def test_a_number_where_text_is_wanted_is_read_as_it_is_spelt(text: str, value: str) -> None:
    assert document(positive(text)).spec.dataset.counts_as_one == value


def test_a_comment_that_cuts_a_list_short_is_told_with_what_to_quote() -> None:
    line = problem(BANK.replace("[age, job]", "[age, job # title]"))
    assert "this '[' is not closed" in line
    assert line.endswith("text that holds one of , : # [ ] { } is put in quotes")
