"""Frozen records as rows of a table and back: each field is the column, or the key of a JSON cell, of its name."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, TypeVar, Union, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Record = TypeVar("Record", bound="DataclassInstance")


def make_row(record: "DataclassInstance", **cells: Any) -> dict[str, Any]:
    """Return ``cells`` and a record's fields as a table holds them: enums as words, tuples and records as JSON types.

    >>> from pointsman.common.records import QuarantinedRow
    >>> make_row(QuarantinedRow(3, "no label"), batch=7)
    {'batch': 7, 'row': 3, 'reason': 'no label'}
    """
    return cells | {field.name: _make_cell(getattr(record, field.name)) for field in fields(record)}


def read_record(kind: type[Record], row: Mapping[str, Any]) -> Record:
    """Return the record that a row holds; a column without a field is left out, a field without one has its default.

    Cells become what fields are declared as: words become enums, lists tuples, and dictionaries records.

    >>> from pointsman.common.records import QuarantinedRow
    >>> read_record(QuarantinedRow, {"batch": 7, "row": 3, "reason": "no label"})
    QuarantinedRow(row=3, reason='no label')
    """
    declared = _find_types(kind)
    return kind(**{name: _read_cell(declared[name], row[name]) for name in declared if name in row})


def _make_cell(cell: Any) -> Any:
    if isinstance(cell, Enum):
        return cell.value
    if is_dataclass(cell) and not isinstance(cell, type):
        return make_row(cell)
    if isinstance(cell, Mapping):
        return {key: _make_cell(one) for key, one in cell.items()}
    if isinstance(cell, tuple | list):
        return [_make_cell(one) for one in cell]
    return cell


@cache
def _find_types(kind: type[Any]) -> dict[str, Any]:
    """Return what each field is declared as, in order; kept, since looking it up costs more than reading a row."""
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind) if field.init}


@cache
def _take_apart(declared: Any) -> tuple[Any, tuple[Any, ...]]:
    """Return a type without its arguments, and these; kept for the same reason."""
    return get_origin(declared), get_args(declared)


def _read_cell(declared: Any, cell: Any) -> Any:
    origin, inner = _take_apart(declared)
    if cell is None:
        return None
    if origin in (Union, UnionType):  # what may be missing, such as int | None
        (declared,) = [one for one in inner if one is not NoneType] if len(inner) == 2 else [Any]
        return _read_cell(declared, cell)
    if origin is tuple:
        each = inner[:1] * len(cell) if inner[1:] == (...,) else inner
        return tuple(_read_cell(one, part) for one, part in zip(each, cell, strict=True))
    if isinstance(declared, type) and issubclass(declared, Enum):
        return declared(cell)
    if is_dataclass(declared) and isinstance(declared, type):
        return read_record(declared, cell)
    return cell
