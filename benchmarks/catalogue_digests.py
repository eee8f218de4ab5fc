"""What a catalogue holds, as one digest a table: catalogues with equal digests hold the same decisions."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from pointsman.common.storage.catalogue import ROW_OF, metadata, read_rows
from pointsman.common.storage.files import compute_digest


def compute_catalogue_digests(engine: Engine) -> dict[str, str]:
    """Return a digest per table over everything but its volatile columns.

    Two catalogues with equal digests hold the same decisions: what replay and the kill tests compare.
    """
    digests = {}
    for table in metadata.sorted_tables:
        columns = [column for column in table.columns if not column.info.get("volatile")]
        if not columns:
            continue
        rows = sorted(repr(_without_clocks(table, row)) for row in read_rows(engine, sa.select(*columns)))
        digests[table.name] = compute_digest("\n".join(rows).encode())
    return digests


def _without_clocks(table: sa.Table, row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the cells of a row; of one that holds a row of another table, without the volatile columns of that."""
    cells = dict(row)
    for name in cells:
        if owner := table.columns[name].info.get(ROW_OF):
            kept = metadata.tables[row[owner]].columns
            cells[name] = {key: cell for key, cell in cells[name].items() if not kept[key].info.get("volatile")}
    return tuple(cells.values())
