"""A request that is refused: a status, a sentence and, where rows are wrong, which of them and in which field."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pointsman.common.redaction import as_told

ASKING = 'Basic realm="Pointsman", charset="UTF-8", Bearer'
"""How the key may be brought; a browser asks for a name, which may be any, and the key as its password."""
MOST_PROBLEMS = 10
"""Wrong cells that a refusal names; more of them help nobody."""


@dataclass(frozen=True)
class Problem:
    """What is wrong with a row; ``row`` counts from 0, as ids of answers do, ``field`` is '' for the row itself."""

    row: int
    field: str
    problem: str


class Refused(Exception):
    """The request cannot be answered.

    ``retry_after`` is in seconds, None where asking again would not help; ``closes`` ends the connection with it.
    """

    def __init__(
        self,
        status: int,
        sentence: str,
        problems: Sequence[Problem] = (),
        retry_after: int | None = None,
        closes: bool = False,
    ) -> None:
        super().__init__(sentence)
        self.status = status
        self.problems = tuple(problems)
        self.retry_after = retry_after
        self.closes = closes

    def __reduce__(self) -> tuple[Any, ...]:
        return Refused, (self.status, str(self), self.problems, self.retry_after, self.closes)

    def list_headers(self) -> dict[str, str]:
        """Return the headers that go with it."""
        headers = {} if self.retry_after is None else {"retry-after": str(self.retry_after)}
        headers |= {"connection": "close"} if self.closes else {}
        return headers | ({"www-authenticate": ASKING} if self.status == 401 else {})

    def to_json(self, request: str) -> dict[str, Any]:
        """Return the body that a client gets."""
        body: dict[str, Any] = {"request": request, "error": as_told(str(self))}
        return body | {"problems": [vars(one) for one in self.problems]} if self.problems else body


def refuse_unforeseen(request: str) -> Refused:
    """Return the refusal of a request that failed as nobody foresaw; its sentence leads to the log."""
    return Refused(500, f"The request could not be answered; the log of the service says why under {request}.")


def refuse_rows(problems: Sequence[Problem]) -> Refused:
    """Return the refusal of rows that cannot be read; its sentence names the first.

    >>> str(refuse_rows([Problem(3, "PREMIUM", "a list is no cell; write a number, a text or null")]))
    "Row 3, field 'PREMIUM': a list is no cell; write a number, a text or null."
    """
    first = problems[0]
    where = f"Row {first.row}, field '{first.field}'" if first.field else f"Row {first.row}"
    more = f" ({len(problems)} problems were found)" if len(problems) > 1 else ""
    return Refused(422, f"{where}: {first.problem}{more}.", problems)


def shorten(name: object) -> str:
    """Return a name that a client sent, short enough to be shown.

    >>> shorten("a" * 100)
    'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...'
    """
    text = str(name)
    return text if len(text) <= 60 else f"{text[:39]}..."
