"""A network that is lost now and then: a proxy between who dials and who listens."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_PIECE_BYTES = 64 << 10


class Proxy:
    """Carries what is sent to its port to another port of this machine, and back.

    Args:
        delay_s: one way.
        every_s: so often all connections are reset, with what is under way.
    """

    def __init__(self, to_port: int, delay_s: float, every_s: float) -> None:
        self._to_port, self._delay_s, self._every_s = to_port, delay_s, every_s
        self._open: set[asyncio.StreamWriter] = set()
        self.port = 0
        self.cuts = 0
        """How often there was something to reset."""

    async def run(self, listens: threading.Event, is_over: asyncio.Event) -> None:
        """Carry and reset, until it is over."""
        async with await asyncio.start_server(self._connect, "127.0.0.1", 0) as server:
            self.port = server.sockets[0].getsockname()[1]
            listens.set()
            while not is_over.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(is_over.wait(), self._every_s)
                self._cut()

    def _cut(self) -> None:
        self.cuts += bool(self._open)
        for writer in self._open:
            writer.transport.abort()
        self._open.clear()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            back, to = await asyncio.open_connection("127.0.0.1", self._to_port)
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, to}
        await asyncio.gather(self._carry(reader, to), self._carry(back, writer))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One way, until it ends."""
        clock = asyncio.get_running_loop().time
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def arrive() -> None:
            while True:
                due, piece = await under_way.get()
                await asyncio.sleep(due - clock())
                if not piece:
                    return writer.close()
                writer.write(piece)
                await writer.drain()

        arriving = asyncio.create_task(arrive())
        with suppress(OSError):
            while piece := await reader.read(_PIECE_BYTES):
                under_way.put_nowait((clock() + self._delay_s, piece))
        under_way.put_nowait((clock() + self._delay_s, b""))
        with suppress(OSError):
            await arriving


@contextmanager
def flapping(to_port: int, delay_s: float, every_s: float) -> Iterator[Proxy]:
    """A proxy that resets; see `Proxy`. In here, it can be dialled."""
    proxy, listens, is_over = Proxy(to_port, delay_s, every_s), threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_until_complete, args=[proxy.run(listens, is_over)])
    thread.start()
    listens.wait()
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(is_over.set)
        thread.join()
        loop.close()
