"""Names of a package that are imported when they are first used, so that who needs a part of it
doesn't wait for all of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module


def imported_on_use(package: str, modules: Mapping[str, str]) -> Callable[[str], object]:
    """A `__getattr__` for a package's module.

    Args:
        package: its `__name__`.
        modules: by what is offered, the module that has it, relative if it begins with a dot.
    """

    def attribute(name: str) -> object:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value: object = getattr(import_module(modules[name], package), name)
        setattr(sys.modules[package], name, value)
        return value

    return attribute
