"""A party's actor, for the process that has started it."""

from __future__ import annotations

from collections import deque
from typing import Any

from splitrun.cluster.actor import Letter, letter_of, opened
from splitrun.cluster.connection import Node, answers, briefly, head_of
from splitrun.processes.control import Message, Told
from splitrun.runtime.clock import now

_LOOK_S = 0.5
_PROBES_EVERY_S = 1.0
"""So often it is looked whether an actor's node is there, and the head."""


class ActorProcess:
    """One somewhere in the cluster; see `splitrun.processes.process.PartyProcess`.

    Ray tells at once of an actor that has ended, but of a node only after a dozen seconds, in which
    its actors go on. So its raylet, which is what makes a machine a node, is asked now and then;
    and an actor says something four times a second, whatever it is at.

    Args:
        ray: the module, connected.
        number: tells it from others of the run.
    """

    def __init__(self, ray: Any, actor: Any, node: Node, number: int) -> None:
        self._ray, self._actor, self.node = ray, actor, node
        self._head = head_of(ray)
        self._hear = actor.hear.options(concurrency_group="hear")
        self._tell = actor.tell.options(concurrency_group="tell")
        self.number = number
        self._heard = deque[Letter]()
        self._heard_at: float | None = None
        """Since when nothing has been heard, once somebody listens."""
        self._probed_at = now()
        self._is_over = self._is_killed = False
        self._why = ""

    @property
    def silent_s(self) -> float:
        """See `PartyProcess`."""
        return 0.0 if self._is_over or self._heard_at is None else now() - self._heard_at

    @property
    def fate(self) -> str:
        """See `PartyProcess`."""
        silent = f"nothing was heard of it for {self.silent_s:.1f} s, though its node"
        return self._why or f"{silent} {self.node.host} is there"

    def tell(self, message: Message) -> None:
        """See `Pipe`."""
        self._tell.remote(letter_of(message))

    def hear(self) -> Told:
        """See `Pipe`."""
        self._heard_at = self._heard_at or now()
        while not self._heard:
            if self._is_over:
                raise EOFError
            self._fetch()
        return opened(self._heard.popleft())

    def _fetch(self) -> None:
        """Wait until it has said something.

        Raises:
            EOFError: it cannot any more.
        """
        try:
            letters, self._is_over = self.answer(self._hear.remote())
            self._heard_at = now()
        except self._ray.exceptions.RayError as error:
            self._why = self.why(error)
            raise EOFError from error
        self._heard.extend(letters)

    def answer(self, asked: Any) -> Any:
        """What a call of the actor gives; waits for it.

        Raises:
            EOFError: its node is gone, or it was killed from here.
            RayError: it cannot answer any more.
        """
        while not self._ray.wait([asked], timeout=_LOOK_S)[0]:
            self._look_at_node()
        self._look_at_node()
        return self._ray.get(asked)

    def _look_at_node(self) -> None:
        """Raises EOFError where the node is gone, or the head, or this was to end the actor."""
        if self._is_killed:
            raise EOFError
        if now() > self._probed_at + _PROBES_EVERY_S:
            if not answers(self._head):
                self._why = "the head of the cluster is gone, without which Ray ends everybody"
            elif not answers(self.node):
                self._why = self._without_node
            if self._why:
                raise EOFError
            self._probed_at = now()

    @property
    def _without_node(self) -> str:
        return f"its node {self.node.host} is gone: no raylet answers there any more"

    def why(self, error: Exception) -> str:
        """What has become of it, by what Ray raises when it is asked."""
        if not answers(self.node):
            return self._without_node
        where = f"its actor on node {self.node.host} is gone"
        if "OutOfMemory" in type(error).__name__:
            return f"{where}: Ray ended it, as the node was short of memory"
        return f"{where}: its process was killed, or crashed"

    def kill(self) -> None:
        """See `PartyProcess`."""
        self._is_killed = True
        briefly(self._ray, lambda: self._ray.kill(self._actor))

    def end(self) -> None:
        """See `PartyProcess`."""
        self.kill()
