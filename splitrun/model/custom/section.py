"""The sections of your own classes: a module beside the spec, or an installed one."""

from __future__ import annotations

import copy
import importlib
import inspect
import math
import sys
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field

from splitrun.errors import ModelError, Problem, one_line
from splitrun.spec.contracts import ModelSection
from splitrun.spec.section import CLASS_TAG, ClassPath, Section
from splitrun.spec.wording import closest

if TYPE_CHECKING:
    from torch import nn

    from splitrun.data import InputShape


def _finite(value: dict[str, Any]) -> dict[str, Any]:
    """Refuse NaN and infinity in keyword arguments, which no type guards."""
    pending: list[Any] = [value]
    while pending:
        part = pending.pop()
        if isinstance(part, float) and not math.isfinite(part):
            raise ValueError(f"holds {part}, which is not a finite number")
        if isinstance(part, dict | list):
            pending.extend(part.values() if isinstance(part, dict) else part)
    return value


class ClassSection(Section):
    """A class of your own, importable or in a file next to the spec."""

    class_: ClassPath = Field(alias="class", description="`package.module:Class`.")
    kwargs: Annotated[dict[str, Any], AfterValidator(_finite)] = Field(
        default_factory=dict, description="Keyword arguments of its constructor."
    )

    @property
    def type(self) -> str:
        """It has no `type` key: its `class` tells what it is."""
        return CLASS_TAG

    @property
    def class_path(self) -> str:
        """As stated under `class`."""
        return self.class_

    def instance(self, directory: FilePath, offered: Mapping[str, Any]) -> Any:
        """A new one of the class, imported from beside the spec first.

        Args:
            offered: what its constructor is given where it has parameters of these names and
                `kwargs` does not set them.

        Raises:
            ModelError: it cannot be imported, or its constructor fails; located in this section.
        """
        class_, kwargs = imported(self.class_, directory), self.kwargs
        try:
            wanted = inspect.signature(class_).parameters if offered else ()
            kwargs = {name: value for name, value in offered.items() if name in wanted} | kwargs
            return class_(**copy.deepcopy(kwargs))  # it may change what it is given
        except (Exception, SystemExit) as error:
            why = one_line(error, str(directory.resolve()))
            what = f"{self.class_} cannot be built with {kwargs}: {why}"
            raise _refused(what, "mend its kwargs or its __init__()") from error


class CustomModule(ClassSection, ModelSection):
    """Your own `torch.nn.Module`, importable or in a file next to the spec."""

    def load(self, directory: FilePath) -> None:
        """Import the class, whose module runs now."""
        imported(self.class_, directory)

    def build(self, inputs: InputShape, directory: FilePath) -> nn.Module:
        """An instance of the class, imported from beside the spec first.

        It is given `in_features`, `numeric` and `cardinalities` where its constructor has
        parameters of these names and `kwargs` does not set them.
        """
        module: nn.Module = self.instance(directory, self.offered(inputs))
        return module

    def offered(self, inputs: InputShape) -> dict[str, Any]:
        """What a top's constructor may ask for."""
        return {"in_features": inputs.width}


class CustomBottom(CustomModule):
    """Your own `torch.nn.Module` over a party's columns."""

    inputs: Literal["one_hot", "codes"] = Field(
        "one_hot",
        description="What forward() is given: one matrix with one-hot categories, "
        "or (numeric matrix, integer codes).",
    )

    @property
    def takes(self) -> Literal["one_hot", "codes"]:
        """As stated under `inputs`."""
        return self.inputs

    def offered(self, inputs: InputShape) -> dict[str, Any]:
        """What a bottom's constructor may ask for."""
        return {
            "in_features": inputs.width,
            "numeric": inputs.numeric,
            "cardinalities": inputs.cardinalities,
        }


def _refused(what: str, remedy: str) -> ModelError:
    """Located in the section; whoever builds it knows where that stands."""
    return ModelError([Problem(("class",), what, remedy)])


def imported(name: str, directory: FilePath) -> Any:
    """The class that `package.module:Class` names; modules next to the spec come first.

    Raises:
        ModelError: it cannot be imported, or the module has no such class.
    """
    module_name, _, class_name = name.partition(":")
    _forget_namesake(module_name.partition(".")[0], directory.resolve())
    sys.path.insert(0, str(directory.resolve()))
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and module_name.startswith(error.name or "?"):
            what = f"no module {error.name!r} in {directory} or among the installed packages"
            raise _refused(what, "put it next to the spec, or install it") from error
        what = f"{module_name} cannot be imported: {one_line(error, str(directory.resolve()))}"
        raise _refused(what, "mend the module") from error
    finally:
        sys.path.remove(str(directory.resolve()))
    _stay_importable(str(directory.resolve()))
    loaded = getattr(module, class_name, None)
    if not callable(loaded):
        file = getattr(module, "__file__", None)
        what = f"no class {class_name!r} in {file or module_name}"
        near = closest(
            class_name, [key for key, it in vars(module).items() if isinstance(it, type)]
        )
        raise _refused(what, f"did you mean {near!r}?" if near else "define it there")
    return loaded


_beside: list[str] = []
"""The directory that was added to the import path last."""


def _stay_importable(directory: str) -> None:
    """Let modules next to the spec be imported later, too, by a forward; installed ones go first
    then."""
    for earlier in _beside:
        if earlier in sys.path:
            sys.path.remove(earlier)
    _beside.clear()
    if directory not in sys.path:
        sys.path.append(directory)
        _beside.append(directory)


def _forget_namesake(package: str, directory: FilePath) -> None:
    """Unload a module of this name that another spec had beside it: this spec has its own."""
    own = (directory / f"{package}.py", directory / package / "__init__.py")
    loaded = getattr(sys.modules.get(package), "__file__", None)
    if loaded is None or FilePath(loaded) in own or not any(path.is_file() for path in own):
        return
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        del sys.modules[name]
    importlib.invalidate_caches()
