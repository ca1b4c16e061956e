"""Labels as people and programs write them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.odd.case import ONE_FILE, ROWS, Case, rows

REGRESSION = ONE_FILE.replace("binary_cross_entropy", "mse")
CLASSES = ONE_FILE.replace("out: 1}, loss: binary_cross_entropy", "out: 3}, loss: cross_entropy")


def labelled(y: Callable[[int], object]) -> str:
    return rows(lambda row: row % 3, y=y)


def of(*words: str) -> Callable[[int], str]:
    """These words in turn."""
    return lambda row: words[row % len(words)]


def same(
    words: Sequence[str], clean: Sequence[str], *more: str, overrides: Sequence[str] = ()
) -> Case:
    """Labels that are read like clean ones."""
    return Case(
        {"rows.csv": labelled(of(*words))},
        {"rows.csv": labelled(of(*clean))},
        overrides=tuple(overrides),
        more=more,
    )


def alike(words: Sequence[str], clean: Sequence[str], remedy: str, *told: str) -> Case:
    """Labels that differ by next to nothing: they are named, and can be put together."""
    return Case(
        {"rows.csv": labelled(of(*words))},
        {"rows.csv": labelled(of(*clean))},
        ("'y'", "dataset.classes", *told),
        (f"dataset.classes={remedy}",),
    )


def refused(y: Callable[[int], object], *told: str, spec: str = ONE_FILE, **more: object) -> Case:
    return Case({"rows.csv": labelled(y)}, told=told, spec=spec, **more)  # type: ignore[arg-type]


CASES: dict[str, Case] = {
    # --- as they are -----------------------------------------------------------------------------
    "one and two": same(["1", "2"], ['"1"', '"2"']),
    "minus one and one": same(["-1", "1"], ['"-1"', '"1"']),
    "0.0 and 1.0": same(["0.0", "1.0"], ["0", "1"]),
    "0 beside 0.0": same(["0", "1", "0.0", "1.0"], ["0", "1", "0", "1"]),
    "scientific zeros and ones": same(["0e0", "1e0"], ["0", "1"]),
    "+1 and -1": same(["+1", "-1"], ["1", "-1"]),
    "nine before ten": Case(
        {"rows.csv": labelled(of("9", "10", "2"))},
        {"rows.csv": labelled(of("9.0", "10.0", "2.0"))},
        spec=CLASSES,
    ),
    "booleans of JSON": same(["true", "false"], ['"true"', '"false"']),
    "booleans of Excel": same(["TRUE", "FALSE"], ['"TRUE"', '"FALSE"']),
    "booleans of Postgres": same(["t", "f"], ['"t"', '"f"']),
    "yes and no": same(["no", "yes"], ['"no"', '"yes"']),
    "the positive one named": Case(
        {"rows.csv": labelled(of("good", "bad"))},
        {"rows.csv": labelled(of("good", "bad"))},
        overrides=("dataset.positive=bad",),
    ),
    "the positive one as a float": Case(
        {"rows.csv": labelled(of("0", "1"))},
        {"rows.csv": labelled(of("0.0", "1.0"))},
        overrides=("dataset.positive='1.0'",),
    ),
    "padded": same([" no", "yes "], ["no", "yes"]),
    "padded within quotes": same(['" no"', '"yes "'], ["no", "yes"]),
    "with signs": same(
        ["<=50K", ">50K"], ['"<=50K"', '">50K"'], overrides=["dataset.positive='>50K'"]
    ),
    "umlauts": same(["ja", "nö"], ['"ja"', '"nö"']),
    "Namibia and Norway": same(["NA", "NO"], ['"NA"', '"NO"']),
    "null and none as words": same(["none", "mild"], ['"none"', '"mild"']),
    # --- spellings -------------------------------------------------------------------------------
    "in two cases": alike(
        ["yes", "no", "Yes", "no"], ["yes", "no"], "{yes: [Yes], no: []}", "'Yes'", "'yes'"
    ),
    "in capitals and not": alike(
        ["yes", "no", "YES", "NO"], ["yes", "no"], "{yes: [YES], no: [NO]}", "'YES'", "'yes'"
    ),
    "with a final dot": alike(
        ["<=50K", ">50K", "<=50K.", ">50K."],
        ["<=50K", ">50K"],
        "{<=50K: [<=50K.], '>50K': ['>50K.']}",
        "'<=50K.'",
        "'<=50K'",
    ),
    "with blanks within": alike(
        ["not ok", "ok", "not  ok", "ok"], ["not ok", "ok"], "{not ok: ['not  ok'], ok: []}"
    ),
    "booleans in two cases": alike(
        ["true", "false", "True", "False"],
        ["true", "false"],
        "{'true': ['True'], 'false': ['False']}",
        "'True'",
    ),
    "one class of three in two cases": Case(
        {"rows.csv": labelled(of("low", "mid", "high", "High"))},
        {"rows.csv": labelled(of("low", "mid", "high", "high"))},
        ("'High'", "'high'", "dataset.classes"),
        ("dataset.classes={low: [], mid: [], high: [High]}",),
        spec=CLASSES,
    ),
    "classes put together on purpose": same(
        ["1", "2", "3", "4", "5"],
        ["other", "other", "other", "liked", "liked"],
        "dataset.classes={liked: ['4', '5'], other: ['1', '2', '3']}",
    ),
    "a class that has no place": refused(
        of("1", "2", "3", "4", "5", "6"),
        "'6'",
        "dataset.classes",
        overrides=("dataset.classes={liked: ['4', '5'], other: ['1', '2', '3']}",),
    ),
    "a spelling of two classes": refused(
        of("1", "2"), "dataset.classes", overrides=("dataset.classes={a: ['1'], b: ['1', '2']}",)
    ),
    "the positive one in another case": refused(
        of("no", "yes"), "dataset.positive", "'yes'", overrides=("dataset.positive=Yes",)
    ),
    # --- missing ---------------------------------------------------------------------------------
    "an empty one": refused(lambda row: "" if row == 5 else row % 2, "rows.csv:7", "missing"),
    "a blank one": refused(lambda row: "  " if row == 5 else row % 2, "rows.csv:7", "missing"),
    "NA among numbers": refused(lambda row: "NA" if row == 5 else row % 2, "rows.csv:7", "missing"),
    "an empty one among words": refused(
        lambda row: "" if row == 5 else ["no", "yes"][row % 2], "rows.csv:7", "missing"
    ),
    "a question mark among two classes": refused(
        lambda row: "?" if row == 5 else row % 2, "'?'", "'y'"
    ),
    # --- too few, too many ------------------------------------------------------------------------
    "one class": refused(lambda _: "no", "rows.csv", "'no' in every row"),
    "three for two": refused(of("a", "b", "c"), "3 values", "cross_entropy"),
    "numbers for classes": refused(lambda row: row * 1.5, "40 values", "'y'"),
    "a class in one row": refused(lambda row: int(row == 11), "'y'", "'1'"),
    "classes sorted, so that the last are the positive ones": Case(
        {"rows.csv": labelled(lambda row: int(row >= ROWS // 2))},
        {"rows.csv": labelled(lambda row: float(row >= ROWS // 2))},
    ),
    "an id for a label": refused(lambda row: f"C-{row:03}", "'y'", "40 values"),
    # --- numbers ---------------------------------------------------------------------------------
    "words for a regression": refused(of("low", "high"), "rows.csv:2", "'low'", spec=REGRESSION),
    "money for a regression": refused(
        lambda row: f"${row}.5", "rows.csv:2", "'y'", spec=REGRESSION
    ),
    "thousands for a regression": Case(
        {"rows.csv": labelled(lambda row: f'"{1000 + row * 97:,}.5"')},
        {"rows.csv": labelled(lambda row: f"{1000 + row * 97}.5")},
        ("rows.csv:2", "'y'", "dataset.thousands"),
        ("dataset.thousands=','",),
        spec=REGRESSION,
    ),
    "a target missing": refused(
        lambda row: "" if row == 5 else row, "rows.csv:7", "'y'", "missing", spec=REGRESSION
    ),
    "a target NA": refused(
        lambda row: "NA" if row == 5 else row, "rows.csv:7", "'y'", "missing", spec=REGRESSION
    ),
    "an infinite target": refused(
        lambda row: "inf" if row == 5 else row, "rows.csv:7", "'y'", spec=REGRESSION
    ),
    "a target that never changes": refused(lambda _: 7, "'y'", spec=REGRESSION),
    "dates for a target": refused(
        lambda row: f"2026-01-{row % 28 + 1:02}", "rows.csv:2", "'y'", spec=REGRESSION
    ),
    "a mark among targets": Case(
        {"rows.csv": labelled(lambda row: "?" if row == 5 else row)},
        told=("rows.csv:7", "'?'", "'y'"),
        spec=REGRESSION,
    ),
    # --- columns ---------------------------------------------------------------------------------
    "no such column": Case(
        {"rows.csv": labelled(of("0", "1"))},
        {"rows.csv": labelled(of("0", "1"))},
        ("'Y'", "did you mean 'y'"),
        ("dataset.label=y",),
        more=("dataset.label=Y",),
    ),
    "the label among the columns": refused(
        of("0", "1"), "'y' is the label", overrides=("parties.bob.columns=[b, y]",)
    ),
}
