"""The contents of the report: every section in reading order. A new one is a file of ``sections/`` and a line here."""

from pointsman.pipeline.reporting.section import Chapter, Section
from pointsman.pipeline.reporting.sections import (
    associations,
    attributions,
    backtest,
    batches,
    challengers,
    comparisons,
    drift,
    effects,
    ensembles,
    estimates,
    events,
    experiments,
    features,
    generations,
    grades,
    headline,
    influences,
    labels,
    outcomes,
    overview,
    performance,
    picks,
    quality,
    quarantine,
    regrets,
    requests,
    scores,
    search,
    segments,
    settings,
    shap,
    structures,
    versions,
)

HEAD = headline.SECTION
"""What stands above the navigation."""

CHAPTERS = (
    Chapter(
        "answers",
        "Quality of answers",
        "Metrics over time beside single best and oracle; confusion, calibration, thresholds, segments; every version",
        (scores.SECTION, outcomes.SECTION, segments.SECTION, grades.SECTION, versions.SECTION, ensembles.SECTION),
    ),
    Chapter(
        "data",
        "Data",
        "Data quality of every batch, missing cells, breached checks, quarantine and what goes together",
        (batches.SECTION, quality.SECTION, quarantine.SECTION, associations.SECTION),
    ),
    Chapter("drift", "Drift", "What moved, which way, what it costs, and the verdict on every batch", (drift.SECTION,)),
    Chapter(
        "requests",
        "Requests",
        "Who answered and why, estimates before labels come, regret, labels and their delay",
        (requests.SECTION, estimates.SECTION, regrets.SECTION, labels.SECTION),
    ),
    Chapter(
        "why",
        "Why",
        "What answers rest on: SHAP of what serves and over time, single rows, effects, the structure of every family",
        (shap.SECTION, picks.SECTION, attributions.SECTION, effects.SECTION, structures.SECTION),
    ),
    Chapter(
        "appendix",
        "Appendix",
        "Search and hyperparameters over time, meta-learning, comparisons, events, performance and cost",
        (
            overview.SECTION,
            search.SECTION,
            settings.SECTION,
            influences.SECTION,
            generations.SECTION,
            comparisons.SECTION,
            challengers.SECTION,
            backtest.SECTION,
            experiments.SECTION,
            features.SECTION,
            events.SECTION,
            performance.SECTION,
        ),
    ),
)

EXPERT = ("associations", "comparisons", "challengers", "backtest", "experiments", "features")
"""Sections that a reader sees who asks for the expert view."""

SECTIONS: tuple[Section, ...] = (HEAD, *(section for chapter in CHAPTERS for section in chapter.sections))


def find_anchor(section: str) -> str:
    """Return the anchor of the chapter that a section is in, or its own name where it is in none.

    >>> find_anchor("drift")
    'drift'
    """
    named = (one.anchor for one in CHAPTERS if section in [own.name for own in one.sections])
    return next(named, section)
