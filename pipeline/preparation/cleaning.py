"""Cleaning: cells that break a configured rule become missing, in update and inference alike."""

import pandas as pd

from pointsman.common.config import QualityConfig
from pointsman.common.rules import check_rules, find_forbidden, find_outside
from pointsman.common.schema import Schema


def clean_inputs(inputs: pd.DataFrame, quality: QualityConfig, schema: Schema) -> pd.DataFrame:
    """Return (n_rows, n_inputs) inputs with missing cells where ``quality.ranges`` or ``quality.allowed`` is broken.

    ``inputs`` is typed by ``read_inputs`` and is left as it is. Raises ConfigError for a rule on a column that is not
    such an input.
    """
    check_rules(quality, schema)
    columns = {name: inputs[name] for name in schema.inputs}
    for ranged in quality.ranges:
        columns[ranged.column] = columns[ranged.column].mask(find_outside(inputs[ranged.column], ranged))
    for allowed in quality.allowed:
        columns[allowed.column] = columns[allowed.column].mask(find_forbidden(inputs[allowed.column], allowed))
    return pd.DataFrame(columns, index=inputs.index)
