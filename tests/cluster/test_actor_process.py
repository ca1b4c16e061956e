"""Why an actor cannot be heard any more is found out by whoever has started it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from splitrun.cluster import actor_process, connection
from splitrun.cluster.actor_process import ActorProcess
from splitrun.cluster.connection import Node, connected
from splitrun.errors import NoCluster


@pytest.fixture
def there() -> Iterator[Node]:
    """Where somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield Node(*server.getsockname()[:2])


@pytest.fixture
def gone() -> Node:
    """Where nobody does."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return Node(*taken.getsockname()[:2])


class RayError(Exception):
    """Base of what Ray raises."""


def ray_of(head: Node, error: Exception | None = None) -> Any:
    """Ray, whose calls are never answered, or by an error."""

    def get(_: object) -> None:
        assert error is not None
        raise error

    def wait(asked: list[object], timeout: float) -> tuple[list[object], list[object]]:
        return (asked, []) if error else ([], asked)

    return SimpleNamespace(
        wait=wait,
        get=get,
        exceptions=SimpleNamespace(RayError=RayError),
        is_initialized=lambda: True,
        get_runtime_context=lambda: SimpleNamespace(gcs_address=f"{head.host}:{head.port}"),
        kill=lambda _: None,
    )


ACTOR: Any = SimpleNamespace(
    **{
        name: SimpleNamespace(options=lambda **_: SimpleNamespace(remote=lambda *_: None))
        for name in ("hear", "tell")
    }
)


def fate(ray: Any, node: Node) -> str:
    """What has become of an actor that cannot be heard."""
    process = ActorProcess(ray, ACTOR, node, 0)
    with pytest.raises(EOFError):
        process.hear()
    return process.fate


def test_of_an_actor_that_says_nothing_the_node_or_the_head_is_missed(
    monkeypatch: pytest.MonkeyPatch, there: Node, gone: Node
) -> None:
    monkeypatch.setattr(actor_process, "_PROBES_EVERY_S", -1.0)
    assert (
        fate(ray_of(there), gone) == "its node 127.0.0.1 is gone: no raylet answers there any more"
    )
    assert fate(ray_of(gone), there).startswith("the head of the cluster is gone")


class OutOfMemoryError(RayError):
    """As Ray's, of which the name is all that is looked at."""


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (RayError(), "its actor on node 127.0.0.1 is gone: its process was killed, or crashed"),
        (OutOfMemoryError(), "Ray ended it, as the node was short of memory"),
    ],
)
def test_what_ray_says_of_an_actor_is_told_unless_its_node_is_gone(
    error: Exception, told: str, there: Node, gone: Node
) -> None:
    assert fate(ray_of(there, error), there).endswith(told)
    assert "its node 127.0.0.1 is gone" in fate(ray_of(there, error), gone)


def test_an_actor_that_was_killed_is_waited_for_no_more(there: Node) -> None:
    process = ActorProcess(ray_of(there), ACTOR, there, 0)
    process.kill()
    with pytest.raises(EOFError):
        process.hear()


def test_a_cluster_without_a_head_is_joined_no_more(
    monkeypatch: pytest.MonkeyPatch, gone: Node
) -> None:
    monkeypatch.setattr(connection, "imported_ray", lambda: ray_of(gone))
    with pytest.raises(NoCluster, match="goes on with another one"), connected("auto"):
        pass
