"""What is said about the project beside its code is true of it: checks, files, links and words."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from splitrun import __version__

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    page for pattern in ("*.md", "docs/**/*.md", ".github/**/*.md") for page in ROOT.glob(pattern)
)
NAMES_OF_BEFORE = r"\b(audience|crew|entrants?|handovers?|ledgers?|lives|lateness)\b"
HISTORY = ("glossary.md", "CHANGELOG.md")
"""Pages that say what the names were."""


def project() -> dict[str, object]:
    content: dict[str, object] = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return content


def recipe(target: str) -> list[str]:
    """The commands of one of make's targets."""
    lines = (ROOT / "Makefile").read_text().replace("$(BIN)", ".venv/bin").splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith(f"{target}:"))
    return [line.strip() for line in lines[start + 1 : lines.index("", start)]]


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def test_git_runs_the_same_checks_before_a_commit_as_make_lint() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    hooks = [hook for repository in config["repos"] for hook in repository["hooks"]]
    assert [hook["entry"] for hook in hooks] == recipe("lint")
    assert {hook["pass_filenames"] for hook in hooks} == {False}


def test_git_gets_its_checks_from_this_machine_alone() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert [repository["repo"] for repository in config["repos"]] == ["local"]
    assert {hook["language"] for hook in config["repos"][0]["hooks"]} == {"system"}


def test_the_package_says_that_it_is_typed() -> None:
    assert (ROOT / "splitrun" / "py.typed").is_file()
    tool = project()["tool"]
    assert isinstance(tool, dict)
    assert "py.typed" in tool["setuptools"]["package-data"]["splitrun"]


def test_every_package_of_the_tests_has_an_exact_version() -> None:
    extras = project()["project"]
    assert isinstance(extras, dict)
    wanted = [*extras["dependencies"], *extras["optional-dependencies"]["dev"]]
    names = {re.split(r"[<>=]", each)[0].lower().replace("_", "-") for each in wanted}
    pinned = (ROOT / "constraints.txt").read_text().splitlines()
    known = {line.split("==")[0].lower().replace("_", "-") for line in pinned}
    assert names - known == set()


def test_the_changelog_tells_of_this_version_and_of_what_came_after_it() -> None:
    headings = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert re.fullmatch(rf"{re.escape(__version__)} \(\d{{4}}-\d\d-\d\d\)", headings[1])


def test_make_help_names_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text()
    (phony,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert set(re.findall(r"^([a-z]+):.*##", makefile, re.MULTILINE)) == set(phony.split())


def links() -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
        yield from ((page, link) for link in re.findall(r"\]\(([^)#\s]+)", text))


def test_every_link_between_pages_leads_to_a_file() -> None:
    local = [(page, link) for page, link in links() if not re.match(r"[a-z]+:", link)]
    broken = [(name(page), link) for page, link in local if not (page.parent / link).exists()]
    assert broken == []


def test_every_file_that_a_page_names_is_there() -> None:
    named = [
        (name(page), file)
        for page in PAGES
        if page.name != "CHANGELOG.md"
        for file in re.findall(r"`((?:splitrun|tests|docs|experiments)/[\w/.]+)`", page.read_text())
        if "NAME" not in file
    ]
    assert named
    assert [(page, file) for page, file in named if not (ROOT / file).exists()] == []


@pytest.mark.parametrize("page", [page for page in PAGES if page.name not in HISTORY], ids=name)
def test_no_page_uses_a_name_of_before(page: Path) -> None:
    """But as code: keys of files that were written before, and names of files that were."""
    prose = re.sub(r"`[^`]*`", "", page.read_text())
    assert re.findall(NAMES_OF_BEFORE, prose, re.IGNORECASE) == []


def test_no_experiment_uses_a_name_of_before() -> None:
    specs = [*(ROOT / "experiments").glob("*.yaml")]
    assert specs
    assert re.findall(NAMES_OF_BEFORE, "".join(spec.read_text() for spec in specs)) == []


def test_every_issue_form_has_what_its_readers_want_of_it() -> None:
    forms = [*(ROOT / ".github" / "ISSUE_TEMPLATE").glob("[!c]*.yml")]
    assert {form.stem for form in forms} == {"bug", "feature", "question"}
    for form in forms:
        content = yaml.safe_load(form.read_text())
        assert {"name", "description", "labels", "body"} == content.keys()
        ids = [part["id"] for part in content["body"]]
        assert len(ids) == len(set(ids))
