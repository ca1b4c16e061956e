"""What a role's module begins with beyond what it is built with: weights of a file, and parameters
that do not learn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn

from splitrun.errors import ModelError, Problem, one_line
from splitrun.errors import Path as SpecPath
from splitrun.files import read_bytes
from splitrun.model.state import fill, named_tensors, parameters_of

_MOST_TOLD = 3


@dataclass(frozen=True)
class Start:
    """How the module of a role begins.

    Args:
        section: the keys of the spec's section that says so: a party's, or the top's.
        warm_start: a safetensors file of all its parameters and buffers.
        freeze: patterns of names of parameters that do not learn, with `*` and `?`.
    """

    section: SpecPath
    warm_start: Path | None = None
    freeze: Sequence[str] = ()

    def of(self, build: Callable[[], nn.Module]) -> nn.Module:
        """A module as it is built, and then as this says.

        Raises:
            ModelError: the file cannot be read, has other tensors, or a pattern fits no parameter.
        """
        module = build()
        if self.warm_start is not None:
            fill(module, self._weights(self.warm_start, module))
        for index, pattern in enumerate(self.freeze):
            parameters = parameters_of(module)
            names = [name for name in parameters if fnmatchcase(name, pattern)]
            if not names:
                what = f"{pattern!r} fits no parameter"
                remedy = f"they are {', '.join(list(parameters)[:_MOST_TOLD])}, …; or write '*'"
                raise ModelError([Problem((*self.section, "freeze", index), what, remedy)])
            for name in names:
                parameters[name].requires_grad_(False)
        return module

    def _weights(self, path: Path, module: nn.Module) -> dict[str, Tensor]:
        def refuse(what: str, remedy: str) -> ModelError:
            return ModelError([Problem((*self.section, "warm_start"), f"{path}: {what}", remedy)])

        try:
            found = load(read_bytes(path, None, elsewhere=True))
        except (OSError, ValueError, SafetensorError) as error:
            told = f"cannot be read: {one_line(error)}"
            raise refuse(told, "name a safetensors file, such as of a run's model/") from error
        wanted = named_tensors(module)
        differences = [
            f"{name} is {_shape(found.get(name))} there and {_shape(wanted.get(name))} here"
            for name in sorted({*wanted, *found})
            if _shape(found.get(name)) != _shape(wanted.get(name))
        ]
        if differences:
            more = f", and {len(differences) - _MOST_TOLD} more" * (len(differences) > _MOST_TOLD)
            told = "; ".join(differences[:_MOST_TOLD]) + more
            raise refuse(told, "give the model the layers that it was saved with")
        return found


def _shape(tensor: Tensor | None) -> str:
    return "missing" if tensor is None else str(list(tensor.shape))
