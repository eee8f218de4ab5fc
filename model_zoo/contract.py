"""What a check of the contract is, and how one says that the contract is broken."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pointsman.common.task import Task
from pointsman.model_zoo.check_tables import Rows
from pointsman.model_zoo.estimator import Estimator
from pointsman.model_zoo.family import Family

Applies = Callable[[Family], str]
"""Returns why a check does not apply to a family, or an empty text where it does."""


class ContractBroken(AssertionError):
    """A family does not keep the contract."""


@dataclass(frozen=True)
class ContractCheck:
    """One clause of the contract."""

    code: str
    run: Callable[[Family, Task], None]
    excluded: Applies


@dataclass(frozen=True)
class Case:
    """A check for one family and task; ``reason`` says why it does not apply, or is empty."""

    check: ContractCheck
    family: Family
    task: Task
    reason: str

    def __str__(self) -> str:
        return f"{self.check.code}-{self.check.run.__name__.removeprefix('check_')}-{self.family.name}-{self.task}"


CHECKS: list[ContractCheck] = []


def register(code: str, excluded: Applies = lambda _: "") -> Callable[[Callable[[Family, Task], None]], Callable]:
    """Return a decorator that adds a function to CHECKS under a code."""

    def add(run: Callable[[Family, Task], None]) -> Callable[[Family, Task], None]:
        CHECKS.append(ContractCheck(code, run, excluded))
        return run

    return add


def require(holds: bool, message: str) -> None:
    """Raise ContractBroken unless something holds."""
    if not holds:
        raise ContractBroken(message)


def require_close(found: np.ndarray, expected: np.ndarray, message: str) -> None:
    """Raise ContractBroken unless two arrays agree to nine digits, which is what matrix products of any shape keep."""
    require(bool(np.allclose(found, expected, rtol=1e-9, atol=1e-9)), message)


def require_refusal(call: Callable[[], object], error: type[Exception], named: str) -> None:
    """Raise ContractBroken unless a call raises an error whose message names something."""
    try:
        call()
    except error as refusal:
        require(named in str(refusal), f"the refusal '{refusal}' does not name '{named}'")
        return
    raise ContractBroken(f"nothing was raised where {error.__name__} was due")


def require_valid(family: Family, estimator: Estimator, rows: Rows) -> None:
    """Raise ContractBroken unless every row gets a finite number, or a distribution that calls no class impossible."""
    answers = family.predict(estimator, rows.table)
    shape = (len(rows), rows.n_classes) if rows.task.is_classification else (len(rows),)
    require(answers.shape == shape, f"answers have shape {answers.shape} and not {shape}")
    require(answers.dtype == np.float64, f"answers are {answers.dtype} and not float64")
    require(bool(np.isfinite(answers).all()), "an answer is NaN or infinite")
    if rows.task.is_classification:
        require(bool((answers > 0).all()), "a class is called impossible")
        require(bool(np.allclose(answers.sum(axis=1), 1, atol=1e-9)), "probabilities do not sum to 1")
