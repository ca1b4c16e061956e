"""Specs that cannot be, and what their users are told."""

from __future__ import annotations

from tests.cli.trial import SPEC, SYNTHETIC, Bad, spec

YAML = {
    "an empty file": Bad(
        "trial.yaml:1:1: there is nothing in it; a spec is a mapping: name, dataset, parties, …",
        "",
    ),
    "not a mapping": Bad(
        "trial.yaml:1:1: is a list, not a mapping; a spec is a mapping: name, dataset, …",
        "- name: trial\n",
    ),
    "an open bracket": Bad(
        "trial.yaml:5:14: this '[' is not closed, or a ',' is missing; complete the list; …",
        spec(("[age, job]", "[age, job")),
    ),
    "an open quote": Bad(
        "trial.yaml:1:7: this quote is not closed; close it, or write '''trial' for text",
        spec(("name: trial", "name: 'trial")),
    ),
    "a tab": Bad(
        "trial.yaml:11:1: a tab; indent with spaces", spec(("  party: alice", "\tparty: alice"))
    ),
    "an odd indent": Bad(
        "trial.yaml:9:4: this does not fit the lines above; mend its indent",
        spec(("    columns: [income", "   columns: [income"), ("  bob:", "  bob:\n    depth: 1")),
    ),
    "a key twice": Bad(
        "trial.yaml:16:1: runtime: this key is on line 15 already; keep one of the two",
        SPEC + "runtime: threaded\n",
    ),
    "two documents": Bad(
        "trial.yaml:16:1: a second document begins here; keep one spec per file; remove the '---'",
        SPEC + "---\n" + SPEC,
    ),
    "a Python object": Bad(
        "trial.yaml:1:7: name: the tag !!python/name:os.system; remove it, or write "
        "'!!python/name:os.system trial' for text",
        spec(("name: trial", "name: !!python/name:os.system trial")),
    ),
    "an alias without anchor": Bad(
        "trial.yaml:11:10: top.party: *alice has no anchor before it; define &alice first, or "
        "write '*alice' for text",
        spec(("party: alice", "party: *alice")),
    ),
    "octal": Bad(
        "trial.yaml:16:1: seed: must be a whole number, not '017'; "
        "write 17, without quotes, underscores or leading zeros",
        SPEC + "seed: 017\n",
    ),
    "a time of day": Bad(
        "trial.yaml:16:1: seed: must be a whole number, not '12:30'; write a number, such as 1",
        SPEC + "seed: 12:30\n",
    ),
    "a NUL byte": Bad(
        "trial.yaml:16:7: the character '\\x00', which YAML does not allow; remove it; …",
        SPEC + "seed: \0\n",
    ),
    "not UTF-8": Bad(
        "trial.yaml:16:4: the byte 0xfc, which is not UTF-8; save the file as UTF-8",
        SPEC.encode() + b"# b\xfcro\n",
    ),
}

KEYS = {
    "misspelt": Bad(
        "trial.yaml:14:12: training.optimiser: unknown key 'optimiser'; did you mean 'optimizer'?",
        spec(("{optimizer:", "{optimiser:")),
    ),
    "misspelt section": Bad(
        "trial.yaml:3:1: partys: unknown key 'partys'; did you mean 'parties'?",
        spec(("parties:", "partys:")),
    ),
    "misplaced": Bad(
        "trial.yaml:16:1: depth: unknown key 'depth'; it belongs in pipeline.depth",
        SPEC + "depth: 4\n",
    ),
    "of another type": Bad(
        "trial.yaml:14:46: training.optimizer.momentum: adam has no 'momentum'; "
        "remove it; it is for sgd or rmsprop",
        spec(("lr: 0.01", "lr: 0.01, momentum: 0.9")),
    ),
    "missing": Bad(
        "trial.yaml:10:1: top.loss: is missing; add it: binary_cross_entropy, cross_entropy, "
        "multilabel_binary_cross_entropy, mse or {class: package.module:Class}",
        spec(("  loss: binary_cross_entropy\n", "")),
    ),
    "a wrong type of model": Bad(
        "trial.yaml:6:14: parties.alice.bottom.type: unknown type 'mpl'; did you mean 'mlp'?",
        spec(("{type: mlp, hidden: [4], out: 2}", "{type: mpl, hidden: [4], out: 2}")),
    ),
    "several at once": Bad(
        "trial.yaml:14:36: training.optimizer.lr: -1 is out of range; "
        "use a number that is greater than 0.0\n"
        "trial.yaml:15:1: runtime.type: unknown value 'serail'; did you mean 'serial'?\n"
        "trial.yaml:16:1: sede: unknown key 'sede'; did you mean 'seed'?",
        spec(("lr: 0.01", "lr: -1"), ("serial", "serail")) + "sede: 7\n",
    ),
}

VALUES = {
    "a word for a number": Bad(
        "trial.yaml:2:48: dataset.batch_size: must be a whole number, not 'eight'; "
        "write a number, such as 1",
        spec(("batch_size: 8", "batch_size: eight")),
    ),
    "a number in quotes": Bad(
        "trial.yaml:14:36: training.optimizer.lr: must be a number, not '0.01'; "
        "write it without quotes",
        spec(("lr: 0.01", "lr: '0.01'")),
    ),
    "zero": Bad(
        "trial.yaml:2:48: dataset.batch_size: 0 is out of range; "
        "use a number that is greater than 0",
        spec(("batch_size: 8", "batch_size: 0")),
    ),
    "not a number": Bad(
        "trial.yaml:14:36: training.optimizer.lr: must be a finite number, not nan; "
        "write one, such as 0.5",
        spec(("lr: 0.01", "lr: .nan")),
    ),
    "a word for a list": Bad(
        "trial.yaml:5:5: parties.alice.columns: must be a list, not 'age'; write [age]",
        spec(("[age, job]", "age")),
    ),
    "a fraction of one": Bad(
        "trial.yaml:2:48: dataset.test_fraction: 1.0 is out of range; "
        "use a number that is less than 1.0",
        spec(("batch_size: 8", "test_fraction: 1.0")),
    ),
    "one party": Bad(
        "trial.yaml:3:1: parties: holds 1; it needs at least 2",
        overrides=("~parties.bob",),
    ),
    "more threads than any machine has": Bad(
        "override 'runtime.intra_op_threads=9223372036854775807':1:9: runtime.intra_op_threads: "
        "9223372036854775807 is out of range; use a number that is at most 1,024",
        overrides=("runtime.intra_op_threads=9223372036854775807",),
    ),
    "more classes than names fit in memory": Bad(
        "override 'dataset.classes=1e12':1:9: dataset.classes: 1000000000000 is out of range; "
        "use a number that is at most 10,000",
        SYNTHETIC,
        overrides=("dataset.classes=1e12",),
    ),
}

CROSS_CHECKS = {
    "a label holder that is no party": Bad(
        "trial.yaml:11:3: top.party: 'alcie' is no party; did you mean 'alice'?",
        spec(("party: alice", "party: alcie")),
    ),
    "no bottom model at a party": Bad(
        "trial.yaml:7:3: parties.bob.bottom: has no bottom model, and only the label holder may "
        "have none; add one, or remove the party",
        spec(("    bottom: {type: mlp, hidden: [4], out: 3}\n", "")),
    ),
    "a column of two parties": Bad(
        "trial.yaml:8:15: parties.bob.columns[0]: 'age' is a column of alice, too; "
        "leave it to alice or to bob",
        spec(("[income,", "[age,")),
    ),
    "the label among the columns": Bad(
        "trial.yaml:8:23: parties.bob.columns[1]: 'y' is the label; "
        "remove it: a model must not see what it predicts",
        spec(("city]", "y]")),
    ),
    "an unknown column": Bad(
        "trial.yaml:8:15: parties.bob.columns[0]: no column 'incom' in the data; "
        "did you mean 'income'?",
        spec(("[income,", "[incom,")),
    ),
    "weights among the columns": Bad(
        "trial.yaml:8:15: parties.bob.columns[0]: 'income' is what rows count for, which no model "
        "sees; remove it, or dataset.weight",
        spec(("label: y", "label: y, weight: income")),
    ),
    "the label for weights": Bad(
        "trial.yaml:2:…: dataset.weight: 'y' is the label, too; "
        "name a column of numbers, or remove it",
        spec(("label: y", "label: y, weight: y")),
    ),
    "an unknown column of weights": Bad(
        "trial.yaml:2:…: dataset.weight: no column 'weights' in the data; "
        "there are age, job, income, city, y",
        spec(("label: y", "label: y, weight: weights")),
    ),
    "weights of classes where there are none": Bad(
        "trial.yaml:14:…: training.class_weights: has no meaning with the loss mse, whose labels "
        "are numbers; remove it, or weigh rows by a column, dataset.weight",
        spec(
            ("binary_cross_entropy", "mse"),
            ("training: {", "training: {class_weights: balanced, "),
        ),
    ),
    "an unknown label": Bad(
        "trial.yaml:2:38: dataset.label: no column 'z' in the data; "
        "there are age, job, income, city, y",
        spec(("label: y", "label: z")),
    ),
    "an output too wide for the loss": Bad(
        "trial.yaml:12:22: top.model.out: the output is 2 wide, which does not fit "
        "binary_cross_entropy; use 1, or cross_entropy",
        spec(("out: 1}", "out: 2}")),
    ),
    "a sum of unequal widths": Bad(
        "trial.yaml:12:3: top.fusion: sum needs bottoms of one width, not 2 (alice), 3 (bob); "
        "give them the same out, or use concat",
        spec(("party: alice\n", "party: alice\n  fusion: sum\n")),
    ),
    "a metric of another task": Bad(
        "trial.yaml:14:22: training.metrics[0]: rmse does not fit the loss binary_cross_entropy; "
        "use auroc, average_precision, accuracy, f1 or log_loss",
        spec(("training: {", "training: {metrics: [rmse], ")),
    ),
    "BatchNorm with micro-batches": Bad(
        "trial.yaml:6:46: parties.alice.bottom.normalization: batch statistics of a slice are not "
        "those of its batch; use layer with the schedule microbatch, or another schedule",
        spec(("hidden: [4], out: 2", "hidden: [4], out: 2, normalization: batch"))
        + "pipeline: microbatch\n",
    ),
    "BatchNorm with batches of one row": Bad(
        "trial.yaml:6:46: parties.alice.bottom.normalization: a batch of one row has no batch "
        "statistics; change dataset.batch_size, or use layer",
        spec(
            ("hidden: [4], out: 2", "hidden: [4], out: 2, normalization: batch"),
            ("batch_size: 8", "batch_size: 1"),
        ),
    ),
    "sparse embeddings with adam": Bad(
        "trial.yaml:9:43: parties.bob.bottom.sparse: adam takes no sparse gradients; "
        "set parties.bob.optimizer to sparse_adam, plain sgd or adagrad",
        spec(("{type: mlp, hidden: [4], out: 3}", "{type: embedding_mlp, out: 3, sparse: true}")),
    ),
    "more micro-batches than rows": Bad(
        "trial.yaml:16:34: pipeline.micro_batches: a batch of 8 rows has no 9 slices; "
        "use at most 8, or a greater dataset.batch_size",
        SPEC + "pipeline: {schedule: microbatch, micro_batches: 9}\n",
    ),
    "a depth beyond the steps": Bad(
        "trial.yaml:8:29: pipeline.depth: depth 11 is more than the 10 steps of the run; "
        "use at most 10, more epochs or a smaller dataset.batch_size",
        SYNTHETIC + "pipeline: {schedule: stale, depth: 11}\n",
    ),
    "a link to nobody": Bad(
        "trial.yaml:16:9: links.bob-carol: 'carol' is no party; use alice or bob",
        SPEC + "links: {bob-carol: wan}\n",
    ),
}

OVERRIDES = {
    "no value": Bad(
        "override 'seed':1:1: has no '='; write key.path=value, for example training.epochs=2",
        overrides=("seed",),
    ),
    "a value for a deletion": Bad(
        "override '~seed=1':1:1: ~ deletes a key and takes no value; write ~key.path",
        overrides=("~seed=1",),
    ),
    "no key": Bad(
        "override '=1':1:1: '' is no path of keys; write key.path=value, for example …",
        overrides=("=1",),
    ),
    "a misspelt key": Bad(
        "override 'pipline.depth=2':1:1: pipline: unknown key 'pipline'; did you mean 'pipeline'?",
        overrides=("pipline.depth=2",),
    ),
    "a key within a number": Bad(
        "override 'dataset.batch_size.rows=2':1:20: dataset.batch_size: is 8, not a mapping; "
        "remove 'rows' from the override",
        overrides=("dataset.batch_size.rows=2",),
    ),
    "an index beyond the list": Bad(
        "override 'parties.bob.columns[5]=age':1:21: parties.bob.columns: has 2 items, "
        "counted from 0; use [2] to append one",
        overrides=("parties.bob.columns[5]=age",),
    ),
    "a wrong value": Bad(
        "override 'training.epochs=some':1:10: training.epochs: must be a whole number, "
        "not 'some'; write a number, such as 1",
        overrides=("training.epochs=some",),
    ),
    "bad YAML": Bad(
        "override 'parties.bob.columns=[a':1:21: parties.bob.columns: this '[' is not closed, "
        "or a ',' is missing; complete the list; "
        "for text, write 'parties.bob.columns=\"[a\"'",
        overrides=("parties.bob.columns=[a",),
    ),
}
