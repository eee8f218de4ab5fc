"""What a selector learns from records: the chooser, steady candidates, margins, and how far its choice is trusted."""

from collections.abc import Mapping, Sequence

import numpy as np

from pointsman.common.config import SelectionConfig
from pointsman.common.seeding import derive_seed
from pointsman.meta.alarm import average_shares
from pointsman.meta.chooser import Chooser
from pointsman.meta.chooser_fitting import fit_chooser, tune_margin
from pointsman.meta.decayed import compute_decayed_records, measure_parts
from pointsman.meta.grades import CLEAN_GROUP, DAMAGED_GROUP, Grade
from pointsman.meta.past import keep_newest, measure_scale
from pointsman.meta.plan import Weights
from pointsman.meta.records import OutOfSamplePredictions
from pointsman.meta.selector import MODES, Margins, Pair, Selector
from pointsman.meta.trust import judge_grades

STEADY = 3
"""Newest clean batches on each of which a candidate must have done better than the default."""
MIN_BATCHES = 5
"""Batches in its record before a candidate is chosen: what learned a new regime first looks best on a batch of it."""


def fit_selector(
    records: Sequence[OutOfSamplePredictions],
    lines: Sequence[str],
    ensembles: Mapping[str, Sequence[Weights]],
    defaults: Pair | None,
    config: SelectionConfig,
    seed: int,
    grades: Sequence[Grade] = (),
    champions_before: tuple[str | None, str | None] = (None, None),
) -> Selector:
    """Return the selector that the newest records teach: which single model or ensemble answers which request best.

    It has eight parameters since no record holds them: a record of them would be made for this one call and taken apart
    at once. They are what is learned from, about which models, and by which rules.

    ensembles: by line, the members by RowKind; what they predicted for a batch before it was learned is in its record,
    as what lines did is
    grades:    all so far, oldest first
    champions_before: the champions for clean and for damaged input; where promotion has named none, the line with the
               best decayed record
    """
    records = keep_newest(records)
    batch = max(record.rows.batch for record in records)
    parts = measure_parts(records, lines)
    clean, damaged = (compute_decayed_records(parts, of_clean, config.half_life) for of_clean in (True, False))
    newest = parts.losses[(parts.batch == batch) & parts.whole][0]
    champions = Pair(
        champions_before[0] or lines[int(np.argmin(clean))], champions_before[1] or lines[int(np.argmin(damaged))]
    )
    candidates = [*lines, *ensembles]
    tried = [one for one in candidates if sum(one in record.predicted for record in records) >= MIN_BATCHES]
    is_regression = not records[-1].rows.task.is_classification
    by_group = {CLEAN_GROUP: champions.clean, DAMAGED_GROUP: champions.damaged}
    # Those for clean input alone: a candidate for damaged requests need not be steady (``Selector.list_choices``).
    incumbents = {"all": (defaults or champions).clean, "single": champions.clean}
    return Selector(
        lines=tuple(lines),
        ensembles={line: tuple(ensembles[line]) for line in sorted(ensembles)},  # as they are stored: ties go by order
        champions=champions,
        defaults=defaults,
        usual=average_shares([record.rows.profiles[0] for record in records]),
        last_best=lines[int(np.nanargmin(newest))],
        chooser=learn_choice(records, candidates, config.half_life, seed),
        tried=tuple(tried),
        steady={mode: find_steady(records, tried, incumbent) for mode, incumbent in incumbents.items()},
        margins={mode: tune_margins(grades, mode, config) for mode in MODES},
        ranking=tuple(lines[place] for place in np.argsort(clean, kind="stable")),
        trust=judge_grades(grades, config.half_life, config.confidence, is_regression, by_group),
    )


def tune_margins(grades: Sequence[Grade], mode: str, config: SelectionConfig) -> Margins:
    """Return the margins that paid off on each group of input."""
    clean, damaged = ([one for one in grades if one.group == group] for group in (CLEAN_GROUP, DAMAGED_GROUP))
    return Margins(*(tune_margin(known, mode, config.half_life, config.confidence) for known in (clean, damaged)))


def find_steady(
    records: Sequence[OutOfSamplePredictions], candidates: Sequence[str], incumbent: str
) -> tuple[str, ...]:
    """Return the candidates that lost less than the incumbent on each of the STEADY newest clean batches."""
    newest = [record.without_live() for record in records[-STEADY:]]
    if len(newest) < STEADY or not all(incumbent in record.predicted for record in newest):
        return ()
    known = [one for one in candidates if all(one in record.predicted for record in newest)]
    parts = measure_parts(newest, [incumbent, *known])
    losses = parts.losses[parts.whole]
    better = (losses[:, 1:] < losses[:, :1]).all(axis=0)
    return tuple(one for one, is_better in zip(known, better, strict=True) if is_better)


def learn_choice(
    records: Sequence[OutOfSamplePredictions], candidates: Sequence[str], half_life: float, seed: int
) -> Chooser:
    """Return the chooser that the batches and their damaged copies teach, newer ones counting more.

    A clean batch counts as much as all its damaged copies: it is one request among many, and the most usual.
    """
    batch = max(record.rows.batch for record in records)
    known = [one for one in candidates if any(one in record.predicted for record in records)]
    records = [record.without_live() for record in records]
    parts = measure_parts(records, known)
    profiles = [profile for record in records for profile in record.rows.profiles]
    copies = np.concatenate([[max(1, len(one.rows.profiles) - 1)] * len(one.rows.profiles) for one in records])
    weights = 0.5 ** ((batch - parts.batch) / half_life) * np.where(parts.whole, copies, 1)
    described, unit = [one.metafeatures for one in profiles], float(np.sqrt(measure_scale(records)))
    return fit_chooser(known, described, parts.losses, weights, unit, derive_seed(seed, "chooser", batch))
