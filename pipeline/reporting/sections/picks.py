"""Rows to pick from: how the features of each add up to its answer, one waterfall a row."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate

import numpy as np
import pandas as pd

from pointsman.common.schema import Schema
from pointsman.pipeline.reporting.explanation.contributions import Contributions, Explanation
from pointsman.pipeline.reporting.explanation.steps import list_steps
from pointsman.pipeline.reporting.history import History
from pointsman.pipeline.reporting.production_shap import explain_production
from pointsman.pipeline.reporting.section import Section

MOST_ROWS = 16


@dataclass(frozen=True)
class Step:
    """A step of a waterfall: what a feature's cell adds, and where its bar begins and ends, as shares of the width."""

    label: str
    size: float
    begin: float
    end: float


@dataclass(frozen=True)
class PickedRow:
    """A row that was explained.

    why:    what it was picked for
    output: the class whose probability is answered, of more than two; '' else
    truth:  its label, or the number that came
    answer: what was answered, ``base`` plus the steps, which are in the order of their size
    """

    why: str
    output: str
    row: int
    time: datetime
    truth: str
    answer: float
    base: float
    steps: tuple[Step, ...]


def pick_rows(history: History) -> tuple[PickedRow, ...]:
    """Return rows to look at: the extreme ones, the most wrong one, and others spread over all answers."""
    explanation, schema = history.ask(explain_production), history.generation.schema
    if explanation.contributions is None or explanation.drawn is None or schema is None:
        return ()
    return tuple(
        _describe(explanation, schema, why, row)
        for row, why in choose_rows(explanation.contributions, explanation.drawn.target).items()
    )


def choose_rows(given: Contributions, target: np.ndarray, most: int = MOST_ROWS) -> dict[int, str]:
    """Return positions of rows with what each was chosen for."""
    output = given.output
    answers = given.margins[:, output]
    code = 1 if len(given.outputs) == 1 else output
    is_class = given.scale.startswith("probability")
    wrong = np.abs(answers - (target == code if is_class else target))
    order = np.argsort(answers, kind="stable")
    chosen = {int(order[-1]): "highest answer", int(order[0]): "lowest answer"}
    chosen.setdefault(int(wrong.argmax()), "farthest from the truth")
    chosen.setdefault(int(order[len(order) // 2]), "median answer")
    spread = np.unique(np.linspace(0, len(order) - 1, min(most, len(order))).astype(int))
    for place in spread[::-1]:
        chosen.setdefault(int(order[place]), f"higher than {place / len(order):.0%} of them")
    return dict(list(chosen.items())[:most])


def _describe(explanation: Explanation, schema: Schema, why: str, row: int) -> PickedRow:
    given, drawn = explanation.contributions, explanation.drawn
    assert given is not None
    assert drawn is not None
    truth = drawn.target[row]
    base = float(given.base[given.output])
    return PickedRow(
        why=why,
        output=given.outputs[given.output] if len(given.outputs) > 1 else "",
        row=row,
        time=pd.Timestamp(drawn.times.iloc[row]).to_pydatetime(),
        truth=schema.classes[int(truth)] if schema.classes else f"{truth:.6g}",
        answer=float(given.margins[row, given.output]),
        base=base,
        steps=_place(list_steps(given, row, given.output)[::-1], base),
    )


def _place(steps: Sequence[tuple[str, float]], base: float) -> tuple[Step, ...]:
    """Return steps with the ends of their bars; the first begins at the base."""
    ends = list(accumulate((size for _, size in steps), initial=base))
    low, width = min(ends), max(max(ends) - min(ends), 1e-300)
    bars = zip(steps, ends[:-1], ends[1:], strict=True)
    return tuple(
        Step(label, size, (min(start, end) - low) / width, (max(start, end) - low) / width)
        for (label, size), start, end in bars
    )


SECTION = Section("picks", figures={"picks": pick_rows})
