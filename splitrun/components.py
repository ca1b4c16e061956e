"""The parts of an experiment by name: those that splitrun has, and those of installed packages.

A component is one class, a section of the spec that is told by its `type` and can check and make
what it stands for. splitrun's own are listed here; a package offers one as an entry point:

    [project.entry-points."splitrun.losses"]
    huber = "my_package.huber:Huber"

A class is imported when somebody asks for its kind. One that cannot be used, because it fails at
import, was made for another version of the contract, or has a name that another one has, is named
to whoever asks for it, and stands in nobody else's way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, get_args

from splitrun.errors import UsageError, one_line

API = 1
"""The version of the contract between splitrun and the components of packages."""

OWN: Mapping[str, Mapping[str, str]] = {
    "sources": {
        "csv": "splitrun.data.sources.files:CsvDataset",
        "parquet": "splitrun.data.sources.files:ParquetDataset",
        "npz": "splitrun.data.sources.files:NpzDataset",
        "bank_marketing": "splitrun.data.sources.bank_marketing:BankMarketingDataset",
        "synthetic": "splitrun.data.sources.synthetic:SyntheticDataset",
    },
    "losses": {
        "binary_cross_entropy": "splitrun.model.losses:BinaryCrossEntropy",
        "cross_entropy": "splitrun.model.losses:CrossEntropy",
        "multilabel_binary_cross_entropy": "splitrun.model.losses:MultilabelBinaryCrossEntropy",
        "mse": "splitrun.model.losses:MeanSquaredError",
        "class": "splitrun.model.custom.measures:CustomLoss",
    },
    "metrics": {"class": "splitrun.model.custom.measures:CustomMetric"},
    "bottoms": {
        "mlp": "splitrun.model.mlp:Mlp",
        "embedding_mlp": "splitrun.model.mlp:EmbeddingMlp",
        "class": "splitrun.model.custom.section:CustomBottom",
    },
    "tops": {
        "mlp": "splitrun.model.mlp:Mlp",
        "class": "splitrun.model.custom.section:CustomModule",
    },
    "optimizers": {
        "sgd": "splitrun.model.optimizers:Sgd",
        "adam": "splitrun.model.optimizers:Adam",
        "adamw": "splitrun.model.optimizers:AdamW",
        "adagrad": "splitrun.model.optimizers:Adagrad",
        "rmsprop": "splitrun.model.optimizers:RmsProp",
        "sparse_adam": "splitrun.model.optimizers:SparseAdam",
    },
    "lr_schedules": {
        "constant": "splitrun.model.optimizers:ConstantLr",
        "step": "splitrun.model.optimizers:StepLr",
        "exponential": "splitrun.model.optimizers:ExponentialLr",
        "cosine": "splitrun.model.optimizers:CosineLr",
    },
    "compensation": {
        "weight_prediction": "splitrun.model.compensation:WeightPrediction",
        "spike": "splitrun.model.compensation:Spike",
        "long_momentum": "splitrun.model.compensation:LongMomentum",
        "discount": "splitrun.model.compensation:Discount",
    },
    "sinks": {
        "tensorboard": "splitrun.telemetry.tensorboard:TensorBoardSink",
        "mlflow": "splitrun.telemetry.mlflow:MLflowSink",
    },
}
"""splitrun's own components, by kind and name, each as `module:attribute`."""

RUNTIMES: Mapping[str, str] = {
    "serial": "splitrun.runtime.serial:run",
    "threaded": "splitrun.runtime.threaded:run",
    "processes": "splitrun.processes.run:run",
    "grpc": "splitrun.processes.run:run_over_grpc",
    "ray": "splitrun.cluster.run:run",
}
"""The runtimes by name, each as `module:attribute`; they have no section of their own."""

AHEAD: Mapping[str, str] = {
    "processes": "splitrun.processes.server:start",
    "grpc": "splitrun.processes.server:start",
    "ray": "splitrun.cluster.connection:refuse_missing",
}
"""What a runtime whose parties have processes of their own does before data are read: it starts
what takes seconds, or says at once what is missing."""

CONTRACTS: Mapping[str, str] = {
    "sources": "splitrun.spec.datasets:DatasetSection",
    "losses": "splitrun.spec.measures:LossSection",
    "bottoms": "splitrun.spec.contracts:ModelSection",
    "compensation": "splitrun.spec.contracts:RuleSection",
    "hooks": "splitrun.spec.contracts:HookSection",
    "sinks": "splitrun.spec.contracts:SinkSection",
}
"""The kinds of which packages may offer components, in the entry-point groups `splitrun.<kind>`,
and the class that each must extend, as `module:attribute`."""


KINDS = tuple(dict.fromkeys([*OWN, *CONTRACTS]))


@dataclass(frozen=True)
class Offer:
    """A component that a package offers."""

    kind: str
    name: str
    value: str
    """`module:attribute`."""
    package: str

    def __str__(self) -> str:
        return f"{self.name} of the package {self.package} ({self.value})"


@dataclass(frozen=True)
class Unusable:
    """An offer that cannot be used."""

    offer: Offer
    why: str

    def __str__(self) -> str:
        return f"splitrun.{self.offer.kind}: {self.offer} cannot be used: {self.why}"


class Registry:
    """All components there are.

    Args:
        offers: those of packages; splitrun's own are always there.
    """

    def __init__(self, offers: Iterable[Offer]) -> None:
        self._offers = tuple(offers)
        self._members: dict[str, Mapping[str, type[Any]]] = {}
        self._unusable: dict[str, tuple[Unusable, ...]] = {}

    def members(self, kind: str) -> Mapping[str, type[Any]]:
        """The classes of a kind that can be used, by name; splitrun's own come first."""
        if kind not in self._members:
            self._load(kind)
        return self._members[kind]

    def packages(self, kind: str) -> Mapping[str, str]:
        """The package that each of these classes is of, by its name."""
        offered = {offer.name: offer.package for offer in self._offers if offer.kind == kind}
        own = OWN.get(kind, {})
        return {name: "splitrun" if name in own else offered[name] for name in self.members(kind)}

    def unusable(self, kind: str) -> tuple[Unusable, ...]:
        """The offers of a kind that cannot be used."""
        self.members(kind)
        return self._unusable[kind]

    def find(self, kind: str, name: str) -> type[Any]:
        """The class of that name.

        Raises:
            UsageError: there is none, or it cannot be used.
        """
        members = self.members(kind)
        if name in members:
            return members[name]
        for one in self.unusable(kind):
            if one.offer.name == name:
                raise UsageError(f"{one.offer} cannot be used: {one.why}")
        raise UsageError(f"not one of those installed: {', '.join(members) or 'none'}")

    def _load(self, kind: str) -> None:
        members: dict[str, type[Any]] = {
            name: imported(value) for name, value in OWN.get(kind, {}).items()
        }
        unusable = []
        offers = [offer for offer in self._offers if offer.kind == kind]
        for offer in offers:
            rivals = [one for one in offers if one.name == offer.name and one is not offer]
            found = _claimed(offer, rivals) or _attempt(offer)
            if isinstance(found, str):
                unusable.append(Unusable(offer, found))
            else:
                members[offer.name] = found
        self._members[kind], self._unusable[kind] = members, tuple(unusable)


def _claimed(offer: Offer, rivals: list[Offer]) -> str:
    """Who else has the name; empty where nobody does."""
    if offer.name in OWN.get(offer.kind, {}):
        return f"splitrun has a {offer.name} of its own; ask its author for another name"
    if not rivals:
        return ""
    others = " and ".join(f"{one.package} ({one.value})" for one in rivals)
    return f"{others} claims the same name; uninstall one of the packages"


def _attempt(offer: Offer) -> type[Any] | str:
    """The class that is offered, or why it cannot be used."""
    try:
        found = imported(offer.value)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - it is the package's own code
        return f"it cannot be imported: {one_line(error)}; mend or uninstall {offer.package}"
    contract = imported(CONTRACTS[offer.kind])
    if not (isinstance(found, type) and issubclass(found, contract)):
        return f"it is no subclass of splitrun.extend.{contract.__name__}; mend {offer.package}"
    return _unfit(found, contract, offer) or found


def _unfit(found: Any, contract: Any, offer: Offer) -> str:
    """What a class lacks of what it is asked; empty where it is all there."""
    api = getattr(found, "api", None)
    if api != API:
        made_for = "states no version of the contract" if api is None else f"was made for api {api}"
        return f"it {made_for}, and this splitrun has api {API}; install one that fits"
    try:
        found.model_rebuild()
    except Exception as error:  # noqa: BLE001 - whatever pydantic has against it
        return f"its section cannot be made: {one_line(error)}; mend {offer.package}"
    fields: Mapping[str, Any] = found.model_fields
    lacks = [name for name in contract.stated if name not in fields and not hasattr(found, name)]
    if missing := sorted([*found.__abstractmethods__, *lacks]):
        return f"it does not define {', '.join(missing)}; mend {offer.package}"
    tag = fields.get("type")
    if tag is None or get_args(tag.annotation) != (offer.name,):
        return f'it needs the field `type: Literal["{offer.name}"]`; mend {offer.package}'
    return ""


def imported(value: str) -> Any:
    """What `module:attribute` names."""
    module, _, attribute = value.partition(":")
    return getattr(import_module(module), attribute)


def start_ahead(runtime: str) -> None:
    """Start what a runtime will need, if that takes long; returns at once."""
    if runtime in AHEAD:
        imported(AHEAD[runtime])()


@cache
def registry() -> Registry:
    """The components of this installation, looked up once."""
    return Registry(installed_offers())


def installed_offers() -> Iterator[Offer]:
    """What the installed packages offer."""
    every = entry_points()  # once: each look goes through all that is installed
    for kind in CONTRACTS:
        for point in every.select(group=f"splitrun.{kind}"):
            package = point.dist.name if point.dist else "an unknown package"
            if package != "splitrun":
                yield Offer(kind, point.name, point.value, package)
