"""Components that cannot be used are named, and stand in nobody else's way."""

from __future__ import annotations

import pytest

from splitrun.components import OWN, Offer, Registry
from splitrun.errors import UsageError

GOOD = Offer("losses", "good", "tests.extension.offers:Good", "good-package")


def why(*offers: Offer) -> dict[str, str]:
    """What is said about each offer that cannot be used, by its package; others can."""
    registry = Registry([GOOD, *offers])
    assert "good" in registry.members("losses")
    return {one.offer.package: one.why for one in registry.unusable("losses")}


def offer(name: str, attribute: str, package: str = "odd-package") -> Offer:
    return Offer("losses", name, f"tests.extension.offers:{attribute}", package)


def test_two_packages_that_claim_one_name_are_both_named() -> None:
    found = why(offer("same", "Good", "first"), offer("same", "Good", "second"))
    assert found.keys() == {"first", "second"}
    assert found["first"].startswith("second (tests.extension.offers:Good) claims the same name")


def test_a_name_of_splitruns_own_cannot_be_taken_over() -> None:
    thief = offer("mse", "Good")
    assert why(thief) == {
        "odd-package": "splitrun has a mse of its own; ask its author for another name"
    }
    members = Registry([thief]).members("losses")
    assert members["mse"].__module__ == "splitrun.model.losses"


@pytest.mark.parametrize(
    ("attribute", "message"),
    [
        ("Missing", "it cannot be imported: AttributeError: .*; mend or uninstall odd-package"),
        ("Older", "it was made for api 0, and this splitrun has api 1; install one that fits"),
        ("Ageless", "it states no version of the contract, and this splitrun has api 1"),
        ("stranger", "it is no subclass of splitrun.extend.LossSection; mend odd-package"),
        (
            "Partial",
            "it does not define default_metrics, labels, per_row, predictions; mend odd-package",
        ),
        ("Crooked", "its section cannot be made: Pydantic.*nowhere.*; mend odd-package"),
        ("Good", 'it needs the field `type: Literal."odd".`; mend odd-package'),
    ],
)
def test_one_that_cannot_be_used_says_why(attribute: str, message: str) -> None:
    odd = offer("odd", attribute)
    assert why(odd).keys() == {"odd-package"}
    with pytest.raises(UsageError, match=f"cannot be used: {message}"):
        Registry([odd]).find("losses", "odd")


def test_one_that_fails_at_import_is_named_to_whoever_asks_for_it() -> None:
    broken = Offer("losses", "broken", "tests.extension.fails:Loss", "odd-package")
    registry = Registry([broken, GOOD])
    message = (
        r"broken of the package odd-package \(tests.extension.fails:Loss\) cannot be used: "
        r"it cannot be imported: RuntimeError: out of order; mend or uninstall odd-package"
    )
    with pytest.raises(UsageError, match=message):
        registry.find("losses", "broken")
    assert registry.find("losses", "good").__name__ == "Good"
    with pytest.raises(UsageError, match=r"not one of those installed: .*mse, class, good"):
        registry.find("losses", "goood")


@pytest.mark.parametrize("kind", OWN)
def test_every_component_of_splitruns_own_is_there_under_its_name(kind: str) -> None:
    members = Registry([]).members(kind)
    assert list(members) == list(OWN[kind])
    for name, section in members.items():
        if name != "class":
            assert section.model_fields["type"].annotation.__args__ == (name,)
