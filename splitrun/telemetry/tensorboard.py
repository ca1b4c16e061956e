"""TensorBoard: losses, metrics, throughput and the machine, as scalars over steps."""

from __future__ import annotations

from pathlib import Path
from time import time
from typing import TYPE_CHECKING, ClassVar, Literal

from splitrun.events import EpochDone, Evaluated, Event, RunEnded, RunStarted, Sampled, StepDone
from splitrun.spec.contracts import SinkSection

if TYPE_CHECKING:
    from tensorboardX import event_file_writer

_EVERY_S = 0.2
"""Between two points of a curve over steps: nobody sees more."""
_FLUSHES_EVERY_S = 5.0


class TensorBoardSink(SinkSection):
    """Scalars for TensorBoard, in the run directory's `tensorboard/`."""

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

        self._open, self._scalar = event_file_writer.EventsWriter, summary.scalar
        self._record, self._log = Event, SessionLog
        self._writer: event_file_writer.EventsWriter | None = None
        self._flushed = 0.0
        self._step = 0
        self._samples = 0
        self._last = 0.0

    def __call__(self, event: Event) -> None:
        """Take in one event."""
        match event:
            case RunStarted():
                directory = Path(event.run_dir) / "tensorboard"
                directory.mkdir(exist_ok=True)
                self._writer = self._open(str(directory / "events"))
                # What an earlier attempt of the run has told of later steps is forgotten.
                log = self._log(status=self._log.START)
                self._writer.write_event(self._record(step=event.first_step, session_log=log))
                self._step, self._samples, self._last = event.first_step, 0, event.clock
            case StepDone():
                self._step = event.step + 1
                self._samples += event.rows
                self._pass_step(event)
            case EpochDone():
                self._add("train/epoch_loss", event.loss)
            case Evaluated():
                for rows, metrics in event.by_rows.items():
                    for name, value in metrics.items():
                        if value is not None:
                            self._add(f"{rows}/{name}", value)
            case Sampled():
                self._add_machine(event)
            case RunEnded() if self._writer is not None:
                self._writer.close()
                self._writer = None

    def _pass_step(self, event: StepDone) -> None:
        if event.end - self._last < _EVERY_S:
            return
        self._add("train/loss", event.loss)
        self._add("train/samples_per_s", self._samples / (event.end - self._last))
        self._samples, self._last = 0, event.end

    def _add_machine(self, sample: Sampled) -> None:
        self._add("machine/cpu_percent", sample.cpu_percent)
        self._add("machine/memory_mib", sample.memory_bytes / 2**20)
        for number, gpu in enumerate(sample.gpus):
            if gpu.busy_percent is not None:
                self._add(f"machine/gpu{number}_percent", gpu.busy_percent)

    def _add(self, name: str, value: float) -> None:
        if self._writer is None:
            return
        now = time()
        record = self._record(wall_time=now, step=self._step, summary=self._scalar(name, value))
        self._writer.write_event(record)
        if now - self._flushed > _FLUSHES_EVERY_S:
            self._flushed = now
            self._writer.flush()
