"""The contract for packages is what it says."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import splitrun
from splitrun import extend
from splitrun.components import CONTRACTS
from splitrun.spec.section import Section
from tests.extension.test_plugin import PLUGIN, SPEC

ROOT = Path(splitrun.__file__).parent


def test_exports_are_what_they_say() -> None:
    assert extend.__all__ == sorted(extend.__all__)
    assert all(hasattr(extend, name) for name in extend.__all__)
    assert {value.partition(":")[2] for value in CONTRACTS.values()} <= set(extend.__all__)


@pytest.mark.parametrize("name", extend.__all__)
def test_every_class_of_the_contract_and_all_that_it_has_is_explained(name: str) -> None:
    value = getattr(extend, name)
    if not isinstance(value, type):
        return
    assert value.__doc__
    for key, member in vars(value).items():
        own = getattr(member, "__module__", None) == value.__module__ or isinstance(
            member, property
        )
        if own and not key.startswith("_") and (callable(member) or isinstance(member, property)):
            assert member.__doc__, f"{name}.{key}"


def test_the_contract_is_imported_without_torch() -> None:
    code = "import sys, splitrun.extend; print(*{name.partition('.')[0] for name in sys.modules})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "numpy", "pandas", "sklearn", "typer"} & set(run.stdout.split())


def test_every_example_of_the_documentation_is_a_file_of_the_package_that_is_trained_with() -> None:
    text = (ROOT.parent / "docs" / "extending.md").read_text()
    examples = re.findall(r"```(?:python|toml)\n(.*?)```", text, re.DOTALL)
    files = [*PLUGIN.rglob("pyproject.toml"), *PLUGIN.glob("splitrun_example/[a-z]*.py")]
    assert sorted(examples) == sorted(path.read_text() for path in files)
    (spec,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert spec == SPEC


def test_nobody_asks_what_kind_of_section_another_module_has() -> None:
    """An `isinstance` chain would have to grow with every component of a package."""
    import splitrun.cli.app  # noqa: F401 - and with it all sections
    from splitrun.components import OWN, Registry

    for kind in OWN:
        Registry([]).members(kind)
    defined = {section.__name__: section.__module__ for section in subclasses(Section)}
    assert "SyntheticDataset" in defined
    for path in ROOT.rglob("*.py"):
        module = ".".join(path.relative_to(ROOT.parent).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text())):
            others = {name for name in asked(node) if defined.get(name, module) != module}
            assert not others, f"{module}, {ast.unparse(node)}"


def subclasses(base: type) -> set[type]:
    below: set[type] = set(base.__subclasses__())
    return below.union(*(subclasses(each) for each in below))


def asked(node: ast.AST) -> set[str]:
    """The classes that an `isinstance`, or a `case`, tells apart."""
    match node:
        case ast.Call(func=ast.Name(id="isinstance"), args=[_, classes]):
            asked_for: ast.AST = classes
        case ast.MatchClass(cls=asked_for):
            pass
        case _:
            return set()
    names = {each.id for each in ast.walk(asked_for) if isinstance(each, ast.Name)}
    return names | {each.attr for each in ast.walk(asked_for) if isinstance(each, ast.Attribute)}
