"""Cases for remedies that no table of wrong specs, command lines and data comes upon."""

from __future__ import annotations

from tests.cli.trial import HEADER, ROWS, SYNTHETIC, Bad, spec

NUMBERS = ROWS.replace("cook", "1").replace("clerk", "2").replace("Ulm", "3").replace("Bonn", "4")
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
    "a label of another class that is rare": Bad(
        "give more rows, lower dataset.test_fraction, or use top.loss: mse for numbers",
        rows=HEADER + "20,cook,1000,Ulm,0\n20,cook,1000,Ulm,1\n",
    ),
}

WARNED = {
    "a class that no test row has": Bad(
        "no test row has '1', so auroc is not defined there; "
        "set dataset.split=stratified, or hold out more rows",
        rows=HEADER
        + "".join(f"{20 + row},cook,{row},Ulm,{int(row % 10 == 0)}\n" for row in range(40)),
        overrides=("dataset.split_seed=1",),
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
    "list all classes under dataset.classes": "there are too many to be typed",
    "set dataset.split=stratified": "a warning: tests/data/test_summary",
    "set top.loss=binary_cross_entropy": "a warning: tests/data/test_summary",
    "raise it, or lower pipeline.depth": "a warning: nothing is refused",
}
"""Remedies that no small experiment comes upon, and why."""
