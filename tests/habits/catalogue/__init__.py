"""All habits: what each file of this directory calls its `HABITS`."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from tests.habits.habit import Habit

HABITS: tuple[Habit, ...] = tuple(
    habit
    for theme in sorted(module.name for module in iter_modules(__path__))
    for habit in import_module(f"{__name__}.{theme}").HABITS
)
