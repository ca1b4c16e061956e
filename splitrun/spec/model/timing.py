"""Emulated hardware and networks."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from splitrun.spec.model.section import NonNegativeFloat, PositiveFloat, Section


class Compute(Section):
    """Emulates hardware that is not here: an instruction lasts `scale` times as long as it took,
    or at least the milliseconds given for it, counted from its start."""

    scale: Annotated[float, Field(strict=True, ge=1)] | None = None
    forward_ms: NonNegativeFloat | None = None
    backward_ms: NonNegativeFloat | None = None
    update_ms: NonNegativeFloat | None = None
    loss_ms: NonNegativeFloat | None = None


PRESETS: dict[str, tuple[float, float]] = {
    "lan": (0.2, 10_000),
    "metro": (5, 1_000),
    "wan": (25, 100),
}
"""Latency in ms one way and bandwidth in Mbit/s per direction. SecretFlow's own benchmarks use
100 Mbit/s and a 50 ms round trip, which is `wan`."""


class Link(Section):
    """What lies between two parties. Explicit values win over the preset's."""

    preset: Literal["lan", "metro", "wan"] | None = None
    latency_ms: NonNegativeFloat = Field(0, description="One way.")
    bandwidth_mbps: PositiveFloat | None = Field(
        None, description="10^6 bit/s, per direction; default: without limit."
    )
    jitter_ms: NonNegativeFloat = Field(0, description="Uniform in [0, jitter_ms].")

    @model_validator(mode="before")
    @classmethod
    def _fill_from_preset(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("preset"), str):
            known = PRESETS.get(value["preset"])
            if known:
                return {"latency_ms": known[0], "bandwidth_mbps": known[1]} | value
        return value
