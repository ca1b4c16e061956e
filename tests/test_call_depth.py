"""A batch is followed from the command to the optimizer in few frames; `-s` prints them."""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import pytest
import yaml

import splitrun
from splitrun.cli.app import run
from tests.runtime.running import synthetic

OURS = str(Path(splitrun.__file__).parent)
MOST_TO_THE_ROLES, MOST_TO_THE_OPTIMIZER = 6, 5

Chain = Sequence[str]
"""Our frames, outermost first."""


def our_frames(frame: FrameType | None) -> Chain:
    chain: list[str] = []
    while frame is not None:
        if frame.f_code.co_filename.startswith(OURS):
            module = frame.f_globals["__name__"].removeprefix("splitrun.")
            chain.append(f"{module}: {frame.f_code.co_qualname}")
        frame = frame.f_back
    return chain[::-1]


def shown(title: str, chain: Chain) -> str:
    return "\n".join([title, *(f"  {number} {each}" for number, each in enumerate(chain, 1))])


@pytest.fixture
def chains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Chain]:
    """What leads to the start of a role's thread, and what leads to the optimizer's step in it."""
    found: dict[str, Chain] = {}
    adam = importlib.import_module("torch.optim.adam")  # torch.optim takes the name away
    start, step = threading.Thread.start, adam.adam

    def noted_start(self: threading.Thread) -> None:
        if self.name.endswith((".bottom", ".top")):
            found["roles"] = our_frames(sys._getframe(1))
        start(self)

    def noted_step(*args: object, **options: object) -> object:
        role = threading.current_thread().name
        *chain, last = our_frames(sys._getframe(1))
        assert last.endswith("eager_step"), "the optimizer's step, which the chain leads to"
        found[role] = max(found.get(role, []), chain, key=len)
        return step(*args, **options)

    content = synthetic(pipeline={"schedule": "stale", "depth": 4})
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump(content))
    monkeypatch.setattr(threading.Thread, "start", noted_start)
    monkeypatch.setattr(adam, "adam", noted_step)
    runs = str(tmp_path / "runs")
    assert (
        run(["train", str(tmp_path / "spec.yaml"), "--runs-dir", runs, "--progress", "none"]) == 0
    )
    return found


def test_few_frames_lead_from_the_command_to_the_roles_and_from_a_roles_loop_to_the_optimizer(
    chains: dict[str, Chain],
) -> None:
    command = next(n for n, each in enumerate(chains["roles"]) if each == "cli.train: train")
    to_the_roles = chains["roles"][command:]
    print(shown("from the command to the start of a role's thread:", to_the_roles))
    assert len(to_the_roles) <= MOST_TO_THE_ROLES
    for role in ("p0.bottom", "p1.bottom", "p0.top"):
        loop = next(n for n, each in enumerate(chains[role]) if each.startswith("runtime.worker"))
        to_the_optimizer = chains[role][loop:]
        print(shown(f"from the loop of {role} to the optimizer's step:", to_the_optimizer))
        assert len(to_the_optimizer) <= MOST_TO_THE_OPTIMIZER
