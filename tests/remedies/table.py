"""Cases for remedies that no table of wrong specs, command lines and data comes upon."""

from __future__ import annotations

from collections.abc import Callable

from tests.cli.trial import HEADER, ROWS, SYNTHETIC, Bad, spec

NUMBERS = ROWS.replace("cook", "1").replace("clerk", "2").replace("Ulm", "3").replace("Bonn", "4")
OWN = """\
name: trial
dataset: {type: csv, key: id, label: y, batch_size: 8}
parties:
  bank: {path: bank.csv, columns: [age], bottom: {type: mlp, out: 2}}
  partner: {path: partner.csv, columns: [income], bottom: {type: mlp, out: 2}}
top: {party: bank, model: {type: mlp, out: 1}, loss: binary_cross_entropy}
runtime: serial
"""


def own(
    bank: Callable[[int], object] = lambda row: row,
    partner: Callable[[int], object] = lambda row: row,
) -> dict[str, str]:
    """A file for each party, whose keys are these of the rows' numbers."""
    return {
        "bank.csv": "id,age,y\n" + "".join(f"{bank(i)},{i % 9},{i % 2}\n" for i in range(40)),
        "partner.csv": "id,income\n" + "".join(f"{partner(i)},{i % 7}\n" for i in range(40)),
    }


WEIGHED = spec(("label: y", "label: y, weight: income"), ("[income, city]", "[city]"))
EMBEDDING = ("{type: mlp, out: 2}}\n  bob", "{type: embedding_mlp, out: 2}}\n  bob")

TABLE = {
    "words for a regression": Bad(
        "but mse takes numbers; set top.loss to binary_cross_entropy",
        spec(("binary_cross_entropy", "mse")),
    ),
    "no row left": Bad(
        "none of 2 rows is left to train on; use more, or lower dataset.test_fraction",
        spec(("rows: 100", "rows: 2, test_fraction: 0.9"), of=SYNTHETIC),
    ),
    "three outputs for four classes": Bad(
        "the output is 3 wide for 4 classes; use 4, or set dataset.classes",
        spec(
            ("rows: 100", "rows: 100, classes: 4"),
            ("out: 1}, loss: binary_cross_entropy", "out: 3}, loss: cross_entropy"),
            of=SYNTHETIC,
        ),
    ),
    "nothing to embed, as the spec says": Bad(
        "embedding_mlp has nothing to embed: dataset.categorical is 0; "
        "set dataset.categorical, or use mlp",
        spec(EMBEDDING, of=SYNTHETIC),
    ),
    "nothing to embed, as the data say": Bad(
        "no column of the party is categorical; list columns under dataset.categorical, or use mlp",
        spec(("{type: mlp, hidden: [4], out: 2}", "{type: embedding_mlp, out: 2}")),
        rows=NUMBERS,
    ),
    "a fastest depth where none is advised": Bad(
        "--unproven: no depth is advised here; "
        "leave it out, or set pipeline.schedule=stale pipeline.depth=auto",
        overrides=("--unproven",),
    ),
    "a depth without a bottom": Bad(
        "parties.carol.depth: is not used: carol has no bottom model; "
        "add parties.carol.bottom, or remove depth",
        spec(("party: alice", "party: carol"), ("top:\n", "  carol: {depth: 2}\ntop:\n")),
    ),
    "several labels for a loss of one": Bad(
        "dataset.label: lists columns, and the loss binary_cross_entropy takes one; "
        "name one, or set top.loss=multilabel_binary_cross_entropy",
        spec(("label: y", "label: [y, city]"), ("[income, city]", "[income]")),
    ),
    "one label for a loss of several": Bad(
        "the loss multilabel_binary_cross_entropy takes several labels; "
        "list columns as dataset.label, or set top.loss=binary_cross_entropy",
        spec(("loss: binary_cross_entropy", "loss: multilabel_binary_cross_entropy")),
    ),
    "stopping early without validation rows": Bad(
        "needs validation rows: test rows would be no test of a model that they chose; "
        "set dataset.validation_fraction, such as 0.1, or name validation rows by a column",
        overrides=("training.early_stopping={}",),
    ),
    "stopping early by a metric that is not evaluated": Bad(
        "'f1' is not evaluated; use …, or add it to training.metrics",
        overrides=("training.early_stopping.metric=f1", "dataset.validation_fraction=0.2"),
    ),
    "an optimizer of no model": Bad(
        "top.optimizer: has nothing to train: top has no model; remove it, or add top.model",
        spec(
            ("  model: {type: mlp, out: 1}\n", "  optimizer: sgd\n"),
            ("  loss", "  fusion: sum\n  loss"),
            ("out: 2", "out: 1"),
            ("out: 3", "out: 1"),
        ),
    ),
    "a depth of one's own beside an advised one": Bad(
        "is given, but pipeline.depth: auto looks for one depth of all bottoms; "
        "remove it, or give pipeline.depth",
        overrides=("pipeline={schedule: stale, depth: auto}", "parties.bob.depth=2"),
    ),
    "the top's time at a party": Bad(
        "use top.compute", overrides=("parties.bob.compute.loss_ms=1",)
    ),
    "classes that differ by a space": Bad(
        "which differs by case, space or a final dot alone; set 'dataset.classes=…' if they are",
        rows=ROWS.replace("yes", "no.", 1),
    ),
    "a class of one row": Bad(
        "cannot be both among 31 rows to train on and among 8 test rows; "
        "give more of them, leave them out, or use dataset.split=random",
        rows=HEADER + "".join(f"{20 + row},cook,1000,Ulm,{int(row == 3)}\n" for row in range(39)),
        overrides=("dataset.split=stratified",),
    ),
    "no row to train on, by a column": Bad(
        "no row is left to train on, by the values of 'city'; list fewer under dataset.split",
        overrides=("dataset.split={by: column, column: city, test: [Ulm, Bonn]}",),
    ),
    "keys with zeros before them": Bad(
        "as numbers they are the same; use dataset.key_type=integer for that, or "
        "dataset.key_type=text to take them as they are",
        OWN,
        files=own(lambda row: f"{row:03}", lambda row: row if row % 2 else f"{row:03}"),
    ),
    "keys of another case": Bad(
        "they differ by upper and lower case alone; write them alike, or use dataset.key_type=text "
        "to take them as they are",
        OWN,
        files=own(lambda row: f"K{row}", lambda row: f"K{row}" if row else "k0"),
    ),
    "integers that are none": Bad(
        "is no integer; mend it, or use dataset.key_type=text",
        OWN,
        overrides=("dataset.key_type=integer",),
        files=own(lambda row: f"K{row}", lambda row: f"K{row}"),
    ),
    "the same keys, which they are not": Bad(
        "dataset.align is sorted, and bank.csv and partner.csv do not have the same keys: 1 and 1 "
        "rows are alone; use dataset.align=hmac or psi, which find those in common",
        OWN,
        overrides=("dataset.align=sorted",),
        files=own(lambda row: row + 1),
    ),
    "a way to align without keys": Bad(
        "dataset.align: there is no key to join rows by; add dataset.key, or a key for each of the "
        "parties; or remove align",
        overrides=("dataset.align=hmac",),
    ),
    "psi, and keys as they may be": Bad(
        "psi compares keys as they are written, and cannot tell those that differ in it; set "
        "dataset.key_type to integer or text",
        OWN,
        overrides=("dataset.align=psi",),
        files=own(),
    ),
    "rows that refer to one": Bad(
        "or, if rows may refer to the same one, use ~dataset.key parties.partner.key=id "
        "parties.partner.on=id",
        OWN,
        files=own(lambda row: row // 2),
    ),
    "no file at all": Bad(
        "names no file; add dataset.path, or a path for each of the parties",
        overrides=("~dataset.path",),
    ),
    "a test file of one party, and one file for all": Bad(
        "all share dataset.path; use dataset.test_path",
        overrides=("parties.bob.test_path=rows.csv",),
    ),
    "a key of one party, and one file for all": Bad(
        "all share dataset.path; use dataset.key", overrides=("parties.bob.key=id",)
    ),
    "a file where rows are generated": Bad(
        "is not used: the rows of synthetic come from no file of bob; "
        "remove it, or use dataset.type: csv",
        SYNTHETIC,
        overrides=("parties.bob.path=rows.csv",),
    ),
    "a party without a file": Bad(
        "has no path, and others have; add parties.partner.path",
        OWN,
        overrides=("~parties.partner.path",),
        files=own(),
    ),
    "a party without a test file": Bad(
        "add parties.partner.test_path, or a key to join rows by",
        OWN,
        overrides=("~dataset.key", "parties.bank.test_path=bank.csv"),
        files=own(),
    ),
    "a party without a key": Bad(
        "has no key, and others have; add parties.partner.key",
        OWN,
        overrides=("~dataset.key", "parties.bank.key=id"),
        files=own(),
    ),
    "a key that nothing refers to": Bad(
        "nothing refers to it: bank has no key; "
        "add parties.partner.on, the column of bank that does",
        OWN,
        overrides=("~dataset.key", "parties.partner.key=id"),
        files=own(),
    ),
    "rows that all weigh nothing": Bad(
        "weight 'income' is 0 in every training row; "
        "give some of them another, or drop dataset.weight",
        WEIGHED,
        rows=HEADER + "".join(f"{20 + row},cook,0,Ulm,{row % 2}\n" for row in range(40)),
    ),
    "a class that weighs nothing": Bad(
        "no training row of class '0' weighs more than 0, so classes cannot be balanced; "
        "list training.class_weights",
        WEIGHED,
        rows=HEADER + "".join(f"{20 + row},cook,{row % 2},Ulm,{row % 2}\n" for row in range(40)),
        overrides=("training.class_weights=balanced",),
    ),
    "weights of a class that does not exist": Bad(
        "training.class_weights.yess: the label has no class 'yess'; did you mean 'yes'?",
        overrides=("training.class_weights={yess: 3}",),
    ),
    "a label of another class that is rare": Bad(
        "give more rows, lower dataset.test_fraction, or use top.loss: mse for numbers",
        rows=HEADER + "20,cook,1000,Ulm,0\n20,cook,1000,Ulm,1\n",
    ),
}

WARNED = {
    "a class that no test row has": Bad(
        "no test row has '1', so auroc is not defined there; set dataset.split=stratified",
        rows=HEADER
        + "".join(f"{20 + row},cook,{row},Ulm,{int(row % 8 == 0)}\n" for row in range(40)),
        overrides=("dataset.split_seed=1",),
    ),
    "a column that tells nothing": Bad(
        "'city': the same value in every training row, which tells nothing; drop it: …",
        rows=ROWS.replace("Bonn", "Ulm"),
    ),
    "a split of nothing": Bad(
        "has no effect: no row is held out; remove it, or raise dataset.test_fraction",
        overrides=("dataset.test_fraction=0", "dataset.split=stratified"),
    ),
    "a cluster's address on another runtime": Bad(
        "has no effect with the runtime serial; remove it, or use runtime.type=ray",
        overrides=("runtime.address=auto",),
    ),
    "how to compare keys that there are not": Bad(
        "has no effect: there is no key; remove it, or add dataset.key",
        overrides=("dataset.key_type=integer",),
    ),
    "a number that is one of two": Bad(
        "'y' has two values alone, and mse takes numbers; "
        "for classes, set top.loss=binary_cross_entropy",
        spec(("binary_cross_entropy", "mse")),
        rows=ROWS.replace("yes", "1").replace("no", "0"),
    ),
}
"""Warnings: nothing is refused, and what they advise ends them."""

UNTRIED = {
    "write KEY=VALUE,VALUE, for example pipeline.depth=1,2,4": "an option of bench: tests/study",
    "add runtime.type=threaded": "an option of studies: tests/cluster/test_studies",
    "list all classes under dataset.classes": "there are too many to be typed",
    "set dataset.split=stratified": "a warning: tests/data/test_summary",
    "set top.loss=binary_cross_entropy": "a warning: tests/data/test_summary",
    "raise it, or lower pipeline.depth": "a warning: nothing is refused",
    "use dataset.key_type=integer for numbers that differ by zeros alone": "apart: tests/alignment",
    "set dataset.align: psi shows nobody a key, hmac is faster, sorted is for files that all have "
    "the same keys": "in splitrun party: tests/remote/test_aligning",
    "use … as its links.*.codec, or a lower training.optimizer.lr": "in runs: runtime/test_codec",
}
"""Remedies that no small experiment comes upon, and why."""
