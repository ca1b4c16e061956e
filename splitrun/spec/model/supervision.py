"""What happens when a run gets stuck or fails."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from splitrun.spec.model.pipeline import WORD_OR
from splitrun.spec.model.section import NonNegativeInt, PositiveFloat, Section

Deadline = Annotated[
    Annotated[PositiveFloat, Tag("number")] | Annotated[Literal["auto"], Tag("word")],
    Discriminator(lambda value: WORD_OR["deadline_s"][isinstance(value, str)]),
]


class Supervision(Section):
    """What happens when a run gets stuck or fails."""

    deadline_s: Deadline = Field(
        "auto",
        description="The longest that one instruction, or a message on its way, may take. `auto` "
        "is at least 10 s and grows with what is emulated and with what was seen.",
    )
    on_failure: Literal["stop", "restart"] = Field(
        "stop",
        description="`restart`: go on from the newest checkpoint or, without one, from the start; "
        "unless the failure would come again.",
    )
    restarts: NonNegativeInt = Field(3, description="At most so many, with `restart`.")
