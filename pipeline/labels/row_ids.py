"""The id of an answered row, by which a late label finds it: the decision's id and the row's position from 0."""

import re
from collections.abc import Iterable

import numpy as np
import pandas as pd

ROW_ID = "predict_id"


def find_row_ids(columns: Iterable[str]) -> str | None:
    """Return the newest column of row ids in a file, which may have been answered several times; None without one.

    >>> find_row_ids(["age", "predict_id", "predict_id_2"]), find_row_ids(["age"])
    ('predict_id_2', None)
    """
    found = (re.fullmatch(rf"{ROW_ID}(?:_(\d+))?", name) for name in columns)
    numbered = {one[0]: int(one[1] or 1) for one in found if one}
    return max(numbered, key=lambda name: numbered[name], default=None)


def name_rows(decision: str, first: int, rows: int) -> pd.Series:
    """Return the ids (n_rows,) of rows from position ``first`` on, made without a loop over rows.

    >>> name_rows("3f2a", 9, 2).tolist()
    ['3f2a-9', '3f2a-10']
    """
    import pyarrow as pa
    import pyarrow.compute as compute

    positions = compute.cast(pa.array(np.arange(first, first + rows)), pa.large_string())
    named = compute.binary_join_element_wise(
        pa.scalar(f"{decision}-", pa.large_string()), positions, pa.scalar("", pa.large_string())
    )
    return pd.Series(named, dtype=pd.StringDtype("pyarrow", na_value=np.nan))
