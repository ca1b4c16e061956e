"""MLflow: a run as its server shows runs, by its parameters, curves, tags and files."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from time import monotonic, time
from typing import Annotated, ClassVar

import msgspec

from splitrun.events import Event, RunEnded, RunStarted
from splitrun.files import is_regular, write_text
from splitrun.records.reading import FileRecord, read_record
from splitrun.records.run import Manifest, read_manifest
from splitrun.telemetry.curves import Curves, Point, as_text, texts_of
from splitrun.telemetry.mlflow_server import Metric, MLflowServer
from splitrun.telemetry.sender import Sender

_POINTS_AT_ONCE = 1000
"""In a request, as MLflow allows."""
_LONGEST_WAIT_S = 1.0
"""Of a point, before it is sent with all others."""
_LARGEST_MODEL_BYTES = 32 << 20
"""That is given to the server."""
_LONGEST_PARAM, _LONGEST_TAG = 6000, 8000
"""Characters, as MLflow allows."""
_ID = "mlflow.json"
_FILES = ("resolved.yaml", "plan.json", "manifest.json", "report.html", "failure.txt")
_STATUS = {"done": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}


class TrackedRun(FileRecord, frozen=True, kw_only=True):
    """`mlflow.json`: what a run is called there, so that its next attempt goes on with it."""

    remedy: ClassVar[str] = "remove it: the run's next attempt is then another run on the server"

    tracking_uri: str
    run_id: Annotated[str, msgspec.Meta(pattern=r"^\w{1,64}$")]


class MLflow:
    """A sink that tells a server of the run whose directory `RunStarted` names.

    Everything is sent by a thread of its own, so that the run never waits but at its end.

    Args:
        server: has no run yet.
        tracking_uri: where it is.
        experiment: which the run belongs to; by default its spec's name.
    """

    def __init__(
        self,
        server: MLflowServer,
        tracking_uri: str,
        experiment: str | None = None,
    ) -> None:
        self._server, self._experiment = server, experiment
        self._tracking_uri = re.sub("//[^/]*@", "//", tracking_uri)
        """Without the password that it may have."""
        self._sender = Sender(self._tracking_uri)
        self._directory = Path()
        self._unwritten: TrackedRun | None = None
        """What the server has called the run, until it is noted."""
        self._epoch_s = 0.0
        """When the events' clock was 0, in seconds since 1970."""
        self._curves = Curves()
        self._points: list[Point] = []
        self._send_at = 0.0

    def __call__(self, event: Event) -> None:
        """Take in one event; see `take_all`."""
        self.take_all((event,))

    def take_all(self, events: Sequence[Event]) -> None:
        """Take in events, in their order.

        Raises:
            ConnectionError: the server has not taken what it was told.
            TimeoutError: the run has ended, and the server does not answer.
        """
        self._write_id()
        self._points += self._curves.take_all(events)
        for event in events:
            match event:
                case RunStarted():
                    self._start(event)
                case RunEnded():
                    self._end(event)
        if monotonic() >= self._send_at:
            self._send_points()

    def _start(self, event: RunStarted) -> None:
        self._directory = Path(event.run_dir)
        self._epoch_s = time() - event.clock
        manifest = read_manifest(self._directory)
        tracked = read_record(self._directory / _ID, TrackedRun)
        known_as = tracked if tracked and tracked.tracking_uri == self._tracking_uri else None
        self._sender.submit(partial(self._open, manifest or Manifest(status="running"), known_as))

    def _open(self, manifest: Manifest, tracked: TrackedRun | None) -> None:
        known: frozenset[str] = frozenset()
        if tracked is not None:
            known = self._server.go_on(tracked.run_id)
        else:
            experiment = self._experiment or str(manifest.spec.get("name", "splitrun"))
            run_id = self._server.start(experiment, self._directory.resolve().name)
            self._unwritten = TrackedRun(tracking_uri=self._tracking_uri, run_id=run_id)
        params = params_of(manifest.spec)
        # A parameter never changes there: what an attempt has changed is told by a tag.
        self._server.log_params({key: it for key, it in params.items() if key not in known})
        self._server.set_tags(_tags(manifest, self._directory))

    def _write_id(self) -> None:
        """In the thread that hands events over, which alone writes into the directory."""
        if self._unwritten is not None:
            content = msgspec.json.encode(self._unwritten).decode()
            self._unwritten = None
            write_text(self._directory / _ID, f"{content}\n")

    def _send_points(self) -> None:
        self._send_at = monotonic() + _LONGEST_WAIT_S
        metrics, self._points = [self._metric(*point) for point in self._points], []
        for first in range(0, len(metrics), _POINTS_AT_ONCE):
            some = metrics[first : first + _POINTS_AT_ONCE]
            self._sender.submit(partial(self._server.log_metrics, some))

    def _metric(self, key: str, value: float, moment: float, step: int) -> Metric:
        return Metric(as_key(key), value, round((self._epoch_s + moment) * 1000), step)

    def _end(self, event: RunEnded) -> None:
        """Status and figures first: files may be what fails."""
        self._send_points()
        told = {"splitrun.status": event.status, "splitrun.message": event.message[:_LONGEST_TAG]}
        self._sender.submit(partial(self._server.set_tags, told))
        self._sender.submit(partial(self._server.end, _STATUS[event.status]))
        for name in filter(lambda name: is_regular(self._directory / name), _FILES):
            self._sender.submit(partial(self._server.log_file, self._directory / name))
        if event.status == "done":
            for path in _model_files(self._directory / "model"):
                folder = str(path.parent.relative_to(self._directory))
                self._sender.submit(partial(self._server.log_file, path, folder))
        try:
            self._sender.close()
        finally:
            self._write_id()


def as_key(key: str) -> str:
    """The key with an underscore for what MLflow has in no key, as `bob_alice` for `bob->alice`."""
    return re.sub(r"->|[^\w./: -]", "_", key)


def params_of(spec: Mapping[str, object]) -> Mapping[str, str]:
    """A spec's values by dotted key, as texts; what is no text as JSON."""
    return {as_key(key): as_text(value)[:_LONGEST_PARAM] for key, value in spec.items()}


def _tags(manifest: Manifest, directory: Path) -> Mapping[str, str]:
    texts = texts_of(manifest, directory)
    tags = {"mlflow.source.name": "splitrun"} | {
        f"splitrun.{name}": it for name, it in texts.items()
    }
    if manifest.environment.git is not None:
        tags["mlflow.source.git.commit"] = manifest.environment.git.commit
    return {key: text[:_LONGEST_TAG] for key, text in tags.items()}


def _model_files(model: Path) -> Sequence[Path]:
    """The files of a trained model that is small enough."""
    files = sorted(path for path in model.rglob("*") if is_regular(path))
    return files if sum(path.stat().st_size for path in files) <= _LARGEST_MODEL_BYTES else []
