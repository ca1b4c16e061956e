"""TensorBoard: a run by its curves, hyperparameters and texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from splitrun.events import Event, RunEnded, RunStarted
from splitrun.records.run import Manifest, read_manifest
from splitrun.spec.contracts import SinkSection
from splitrun.telemetry.curves import Curves, as_text, texts_of

if TYPE_CHECKING:
    from tensorboardX import event_file_writer

_FLUSHES_EVERY_S = 5.0


class TensorBoardSink(SinkSection):
    """The run for TensorBoard, in the run directory's `tensorboard/`."""

    extra: ClassVar[str | None] = "tensorboard"

    type: Literal["tensorboard"]

    def build(self) -> TensorBoard:
        """A writer of one attempt's events."""
        return TensorBoard()


class TensorBoard:
    """A sink that writes `tensorboard/` into the directory which `RunStarted` names.

    It writes in the thread that calls it. `SummaryWriter` has a thread of its own, which ends on a
    full disk, and then blocks whoever hands it another record.
    """

    def __init__(self) -> None:
        from tensorboardX import event_file_writer, summary
        from tensorboardX.proto.event_pb2 import Event, SessionLog

        self._open, self._summary = event_file_writer.EventsWriter, summary
        self._record, self._log = Event, SessionLog
        self._writer: event_file_writer.EventsWriter | None = None
        self._curves = Curves()
        self._epoch_s = 0.0
        """When the events' clock was 0, in seconds since 1970."""
        self._flushed = 0.0
        self._step = 0

    def __call__(self, event: Event) -> None:
        """Take in one event; see `take_all`."""
        self.take_all((event,))

    def take_all(self, events: Sequence[Event]) -> None:
        """Take in events, in their order."""
        points = self._curves.take_all(events)
        for event in events:
            if isinstance(event, RunStarted):
                self._start(event)
        for key, value, moment, step in points:
            self._step = step
            self._write(self._summary.scalar(key, value), moment)
        for event in events:
            if isinstance(event, RunEnded):
                self._end(event)
        if self._writer is not None and (now := time()) - self._flushed > _FLUSHES_EVERY_S:
            self._flushed = now
            self._writer.flush()

    def _start(self, event: RunStarted) -> None:
        run = Path(event.run_dir)
        directory = run / "tensorboard"
        directory.mkdir(exist_ok=True)
        # Two attempts may begin within one second, which is in the name.
        self._writer = self._open(str(directory / "events"), f".{event.attempt:04}")
        self._step, self._epoch_s = event.first_step, time() - event.clock
        # What an earlier attempt of the run has told of later steps is forgotten: from this one on.
        log = self._log(status=self._log.START)
        self._writer.write_event(self._record(step=event.first_step + 1, session_log=log))
        manifest = read_manifest(run) or Manifest(status="running")
        _, session, _ = self._summary.hparams(_hyperparameters(manifest.spec), {})
        self._write(session, event.clock)
        self._write_texts(texts_of(manifest, run), event.clock)

    def _end(self, event: RunEnded) -> None:
        self._write_texts({"status": event.status, "message": event.message}, event.end)
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _write_texts(self, texts: Mapping[str, str], moment: float) -> None:
        for name, text in texts.items():
            self._write(self._summary.text(f"splitrun/{name}", text), moment)

    def _write(self, summary: Any, moment: float) -> None:
        if self._writer is not None:
            wall_time = self._epoch_s + moment
            self._writer.write_event(
                self._record(wall_time=wall_time, step=self._step, summary=summary)
            )


def _hyperparameters(spec: Mapping[str, object]) -> Mapping[str, bool | float | str]:
    """A spec's values by dotted key: numbers as such, so that TensorBoard can sort by them."""
    return {
        key: value if isinstance(value, bool | int | float) else as_text(value)
        for key, value in spec.items()
    }
