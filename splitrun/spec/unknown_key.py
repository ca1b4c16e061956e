"""What was probably meant by a key that its section does not know."""

from __future__ import annotations

from dataclasses import dataclass

from splitrun.errors import Path, dotted
from splitrun.spec.scalar import dump
from splitrun.spec.shape import CLASS_TAG, Place, fields, homes
from splitrun.spec.tree import Flaw, Tree
from splitrun.spec.wording import alternatives, closest

_OTHER_NAMES = {
    "learning_rate": "lr",
    "features": "columns",
    "model": "bottom",
    "layers": "hidden",
    "batchsize": "batch_size",
    "pipeline_size": "depth",
    "base_model": "bottom",
    "fuse_model": "model",
    "loss_fn": "loss",
}
"""Keys that people know from elsewhere."""


@dataclass(frozen=True)
class Meant:
    """An unknown key explained, and the path of the key that was meant, if one was found."""

    flaw: Flaw
    path: Path | None = None


def explain(place: Place, tree: Tree) -> Meant:
    """What is wrong with the key at `place`, in one problem."""
    section = place.parent.section
    key = str(place.path[-1])
    here = place.path[:-1]
    known = list(fields(section)) if section else []
    what = f"unknown key {key!r}" if key.isprintable() and len(key) < 60 else "unknown key"
    if place.parent.tag == CLASS_TAG and key == "type":
        remedy = "'class' and 'type' exclude each other; keep one"
        return Meant(tree.flaw(place.path, what, remedy))
    others = [tag for tag, member in place.parent.members.items() if key in fields(member)]
    if others:
        what = f"{place.parent.tag} has no {key!r}"
        remedy = f"remove it; it is for {alternatives(others)}"
        return Meant(tree.flaw(place.path, what, remedy))
    unused = [other for other in known if other not in tree.at(here)]
    near = _OTHER_NAMES[key] if _OTHER_NAMES.get(key) in known else closest(key, unused)
    home = None if near else _home(_OTHER_NAMES.get(key, key), here)
    if home is not None:
        return Meant(tree.flaw(place.path, what, f"it belongs in {dotted(home)}"), home)
    near = near or closest(key, known)
    if near is not None:
        return Meant(tree.flaw(place.path, what, f"did you mean {near!r}?"), (*here, near))
    remedy = f"remove it; known here: {', '.join(known)}"
    return Meant(tree.flaw(place.path, what, remedy))


def left_behind(places: list[Place], tree: Tree, tag_path: Path) -> Flaw:
    """One problem for the keys of a section whose type was changed by an override."""
    here = tag_path[:-1]
    parent = places[0].parent
    known = fields(parent.section) if parent.section else {}
    keys = [str(place.path[-1]) for place in places]
    kept = {key: value for key, value in tree.at(here).items() if key in known}
    chosen = {tag_path[-1]: kept.pop(str(tag_path[-1]))}
    name = parent.tag if parent.tag != CLASS_TAG else "a class"
    return tree.mark(tag_path).flaw(
        here,
        f"{name} has no {', '.join(keys)}, which an earlier type left",
        f"write all of it: {dotted(here)}={dump(chosen | kept, flow=True).strip()}",
    )


def belongs(key: str, here: Path) -> str:
    """The remedy for a key of another section that stands in `here`."""
    home = _home(key, here)
    return f"it belongs in {dotted(home)}" if home else "remove it"


def _home(key: str, here: Path) -> Path | None:
    """Where `key` belongs: below `here` if it can, else as near the root as it can."""
    paths = [_concrete(path, here) for path in homes().get(key, ())]
    if not paths or key == "type":
        return None
    below = [path for path in paths if path[: len(here)] == here]
    return (below or paths)[0]


def _concrete(path: Path, here: Path) -> Path:
    """A home with the names of `here`, or with placeholders."""
    placeholders = {"parties": "<party>", "links": "default"}
    named: Path = ()
    for index, part in enumerate(path):
        if part != "*":
            named = (*named, part)
        elif len(here) > index and here[:index] == named:
            named = (*named, here[index])
        else:
            named = (*named, placeholders[str(path[index - 1])])
    return named
