"""What a module keeps in Python, captured and put back.

A step can be run again only where the module is as it was before it. Attributes are set back,
containers and tensors get back what was in them, random generators their state. What cannot be put
back, such as an iterator, is left; whether that matters shows in `python_state` afterwards.
"""

from __future__ import annotations

import functools
import inspect
import random
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from splitrun.model.custom.python_state import attributes_of, has_state, storage_of, storages_of

_PutBack = Callable[[], Any]
"""Gives an object, which is as it was when it was captured."""


class Captured:
    """All of a module's attributes beside parameters, buffers and layers, as they are now."""

    def __init__(self, module: nn.Module) -> None:
        self._own = storages_of(module)
        self._kept: dict[int, Any] = {id(layer): layer for layer in nn.Module.modules(module)}
        self._layers = [
            (vars(layer), {name: self._capture(each) for name, each in attributes_of(layer)})
            for layer in nn.Module.modules(module)
        ]

    def put_back(self) -> None:
        """Make all of them what they were."""
        for table, attributes in self._layers:
            made_since = [name for name in table if name not in attributes]
            for name in made_since:
                if name not in ("_parameters", "_buffers", "_modules", "training"):
                    del table[name]
            table.update({name: put_back() for name, put_back in attributes.items()})

    def _capture(self, value: Any) -> _PutBack:
        if id(value) in self._kept or storage_of(value) in self._own:
            return lambda: value
        self._kept[id(value)] = value
        if isinstance(value, Tensor):
            content = value.detach().clone()
            return lambda: _call(value, value.data.copy_, content)  # views of it see that, too
        if isinstance(value, np.ndarray):
            numbers = value.copy()
            return lambda: _call(value, value.__setitem__, ..., numbers)
        if (restore := _generator(value)) is not None:
            return lambda: _call(value, restore)
        if isinstance(value, list | deque | dict | set):
            return self._container(value)
        return self._inside(value)

    def _container(self, value: Any) -> _PutBack:
        if isinstance(value, dict):
            entries = {key: self._capture(each) for key, each in value.items()}
            return lambda: _refill(value, {key: each() for key, each in entries.items()})
        items = [self._capture(each) for each in value]
        return lambda: _refill(value, [each() for each in items])

    def _inside(self, value: Any) -> _PutBack:
        """What an object holds that stays itself."""
        parts: list[_PutBack] = []
        if isinstance(value, tuple | functools.partial):
            inner = value if isinstance(value, tuple) else (value.func, value.args, value.keywords)
            parts = [self._capture(each) for each in inner]
        elif inspect.ismethod(value):
            parts = [self._capture(value.__self__)]
        elif inspect.isfunction(value):
            parts = [self._cell(cell) for cell in value.__closure__ or ()]
        elif _has_attributes(value):
            parts = [self._container(vars(value))]
        return lambda: _call(value, lambda: [each() for each in parts])

    def _cell(self, cell: Any) -> _PutBack:
        try:
            content = self._capture(cell.cell_contents)
        except ValueError:  # not filled yet
            return lambda: cell
        return lambda: _set(cell, "cell_contents", content())


def _has_attributes(value: Any) -> bool:
    return isinstance(getattr(value, "__dict__", None), dict) and has_state(value)


def _generator(value: Any) -> Callable[[], object] | None:
    """What puts a generator of random numbers back to where it is now."""
    if isinstance(value, torch.Generator):
        return functools.partial(value.set_state, value.get_state())
    if isinstance(value, random.Random):
        return functools.partial(value.setstate, value.getstate())
    if isinstance(value, np.random.RandomState):
        return functools.partial(value.set_state, value.get_state(legacy=True))
    if isinstance(value, np.random.Generator):
        return functools.partial(setattr, value.bit_generator, "state", value.bit_generator.state)
    return None


def _set(value: Any, name: str, content: Any) -> Any:
    setattr(value, name, content)
    return value


def _call(value: Any, action: Callable[..., object], *arguments: Any) -> Any:
    action(*arguments)
    return value


def _refill(value: Any, content: Iterable[Any]) -> Any:
    value.clear()
    (value.update if isinstance(value, dict | set) else value.extend)(content)
    return value
