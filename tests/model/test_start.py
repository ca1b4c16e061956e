"""What a role begins with: weights of a file, and parameters that do not learn."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from splitrun.errors import ModelError
from splitrun.session import evaluate_run, train
from tests.runtime.running import Content, modules_of, prepared, synthetic, trained
from tests.session.stopping import content_of, resumed, stopped

STALE = {"schedule": "stale", "depth": 3}


def test_a_role_begins_with_the_weights_that_another_run_has_ended_with(tmp_path: Path) -> None:
    first = train(prepared(synthetic()), tmp_path)
    (file,) = Path(first.run_dir).glob("model/p1/*.safetensors")
    again = prepared(synthetic(parties=2) | _of("p1", warm_start=str(file)))
    fresh = modules_of(prepared(synthetic()))
    begun = modules_of(again)
    ended = prepared(synthetic())
    result = trained(ended, "serial")
    for one, other in zip(
        begun["p1.bottom"].parameters(), result.stages["p1.bottom"].module.parameters(), strict=True
    ):
        assert torch.equal(one, other)
    for role in ("p0.bottom", "p0.top"):
        pairs = zip(begun[role].parameters(), fresh[role].parameters(), strict=True)
        assert all(torch.equal(one, other) for one, other in pairs)


def test_a_trained_model_needs_the_file_that_it_began_with_no_more(tmp_path: Path) -> None:
    first = train(prepared(synthetic()), tmp_path)
    (file,) = Path(first.run_dir).glob("model/p1/*.safetensors")
    again = train(prepared(synthetic() | _of("p1", warm_start=str(file))), tmp_path)
    file.unlink()
    assert evaluate_run(Path(again.run_dir)).metrics == again.metrics["test"]


def test_a_run_that_goes_on_from_a_checkpoint_needs_the_file_no_more(tmp_path: Path) -> None:
    file = tmp_path / "p1.safetensors"
    save_file(modules_of(prepared(synthetic(seed=1)))["p1.bottom"].state_dict(), file)
    warm = content_of() | _of("p1", warm_start=str(file))
    undisturbed = train(prepared(warm), tmp_path / "calm")
    directory = stopped(warm, tmp_path)
    file.unlink()
    _, result = resumed(directory)
    assert result.weights_sha256 == undisturbed.weights_sha256


def _of(party: str, **keys: object) -> Content:
    parties = synthetic()["parties"]
    return {"parties": parties | {party: parties[party] | keys}}


@pytest.mark.parametrize(
    ("tensors", "told"),
    [
        ({"x": torch.ones(2)}, "0.bias is missing there and [12] here"),
        (
            {"0.weight": torch.ones(12, 5), "0.bias": torch.ones(12)},
            "0.weight is [12, 5] there and [12, 4] here; 2.bias is missing there and [6] here",
        ),
    ],
)
def test_a_file_of_another_model_is_refused_with_what_differs(
    tensors: dict[str, torch.Tensor], told: str, tmp_path: Path
) -> None:
    file = tmp_path / "other.safetensors"
    save_file(tensors, file)
    with pytest.raises(ModelError) as caught:
        prepared(synthetic() | _of("p1", warm_start=str(file)))
    assert f"parties.p1.warm_start: {file}: {told}" in str(caught.value)


@pytest.mark.parametrize("content", [None, b"", b"\x08" + bytes(7) + b"{}      ", b"x" * 100])
def test_a_file_that_is_none_is_refused_on_a_line(content: bytes | None, tmp_path: Path) -> None:
    file = tmp_path / "none.safetensors"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ModelError) as caught:
        prepared(synthetic() | _of("p1", warm_start=str(file)))
    (line,) = str(caught.value).splitlines()
    assert f"parties.p1.warm_start: {file}: " in line


@pytest.mark.parametrize("pipeline", ["sequential", STALE])
@pytest.mark.parametrize("frozen", [["0.*"], ["*"]])
def test_what_is_frozen_stays_as_it_began_and_all_else_learns(
    frozen: list[str], pipeline: Content | str
) -> None:
    content = synthetic(pipeline=pipeline) | _of("p1", freeze=frozen)
    begun = modules_of(prepared(content))
    runs = [trained(prepared(content), kind) for kind in ("serial", "threaded")]
    assert runs[0].outcome.digests == runs[1].outcome.digests
    for role, stage in runs[0].stages.items():
        for name, parameter in stage.module.named_parameters():
            stays = role == "p1.bottom" and (frozen == ["*"] or name.startswith("0."))
            assert torch.equal(parameter, dict(begun[role].named_parameters())[name]) is stays


def test_a_pattern_that_fits_nothing_is_refused() -> None:
    with pytest.raises(ModelError) as caught:
        prepared(synthetic() | _of("p0", freeze=["0.*", "layers.*"]))
    assert "parties.p0.freeze[1]: 'layers.*' fits no parameter; they are 0.weight" in str(
        caught.value
    )
