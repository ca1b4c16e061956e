"""What a module keeps in Python: attributes that are neither parameters, buffers nor layers.

Checkpoints and saved models do not hold them, a forward cannot be undone in them, and batches in
flight share them. So it matters whether forwards change any. Two looks at a module are compared;
nothing is pickled, and nothing is called but what tells of an object's state.

A step can be run again only where the module is as it was before it, so what is kept in Python can
be captured and put back: attributes are set back, containers and tensors get back what was in them,
random generators their state. What cannot be put back, such as an iterator, is left; whether that
matters shows in a later look.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import io
import logging
import random
import types
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from splitrun.model.state import named_tensors

_TENSORS_AND_LAYERS = frozenset(("_parameters", "_buffers", "_modules", "training"))
_NUMBERS = (bool, int, float, complex)
_PLAIN = (*_NUMBERS, str, bytes, type(None))
_NO_STATE = (type, types.ModuleType, io.IOBase, logging.Logger, logging.Handler)
"""Of what is of these kinds, nobody computes with the state: files and logs are written to."""
_MOST = 100_000
"""Values that are looked at; a module with more of them counts as changed by what is seen."""

Look = Mapping[str, object]
"""A value that stands for each thing a module keeps, by where it is: `steps`, `cache['k']`."""


def python_state(module: nn.Module) -> Look:
    """How everything that a module keeps in Python is now."""
    look = _Look(storages_of(module))
    for name, layer in nn.Module.named_modules(module):
        look.seen.add(id(layer))
        for key, value in attributes_of(layer):
            look.take(f"{name}.{key}".lstrip("."), value)
    return look.values


def attributes_of(layer: nn.Module) -> list[tuple[str, Any]]:
    """A layer's own attributes, beside its parameters, buffers, layers and mode."""
    return [(key, each) for key, each in vars(layer).items() if key not in _TENSORS_AND_LAYERS]


def storages_of(module: nn.Module) -> set[int | None]:
    """Where its parameters and buffers lie."""
    return {storage_of(tensor) for tensor in named_tensors(module).values()} - {None}


def storage_of(value: object) -> int | None:
    """Where a tensor lies; None for what is none, or lies nowhere."""
    if not isinstance(value, Tensor) or value.layout != torch.strided:
        return None
    return value.untyped_storage().data_ptr() or None


def changed(before: Look, after: Look) -> list[str]:
    """What differs, by name; what only one has, too."""
    return [name for name in {**before, **after} if before.get(name) != after.get(name)]


def changed_numbers(before: Look, after: Look) -> list[str]:
    """Those of them that are numbers, or text: counters, flags, phases."""
    return [
        name
        for name in changed(before, after)
        if isinstance(after.get(name, before.get(name)), (*_NUMBERS, str))
    ]


class _Look:
    """Takes in one value after the other.

    Args:
        own: where the module's parameters and buffers lie: they, and views of them, are no part of
            it wherever they are.
    """

    def __init__(self, own: Set[int | None]) -> None:
        self._own = own
        self.values: dict[str, object] = {}
        self.seen: set[int] = set()
        self._kept: list[object] = []
        """What was made on the way: an id stands for an object while that attempts."""

    def take(self, name: str, value: Any) -> None:
        """Note a value, and what is in it."""
        if len(self.values) >= _MOST or storage_of(value) in self._own:
            return
        if isinstance(value, _PLAIN):
            self.values[name] = value if value == value else "nan"
        elif isinstance(value, Tensor):
            self.values[name] = _content(value)
        elif isinstance(value, np.ndarray | np.generic) and value.dtype != object:
            self.values[name] = (str(value.dtype), value.shape, _digest(value.tobytes()))
        elif id(value) not in self.seen:
            self.seen.add(id(value))
            self._kept.append(value)
            self.values[name] = type(value)
            for part, inner in _parts(value):
                self.take(name + part, inner)


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    """What is in a container, a function or an object of a class."""
    if isinstance(value, Mapping):
        yield "[len]", str(len(value))
        yield from ((f"[{key!r}]", inner) for key, inner in value.items())
    elif isinstance(value, list | tuple | deque):
        yield "[len]", str(len(value))
        yield from ((f"[{index}]", inner) for index, inner in enumerate(value))
    elif isinstance(value, Set):
        yield "[…]", repr(sorted(map(repr, value)))
    elif isinstance(value, torch.Generator):
        yield ".state", _digest(value.get_state().numpy().tobytes()).hex()
    elif inspect.isroutine(value) or isinstance(value, functools.partial):
        yield from _of_callable(value)
    elif has_state(value):
        yield from _of_object(value)


def has_state(value: Any) -> bool:
    """Whether an object's attributes are a module's affair: those of PyTorch's own objects, such as
    what compiles a function, are not."""
    pytorchs = type(value).__module__.partition(".")[0] == "torch"
    return not isinstance(value, _NO_STATE) and (not pytorchs or isinstance(value, nn.Module))


def _of_callable(value: Any) -> Iterator[tuple[str, Any]]:
    """What a function holds: arguments, the object that it is a method of, its surroundings."""
    if isinstance(value, functools.partial):
        yield from ((".func", value.func), (".args", value.args), (".keywords", value.keywords))
    elif inspect.ismethod(value):
        yield ".self", value.__self__
    elif inspect.isfunction(value):
        cells = zip(value.__code__.co_freevars, value.__closure__ or (), strict=True)
        yield from ((f".{name}", inner) for name, cell in cells for inner in _inside(cell))
        yield from ((f".{name}", inner) for name, inner in vars(value).items())


def _inside(cell: Any) -> Iterable[Any]:
    try:
        return (cell.cell_contents,)
    except ValueError:  # not filled yet
        return ()


def _of_object(value: Any) -> Iterator[tuple[str, Any]]:
    """What an object would be made again from: generators keep their numbers where no attribute
    shows them. Of one that cannot tell, such as a file, its attributes."""
    try:
        _, *made_of = value.__reduce_ex__(4)
    except Exception:  # noqa: BLE001 - whatever a stranger's class raises
        made_of = [dict(getattr(value, "__dict__", {}))]
    for part in made_of:
        if isinstance(part, dict):
            yield from ((f".{name}", inner) for name, inner in part.items())
        elif part is not None:
            yield "", part


def _content(tensor: Tensor) -> object:
    if tensor.layout != torch.strided or tensor.device.type == "meta":
        return (id(tensor), tensor._version)  # noqa: SLF001
    raw = tensor.detach().cpu().contiguous().reshape(-1)
    raw = torch.view_as_real(raw).reshape(-1) if raw.is_complex() else raw
    return (str(tensor.dtype), tuple(tensor.shape), _digest(raw.view(torch.uint8).numpy().data))


def _digest(content: bytes | memoryview) -> bytes:
    return hashlib.blake2b(content, digest_size=16).digest()


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
