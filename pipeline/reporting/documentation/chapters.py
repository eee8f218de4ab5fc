"""Model documentation: what an auditor asks of a model, from what the catalogue knows and nothing else."""

from collections.abc import Mapping, Sequence

from pointsman.common.metrics import METRICS
from pointsman.common.schema import Schema
from pointsman.pipeline.reporting.documentation.document import Block, Bullets, Chapter, Document, Paragraph, make_table
from pointsman.pipeline.reporting.first_verdicts import FirstVerdict
from pointsman.pipeline.reporting.formats import (
    begin_sentence,
    format_change,
    format_date,
    format_number,
    format_params,
    format_share,
    join_words,
)
from pointsman.pipeline.reporting.history import History
from pointsman.pipeline.reporting.loss_scale import name_loss, name_unit
from pointsman.pipeline.reporting.names import name_family, name_metric, name_purpose
from pointsman.pipeline.reporting.scored import PREQUENTIAL, compare_with_prior, list_scores
from pointsman.pipeline.reporting.sections.batches import compute_batches
from pointsman.pipeline.reporting.sections.drift import DriftFigures, compute_drift_figures
from pointsman.pipeline.reporting.sections.features import describe_features as describe_made
from pointsman.pipeline.reporting.sections.features import list_features, say_use, tell_rule_of_use
from pointsman.pipeline.reporting.sections.generations import list_generations
from pointsman.pipeline.reporting.sections.grades import list_grades
from pointsman.pipeline.reporting.sections.overview import ProductionFigures, find_production
from pointsman.pipeline.reporting.sections.quality import compute_quality
from pointsman.pipeline.reporting.sections.quarantine import compute_quarantine
from pointsman.pipeline.reporting.sections.regrets import compute_regrets
from pointsman.pipeline.reporting.sections.versions import VersionFigures, list_versions
from pointsman.pipeline.reporting.standing import OUT_OF_FOLD, describe_standing
from pointsman.registry.words import show_word

MOST_BATCHES, MOST_GENERATIONS, MOST_BREACHES = 24, 40, 12
"""Rows of tables, the newest; what is left out is told."""

Caveats = Mapping[str, Sequence[str]]
"""What to be careful of, by version: sentences of its model card."""


def document_model(history: History, caveats: Caveats) -> Document:
    """Return the documentation of what is in production, of a history with at least one generation."""
    schema = history.generation.schema
    target = schema.target if schema else "a target that is not known yet"
    chapters = (
        Chapter("Purpose", describe_purpose(history, schema)),
        Chapter("Data", describe_data(history)),
        Chapter("Features", describe_features(history, schema)),
        Chapter("Model", describe_model(history)),
        Chapter("Validation", describe_validation(history)),
        Chapter("Limits", describe_limits(history, caveats)),
        Chapter("History", describe_history(history)),
    )
    return Document(f"Model documentation: {target}", chapters)


def describe_purpose(history: History, schema: Schema | None) -> tuple[Block, ...]:
    """Return what is predicted, by what, and as of when this was written."""
    production, generation = history.ask(find_production), history.generation
    written = (
        f"Written on {format_date(history.written_at)} (UTC) of generation {generation.number}. Every figure is one "
        "that the catalogue of the state holds, or follows from such figures."
    )
    if schema is None or production is None:
        return (Paragraph("No model serves: no batch has been accepted yet."), Paragraph(written))
    serves = "by a person's decision, every request" if production.by_hand else "typical requests"
    facts = [
        f"It predicts {schema.target} ({schema.task.value}) of single rows of the stream, whose time is {schema.time}.",
        f"{production.id} is in production: it serves {serves}.",
    ]
    if schema.task.is_classification:
        facts.append(f"Its classes are {', '.join(schema.classes)}.")
    if len(schema.classes) == 2:
        facts.append(f"Probabilities are those of {schema.classes[-1]}.")
    return (Bullets(tuple(facts)), Paragraph(written))


def describe_data(history: History) -> tuple[Block, ...]:
    """Return the batches that came, what became of their rows, and what the checks found."""
    batches, quality = history.ask(compute_batches), history.ask(compute_quality)
    counts = history.ask(compute_quarantine)
    accepted = [one for one in batches if one.status != "rejected"]
    came = count(sum(one.rows for one in batches), "row")
    places = ", ".join(
        f"{rows:,} {'is' if rows == 1 else 'are'} {place}" for place, rows in counts.places.items() if rows
    )
    told = f"{count(len(batches), 'batch', 'batches')} came, with {came}; {name_accepted(len(accepted), len(batches))}."
    if places:
        told += f" Of all rows, {places}."
    rows = [
        (
            str(one.number),
            format_date(one.start),
            format_date(one.end),
            f"{one.rows:,}",
            one.status,
            f"{one.quarantined:,}",
        )
        for one in batches[-MOST_BATCHES:]
    ]
    breaches = [
        (one.code, one.column, str(one.times), str(one.last_batch), one.severity, one.message)
        for one in quality.breaches[:MOST_BREACHES]
    ]
    header = ("batch", "from", "to", "rows", "status", "quarantined")
    return (
        Paragraph(told),
        make_table(name_part("Batches", len(batches), MOST_BATCHES), header, rows, "No batch has come."),
        make_table(
            name_part("Checks that were broken", len(quality.breaches), MOST_BREACHES),
            ("check", "column", "times", "last in batch", "severity", "finding"),
            breaches,
            "No check of quality was broken.",
        ),
    )


def describe_features(history: History, schema: Schema | None) -> tuple[Block, ...]:
    """Return the columns that models read, why they do not read others, and what engineered ones are worth."""
    if schema is None:
        return (Paragraph("Columns are known once a batch is accepted."),)
    roles = {"number": schema.numeric, "level": schema.categorical, "date": schema.dates}
    inputs = [(name, role) for role, names in roles.items() for name in names]
    unused = list(schema.unused.items())
    rules = history.ask(describe_made)
    gains = [
        (
            one.feature,
            one.rule or "not made by the settings in force",
            str(one.batch),
            format_number(one.gain),
            f"{format_number(one.lower)} to {format_number(one.upper)}",
            say_use(one),
        )
        for one in history.ask(list_features)
    ]
    known = {one.feature for one in history.ask(list_features)}
    gains += [(name, rule, "", "not measured", "", "") for name, rule in rules.items() if name not in known]
    return (
        make_table("Inputs", ("column", "read as"), inputs, "Models read no column."),
        make_table("Columns that models do not read", ("column", "why"), unused, "No other column is left out."),
        make_table(
            f"Engineered features: {name_row_loss(schema)} without one less that with it, on its newest measurement",
            ("feature", "made of", "batch", "gain", "interval", "used"),
            gains,
            "No engineered feature was measured.",
        ),
        *([Paragraph(tell_rule_of_use())] if gains else []),
    )


def describe_model(history: History) -> tuple[Block, ...]:
    """Return what is in production and its members, each with what it learned and how it is set."""
    production = history.ask(find_production)
    if production is None:
        return (Paragraph("There is no model yet."),)
    serving = list_serving(history)
    kind = (
        f"an ensemble for {name_purpose(production.variant)} of {count(len(production.members), 'member')}"
        if production.is_ensemble
        else name_family(production.family)
    )
    weights = [(name, format_share(share)) for name, share in production.members.items()]
    rows = [
        (one.id, name_family(one.family), one.variant, name_span(one), f"{one.rows:,}", format_params(one.params))
        for one in serving
    ]
    blocks = [Paragraph(f"{production.id} is {kind}.")]
    table = make_table("Members and their weights for clean rows", ("member", "weight"), weights, "")
    header = ("model", "kind", "encoding", "learned", "rows", "settings")
    fitted = make_table("Fitted models", header, rows, "None of its members is active.")
    return (*blocks, *([table] if weights else []), fitted)


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
    standing, scores = history.ask(describe_standing), history.ask(list_scores)
    own = next((one for one in scores if one.version == production.id and one.kind == OUT_OF_FOLD), None)
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
    coming = " and ".join(map(name_first_verdict, drift.first_verdicts))
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
        blocks.append(
            Paragraph(
                "It takes a few batches to tell what is usual. If all that come are accepted, the first verdict comes "
                f"with {coming}."
            )
        )
    return tuple(blocks)


def describe_history(history: History) -> tuple[Block, ...]:
    """Return the generations that led here, the newest first, with who made them and why."""
    generations = history.ask(list_generations)
    rows = [
        (
            str(one.number),
            format_date(one.created_at),
            show_word(one.cause),
            "" if one.batch is None else str(one.batch),
            one.production or "",
            one.who,
            one.why,
        )
        for one in generations[::-1][:MOST_GENERATIONS]
    ]
    header = ("generation", "when (UTC)", "cause", "batch", "in production", "by", "why")
    return (make_table(name_part("Generations", len(generations), MOST_GENERATIONS), header, rows, "None yet."),)


def count(number: int, noun: str, plural: str = "") -> str:
    """Return a count with its noun, written as in the tables and in what model cards say.

    >>> count(1, "batch", "batches"), count(2985, "row")
    ('1 batch', '2,985 rows')
    """
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def name_accepted(accepted: int, came: int) -> str:
    """Return how many of the batches that came were accepted.

    >>> name_accepted(1, 1), name_accepted(5, 5), name_accepted(1, 2), name_accepted(0, 1)
    ('it was accepted', 'all were accepted', '1 batch was accepted', 'none was accepted')
    """
    if accepted == 0:
        return "none was accepted"
    if accepted == came:
        return "it was accepted" if came == 1 else "all were accepted"
    return f"{count(accepted, 'batch', 'batches')} {'was' if accepted == 1 else 'were'} accepted"


def name_first_verdict(verdict: FirstVerdict) -> str:
    """Return which batch is judged first for a kind of drift, and about when it ends.

    >>> name_first_verdict(FirstVerdict("data", 9, 9, None)), name_first_verdict(FirstVerdict("concept", 8, 9, None))
    ('batch 9 for data drift', 'batch 8 to 9 for concept drift')
    """
    until = "" if verdict.latest == verdict.earliest else f" to {verdict.latest}"
    when = ""
    if verdict.day is not None:
        when = f" ({'from ' if until else ''}about {format_date(verdict.day)}, by the stream's rhythm)"
    return f"batch {verdict.earliest}{until} for {verdict.kind} drift{when}"


def name_row_loss(schema: Schema | None) -> str:
    """Return what a row's loss is where it is not brought to the target's own unit: differences of squares are squares.

    >>> name_row_loss(None)
    'log-loss a row'
    """
    if schema is None or schema.task.is_classification:
        return "log-loss a row"
    return f"squared error a row, in {schema.target} squared"


def list_serving(history: History) -> list[VersionFigures]:
    """Return the fitted models that answer typical requests: production, or its members, the heaviest first."""
    production = history.ask(find_production)
    known = {one.id: one for one in history.ask(list_versions)}
    names = (list(production.members) if production.is_ensemble else [production.id]) if production else []
    return [known[name] for name in names if name in known]


def name_span(version: VersionFigures) -> str:
    """Return the batches that a version learned."""
    first, last = version.first_batch, version.last_batch
    return f"batch {first}" if first == last else f"batches {first} to {last}"


def name_part(what: str, there: int, shown: int) -> str:
    """Return a caption that says how many rows are left out.

    >>> name_part("Batches", 3, 24), name_part("Batches", 30, 24)
    ('Batches', 'Batches (the newest 24 of 30)')
    """
    return what if there <= shown else f"{what} (the newest {shown} of {there})"
