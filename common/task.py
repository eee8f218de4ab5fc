"""What the target is, and therefore what a model predicts."""

from enum import StrEnum


class Task(StrEnum):
    """The kind of target.

    >>> Task("binary").is_classification, Task.REGRESSION.is_classification
    (True, False)
    """

    BINARY = "binary"
    MULTICLASS = "multiclass"
    REGRESSION = "regression"

    @property
    def is_classification(self) -> bool:
        """Whether the target is a class; a prediction is then one probability a class."""
        return self is not Task.REGRESSION
