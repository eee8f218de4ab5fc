"""Who rests: a model that hardly serves keeps what it knows for a while, since a fit costs the same for every model."""

from collections.abc import Collection, Mapping

from pointsman.meta.ensembles import DAMAGED, TYPICAL
from pointsman.pipeline.validation.promotion import Promotion
from pointsman.registry.contender import Origin
from pointsman.registry.generations import Generation

DUE_SHARE = 0.1
"""Share of what serves by default, of any kind of row, from which on a model learns every batch."""
DUE_AGE = 3
"""A model learns at the latest with this batch after the one that it learned last."""


def find_skipped_refits(
    before: Generation,
    promotion: Promotion,
    modes: Mapping[str, Origin],
    baselines: Collection[str],
    competing: Collection[str],
    batch: int,
) -> dict[str, str]:
    """Return by active model that need not learn a batch why it does not.

    Champions, a pinned model, those whose retrain modes are ``competing``, baselines (they say what a plain fit on all
    rows is worth) and newcomers always learn. One that comparisons keep, by its mode, has its own reason. In the first
    batches everyone learns: weights that rest on one record say little.
    """
    if batch <= DUE_AGE:
        return {}
    shares = weigh_defaults(before)
    due = {promotion.champion.line, promotion.robust_champion.line, before.pinned, *competing}
    skipped = {}
    for contender in promotion.active:
        version, line = contender.parent, contender.line
        if version is None or contender.is_recalled or contender.candidate.key in baselines or line in due:
            continue
        share, is_kept = shares.get(line, 0.0), modes.get(line) is Origin.KEPT
        if share < DUE_SHARE and batch - version.last_batch < DUE_AGE and not is_kept:
            skipped[line] = (
                f"it is {share:.0%} of what serves by default and learned batch {version.last_batch}: it learns again "
                f"with batch {version.last_batch + DUE_AGE}, from {DUE_SHARE:.0%} on, or after drift"
            )
    return skipped


def weigh_defaults(generation: Generation) -> dict[str, float]:
    """Return the largest weight of each model in the ensembles that serve by default, for any kind of row."""
    shares: dict[str, float] = {}
    for ensemble in generation.ensembles:
        if ensemble.variant in (TYPICAL, DAMAGED):
            for members in generation.list_members(ensemble):
                for line, share in members.items():
                    shares[line] = max(shares.get(line, 0.0), share)
    return shares
