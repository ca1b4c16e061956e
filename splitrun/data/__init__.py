"""From data files to aligned tensors: sources, preprocessing, the split, and batch order.

`columns` answers what a validation asks. Everything else needs torch or pandas, and
is imported when it is first used, so that a validation starts without them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from splitrun.data.columns import (
    available_columns,
    check_columns,
    column_problems,
    columns_in,
    feature_columns,
    fingerprint,
    open_source,
    opening,
    party_problems,
    sources_of,
)
from splitrun.data.sources import OnDownload, Source
from splitrun.lazy import imported_on_use

if TYPE_CHECKING:
    from splitrun.data.cache import Loaded, cache_of
    from splitrun.data.encoding import FeatureEncoder, InputShape, PartyEncoder, Rows
    from splitrun.data.feed import Batch, BatchOrder, EvaluationOrder, Feed, digest, gather
    from splitrun.data.join import (
        Alignment,
        Join,
        choose,
        few_in_common,
        key_columns,
        keys_at,
        other_keys,
    )
    from splitrun.data.keys import KeyColumn, plain_key
    from splitrun.data.load import columns_of, load_data, text_columns
    from splitrun.data.new_rows import (
        NewRows,
        UnseenValues,
        columns_of_model,
        refuse_missing_columns,
    )
    from splitrun.data.party_data import Data
    from splitrun.data.shared import join_sources, share
    from splitrun.data.split import SplitRows
    from splitrun.data.weights import weights_by_phase

__all__ = [
    "Alignment",
    "Batch",
    "BatchOrder",
    "Data",
    "EvaluationOrder",
    "FeatureEncoder",
    "Feed",
    "InputShape",
    "Join",
    "KeyColumn",
    "Loaded",
    "NewRows",
    "OnDownload",
    "PartyEncoder",
    "Rows",
    "Source",
    "SplitRows",
    "UnseenValues",
    "available_columns",
    "cache_of",
    "check_columns",
    "choose",
    "column_problems",
    "columns_in",
    "columns_of",
    "columns_of_model",
    "digest",
    "feature_columns",
    "few_in_common",
    "fingerprint",
    "gather",
    "join_sources",
    "key_columns",
    "keys_at",
    "load_data",
    "open_source",
    "opening",
    "other_keys",
    "party_problems",
    "plain_key",
    "refuse_missing_columns",
    "share",
    "sources_of",
    "text_columns",
    "weights_by_phase",
]

__getattr__ = imported_on_use(
    __name__,
    {
        **dict.fromkeys(("Loaded", "cache_of"), ".cache"),
        **dict.fromkeys(
            ("Batch", "BatchOrder", "EvaluationOrder", "Feed", "digest", "gather"), ".feed"
        ),
        **dict.fromkeys(
            (
                "Alignment",
                "Join",
                "choose",
                "few_in_common",
                "key_columns",
                "keys_at",
                "other_keys",
            ),
            ".join",
        ),
        **dict.fromkeys(("KeyColumn", "plain_key"), ".keys"),
        **dict.fromkeys(("columns_of", "load_data", "text_columns"), ".load"),
        **dict.fromkeys(("join_sources", "share"), ".shared"),
        **dict.fromkeys(("FeatureEncoder", "InputShape", "PartyEncoder", "Rows"), ".encoding"),
        "Data": ".party_data",
        "SplitRows": ".split",
        "weights_by_phase": ".weights",
        **dict.fromkeys(
            ("NewRows", "UnseenValues", "columns_of_model", "refuse_missing_columns"), ".new_rows"
        ),
    },
)
