"""Which rows train and which are held out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from splitrun.data.table import Table
from splitrun.errors import DataError
from splitrun.spec.model import DatasetSection

Rows = NDArray[np.int64]


def split_rows(table: Table, dataset: DatasetSection) -> tuple[Rows, Rows]:
    """The numbers of the training rows and of the held-out rows, each int64 and ascending.

    The choice is scikit-learn's `train_test_split`, so that others can repeat it; with a
    `test_fraction` of 0 nothing is held out.

    Raises:
        DataError: fewer than two rows, or none left to train on.
    """
    if table.rows < 2:
        message = f"{table.origin}: {table.rows} row(s) of data"
        raise DataError(f"{message}; at least 2 are needed, and far more to learn from")
    everything = np.arange(table.rows, dtype=np.int64)
    if dataset.test_fraction == 0:
        return everything, everything[:0]
    try:
        train, test = train_test_split(
            everything, test_size=dataset.test_fraction, random_state=dataset.split_seed
        )
    except ValueError as error:
        message = f"{table.origin}: of {table.rows} rows, none is left to train on"
        raise DataError(f"{message}; lower dataset.test_fraction") from error
    return np.sort(train), np.sort(test)
