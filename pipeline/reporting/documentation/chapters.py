"""Model documentation: what an auditor asks of a model, from what the catalogue knows and nothing else."""

from pointsman.common.schema import Schema
from pointsman.pipeline.reporting.documentation.document import Block, Bullets, Chapter, Document, Paragraph, make_table
from pointsman.pipeline.reporting.documentation.validity import Caveats, describe_limits, describe_validation
from pointsman.pipeline.reporting.documentation.wording import (
    MOST_BATCHES,
    count,
    name_accepted,
    name_part,
    name_row_loss,
    name_span,
)
from pointsman.pipeline.reporting.formats import format_date, format_number, format_params, format_share
from pointsman.pipeline.reporting.history import History
from pointsman.pipeline.reporting.names import name_family, name_purpose
from pointsman.pipeline.reporting.sections.batches import compute_batches
from pointsman.pipeline.reporting.sections.features import describe_features as describe_made
from pointsman.pipeline.reporting.sections.features import list_features, say_use, tell_rule_of_use
from pointsman.pipeline.reporting.sections.generations import list_generations
from pointsman.pipeline.reporting.sections.overview import find_production
from pointsman.pipeline.reporting.sections.quality import compute_quality
from pointsman.pipeline.reporting.sections.quarantine import compute_quarantine
from pointsman.pipeline.reporting.sections.versions import VersionFigures, list_versions
from pointsman.registry.words import show_word

MOST_GENERATIONS, MOST_BREACHES = 40, 12
"""Rows of tables, the newest; what is left out is told."""


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


def list_serving(history: History) -> list[VersionFigures]:
    """Return the fitted models that answer typical requests: production, or its members, the heaviest first."""
    production = history.ask(find_production)
    known = {one.id: one for one in history.ask(list_versions)}
    names = (list(production.members) if production.is_ensemble else [production.id]) if production else []
    return [known[name] for name in names if name in known]
