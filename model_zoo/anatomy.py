"""The anatomy of a fitted model: the steps that it is made of, by the names of their classes, and its size."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pointsman.model_zoo.estimator import Size
from pointsman.model_zoo.families import get_family

if TYPE_CHECKING:
    from pointsman.model_zoo.model import Model


@dataclass(frozen=True)
class Anatomy:
    """``stages`` are in the order in which rows go through them, parallel ones in the order of their columns."""

    stages: tuple[str, ...]
    size: Size


def dissect(model: "Model") -> Anatomy:
    """Return what a model is made of: guard, transformers, estimator and calibration, as far as it has them."""
    estimator = model.estimator
    answering = estimator.baseline if estimator.learned is None else get_family(estimator.family)
    stages = (*_name(model.normal), *model.encoder.stages, *_name(answering), *_name(model.calibration))
    size = Size() if estimator.learned is None else get_family(estimator.family).measure(estimator)
    return Anatomy(stages, size)


def _name(step: object) -> tuple[str, ...]:
    return () if step is None else (type(step).__name__,)
