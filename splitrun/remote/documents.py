"""Documents that parties ask each other for, part by part, before a run.

Whoever wants one asks for one part after the other, and again over every new connection; whoever
has it makes a part when it is asked for, and keeps the last one. So no more than a part is on its
way, and nothing depends on a connection.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from splitrun.alignment import Document
from splitrun.remote.states import Ask, Part

MOST_PARTS = 1 << 20


@dataclass
class _Offered:
    """A document and the part of it that was made last."""

    document: Document
    number: int = -1
    content: bytes = b""


class Documents:
    """What one party asks another for, and the other way round; whoever uses it holds a lock.

    Args:
        say: tells the peer something, if there is a connection.
    """

    def __init__(self, say: Callable[[Ask | Part], object]) -> None:
        self._say = say
        self._asking: Ask | None = None
        self._part: Part | None = None
        self._asked: Ask | None = None
        self._offered: dict[tuple[str, str], _Offered] = {}

    def offer(self, session: str, name: str, document: Document) -> None:
        """From now on there is a document; one of another session is none any more."""
        self._offered = {key: it for key, it in self._offered.items() if key[0] == session}
        self._offered[session, name] = _Offered(document)

    def ask(self, session: str, name: str, number: int) -> None:
        """Ask for a part."""
        self._asking, self._part = Ask(session, name, number), None
        self._say(self._asking)

    def part(self) -> Part | None:
        """The part that was asked for, once it has come."""
        return self._part

    def greet(self) -> None:
        """There is a new connection."""
        if self._asking is not None and self._part is None:
            self._say(self._asking)

    def heard(self, said: Ask | Part) -> None:
        """The peer has asked or answered; what is of an earlier session is dropped.

        Raises:
            ValueError: it may not say that.
        """
        if isinstance(said, Ask):
            self._asked = said
            return
        asking = self._asking
        if asking is None or (said.session, said.name) != (asking.session, asking.name):
            return
        if said.number == asking.number:
            if not said.number < said.parts <= MOST_PARTS:
                raise ValueError(f"part {said.number} of {said.parts} of a document")
            self._part = said

    def is_asked(self) -> bool:
        """Whether the peer waits for something that there is."""
        asked = self._asked
        return asked is not None and (asked.session, asked.name) in self._offered

    def answer(self) -> Callable[[], None] | None:
        """What makes and sends the part that the peer waits for: without the lock, as it may take
        long."""
        asked = self._asked
        if asked is None or not self.is_asked():
            return None
        offered, self._asked = self._offered[asked.session, asked.name], None

        def make() -> None:
            if asked.number == offered.number + 1 < offered.document.parts:
                offered.content, offered.number = next(offered.document.content), asked.number
            if asked.number == offered.number:
                parts = offered.document.parts
                self._say(Part(asked.session, asked.name, asked.number, parts, offered.content))

        return make
