"""What the target is: the task, its classes and how it is written, from the labels of the first batch."""

import json
import logging
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from pointsman.common.adaptation import count_texts, describe_notation
from pointsman.common.cells.notation import PLAIN, Notation
from pointsman.common.cells.numbers import parse_numbers
from pointsman.common.cells.words import fold
from pointsman.common.classes import merge_spellings, put_positive_last
from pointsman.common.config import MISSING_VALUES, Config, SchemaConfig
from pointsman.common.errors import ConfigError, DataError
from pointsman.common.reading import TYPE_SHARE, match_labels, read_labels, read_levels
from pointsman.common.schema import Schema, canonical_level, order_classes
from pointsman.common.task import Task
from pointsman.pipeline.collection.naming import list_names
from pointsman.pipeline.collection.number_evidence import find_number_column

MANY_VALUES = 20
"""A numeric target with more distinct values than this, or with any that is not a whole number, is a quantity."""

PAIRS = ({"0", "1"}, {"False", "True"})
"""Labels of which one implies the other, so that a first batch with one of them is not a surprise."""

NONE_SHARE, GAP_SHARE = 0.05, 0.5
"""From these shares of the cells on 'None', and any other word for 'missing', is a label: too frequent for a gap."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Target:
    """What the target is. ``classes`` are in code order, none for a regression."""

    task: Task
    classes: tuple[str, ...]
    notation: Notation = PLAIN


def infer_target(cells: pd.Series, config: Config, origin: str) -> Target:
    """Return what the target column of a first batch is.

    Raises DataError where no label is known or the labels do not fit the stated task, ConfigError where a rule for the
    positive class is stated together with another task than binary.
    """
    stated = config.schema_
    # Labels are read as those of a multiclass target until the task is known: any text may be one of them.
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
    draft = draft.with_notations({stated.target: decide_notation(cells, config, draft)})
    known = read_labels(cells, draft).dropna()
    if known.empty:
        raise DataError(
            f"No label is known in the target column '{stated.target}' of '{origin}'; correct schema.target, or set "
            "schema.missing_target to what a missing label means."
        )
    numbers = read_labels(cells, replace(draft, task=Task.REGRESSION)).dropna()
    counts = merge_spellings(Counter(known))
    labels = _complete(set(counts), draft)
    task = _guess_task(labels, known, numbers) if config.task == "auto" else Task(config.task)
    _check_task(task, labels, known, numbers, f"the target '{stated.target}' of '{origin}'")
    if config.task == "auto":
        log_task(task, labels, counts, stated.target)
    notation = replace(draft.notation(stated.target), date_format=None)
    if not task.is_classification:
        return Target(task, (), replace(notation, labels=()))
    # Labels of classes are texts, so how numbers are written matters only where a rule such as "> 0" reads them.
    if not draft.label_is_rule:
        notation = Notation(labels=notation.labels)
    classes = order_classes(sorted(labels), stated.positive)
    if task is Task.BINARY and stated.positive is None and len(classes) == 2:
        classes = log_positive(put_positive_last(classes, counts), stated.target)
    return Target(task, classes, notation)


def decide_notation(cells: pd.Series, config: Config, draft: Schema) -> Notation:
    """Return how a target is written: its numbers, if it has many, and the missing-words that are labels of it."""
    stated = config.schema_
    texts, counts = count_texts(cells, ())
    known = ~texts.isin(stated.missing_values).to_numpy(dtype=bool)
    is_typed = pd.api.types.is_numeric_dtype(cells)
    # Labels of classes stay texts; numbers are decided only where a quantity is possible or a rule compares them.
    if not is_typed and (config.task in ("auto", "regression") or draft.label_is_rule) and known.any():
        number = find_number_column(
            texts[known].reset_index(drop=True),
            counts[known],
            stated.target,
            stated,
            declared=config.task == "regression" or draft.label_is_rule,
        )
        if number is not None and (
            draft.label_is_rule
            or config.task == "regression"
            or is_quantity(parse_numbers(texts[known], number.notation))
        ):
            for warning in number.warnings:
                _log.warning("%s", warning)
            if not number.notation.is_plain:
                shown = describe_notation(number.notation)
                _log.info("The numbers of the target '%s' are written as %s.", stated.target, shown)
            return number.notation
    # With schema.missing_target a missing label means something, so no word for it is taken as a label of its own.
    if is_typed or stated.missing_target is not None or draft.label_is_rule:
        return PLAIN
    return Notation(labels=find_word_labels(texts, counts, stated))


def is_quantity(numbers: np.ndarray) -> bool:
    """Return whether the numbers (n_rows,) of a target measure something and are not codes of classes.

    >>> is_quantity(np.array([0.0, 1944.69, 12.5])), is_quantity(np.array([1.0, 2.0, 3.0]))
    (True, False)
    """
    distinct = np.unique(numbers[~np.isnan(numbers)])
    return len(distinct) > MANY_VALUES or (len(distinct) != 2 and bool((distinct != distinct.round()).any()))


def find_word_labels(texts: pd.Series, counts: np.ndarray, stated: SchemaConfig) -> tuple[str, ...]:
    """Return the words for 'missing' that are too frequent among distinct labels (n_texts,) to be gaps, and say so.

    A list of missing words that the user stated is taken at its word.
    """
    if stated.missing_values != MISSING_VALUES:
        return ()
    filled = texts.ne("").to_numpy(dtype=bool)
    # A target of such words alone has no other label beside which one of them could be a class.
    if texts[filled].isin(stated.missing_values).all():
        return ()
    total = counts[filled].sum()
    found = []
    for text, count in zip(texts[filled], counts[filled], strict=True):
        if text not in stated.missing_values:
            continue
        share = NONE_SHARE if fold(text) == "none" else GAP_SHARE
        is_label = count >= share * total
        # The list that the warning offers turns this very decision round.
        own = ["", text] if is_label else [one for one in stated.missing_values if one != text]
        _log.warning(
            "'%s' in the target '%s' (%d of %d cells) is taken for %s; a list of your own decides otherwise, such as "
            "schema.missing_values: %s.",
            text,
            stated.target,
            count,
            total,
            "a label" if is_label else "a missing label",
            json.dumps(own, ensure_ascii=False),
        )
        if is_label:
            found.append(text)
    return tuple(found)


def log_task(task: Task, labels: set[str], counts: Counter[str], target: str) -> None:
    """Log which task a target was taken for, and warn where its labels hardly look like classes."""
    many = task is Task.MULTICLASS and len(labels) > min(MANY_VALUES, sum(counts.values()) / 3)
    shown = f" with {len(labels)} labels ({list_names(sorted(labels), 5)})" if task is Task.MULTICLASS else ""
    level = logging.WARNING if many else logging.INFO
    _log.log(level, "The target '%s' is taken as %s%s; task decides otherwise.", target, task, shown)


def log_new_labels(before: tuple[str, ...], after: tuple[str, ...], target: str) -> None:
    """Warn of labels that a target of several classes did not have before."""
    if len(before) >= 2 and (new := [label for label in after if label not in before]):
        _log.warning("The target '%s' has new labels, which become classes: %s.", target, list_names(new, 5))


def log_positive(classes: tuple[str, ...], target: str) -> tuple[str, ...]:
    """Log which class the answered probability is of, and return the classes."""
    _log.info(
        "predict_proba is the probability that '%s' is '%s' (and not '%s'); schema.positive decides otherwise.",
        target,
        classes[-1],
        classes[0],
    )
    return classes


def log_spellings(cells: pd.Series, schema: Schema) -> None:
    """Warn of labels that differ from a class in case and blanks alone: they are that class."""
    if not schema.task.is_classification or schema.label_is_rule:
        return
    found = read_levels(cells, schema.missing_of(schema.target)).value_counts()
    same = match_labels(list(found.index), schema.classes)
    if same:
        told = ", ".join(f"'{label}' ({found[label]} rows) is '{name}'" for label, name in list(same.items())[:5])
        _log.warning(
            "Labels of the target '%s' that are written in several ways are one label: %s.", schema.target, told
        )


def _complete(labels: set[str], draft: Schema) -> set[str]:
    """Add the labels that must exist although the first batch lacks them."""
    if draft.positive is not None and not draft.label_is_rule:
        stated = canonical_level(draft.positive)
        positive = match_labels([stated], sorted(labels)).get(stated, stated)
        if positive not in labels and len(labels) > 1:
            raise DataError(
                f"schema.positive is '{draft.positive}', which is no label of the target '{draft.target}' (they are "
                f"{list_names(sorted(labels), 5)}); correct it, or set it to null."
            )
        labels = labels | {positive}
    return next((pair for pair in PAIRS if labels <= pair), labels)


def _guess_task(labels: set[str], known: pd.Series, numbers: pd.Series) -> Task:
    if len(labels) <= 2:
        return Task.BINARY
    if len(numbers) >= TYPE_SHARE * len(known) and is_quantity(numbers.to_numpy()):
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
