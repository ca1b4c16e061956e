"""`splitrun party` whose peer, another one, damages what it sends; and strangers in the midst of a
run.

The party that is fired at has a process, a directory and a run of its own. Whatever comes ends it
with an error of ours, or has no effect; its checkpoints are as they were, and it needs no more
memory than in a run that nobody disturbs.
"""

from __future__ import annotations

import hashlib
import random
import re
import socket
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from splitrun.certificates import throw_away
from splitrun.errors import Refused
from splitrun.wire.link import Connection, Link, Write
from splitrun.wire.stream import dialing
from tests.fuzz.damage import damaged
from tests.fuzz.fire import Target
from tests.remote.parties import Parties, PartyProcess, content, weights

if TYPE_CHECKING:
    import grpc

_PATIENCE_S = 120.0
_LOOK_S = 0.02
_MORE_BYTES = 64 << 20
"""Than in a run that nobody disturbs."""


@dataclass(frozen=True)
class Damages:
    """From some message on, a process damages what it sends; see `PartyProcess`."""

    seed: str
    after: int
    share: float

    def __call__(self) -> None:
        luck, attach, sent = random.Random(self.seed), Link.attach, count()

        def attached(link: Link, write: Write, *rest: Any, **named: Any) -> Connection:
            def written(message: bytes) -> None:
                hits = next(sent) >= self.after and luck.random() < self.share
                for each in damaged(message, luck) if hits and message else [message]:
                    write(each)

            return attach(link, written, *rest, **named)

        Link.attach = attached  # type: ignore[assignment,method-assign]


class _Run:
    """Two parties, of which one is watched."""

    def __init__(
        self, directory: Path, watched: str, *, with_tls: bool, epochs: int, deadline_s: int
    ) -> None:
        training = {"epochs": epochs, "optimizer": "adam"}
        made = content(training=training, supervision={"deadline_s": deadline_s})
        self.parties = Parties(directory, made, with_tls=with_tls)
        self._weights = self.parties.together()
        self._watched = watched
        self.peak_bytes = 0
        """The largest resident size of the watched party's processes."""

    def start(self, damages: Damages | None = None) -> list[PartyProcess]:
        """The watched one, and the other."""
        (other,) = set(self.parties.made["parties"]) - {self._watched}
        watched = self.parties.start(self._watched)
        return [watched, self.parties.start(other, first=damages)]

    def look(self, process: PartyProcess) -> None:
        """See how large it is."""
        status = Path(f"/proc/{process.process.pid}/status")
        with suppress(OSError):
            found = _LARGEST.search(status.read_text())
            self.peak_bytes = max(self.peak_bytes, 1024 * int(found[1]) if found else 0)

    def watch(self, processes: list[PartyProcess]) -> int:
        """Until the watched one has ended; its exit code. Where it waits before a run, as it does
        for whoever comes late, another process takes the other's place, and damages nothing."""
        for look in range(round(_PATIENCE_S / _LOOK_S)):
            watched, other = processes
            watched.process.join(_LOOK_S)
            if watched.process.exitcode is not None:
                other.process.join(_LEAVES_S)
                other.process.kill()
                other.process.join()
                return watched.process.exitcode
            if look == round(_WAITS_S / _LOOK_S):
                other.process.kill()
                other.process.join()
                processes[1] = self.parties.start(other.name)
            self.look(watched)
        raise AssertionError(f"it goes on without end: {watched.said[-300:]}")

    def expect_weights(self) -> None:
        """Undisturbed, all go on from what there is, and end as one process does."""
        for _ in range(_TRIES):
            processes = self.start()
            if self.watch(processes) == 0:
                return self.expect_weights_of(processes)
        raise AssertionError(f"it does not come to its end: {processes[0].said[-300:]}")

    def expect_weights_of(self, processes: Sequence[PartyProcess]) -> None:
        """They have ended as one process does."""
        assert weights(processes) == self._weights

    def checkpoints(self) -> dict[Path, str]:
        """Of the watched party: what each file holds."""
        files = self.parties.directories[self._watched].glob("runs/*/checkpoints/*/step-*/*")
        return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(files)}


_LARGEST = re.compile(r"VmHWM:\s+(\d+) kB")
_LEAVES_S, _WAITS_S = 3.0, 20.0
_TRIES = 3
"""A machine that is busy with other things may keep a party from answering in time."""


class DamagedParty(Target):
    """A party whose peer damages what it sends.

    Args:
        party: that is fired at.
    """

    slower = 2000

    def __init__(self, party: str, *, with_tls: bool) -> None:
        self.name = f"party {party}{', TLS' if with_tls else ''}"
        self._party, self._with_tls = party, with_tls
        self._run: _Run

    def prepared(self, directory: Path) -> Callable[[random.Random], None]:
        """See `Target`."""
        run = self._run = _Run(
            directory, self._party, with_tls=self._with_tls, epochs=12, deadline_s=5
        )
        run.expect_weights()
        most_bytes = run.peak_bytes + _MORE_BYTES

        def attack(luck: random.Random) -> None:
            before = run.checkpoints()
            after = luck.choice([0, 2, luck.randrange(20), luck.randrange(1500)])
            processes = run.start(Damages(str(luck.random()), after, luck.choice([0.01, 0.2, 1])))
            code = run.watch(processes)
            said = processes[0].said
            assert code in (0, 1, 2), f"it ended with {code}: {said[-300:]}"
            assert "Traceback" not in said, said[-1000:]
            assert run.peak_bytes < most_bytes, f"{run.peak_bytes >> 20} MiB"
            now = run.checkpoints()
            assert all(now.get(path, digest) == digest for path, digest in before.items())
            if not code:
                run.expect_weights_of(processes)
            elif luck.random() < _UNDISTURBED_SHARE:
                run.expect_weights()
            if code:
                raise Refused(self._party, "the run", said.splitlines()[-1])

        return attack

    def peak_bytes(self) -> int:
        """See `Target`."""
        return self._run.peak_bytes


_UNDISTURBED_SHARE = 0.2


class Strangers(Target):
    """A label holder in the midst of a run, and dozens of dials of those who are no party of it."""

    name = "strangers, TLS"
    slower = 20_000

    def __init__(self) -> None:
        self._run: _Run

    def prepared(self, directory: Path) -> Callable[[random.Random], None]:
        """See `Target`."""
        run = self._run = _Run(directory, "alice", with_tls=True, epochs=100, deadline_s=100)
        run.expect_weights()
        most_bytes = run.peak_bytes + _MORE_BYTES
        dials = _dials(run.parties)

        def attack(luck: random.Random) -> None:
            processes = run.start()
            while processes[0].process.is_alive():
                luck.choice(dials)(luck)
                run.look(processes[0])
            assert run.watch(processes) == 0, processes[0].said[-300:]
            assert run.peak_bytes < most_bytes, f"{run.peak_bytes >> 20} MiB"
            run.expect_weights_of(processes)

        return attack

    def peak_bytes(self) -> int:
        """See `Target`."""
        return self._run.peak_bytes


def _dials(parties: Parties) -> Sequence[Callable[[random.Random], None]]:
    """How strangers dial the label holder."""
    import grpc  # once `splitrun.wire.stream` has told it to be quiet

    address = ("127.0.0.1", parties.port)
    ours = throw_away(["bob"])["bob"]
    held: deque[socket.socket] = deque()

    def garbage(luck: random.Random) -> None:
        with suppress(OSError), socket.create_connection(address) as stranger:
            start = luck.choice(
                [b"", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01", b"GET / "]
            )
            stranger.sendall(start + luck.randbytes(luck.choice([1, 100, 1 << 20])))

    def silence(_: random.Random) -> None:
        with suppress(OSError):
            held.append(socket.create_connection(address))
        if len(held) > _MOST_HELD:
            held.popleft().close()

    def stream(credentials: grpc.ChannelCredentials | None, name: str) -> None:
        where, options = f"127.0.0.1:{parties.port}", [("grpc.ssl_target_name_override", "alice")]
        channel = (
            grpc.secure_channel(where, credentials, options)
            if credentials
            else grpc.insecure_channel(where)
        )
        with channel, suppress(grpc.RpcError):
            call: grpc.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(
                "/splitrun.Party/Stream"
            )
            for _ in call(iter([b"\x00\x00", b"\xff"]), metadata=(("party", name),), timeout=2):
                raise AssertionError("a stranger was answered")

    return [
        garbage,
        silence,
        lambda _: stream(None, "bob"),
        lambda _: stream(dialing(ours), "bob"),
        lambda luck: stream(dialing(parties.credentials["dave"]), luck.choice(["bob", "dave", ""])),
    ]


_MOST_HELD = 100
PARTIES: tuple[Target, ...] = (
    DamagedParty("alice", with_tls=True),
    DamagedParty("bob", with_tls=True),
    DamagedParty("alice", with_tls=False),
    DamagedParty("bob", with_tls=False),
    Strangers(),
)
