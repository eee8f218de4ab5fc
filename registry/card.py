"""The model card of a version: what it is, what it learned, what it is worth and where to be careful, in Markdown.

Every line is a fact of the catalogue or follows from one; nothing is promised.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pointsman.common.environment import describe_changes
from pointsman.common.schema import Schema
from pointsman.common.text import count
from pointsman.registry.contender import FALLBACK_FAMILY
from pointsman.registry.versions import KINDS, Version
from pointsman.registry.words import show_word

FEW_ROWS = 1_000
ROWS_AN_INPUT = 20
"""With fewer rows than this for each input, some of what was learned is chance."""

MOST_LISTED = 12
"""Rows of a table that a card shows: the newest."""
MOST_BATCHES = 3
"""Batches whose scores a card shows, each with all its metrics: the newest."""


@dataclass(frozen=True)
class CardFacts:
    """What the catalogue knows of a version beyond its own row.

    schema:    as it was when the version was made
    role:      in the newest generation, '' where it is not in it
    ancestors: the versions it comes from, its parent first
    scores:    its rows of the scores table, on batches it had not learned, oldest first, of an ensemble those of its
               line; line_scores: those of the versions it comes from; fallback_scores: the prior's
    records:   rows of the records table: losses by kind of input, oldest first, of an ensemble those of its line
    events:    rows of the events table, oldest first
    golden:    what came of loading it and comparing its golden answers
    now:       the environment of whoever reads the card
    notes:     more caveats
    """

    schema: Schema
    role: str = ""
    ancestors: Sequence[Version] = ()
    scores: Sequence[Mapping[str, Any]] = ()
    line_scores: Sequence[Mapping[str, Any]] = ()
    fallback_scores: Sequence[Mapping[str, Any]] = ()
    records: Sequence[Mapping[str, Any]] = ()
    events: Sequence[Mapping[str, Any]] = ()
    golden: str = "not checked"
    now: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()


def render_card(version: Version, facts: CardFacts) -> str:
    """Return the card as Markdown."""
    sections = {
        f"# {version.id}": [_introduce(version, facts)],
        "## Use": _describe_use(version, facts.schema),
        "## Caveats": [f"- {one}" for one in find_caveats(version, facts)] or ["None of those that are looked for."],
        "## Members" if version.is_ensemble else "## Model": _describe_model(version),
        "## Training data": _describe_lessons(version),
        "## Scores": _describe_scores(version, facts),
        "## Cost": _table(("what", "measured"), _list_costs(version)),
        "## Lineage": [_describe_lineage(version, facts)],
        "## History": _describe_history(facts),
        "## Made with": _table(("what", "version"), sorted(version.environment.items())),
    }
    return "\n\n".join("\n\n".join([title, "\n".join(lines)]) for title, lines in sections.items()) + "\n"


def find_caveats(version: Version, facts: CardFacts) -> list[str]:
    """Return the caveats of a version, one sentence each; all follow from the catalogue."""
    inputs, last = len(version.inputs), version.last_batch
    # An out-of-fold score is that of another fit of the same candidate, so it is no evidence on this version.
    later = [one for one in facts.scores if one["batch"] > last and one["kind"] == "prequential"]
    beaten = {one["batch"] for one in facts.fallback_scores if _is_beaten(one, facts.scores)}
    damaged = _compare_damaged(facts.records)
    moved = describe_changes(version.environment, facts.now) if facts.now else ""
    made = "it was made" if version.is_ensemble else "it learned"
    heaviest = max(version.members[0].values()) if version.is_ensemble else 0.0
    # An ensemble reads inputs through its members, so caveats about inputs and single batches are for single models.
    whose, single, rows = "Its members" if version.is_ensemble else "It", not version.is_ensemble, version.rows
    found = (
        (rows < FEW_ROWS, f"{whose} learned {rows:,} rows, fewer than {FEW_ROWS:,}."),
        (
            single and inputs > 0 and rows < ROWS_AN_INPUT * inputs,
            f"It learned {rows / max(inputs, 1):.0f} rows for each of its {inputs} inputs; below {ROWS_AN_INPUT} some "
            "of it is chance.",
        ),
        (
            single and version.first_batch == last,
            "It learned one batch, so it cannot tell a season from anything else of its time.",
        ),
        (not later, f"No batch has come since {made}, so what it is worth later has not been measured."),
        (
            bool(beaten),
            f"On {count(len(beaten), 'batch', 'batches')} that it met the fallback, which reads no input, scored "
            "better.",
        ),
        (damaged > 2, f"On damaged input its loss is {damaged:.1f} times that on clean input."),
        (
            heaviest > 0.9,
            f"One of its members has {heaviest:.0%} of the weight for clean rows: there it is hardly more than that "
            "one.",
        ),
        (version.updates > 0, f"It was continued {count(version.updates, 'time')} since it was fitted from scratch."),
        (bool(moved) and not moved.startswith("the same"), f"The software is not what it was made with: {moved}."),
        # ``check_golden`` returns a sentence: it begins with these words if all is well, and is a caveat otherwise.
        (not facts.golden.startswith("It answers"), facts.golden),
    )
    return [sentence for holds, sentence in found if holds] + list(facts.notes)


def _is_beaten(fallback: Mapping[str, Any], scores: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether the fallback's loss on a batch is below the version's; only losses, where less is better."""
    same = ("batch", "kind", "metric")
    return fallback["metric"] in ("log_loss", "rmse") and any(
        all(one[name] == fallback[name] for name in same) and fallback["observed"] < one["observed"] for one in scores
    )


def _compare_damaged(records: Sequence[Mapping[str, Any]]) -> float:
    """Return the mean loss on damaged copies as a multiple of that on clean rows, of the newest record; 0 for none."""
    if not records:
        return 0.0
    losses = records[-1]["losses"]
    clean, others = losses.get("clean", 0.0), [loss for name, loss in losses.items() if name != "clean"]
    return sum(others) / len(others) / clean if others and clean > 0 else 0.0


def _introduce(version: Version, facts: CardFacts) -> str:
    kind = f"A model of the family {version.family}"
    if version.is_ensemble:
        by_kind = (f"{len(one)} for {kind} rows" for kind, one in zip(KINDS, version.members, strict=True))
        kinds = f" ({', '.join(by_kind)})" if version.is_routed else ""
        kind = (
            f"An ensemble of {count(len(version.member_ids), 'single model')}{kinds}, of the variant {version.variant}"
        )
    origin = "" if version.is_ensemble else f" ({version.origin})"
    role = f"It is {facts.role} in the newest generation." if facts.role else "It is not in the newest generation."
    return f"{kind}, made by generation {version.generation}{origin}. {role} {facts.golden}"


def _describe_use(version: Version, schema: Schema) -> list[str]:
    lines = [f"- predicts `{_clean(schema.target)}` ({schema.task.value}) of rows of this stream"]
    if schema.task.is_classification:
        lines.append(f"- classes: {', '.join(f'`{_clean(label)}`' for label in schema.classes)}")
    if len(schema.classes) == 2:
        untuned = f" (not tuned: {version.untuned})" if version.untuned else ""
        lines.append(
            f"- answers `{_clean(schema.classes[-1])}` from a probability of {version.threshold:.4g} on{untuned}"
        )
    if version.family == FALLBACK_FAMILY:
        lines.append("- the fallback: it answers when nothing else can, and looks at no input")
    # An ensemble reads cells through its members; how they take impossible and missing cells is in their own cards.
    if version.is_ensemble:
        routed = "are mixed by other weights than clean ones" if version.is_routed else "are answered as clean ones are"
        return [
            *lines,
            f"- rows in which cells are missing that seldom are (sparse) or impossible (anomalous) {routed}",
        ]
    guarded = "counts as missing" if version.guarded else "is taken as it is"
    lines.append(
        f"- a cell outside what it learned {guarded}; it {'has' if version.masked else 'has not'} met copies "
        "of rows with cells hidden"
    )
    return lines


def _describe_model(version: Version) -> list[str]:
    if version.is_ensemble:
        rows = [
            (name, *(f"{weights[name]:.4f}" if name in weights else "–" for weights in version.members))
            for name in version.member_ids
        ]
        return _table(("member", *(f"{kind} rows" for kind in KINDS)), rows)
    settings = [(f"`{_clean(name)}`", f"`{_clean(setting)}`") for name, setting in sorted(version.params.items())]
    window = count(version.window, "batch", "batches") if version.window else "all batches"
    described = [
        ("family", version.family),
        ("preprocessing", version.variant),
        ("seed", str(version.seed)),
        ("window", window),
    ]
    inputs = f"Inputs ({len(version.inputs)}): " + ", ".join(f"`{_clean(name)}`" for name in version.inputs)
    return [*_table(("parameter", "setting"), [*described, *settings]), "", inputs]


def _describe_lessons(version: Version) -> list[str]:
    if version.is_ensemble:
        return ["It learned no rows: its weights follow from what its members had predicted for batches to come."]
    listed = [(str(one.batch), f"{one.rows:,}", f"`{one.digest[:16]}`") for one in version.trained_on]
    first, last = version.first_batch, version.last_batch
    batches = f"batch {first}" if first == last else f"batches {first} to {last}"
    told = f"{version.rows:,} rows of {batches}."
    return [told, "", *_table(("batch", "rows", "SHA-256 of the rows"), listed[-MOST_LISTED:])]


def _describe_scores(version: Version, facts: CardFacts) -> list[str]:
    own = "" if version.is_ensemble else "It has no scores of its own: it has not met a batch that it had not learned."
    if not (scores := facts.scores if version.is_ensemble else facts.scores or facts.line_scores):
        return [own or "It has no scores: its line has not met a batch."]
    batches = sorted({one["batch"] for one in scores})
    shown = batches[-MOST_BATCHES:]
    listed = [
        (str(one["batch"]), one["kind"], one["metric"], f"{one['observed']:.4g}", f"{one['rows']:,}")
        for one in scores
        if one["batch"] in shown
    ]
    told = []
    if version.is_ensemble:
        told = ["Of its line: each batch as the ensemble of then predicted it, before its members learned it."]
    elif not facts.scores:
        told = [f"{own} Those below are of earlier versions of its line."]
    if older := len(batches) - len(shown):
        told.append(f"The newest {len(shown)} batches; {count(older, 'older one is', 'older ones are')} left out.")
    return [*([" ".join(told), ""] if told else []), *_table(("batch", "how", "metric", "score", "rows"), listed)]


def _list_costs(version: Version) -> list[tuple[str, str]]:
    return [
        ("fit", f"{version.fit_seconds:.2f} s"),
        ("prediction", f"{version.predict_us:.0f} µs a row"),
        ("files", f"{version.bytes:,} bytes, protocol {version.protocol}"),
    ]


def _describe_lineage(version: Version, facts: CardFacts) -> str:
    if not facts.ancestors:
        return f"The first of its line, `{version.line}`."
    steps = [f"`{one.id}` ({show_word(one.origin)}, generation {one.generation})" for one in facts.ancestors]
    return f"Line `{version.line}`; it comes from {', '.join(steps[:MOST_LISTED])}."


def _describe_history(facts: CardFacts) -> list[str]:
    if not facts.events:
        return ["Nothing is recorded."]
    listed = [(str(one["generation"]), show_word(one["event"]), _clean(one["reason"])) for one in facts.events]
    return _table(("generation", "event", "why"), listed[-MOST_LISTED:])


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [header, ["---"] * len(header), *rows]
    return [f"| {' | '.join(cells)} |" for cells in lines]


def _clean(text: object) -> str:
    """Return a text that cannot break out of its cell: one line, no bar, no backtick, no tag."""
    return " ".join(str(text).replace("|", "¦").replace("`", "'").replace("<", "‹").replace(">", "›").split())
