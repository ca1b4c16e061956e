"""gRPC as a wire: one bidirectional stream between two parties, over TLS or on one machine.

The label holder listens and the others dial, and dial again when a connection is lost. Who a peer
is its certificate says; without TLS, which only one machine has, it says so itself.

gRPC takes no longer messages than a piece of a frame, and nobody need take more.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any

os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # else it writes its own lines to stderr
# gRPC takes TLS 1.2, too, and Python cannot tell it not to. But of these suites, which are for 1.2,
# none goes with a key on a curve, as ours are, and those of 1.3 are always there.
os.environ["GRPC_SSL_CIPHER_SUITES"] = "ECDHE-RSA-AES256-GCM-SHA384"

import grpc

from splitrun.certificates import Credentials
from splitrun.errors import UsageError
from splitrun.wire.link import PIECE_BYTES, Connection, Link

_PATH = "/splitrun.Party/Stream"
_PARTY = "party"
"""The metadata that names who dials."""
_OPTIONS = (
    ("grpc.max_receive_message_length", PIECE_BYTES + 64),
    ("grpc.max_send_message_length", PIECE_BYTES + 64),
    ("grpc.http2.lookahead_bytes", 4 << 20),
    ("grpc.keepalive_time_ms", 5000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 2000),
    ("grpc.http2.max_ping_strikes", 0),
    ("grpc.so_reuseport", 0),
)
_BACK_OFF_S = (0.1, 0.2, 0.5, 1.0)
"""Before each attempt to dial again; the last one for all that follow."""
_DIAL_S, _LOOK_S = 3.0, 0.1
_GRACE_S = 2.0
"""Streams that are to end have so long to carry what was written to them."""


def listening(ours: Credentials) -> grpc.ServerCredentials:
    """For a `Listener`: the peer must show a certificate of the same authority."""
    pairs = [(ours.key, ours.certificate)]
    return grpc.ssl_server_credentials(pairs, ours.ca, require_client_auth=True)


def dialing(ours: Credentials) -> grpc.ChannelCredentials:
    """For a `Dialer`."""
    return grpc.ssl_channel_credentials(ours.ca, ours.key, ours.certificate)


class _Queue:
    """What is to be written to a stream, until it is closed."""

    def __init__(self) -> None:
        self._messages: SimpleQueue[bytes | None] = SimpleQueue()

    def write(self, message: bytes) -> None:
        """Never waits."""
        self._messages.put(message)

    def close(self) -> None:
        """All that was written before still goes."""
        self._messages.put(None)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._messages.get, None)


class Listener:
    """The label holder's side: takes connections of the parties that it knows.

    Args:
        links: by the parties' names.
        credentials: the server's, that ask for the peer's certificate; None on one machine alone.
        on_refused: told why somebody was turned away, on one line.

    Raises:
        UsageError: the address is not this machine's, or somebody listens there.
    """

    def __init__(
        self,
        address: str,
        links: Mapping[str, Link],
        credentials: grpc.ServerCredentials | None,
        on_refused: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._links, self._has_tls, self._on_refused = links, credentials is not None, on_refused
        self._queues: list[_Queue] = []
        self._contexts: dict[str, grpc.ServicerContext] = {}
        """By party, that of its newest stream."""
        most = 2 * len(links) + 4
        threads = ThreadPoolExecutor(most, thread_name_prefix="listener")
        self._server = grpc.server(threads, options=_OPTIONS, maximum_concurrent_rpcs=most)
        handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_stream_rpc_method_handler(
            self._serve
        )
        service, method = _PATH[1:].split("/")
        generic = grpc.method_handlers_generic_handler(service, {method: handler})
        self._server.add_generic_rpc_handlers((generic,))
        try:
            if credentials is not None:
                self.port = self._server.add_secure_port(address, credentials)
            else:
                self.port = self._server.add_insecure_port(address)
        except RuntimeError as error:
            message = f"{address}: cannot be listened at"
            raise UsageError(f"{message}; use a free port of an address of this machine") from error
        self._server.start()

    def close(self) -> None:
        """Take nobody any more; what was written to streams before still goes."""
        stopped = self._server.stop(grace=_GRACE_S)
        for queue in tuple(self._queues):
            queue.close()
        stopped.wait()

    def _serve(self, messages: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        name = str(dict(context.invocation_metadata()).get(_PARTY, ""))
        names = _names(context.auth_context()) if self._has_tls else {name}
        if name not in self._links or name not in names:
            said = f"whose certificate is of {', '.join(sorted(names)) or 'nobody'}, "
            why = f"somebody {said if self._has_tls else ''}says to be {name!r}"
            self._on_refused(f"{context.peer()}: {why}, and is turned away")
            context.abort(grpc.StatusCode.PERMISSION_DENIED, f"you are not {name!r} here")
        if (before := self._contexts.get(name)) is not None:
            before.cancel()  # else a party could hold every thread that there is for streams
        self._contexts[name] = context
        queue = _Queue()
        self._queues.append(queue)
        connection = self._links[name].attach(queue.write)
        context.add_callback(queue.close)
        threading.Thread(
            target=_read, args=(messages, connection, queue), name=f"from {name}", daemon=True
        ).start()
        try:
            yield from queue
        finally:
            self._queues.remove(queue)


def _names(auth: Mapping[str, Any]) -> set[str]:
    return {name.decode(errors="replace") for name in auth.get("x509_subject_alternative_name", ())}


def _read(messages: Iterator[bytes], connection: Connection, queue: _Queue) -> None:
    """Take in what comes over a stream, to its end."""
    why = "it has closed the connection"
    try:
        for message in messages:
            connection.read(message)
    except grpc.RpcError as error:
        why = _why(error)
    except Exception as error:  # noqa: BLE001 - gRPC's server raises plain ones
        why = str(error) or "the connection was lost"
    connection.lost(why)
    queue.close()


def _why(error: grpc.RpcError) -> str:
    code = error.code() if isinstance(error, grpc.Call) else None
    details = error.details() if isinstance(error, grpc.Call) else ""
    return f"{code.name.lower().replace('_', ' ')}: {details}" if code else str(error)


class Dialer:
    """Another party's side: keeps a connection to the label holder, until it is closed.

    Args:
        name: of the party that dials.
        peer: the label holder's, which its certificate must say.
        credentials: None on one machine alone.
        why_silent: finds out why nobody answers, or a stream is refused at once, which gRPC hardly
            tells; empty if it cannot.
    """

    def __init__(
        self,
        address: str,
        name: str,
        link: Link,
        credentials: grpc.ChannelCredentials | None,
        why_silent: Callable[[], str] = str,
    ) -> None:
        self._address, self._name, self._link = address, name, link
        self._credentials, self._why_silent = credentials, why_silent
        self._closed = threading.Event()
        self._queue: _Queue | None = None
        self._thread = threading.Thread(target=self._run, name=f"to {link.peer}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Let what was written go, and dial no more."""
        self._closed.set()
        if self._queue is not None:
            self._queue.close()
        self._thread.join(_GRACE_S)

    def _run(self) -> None:
        attempt = 0
        while not self._closed.is_set():
            is_up = self._connect()
            if not is_up and not self._closed.is_set():
                self._link.why_down = self._why_silent() or self._link.why_down
            attempt = 0 if is_up else attempt + 1
            self._closed.wait(_BACK_OFF_S[min(attempt, len(_BACK_OFF_S) - 1)])

    def _connect(self) -> bool:
        """One connection, to its end; whether there was one."""
        options = (*_OPTIONS, ("grpc.ssl_target_name_override", self._link.peer))
        if self._credentials is None:
            channel = grpc.insecure_channel(self._address, _OPTIONS)
        else:
            channel = grpc.secure_channel(self._address, self._credentials, options)
        with channel:
            if not self._answers(channel):
                return False
            queue = self._queue = _Queue()
            stream: grpc.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(_PATH)
            messages = stream(iter(queue), metadata=((_PARTY, self._name),))
            connection = self._link.attach(queue.write, dials=True)
            _read(messages, connection, queue)
            return connection.has_read

    def _answers(self, channel: grpc.Channel) -> bool:
        """Whether somebody takes the connection, within a while."""
        ready = grpc.channel_ready_future(channel)
        for _ in range(round(_DIAL_S / _LOOK_S)):
            if self._closed.is_set():
                break
            try:
                ready.result(timeout=_LOOK_S)
            except grpc.FutureTimeoutError:
                continue
            return True
        ready.cancel()
        return False
