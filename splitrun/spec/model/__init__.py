"""What a spec says, as frozen pydantic models; their fields are the keys of the YAML.

These modules know types, ranges and short forms. What ties several keys together is in `check`;
where a key stands in its file is known to `load`.

`SHORT_FORMS` lists the mappings that may be written as one word: `pipeline: sequential` stands for
`pipeline: {schedule: sequential}`. The loader expands them, so the models know the long form only.
"""

from splitrun.spec.model.checkpoint import Checkpoint
from splitrun.spec.model.dataset import (
    BankMarketingDataset,
    CsvDataset,
    Dataset,
    DatasetSection,
    FileDataset,
    SyntheticDataset,
)
from splitrun.spec.model.faults import (
    Damage,
    Die,
    Fault,
    InstructionFault,
    Kill,
    LinkFault,
    Raise,
    RoleFault,
    Silence,
    Slow,
    Stall,
)
from splitrun.spec.model.layers import (
    BottomModel,
    CustomBottom,
    CustomModule,
    EmbeddingMlp,
    Mlp,
    MlpLayers,
    TopModel,
)
from splitrun.spec.model.pipeline import WORD_OR, Pipeline, Rule
from splitrun.spec.model.section import (
    CLASS_PATTERN,
    DELIMITER_PATTERN,
    EXPERIMENT_PATTERN,
    PARTY_PATTERN,
    Section,
)
from splitrun.spec.model.spec import SHORT_FORMS, Party, Spec
from splitrun.spec.model.supervision import Supervision
from splitrun.spec.model.timing import Compute, Link
from splitrun.spec.model.training import (
    Adam,
    AdamW,
    ConstantLr,
    CosineLr,
    ExponentialLr,
    LrSchedule,
    Metric,
    Optimizer,
    Sgd,
    SparseAdam,
    StepLr,
)

__all__ = [
    "CLASS_PATTERN",
    "DELIMITER_PATTERN",
    "EXPERIMENT_PATTERN",
    "PARTY_PATTERN",
    "SHORT_FORMS",
    "WORD_OR",
    "Adam",
    "AdamW",
    "BankMarketingDataset",
    "BottomModel",
    "Checkpoint",
    "Compute",
    "ConstantLr",
    "CosineLr",
    "CsvDataset",
    "CustomBottom",
    "CustomModule",
    "Damage",
    "Dataset",
    "DatasetSection",
    "Die",
    "EmbeddingMlp",
    "ExponentialLr",
    "Fault",
    "FileDataset",
    "InstructionFault",
    "Kill",
    "Link",
    "LinkFault",
    "LrSchedule",
    "Metric",
    "Mlp",
    "MlpLayers",
    "Optimizer",
    "Party",
    "Pipeline",
    "Raise",
    "RoleFault",
    "Rule",
    "Section",
    "Sgd",
    "Silence",
    "Slow",
    "SparseAdam",
    "Spec",
    "Stall",
    "StepLr",
    "Supervision",
    "SyntheticDataset",
    "TopModel",
]
