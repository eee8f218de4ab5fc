"""Ensembles: the active mixtures of single models."""

from collections.abc import Mapping
from dataclasses import dataclass

from pointsman.pipeline.reporting.history import History
from pointsman.pipeline.reporting.scored import find_last
from pointsman.pipeline.reporting.section import Section
from pointsman.pipeline.validation.tables import scores_table
from pointsman.registry.versions import name_kinds


@dataclass(frozen=True)
class EnsembleFigures:
    """An active ensemble. ``last`` are the newest prequential metrics of its line, on batch ``last_scored``.

    members: by the kinds of rows that it answers alike, its versions and their weights, the heaviest first
    """

    id: str
    line: str
    variant: str
    members: Mapping[str, Mapping[str, float]]
    threshold: float | None
    last: Mapping[str, float]
    last_scored: int | None


def list_ensembles(history: History) -> tuple[EnsembleFigures, ...]:
    """Return the active ensembles."""
    last = history.ask(find_last)
    return tuple(
        EnsembleFigures(
            id=one.id,
            line=one.line,
            variant=one.variant,
            members={rows: sort_weights(weights) for rows, weights in name_kinds(one.members).items()},
            threshold=one.threshold if history.task == "binary" else None,
            last=last[one.line].metrics if one.line in last else {},
            last_scored=last[one.line].batch if one.line in last else None,
        )
        for one in history.generation.ensembles
    )


def sort_weights(weights: Mapping[str, float]) -> dict[str, float]:
    """Return weights by version, the heaviest first."""
    return dict(sorted(weights.items(), key=lambda one: (-one[1], one[0])))


SECTION = Section("ensembles", reads=(scores_table,), figures={"ensembles": list_ensembles})
