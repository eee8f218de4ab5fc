"""What changed with the last generation, in at most three sentences; what is within noise is called a tie."""

from math import sqrt
from statistics import mean, stdev

from pointsman.pipeline.reporting.first_verdicts import name_verdicts
from pointsman.pipeline.reporting.formats import format_count, format_share, join_words
from pointsman.pipeline.reporting.health.rivals import BatchLoss, compare
from pointsman.pipeline.reporting.health.serving_rules import NOISE
from pointsman.pipeline.reporting.history import History
from pointsman.pipeline.reporting.loss_scale import LOSS, name_loss
from pointsman.pipeline.reporting.reader_units import format_about, measure_answers
from pointsman.pipeline.reporting.scored import PREQUENTIAL, list_scores
from pointsman.pipeline.reporting.sections.batches import compute_batches
from pointsman.pipeline.reporting.sections.drift import DriftFigures, compute_drift_figures
from pointsman.pipeline.reporting.sections.generations import GenerationFigures, find_generation, list_generations
from pointsman.pipeline.reporting.sections.overview import ProductionFigures, find_production
from pointsman.pipeline.reporting.standing import pose_question

MOST = 3
USUAL = 8
"""Earlier batches that say what is usual."""
ENOUGH = 3
"""Earlier batches from which they can say it."""


def list_changes(history: History) -> tuple[str, ...]:
    """Return what changed since the generation before: who answers, how well, and what came."""
    generations = history.ask(list_generations)
    production = history.ask(find_production)
    if not generations:
        return ()
    after, before = generations[-1], generations[-2] if len(generations) > 1 else None
    said = [_say_who(history, production, before, after)]
    if after.cause not in ("rejected", "kept") and not after.by_hand:
        said += [_say_how_well(history, production, after), _say_what_came(history, after)]
    return tuple(one for one in said if one)[:MOST]


def _say_who(
    history: History, production: ProductionFigures | None, before: GenerationFigures | None, after: GenerationFigures
) -> str:
    if production is None:
        return "No batch was accepted yet, so there is no model."
    if after.by_hand:
        why = f": {after.why.rstrip('.')}" if after.why else ""
        return f"{after.who or 'A person'} decided ({after.cause}){why}. {production.id} answers."
    if after.cause == "rejected":
        return f"Nothing: batch {after.batch} was rejected, and {production.id} goes on answering as it was."
    if after.cause == "kept":
        return f"Batch {after.batch} was judged and not learned (response.retrain); {production.id} goes on answering."
    if production.line != after.production_line:
        return (
            f"{production.id} answers in selection.mode={history.mode}, in which this page was written; the last "
            f"update ran in another mode and named {after.production}."
        )
    if before is None or before.production is None:
        return f"{production.id} is the first model: batch {after.batch} was learned."
    if before.production == production.id:
        return f"{production.id} answers as before."
    if before.production_line == production.line:
        learned = "weighed anew" if production.is_ensemble else "which has learned"
        with_batch = f"with batch {after.batch}" if production.is_ensemble else f"batch {after.batch}, too"
        return f"{production.id} took the place of {before.production}: the same model, {learned} {with_batch}."
    return f"{production.id} took over from {before.production}: {_judge(history, before, production)}."


def _judge(history: History, before: GenerationFigures, production: ProductionFigures) -> str:
    """Return how what answers now did against what answered before, on the batches that tested both."""
    own, other = (_find_losses(history, line) for line in (production.line, before.production_line))
    pair = compare("", before.production or "", own, other, history.task) if history.task else None
    if pair is None:
        return "no batch has tested both yet"
    batches = format_count(pair.batches, "batch", "batches")
    if pair.error is None:
        return f"too few batches tested both to tell more than a tie ({batches})"
    if abs(pair.mean) <= NOISE * pair.error:
        return f"a tie by the {batches} that tested both"
    word = "worse" if pair.mean > 0 else "better"
    loss = name_loss(history.task)
    return f"{format_share(abs(pair.mean))} {word} ({loss}) over all rows of the {batches} that tested both"


def _find_losses(history: History, line: str | None) -> dict[int, BatchLoss]:
    return {
        one.batch: BatchLoss(one.metrics[LOSS], one.rows)
        for one in history.ask(list_scores)
        if one.kind == PREQUENTIAL and one.line == line and LOSS in one.metrics
    }


def _say_how_well(history: History, production: ProductionFigures | None, after: GenerationFigures) -> str:
    """Return whether the newest batch went as usual for the model that answers."""
    question = pose_question(history)
    if production is None or question is None or production.batch is None or production.batch != after.batch:
        return ""
    own = [one for one in history.ask(list_scores) if one.kind == PREQUENTIAL and one.line == production.line]
    measured = {one.batch: known[0] for one in own if (known := measure_answers(question, one.metrics))}
    newest = measured.pop(production.batch, None)
    if newest is None:
        return ""
    earlier = [measured[batch].number for batch in sorted(measured) if measured[batch].metric == newest.metric][-USUAL:]
    said = f"On batch {production.batch} it {_lead(newest.sentence)}"
    if not earlier:
        return f"{said}; it is its first test."
    if len(earlier) < ENOUGH:
        return f"{said} ({format_about(earlier[-1])} the time before: too few batches to tell more than a tie)."
    usual, spread = mean(earlier), stdev(earlier) * sqrt(1 + 1 / len(earlier))
    distance = newest.number - usual
    if abs(distance) <= NOISE * spread:
        # Another model may have served then, so the mean is not that of what the report shows as served.
        whose = f"the mean of the earlier versions of {production.id} on {len(earlier)} batches before"
        band = f"within the ±{format_about(NOISE * spread)} by which it differs from batch to batch"
        return f"{said}, as usual (a tie with {format_about(usual)}, {whose}: {band})."
    word = "better" if (distance > 0) == newest.higher_is_better else "worse"
    return f"{said}, {word} than usual ({format_about(usual)} on {len(earlier)} batches before)."


def _lead(sentence: str) -> str:
    """Return a sentence about now as one about then.

    >>> _lead("ranks 82 of 100 pairs rightly"), _lead("is off by about 29 (cnt) a row")
    ('ranked 82 of 100 pairs rightly', 'was off by about 29 (cnt) a row')
    """
    for now, then in (("is ", "was "), ("ranks ", "ranked "), ("costs ", "cost ")):
        if sentence.startswith(now):
            return then + sentence.removeprefix(now)
    return sentence


def _say_what_came(history: History, after: GenerationFigures) -> str:
    """Return what the newest batch brought: its rows, and whether they are like those before."""
    batch = next((one for one in history.ask(compute_batches) if one.number == after.batch), None)
    if batch is None or history.ask(find_generation).batch != batch.number:
        return ""
    said = f"Batch {batch.number} brought {format_count(batch.rows, 'row')}"
    if batch.quarantined:
        said += f", {batch.quarantined} of them set aside"
    drift = history.ask(compute_drift_figures)
    moved = [alarm.what for alarm in drift.newest_alarms] if drift.newest == batch.number else []
    if moved:
        return f"{said}; unlike before: {join_words(list(dict.fromkeys(moved)), 3)}."
    return f"{said}; {say_calm(drift, batch.number)}."


def say_calm(drift: DriftFigures, batch: int) -> str:
    """Return of which kinds of drift a batch without an alarm is free, and when the others are first judged."""
    kinds = sorted({one.kind for one in drift.suspicions if one.batch == batch}, reverse=True)
    coming = f": {name_verdicts(drift.first_verdicts)}" if drift.first_verdicts else ""
    if not kinds:
        return f"too few batches came to judge drift{coming}"
    return f"no {kinds[0]} drift; the rest is not judged yet{coming}" if coming and len(kinds) == 1 else "no drift"
