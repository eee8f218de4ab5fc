"""How long fits may take, by what earlier ones took: so that the longest begin first and nobody waits for them."""

import math
from collections.abc import Iterable, Sequence

from pointsman.model_zoo.candidate import Candidate
from pointsman.registry.versions import Version


def expect_seconds(candidates: Iterable[Candidate], fitted: Sequence[Version]) -> list[float]:
    """Return the seconds each candidate's fit may take: its own last fit's, else the mean of its family's.

    inf where nothing is known of the family. They decide who begins first, never what comes out.
    """
    own = {version.candidate.key: version.fit_seconds for version in fitted}
    of_family: dict[str, list[float]] = {}
    for version in fitted:
        of_family.setdefault(version.family, []).append(version.fit_seconds)
    means = {family: sum(seconds) / len(seconds) for family, seconds in of_family.items()}
    return [own.get(one.key, means.get(one.family, math.inf)) for one in candidates]
