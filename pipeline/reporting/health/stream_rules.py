"""Rules about what comes in: batches, drift, labels and time. Each looks at one thing and finds it well or not."""

from pointsman.pipeline.reporting.formats import format_count, format_decimal, format_share, join_words
from pointsman.pipeline.reporting.health.facts import Drifted, Facts
from pointsman.pipeline.reporting.health.finding import Finding, Level

MANY_HELD = 0.1
"""Share of a batch's rows in quarantine from which it is worth a look."""
FEW_LABELS = 0.5
"""Share of the rows that should have a label below which labels are late."""
LATE, OVERDUE = 2.0, 5.0
"""Ages of the newest update, in usual times between batches, from which it is worth a look, and too old to rely on."""
PATIENT_DAYS = 1.0
"""No update is late before this age, however fast batches come."""


def check_batch(facts: Facts) -> Finding | None:
    """The newest batch should have been accepted."""
    batches = facts.batches
    if not batches.is_rejected or facts.serving is None or batches.decided == "discarded":
        return None
    if batches.decided == "released":
        sentence = f"Batch {batches.newest}, which was rejected, is released: the next update takes it."
        return Finding(Level.GREEN, sentence, "Take it", facts.typed.update(), "quarantine")
    reason = batches.reason.rstrip(". ")
    if batches.refused > 1:
        sentence = f"The newest {batches.refused} batches were rejected, so nothing is learned: {reason}."
    else:
        sentence = f"Batch {batches.newest} was rejected and not learned: {reason}."
    level = Level.RED if batches.refused > 1 else Level.AMBER
    action = "See what was refused, then release it or repair its source"
    return Finding(level, sentence, action, facts.typed.other("quarantine"), "quarantine")


def check_quarantine(facts: Facts) -> Finding | None:
    """Few rows of the newest batch should be in quarantine."""
    batches = facts.batches
    if not batches.held or batches.is_rejected:
        return None
    verb = "is" if batches.held == 1 else "are"
    share = batches.held / max(batches.rows, 1)
    rows = f"{format_count(batches.held, 'row')} of batch {batches.newest} ({format_share(share)})"
    level = Level.AMBER if share >= MANY_HELD else Level.GREEN
    sentence = f"{rows} {verb} in quarantine and not learned."
    return Finding(
        level, sentence, "See why, and release or discard them", facts.typed.other("quarantine"), "quarantine"
    )


def check_quality(facts: Facts) -> Finding | None:
    """The newest batch should break no check of quality."""
    batches = facts.batches
    if not batches.breaches or batches.is_rejected:
        return None
    checks = format_count(batches.breaches, "quality check")
    sentence = f"Batch {batches.newest} broke {checks}: {batches.breach}"
    command = facts.typed.other(f"eda {batches.newest}")
    return Finding(Level.GREEN, sentence, "See the batch column by column", command, "quality")


def check_drift(facts: Facts) -> Finding | None:
    """What drifted in the newest batch should have been answered by more than a warning."""
    if not facts.drifted:
        return None
    unanswered = [one for one in facts.drifted if not one.actions]
    worst = max(unanswered or facts.drifted, key=lambda one: one.kind == "concept")
    command = facts.typed.other(f"eda {worst.batch}")
    if unanswered:
        sentence = f"{_tell(worst)}, and nothing was done about it."
        return Finding(Level.AMBER, sentence, "See what moved", command, "drift")
    sentence = f"{_tell(worst)}; it was answered ({join_words(list(worst.actions))})."
    return Finding(Level.GREEN, sentence, "See what moved", command, "drift")


def _tell(drifted: Drifted) -> str:
    named = join_words(list(drifted.what), 3)
    if drifted.kind == "concept":
        return f"In batch {drifted.batch} the target no longer follows the inputs as before ({named})"
    return f"In batch {drifted.batch} inputs are unlike anything that was learned ({named})"


def check_labels(facts: Facts) -> Finding | None:
    """Answered rows should have their labels by the time by which they usually come."""
    labels = facts.labels
    if not labels.rows or labels.labelled >= FEW_LABELS * labels.rows:
        return None
    share = format_share(labels.labelled / labels.rows, 0) if labels.labelled else "none"
    usually = f"; usually most come within {labels.due_days} days" if labels.is_usual else ""
    sentence = (
        f"Labels are late: of {format_count(labels.rows, 'row')} answered more than {labels.due_days} days ago {share} "
        f"{'has' if labels.labelled < 2 else 'have'} one{usually}."
    )
    command = facts.typed.other("feedback -file labels.csv")
    return Finding(Level.AMBER, sentence, "Hand in the labels that are known", command, "labels")


def check_age(facts: Facts) -> Finding | None:
    """The newest update should not be much older than batches lie apart."""
    age = facts.age
    if age.updated_at is None or not age.period_days:
        return None
    days = (age.now - age.updated_at).total_seconds() / 86_400
    periods = days / age.period_days
    if periods < LATE or days < PATIENT_DAYS:
        return None
    sentence = (
        f"The last update is {format_count(round(days), 'day')} old, and batches of this stream lie "
        f"{format_decimal(age.period_days)} days apart."
    )
    level = Level.RED if periods >= OVERDUE else Level.AMBER
    return Finding(level, sentence, "Take the next batch", facts.typed.update(), "batches")
