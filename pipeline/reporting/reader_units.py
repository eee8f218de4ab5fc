"""How good answers are, in the units of whoever reads it: pairs of rows, rows of a hundred, the target's own, money."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pointsman.common.config import CostsConfig
from pointsman.common.task import Task
from pointsman.pipeline.reporting.formats import format_number

BARE = ("true", "t", "yes", "y", "positive")
"""Classes that say nothing without the name of the target."""


@dataclass(frozen=True)
class Measure:
    """One way to say how good answers are.

    metric:   the stored metric that it says in other words, 'cost' for money
    number:   what it counts: rows or pairs of a hundred, units of the target, or of costs on a hundred rows
    short:    the number as it is read beside others, and ``unit`` what it counts then
    sentence: what a model does, to be read behind its name
    meaning:  the same explained to somebody who sees it for the first time
    """

    metric: str
    number: float
    higher_is_better: bool
    short: str
    unit: str
    sentence: str
    meaning: str


@dataclass(frozen=True)
class Question:
    """What is predicted. ``costs`` are those of wrong answers, None where nobody stated them."""

    task: Task
    target: str
    classes: Sequence[str]
    costs: CostsConfig | None

    @property
    def positive(self) -> str:
        """The class that is flagged: by its name, or with the target's where it is a number or a bare yes or no.

        >>> Question(Task.BINARY, "paid", ("0", "1"), None).positive
        'paid=1'
        >>> Question(Task.BINARY, "outcome", ("kept", "claimed"), None).positive
        "'claimed'"
        """
        name = self.classes[-1]
        is_bare = name.lower() in BARE or name.replace(".", "").isdigit()
        return f"{self.target}={name}" if is_bare else f"'{name}'"


def measure_answers(question: Question, metrics: Mapping[str, float]) -> tuple[Measure, ...]:
    """Return what stored metrics say in the reader's units, the most telling first; () where they say nothing.

    >>> amount = Question(Task.REGRESSION, "cnt", (), None)
    >>> measure_answers(amount, {"mae": 29.31, "rmse": 44.0})[0].sentence
    'is off by about 29.3 (cnt) a row'
    """
    found = [measure(question, metrics) for measure in MEASURES[question.task]]
    return tuple(one for one in found if one is not None)


def _measure_cost(question: Question, metrics: Mapping[str, float]) -> Measure | None:
    wrong = share_wrong(metrics)
    if question.costs is None or wrong is None:
        return None
    costs = question.costs
    number = 100 * (wrong[0] * costs.false_positive + wrong[1] * costs.false_negative)
    positive = question.positive
    meaning = (
        f"A row that is flagged and is not {positive} costs {costs.false_positive:g}; a {positive} that is missed "
        f"costs {costs.false_negative:g} (training.costs)."
    )
    short = format_about(number)
    unit = "cost of wrong answers on 100 rows"
    return Measure("cost", number, False, short, unit, f"costs {short} by wrong answers on 100 rows", meaning)


def share_wrong(metrics: Mapping[str, float]) -> tuple[float, float] | None:
    """Return the shares of rows that are flagged wrongly and missed; None where stored metrics do not tell.

    Precision, recall and accuracy on the same rows determine both. Nothing is flagged where there is no precision.

    >>> share_wrong({"accuracy": 0.8, "precision": 0.5, "recall": 0.5}), share_wrong({"accuracy": 0.8})
    ((0.1, 0.1), None)
    """
    accuracy, precision, recall = (metrics.get(name) for name in ("accuracy", "precision", "recall"))
    if accuracy is None or recall is None:
        return None
    if precision is None:
        return 0.0, 1 - accuracy
    if precision == 0:  # how many are missed is then not determined
        return None
    # Of each positive row, so many rows are flagged wrongly, and so many missed.
    extra, missed = recall * (1 - precision) / precision, 1 - recall
    positives = (1 - accuracy) / (extra + missed) if extra + missed else 0.0
    return round(extra * positives, 12), round(missed * positives, 12)


def _measure_pairs(question: Question, metrics: Mapping[str, float]) -> Measure | None:
    if "roc_auc" not in metrics:
        return None
    number, positive = 100 * metrics["roc_auc"], question.positive
    meaning = (
        f"Of a {positive} and a row that is not, picked by chance, it gives the {positive} the higher probability "
        "so often; 50 is guessing."
    )
    sentence = f"ranks {format_of_hundred(number)} of 100 pairs rightly"
    return Measure("roc_auc", number, True, f"{number:.1f}", "of 100 pairs ranked rightly", sentence, meaning)


def _measure_flagged(question: Question, metrics: Mapping[str, float]) -> Measure | None:
    if "precision" not in metrics:
        return None
    number, positive = 100 * metrics["precision"], question.positive
    found = metrics.get("recall")
    caught = f"; of 100 {positive}, it finds {format_of_hundred(100 * found)}" if found is not None else ""
    sentence = f"of 100 flagged, {format_of_hundred(number)} were {positive}{caught}"
    meaning = f"A row is flagged where the answer is {positive}."
    return Measure("precision", number, True, f"{number:.1f}", f"of 100 flagged were {positive}", sentence, meaning)


def _measure_right(_question: Question, metrics: Mapping[str, float]) -> Measure | None:
    if "accuracy" not in metrics:
        return None
    number = 100 * metrics["accuracy"]
    sentence = f"is right in {format_of_hundred(number)} of 100 rows"
    meaning = "Right is the row's own class; how sure the answer was does not count."
    return Measure("accuracy", number, True, f"{number:.1f}", "of 100 rows right", sentence, meaning)


def _measure_distance(question: Question, metrics: Mapping[str, float]) -> Measure | None:
    if "mae" not in metrics:
        return None
    about = format_about(metrics["mae"])
    meaning = f"The mean distance of the answer from the row's {question.target}."
    unit = f"off, in {question.target}"
    return Measure(
        "mae", metrics["mae"], False, about, unit, f"is off by about {about} ({question.target}) a row", meaning
    )


MEASURES = {
    Task.BINARY: (_measure_cost, _measure_pairs, _measure_flagged),
    Task.MULTICLASS: (_measure_right,),
    Task.REGRESSION: (_measure_distance,),
}


def format_of_hundred(number: float) -> str:
    """Return how many of a hundred: a whole number, unless that would read as none or all.

    >>> format_of_hundred(82.4), format_of_hundred(99.7), format_of_hundred(100.0), format_of_hundred(0.4)
    ('82', '99.7', '100', '0.4')
    """
    return f"{number:.0f}" if number in (0, 100) or 1 <= number <= 99 else f"{number:.1f}"


def format_about(number: float) -> str:
    r"""Return a number with three significant digits.

    >>> format_about(29.314), format_about(123456.0), format_about(0.0)
    ('29.3', '123\u202f000', '0')
    """
    return format_number(float(f"{number:.3g}"), 3)
