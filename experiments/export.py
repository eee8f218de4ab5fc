"""Every run and trial as one flat table."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from pointsman.common.schema import Schema
from pointsman.experiments.leaderboard import flatten_run


def tabulate(trials: Sequence[Mapping[str, Any]], runs: Sequence[Mapping[str, Any]], schema: Schema) -> pd.DataFrame:
    """Return one flat row a run and a trial: parameters as JSON, stages and metrics in columns of their own."""
    common = {"input_columns": str(list(schema.inputs)), "target": schema.target}
    rows = [{"kind": "run", "state": "complete", "failure": "", **flatten_run(row)} for row in runs]
    rows += [{"kind": "trial", **common, **flatten_run(row)} for row in trials]
    lists = ("params", "fold_losses", "steps")
    rows = [{name: json.dumps(cell) if name in lists else cell for name, cell in row.items()} for row in rows]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    stages = sorted((name for name in columns if name.startswith("stage_")), key=lambda name: int(name[6:]))
    others = [name for name in columns if name not in stages]
    place = others.index("target") + 1
    table = pd.DataFrame(rows, columns=[*others[:place], *stages, *others[place:]])
    return table.convert_dtypes()  # a whole number stays one beside an empty cell
