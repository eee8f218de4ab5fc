"""Records with lines of known worth: good on clean rows, robust on damaged ones, or poor on both."""

from dataclasses import replace

import numpy as np

from pointsman.common.config import SelectionConfig
from pointsman.common.task import Task
from pointsman.meta.ensembles import mix_members
from pointsman.meta.flags import QUALITIES
from pointsman.meta.grades import CLEAN_GROUP, DAMAGED_GROUP
from pointsman.meta.grading import grade_selector
from pointsman.meta.metafeatures import METAFEATURES
from pointsman.meta.profile import Profile
from pointsman.meta.records import OutOfSamplePredictions, RecordRows
from pointsman.meta.selector import Pair
from pointsman.meta.selector_fitting import fit_selector
from pointsman.meta.trust import Trust

LINES = ("good", "robust", "poor")
SKILL = {"good": (2.5, 1.0), "robust": (1.5, 1.6), "poor": (0.2, 0.2)}
"""By line, how strongly its answer follows the truth on clean and on damaged rows."""
CLEAN_ROWS, DAMAGED_ROWS = 300, 60
PARTS = ("clean", *(f"damage {number}" for number in range(5)))
CLASSES = {Task.BINARY: ("0", "1"), Task.MULTICLASS: ("a", "b", "c"), Task.REGRESSION: ()}


def make_profile(damaged, clean_rows=0, flagged_rows=0, kind=1):
    """A request of clean rows and rows that are flagged as ``kind``; ``damaged`` is the share of damaged cells."""
    counts = [clean_rows, 0, 0]
    counts[kind] += flagged_rows
    quality = np.zeros((3, len(QUALITIES)))
    quality[1:] = damaged
    shares = {"worth": (damaged, 0.0, 0.0), "make": (damaged / 2, 0.0, 0.0)}
    metafeatures = dict.fromkeys(METAFEATURES, 0.0) | {"missing_share": damaged, "missing_worst_column": damaged}
    return Profile(metafeatures, tuple(counts), tuple(map(tuple, quality.tolist())), shares)


def make_record(batch, task=Task.BINARY, lines=LINES, seed=0, skill=None):
    generator = np.random.default_rng([seed, batch])
    part = np.repeat(np.arange(len(PARTS)), [CLEAN_ROWS, *[DAMAGED_ROWS] * (len(PARTS) - 1)])
    n_rows, clean = len(part), part == 0
    hidden = generator.normal(size=n_rows)
    target = {
        Task.BINARY: (hidden > 0).astype(float),
        Task.MULTICLASS: np.digitize(hidden, [-0.5, 0.5]).astype(float),
        Task.REGRESSION: hidden,
    }[task]
    damage = np.where(clean, 0.0, 0.2 + 0.1 * part)
    quality = np.zeros((n_rows, len(QUALITIES)), dtype=np.float32)
    quality += damage[:, None]
    profiles = [make_profile(0.0, clean_rows=CLEAN_ROWS)]
    profiles += [make_profile(0.2 + 0.1 * number, flagged_rows=DAMAGED_ROWS) for number in range(1, len(PARTS))]
    rows = RecordRows(
        batch, task, CLASSES[task], PARTS, tuple(profiles), part, target, np.where(clean, 0, 1).astype(np.int8), quality
    )
    outputs = {
        line: answer(task, target, np.where(clean, *(skill or SKILL)[line]), generator).astype(np.float32)
        for line in lines
    }
    return OutOfSamplePredictions(rows, outputs)


def answer(task, target, skill, generator):
    noise = generator.normal(size=len(target))
    if task is Task.REGRESSION:
        share = skill / 3
        return (share * target + 0.3 * noise)[:, None]
    n_classes = len(CLASSES[task])
    logits = 0.5 * generator.normal(size=(len(target), n_classes))
    logits[np.arange(len(target)), target.astype(int)] += skill
    weights = np.exp(logits)
    return weights / weights.sum(axis=1, keepdims=True)


def make_records(batches=6, **changes):
    return [make_record(batch, **changes) for batch in range(1, batches + 1)]


def make_ensembles(**clean):
    """Two routed ensembles, the incumbents: by default good lines on clean rows and robust ones on damaged rows."""
    typical = clean or {"good": 0.6, "robust": 0.4}
    flagged = {"robust": 0.8, "good": 0.2}
    return {"ensemble-typical": (typical, flagged, flagged), "ensemble-damaged": (typical, flagged, flagged)}


DEFAULTS = Pair("ensemble-typical", "ensemble-damaged")


def with_ensembles(record, ensembles):
    """The record with what ensembles answer to its rows."""
    mixed = {line: mix_members(record.predicted, record.rows.kinds, members) for line, members in ensembles.items()}
    return record.with_lines({line: answer for line, answer in mixed.items() if answer is not None})


def make_selector(records=None, ensembles=None, lines=LINES, grades=(), trusted=True, config=None):
    """A selector that knows what ensembles answered to all records; trusted, where grades do not say."""
    ensembles = {} if ensembles is None else ensembles
    known = [with_ensembles(record, ensembles) for record in (records or make_records())]
    defaults = DEFAULTS if set(vars(DEFAULTS).values()) <= set(ensembles) else None
    fitted = fit_selector(known, lines, ensembles, defaults, config or SelectionConfig(), 1, grades)
    return replace(fitted, trust=TRUSTED) if trusted and not grades else fitted


TRUSTED = Trust(*({CLEAN_GROUP: "", DAMAGED_GROUP: ""} for _ in ("all", "single")))


def follow(records, ensembles, config=None):
    """Predict, reveal, learn: yield the selector after each batch and all grades so far, each of the selector before.

    ensembles: the same ones throughout, or what fits them on the records so far
    """
    known, grades, selector = [], [], None
    for record in records:
        if selector:
            answered = with_ensembles(record, selector.ensembles)
            grades = [*grades, *grade_selector(selector, answered)]
        else:
            answered = record
        known = [*known, answered]
        fitted = ensembles(known) if callable(ensembles) else ensembles
        selector = fit_selector(known, LINES, fitted, DEFAULTS, config or SelectionConfig(), 1, grades)
        yield selector, grades
