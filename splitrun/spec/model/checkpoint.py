"""When a run writes down what it would need to go on."""

from __future__ import annotations

from pydantic import Field

from splitrun.spec.model.section import PositiveInt, Section


class Checkpoint(Section):
    """Checkpoints, from which an interrupted or killed run goes on. Each drains the pipeline."""

    every_steps: PositiveInt | None = Field(None, description="Training steps between two.")
    every_epochs: PositiveInt | None = Field(None, description="Or epochs between two.")
    keep: PositiveInt = Field(2, description="So many of the newest are kept.")
