"""From a spec's model sections to modules, each with initial weights of its own random stream."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from torch import nn
from torch.nn.parameter import UninitializedParameter

from splitrun.data import InputShape
from splitrun.errors import ModelError, Problem, one_line
from splitrun.errors import Path as SpecPath
from splitrun.model.custom import surroundings
from splitrun.model.randomness import seeded_apart
from splitrun.model.state import Finite, parameters_of
from splitrun.spec.contracts import ModelSection


def section_of(role: str) -> SpecPath:
    """Where in a spec a role's model is: `("parties", "bob", "bottom")` or `("top", "model")`."""
    party, _, kind = role.rpartition(".")
    return ("parties", party, "bottom") if kind == "bottom" else ("top", "model")


def build_model(
    section: ModelSection | None, inputs: InputShape, *, role: str, seed: int, directory: Path
) -> nn.Module:
    """A role's model, in training mode; without a section, the identity.

    Args:
        inputs: what the party's columns come to or, of the top, the fused cuts.
        role: names the random stream of the initial weights.
        directory: where a custom class is looked up first.

    Raises:
        ModelError: a custom class cannot be imported or built, or the model is too large.
    """
    if section is None:
        return nn.Identity()
    with _placed(section, role), undisturbed(section, role):
        section.load(directory)
    with (
        seeded_apart(seed, "weights", role),
        _in_memory(role),
        _placed(section, role),
        undisturbed(section, role),
    ):
        module = section.build(inputs, directory)
        if not section.is_own:
            _check_build(section, module)
        return module


@contextmanager
def _in_memory(role: str) -> Iterator[None]:
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        what = f"cannot be built: {one_line(error)}"
        raise ModelError([Problem(section_of(role), what, "use smaller layers")]) from error


@contextmanager
def _placed(section: ModelSection, role: str) -> Iterator[None]:
    """Problems of a section at their place in the spec; what a package's code raises is one."""
    try:
        yield
    except ModelError as error:
        place = section_of(role)
        problems = [Problem((*place, *it.path), it.what, it.remedy) for it in error.problems]
        raise ModelError(problems) from error.__cause__
    except Exception as error:
        if section.is_own:
            raise
        what = f"{section.title} cannot be built: {one_line(error)}"
        raise refused(section, role, what, "mend its package") from error


def undisturbed(section: ModelSection, role: str) -> AbstractContextManager[None]:
    """While other code than splitrun's is imported, built or run, what belongs to all parties
    stays as it is.

    Raises:
        ModelError: it sets something of that.
    """
    if section.is_own:
        return nullcontext()

    def changed(setting: str) -> ModelError:
        what = f"{section.title} calls {setting}, which would hold for every party"
        return refused(section, role, what, "give its own layers what they need, or undo it there")

    return surroundings.kept(changed)


def refused(section: ModelSection, role: str, what: str, remedy: str) -> ModelError:
    """The error at the key that tells what a role's model is."""
    return ModelError([Problem((*section_of(role), section.key), what, remedy)])


def _check_build(section: ModelSection, module: object) -> None:
    """Refuse what is no complete module; problems are located in the section."""

    def refuse(what: str, remedy: str) -> ModelError:
        return ModelError([Problem((section.key,), f"{section.title} {what}", remedy)])

    if not isinstance(module, nn.Module):
        raise refuse("is no torch.nn.Module", "name a subclass of it")
    if "_parameters" not in vars(module):
        what = "leaves torch.nn.Module uninitialised"
        raise refuse(what, "call super().__init__() first in its __init__()")
    own = parameters_of(module).values()
    if any(isinstance(parameter, UninitializedParameter) for parameter in own):
        what = "has lazy layers, whose weights nobody has made yet"
        raise refuse(what, "state their widths; in_features is passed on request")


def refuse_odd_weights(role: str, module: nn.Module) -> None:
    """Refuse a role's module that begins with a parameter which is not finite.

    Raises:
        ModelError: naming role and parameter.
    """
    if odd := Finite(module).odd_weight():
        what = f"its {odd} is not finite before any step"
        raise ModelError([Problem(section_of(role), what, "initialise it")])
