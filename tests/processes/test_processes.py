"""Each party in a process of its own: the bits of one process, and an end whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import psutil
import pytest
import yaml
from hypothesis import given, settings

from splitrun.data.encoded_files import open_data
from splitrun.errors import Lost, NonFiniteLoss, RunFailed, Stalled, UsageError
from splitrun.events import Evaluated, Event, Executed, Sampled, Sent, StepDone, party_of
from splitrun.runtime import Checksums, Job, Observer, find_runtime
from splitrun.session import evaluate_run, find_restart, prepare, prepare_resume, train
from splitrun.session.job import job_of
from splitrun.spec import loads
from splitrun.telemetry import JsonLines, Sampler, read_events
from tests.runtime.contents import contents
from tests.runtime.law import hold_the_law
from tests.runtime.running import Content, prepared, synthetic, trained

STALE = {"schedule": "stale", "depth": 4}
CLASS = """
import torch
from torch import nn

class Tower(nn.Module):
    def __init__(self, in_features, out=4):
        super().__init__()
        self.scale = nn.Parameter(torch.randn(in_features))
        self.layers = nn.Sequential(nn.Linear(in_features, 8), nn.Dropout(0.2), nn.Linear(8, out))

    def forward(self, x):
        return self.layers(x * self.scale).t().contiguous().t()
"""


def three_parties(**sections: Any) -> Content:
    """A spec of three parties, of which one has dropout and one BatchNorm."""
    made = synthetic(parties=3, pipeline=STALE, checkpoint={"every_steps": 7})
    bottom = {"type": "mlp", "hidden": [12], "out": 4}
    made["parties"]["p1"]["bottom"] = bottom | {"dropout": 0.3}
    made["parties"]["p2"]["bottom"] = bottom | {"normalization": "batch"}
    return made | sections


SPECS: Mapping[str, Callable[[], Content]] = {
    "several bottoms": three_parties,
    "micro-batches": lambda: (
        three_parties(pipeline={"schedule": "microbatch", "micro_batches": 3})
        | {"parties": synthetic(parties=2)["parties"]}
    ),
    "links and compensation": lambda: three_parties(
        links={"default": {"latency_ms": 1, "bandwidth_mbps": 100, "jitter_ms": 1}},
        pipeline=STALE | {"compensation": "discount"},
    ),
    "sums": lambda: three_parties() | synthetic(parties=3, top={"fusion": "sum"}),
}


Apart = Literal["processes", "grpc"]


@pytest.mark.parametrize("kind", ["processes", "grpc"])
@pytest.mark.parametrize("name", SPECS)
def test_the_weights_losses_and_metrics_are_those_of_one_process(name: str, kind: Apart) -> None:
    threaded = trained(prepared(SPECS[name]()), "threaded")
    apart = trained(prepared(SPECS[name]()), kind)
    assert apart.outcome.digests == threaded.outcome.digests
    assert {name: stage.digest() for name, stage in apart.stages.items()} == dict(
        threaded.outcome.digests
    )

    def told(events: list[Event]) -> list[object]:
        steps = [(it.step, it.rows, it.loss) for it in events if isinstance(it, StepDone)]
        return [*steps, *((it.step, it.metrics) for it in events if isinstance(it, Evaluated))]

    assert told(apart.events) == told(threaded.events)


@settings(max_examples=4)
@given(contents())
def test_the_law_holds_for_processes(content: Content) -> None:
    hold_the_law(content, "processes", "grpc")


def test_every_role_and_channel_tells_what_it_tells_in_one_process() -> None:
    threaded = trained(prepared(three_parties()), "threaded")
    apart = trained(prepared(three_parties()), "processes")

    def told(events: list[Event]) -> set[object]:
        return {
            (it.role, it.op, it.phase, it.step, it.micro, it.peer)
            if isinstance(it, Executed)
            else (it.channel, it.phase, it.step, it.micro, it.bytes)
            for it in events
            if isinstance(it, Executed | Sent)
        }

    assert told(apart.events) == told(threaded.events)
    plan = apart.experiment.plan
    spans = sorted(
        (it.start, it.end)
        for it in apart.events
        if isinstance(it, Executed) and party_of(it.role) == plan.top.party
    )
    assert plan.shares_thread(plan.top.party)  # the simulator asks the same
    assert all(later >= end for (_, end), (later, _) in pairwise(spans))
    passed = {name: (it.messages, it.bytes) for name, it in apart.outcome.channels.items()}
    assert passed == {n: (it.messages, it.bytes) for n, it in threaded.outcome.channels.items()}


def test_a_users_class_is_made_again_in_its_partys_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tower.py").write_text(CLASS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    made = three_parties()
    made["parties"]["p1"]["bottom"] = {"class": "tower:Tower"}
    document = loads(yaml.safe_dump(made, sort_keys=False), "spec.yaml")
    one, other = (
        trained(prepare(document, allow_code=True), kind).outcome.digests
        for kind in ("processes", "serial")
    )
    assert one == other


def test_a_run_over_processes_has_a_model_a_recording_and_samples_of_all_processes(
    tmp_path: Path,
) -> None:
    made = three_parties(runtime={"type": "processes"}, links={"default": {"latency_ms": 10}})
    result = train(prepared(made), tmp_path, [JsonLines()], [partial(Sampler, interval_s=0.02)])
    calm = train(prepared(three_parties()), tmp_path)
    assert result.weights_sha256 == calm.weights_sha256
    assert evaluate_run(Path(result.run_dir)).metrics == calm.metrics["test"]
    events = list(read_events(Path(result.run_dir)))
    samples = [event for event in events if isinstance(event, Sampled)]
    assert max(it.memory_bytes for it in samples) > 1.5 * psutil.Process().memory_info().rss


def stopped_at(job: Job, step: int, act: Callable[[], None]) -> Observer:
    """An observer that acts once, when a step is done."""
    acted: list[bool] = []

    def emit(event: Event) -> None:
        if isinstance(event, StepDone) and event.step >= step and not acted:
            acted.append(True)
            act()

    return Observer(emit)


def processes_of_parties() -> list[psutil.Process]:
    """Those that have been started and not ended: two are the system's helpers, of the library that
    forks."""
    servers = psutil.Process().children()
    return [child for server in servers for child in server.children()]


def long_job(**sections: Any) -> Job:
    made = three_parties(training={"epochs": 200}, **sections)
    experiment = prepared(made)
    return job_of(experiment.parties, experiment.plan)


def test_a_process_that_is_killed_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    job = long_job()

    def kill() -> None:
        processes_of_parties()[1].send_signal(signal.SIGKILL)

    before = set(Path(tempfile.gettempdir()).glob("splitrun-*"))
    with pytest.raises(Lost, match=r"its process was killed by SIGKILL"):
        find_runtime("processes")(job, stopped_at(job, 3, kill))
    assert not processes_of_parties()
    assert set(Path(tempfile.gettempdir()).glob("splitrun-*")) == before


def test_an_interrupt_brings_back_what_was_trained_until_then() -> None:
    job, first = long_job(), {}
    first = {name: work.stage.digest() for name, work in job.roles.items()}
    done: list[int] = []

    def emit(event: Event) -> None:
        if isinstance(event, StepDone):
            done.append(event.step)

    def poll() -> None:
        if len(done) > 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        find_runtime("processes")(job, Observer(emit, poll))
    now = {name: work.stage.digest() for name, work in job.roles.items()}
    assert all(now[name] != first[name] for name in first)
    assert not processes_of_parties()


FAULTS: Mapping[str, tuple[Content, type[RunFailed], str]] = {
    "a role raises": (
        {"type": "raise", "step": 3, "role": "p1.bottom"},
        RunFailed,
        r"p1\.bottom failed at FORWARD 3: InjectedError",
    ),
    "a role does not come back": (
        {"type": "stall", "step": 3, "role": "p2.bottom"},
        Stalled,
        r"p2\.bottom failed at FORWARD 3: it has not come back",
    ),
    "a thread dies": (
        {"type": "die", "step": 3, "role": "p1.bottom"},
        Lost,
        r"p1\.bottom failed at FORWARD 3: its thread ended without a word",
    ),
    "a process is killed": ({"type": "kill", "step": 3}, Lost, r"p0\.\w+ failed at .* SIGKILL"),
    "a message is lost": (
        {"type": "silence", "step": 3, "link": "p1->p0"},
        Stalled,
        r"p0\.top failed at RECV 3 from p1\.bottom: p1\.bottom->p0\.top is silent",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_goes_wrong_in_a_process_is_told_as_in_one(name: str, tmp_path: Path) -> None:
    fault, kind, message = FAULTS[name]
    deadline_s = 3 if kind is Stalled else 60
    made = three_parties(
        faults=[fault], runtime={"type": "processes"}, supervision={"deadline_s": deadline_s}
    )
    with pytest.raises(kind, match=message) as failed:
        train(prepared(made), tmp_path)
    if kind is Stalled:
        assert "party_process.py" in failed.value.stacks
    assert not processes_of_parties()


def test_a_loss_that_is_not_finite_is_told_as_in_one_process(tmp_path: Path) -> None:
    made = three_parties(training={"epochs": 2, "optimizer": {"type": "sgd", "lr": 1e30}})
    messages = []
    for kind in ("threaded", "processes"):
        with pytest.raises(NonFiniteLoss) as failed:
            train(prepared(made | {"runtime": {"type": kind}}), tmp_path / kind)
        assert failed.value.recurs
        messages.append(str(failed.value))
    assert messages[0] == messages[1]


STOPPING: Content = {
    "dataset": {
        "type": "synthetic",
        "rows": 700,
        "numeric": 4,
        "batch_size": 64,
        "validation_fraction": 0.1,
    },
    "training": {
        "epochs": 2,
        "optimizer": {"type": "adam", "lr": 0.01},
        "evaluate_every_steps": 3,
        "early_stopping": {"patience": 3, "min_delta": 100},
    },
}
"""Nothing is better than what is found at step 3, before the first checkpoint."""


@pytest.mark.parametrize(
    ("sections", "killed_at", "steps", "best_step"), [({}, 16, 18, None), (STOPPING, 10, 12, 3)]
)
def test_a_killed_run_goes_on_from_its_checkpoint_with_the_undisturbed_weights(
    sections: Content, killed_at: int, steps: int, best_step: int | None, tmp_path: Path
) -> None:
    calm = train(prepared(three_parties(**sections)), tmp_path / "calm")
    made = three_parties(
        faults=[{"type": "kill", "step": killed_at}],
        runtime={"type": "processes"},
        links={"default": {"latency_ms": 50}},
        **sections,
    )
    with pytest.raises(Lost) as failed:
        train(prepared(made), tmp_path)
    resume = find_restart(Path(failed.value.run_dir))
    assert resume.step >= 7
    result = train(prepare_resume(resume), tmp_path, resume=resume)
    assert result.weights_sha256 == calm.weights_sha256
    assert result.metrics == calm.metrics
    assert (result.steps, result.best_step) == (steps, best_step)


def test_hooks_that_are_objects_of_this_process_are_refused() -> None:
    experiment = prepared(synthetic())
    job = replace(job_of(experiment.parties, experiment.plan), hooks=[Checksums()])
    with pytest.raises(UsageError, match="name them in the spec"):
        find_runtime("processes")(job, Observer())


def test_checksums_of_the_spec_act_in_every_process() -> None:
    made = synthetic(
        pipeline=STALE,
        runtime={"checksums": "on"},
        faults=[{"type": "damage", "step": 3, "link": "p1->p0"}],
    )
    with pytest.raises(RunFailed, match="its checksum differs"):
        trained(prepared(made), "processes")


def test_processes_are_not_those_of_this_one() -> None:
    told: set[int] = set()
    job = long_job()

    def look() -> None:
        told.update(process.pid for process in processes_of_parties())
        raise KeyboardInterrupt

    observer = Observer(poll=lambda: None, begin=look)
    with pytest.raises(KeyboardInterrupt):
        find_runtime("processes")(job, observer)
    assert len(told) == 3
    assert os.getpid() not in told


def test_a_checkpoint_that_nobody_takes_is_copied_nowhere_and_changes_nothing() -> None:
    asked: list[tuple[str, int]] = []
    experiment = prepared(three_parties())
    job = job_of(experiment.parties, experiment.plan)
    observer = Observer(collect=lambda role, step, _: asked.append((role, step)))
    outcome = find_runtime("processes")(job, observer)
    assert outcome.digests == trained(prepared(three_parties()), "serial").outcome.digests
    steps = {step for _, step in asked}
    assert sorted(asked) == sorted((role, step) for role in job.roles for step in steps)
    assert 7 in steps


def test_what_a_users_class_prints_is_printed_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = CLASS.replace("        return", "        print('a forward')\n        return")
    (tmp_path / "speaking.py").write_text(said, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    made = synthetic(parties=2, training={"epochs": 1})
    made["parties"]["p1"]["bottom"] = {"class": "speaking:Tower"}
    experiment = prepare(loads(yaml.safe_dump(made, sort_keys=False), "spec.yaml"), allow_code=True)
    capsys.readouterr()
    steps = experiment.plan.steps
    trained(experiment, "processes")
    assert capsys.readouterr().out.count("a forward\n") >= steps


def test_rows_are_written_once_for_all_trainings_of_them_and_never_where_a_cache_has_them(
    tmp_path: Path,
) -> None:
    def inodes(made: Content) -> list[int]:
        party = next(iter(prepared(made).parties))
        ids = party.data.train_ids
        found = []
        for data in (party.data, replace(party.data, train_ids=ids[: len(ids) // 2])):
            file = open_data(data)
            found.append(os.fstat(file).st_ino)
            os.close(file)
        return found

    one, other = inodes(synthetic())
    assert one == other
    rows = "\n".join(f"{row % 7},{row % 5},{row % 2}" for row in range(300))
    (tmp_path / "rows.csv").write_text(f"a,b,y\n{rows}\n", encoding="utf-8")
    made = synthetic()
    made["dataset"] = {
        "type": "csv",
        "path": str(tmp_path / "rows.csv"),
        "label": "y",
        "batch_size": 64,
        "cache": str(tmp_path / "cache"),
    }
    for name, column in (("p0", "a"), ("p1", "b")):
        made["parties"][name]["columns"] = [column]
    found = inodes(made)
    kept = {path.stat().st_ino for path in (tmp_path / "cache").rglob("*") if path.is_file()}
    assert set(found) <= kept


KILLED = """
import os, signal
from splitrun.runtime import Observer, find_runtime
from tests.processes.test_processes import long_job, processes_of_parties

def kill():
    print(*(process.pid for process in processes_of_parties()), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    find_runtime("processes")(long_job(), Observer(begin=kill))
"""


def test_no_process_outlives_the_one_that_has_started_it() -> None:
    killed = subprocess.run(
        [sys.executable, "-c", KILLED], check=False, capture_output=True, text=True
    )
    assert killed.returncode == -signal.SIGKILL
    processes = []
    for number in map(int, killed.stdout.split()):
        with suppress(psutil.NoSuchProcess):
            processes.append(psutil.Process(number))
    _, alive = psutil.wait_procs(processes, timeout=60)
    assert len(killed.stdout.split()) == 3
    assert not alive
