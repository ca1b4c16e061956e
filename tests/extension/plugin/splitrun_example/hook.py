"""A hook: someone who listens at every channel and notes what passes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from splitrun.extend import HookSection

if TYPE_CHECKING:
    from splitrun.extend import Hook


class Listen(HookSection):
    """Notes every message that a role receives: its channel, step and number of bytes."""

    api = 1

    type: Literal["listen"]
    notes: str = Field(description="The directory for the notes, a file for each role.")

    def build(self) -> Hook:
        """Someone who listens."""
        from splitrun.extend import Channel, Message, Receive, RoleContext, RoleHook

        class AtOneRole(RoleHook):
            def __init__(self, notes: Path) -> None:
                self.notes = notes

            def around_receive(self, channel: Channel, receive: Receive) -> Receive:
                def heard() -> Message:
                    message = receive()
                    size = sum(tensor.nbytes for tensor in message.tensors)
                    with self.notes.open("a") as notes:
                        notes.write(f"{channel.name} {message.phase} {message.step} {size}\n")
                    return message

                return heard

        class Everywhere:
            def for_role(self, context: RoleContext) -> RoleHook:
                return AtOneRole(directory / f"{context.role.name}.txt")

        directory = Path(self.notes)
        directory.mkdir(exist_ok=True)
        return Everywhere()
