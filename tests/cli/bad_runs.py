"""What happens to run directories, and what their users are told."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

Damage = Callable[[Path], object]


def damaged_json(name: str, **changes: object) -> Damage:
    """Keys of a JSON file set, or removed where the value is None."""

    def damage(directory: Path) -> None:
        path = directory / name
        content = json.loads(path.read_text()) | changes
        path.write_text(json.dumps({k: v for k, v in content.items() if v is not None}))

    return damage


def replaced(name: str, content: str) -> Damage:
    return lambda directory: (directory / name).write_text(content)


def truncated(name: str, length: int) -> Damage:
    return lambda directory: (directory / name).write_bytes(
        (directory / name).read_bytes()[:length]
    )


def flipped(name: str, position: int) -> Damage:
    def damage(directory: Path) -> None:
        content = bytearray((directory / name).read_bytes())
        content[position] ^= 1
        (directory / name).write_bytes(bytes(content))

    return damage


def removed(name: str) -> Damage:
    def damage(directory: Path) -> None:
        path = directory / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()

    return damage


def edited(name: str, old: str, new: str) -> Damage:
    def damage(directory: Path) -> None:
        text = (directory / name).read_text()
        assert old in text
        (directory / name).write_text(text.replace(old, new, 1))

    return damage


RESTORE = "; restore the file, or train again"
WEIGHTS = "model/bob/bob.bottom.safetensors"

DAMAGED: dict[str, tuple[Damage, str]] = {
    "no manifest": (
        removed("manifest.json"),
        "run: not a run directory; give one that `splitrun train` has written",
    ),
    "a manifest cut short": (
        truncated("manifest.json", 50),
        "run/manifest.json: cannot be read: DecodeError: Input data was truncated" + RESTORE,
    ),
    "a manifest that is a list": (
        replaced("manifest.json", "[]"),
        "run/manifest.json: cannot be read: ValidationError: Expected `object`, got `array`"
        + RESTORE,
    ),
    "a manifest nested too deeply": (
        replaced("manifest.json", "[" * 100_000),
        "run/manifest.json: cannot be read: RecursionError: …" + RESTORE,
    ),
    "a manifest without directory": (
        damaged_json("manifest.json", directory=None),
        "run/manifest.json: damaged: no 'directory' in it" + RESTORE,
    ),
    "a manifest with a number for a directory": (
        damaged_json("manifest.json", directory=3),
        "run/manifest.json: cannot be read: ValidationError: "
        "Expected `str`, got `int` - at `$.directory`" + RESTORE,
    ),
    "a directory that is gone": (
        damaged_json("manifest.json", directory="gone"),
        "gone/rows.csv: No such file or directory; give the path of a file that can be read",
    ),
    "a directory that cannot be": (
        damaged_json("manifest.json", directory="a\tb\0c"),
        "a…c/rows.csv: embedded null byte; give the path of a file that can be read",
    ),
    "no resolved spec": (
        removed("resolved.yaml"),
        "run/resolved.yaml: no such file, so nothing tells what the model is" + RESTORE,
    ),
    "a resolved spec that is none": (
        edited("resolved.yaml", "seed:", "sede:"),
        "run/resolved.yaml:2:1: sede: unknown key 'sede'; did you mean 'seed'?",
    ),
    "another activation in the resolved spec": (
        edited("resolved.yaml", "relu", "tanh"),
        "run/resolved.yaml: changed since the run, so it does not describe the model" + RESTORE,
    ),
    "no model": (
        removed("model"),
        "run/model/alice/model.json: no model here, for the run ended before it had one; "
        "train again, or name another run",
    ),
    "model.json cut short": (
        truncated("model/alice/model.json", 50),
        "run/model/alice/model.json: cannot be read: DecodeError: …" + RESTORE,
    ),
    "a model of before models were in parts": (
        lambda directory: (directory / "model/model.json").write_text("{}"),
        "run/model/model.json: a model of format 1, of splitrun 0.1, not of 3; "
        "use the splitrun that saved it, or train again",
    ),
    "a model of another format": (
        damaged_json("model/alice/model.json", format=2),
        "run/model/alice/model.json: a model of format 2, not of 3; "
        "use the splitrun that saved it, or train again",
    ),
    "no digest of the weights": (
        damaged_json("model/alice/model.json", weights_sha256=None),
        "run/model/alice/model.json: damaged: no 'weights_sha256' in it, or of another type"
        + RESTORE,
    ),
    "no encoders": (
        damaged_json("model/alice/model.json", encoder={}),
        "run/model/alice/model.json: damaged at features: Field required" + RESTORE,
    ),
    "facts that are none": (
        damaged_json("model/alice/model.json", facts={}),
        "run/model/alice/model.json: damaged: not the facts of a party: "
        "Object missing required field `party`" + RESTORE,
    ),
    "facts of a training without rows": (
        edited("model/alice/model.json", '"train_rows": 32', '"train_rows": 0'),
        "run/model/alice/model.json: damaged: no row was trained on" + RESTORE,
    ),
    "encoders of another label": (
        edited("model/alice/model.json", '"column": "y"', '"column": "z"'),
        "the model was trained for the label 'z', the spec has another; "
        "use the spec that it was trained with",
    ),
    "encoders of other columns": (
        damaged_json("model/alice/model.json", encoder={"features": None, "label": None}),
        "the model was trained with other columns of alice than the spec has; "
        "use the spec that it was trained with",
    ),
    "no weights of a role": (
        removed(WEIGHTS),
        f"run/{WEIGHTS}: not the weights that were saved: FileNotFoundError: …" + RESTORE,
    ),
    "weights cut short": (
        truncated(WEIGHTS, 100),
        f"run/{WEIGHTS}: not the weights that were saved: SafetensorError: …" + RESTORE,
    ),
    "a bit flipped in a weight's name": (
        flipped(WEIGHTS, 12),
        f"run/{WEIGHTS}: not the weights that were saved: RuntimeError: …" + RESTORE,
    ),
    "a bit flipped in a weight": (
        flipped(WEIGHTS, -3),
        f"run/{WEIGHTS}: the weights' digest is …, but … was saved, so the file was changed since; "
        "restore it, or train again",
    ),
    "the weights of another role": (
        lambda directory: shutil.copy(
            directory / "model/alice/alice.top.safetensors", directory / WEIGHTS
        ),
        f"run/{WEIGHTS}: not the weights that were saved: "
        "RuntimeError: other tensors than the model's: 0.bias, …" + RESTORE,
    ),
}
