"""Keys that are fine each for itself and do not fit together are refused, or warned about."""

from __future__ import annotations

import pytest

from tests.spec.specs import BANK, SYNTHETIC, document, problem

ONLY_ALICE = "parties={alice: {columns: [age], bottom: {type: mlp, out: 4}}, bob: {}}"

OWN_FILES = ["~dataset.path", "parties.alice.path=a.csv", "parties.bob.path=b.csv"]

REFUSED_BANK = {
    "a GPU by another name": (
        ["parties.bob.ray={resources: {GPU: 1}}"],
        "parties.bob.ray.resources.GPU: GPU is no resource of that kind; use num_gpus",
    ),
    "parts of two GPUs": (
        ["parties.bob.ray.num_gpus=1.5"],
        "parties.bob.ray.num_gpus: 1.5 GPUs, and only parts of a single one can be had; "
        "use a whole number, or less than 1",
    ),
    "points that group digits, and are decimal by default": (
        ["dataset.thousands=."],
        "dataset.thousands: '.' would be both the decimal mark and what groups the digits; "
        "set 'dataset.decimal=\",\"'",
    ),
    "one party's decimal commas, where commas group the digits": (
        ["dataset.thousands=,", "parties.bob.reading.decimal=,", *OWN_FILES],
        "parties.bob.reading.decimal: ',' would be both the decimal mark and what groups the "
        "digits; set 'parties.bob.reading.thousands=\".\"'",
    ),
    "an unknown label holder": (
        ["top.party=alcie"],
        "top.party: 'alcie' is no party; did you mean 'alice'?",
    ),
    "no bottom at all": (
        ["~parties.alice.bottom", "~parties.bob.bottom"],
        "parties: no party has a bottom model, so nothing can be learned",
    ),
    "a party with nothing to do": (
        [ONLY_ALICE],
        "parties.bob.bottom: has no bottom model, and only the label holder may have none",
    ),
    "a party by a slip of the pen": (
        ["parties.alcie.depth=2"],
        "parties.alcie.bottom: has no bottom model, and only the label holder may have none; "
        "add one, or did you mean 'alice'?",
    ),
    "columns without a bottom": (
        ["~parties.alice.bottom"],
        "parties.alice.columns: is not used: alice has no bottom model",
    ),
    "a depth without a bottom": (
        ["parties.alice={depth: 2}", "pipeline=stale"],
        "parties.alice.depth: is not used: alice has no bottom model",
    ),
    "an optimizer without a bottom": (
        ["parties.alice={optimizer: sgd}"],
        "parties.alice.optimizer: is not used: alice has no bottom model; add "
        "parties.alice.bottom, or remove optimizer; the top model's are in top.optimizer",
    ),
    "a bottom without columns": (
        ["~parties.bob.columns"],
        "parties.bob.columns: its bottom model has no columns; list those that bob holds",
    ),
    "a column of two parties": (
        ["parties.bob.columns=[day, job]"],
        "parties.bob.columns[1]: 'job' is a column of alice, too; leave it to alice or to bob",
    ),
    "a column twice": (
        ["parties.bob.columns=[day, day]"],
        "parties.bob.columns[1]: 'day' is listed twice",
    ),
    "the label among the features": (
        ["parties.bob.columns=[day, y]"],
        "parties.bob.columns[1]: 'y' is the label",
    ),
    "a category that nobody has": (
        ["dataset.categorical=[dya]"],
        "dataset.categorical[0]: 'dya' is no party's column; did you mean 'day'?",
    ),
    "checkpoints nobody knows how often": (
        ["checkpoint={keep: 3}"],
        "checkpoint: does not say how often; add every_epochs, such as 1, or every_steps",
    ),
    "checkpoints after both": (
        ["checkpoint={every_steps: 9, every_epochs: 1}"],
        "checkpoint.every_steps: every_epochs is given, too; keep one of the two",
    ),
    "a category twice": (
        ["dataset.categorical=[day, day]"],
        "dataset.categorical[1]: 'day' is listed twice",
    ),
    "widths that cannot be added": (
        ["top.fusion=sum", "parties.bob.bottom.out=5"],
        "top.fusion: sum needs bottoms of one width, not 4 (alice), 5 (bob)",
    ),
    "two outputs for a binary label": (
        ["top.model.out=2"],
        "top.model.out: the output is 2 wide, which does not fit binary_cross_entropy; "
        "use 1, or cross_entropy",
    ),
    "one output for classes": (
        ["top.loss=cross_entropy"],
        "top.model.out: the output is 1 wide, which does not fit cross_entropy",
    ),
    "two outputs for one number": (
        ["top.loss=mse", "top.model.out=2"],
        "top.model.out: the output is 2 wide, which does not fit mse; use 1",
    ),
    "a fused output that is too wide": (
        ["~top.model"],
        "top.loss: the output is 8 wide, which does not fit binary_cross_entropy",
    ),
    "a spelling of two classes": (
        ["dataset.classes={no: [n], yes: [y, n]}"],
        "dataset.classes: 'n' is a spelling of 'no' and of 'yes'; keep one",
    ),
    "three classes of a binary loss": (
        ["dataset.classes={a: [], b: [], c: []}"],
        "dataset.classes: 3 do not fit the loss binary_cross_entropy; list 2",
    ),
    "a metric of another task": (
        ["training.metrics=[auroc, rmse]"],
        "training.metrics[1]: rmse does not fit the loss binary_cross_entropy; "
        "use auroc, average_precision, accuracy, f1 or log_loss",
    ),
    "a metric for classes": (
        ["top.loss=mse", "training.metrics=[auroc]"],
        "training.metrics[0]: auroc does not fit the loss mse; use rmse, mae or r2",
    ),
    "a metric twice": (
        ["training.metrics=[f1, f1]"],
        "training.metrics[1]: f1 is listed twice",
    ),
    "nothing to evaluate on": (
        ["dataset.test_fraction=0", "training.evaluate_every_epochs=1"],
        "training.evaluate_every_epochs: there is nothing to evaluate on",
    ),
    "a split by class of numbers": (
        ["top.loss=mse", "dataset.split=stratified"],
        "dataset.split.by: mse has numbers for labels, not classes to share out; use random",
    ),
    "a split by time without a column": (
        ["dataset.split=time"],
        "dataset.split: by time needs a column that says when each row was; write split: "
        "{by: time, column: NAME}",
    ),
    "a split by a column without values": (
        ["dataset.split={by: column, column: part}"],
        "dataset.split: by column needs a column, and its values in the rows that are held out; "
        "write split: {by: column, column: NAME, test: [VALUE]}",
    ),
    "a column of a random split": (
        ["dataset.split={column: part}"],
        "dataset.split.column: has no meaning with by random; remove it, or split by time or by",
    ),
    "values of a split by time": (
        ["dataset.split={by: time, column: day_of_call, validation: [a]}"],
        "dataset.split.validation: has no meaning with by time; remove it, or split by column",
    ),
    "a split by the label": (
        ["dataset.split={by: time, column: y}"],
        "dataset.split.column: 'y' is the label, which is not known of new rows; split by another",
    ),
    "a value in two parts": (
        ["dataset.split={by: column, column: part, test: [a, b], validation: [b]}"],
        "dataset.split.validation[0]: 'b' is under test, too; a row is in one part: keep one",
    ),
    "a value twice": (
        ["dataset.split={by: column, column: part, test: [a, a]}"],
        "dataset.split.test[1]: 'a' is listed twice; keep one",
    ),
    "validation rows by two rules": (
        [
            "dataset.split={by: column, column: part, test: [a], validation: [b]}",
            "dataset.validation_fraction=0.1",
        ],
        "dataset.validation_fraction: dataset.split.validation says which rows decisions rest on, "
        "too; keep one of the two",
    ),
    "shares that leave nothing": (
        ["dataset.test_fraction=0.5", "dataset.validation_fraction=0.5"],
        "dataset.validation_fraction: with test_fraction it is 1, which leaves no row to train on; "
        "lower one of the two",
    ),
    "a share of rows that values name": (
        ["dataset.split={by: column, column: part, test: [a]}", "dataset.test_fraction=0.3"],
        "dataset.test_fraction: is not used: dataset.split.test says which rows are held out; "
        "remove it",
    ),
    "a share of rows that a file has": (
        ["dataset.test_path=test.csv", "dataset.test_fraction=0.3"],
        "dataset.test_fraction: is not used: test_path says which rows are held out; remove it",
    ),
    "values beside a file of test rows": (
        ["dataset.test_path=test.csv", "dataset.split={by: column, column: part, test: [a]}"],
        "dataset.split.by: a test_path says which rows are held out, too; keep one of the two",
    ),
    "a number to learn from yes and no": (
        ["dataset={type: bank_marketing}", "top.loss=mse"],
        "top.loss: the label y is yes or no, which mse cannot learn",
    ),
    "nesterov without momentum": (
        ["training.optimizer={type: sgd, nesterov: true}"],
        "training.optimizer.nesterov: needs momentum",
    ),
    "one depth to be found and another given": (
        ["pipeline={schedule: stale, depth: auto}", "parties.bob.depth=2"],
        "parties.bob.depth: is given, but pipeline.depth: auto looks for one depth of all bottoms; "
        "remove it, or give pipeline.depth",
    ),
    "a spike for a fused step": (
        ["pipeline.compensation=spike", "training.optimizer={type: adamw, fused: true}"],
        "pipeline.compensation: spike does not fit the optimizer of alice's bottom: "
        "a fused step is always Adam's own; set fused to false, or use auto",
    ),
    "a long memory for what has none": (
        ["pipeline.compensation=long_momentum", "parties.bob.optimizer=adagrad"],
        "pipeline.compensation: long_momentum does not fit the optimizer of bob's bottom: "
        "no momentum of adagrad is known here; use auto, or another optimizer",
    ),
    "a spike without momentum": (
        ["pipeline.compensation=[discount, spike]", "training.optimizer=sgd"],
        "pipeline.compensation[1]: spike does not fit the optimizer of alice's bottom: "
        "sgd has no momentum here; set its momentum, such as 0.9, or use auto",
    ),
    "a spike on top of nesterov": (
        [
            "pipeline.compensation=spike",
            "training.optimizer={type: sgd, momentum: 0.9, nesterov: true}",
        ],
        "pipeline.compensation: spike does not fit the optimizer of alice's bottom: "
        "sgd with nesterov compensates one update already; set nesterov to false, or use auto",
    ),
    "a prediction for one party's optimizer": (
        ["pipeline.compensation=weight_prediction", "parties.bob.optimizer=rmsprop"],
        "pipeline.compensation: weight_prediction does not fit the optimizer of bob's bottom: "
        "where rmsprop is going is not known here; use auto or discount, or another optimizer",
    ),
    "a rule twice": (
        ["pipeline.compensation=[discount, discount]"],
        "pipeline.compensation[1]: discount is listed twice",
    ),
    "an optimizer of no model": (
        ["~top.model", "top.fusion=sum", "top.loss=mse", "top.optimizer=sgd"]
        + [f"parties.{name}.bottom.out=1" for name in ("alice", "bob")],
        "top.optimizer: has nothing to train: top has no model",
    ),
    "sparse_adam for a dense bottom": (
        ["parties.bob.optimizer=sparse_adam"],
        "parties.bob.optimizer: nothing here is sparse; use adam, or a bottom with sparse: true",
    ),
    "sparse_adam for a dense top": (
        ["top.optimizer=sparse_adam"],
        "top.optimizer: nothing here is sparse; use adam",
    ),
    "sparse_adam for dense models": (
        ["training.optimizer={type: sparse_adam}"],
        "training.optimizer: no model that uses it is sparse",
    ),
    "batch statistics of slices": (
        ["parties.bob.bottom.normalization=batch", "pipeline=microbatch"],
        "parties.bob.bottom.normalization: batch statistics of a slice are not those of its batch",
    ),
    "batch statistics of slices at the top": (
        ["top.model.normalization=batch", "pipeline=microbatch"],
        "top.model.normalization: batch statistics of a slice are not those of its batch",
    ),
    "batch statistics of one row": (
        ["parties.bob.bottom.normalization=batch", "dataset.batch_size=1"],
        "parties.bob.bottom.normalization: a batch of one row has no batch statistics",
    ),
    "more slices than rows": (
        ["pipeline={schedule: microbatch, micro_batches: 8}", "dataset.batch_size=7"],
        "pipeline.micro_batches: a batch of 7 rows has no 8 slices; use at most 7",
    ),
    "more slices than rows by default": (
        ["pipeline=microbatch", "dataset.batch_size=3"],
        "pipeline.micro_batches: a batch of 3 rows has no 4 slices",
    ),
    "a link to nobody": (
        ["links.bbo-alice=wan"],
        "links.bbo-alice: 'bbo' is no party; did you mean 'bob'?",
    ),
    "an arrow to nobody": (
        ["links.bob->eve=wan"],
        "links.bob->eve: 'eve' is no party; use alice or bob",
    ),
    "a link to itself": (["links.bob-bob=wan"], "links.bob-bob: joins bob to itself"),
    "a link twice": (
        ["links={bob-alice: wan, alice-bob: lan}"],
        "links.alice-bob: is the same link as bob-alice; keep one, or write alice->bob",
    ),
    "a link with one end": (
        ["links.bob=wan"],
        "links.bob: 'bob' is no link; name both ends, such as bob-alice",
    ),
    "a link by no name": (
        ["links.defualt=wan"],
        "links.defualt: 'defualt' is no link; did you mean 'default'?",
    ),
    "a scale and a time": (
        ["parties.bob.compute={scale: 2, forward_ms: 3}"],
        "parties.bob.compute.scale: scale and forward_ms both say how long",
    ),
    "a loss at a bottom": (
        ["parties.bob.compute={loss_ms: 3}"],
        "parties.bob.compute.loss_ms: has no effect here; use top.compute",
    ),
    "a forward at the top": (
        ["top.compute={forward_ms: 3}"],
        "top.compute.forward_ms: has no effect here; use loss_ms",
    ),
}

SPARSE = "parties.bob.bottom.sparse=true"

REFUSED_SYNTHETIC = {
    "outputs that are not the classes": (
        ["top.loss=cross_entropy", "top.model.out=3"],
        "top.model.out: the output is 3 wide for 2 classes; use 2, or set dataset.classes",
    ),
    "classes of a binary loss": (
        ["dataset.classes=3"],
        "dataset.classes: 3 classes do not fit the loss binary_cross_entropy",
    ),
    "no columns": (
        ["dataset.numeric=0", "dataset.categorical=0"],
        "dataset.numeric: no columns: numeric and categorical are both 0",
    ),
    "nothing to embed": (
        ["dataset.categorical=0"],
        "parties.bob.bottom.type: embedding_mlp has nothing to embed: dataset.categorical is 0",
    ),
    "no rows to train on": (
        ["dataset.rows=1", "pipeline=sequential"],
        "dataset.rows: none of 1 rows is left to train on",
    ),
    "a depth beyond the steps": (
        ["pipeline.depth=9"],
        "pipeline.depth: depth 9 is more than the 8 steps of the run; use at most 8",
    ),
    "one party's depth beyond the steps": (
        ["parties.bob.depth=25", "training.epochs=3"],
        "parties.bob.depth: depth 25 is more than the 24 steps of the run",
    ),
    "the default depth beyond the steps": (
        ["dataset.batch_size=400", "pipeline=stale"],
        "pipeline.depth: depth 4 is more than the 2 steps of the run",
    ),
    "a last batch of one row": (
        ["parties.bob.bottom.normalization=batch", "dataset.batch_size=17"],
        "parties.bob.bottom.normalization: a batch of one row has no batch statistics",
    ),
    **{
        f"sparse gradients for {optimizer}": (
            [SPARSE, f"parties.bob.optimizer={optimizer}"],
            f"parties.bob.bottom.sparse: {why}",
        )
        for optimizer, why in {
            "adam": "adam takes no sparse gradients; set parties.bob.optimizer to sparse_adam",
            "adamw": "adamw takes no sparse gradients",
            "rmsprop": "rmsprop takes no sparse gradients",
            "{type: sgd, momentum: 0.9}": "sgd's momentum of sparse gradients grows",
            "{type: sgd, weight_decay: 0.1}": "sgd with weight_decay takes no sparse gradients",
            "{type: adagrad, weight_decay: 0.1}": "adagrad with weight_decay takes no sparse",
        }.items()
    },
}


@pytest.mark.parametrize(("overrides", "message"), REFUSED_BANK.values(), ids=REFUSED_BANK.keys())
def test_what_does_not_fit_together_is_refused(overrides: list[str], message: str) -> None:
    assert message in problem(BANK, *overrides)


@pytest.mark.parametrize(
    ("overrides", "message"), REFUSED_SYNTHETIC.values(), ids=REFUSED_SYNTHETIC.keys()
)
def test_what_does_not_fit_generated_data_is_refused(overrides: list[str], message: str) -> None:
    assert message in problem(SYNTHETIC, *overrides)


@pytest.mark.parametrize(
    "overrides",
    [
        ["~parties.alice.columns", "~parties.alice.bottom"],
        ["top.loss=mse", "training.metrics=[rmse, mae, r2]"],
        ["top.loss=cross_entropy", "top.model.out=2", "training.metrics=[auroc]"],
        ["top.fusion=mean", "~top.model", "top.loss=cross_entropy"],
        ["top.fusion=sum", "parties.bob.bottom={class: 'm:B'}"],
        ["parties.bob.bottom={class: 'm:B'}", "parties.bob.optimizer=sparse_adam"],
        ["parties.bob.bottom={class: 'm:B'}", "~top.model"],
        ["parties.bob.bottom.normalization=batch", "pipeline=stale"],
        ["parties.bob.bottom={type: mlp, out: 4, normalization: batch}", "pipeline=microbatch"],
        ["links={default: wan, bob-alice: lan, bob->alice: {}, alice->bob: metro}"],
        ["parties.bob.compute={scale: 2}", "top.compute={loss_ms: 3, update_ms: 1}"],
        ["pipeline={schedule: stale, depth: 1000}"],
        ["dataset.test_fraction=0"],
        [
            "dataset.test_fraction=0.5",
            "dataset.validation_fraction=0.4",
            "dataset.split=stratified",
        ],
        ["dataset.split={by: time, column: day_of_call}", "dataset.validation_fraction=0.1"],
        [
            "dataset.split={by: column, column: part, test: [a], validation: [b, c]}",
            "training.evaluate_every_epochs=1",
        ],
        [
            "dataset.test_fraction=0",
            "dataset.validation_fraction=0.1",
            "training.evaluate_every_epochs=1",
        ],
        ["dataset.categorical=[day]", "dataset.positive=yes"],
        ["training.optimizer={type: sgd, momentum: 0.9, nesterov: true}"],
    ],
)
def test_what_fits_together_is_accepted_without_a_word(overrides: list[str]) -> None:
    assert document(BANK, *overrides).warnings == ()


@pytest.mark.parametrize(
    "overrides",
    [
        [SPARSE, "parties.bob.optimizer=sparse_adam"],
        [SPARSE, "training.optimizer=sparse_adam"],
        [SPARSE, "parties.bob.optimizer={type: sgd, lr: 0.1}"],
        [SPARSE, "parties.bob.optimizer=adagrad"],
        ["top.loss=cross_entropy", "top.model.out=3", "dataset.classes=3"],
        ["parties.alice.columns=[alice_x0]"],
        ["pipeline.depth=8"],
    ],
)
def test_what_fits_generated_data_is_accepted_without_a_word(overrides: list[str]) -> None:
    assert document(SYNTHETIC, *overrides).warnings == ()


@pytest.mark.parametrize(
    ("overrides", "warning"),
    [
        (
            ["pipeline={schedule: sequential, depth: 8}"],
            "override 'pipeline={schedule: sequential, depth: 8}':1:33: pipeline.depth: "
            "has no effect with the schedule sequential; remove it, or use the schedule stale",
        ),
        (
            ["parties.bob.depth=2", "pipeline=microbatch"],
            "parties.bob.depth: has no effect with the schedule microbatch",
        ),
        (
            ["pipeline={schedule: stale, micro_batches: 8}"],
            "pipeline.micro_batches: has no effect with the schedule stale",
        ),
        (
            ["training.evaluate_every_epochs=2"],
            "training.evaluate_every_epochs: 2 is more than the 1 epochs",
        ),
        (
            ["checkpoint.every_epochs=1"],
            "checkpoint.every_epochs: no checkpoint is ever taken: the run has 1 epochs",
        ),
        (
            ["checkpoint.every_steps=3", "pipeline=stale"],
            "checkpoint.every_steps: the pipeline drains before it is 4 batches deep",
        ),
        (
            ["dataset.positive=yes", "top.loss=mse"],
            "dataset.positive: has no effect with the loss mse",
        ),
        (
            [
                "parties.carol={columns: [a], bottom: {type: mlp, out: 4}}",
                "links.bob-carol=wan",
            ],
            "links.bob-carol: carries nothing: messages go to and from alice, the label holder",
        ),
        (
            ["dataset.split=stratified", "dataset.test_fraction=0"],
            "dataset.split: has no effect: no row is held out; remove it, or raise dataset.test",
        ),
        (
            ["dataset.split={by: time, column: age}"],
            "parties.alice.columns[0]: 'age' says which rows are held out, and the model sees it; "
            "take it off the columns unless that is meant",
        ),
        (
            ["dataset.key=id", "parties.bob.columns={drop: [day, id]}"],
            "parties.bob.columns.drop[1]: has no effect: 'id' is no feature unless it is listed",
        ),
        (
            ["parties.alice.columns={drop: [y]}"],
            "parties.alice.columns.drop[0]: has no effect: 'y' is no feature unless it is listed",
        ),
        (
            ["runtime.address=auto"],
            "runtime.address: has no effect with the runtime threaded; "
            "remove it, or use runtime.type=ray",
        ),
        (
            ["parties.bob.ray.num_cpus=2"],
            "parties.bob.ray: has no effect with the runtime threaded; "
            "remove it, or use runtime.type=ray",
        ),
    ],
)
def test_what_has_no_effect_is_warned_about(overrides: list[str], warning: str) -> None:
    (line,) = document(BANK, *overrides).warnings
    assert warning in line


def test_checkpoints_beyond_the_last_step_are_warned_about() -> None:
    (line,) = document(SYNTHETIC, "checkpoint.every_steps=8").warnings
    assert "checkpoint.every_steps: no checkpoint is ever taken: the run has 8 steps" in line
    assert not document(SYNTHETIC, "checkpoint.every_steps=7").warnings


def test_a_warm_up_that_the_run_never_leaves_is_warned_about() -> None:
    warmup = "training.lr_schedule={{type: cosine, warmup_steps: {}}}"
    (line,) = document(SYNTHETIC, warmup.format(8)).warnings
    assert line.endswith(
        "training.lr_schedule.warmup_steps: the warm-up never ends, and lr is never reached: "
        "the run has 8 steps; lower it"
    )
    assert not document(SYNTHETIC, warmup.format(7)).warnings
    assert not document(BANK, warmup.format(8)).warnings
