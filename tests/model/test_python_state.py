"""What a module keeps in Python is seen, whatever holds it, and can be put back."""

from __future__ import annotations

import functools
import random
import threading
from collections import deque
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from splitrun.model.custom.python_state import Captured, changed, changed_numbers, python_state


class Keeps(nn.Module):
    """Keeps something of every kind."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.count, self.name = 0, "first"
        self.history: deque[int] = deque([1], maxlen=3)
        self.table = {"seen": [1, 2], "nested": {"deep": (3, torch.zeros(2))}}
        self.kept = torch.zeros(3)
        self.view = self.kept[1:]
        self.numbers = np.zeros(3)
        self.generator = torch.Generator()
        self.own_random, self.legacy = random.Random(3), np.random.RandomState(1)
        self.modern = np.random.default_rng(0)
        self.other = SimpleNamespace(steps=0)
        self.unlisted = [nn.Linear(2, 2)]
        self.lock = threading.Lock()
        calls = [0]
        total = 0

        def note(by: int) -> None:
            nonlocal total
            total += by
            calls[0] += by

        self.note: Callable[[int], None] = note
        self.noting = functools.partial(note, 2)


def _add_to_unlisted(module: Keeps) -> None:
    with torch.no_grad():
        module.unlisted[0].weight.add_(1)


CHANGES: dict[str, Callable[[Keeps], object]] = {
    "a number": lambda module: setattr(module, "count", 1),
    "text": lambda module: setattr(module, "name", "second"),
    "a deque": lambda module: module.history.append(2),
    "a list in a dict": lambda module: module.table["seen"].append(3),  # type: ignore[attr-defined]
    "a tensor": lambda module: module.kept.add_(1),
    "a view": lambda module: module.view.data.add_(1),
    "an array": lambda module: module.numbers.__iadd__(1),
    "PyTorch's generator": lambda module: torch.rand(1, generator=module.generator),
    "Python's generator": lambda module: module.own_random.random(),
    "NumPy's old generator": lambda module: module.legacy.rand(),
    "NumPy's generator": lambda module: module.modern.random(),
    "an object": lambda module: setattr(module.other, "steps", 1),
    "a layer in a list": _add_to_unlisted,
    "a closure": lambda module: module.note(1),
    "a partial function": lambda module: module.noting(),
    "a new attribute": lambda module: setattr(module, "later", 5),
    "an attribute that goes": lambda module: delattr(module, "name"),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_every_change_is_seen_and_can_be_put_back(kind: str) -> None:
    module = Keeps()
    before, captured = python_state(module), Captured(module)
    assert not changed(before, python_state(module))
    CHANGES[kind](module)
    assert changed(before, python_state(module))
    captured.put_back()
    assert not changed(before, python_state(module))
    assert torch.equal(module.kept[1:], module.view)


def test_parameters_and_their_views_are_no_part_of_it() -> None:
    module = nn.LSTM(2, 2)  # keeps its weights in a list, too
    module.turned = module.all_weights[0][1].t()
    before = python_state(module)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(1)
    assert not changed(before, python_state(module))


def test_numbers_are_told_from_tensors() -> None:
    module = Keeps()
    before = python_state(module)
    module.kept.add_(1)
    module.count += 1
    assert changed_numbers(before, python_state(module)) == ["count"]


def test_what_holds_itself_is_looked_at_once() -> None:
    module = Keeps()
    circle: list[object] = [module]
    circle.append(circle)
    object.__setattr__(module, "circle", circle)
    captured = Captured(module)
    circle.append(1)
    captured.put_back()
    assert len(circle) == 2
