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
    overview,
    performance,
    picks,
    quality,
    quarantine,
    regrets,
    requests,
    scores,
    search,
    settings,
    shap,
    structures,
    versions,
)

HEAD = headline.SECTION
"""What stands above the navigation."""

CHAPTERS = (
    Chapter("overview", "Overview", (overview.SECTION,)),
    Chapter("quality", "Data quality", (batches.SECTION, quality.SECTION, associations.SECTION, quarantine.SECTION)),
    Chapter("drift", "Drift", (drift.SECTION,)),
    Chapter(
        "models", "Models", (scores.SECTION, versions.SECTION, challengers.SECTION, backtest.SECTION, ensembles.SECTION)
    ),
    Chapter("estimates", "Without labels", (estimates.SECTION,)),
    Chapter("search", "Search", (search.SECTION, experiments.SECTION, features.SECTION, settings.SECTION)),
    Chapter(
        "choices",
        "Choices",
        (
            generations.SECTION,
            comparisons.SECTION,
            grades.SECTION,
            events.SECTION,
            requests.SECTION,
            regrets.SECTION,
            labels.SECTION,
            influences.SECTION,
        ),
    ),
    Chapter("shap", "Why", (shap.SECTION, picks.SECTION, attributions.SECTION, effects.SECTION, structures.SECTION)),
    Chapter("performance", "Performance", (performance.SECTION,)),
)

SECTIONS: tuple[Section, ...] = (HEAD, *(section for chapter in CHAPTERS for section in chapter.sections))


def find_anchor(section: str) -> str:
    """Return the anchor of the chapter that a section is in, or its own name where it is in none.

    >>> find_anchor("drift")
    'drift'
    """
    named = (one.anchor for one in CHAPTERS if section in [own.name for own in one.sections])
    return next(named, section)
