"""The profile of a batch: every input at a glance."""

import numpy as np
import pandas as pd

from common.records import ColumnProfile
from common.schema import Schema

LEVELS = tuple(np.linspace(0, 1, 11))
"""Quantiles kept of a numeric column: minimum, deciles, maximum."""
TOP = 20


def compute_profile(inputs: pd.DataFrame, schema: Schema) -> tuple[ColumnProfile, ...]:
    """Return the profile of every column of the typed inputs (n_rows, n_inputs), in their order."""
    roles = dict.fromkeys(schema.numeric, "numeric") | dict.fromkeys(schema.categorical, "categorical")
    return tuple(_profile_column(str(name), roles.get(str(name), "date"), inputs[name]) for name in inputs)


def _profile_column(name: str, role: str, cells: pd.Series) -> ColumnProfile:
    known = cells.dropna()
    missing = float(cells.isna().mean()) if len(cells) else 0.0
    if role == "categorical" or known.empty:
        shares = known.value_counts(normalize=True).sort_index().sort_values(ascending=False, kind="stable")
        top = tuple((str(level), float(share)) for level, share in shares.head(TOP).items())
        return ColumnProfile(name, role, missing, len(shares), top=top)
    if role == "date":
        days = (known - pd.Timestamp("1970-01-01")).dt.total_seconds() / 86_400
        return ColumnProfile(name, role, missing, known.nunique(), quantiles=_quantiles(days))
    return ColumnProfile(
        name, role, missing, known.nunique(), float(known.mean()), float(known.std(ddof=0)), _quantiles(known)
    )


def _quantiles(numbers: pd.Series) -> tuple[float, ...]:
    return tuple(float(number) for number in np.quantile(numbers.to_numpy(dtype=float), LEVELS))
