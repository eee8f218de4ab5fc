"""What drives quality: how much hyperparameters, and the state of the inputs, move the loss.

Both are estimated by permutation importance (Breiman 2001) of an extra-trees model: the share of the explained variance
that is lost when one column is shuffled. Importance tells what moves the loss in this history, not what would cause it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pointsman.common.seeding import derive_seed
from pointsman.experiments.tables import trials_table
from pointsman.meta.tables import record_rows_table, records_table
from pointsman.pipeline.reporting.charts.chart import Chart, to_columns
from pointsman.pipeline.reporting.charts.colours import GREEN, GREY, VERMILLION
from pointsman.pipeline.reporting.charts.layers import SHARES, colour_by, draw_ranking, measure, tell
from pointsman.pipeline.reporting.history import History, list_rows
from pointsman.pipeline.reporting.section import Section

MIN_EXAMPLES = 30
MOST_SHOWN = 12
TREES, REPEATS = 100, 5
MOST_ASKED = 20_000
"""Rows that a model is asked for at a time."""
DIRECTED = 0.15
"""A correlation weaker than this has no direction."""
WORST = 3.0
"""Losses above the reference are held within this, so that one absurd trial does not explain everything."""


@dataclass(frozen=True)
class Influence:
    """``importance`` is a share of 1 over all columns; ``direction`` is Spearman's correlation with the loss."""

    name: str
    importance: float
    direction: float


@dataclass(frozen=True)
class InfluenceFigures:
    """Influences, the strongest first, and from how many examples; () where there are too few."""

    trials: int
    hyperparameters: tuple[Influence, ...]
    parts: int
    metafeatures: tuple[Influence, ...]


def compute_influences(history: History) -> InfluenceFigures:
    """Return what moves the loss of trials, relative to the best of their batch, and of the champion's line."""
    seed = history.config.seed
    settings, trial_losses = _describe_trials(history)
    inputs, part_losses = _describe_parts(history)
    return InfluenceFigures(
        trials=len(trial_losses),
        hyperparameters=rank_influences(settings, trial_losses, derive_seed(seed, "influence", "trials")),
        parts=len(part_losses),
        metafeatures=rank_influences(inputs, part_losses, derive_seed(seed, "influence", "parts")),
    )


def rank_influences(table: pd.DataFrame, losses: np.ndarray, seed: int) -> tuple[Influence, ...]:
    """Return the influence of every column (n_examples, n_columns) on losses (n_examples,), the strongest first."""
    if len(table) < MIN_EXAMPLES or np.ptp(losses) == 0:
        return ()
    from scipy.stats import spearmanr
    from sklearn.ensemble import ExtraTreesRegressor

    varying = table.loc[:, table.nunique() > 1]
    if not varying.shape[1]:
        return ()
    model = ExtraTreesRegressor(TREES, min_samples_leaf=2, random_state=seed).fit(varying, losses)
    found = measure_importance(model, varying, losses, seed)
    shares = np.clip(found, 0, None) / max(np.clip(found, 0, None).sum(), 1e-12)
    ranked = [
        Influence(str(name), float(share), float(np.nan_to_num(spearmanr(varying[name], losses).statistic)))
        for name, share in zip(varying, shares, strict=True)
    ]
    return tuple(sorted(ranked, key=lambda one: (-one.importance, one.name))[:MOST_SHOWN])


def measure_importance(model: Any, table: pd.DataFrame, losses: np.ndarray, seed: int) -> np.ndarray:
    """Return the permutation importance (n_columns,) of a fitted model: by how much its R² falls on average.

    It is scikit-learn's, to the last digit of the sums, and asks the model once for many shuffled tables: what asking a
    hundred trees costs hardly depends on the rows.
    """
    # Every column begins with the same generator, as scikit-learn has it.
    first = np.random.RandomState(seed).randint(np.iinfo(np.int32).max + 1)
    cells = table.to_numpy(dtype=np.float32)
    at_a_time = max(1, MOST_ASKED // (REPEATS * len(cells)))
    falls = np.zeros(cells.shape[1])
    total = float(np.square(losses - losses.mean()).sum())
    own = 1 - float(np.square(losses - _ask(model, table, cells)).sum()) / total
    for start in range(0, cells.shape[1], at_a_time):
        places = range(start, min(start + at_a_time, cells.shape[1]))
        shuffled = [copy for place in places for copy in _shuffle(cells, place, first)]
        answers = _ask(model, table, np.concatenate(shuffled)).reshape(len(places), REPEATS, len(cells))
        scores = 1 - np.square(losses - answers).sum(axis=2) / total
        falls[start : start + len(places)] = own - scores.mean(axis=1)
    return falls


def _ask(model: Any, table: pd.DataFrame, cells: np.ndarray) -> np.ndarray:
    answers: np.ndarray = model.predict(pd.DataFrame(cells, columns=table.columns))
    return answers


def _shuffle(cells: np.ndarray, place: int, seed: int) -> Iterator[np.ndarray]:
    """Yield the cells with a column shuffled, again and again."""
    generator, order = np.random.RandomState(seed), np.arange(len(cells))
    column = cells[:, place]
    for _ in range(REPEATS):
        generator.shuffle(order)
        copy = cells.copy()
        # Each time what was shuffled before is shuffled again.
        column = column[order]
        copy[:, place] = column
        yield copy


def _describe_trials(history: History) -> tuple[pd.DataFrame, np.ndarray]:
    trials = history.read(trials_table)
    complete = trials[trials["state"] == "complete"]
    if not len(complete):
        return pd.DataFrame(), np.zeros(0)
    rows = []
    for trial in list_rows(complete):
        numbers = {
            f"{trial['family']}: {name}": float(setting)
            for name, setting in trial["params"].items()
            if isinstance(setting, int | float) and not isinstance(setting, bool)
        }
        rows.append({f"family {trial['family']}": 1.0, f"encoding {trial['variant']}": 1.0, **numbers})
    table = pd.DataFrame(rows)
    for name in map(str, table):
        if name.startswith(("family ", "encoding ")):
            table[name] = table[name].fillna(0.0)
    losses = complete["loss"].astype(float)
    best = losses.groupby(complete["batch"]).transform("min")
    spread = losses.groupby(complete["batch"]).transform("std").replace(0, np.nan)
    return table.fillna(-1.0), np.clip(((losses - best) / spread).fillna(0.0).to_numpy(), 0, WORST)


def _describe_parts(history: History) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the metafeatures of record parts and the champion line's loss on them, relative to the clean batch."""
    champion = history.generation.champion
    if champion is None:
        return pd.DataFrame(), np.zeros(0)
    records = history.read(records_table)
    own = records[records["line"] == champion.line]
    losses: dict[int, Mapping[str, float]] = {int(row["batch"]): row["losses"] for row in list_rows(own)}
    described, relative = [], []
    for record in list_rows(history.read(record_rows_table)):
        known = losses.get(int(record["batch"]))
        if known is None:
            continue
        clean = known[record["parts"][0]]
        for name, profile in zip(record["parts"], record["profiles"], strict=True):
            described.append(profile["metafeatures"])
            relative.append(min(WORST, known[name] / clean - 1) if clean > 0 else 0.0)
    return pd.DataFrame(described), np.array(relative)


def draw(history: History) -> Iterator[Chart]:
    """Yield the charts of what there are enough examples of."""
    found = history.ask(compute_influences)
    if found.hyperparameters:
        label = "Influence of family, encoding and hyperparameters on the loss of trials"
        yield draw_influences("hyperparameters", label, found.hyperparameters)
    if found.metafeatures:
        label = "Influence of metafeatures on the loss of the champion's line"
        yield draw_influences("metafeatures", label, found.metafeatures)


def draw_influences(name: str, label: str, influences: Sequence[Influence]) -> Chart:
    """Draw how strongly each column moves the loss, and which way."""
    rows = [(one.name.replace("_", " "), one.importance, _name_direction(one)) for one in influences]
    columns = to_columns(("name", "share", "direction"), rows)
    x = measure("share", "share of the explained differences in loss", SHARES, zero=True)
    told = tell("name", ("share", "explains", SHARES), "direction")
    colour = colour_by("direction", list(DIRECTIONS), list(DIRECTIONS.values()))
    return draw_ranking(name, label, columns, x, by="name", colour=colour, tooltip=told)


def _name_direction(influence: Influence) -> str:
    if influence.direction > DIRECTED:
        return "more is worse"
    return "more is better" if influence.direction < -DIRECTED else "no direction"


DIRECTIONS = {"more is worse": VERMILLION, "more is better": GREEN, "no direction": GREY}


SECTION = Section(
    "influences",
    reads=(trials_table, record_rows_table, records_table),
    figures={"influences": compute_influences},
    draw=draw,
)
