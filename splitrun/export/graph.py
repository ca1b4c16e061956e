"""A role's module as an ONNX file, which is run once before anybody gets it.

PyTorch writes down what a forward does with an example. A Python `if` on the example's values is
lost so: PyTorch warns of it, and the file is refused. A file also is refused where it does not give
what its module gives for other rows, of which there are more or fewer.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.jit._trace import TracerWarning

from splitrun.errors import MissingExtra, one_line
from splitrun.model import Tensors

OPSET = 17
"""Of ONNX's operators, which onnxruntime has had since 1.12."""
LARGEST_DIFFERENCE = 1e-5
"""Between what a file and its module give, as a share of the largest number given, if that is
above 1."""
_EXAMPLE_ROWS = 3
_TRIED_ROWS = (1, 5)

Example = Callable[[int], Tensors]
"""Makes so many rows of arguments."""


class NotExportable(Exception):
    """A module that ONNX has no file for; the message says why, and what helps."""


@dataclass(frozen=True)
class Graph:
    """A module with names for what goes in and comes out."""

    module: nn.Module
    """In evaluation mode."""
    inputs: Sequence[str]
    outputs: Sequence[str]
    example: Example

    def to_onnx(self, properties: Mapping[str, str], directory: Path) -> bytes:
        """The file's content; the number of rows is free.

        Args:
            properties: what it tells of itself.
            directory: of the user's code, whose lines are named in errors.

        Raises:
            NotExportable: PyTorch cannot write it, or what it writes gives other numbers.
            MissingExtra: a package for it is not installed.
        """
        onnx, onnxruntime = _library("onnx"), _library("onnxruntime")
        try:
            model = onnx.load_from_string(self._written())
        except NotExportable:
            raise
        except Exception as error:
            raise NotExportable(_first_sentence(one_line(error, str(directory)))) from error
        onnx.helper.set_model_props(model, properties)
        content: bytes = model.SerializeToString()
        self._try(onnxruntime, content, directory)
        return content

    def _written(self) -> bytes:
        file = io.BytesIO()
        names = (*self.inputs, *self.outputs)
        with warnings.catch_warnings(record=True) as told, _without_log(self.module):
            warnings.simplefilter("always")
            torch.onnx.export(
                self.module,
                self.example(_EXAMPLE_ROWS),
                file,  # type: ignore[arg-type]  # the exporter that traces takes one, too
                dynamo=False,
                opset_version=OPSET,
                training=torch.onnx.TrainingMode.PRESERVE,
                input_names=list(self.inputs),
                output_names=list(self.outputs),
                dynamic_axes={name: {0: "rows"} for name in names},
            )
        for warning in told:
            if issubclass(warning.category, TracerWarning) and not _is_harmless(warning):
                where = f"{Path(warning.filename).name}:{warning.lineno}"
                what = (
                    f"{where} goes by what a tensor holds, or by its rows, and ONNX keeps one case"
                )
                raise NotExportable(what)
        return file.getvalue()

    def _try(self, onnxruntime: Any, content: bytes, directory: Path) -> None:
        """Compare what the file and the module give.

        Raises:
            NotExportable: it differs, or one of them fails.
        """
        try:
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = 1
            options.log_severity_level = 3
            session = onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"])
        except Exception as error:
            raise NotExportable(_first_sentence(one_line(error))) from error
        known = {node.name for node in session.get_inputs()}
        for rows in _TRIED_ROWS:
            example = self.example(rows)
            try:
                with torch.no_grad():
                    wanted = self.module(*(tensor.clone() for tensor in example))
            except Exception as error:
                reason = one_line(error, str(directory))
                raise NotExportable(f"it fails for {rows} rows itself: {reason}") from error
            fed = zip(self.inputs, example, strict=True)
            try:
                given = session.run(None, {key: it.numpy() for key, it in fed if key in known})
            except Exception as error:
                reason = _first_sentence(one_line(error))
                raise NotExportable(f"what is written fails for {rows} rows: {reason}") from error
            for one, other in zip(wanted, given, strict=True):
                _compare(one, torch.from_numpy(other), rows)


def _compare(wanted: Tensor, given: Tensor, rows: int) -> None:
    if wanted.shape != given.shape:
        what = f"gives {list(given.shape)} for {rows} rows, the module {list(wanted.shape)}"
        raise NotExportable(f"what is written {what}")
    difference = float((wanted.double() - given.double()).abs().max())
    bound = LARGEST_DIFFERENCE * max(1.0, float(wanted.double().abs().max()))
    if not difference <= bound:
        what = f"gives other numbers than the module, by up to {difference:.2g}"
        raise NotExportable(f"what is written {what}; it may draw some, or keep count")


@contextmanager
def _without_log(module: nn.Module) -> Iterator[None]:
    """The exporter turns on its log, whatever it is told, and prints whole graphs to stdout where
    it fails; that is after the forward, before which it is turned off again."""

    def off(*_: object) -> None:
        torch._C._jit_set_onnx_log_enabled(False)  # noqa: SLF001

    hook = module.register_forward_pre_hook(off)
    try:
        yield
    finally:
        hook.remove()


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        what = f"splitrun export wants {name}, which is not installed"
        raise MissingExtra(f"{what}; run pip install 'splitrun[onnx]'") from None


def _is_harmless(warning: warnings.WarningMessage) -> bool:
    """Whether no line of the user's is warned of: PyTorch's layers look at shapes, and codecs for
    numbers that they cannot hold."""
    known = (Path(torch.__file__).parent, Path(__file__).parents[1])
    return any(Path(warning.filename).is_relative_to(package) for package in known)


def _first_sentence(text: str) -> str:
    """Of a library's message, which may go on for a screen."""
    return text.partition(". ")[0].rstrip(".")
