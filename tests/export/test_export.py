"""An exported model predicts, without splitrun, what splitrun predicts."""

from __future__ import annotations

import csv
import itertools
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from splitrun import __version__
from splitrun.errors import MissingExtra, ModelError, UsageError
from splitrun.export import export, export_role
from splitrun.session import predict, prepare, train
from splitrun.session.store import load_digests
from splitrun.spec import load
from tests.experiments.files import own_files
from tests.experiments.test_experiments import EXPERIMENTS
from tests.export.runs import CUSTOM, MLP, content, exported, predicted, table, trained

onnx = pytest.importorskip("onnx", reason="wants splitrun[onnx]")
pytest.importorskip("onnxruntime", reason="wants splitrun[onnx]")

CLASSES = ("low", "mid", "high")
EMBEDDING = {"type": "embedding_mlp", "embedding_dim": 3, "sparse": True, "out": 4}
MODELS: dict[str, tuple[dict[str, Any], Sequence[str]]] = {
    "two classes": (content(), ("no", "yes")),
    "numbers": (
        content(
            top__loss="mse",
            top__fusion="sum",
            parties__bob__bottom=EMBEDDING,
            parties__bob__optimizer={"type": "sparse_adam", "lr": 0.01},
        ),
        tuple(str(300_000 + 40_000 * number) for number in range(9)),
    ),
    "three classes of classes of one's own": (
        content(
            parties__alice__bottom=CUSTOM,
            parties__bob__bottom=CUSTOM,
            top__fusion="mean",
            top__loss="cross_entropy",
            top__model={"class": "own:Sum", "kwargs": {"out": 3}},
        ),
        CLASSES,
    ),
    "a label holder without a bottom, a top without a model, 16 bits": (
        content(
            parties__alice={},
            parties__carol={"columns": ["age", "job"], "bottom": MLP | {"out": 1}},
            parties__bob__bottom=MLP | {"out": 1, "normalization": "layer"},
            top={"party": "alice", "loss": "binary_cross_entropy", "fusion": "sum"},
            links={"bob->alice": {"codec": "bf16"}, "carol->alice": {"codec": "fp16"}},
        ),
        ("no", "yes"),
    ),
}


@pytest.mark.parametrize("model", MODELS)
def test_the_reader_predicts_what_splitrun_does(model: str, tmp_path: Path) -> None:
    from splitrun.export.reader import Chain

    made, label = MODELS[model]
    run = trained(tmp_path, made, label)
    chain = Chain(exported(run, tmp_path / "model"))
    wanted = predicted(run, tmp_path)
    given = chain.predict(dict.fromkeys(chain.parties, table(tmp_path / "new.csv")))
    scale = max(1.0, float(np.abs(wanted).max()))
    assert np.abs(given - wanted).max() <= 1e-5 * scale
    assert np.ptp(wanted) > 1e-3 * scale


def test_what_was_trained_in_bf16_is_exported_in_float32(tmp_path: Path) -> None:
    from splitrun.export.reader import Chain

    made = content(training__precision="bf16")
    run = trained(tmp_path, made)
    chain = Chain(exported(run, tmp_path / "model"))
    wanted = predicted(run, tmp_path)
    given = chain.predict(dict.fromkeys(chain.parties, table(tmp_path / "new.csv")))
    assert 0 < np.abs(given - wanted).max() <= 0.03


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("export"), content())


@pytest.fixture(scope="module")
def whole(run: Path) -> Path:
    """The directory of its export."""
    return exported(run, run.parents[1] / "model")


def test_the_reader_needs_neither_splitrun_nor_torch_nor_pandas(
    run: Path, whole: Path, tmp_path: Path
) -> None:
    wanted = predicted(run, tmp_path)[:, 0]
    code = (
        "import runpy, sys; directory = sys.argv[1]; sys.argv[2:] = ['new.csv']; "
        "runpy.run_path(f'{directory}/reader.py', run_name='__main__'); "
        "sys.exit(str({'splitrun', 'torch', 'pandas'} & sys.modules.keys()))"
    )
    command = [sys.executable, "-I", "-c", code, str(whole)]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert ended.stderr.strip() == "set()"
    header, *lines = (line.split(",") for line in ended.stdout.splitlines())
    assert header == ["row", "prediction", "probability_yes"]
    given = np.array([float(line[2]) for line in lines])
    assert np.abs(given - wanted).max() <= 1e-5
    assert [line[1] for line in lines] == ["yes" if it >= 0.5 else "no" for it in given]


def test_a_file_tells_where_it_comes_from_and_takes_any_number_of_rows(run: Path) -> None:
    ((name, data),) = export_role(run, "bob.bottom").files.items()
    model = onnx.load_from_string(data)
    assert name == "bob.bottom.onnx"
    assert {entry.key: entry.value for entry in model.metadata_props} == {
        "splitrun": __version__,
        "run": run.name,
        "role": "bob.bottom",
        "weights_sha256": load_digests(run / "model", "bob")["bob.bottom"],
    }
    assert [(each.domain, each.version) for each in model.opset_import] == [("", 17)]
    sizes = [
        node.type.tensor_type.shape.dim[0] for node in (*model.graph.input, *model.graph.output)
    ]
    assert [size.dim_param for size in sizes] == ["rows", "rows"]


def test_parties_that_export_their_own_make_the_whole_chain(
    run: Path, whole: Path, tmp_path: Path
) -> None:
    from splitrun.export.reader import Chain

    for own, other in (("alice", "bob"), ("bob", "alice")):
        copied = tmp_path / own
        shutil.copytree(run, copied)
        shutil.rmtree(copied / "model" / other)
        exported(copied, tmp_path / "model")
        assert all(other not in name for name in export(copied).files)
    rows = dict.fromkeys(("alice", "bob"), table(run.parents[1] / "rows.csv"))
    given, wanted = (Chain(path).predict(rows) for path in (tmp_path / "model", whole))
    assert np.array_equal(given, wanted)


def test_a_role_that_the_directory_does_not_have_is_refused_with_those_it_has(
    run: Path, tmp_path: Path
) -> None:
    shutil.copytree(run, tmp_path / "own")
    shutil.rmtree(tmp_path / "own" / "model" / "alice")
    with pytest.raises(UsageError) as raised:
        export_role(tmp_path / "own", "alice.top")
    own = tmp_path / "own"
    assert str(raised.value) == f"--role alice.top: not in {own}; it has bob.bottom"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of classes of one's own, of which one decides by its rows, and one draws numbers."""
    columns = {"carol": ["age", "job"], "bob": ["price", "born", "city"]}
    classes = {"carol": "Deciding", "bob": "Drawing"}
    parties = {
        name: {"columns": its, "bottom": {"class": f"own:{classes[name]}"}}
        for name, its in columns.items()
    }
    made = content(parties={"alice": {}, **parties})
    return trained(tmp_path_factory.mktemp("own"), made)


@pytest.mark.parametrize(
    ("role", "told"),
    [
        ("carol.bottom", r"own.py:\d+ goes by what a tensor holds, or by its rows, "),
        ("bob.bottom", "gives other numbers than the module, by up to .*; it may draw some"),
    ],
)
def test_a_class_that_no_file_would_be_true_to_is_refused(role: str, told: str, own: Path) -> None:
    with pytest.raises(ModelError, match=told) as raised:
        export_role(own, role, allow_code=True)
    assert f"parties.{role}.class: own:" in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


def test_classes_are_not_run_unasked(own: Path) -> None:
    assert [*export_role(own, "alice.top").files] == ["alice.top.onnx"]
    with pytest.raises(ModelError, match="add --allow-code"):
        export_role(own, "bob.bottom")


def test_weights_that_were_changed_are_not_exported(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "own")
    path = tmp_path / "own" / "model" / "bob" / "model.json"
    content = json.loads(path.read_text())
    content["weights_sha256"]["bob.bottom"] = "0" * 64
    path.write_text(json.dumps(content))
    with pytest.raises(UsageError, match="the weights' digest is"):
        export_role(tmp_path / "own", "bob.bottom")


def test_a_party_reads_no_file_of_another_export(whole: Path, tmp_path: Path) -> None:
    from splitrun.export.reader import Party

    directory = tmp_path / "model"
    shutil.copytree(whole, directory)
    about = json.loads((directory / "bob.json").read_text())
    about["roles"]["bob.bottom"]["weights_sha256"] = "0" * 64
    (directory / "bob.json").write_text(json.dumps(about))
    with pytest.raises(ValueError, match="other weights than"):
        Party(directory / "bob.json")


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_what_is_not_installed_is_named(
    package: str, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra) as raised:
        export_role(run, "bob.bottom")
    remedy = "run pip install 'splitrun[onnx]'"
    assert str(raised.value) == (
        f"splitrun export wants {package}, which is not installed; {remedy}"
    )


def test_adult_is_predicted_by_the_reader_with_words_and_gaps_it_never_saw(tmp_path: Path) -> None:
    from splitrun.export.reader import Chain

    options = [
        *own_files(ADULT),
        "dataset.missing=mean",
        "training.epochs=1",
        "pipeline=sequential",
    ]
    document = load(ADULT, [*options, "~links", "runtime=serial"])
    run = Path(train(prepare(document), tmp_path / "runs").run_dir)
    dataset = document.spec.dataset
    with Path(dataset.test_file or "").open(newline="") as file:
        cells = [row for row in csv.reader(file) if len(row) > 1][:2000]
    for row, (column, cell) in zip(cells, itertools.cycle(ODD), strict=False):
        row[column] = cell
    with (tmp_path / "new.csv").open("w", newline="") as file:
        csv.writer(file).writerows(cells)
    made = predict(run, tmp_path / "new.csv")
    table = dict(zip(dataset.reading_keys.header, zip(*cells, strict=True), strict=True))
    chain = Chain(exported(run, tmp_path / "model"))
    given = chain.predict({"census": table, "tax_office": table})
    assert sum(each.rows for columns in made.unseen.values() for each in columns) == 1000
    assert np.abs(given - made.predictions.values.numpy()).max() <= 1e-5


ADULT = EXPERIMENTS / "adult.yaml"
ODD = ((1, " Astronaut"), (6, " ?"), (13, "Atlantis"), (0, ""))
"""Columns and cells: words that no training row had, one of what is missing, and no number."""
