"""Which rows are held out, as people's files say it."""

from __future__ import annotations

from collections.abc import Callable

from tests.odd.case import ONE_FILE, ROWS, Case


def table(
    of: Callable[[int], object], name: str = "part", count: int = ROWS, start: int = 0
) -> str:
    lines = [f"a,b,y,{name}"]
    lines += [f"{row % 7},{row % 3},{row % 2},{of(row)}" for row in range(start, start + count)]
    return "\n".join(lines) + "\n"


def third(row: int) -> str:
    return ["train", "train", "test", "valid"][row % 4]


def refused(of: Callable[[int], object], split: str, *told: str) -> Case:
    return Case({"rows.csv": table(of)}, told=told, overrides=(f"dataset.split={split}",))


def same(
    of: Callable[[int], object], clean: Callable[[int], object], split: str, like: str
) -> Case:
    """What is odd and what is clean, each with a word for it, hold the same rows out."""
    return Case(
        {"rows.csv": table(of)},
        {"rows.csv": table(clean).replace("part", "fold", 1)},
        more=(f"dataset.split={split}",),
        twin_spec=ONE_FILE.replace("label: y", f"label: y, split: {like}"),
    )


FOLDS = "{by: column, column: fold, test: ['1']}"
BY_PART = "{by: column, column: part, test: [test]}"

CASES: dict[str, Case] = {
    "words": same(third, lambda row: int(third(row) == "test"), BY_PART, FOLDS),
    "padded words": same(
        lambda row: f" {third(row)} ", lambda row: int(third(row) == "test"), BY_PART, FOLDS
    ),
    "numbers of folds": same(
        lambda row: row % 5,
        lambda row: int(row % 5 == 4),
        "{by: column, column: part, test: ['4']}",
        FOLDS,
    ),
    "booleans": same(
        lambda row: row % 5 == 4,
        lambda row: int(row % 5 == 4),
        "{by: column, column: part, test: ['True']}",
        FOLDS,
    ),
    "years held out": same(
        lambda row: 2020 + row % 5,
        lambda row: int(row % 5 == 4),
        "{by: column, column: part, test: ['2024']}",
        FOLDS,
    ),
    "no such value": refused(third, "{by: column, column: part, test: [tset]}", "'tset'", "'test'"),
    "no such column": refused(
        third, "{by: column, column: prat, test: [test]}", "'prat'", "'part'"
    ),
    "every row is held out": refused(lambda _: "test", BY_PART, "train"),
    "held out by two words": refused(
        third, "{by: column, column: part, test: [test], validation: [test]}", "'test'"
    ),
    "empty cells for rows to train on": same(
        lambda row: "" if row % 4 < 2 else third(row),
        lambda row: int(third(row) == "test"),
        BY_PART,
        FOLDS,
    ),
    "the latest days": same(
        lambda row: f"2026-{row // 20 + 1:02}-{row % 20 + 1:02}",
        lambda row: int(row >= 32),
        "{by: time, column: part}",
        FOLDS,
    ),
    "the latest, not in the file's order": same(
        lambda row: (
            f"2026-01-{(row * 7) % 40 % 28 + 1:02}"
            if row * 7 % 40 < 28
            else f"2026-02-{row * 7 % 40 - 27:02}"
        ),
        lambda row: int(row * 7 % 40 >= 32),
        "{by: time, column: part}",
        FOLDS,
    ),
    "the latest numbers": same(
        lambda row: 1.7e9 + 86_400 * row,
        lambda row: int(row >= 32),
        "{by: time, column: part}",
        FOLDS,
    ),
    "numbers that sort otherwise as text": same(
        lambda row: row, lambda row: int(row >= 32), "{by: time, column: part}", FOLDS
    ),
    "a time missing": refused(
        lambda row: "" if row == 5 else row, "{by: time, column: part}", "rows.csv:7", "'part'"
    ),
    "words for times": refused(third, "{by: time, column: part}", "rows.csv:2", "'part'"),
    "days that sort otherwise as text": refused(
        lambda row: f"{row % 28 + 1:02}.{row // 28 + 1:02}.2026",
        "{by: time, column: part}",
        "rows.csv:2",
        "'part'",
    ),
    "all at one time": refused(
        lambda _: "2026-01-01", "{by: time, column: part}", "rows of one moment"
    ),
    "stratified by numbers": Case(
        {"rows.csv": table(lambda row: row).replace("y,part", "part,y", 1)},
        told=("stratified",),
        overrides=("dataset.split=stratified", "top.loss=mse"),
    ),
    "half for tests, half for decisions": Case(
        {"rows.csv": table(third)},
        told=("fraction",),
        overrides=("dataset.test_fraction=0.5", "dataset.validation_fraction=0.5"),
    ),
    "a test file": Case(
        {"rows.csv": table(third, count=32), "test.csv": table(third, count=8, start=32)},
        {"rows.csv": table(lambda row: int(row >= 32), "fold")},
        more=("dataset.test_path=test.csv",),
        twin_spec=ONE_FILE.replace("label: y", f"label: y, split: {FOLDS}"),
    ),
    "a test file with its columns in another order": Case(
        {
            "rows.csv": table(third, count=32),
            "test.csv": "y,b,a\n"
            + "".join(f"{row % 2},{row % 3},{row % 7}\n" for row in range(32, 40)),
        },
        {"rows.csv": table(lambda row: int(row >= 32), "fold")},
        more=("dataset.test_path=test.csv",),
        twin_spec=ONE_FILE.replace("label: y", f"label: y, split: {FOLDS}"),
    ),
    "a test file without a column": Case(
        {"rows.csv": table(third, count=32), "test.csv": "a,y\n1,0\n2,1\n"},
        told=("test.csv", "'b'"),
        overrides=("dataset.test_path=test.csv",),
    ),
    "a test file without labels": Case(
        {"rows.csv": table(third, count=32), "test.csv": "a,b\n1,0\n2,1\n"},
        told=("test.csv", "'y'"),
        overrides=("dataset.test_path=test.csv",),
    ),
    "a test file with a class of its own": Case(
        {"rows.csv": table(third, count=32), "test.csv": "a,b,y\n1,0,0\n2,1,maybe\n"},
        told=("'maybe'",),
        overrides=("dataset.test_path=test.csv",),
    ),
    "words where the training file has numbers": Case(
        {"rows.csv": table(third, count=32), "test.csv": "a,b,y\n1,x,0\n2,z,1\n"},
        told=("test.csv:2", "'x'", "'b'"),
        overrides=("dataset.test_path=test.csv",),
    ),
    "a test file and a fraction": Case(
        {"rows.csv": table(third, count=32), "test.csv": table(third, count=8, start=32)},
        told=("dataset.test_fraction", "test_path"),
        overrides=("dataset.test_path=test.csv", "dataset.test_fraction=0.3"),
    ),
    "a test file of nothing but a header": Case(
        {"rows.csv": table(third, count=32), "test.csv": "a,b,y\n"},
        told=("test.csv", "no row", "test_path"),
        overrides=("dataset.test_path=test.csv",),
    ),
    "the training rows for test rows": Case(
        {"rows.csv": table(third)},
        told=("rows.csv", "are one", "test_path"),
        overrides=("dataset.test_path=./rows.csv",),
    ),
    "an infinite time": refused(
        lambda row: "inf" if row == 5 else row, "{by: time, column: part}", "rows.csv:7", "'part'"
    ),
    "no test file": Case(
        {"rows.csv": table(third)},
        told=("test.csv", "No such file"),
        overrides=("dataset.test_path=test.csv",),
    ),
}
