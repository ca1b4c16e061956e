"""From a spec's model sections to modules, each with initial weights of its own random stream."""

from __future__ import annotations

import copy
import importlib
import inspect
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from torch import nn
from torch.nn.parameter import UninitializedParameter

from splitrun.data import InputShape
from splitrun.errors import ModelError, Problem, one_line
from splitrun.errors import Path as SpecPath
from splitrun.model.custom import surroundings
from splitrun.model.layers import EmbeddingMlp, mlp
from splitrun.model.randomness import seeded_apart
from splitrun.model.state import parameters_of
from splitrun.spec.model import BottomModel, CustomModule, Mlp, TopModel
from splitrun.spec.model import EmbeddingMlp as EmbeddingMlpSection
from splitrun.spec.wording import closest


def section_of(role: str) -> SpecPath:
    """Where in a spec a role's model is: `("parties", "bob", "bottom")` or `("top", "model")`."""
    party, _, kind = role.rpartition(".")
    return ("parties", party, "bottom") if kind == "bottom" else ("top", "model")


def build_bottom(
    model: BottomModel, shape: InputShape, *, role: str, seed: int, directory: Path
) -> nn.Module:
    """A party's bottom model, in training mode.

    A custom class is given `in_features`, `numeric` and `cardinalities` where its constructor
    has parameters of these names and `kwargs` does not set them.

    Args:
        shape: what the party's columns come to.
        role: names the random stream of the initial weights.
        directory: where a custom class is looked up first.

    Raises:
        ModelError: a custom class cannot be imported or built, or the model is too large.
    """
    loaded = _import_custom(model, role, directory)
    with seeded_apart(seed, "weights", role), _in_memory(role), _undisturbed(model, role):
        match model:
            case Mlp():
                return mlp(shape.width, model)
            case EmbeddingMlpSection():
                return EmbeddingMlp(
                    shape.numeric,
                    shape.cardinalities,
                    embedding_dim=model.embedding_dim,
                    sparse=model.sparse,
                    layers=model,
                )
            case _:
                offered = {
                    "in_features": shape.width,
                    "numeric": shape.numeric,
                    "cardinalities": shape.cardinalities,
                }
                return _custom(model, loaded, offered, role, directory)


def build_top(
    model: TopModel | None, in_features: int, *, role: str, seed: int, directory: Path
) -> nn.Module:
    """The label holder's top model over `in_features` fused values; without one, the identity.

    Raises:
        ModelError: a custom class cannot be imported or built, or the model is too large.
    """
    loaded = _import_custom(model, role, directory)
    with seeded_apart(seed, "weights", role), _in_memory(role), _undisturbed(model, role):
        match model:
            case None:
                return nn.Identity()
            case Mlp():
                return mlp(in_features, model)
            case _:
                return _custom(model, loaded, {"in_features": in_features}, role, directory)


@contextmanager
def _in_memory(role: str) -> Iterator[None]:
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        what = f"cannot be built: {one_line(error)}"
        raise ModelError([Problem(section_of(role), what, "use smaller layers")]) from error


def _undisturbed(model: object, role: str) -> AbstractContextManager[None]:
    """While a user's class is imported, built or run, what belongs to all parties stays as it is;
    our own leave it alone."""
    return undisturbed(model.class_, role) if isinstance(model, CustomModule) else nullcontext()


def undisturbed(class_path: str, role: str) -> AbstractContextManager[None]:
    """Refuse a class that sets what belongs to the whole process, and put that back.

    Raises:
        ModelError: it does.
    """

    def changed(setting: str) -> ModelError:
        what = f"{class_path} calls {setting}, which would hold for every party"
        return _refused(role, what, "give its own layers what they need, or undo it there")

    return surroundings.kept(changed)


def _import_custom(model: object, role: str, directory: Path) -> Any:
    """The class of a custom model. Its module runs now: what it draws is no initial weight."""
    if not isinstance(model, CustomModule):
        return None
    with undisturbed(model.class_, role):
        return _import_class(model.class_, role, directory)


def _custom(
    model: CustomModule, loaded: Any, offered: dict[str, Any], role: str, directory: Path
) -> nn.Module:
    kwargs = model.kwargs
    try:
        wanted = inspect.signature(loaded).parameters
        kwargs = {name: value for name, value in offered.items() if name in wanted} | kwargs
        module = loaded(**copy.deepcopy(kwargs))  # the class may change what it is given
    except (Exception, SystemExit) as error:
        why = one_line(error, str(directory.resolve()))
        what = f"{model.class_} cannot be built with {kwargs}: {why}"
        raise _refused(role, what, "mend its kwargs or its __init__()") from error
    if not isinstance(module, nn.Module):
        raise _refused(role, f"{model.class_} is no torch.nn.Module", "name a subclass of it")
    if "_parameters" not in vars(module):
        what = f"{model.class_} leaves torch.nn.Module uninitialised"
        raise _refused(role, what, "call super().__init__() first in its __init__()")
    own = parameters_of(module).values()
    if any(isinstance(parameter, UninitializedParameter) for parameter in own):
        what = f"{model.class_} has lazy layers, whose weights nobody has made yet"
        raise _refused(role, what, "state their widths; in_features is passed on request")
    return module


def _refused(role: str, what: str, remedy: str) -> ModelError:
    return ModelError([Problem((*section_of(role), "class"), what, remedy)])


def _import_class(name: str, role: str, directory: Path) -> Any:
    """The class that `package.module:Class` names; modules next to the spec come first."""
    module_name, _, class_name = name.partition(":")
    _forget_namesake(module_name.partition(".")[0], directory.resolve())
    sys.path.insert(0, str(directory.resolve()))
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and module_name.startswith(error.name or "?"):
            what = f"no module {error.name!r} in {directory} or among the installed packages"
            raise _refused(role, what, "put it next to the spec, or install it") from error
        what = f"{module_name} cannot be imported: {one_line(error, str(directory.resolve()))}"
        raise _refused(role, what, "mend the module") from error
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
        raise _refused(role, what, f"did you mean {near!r}?" if near else "define it there")
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


def _forget_namesake(package: str, directory: Path) -> None:
    """Unload a module of this name that another spec had beside it: this spec has its own."""
    own = (directory / f"{package}.py", directory / package / "__init__.py")
    loaded = getattr(sys.modules.get(package), "__file__", None)
    if loaded is None or Path(loaded) in own or not any(path.is_file() for path in own):
        return
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        del sys.modules[name]
    importlib.invalidate_caches()
