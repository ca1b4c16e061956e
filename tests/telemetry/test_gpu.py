"""GPUs as a driver tells of them: NVIDIA's library is replaced by one that behaves as told.

Each case is a process of its own, for the bindings load the library once.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from splitrun.events import Gpu, Sampled

SOURCE = Path(__file__).with_name("fake_nvml.c")
LIBRARY = "libnvidia-ml.so.1"

READ_TWICE = """
import sys, msgspec
from splitrun.telemetry.sampler import Gpus
with Gpus() as gpus:
    reads = [gpus.read(), gpus.read()]
sys.stdout.buffer.write(msgspec.json.encode([*reads, gpus.note]))
"""

SAMPLE = """
import sys, threading, msgspec
from splitrun.telemetry import Sampler
samples, enough = [], threading.Event()

def emit(event):
    samples.append(event)
    if len(samples) == 3:
        enough.set()

with Sampler(emit, interval_s=0.01) as sampler:
    enough.wait(float(sys.argv[1]))
sys.stdout.buffer.write(msgspec.json.encode([samples, sampler.note, sampler.gpu_note]))
"""

FIRST = Gpu("First", 37.0, 3 << 30, 80 << 30, 250.5)
SECOND = Gpu("Second", 0.0, 3 << 30, 80 << 30, 250.5)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the library."""
    return compiled(tmp_path_factory.mktemp("nvml"))


def compiled(directory: Path, *options: str) -> Path:
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("no C compiler on Linux here, so there is no library to replace NVIDIA's")
    subprocess.run(
        [compiler, "-shared", "-fPIC", *options, "-o", directory / LIBRARY, SOURCE], check=True
    )
    return directory


def process(script: str, library: Path, behaviour: str, *arguments: str) -> bytes:
    """What a script prints while this library stands in for NVIDIA's."""
    others = os.environ.get("LD_LIBRARY_PATH")
    path = f"{library}{os.pathsep}{others}" if others else str(library)
    environment = os.environ | {"LD_LIBRARY_PATH": path, "FAKE_NVML": behaviour}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, *arguments],
        env=environment,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert done.stderr == b""
    return done.stdout


def read_twice(library: Path, behaviour: str) -> tuple[list[Gpu], list[Gpu], str]:
    answer = process(READ_TWICE, library, behaviour)
    return msgspec.json.decode(answer, type=tuple[list[Gpu], list[Gpu], str])


def test_every_gpu_tells_its_figures_whoever_uses_it(library: Path) -> None:
    assert read_twice(library, "two") == ([FIRST, SECOND], [FIRST, SECOND], "")


def test_a_driver_without_gpus_is_no_failure(library: Path) -> None:
    assert read_twice(library, "none") == ([], [], "the driver has no GPU")


def test_a_driver_that_is_not_loaded_is_told_in_a_line(library: Path) -> None:
    note = "NVMLError_DriverNotLoaded: Driver Not Loaded"
    assert read_twice(library, "no-driver") == ([], [], note)


def test_what_a_gpu_does_not_support_is_none_and_nothing_to_tell(library: Path) -> None:
    mute = [Gpu(name, None, 3 << 30, 80 << 30, None) for name in ("First", "Second")]
    assert read_twice(library, "unsupported") == (mute, mute, "")


def test_a_gpu_that_may_not_be_asked_keeps_its_place(library: Path) -> None:
    both = [FIRST, Gpu("GPU 1", None, None, None, None)]
    note = "NVMLError_NoPermission: Insufficient Permissions"
    assert read_twice(library, "denied") == (both, both, note)


def test_a_name_that_is_no_text_is_replaced_by_the_number(library: Path) -> None:
    first, _, note = read_twice(library, "odd-name")
    assert [gpu.name for gpu in first] == ["GPU 0", "GPU 1"]
    assert first[0].busy_percent == 37
    assert note.startswith("UnicodeDecodeError")


def test_a_gpu_that_is_lost_midway_tells_nothing_more(library: Path) -> None:
    before, after, note = read_twice(library, "lost")
    assert before == [FIRST, SECOND]
    assert after == [Gpu(name, None, None, None, None) for name in ("First", "Second")]
    assert note == "NVMLError_GpuIsLost: GPU is lost"


def test_an_old_driver_lacks_some_figures(tmp_path: Path) -> None:
    first, _, note = read_twice(compiled(tmp_path, "-DOLD"), "two")
    assert first[0] == Gpu("First", 37.0, 3 << 30, 80 << 30, None)
    assert note.startswith("NVMLError_FunctionNotFound")


def test_a_broken_library_is_as_good_as_none(tmp_path: Path) -> None:
    (tmp_path / LIBRARY).write_text("no library")
    first, second, note = read_twice(tmp_path, "two")
    assert first == second == []
    assert note.startswith("NVMLError_LibraryNotFound")


def test_samples_go_on_when_a_gpu_is_lost(library: Path) -> None:
    answer = process(SAMPLE, library, "lost", "60")
    samples, note, gpu_note = msgspec.json.decode(answer, type=tuple[list[Sampled], str, str])
    assert len(samples) >= 4
    assert samples[0].gpus == (FIRST, SECOND)
    assert {gpu.memory_bytes for sample in samples[1:] for gpu in sample.gpus} == {None}
    assert note == ""
    assert gpu_note == "NVMLError_GpuIsLost: GPU is lost"


def test_a_driver_that_never_answers_holds_nobody_up(library: Path) -> None:
    answer = process(SAMPLE, library, "hangs", "0")
    samples, _, _ = msgspec.json.decode(answer, type=tuple[list[Sampled], str, str])
    assert samples == []
