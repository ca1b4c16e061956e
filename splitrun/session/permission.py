"""A spec that names classes runs their code only where whoever gave the command allows it."""

from __future__ import annotations

from pathlib import Path as FilePath

from splitrun.errors import ModelError, Path, Problem
from splitrun.files import is_something
from splitrun.spec import Spec
from splitrun.spec.model import CustomModule


def refuse_code(spec: Spec, directory: FilePath) -> None:
    """Refuse a spec that names classes; nothing is imported to tell where they come from.

    Args:
        directory: where custom classes are looked up first.

    Raises:
        ModelError: naming each class and the file it would be imported from.
    """
    problems = [
        Problem(
            (*path, "class"),
            f"{model.class_} would run the code of {_origin(model.class_, directory)}",
            "if you trust it with all that you may do here, add --allow-code",
        )
        for path, model in named_classes(spec).items()
    ]
    if problems:
        raise ModelError(problems)


def named_classes(spec: Spec) -> dict[Path, CustomModule]:
    """The models that are classes, by where they stand in the spec."""
    models: dict[Path, object] = {("top", "model"): spec.top.model}
    for name, party in spec.parties.items():
        models["parties", name, "bottom"] = party.bottom
    return {path: model for path, model in models.items() if isinstance(model, CustomModule)}


def _origin(class_path: str, directory: FilePath) -> str:
    """The file next to the spec that the class's import begins with, or the installed module."""
    module = class_path.partition(":")[0]
    package = module.partition(".")[0]
    own = (directory / f"{package}.py", directory / package)
    return next((str(path) for path in own if is_something(path)), f"{module}, an installed module")
