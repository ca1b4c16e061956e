"""A bar for the one thing that is ever downloaded: a public dataset."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def show_download(*, quiet: bool) -> Iterator[Callable[[int, int | None], None]]:
    """A callback `(bytes done, bytes in all, if known)` that draws a bar on stderr once called."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    from splitrun.cli.console import Console

    bar = Progress(
        TextColumn("downloading"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        console=Console(stderr=True, quiet=quiet),
    )
    task = bar.add_task("", total=None)

    def on_download(done: int, total: int | None) -> None:
        bar.start()
        bar.update(task, completed=done, total=total)

    try:
        yield on_download
    finally:
        if bar.live.is_started:
            bar.stop()
