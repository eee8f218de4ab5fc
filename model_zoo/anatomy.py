"""The anatomy of a fitted model: the steps that it is made of, by the names of their classes, and its size."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from model_zoo import get_family
from model_zoo.family import Size

if TYPE_CHECKING:
    from model_zoo.model import Model


@dataclass(frozen=True)
class Anatomy:
    """``stages`` are in the order in which rows go through them, parallel ones in the order of their columns."""

    stages: tuple[str, ...]
    size: Size


def dissect(model: "Model") -> Anatomy:
    """Return what a model is made of: guard, transformers, estimator and calibration, as far as it has them."""
    estimator = model.estimator
    steps = [
        *([model.normal] if model.normal else []),
        *(_list_transformers(model.encoder.transformer) if model.encoder.transformer is not None else []),
        estimator.baseline if estimator.learned is None else estimator.learned,
        *([model.calibration] if model.calibration else []),
    ]
    size = Size() if estimator.learned is None else get_family(estimator.family).measure(estimator)
    return Anatomy(tuple(type(step).__name__ for step in steps), size)


def _list_transformers(transformer: Any) -> Iterator[Any]:
    """Yield the innermost steps of a fitted ColumnTransformer; columns that pass through have none."""
    for _, part, columns in transformer.transformers_:
        passes_through = isinstance(part, str) or getattr(part, "func", part) is None
        if len(columns) and not passes_through:
            yield from (step for _, step in part.steps) if hasattr(part, "steps") else [part]
