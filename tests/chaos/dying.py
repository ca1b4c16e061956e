"""A process that is killed at a call that it makes, in place of the call."""

from __future__ import annotations

import os
import pkgutil
import signal
from dataclasses import dataclass
from itertools import count
from typing import Any


@dataclass(frozen=True)
class DieAt:
    """Kills its own process at so many-th call of a function, once it was called itself."""

    function: str
    """Such as `os:fsync`, or `package.module:Class.method`."""
    number: int

    def __str__(self) -> str:
        return f"call {self.number} of {self.function.rpartition(':')[2]}"

    def __call__(self) -> None:
        """From now on calls are counted."""
        where, _, name = self.function.rpartition("." if "." in self.function else ":")
        owner, calls = pkgutil.resolve_name(where), count(1)
        call = getattr(owner, name)

        def counted(*arguments: Any, **named: Any) -> Any:
            if next(calls) == self.number:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **named)

        setattr(owner, name, counted)
