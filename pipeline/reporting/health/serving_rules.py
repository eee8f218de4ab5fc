"""Rules about what serves: who answers, how, and what it is worth. Each looks at one thing and finds it well or not."""

from pointsman.pipeline.reporting.formats import format_count, format_date, format_share, join_words
from pointsman.pipeline.reporting.health.facts import Answered, DamagedColumn, Facts, Paired
from pointsman.pipeline.reporting.health.finding import Finding, Level
from pointsman.registry.contender import FALLBACK_FAMILY

NOISE = 1.28
"""Standard errors beyond which a difference counts as one: one-sided 90 %."""
FEW, MOST = 0.2, 0.5
"""Shares of rows that went to a fallback from which it is worth a look, and from which it is not healthy."""
LOST = 0.5
"""Share of a column's cells that are damaged from which requests are said to lack it."""
DEAR = 0.1
"""A loss higher by this share, beyond noise, is more than worth a look."""
SUSPICIOUS = 0.05
"""A loss higher by this share counts where there is too little to tell noise."""
LEAST_ROWS = 20
"""Answered rows of which fewer do not tell how requests are: a share of them is listed and stays green."""
FALLBACKS = {
    "fallback:sparse": "cells were missing that seldom are",
    "fallback:anomalous": "cells held what was never seen in training",
    "fallback:error": "the model meant to answer failed",
}


def check_serves(facts: Facts) -> Finding | None:
    """Something has to serve."""
    if facts.serving is not None:
        return None
    batches = facts.batches
    if batches.refused:
        came = format_count(batches.refused, "batch", "batches")
        sentence = f"No model serves yet: {came} came and nothing could be learned. {_end(batches.reason)}"
        action = "See what was refused, and release or repair it"
        return Finding(Level.RED, sentence, action, facts.typed.other("quarantine"), "quarantine")
    said = "No model serves yet: nothing was learned."
    return Finding(Level.RED, said, "Take the next batch", facts.typed.update(), "batches")


def check_files(facts: Facts) -> Finding | None:
    """The files of every active version have to be there, and as they were written."""
    if not facts.broken or facts.serving is None:
        return None
    answering = [one for one in facts.serving.answerers if one in facts.broken]
    named = [*answering, *(one for one in facts.broken if one not in answering)]
    part = ", which answers requests," if answering else ""
    more = f" Neither can {format_count(len(named) - 1, 'other version')}." if named[1:] else ""
    sentence = f"{named[0]}{part} cannot be loaded: {_end(facts.broken[named[0]])}{more}"
    level = Level.RED if answering else Level.AMBER
    command = facts.typed.other(f"models rebuild {named[0]}")
    return Finding(level, sentence, "Make it again from the raw batches", command, "versions")


def check_failures(facts: Facts) -> Finding | None:
    """No version should have failed on a request."""
    failed = [one for one in facts.answered.failures if one not in facts.broken]
    if not failed:
        return None
    sentence = f"{failed[0]} failed while answering, and others answered for it: "
    sentence += _end(facts.answered.failures[failed[0]])
    command = facts.typed.other(f"models rebuild {failed[0]}")
    level = Level.AMBER if facts.answered.is_now else Level.GREEN
    return Finding(level, sentence, "Make it again from the raw batches", command, "requests")


def check_fallbacks(facts: Facts) -> Finding | None:
    """Few rows should have gone to a fallback."""
    answered = facts.answered
    fallen = sum(answered.fallbacks.values())
    share = fallen / answered.rows if answered.rows else 0.0
    if share < FEW:
        return None
    main = max(answered.fallbacks, key=lambda reason: answered.fallbacks[reason])
    which = "Every answered row" if fallen == answered.rows else f"{format_share(share, 0)} of the answered rows"
    cause = FALLBACKS.get(main, main)
    sentence = (
        f"{which} went to a fallback, mostly because {cause}{_name_damaged(answered.damaged)}{_name_basis(answered)}."
    )
    level = _grade(answered, Level.RED if share >= MOST else Level.AMBER)
    command = facts.typed.other(f"explain {answered.example}")
    return Finding(level, sentence, "See what was wrong with such a request", command, "requests")


def _grade(answered: Answered, level: Level) -> Level:
    """Return the level of a share of answered rows: green if what answers now did not answer, or too few of them."""
    return level if answered.is_now and answered.rows >= LEAST_ROWS else Level.GREEN


def _name_basis(answered: Answered) -> str:
    """Return how many requests and rows a share is of, since when, and what makes it no verdict of now."""
    since = f" since {format_date(answered.since.replace(second=0, microsecond=0))}" if answered.since else ""
    said = f": {format_count(answered.requests, 'request')} of {format_count(answered.rows, 'row')}{since}"
    if not answered.is_now:
        return f"{said}, answered by generation {answered.generation}, which answers no more"
    return f"{said}, too few to tell how requests are" if answered.rows < LEAST_ROWS else said


def _name_damaged(damaged: tuple[DamagedColumn, ...]) -> str:
    return f" ({join_words([one.name for one in damaged], 3)})" if damaged else ""


def check_columns(facts: Facts) -> Finding | None:
    """Requests should bring every column, in values that were seen before."""
    damaged = [one for one in facts.answered.damaged if one.share >= LOST]
    if not damaged:
        return None
    absent = [f"'{one.name}'" for one in damaged if one.is_missing]
    strange = [f"'{one.name}'" for one in damaged if not one.is_missing]
    said = [f"lack {join_words(absent, 3)}"] if absent else []
    said += [f"hold in {join_words(strange, 3)} what cannot be read or was never seen"] if strange else []
    sentence = f"Requests {' and '.join(said)} in {format_share(damaged[0].share, 0)} of their rows"
    sentence += f"{_name_basis(facts.answered)}."
    command = facts.typed.other(f"explain {facts.answered.example}")
    level = _grade(facts.answered, Level.AMBER)
    return Finding(level, sentence, "See such a request, and repair what sends it", command, "requests")


def check_regret(facts: Facts) -> Finding | None:
    """What served should not have cost more than the champion would have."""
    ledger, serving = facts.ledger, facts.serving
    if not ledger.entries or ledger.champion <= 0 or serving is None:
        return None
    more = ledger.served / ledger.champion - 1
    is_noise = more < SUSPICIOUS if ledger.error is None else more <= NOISE * ledger.error
    if more <= 0 or is_noise:
        return None
    sentence = (
        f"Answers were {format_share(more)} worse ({facts.loss}) than those of the best single model, "
        f"{serving.champion}, would have been, by the labels of {format_count(ledger.rows, 'answered row')}."
    )
    command = facts.typed.other(f'models promote {serving.champion} --why "answers cost more than its own would have"')
    level = Level.RED if more >= DEAR else Level.AMBER
    return Finding(level, sentence, "Let the best single model answer every request", command, "regrets")


def check_choice(facts: Facts) -> Finding | None:
    """On the newest graded batch, what was chosen should not have lost to the champions."""
    lost = [one for one in facts.grades if one.difference > NOISE * one.error and one.selected > one.champion > 0]
    if not lost:
        return None
    worst = max(lost, key=lambda one: (one.group == "clean", one.selected / one.champion))
    serving = facts.serving
    has_stepped_back = worst.group == "clean" and serving is not None and serving.id == serving.champion
    sentence = (
        f"On the {worst.group} input of batch {worst.batch} what was chosen was "
        f"{format_share(worst.selected / worst.champion - 1)} worse ({facts.loss}) than the best single model, beyond "
        "noise" + (f", so {serving.id}, the best single model now, answers." if serving and has_stepped_back else ".")
    )
    # Damaged input is made for the test, so what is lost there cost nobody anything yet.
    level = Level.AMBER if worst.group == "clean" and not has_stepped_back else Level.GREEN
    command = facts.typed.other("models history")
    return Finding(level, sentence, "See what served before, and why", command, "grades")


def check_rivals(facts: Facts) -> Finding | None:
    """What serves should not be worse than the best single model, than plain LightGBM, or than no model at all."""
    lost = [one for one in facts.rivals if _has_lost(one)]
    if not lost or facts.serving is None or facts.serving.family == FALLBACK_FAMILY:
        return None
    worst = max(lost, key=lambda one: (one.of == "prior", one.mean))
    name = {
        "champion": f"the best single model, {worst.version}",
        "default LightGBM": f"LightGBM as it comes, {worst.version}",
        "prior": "answering every row alike",
    }[worst.of]
    if worst.error is None:
        more = format_share(worst.newest)
        sentence = f"On batch {worst.batch} {facts.serving.id} was {more} worse ({facts.loss}) than {name}."
    else:
        sentence = (
            f"{facts.serving.id} was {format_share(worst.mean)} worse ({facts.loss}) than {name} over all rows of the "
            f"last {worst.batches} batches, beyond noise."
        )
    command = facts.typed.other(f'models promote {worst.version} --why "better on the newest batches"')
    is_bad = worst.of == "prior" and worst.error is not None
    level = Level.RED if is_bad else Level.AMBER
    return Finding(level, sentence, f"Let {worst.version} answer every request", command, "scores")


def _has_lost(one: Paired) -> bool:
    if one.error is not None:
        return one.mean > NOISE * one.error
    # Single models change places from batch to batch; one that loses to no model is worth a look at once.
    return one.of == "prior" and one.newest > SUSPICIOUS


def check_skill(facts: Facts) -> Finding | None:
    """A model should serve, and not the prior, which ignores the inputs."""
    if facts.serving is None or facts.serving.family != FALLBACK_FAMILY:
        return None
    sentence = "No model was better than answering every row alike, so that is what serves."
    command = facts.typed.update("search.trials=40")
    return Finding(Level.AMBER, sentence, "Search longer with the next batch", command, "scores")


def check_tested(facts: Facts) -> Finding | None:
    """What serves should have been tested on a batch that it had not learned."""
    if facts.serving is None or facts.serving.tested_on is not None:
        return None
    if facts.batches.accepted == 1:
        sentence = "Too early to judge: one batch was learned, and no answer was tested on newer rows yet."
    else:
        sentence = f"{facts.serving.id} serves and was never tested on a batch that it had not learned."
    return Finding(Level.AMBER, sentence, "Take the next batch: it is the test", facts.typed.update(), "scores")


def check_estimate(facts: Facts) -> Finding | None:
    """The newest batch should not have been worse than was estimated before its labels were looked at."""
    known = facts.estimated
    if known is None or known.realised <= known.upper:
        return None
    sentence = (
        f"Batch {known.batch} went worse than foreseen: its {facts.loss} was {known.realised:.3g}, and at most "
        f"{known.upper:.3g} was expected."
    )
    command = facts.typed.other(f"eda {known.batch}")
    return Finding(Level.AMBER, sentence, "See what is different in that batch", command, "estimates")


def check_pin(facts: Facts) -> Finding | None:
    """Where a person chose what serves, that should be known."""
    if facts.serving is None or not facts.serving.pinned_by:
        return None
    why = f": {facts.serving.pinned_why}" if facts.serving.pinned_why else ""
    sentence = f"{facts.serving.id} answers every request because {facts.serving.pinned_by} promoted it{_end(why)}"
    command = facts.typed.other('models promote auto --why "the choice is by record again"')
    return Finding(Level.GREEN, sentence, "Give the choice back to the records", command, "generations")


def _end(text: str) -> str:
    """Return a text with one full stop behind it."""
    return f"{text.rstrip('. ')}."
