"""What the answers of the model that serves typical requests rest on: SHAP values as figures."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pointsman.pipeline.collection.tables import batches
from pointsman.pipeline.reporting.charts.chart import Chart
from pointsman.pipeline.reporting.explanation.contributions import Contributions, Exactness, MemberShap
from pointsman.pipeline.reporting.history import History
from pointsman.pipeline.reporting.production_shap import explain_production, read_settings
from pointsman.pipeline.reporting.section import Section


@dataclass(frozen=True)
class ShapImportance:
    """Mean absolute SHAP value of a feature, over rows, by output and over all of them."""

    feature: str
    mean_abs: float
    by_output: Mapping[str, float]


@dataclass(frozen=True)
class ShapFigures:
    """What was explained. ``obstacle`` says why nothing was, or is empty; features are in order of importance.

    ``mixed`` are an ensemble's members and their weights, in words; '' for a single model. ``members`` say of each how
    its values were found, and ``exact`` is the share of the answer that needed no sampling.

    ``base`` is by output the answer where nothing is known of a row, ``shown`` what figures of one output are of, and
    ``highest`` the highest answer, where there is one output.
    """

    obstacle: str
    version: str | None
    batch: int | None
    rows: int
    rows_asked: int
    scale: str
    shown: str
    method: str
    outputs: tuple[str, ...]
    base: tuple[float, ...]
    highest: float | None
    features: tuple[ShapImportance, ...]
    mixed: str
    members: tuple[MemberShap, ...]
    exact: float


def compute_shap(history: History) -> ShapFigures:
    """Return the figures of the explanation."""
    explanation = history.ask(explain_production)
    given = explanation.contributions
    if given is None:
        return ShapFigures(
            explanation.obstacle, explanation.version, None, 0, 0, "", "", "", (), (), None, (), "", (), 1.0
        )
    return ShapFigures(
        obstacle="",
        version=explanation.version,
        batch=explanation.batch,
        rows=len(given.values),
        rows_asked=explanation.rows_asked,
        scale=given.scale,
        shown=given.shown,
        method=_describe_method(given.members),
        outputs=given.outputs,
        base=tuple(float(number) for number in given.base),
        highest=float(given.margins[:, 0].max()) if len(given.outputs) == 1 else None,
        features=tuple(_rank(given)),
        mixed=explanation.mixed,
        members=given.members,
        exact=1.0 - sum(one.share for one in given.members if one.exactness is Exactness.SAMPLED),
    )


def _describe_method(members: Sequence[MemberShap]) -> str:
    """Return the methods of an explanation in words, that of the heaviest members first."""
    methods = dict.fromkeys(one.method for one in members if one.exactness is not Exactness.CONSTANT)
    mean = "the mean of the members' values by their weights: " if len(members) > 1 else ""
    return mean + ", ".join(methods)


def _rank(given: Contributions) -> list[ShapImportance]:
    mean_abs = np.abs(given.values).mean(axis=0)
    return [
        ShapImportance(
            feature=str(given.features.columns[place]),
            mean_abs=float(mean_abs[place].mean()),
            by_output=dict(zip(given.outputs, map(float, mean_abs[place]), strict=True)),
        )
        for place in given.rank_features()
    ]


def draw(history: History) -> Iterator[Chart]:
    """Yield the plots of the explanation, where there is one."""
    explanation = history.ask(explain_production)
    if explanation.contributions is not None:
        from pointsman.pipeline.reporting.explanation.plots import draw_shap

        yield from draw_shap(explanation.contributions, explanation.version or "")


SECTION = Section("shap", reads=(batches, read_settings), figures={"shap": compute_shap}, draw=draw)
