from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from splitrun.records.run import Git
from splitrun.session.environment import environment


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    def git(*arguments: str) -> None:
        name = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
        subprocess.run(["git", "-C", str(tmp_path), *name, *arguments], check=True)

    git("init", "--quiet")
    (tmp_path / "spec.yaml").write_text("name: trial\n")
    git("add", "spec.yaml")
    git("commit", "--quiet", "-m", "first")
    return tmp_path


def test_a_checkout_tells_its_commit_and_whether_it_was_changed(checkout: Path) -> None:
    clean = environment(checkout).git
    (checkout / "spec.yaml").write_text("name: other\n")
    dirty = environment(checkout).git
    assert clean is not None
    assert dirty == Git(commit=clean.commit, dirty=True)
    assert clean.dirty is False


@pytest.mark.parametrize("key", ["core.fsmonitor", "filter.mine.clean"])
def test_programs_that_a_checkout_names_do_not_run(checkout: Path, key: str) -> None:
    program, trace = checkout / ".git" / "program", checkout / ".git" / "ran"
    program.write_text(f"#!/bin/sh\ntouch {trace}\n")
    program.chmod(0o755)
    (checkout / ".gitattributes").write_text("spec.yaml filter=mine\n")
    (checkout / "spec.yaml").write_text("name: other\n")
    subprocess.run(["git", "-C", str(checkout), "config", key, str(program)], check=True)
    found = environment(checkout).git
    assert found is not None
    assert found.dirty is None
    assert not trace.exists()
    subprocess.run(["git", "-C", str(checkout), "status"], check=False, capture_output=True)
    assert trace.exists()
