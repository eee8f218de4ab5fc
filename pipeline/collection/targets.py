"""What the target is: the task and its classes, from the labels of the first batch."""

from dataclasses import replace

import pandas as pd

from common.config import Config
from common.errors import ConfigError, DataError
from common.reading import TYPE_SHARE, read_labels
from common.schema import Schema, canonical_level, order_classes
from common.task import Task
from pipeline.collection.naming import list_names

MANY_VALUES = 20
"""A numeric target with more distinct values than this is a quantity and no class."""

PAIRS = ({"0", "1"}, {"False", "True"})
"""Labels of which one implies the other, so that a first batch with one of them is no surprise."""


def infer_task(cells: pd.Series, config: Config, origin: str) -> tuple[Task, tuple[str, ...]]:
    """Return the task and its classes in code order; a regression has no classes.

    Raises DataError where no label is known or the labels do not fit the stated task, ConfigError where a rule for the
    positive class is stated together with another task than binary.
    """
    stated = config.schema_
    draft = Schema(
        time=stated.time,
        target=stated.target,
        task=Task.MULTICLASS,
        missing_values=stated.missing_values,
        missing_target=stated.missing_target,
        positive=stated.positive,
    )
    if draft.label_is_rule and config.task not in ("auto", "binary"):
        raise ConfigError(
            f"schema.positive is the rule '{stated.positive}', which makes the task binary, and task is {config.task}; "
            "set schema.positive to null or task to binary."
        )
    known = read_labels(cells, draft).dropna()
    if known.empty:
        raise DataError(
            f"No label is known in the target column '{stated.target}' of '{origin}'; correct schema.target, or set "
            "schema.missing_target to what a missing label means."
        )
    numbers = read_labels(cells, replace(draft, task=Task.REGRESSION)).dropna()
    labels = _complete(set(known), draft)
    task = _guess_task(labels, known, numbers) if config.task == "auto" else Task(config.task)
    _check_task(task, labels, known, numbers, f"the target '{stated.target}' of '{origin}'")
    return task, order_classes(sorted(labels), stated.positive) if task.is_classification else ()


def _complete(labels: set[str], draft: Schema) -> set[str]:
    """Add the labels that must exist although the first batch lacks them."""
    if draft.positive is not None and not draft.label_is_rule:
        labels = labels | {canonical_level(draft.positive)}
    return next((pair for pair in PAIRS if labels <= pair), labels)


def _guess_task(labels: set[str], known: pd.Series, numbers: pd.Series) -> Task:
    if len(labels) <= 2:
        return Task.BINARY
    if len(numbers) >= TYPE_SHARE * len(known) and numbers.nunique() > MANY_VALUES:
        return Task.REGRESSION
    return Task.MULTICLASS


def _check_task(task: Task, labels: set[str], known: pd.Series, numbers: pd.Series, target: str) -> None:
    if task is Task.BINARY and len(labels) > 2:
        raise DataError(
            f"The task is binary and {target} has {len(labels)} labels ({list_names(sorted(labels), 5)}); set task to "
            "multiclass, or schema.positive to a rule such as '> 0'."
        )
    if task is Task.REGRESSION and len(numbers) < TYPE_SHARE * len(known):
        text = known[~known.index.isin(numbers.index)].iloc[0]
        raise DataError(
            f"The task is regression and {target} holds cells that are no numbers, such as '{text}'; clean them or set "
            "task to multiclass."
        )
