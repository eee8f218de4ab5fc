"""How a family states its search space, and reads the parameters that came out of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol, TypeVar

from pointsman.common.errors import ConfigError
from pointsman.common.task import Task

Param = int | float | str | bool | None
Params = Mapping[str, Param]
Settings = TypeVar("Settings")


class Suggester(Protocol):
    """The part of an Optuna trial that a search space needs."""

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """Return a whole number, both bounds included."""
        ...

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """Return a number."""
        ...

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Return one of the choices."""
        ...


@dataclass(frozen=True)
class Space:
    """A trial seen by one family, and what a search space may depend on.

    One study searches all families, and a sampler takes two parameters of one name for one parameter: the trial
    therefore knows each by the family's name and its own, as in ``tree.max_depth``.
    """

    trial: Suggester
    family: str
    task: Task
    n_rows: int
    n_columns: int

    def integer(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """Draw a whole number, both bounds included."""
        return self.trial.suggest_int(f"{self.family}.{name}", low, high, step=step, log=log)

    def real(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """Draw a number."""
        return self.trial.suggest_float(f"{self.family}.{name}", low, high, log=log)

    def choice(self, name: str, choices: Sequence[Param]) -> Param:
        """Draw one of the choices."""
        return self.trial.suggest_categorical(f"{self.family}.{name}", choices)


def read_params(kind: type[Settings], params: Params) -> Settings:
    """Return ``params`` as the record ``kind``; what they leave out keeps its default.

    Raises ConfigError for a parameter the record does not have.

    >>> @dataclass(frozen=True)
    ... class Depth:
    ...     max_depth: int = 3
    >>> read_params(Depth, {"depth": 2})
    Traceback (most recent call last):
    pointsman.common.errors.ConfigError: Unknown parameter 'depth' for Depth; it has: max_depth.
    """
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    for name in params:
        if name not in known:
            raise ConfigError(f"Unknown parameter '{name}' for {kind.__name__}; it has: {', '.join(known) or 'none'}.")
    return kind(**params)
