"""Users' modules as in a process of their own: imported anew, and leaving nothing behind."""

from __future__ import annotations

import inspect
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module, invalidate_caches
from pathlib import Path
from typing import Any

import torch

from tests.habits.habit import Habit

MODULES = Path(__file__).parent / "modules"


@contextmanager
def process_of_its_own() -> Iterator[None]:
    """Forget which of the modules were imported, and what they did to PyTorch and to warnings.

    Threads within an operation are one, as a role's are.
    """
    dtype, threads = torch.get_default_dtype(), torch.get_num_threads()
    torch.set_num_threads(1)
    _forget()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        _forget()
        torch.set_num_threads(threads)
        torch.set_default_dtype(dtype)
        torch.set_grad_enabled(True)


def _forget() -> None:
    names = {path.stem for path in MODULES.iterdir()}
    for name in [name for name in sys.modules if name.partition(".")[0] in names - {"__init__"}]:
        del sys.modules[name]
    invalidate_caches()


@contextmanager
def beside(directory: Path) -> Iterator[None]:
    """While this lasts, Python looks for modules in a directory first, as for a script in it."""
    sys.path.insert(0, str(directory))
    try:
        yield
    finally:
        sys.path.remove(str(directory))


def class_of(habit: Habit) -> Any:
    """The class itself."""
    return getattr(import_module(habit.theme), habit.name)


def wanted(made: Any, offered: dict[str, Any]) -> dict[str, Any]:
    """Those of the offered arguments that the constructor names."""
    names = inspect.signature(made).parameters
    return {name: value for name, value in offered.items() if name in names}
