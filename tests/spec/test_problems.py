"""Problems come all at once, in plain words, each with its place and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from splitrun.errors import Problem, SpecError
from splitrun.spec import load
from tests.spec.specs import BANK, document, problem, problem_with_file, problems


def test_all_problems_are_reported_in_the_order_of_their_places() -> None:
    text = """\
name: bank
seed: many
dataset: {type: csv, path: bank.csv}
parties:
  alice:
    columns: [age]
    bottom: {type: mpl, out: 4}
  bob:
    colums: [day]
    bottom: {type: mlp, hidden: [8, -8], out: 4, activation: rleu}
top: {party: alice, loss: mse}
top: {}
depth: 4
"""
    assert problems(text) == [
        "bank.yaml:2:1: seed: must be a whole number, not 'many'; write a number, such as 1",
        "bank.yaml:3:1: dataset.label: is missing; add it: The column to predict, or several.",
        "bank.yaml:7:14: parties.alice.bottom.type: unknown type 'mpl'; did you mean 'mlp'?",
        "bank.yaml:9:5: parties.bob.colums: unknown key 'colums'; did you mean 'columns'?",
        "bank.yaml:10:37: parties.bob.bottom.hidden[1]: -8 is out of range; "
        "use a number that is greater than 0",
        "bank.yaml:10:50: parties.bob.bottom.activation: unknown value 'rleu'; "
        "did you mean 'relu'?",
        "bank.yaml:12:1: top: this key is on line 11 already; keep one of the two",
        "bank.yaml:13:1: depth: unknown key 'depth'; it belongs in pipeline.depth",
    ]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.lr=1", "training.lr: unknown key 'lr'; it belongs in training.optimizer.lr"),
        ("learning_rate=1", "it belongs in training.optimizer.lr"),
        ("top.lr=1", "it belongs in top.optimizer.lr"),
        ("parties.bob.hidden=[1]", "it belongs in parties.bob.bottom.hidden"),
        ("columns=[a]", "it belongs in parties.<party>.columns"),
        ("links.latency_ms=1", "it belongs in links.default.latency_ms"),
        ("links.preset=wan", "it belongs in links.default.preset"),
        ("parties.bob.features=[a]", "did you mean 'columns'?"),
        ("pipline.depth=4", "pipline: unknown key 'pipline'; did you mean 'pipeline'?"),
        ("training.optimizer.momentum=0.9", "adam has no 'momentum'; remove it; it is for sgd or"),
        ("training.optimizer=adma", "training.optimizer.type: unknown type 'adma'; did you mean"),
        ("training.optimizer=best", "use sgd, adam, adamw, adagrad, rmsprop or sparse_adam"),
        ("parties.bob.bottom={tpye: mlp, out: 4}", "bottom.tpye: unknown key 'tpye'; did you mean"),
        (
            "parties.bob.bottom={clas: 'm:B'}",
            "bottom.clas: unknown key 'clas'; did you mean 'class'",
        ),
        (
            "parties.bob.bottom={out: 4}",
            "bottom.type: is missing; add it: mlp, embedding_mlp or cl",
        ),
        (
            "parties.bob.bottom={class: m.B}",
            "bottom.class: 'm.B' is no class; write package.module:",
        ),
        ("parties.bob.bottom={class: 'm:B', type: mlp}", "'class' and 'type' exclude each other"),
        ("parties.bob.bottom={type: [1]}", "bottom.type: is a list; use mlp, embedding_mlp or cl"),
        ("parties.bob.bottom=mlp", "must be a mapping, not 'mlp'; write {type: mlp, …}"),
        ("parties.bob.bottom.kwargs={}", "mlp has no 'kwargs'; remove it; it is for class"),
        (
            "parties.bob.columns=day",
            "must be a list, not 'day'; write 'parties.bob.columns=[day]'",
        ),
        ("parties.bob.columns=[[day]]", "parties.bob.columns[0]: must be text, not a list"),
        ("parties.my bob={}", "'my bob' is no name for a party; use letters, digits and _"),
        ("~parties.bob", "parties: holds 1; it needs at least 2"),
        ("parties=[alice, bob]", "parties: must be a mapping, not a list"),
        (
            "~top.loss",
            "top.loss: is missing; add it: binary_cross_entropy, cross_entropy, "
            "multilabel_binary_cross_entropy, mse or {class: package.module:Class}",
        ),
        ("~top", "top: is missing; add it, with party and loss"),
        (
            "~dataset",
            "dataset: is missing; add it: {type: csv, parquet, npz, bank_marketing or "
            "synthetic, …}",
        ),
        ("top.fusion=", "top.fusion: is empty; write concat, sum or mean"),
        ("top.fusion=3", "top.fusion: is 3; write concat, sum or mean"),
        ("training=", "training: is empty; write a mapping, or remove the key"),
        ("training.epochs=0", "0 is out of range; use a number that is greater than 0"),
        ("training.optimizer.lr=.inf", "must be a finite number, not inf; write one, such as 0.5"),
        ("training.optimizer.lr='0.1'", "must be a number, not '0.1'; write it without quotes"),
        ("training.optimizer.betas=[0.9]", "betas: holds 1; it needs more"),
        ("training.optimizer.betas=[0, 0, 0]", "betas: holds 3; it needs at most 2"),
        ("dataset.delimiter=", "dataset.delimiter: is empty; write text, or remove the key"),
        (
            "dataset.delimiter=¦",
            "dataset.delimiter: '¦' is no delimiter; use one ASCII character other than the "
            "quotation mark",
        ),
        ("dataset.delimiter=aaaaaaaaa", "dataset.delimiter: has 9 characters; it needs at most 8"),
        ("parties.bob.bottom.bias=maybe", "must be true or false, not 'maybe'"),
        ("name=my bank", "name: 'my bank' is no name for an experiment"),
        ("runtime=thraeded", "runtime.type: unknown value 'thraeded'; did you mean 'threaded'?"),
        ("dataset.split_seed=-1", "-1 is out of range; use a number that is at least 0"),
        ("seed=" + "9" * 99, "is out of range; use a number that is less than 4,294,967,296"),
    ],
)
def test_one_mistake_gives_one_problem_that_says_what_to_do(override: str, message: str) -> None:
    assert message in problem(BANK, override)


def test_a_key_that_is_missing_because_it_was_misspelt_is_not_told_twice() -> None:
    assert "did you mean 'parties'?" in problem(BANK.replace("parties:", "partise:"))
    moved = BANK.replace("  party: alice\n", "").replace("name: bank", "name: bank\nparty: alice")
    assert "it belongs in top.party" in problem(moved)


def test_kwargs_must_be_finite() -> None:
    line = problem(BANK, "parties.bob.bottom={class: 'm:B', kwargs: {a: [{b: .inf}]}}")
    assert "parties.bob.bottom.kwargs: holds inf, which is not a finite number" in line


def test_a_message_stays_on_one_line_whatever_it_quotes() -> None:
    key = "a\\nb" + "x" * 500
    lines = problems(BANK + f'"{key}": 1\n', 'seed="\\n\\e"')
    assert len(lines) == 2
    assert all(line.isprintable() and len(line) < 500 for line in lines)


def test_a_key_is_located_by_itself_or_its_nearest_ancestor() -> None:
    loaded = document(BANK, "pipeline=stale")
    assert loaded.locate(()) == "bank.yaml:1:1"
    assert loaded.locate(("parties", "bob", "columns", 1)) == "bank.yaml:8:20"
    assert loaded.locate(("parties", "bob", "optimizer", "lr")) == "bank.yaml:7:3"
    assert loaded.locate(("pipeline", "schedule")) == "override 'pipeline=stale':1:1"


def test_an_error_from_elsewhere_is_located_on_its_way() -> None:
    loaded = document(BANK)
    there = loaded.problem(("seed",), "is unlucky", "choose another")
    with pytest.raises(SpecError) as caught, loaded.located():
        raise SpecError([Problem(("top", "party"), "is away", "ask another"), there])
    assert [problem.where for problem in caught.value.problems] == [
        "bank.yaml:11:3",
        "bank.yaml:1:1",
    ]


def test_a_file_is_read_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "größe.yaml"
    text = BANK.replace("\n", "\r\n") + "# Größe\n"
    file.write_bytes(text.encode())
    loaded = load(file)
    assert (loaded.file, loaded.text, loaded.directory) == (file, text, tmp_path)


def test_a_file_that_cannot_be_read_is_told_why(tmp_path: Path) -> None:
    (tmp_path / "bank.yaml").write_bytes(BANK.encode() + b"# gr\xf6sse\n")
    (tmp_path / "wide.yaml").write_bytes(BANK.encode("utf-16"))
    (tmp_path / "huge.yaml").write_bytes(b"#" * (2**20 + 1))
    told = {
        name: problem_with_file(tmp_path / name).removeprefix(f"{tmp_path}/")
        for name in ("bank.yaml", "wide.yaml", "huge.yaml", "bnak.yaml", "a\0b", "x" * 300)
    }
    assert told["bank.yaml"].startswith("bank.yaml:17:5: the byte 0xf6, which is not UTF-8; save")
    assert told["wide.yaml"].startswith("wide.yaml:1:1: UTF-16 text; save the file as UTF-8")
    assert told["huge.yaml"].startswith("huge.yaml:1:1: more than 1 MiB; a spec is smaller")
    assert told["bnak.yaml"] == f"bnak.yaml: no such file; did you mean {tmp_path}/bank.yaml?"
    assert "cannot be read" in told["a\0b"]
    assert "cannot be read" in told["x" * 300]
    assert f"is a directory; name a file, such as {tmp_path}/bank.yaml" in problem_with_file(
        tmp_path
    )
