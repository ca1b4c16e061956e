"""What belongs to the whole process and a user's code may set: PyTorch's defaults, the working
directory.

One party's class must not change how another party's numbers are rounded, or where its files are.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch


class _Setting(NamedTuple):
    """One of them: how it is called, read and set."""

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], object]
    matters: bool = True
    """Whether the class that sets it computes something else once it is put back."""


def _directory() -> Path | None:
    try:
        return Path.cwd()
    except OSError:  # it was removed
        return None


_SETTINGS = (
    _Setting("torch.set_default_dtype", torch.get_default_dtype, torch.set_default_dtype),
    _Setting("torch.set_default_device", torch.get_default_device, torch.set_default_device),
    _Setting("torch.set_grad_enabled", torch.is_grad_enabled, torch.set_grad_enabled),
    _Setting("torch.set_num_threads", torch.get_num_threads, torch.set_num_threads, matters=False),
    _Setting(
        "torch.use_deterministic_algorithms",
        torch.are_deterministic_algorithms_enabled,
        torch.use_deterministic_algorithms,
        matters=False,
    ),
    _Setting(
        "torch.set_float32_matmul_precision",
        torch.get_float32_matmul_precision,
        torch.set_float32_matmul_precision,
        matters=False,
    ),
    _Setting(
        "torch.autograd.set_detect_anomaly",
        torch.is_anomaly_enabled,
        torch.autograd.set_detect_anomaly,
        matters=False,
    ),
    _Setting("os.chdir", _directory, os.chdir),
)


@contextmanager
def kept(changed: Callable[[str], Exception]) -> Iterator[None]:
    """Put all of them back after a user's code has run.

    Args:
        changed: the error to raise if it has set one that matters to it, given which:
            `torch.set_default_dtype`.
    """
    before = [setting.read() for setting in _SETTINGS]
    names: list[str] = []
    try:
        yield
    finally:
        for setting, value in zip(_SETTINGS, before, strict=True):
            if setting.read() != value:
                setting.write(value)
                names += [setting.name] * setting.matters
    if names:
        raise changed(names[0])
