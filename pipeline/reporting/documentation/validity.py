"""What a model's documentation says of its worth: how it was validated, and what to be careful of."""

from collections.abc import Mapping, Sequence

from pointsman.common.metrics import METRICS
from pointsman.pipeline.reporting.documentation.document import Block, Bullets, Paragraph, make_table
from pointsman.pipeline.reporting.documentation.wording import MOST_BATCHES, count, name_part, name_row_loss
from pointsman.pipeline.reporting.first_verdicts import name_verdicts
from pointsman.pipeline.reporting.formats import begin_sentence, format_change, format_number, join_words
from pointsman.pipeline.reporting.history import History
from pointsman.pipeline.reporting.loss_scale import name_loss, name_unit
from pointsman.pipeline.reporting.names import name_metric
from pointsman.pipeline.reporting.scored import PREQUENTIAL, compare_with_prior, list_scores
from pointsman.pipeline.reporting.sections.drift import DriftFigures, compute_drift_figures
from pointsman.pipeline.reporting.sections.grades import list_grades
from pointsman.pipeline.reporting.sections.overview import ProductionFigures, find_production
from pointsman.pipeline.reporting.sections.regrets import compute_regrets
from pointsman.pipeline.reporting.standing import describe_standing, find_out_of_fold

Caveats = Mapping[str, Sequence[str]]
"""What to be careful of, by version: sentences of its model card."""


def describe_validation(history: History) -> tuple[Block, ...]:
    """Return what production scored on batches that its model had not learned, and what choices were worth."""
    metric, production, schema = history.metric, history.ask(find_production), history.generation.schema
    if metric is None or production is None or schema is None:
        return (Paragraph("Nothing was validated yet."),)
    unit = name_unit(schema.task, schema.target)
    better = "higher is better" if metric.higher_is_better else "lower is better"
    scores = [one for one in history.ask(list_scores) if one.kind == PREQUENTIAL and one.line == production.line]
    compared = compare_with_prior(history, scores)
    rows = [
        (
            str(one.batch),
            one.version,
            f"{one.rows:,}",
            format_number(one.metrics.get(metric.name)),
            format_number(one.prior.get(metric.name)),
            format_change(one.gain),
        )
        for one in compared[-MOST_BATCHES:]
    ]
    grades = [
        (
            str(one.batch),
            one.group,
            str(one.requests),
            format_number(one.selected),
            format_number(one.champion),
            format_change(one.gain),
        )
        for one in history.ask(list_grades)[-MOST_BATCHES:]
    ]
    return (
        Paragraph(
            "Each batch is predicted before it is learned (prequential evaluation). The metric is "
            f"{name_metric(metric.name)}; {better}. The prior answers every row alike. 'Better by' is by which share "
            f"the loss ({unit}) was lower, on the same rows."
        ),
        make_table(
            name_part("Its model on batches that it had not learned", len(compared), MOST_BATCHES),
            ("batch", "version", "rows", name_metric(metric.name), "of the prior", "better by"),
            rows,
            "No batch has come since it was first made.",
        ),
        *describe_newest_score(history, production),
        make_table(
            f"Choices of a model for each request against the champions, on the rows of each batch: {unit}",
            ("batch", "requests like", "requests", "chosen", "champions", "better by"),
            grades,
            "Choices have not been graded yet.",
        ),
    )


def describe_newest_score(history: History, production: ProductionFigures) -> tuple[Block, ...]:
    """Return every metric on the newest batch that tested production's model, or on rows set aside while it learned."""
    if production.batch is not None:
        rows = [
            (name_metric(name), format_number(score), format_number(production.prior.get(name)))
            for name, score in production.metrics.items()
            if name in METRICS
        ]
        header = ("metric", "its model", "the prior")
        return (make_table(f"All metrics on batch {production.batch}", header, rows, "It has no score yet."),)
    standing, own = history.ask(describe_standing), find_out_of_fold(history, production)
    if standing is None or own is None:
        return (Paragraph("It has no score yet."),)
    said = [begin_sentence(f"it {one.sentence}.") for one in standing.measures]
    told = f"Until then it is known by a fit like it, out of fold: measured on {standing.basis}."
    metrics = [(name_metric(name), format_number(score)) for name, score in own.metrics.items() if name in METRICS]
    return (
        Paragraph(" ".join([told, *said])),
        make_table("All metrics out of fold, on these rows", ("metric", "its model"), metrics, "No metric was stored."),
    )


def describe_limits(history: History, caveats: Caveats) -> tuple[Block, ...]:
    """Return what to be careful of: caveats of the models, drift of the newest batch, and what answers cost."""
    drift, regrets = history.ask(compute_drift_figures), history.ask(compute_regrets)
    concerned: dict[str, list[str]] = {}
    for name, sentences in caveats.items():
        for sentence in sentences:
            concerned.setdefault(sentence, []).append(name)
    found = [
        f"{names[0] if len(names) == 1 else f'Each of {join_words(names, len(names))}'}: {sentence}"
        for sentence, names in concerned.items()
    ]
    blocks: list[Block] = [
        Bullets(tuple(found)) if found else Paragraph("None of the caveats that are looked for holds.")
    ]
    blocks += describe_drift(drift, name_row_loss(history.generation.schema))
    if regrets.requests:
        blocks.append(
            Paragraph(
                f"Labels of {count(regrets.requests, 'answered request')} "
                f"({count(regrets.rows, 'row')}) have come. Over them all the loss "
                f"({name_loss(history.task)}) of what served was {format_number(regrets.served)}, that of the champion "
                f"{format_number(regrets.champion)}, and of the best model of each request in hindsight "
                f"{format_number(regrets.oracle)}."
            )
        )
    else:
        blocks.append(Paragraph("No label of an answered request has come, so what answers cost is not known."))
    return tuple(blocks)


def describe_drift(drift: DriftFigures, loss: str) -> tuple[Block, ...]:
    """Return the alarms of the newest batch, or that it raised none by what could be judged, and what could not yet."""
    coming = name_verdicts(drift.first_verdicts) if drift.first_verdicts else ""
    kinds = sorted({one.kind for one in drift.suspicions if one.batch == drift.newest}, reverse=True)
    alarms = [(one.kind, one.what, one.aspects, format_number(one.damage)) for one in drift.newest_alarms]
    if drift.newest is None:
        without = "No batch could be tested for drift."
    elif kinds:
        without = f"Batch {drift.newest} raised no alarm of {kinds[0] + ' ' if len(kinds) == 1 else ''}drift."
    else:
        without = f"Batch {drift.newest} {'is not judged for drift yet' if coming else 'was not judged for drift'}."
    header = ("drift", "of", "in", f"{loss} that it explains")
    blocks = [make_table(f"Drift alarms of batch {drift.newest}", header, alarms, without)]
    if coming:
        told = f"It takes a few batches to tell what is usual. If all that come are accepted, {coming}."
        blocks.append(Paragraph(told))
    return tuple(blocks)
