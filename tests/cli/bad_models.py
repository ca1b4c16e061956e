"""Models that cannot be built, joined or trained, and what their users are told."""

from __future__ import annotations

from tests.cli.trial import ROWS, SPEC, Bad, own, spec

OWN = spec(("{type: mlp, hidden: [4], out: 3}", "{class: 'own:Bottom'}"))
CLASS = "trial.yaml:9:14: parties.bob.bottom.class: "
BOTTOM = "trial.yaml:9:5: parties.bob.bottom: "
RETURN = "; return a float tensor of 8 rows and at least 1 column, or several"


def custom(told: str, text: str, of: str = OWN, rows: str = ROWS) -> Bad:
    return Bad(told, of, rows, files={"own.py": text})


CLASSES = {
    "no module": Bad(
        CLASS + "no module 'not_here' in . or among the installed packages; "
        "put it next to the spec, or install it",
        spec(("own:Bottom", "not_here:Bottom"), of=OWN),
    ),
    "no class": custom(
        CLASS + "no class 'Bottom' in …own.py; did you mean 'Bottoms'?",
        own().replace("Bottom", "Bottoms"),
    ),
    "a class that is no Module": custom(
        CLASS + "own:Bottom is no torch.nn.Module; name a subclass of it", "class Bottom: pass\n"
    ),
    "a syntax error": custom(
        CLASS + "own cannot be imported: SyntaxError: … (own.py, line 1); mend the module",
        "class Bottom(:\n",
    ),
    "a module that needs another": custom(
        CLASS + "own cannot be imported: ModuleNotFoundError: No module named 'not_here' "
        "(…own.py:1); mend the module",
        "import not_here\n",
    ),
    "a module that exits": custom(
        CLASS + "own cannot be imported: SystemExit: 3 (…own.py:1); mend the module",
        "raise SystemExit(3)\n",
    ),
    "a constructor that raises": custom(
        CLASS + "own:Bottom cannot be built with {'in_features': 3}: ValueError: no licence for 3 "
        "columns (…own.py:8); mend its kwargs or its __init__()",
        own(init="fail()\ndef fail():\n    raise ValueError('no licence\\nfor 3 columns')\n#"),
    ),
    "kwargs that are not taken": Bad(
        CLASS + "own:Bottom cannot be built with {'in_features': 3, 'wdth': 4}: TypeError: …"
        "unexpected keyword argument 'wdth'; mend its kwargs or its __init__()",
        spec(("'own:Bottom'", "'own:Bottom', kwargs: {wdth: 4}"), of=OWN),
        files={"own.py": own()},
    ),
    "no call of super().__init__()": custom(
        CLASS + "own:Bottom leaves torch.nn.Module uninitialised; "
        "call super().__init__() first in its __init__()",
        own(init="None").replace("super().__init__()", "pass"),
    ),
    "a forward that raises": custom(
        BOTTOM + "Bottom fails on a batch of float32 [8, 3]: KeyError: 'gone' (…own.py:8); "
        "check its kwargs and its forward()",
        own("raise KeyError('gone')"),
    ),
    "a layer of another width": custom(
        BOTTOM + "Bottom fails on a batch of float32 [8, 3]: RuntimeError: mat1 and mat2 shapes "
        "cannot be multiplied (8x3 and 7x2) (…own.py:8); check its kwargs and its forward()",
        own(init="nn.Linear(7, 2)"),
    ),
    "a scalar": custom(
        BOTTOM + "forward() returns float32 []" + RETURN, own("return self.layer(x).sum()")
    ),
    "a vector": custom(
        BOTTOM + "forward() returns float32 [8]" + RETURN, own("return self.layer(x)[:, 0]")
    ),
    "a row too few": custom(
        BOTTOM + "forward() returns float32 [7, 2]" + RETURN, own("return self.layer(x)[1:]")
    ),
    "whole numbers": custom(
        BOTTOM + "forward() returns int64 [8, 2]" + RETURN, own("return self.layer(x).long()")
    ),
    "nothing": custom(BOTTOM + "forward() returns NoneType" + RETURN, own("return None")),
    "no tensors": custom(BOTTOM + "forward() returns an empty tuple" + RETURN, own("return ()")),
    "a number among tensors": custom(
        BOTTOM + "forward() returns int among its tensors" + RETURN,
        own("return self.layer(x), 3"),
    ),
    "an output cut off from the weights": custom(
        BOTTOM + "forward() returns float32 [8, 2] that depends on nothing trainable; "
        "leave a parameter trainable, and its result attached",
        own("return self.layer(x).detach()"),
    ),
    "a top that returns two tensors": Bad(
        "trial.yaml:12:3: top.model: forward() returns tuple; "
        "return a float tensor of 8 rows and at least 1 column",
        spec(("{type: mlp, out: 1}", "{class: 'own:Bottom'}")),
        files={"own.py": own("return self.layer(x), self.layer(x)")},
    ),
    "a top of another width": Bad(
        "trial.yaml:12:3: top.model: the output is [2] per row, and binary_cross_entropy over "
        "2 classes takes [1]; make it 1 wide",
        spec(("{type: mlp, out: 1}", "{class: 'own:Bottom'}")),
        files={"own.py": own()},
    ),
}

FITS = {
    "an output for two of three classes": Bad(
        "trial.yaml:12:22: top.model.out: the output is [2] per row, and cross_entropy over "
        "3 classes takes [3]; make it 3 wide",
        spec(("binary_cross_entropy", "cross_entropy"), ("out: 1}", "out: 2}")),
        rows=ROWS + "20,cook,1000,Ulm,maybe\n" * 9,
    ),
    "a sum of unequal widths": custom(
        "trial.yaml:12:3: top.fusion: bob.bottom sends [5] per row and alice.bottom [2]; "
        "with sum, all bottoms must send the same shapes",
        own(init="nn.Linear(in_features, 5)"),
        spec(("party: alice\n", "party: alice\n  fusion: sum\n"), of=OWN),
    ),
    "a concatenation of unequal ranks": custom(
        "trial.yaml:10:1: top.fusion: bob.bottom sends [1, 2] per row and alice.bottom [2]; "
        "with concat, all bottoms must send tensors that differ in their last dimension alone",
        own("return self.layer(x).unsqueeze(1)"),
    ),
    "a last batch of one row for BatchNorm": Bad(
        "trial.yaml:2:48: dataset.batch_size: the last batch of an epoch has 1 of the 33 training "
        "rows, and alice.bottom has BatchNorm, which needs 2; choose another batch size",
        spec(("hidden: [4], out: 2", "hidden: [4], out: 2, normalization: batch")),
        rows=ROWS + "20,cook,1000,Ulm,no\n" * 2,
    ),
    "batches of one row for a BatchNorm of one's own": custom(
        "trial.yaml:2:48: dataset.batch_size: the last batch of an epoch has 1 of the 32 training "
        "rows, and bob.bottom has BatchNorm, which needs 2; choose another batch size",
        own(init="nn.BatchNorm1d(in_features)"),
        spec(("batch_size: 8", "batch_size: 1"), of=OWN),
    ),
    "micro-batches for a BatchNorm of one's own": custom(
        "trial.yaml:16:1: pipeline.micro_batches: bob.bottom has BatchNorm, whose statistics "
        "would be those of a micro-batch; use LayerNorm, or another schedule",
        own(init="nn.BatchNorm1d(in_features)"),
        OWN + "pipeline: microbatch\n",
    ),
    "adam for a sparse embedding of one's own": custom(
        BOTTOM + "adam takes no sparse gradients, and Bottom has a sparse embedding; "
        "use sparse_adam, plain sgd or adagrad for it, or sparse=False",
        own("return self.layer(x.long()[:, 0])", "nn.Embedding(99, 2, sparse=True)"),
    ),
    "embeddings of no categories": Bad(
        "trial.yaml:9:14: parties.bob.bottom.type: embedding_mlp has nothing to embed: no column "
        "of the party is categorical; list columns under dataset.categorical, or use mlp",
        spec(("[income, city]", "[income]"), ("mlp, hidden: [4], out: 3", "embedding_mlp, out: 3")),
    ),
    "a layer beyond all memory": Bad(
        BOTTOM + "cannot be built: RuntimeError: …; use smaller layers",
        spec(("hidden: [4], out: 3", "hidden: [4], out: 9223372036854775807")),
    ),
    "a depth beyond the steps": Bad(
        "trial.yaml:16:29: pipeline.depth: depth 5 is more than the 4 steps of the run; "
        "use at most 4, more epochs or a smaller dataset.batch_size",
        SPEC + "pipeline: {schedule: stale, depth: 5}\n",
    ),
    "a party's depth beyond the steps": Bad(
        "trial.yaml:9:5: parties.bob.depth: depth 5 is more than the 4 steps of the run; "
        "use at most 4, more epochs or a smaller dataset.batch_size",
        spec(("[income, city]\n", "[income, city]\n    depth: 5\n")) + "pipeline: stale\n",
    ),
    "a deadline shorter than a message takes": Bad(
        "trial.yaml:17:15: supervision.deadline_s: a message over bob.bottom->alice.top takes up "
        "to 0.768 s, so it would be late; raise it, or use auto",
        SPEC + "links: {default: {bandwidth_mbps: 0.001}}\n" + "supervision: {deadline_s: 0.5}\n",
    ),
}

COUNTED = own(
    "self.calls = getattr(self, 'calls', 0) + 1\n"
    "        if self.calls == 6:\n"
    "            raise ValueError('the sensor is gone')\n"
    "        return self.layer(x)"
)

FAILING = {
    "a learning rate too high": Bad(
        "alice.bottom failed at LOSS 1: the loss is …; "
        "a lower learning rate (training.optimizer.lr) is the usual remedy\n"
        "the run directory is runs/…",
        spec(("{type: adam, lr: 0.01}", "{type: sgd, lr: 1e30}")),
    ),
    "a learning rate too high, in threads": Bad(
        "….bottom failed at LOSS …: the loss is …; "
        "a lower learning rate (training.optimizer.lr) is the usual remedy\n"
        "the run directory is runs/…",
        spec(("{type: adam, lr: 0.01}", "{type: sgd, lr: 1e30}"), ("serial", "threaded"))
        + "pipeline: {schedule: stale, depth: 2}\n",
    ),
    "a module that raises at step 5": custom(
        "bob.bottom failed at FORWARD 5: ValueError: the sensor is gone\n"
        "the run directory is runs/…",
        COUNTED,
        spec(("training: {", "training: {epochs: 2, "), of=OWN),
    ),
    "a module that raises at step 5, in a thread": custom(
        "bob.bottom failed at FORWARD 5: ValueError: the sensor is gone\n"
        "the run directory is runs/…",
        COUNTED,
        spec(("training: {", "training: {epochs: 2, "), ("serial", "threaded"), of=OWN),
    ),
}
