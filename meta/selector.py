"""The selector: which line serves a request. It stays with the champion unless it is sure, and graded, to do better."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from common.config import SelectionConfig
from common.seeding import derive_seed
from meta.examples import CLEAN, MetaExample, compute_relative_losses
from meta.metafeatures import METAFEATURES

if TYPE_CHECKING:
    from sklearn.ensemble import ExtraTreesRegressor

TREES = 60
CONDITIONS = ("sparse", "anomalous")

TRUSTED_TYPES = ("sklearn.tree._tree.Tree", "numpy.dtype")


@dataclass(frozen=True)
class Choice:
    """Which line serves a request, why, and every line's expected loss relative to the champion's."""

    line: str
    reason: str
    expected: Mapping[str, float]


@dataclass(frozen=True)
class Grade:
    """Mean losses over a batch's examples: of the selector's choices, of the champion, and of their bounds."""

    batch: int
    examples: int
    selected: float
    champion: float
    single_best: float
    oracle: float
    switched: float


@dataclass(frozen=True)
class Selector:
    """Chooses among ``lines``. ``fallbacks`` name the line for sparse and for anomalous rows.

    ``withheld`` says why the forest is not trusted to choose; it is empty where it is.
    """

    champion: str
    lines: tuple[str, ...]
    fallbacks: Mapping[str, str]
    margin: float
    withheld: str
    forest: "ExtraTreesRegressor | None" = None

    def choose(self, metafeatures: Mapping[str, float]) -> Choice:
        """Choose the line for a request from its metafeatures, or the champion where nothing is surely better."""
        if self.withheld:
            return Choice(self.champion, f"champion: {self.withheld}", {self.champion: 0.0})
        return self.propose(metafeatures)

    def propose(self, metafeatures: Mapping[str, float]) -> Choice:
        """Choose as if the forest were trusted: what is graded before it is."""
        if self.forest is None:
            return Choice(self.champion, "champion: too few meta-examples to learn from", {self.champion: 0.0})
        described = np.array([[metafeatures[name] for name in METAFEATURES]], dtype=np.float32)
        votes = np.array([tree.predict(described).reshape(len(self.lines)) for tree in self.forest.estimators_])
        expected = votes.mean(axis=0)
        doubt = self.margin * votes.std(axis=0)
        by_line = dict(zip(self.lines, map(float, expected), strict=True))
        best = int(expected.argmin())
        if self.lines[best] == self.champion or expected[best] + doubt[best] >= 0:
            return Choice(self.champion, "champion: no other version is surely better", by_line)
        return Choice(self.lines[best], "selected", by_line)

    def dump(self) -> dict[str, bytes]:
        """Return the selector as files."""
        from model_zoo.skops_bytes import dump_object

        described = {"champion": self.champion, "lines": self.lines, "fallbacks": dict(self.fallbacks),
                     "margin": self.margin, "withheld": self.withheld}  # fmt: skip
        parts = {"selector.json": json.dumps(described, sort_keys=True).encode()}
        return parts if self.forest is None else parts | {"forest.skops": dump_object(self.forest)}

    @classmethod
    def load(cls, parts: Mapping[str, bytes]) -> "Selector":
        """Return the selector that ``dump`` described; the forest is read only where it may choose."""
        from model_zoo.skops_bytes import load_object

        described: dict[str, Any] = json.loads(parts["selector.json"])
        return cls(
            champion=described["champion"],
            lines=tuple(described["lines"]),
            fallbacks=described["fallbacks"],
            margin=described["margin"],
            withheld=described["withheld"],
            forest=load_object(parts["forest.skops"], TRUSTED_TYPES) if "forest.skops" in parts else None,
        )


def fit_selector(
    examples: Sequence[MetaExample],
    grades: Sequence[Grade],
    lines: Sequence[str],
    champion: str,
    config: SelectionConfig,
    seed: int,
) -> Selector:
    """Learn from every meta-example so far which line has the lowest loss on which kind of request.

    The forest is withheld while its grades, weighted by age, say that it does worse than the champion. Multi-output
    extra-trees on the quality of the inputs was the best hard chooser among those measured; a line without a record
    on an example counts there as equal to the champion.
    """
    fallbacks = {name: choose_fallback(examples, lines, champion, name, config.half_life) for name in CONDITIONS}
    forest = None
    if len(examples) >= config.min_examples and len(lines) > 1:
        from sklearn.ensemble import ExtraTreesRegressor

        described = [[example.metafeatures[name] for name in METAFEATURES] for example in examples]
        relative = np.array([compute_relative_losses(example, lines, champion) for example in examples])
        forest = ExtraTreesRegressor(TREES, min_samples_leaf=3, random_state=derive_seed(seed, "selector"))
        forest.fit(np.array(described, dtype=np.float32), np.nan_to_num(np.clip(relative, -1, 10), nan=0.0))
    withheld = _judge_grades(grades, config.half_life) if forest is not None else "too few meta-examples to learn from"
    return Selector(champion, tuple(lines), fallbacks, config.margin, withheld, forest)


def choose_fallback(
    examples: Sequence[MetaExample], lines: Sequence[str], champion: str, condition: str, half_life: float
) -> str:
    """Return the line with the lowest decayed relative loss on the examples of a condition."""
    records = compute_records(examples, lines, champion, condition, half_life)
    return min(lines, key=lambda line: (records.get(line, 0.0), line != champion))


def compute_records(
    examples: Sequence[MetaExample], lines: Sequence[str], champion: str, condition: str, half_life: float
) -> dict[str, float]:
    """Return the mean loss of each line relative to the champion's, halved in weight every ``half_life`` batches."""
    chosen = [example for example in examples if example.condition == condition]
    if not chosen:
        return {}
    newest = max(example.batch for example in chosen)
    relative = np.array([compute_relative_losses(example, lines, champion) for example in chosen])
    weights = np.array([0.5 ** ((newest - example.batch) / half_life) for example in chosen])
    records = {}
    for position, line in enumerate(lines):
        known = np.isfinite(relative[:, position])
        if known.any():
            records[line] = float(np.average(relative[known, position], weights=weights[known]))
    return records


def grade_selector(selector: Selector, batch: int, examples: Sequence[MetaExample]) -> Grade | None:
    """Grade the selector of before a batch on that batch's examples; None where it chose among none of their lines."""
    lines = [line for line in selector.lines if all(line in example.losses for example in examples)]
    if not examples or selector.champion not in lines:
        return None
    losses = np.array([[example.losses[line] for line in lines] for example in examples])
    chosen = [selector.propose(example.metafeatures).line for example in examples]
    selected = [example.losses.get(line, example.losses[selector.champion])
                for line, example in zip(chosen, examples, strict=True)]  # fmt: skip
    return Grade(
        batch=batch,
        examples=len(examples),
        selected=float(np.mean(selected)),
        champion=float(losses[:, lines.index(selector.champion)].mean()),
        single_best=float(losses.mean(axis=0).min()),
        oracle=float(losses.min(axis=1).mean()),
        switched=float(np.mean([line != selector.champion for line in chosen])),
    )


def _judge_grades(grades: Sequence[Grade], half_life: float) -> str:
    """Return why the forest is not to choose, or '' where its grades allow it."""
    if not grades:
        return "the selector has not been graded yet"
    newest = max(grade.batch for grade in grades)
    weights = [0.5 ** ((newest - grade.batch) / half_life) for grade in grades]
    lead = np.average([1 - grade.selected / grade.champion for grade in grades], weights=weights)
    return "" if lead >= 0 else f"the selector lost to the champion by {-lead:.1%} when it was graded"


__all__ = ["CLEAN", "Choice", "Grade", "Selector", "compute_records", "fit_selector", "grade_selector"]
