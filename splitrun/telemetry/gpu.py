"""Graphics processors, asked through NVIDIA's management library (NVML)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pynvml

from splitrun.errors import one_line
from splitrun.events import Gpu

_FAILURES = (pynvml.NVMLError, UnicodeDecodeError)
"""What a query raises: the library's own errors, and a name that is no text."""


class Gpus:
    """The machine's graphics processors; without any, or without their driver, there are none.

    `note` says in one line why there are none, or what failed first; it is empty if nothing did.
    """

    def __init__(self) -> None:
        self.note = ""
        self._open = False
        self._devices: list[_Device] = []

    def __enter__(self) -> Gpus:
        try:
            pynvml.nvmlInit()
            self._open = True
            count = pynvml.nvmlDeviceGetCount()
            self._devices = [_Device(index, self._ask) for index in range(count)]
            self.note = self.note or ("" if count else "the driver has no GPU")
        except _FAILURES as error:
            self._note(error)
        return self

    def __exit__(self, *_: object) -> None:
        if self._open:
            self._ask(pynvml.nvmlShutdown)

    def read(self) -> tuple[Gpu, ...]:
        """All of them as they are now; None for what a driver does not tell."""
        return tuple(device.read() for device in self._devices)

    def _ask(self, query: Callable[..., Any], *arguments: object) -> Any:
        """A query's answer, or None if it fails."""
        try:
            return query(*arguments)
        except _FAILURES as error:
            if getattr(error, "value", None) != pynvml.NVML_ERROR_NOT_SUPPORTED:
                self._note(error)
            return None

    def _note(self, error: Exception) -> None:
        self.note = self.note or one_line(error)


class _Device:
    def __init__(self, index: int, ask: Callable[..., Any]) -> None:
        self._ask = ask
        self._handle = ask(pynvml.nvmlDeviceGetHandleByIndex, index)
        name = self._query(pynvml.nvmlDeviceGetName)
        self._name: str = name or f"GPU {index}"

    def read(self) -> Gpu:
        rates = self._query(pynvml.nvmlDeviceGetUtilizationRates)
        memory = self._query(pynvml.nvmlDeviceGetMemoryInfo)
        milliwatts = self._query(pynvml.nvmlDeviceGetPowerUsage)
        return Gpu(
            name=self._name,
            busy_percent=None if rates is None else float(rates.gpu),
            memory_bytes=None if memory is None else int(memory.used),
            memory_total_bytes=None if memory is None else int(memory.total),
            power_w=None if milliwatts is None else milliwatts / 1000,
        )

    def _query(self, query: Callable[..., Any]) -> Any:
        return None if self._handle is None else self._ask(query, self._handle)
