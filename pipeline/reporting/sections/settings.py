"""Settings: what active versions and past champions are made of. Their figures are stored with those of the search."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pointsman.pipeline.reporting.history import History, list_rows, read_whole
from pointsman.pipeline.reporting.section import Section
from pointsman.registry.tables import versions_table


@dataclass(frozen=True)
class Setting:
    """What the champion was made of from a generation on: a row whenever anything of it changed."""

    generation: int
    batch: int | None
    version: str
    family: str
    variant: str
    params: Mapping[str, Any]


def list_settings(history: History) -> list[Setting]:
    """Return the champion's family, variant and parameters, oldest first, one row a change."""
    versions = {row["id"]: row for row in list_rows(history.read(versions_table))}
    batches = dict(zip(history.generations["number"], history.generations["batch"], strict=True))
    settings: list[Setting] = []
    for generation in history.lineage:
        version = history.champions.get(generation)
        if version is None:
            continue
        row = versions[version]
        now = (row["family"], row["variant"], row["params"])
        if settings and (settings[-1].family, settings[-1].variant, settings[-1].params) == now:
            continue
        settings.append(Setting(generation, read_whole(batches[generation]), version, *now))
    return settings


SECTION = Section("settings", reads=(versions_table,))
