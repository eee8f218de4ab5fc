"""Versions: the active single models."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pointsman.pipeline.reporting.history import History
from pointsman.pipeline.reporting.scored import find_last, list_scores
from pointsman.pipeline.reporting.section import Section
from pointsman.pipeline.validation.tables import scores_table
from pointsman.registry.generations import Role


@dataclass(frozen=True)
class VersionFigures:
    """An active single model. ``last`` are the newest prequential metrics of its line, on batch ``last_scored``.

    ``untuned`` is why its threshold was not tuned, None where it was.
    """

    id: str
    role: str
    family: str
    variant: str
    line: str
    origin: str
    updates: int
    generation: int
    first_batch: int
    last_batch: int
    rows: int
    threshold: float | None
    untuned: str | None
    bytes: int
    fit_seconds: float
    params: Mapping[str, Any]
    window: int | None
    masked: bool
    guarded: bool
    out_of_fold: Mapping[str, float]
    last: Mapping[str, float]
    last_scored: int | None


def list_versions(history: History) -> tuple[VersionFigures, ...]:
    """Return the active single models, the champion first, then by their loss on the newest rows."""
    folds = {score.version: score for score in history.ask(list_scores) if score.kind == "out-of-fold"}
    last = history.ask(find_last)
    listed = []
    for member in history.generation.members:
        version = member.version
        if version.is_ensemble or member.role is Role.CHALLENGER:
            continue
        # A version made by the newest update has met no batch yet: its line's last score says what it was before.
        own, previous = folds.get(version.id), last.get(version.line)
        listed.append(
            VersionFigures(
                id=version.id,
                role=member.role.shown,
                family=version.family,
                variant=version.variant,
                line=version.line,
                origin=version.origin,
                updates=version.updates,
                generation=version.generation,
                first_batch=version.first_batch,
                last_batch=version.last_batch,
                rows=version.rows,
                threshold=version.threshold if history.task == "binary" else None,
                untuned=version.untuned,
                bytes=version.bytes,
                fit_seconds=version.fit_seconds,
                params=dict(version.params),
                window=version.window,
                masked=version.masked,
                guarded=version.guarded,
                out_of_fold=own.metrics if own else {},
                last=previous.metrics if previous else {},
                last_scored=previous.batch if previous else None,
            )
        )
    # A newcomer's line has no prequential score, so its loss out of fold stands in.
    return tuple(
        sorted(
            listed, key=lambda one: (one.role != "champion", one.last.get("loss", one.out_of_fold.get("loss", np.inf)))
        )
    )


def find_champion(history: History) -> VersionFigures | None:
    """Return the best single model by its record, None before there is one."""
    return next((version for version in history.ask(list_versions) if version.role == "champion"), None)


SECTION = Section("versions", reads=(scores_table,), figures={"versions": list_versions, "champion": find_champion})
