"""Console blocks of pages: each is typed here, one after another, and what it shows is said; or its
section, or the page before its first section, says when and on what it was tried."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from splitrun.cli.app import run
from tests.catalogue.made import evaluated, make_run
from tests.test_commands_of_pages import PAGES, ROOT, words_of

TRIED = re.compile(
    r"\b(?:Typed|Measured|Seen|Tried)\b.{0,200}?"
    r"\b(?:January|February|March|April|May|June|July|August|September|October|November|December)"
    r" 20\d\d\b.{0,200}?\bcores?\b",
    re.DOTALL,
)
"""A sentence that says when and on what."""
ELSEWHERE = {
    "README.md": "tests/test_commands_of_pages.py",
    "docs/tutorial.md": "tests/test_tutorial.py",
    "docs/python.md": "tests/test_python_page.py",
}
"""Pages whose blocks another test types."""
OTHERS = {
    "pip": "installs",
    "splitrun --install-completion": "changes the shell; tests/cli/test_help.py completes",
}
"""Lines that are not typed."""
EXAMPLE = ["dataset.rows=600", "dataset.batch_size=32", "training.epochs=1", "links=lan"]
"""What makes the quickstart quick."""
QUICK = {
    "train": ["--progress", "none", "training.epochs=1", "links=lan"],
    "prune": ["--yes"],
}
"""What is typed behind a command: to be quick, and not to be asked."""
WRONG = {"pipeline.dpeth=8": 2, "stranger.yaml": 2}
"""Lines that a page shows to be refused, and the exit code."""


@dataclass(frozen=True)
class Block:
    """A console block: its lines, and whether its page says when it was tried."""

    page: str
    lines: tuple[str, ...]
    is_dated: bool
    is_console: bool

    def typed(self) -> list[tuple[str, list[str]]]:
        """Each command line, and what is shown below it."""
        commands: list[tuple[str, list[str]]] = []
        for line in self.lines:
            if not self.is_console or line.startswith("$ "):
                commands.append((line.removeprefix("$ "), []))
            else:
                commands[-1][1].append(line)
        return commands


def blocks(page: Path) -> list[Block]:
    """A page's console blocks, in order."""
    text = page.read_text(encoding="utf-8")
    introduction, *sections = re.split(r"^(?=## )", text, flags=re.MULTILINE)
    found = []
    for section in (introduction, *sections):
        dated = any(map(TRIED.search, (section, introduction)))
        for language, content in re.findall(r"```(console|sh)\n(.*?)```", section, re.DOTALL):
            lines = tuple(re.sub(r"\\\n\s*", "", content).strip("\n ").splitlines())
            lines = tuple(line.removeprefix("    ") for line in lines)
            name = page.relative_to(ROOT).as_posix()
            found.append(Block(name, lines, dated, language == "console"))
    return found


TYPED: Mapping[str, list[Block]] = {
    page.relative_to(ROOT).as_posix(): undated
    for page in PAGES
    if (undated := [block for block in blocks(page) if not block.is_dated])
    and page.relative_to(ROOT).as_posix() not in ELSEWHERE
}


def columns(rows: int) -> pd.DataFrame:
    """Of the quickstart, for both parties."""
    names = [f"{party}_num{number}" for party in ("alice", "bob") for number in range(8)]
    return pd.DataFrame(np.random.default_rng(1).normal(size=(rows, 16)), columns=names)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the experiments, and the run of one."""
    path = tmp_path_factory.mktemp("typed")
    (path / "experiments").symlink_to(ROOT / "experiments")
    shutil.copy(ROOT / "experiments" / "quickstart.yaml", path / "spec.yaml")
    spec, runs = str(path / "spec.yaml"), ["--runs-dir", str(path / "made")]
    assert run(["train", spec, "--progress", "none", *runs, *EXAMPLE]) == 0
    return path


def of_runs(path: Path) -> None:
    """What docs/runs.md lists, and an older one."""
    for name, age in (("20261129T211229Z-quickstart-8796baf9", 29), ("20261001T100000Z-old-1", 1)):
        make_run(
            *(path / "runs", name),
            started=f"2026-{11 if age > 1 else 10}-{age:02}T10:00:00+00:00",
            metrics=evaluated(auroc=0.9, loss=0.5),
        )


def of_running(path: Path) -> None:
    """New rows, others with their labels, and files that no spec has been written for."""
    (path / "spec.yaml").unlink()
    rows = columns(40)
    rows.to_csv(path / "new.csv", index=False)
    rows.assign(label=np.arange(40) % 2).to_csv(path / "other.csv", index=False)
    for name, column in (("bank", "age"), ("partner", "visits")):
        own = pd.DataFrame({"customer": range(100), column: range(100)})
        own = own.assign(churned=["yes", "no"] * 50) if name == "bank" else own
        own.to_csv(path / f"{name}.csv", index=False)


def of_export(path: Path) -> None:
    """Rows for the reader, in one file and in two."""
    rows = columns(5)
    rows.to_csv(path / "rows.csv", index=False)
    for party in ("alice", "bob"):
        rows.filter(like=party).to_csv(path / f"{party}.csv", index=False)


def of_modules(path: Path) -> None:
    """The page's class, and a spec that names it."""
    page = (ROOT / "docs" / "modules.md").read_text(encoding="utf-8")
    (path / "tower.py").write_text(re.findall(r"```python\n(.*?)```", page, re.DOTALL)[0])
    own = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)[0].strip("\n")
    spec = (path / "spec.yaml").read_text()
    changed = re.sub(r"^  bob: .*$", own.replace("\\", "\\\\"), spec, flags=re.MULTILINE)
    (path / "own.yaml").write_text(changed.replace("rows: 10_000", "rows: 600"))


def of_trust(path: Path) -> None:
    """A spec that names a class, in the place that the page shows."""
    (path / "own.py").write_text("import torch\n\n\nclass Bottom(torch.nn.Linear): ...\n")
    (path / "stranger.yaml").write_text(
        "name: stranger\n"
        "dataset: {type: synthetic, rows: 100, numeric: 2}\n"
        "top: {party: alice, model: {type: mlp, out: 1}, loss: binary_cross_entropy}\n"
        "training: {epochs: 1}\n"
        "parties:\n"
        "  alice:\n"
        "    bottom: {type: mlp, out: 2}\n"
        "  bob:\n"
        "    bottom: {class: 'own:Bottom'}\n"
    )


PREPARED: Mapping[str, Callable[[Path], None]] = {
    "docs/runs.md": of_runs,
    "docs/running.md": of_running,
    "docs/export.md": of_export,
    "docs/modules.md": of_modules,
    "docs/trust.md": of_trust,
}
"""Of pages: what they speak of is made."""


def carried(path: Path) -> None:
    """Files that docs/certificates.md sends from one organisation to another have come."""
    for source, target in (("tls/bank.csr", "."), ("bank.crt", "tls"), ("ca/ca.crt", "tls")):
        if (path / source).exists() and (path / "tls").exists():
            shutil.copy(path / source, path / target)


@pytest.mark.parametrize("page", TYPED)
def test_what_a_page_types_does_what_it_says(
    page: str,
    trained: Path,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(trained, tmp_path, symlinks=True, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    if any("experiments/bank.yaml" in line for block in TYPED[page] for line in block.lines):
        monkeypatch.setenv("SPLITRUN_DATA_DIR", str(request.getfixturevalue("bank_dir")))
    if prepare := PREPARED.get(page):
        prepare(tmp_path)
    (made,) = (tmp_path / "made").iterdir()
    for block in TYPED[page]:
        for line, shown in block.typed():
            words = [
                str(made) if word == "RUN" or re.match(r"runs/\d{8}T", word) else word
                for word in words_of(line)
            ]
            if words[0] in OTHERS or " ".join(words) in OTHERS:
                continue
            if words[0] == "splitrun":
                code = next((WRONG[word] for word in words if word in WRONG), 0)
                assert run([*words[1:], *QUICK.get(words[1], [])]) == code, line
                told = capsys.readouterr()
                out, said = told.out, told.out + told.err
            else:
                assert words[0] == "python", line
                done = subprocess.run([sys.executable, *words[1:]], capture_output=True, text=True)
                assert done.returncode == 0, done.stderr
                out = said = done.stdout
            if target := re.search(r" > (\S+)", line):
                Path(target[1]).write_text(out, encoding="utf-8")
            for each in shown:
                assert each in said, line
            carried(tmp_path)


def test_a_page_that_another_test_types_is_one_with_blocks() -> None:
    for page, test in ELSEWHERE.items():
        assert blocks(ROOT / page)
        assert (ROOT / test).is_file()
