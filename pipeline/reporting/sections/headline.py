"""The headline: in plain sentences what serves, since when, how good it is, what changed and what needs attention."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pointsman.common.metrics import Metric
from pointsman.pipeline.reporting.formats import format_count, format_number, format_share, format_weights, join_words
from pointsman.pipeline.reporting.history import FALLBACK_FAMILY, History
from pointsman.pipeline.reporting.names import name_family, name_metric
from pointsman.pipeline.reporting.scored import compute_gain
from pointsman.pipeline.reporting.section import Section
from pointsman.pipeline.reporting.sections.batches import BatchFigures, compute_batches
from pointsman.pipeline.reporting.sections.drift import DriftFigures, compute_drift_figures
from pointsman.pipeline.reporting.sections.events import list_events
from pointsman.pipeline.reporting.sections.generations import GenerationFigures, find_generation, list_generations
from pointsman.pipeline.reporting.sections.grades import list_grades
from pointsman.pipeline.reporting.sections.overview import RECENT, ProductionFigures, find_production
from pointsman.pipeline.reporting.sections.quality import compute_quality
from pointsman.pipeline.reporting.sections.requests import DecisionFigures, compute_decisions
from pointsman.pipeline.reporting.sections.search import compute_search
from pointsman.pipeline.reporting.sections.versions import VersionFigures, find_champion, list_versions

CHANGES = {
    "registered": ("was newly found", "were newly found"),
    "updated": ("learned the new rows on top", "learned the new rows on top"),
    "refitted": ("was fitted anew", "were fitted anew"),
    "retired": ("was retired", "were retired"),
}
"""What happens to versions at an update, of one and of several."""

NOISE = 1.28
"""Standard errors beyond which a difference counts as one: one-sided 90 %."""


@dataclass(frozen=True)
class Attention:
    """Something a person should look at: ``level`` is 'warning' or 'note', ``section`` the page's anchor."""

    level: str
    text: str
    section: str


@dataclass(frozen=True)
class Headline:
    """Sentences, and what needs attention, the worst first."""

    sentences: tuple[str, ...]
    attention: tuple[Attention, ...]


def compute_headline(history: History) -> Headline:
    """Return the headline: what the figures of all sections come to."""
    production, champion = history.ask(find_production), history.ask(find_champion)
    decisions, drift = history.ask(compute_decisions), history.ask(compute_drift_figures)
    if champion is None or production is None:
        sentences = [_say_nothing_serves(history.ask(compute_batches))]
    else:
        sentences = [
            _say_who_serves(history, production),
            _say_what_it_is(production, champion),
            _say_how_good(history, production),
            _say_what_changed(history),
        ]
    if decisions.requests:
        sentences.append(_say_what_was_answered(decisions))
    attention = [*_find_faults(history), *_find_losses(production, champion), *_find_drift(drift)]
    attention += _find_notes(history)
    return Headline(tuple(sentences), tuple(sorted(attention, key=lambda one: one.level != "warning")))


def _say_nothing_serves(batches: Sequence[BatchFigures]) -> str:
    arrived = format_count(len(batches), "batch", "batches")
    rejected = sum(batch.status == "rejected" for batch in batches)
    which = "all of them" if rejected == len(batches) else f"{rejected} of them"
    return (
        f"No model serves yet: {arrived} arrived and {which} {'was' if rejected == 1 else 'were'} rejected, so nothing "
        "was learned. The reasons are below; requests cannot be answered before a batch is accepted."
    )


def _is_other_mode(history: History, production: ProductionFigures | None) -> bool:
    """Whether the mode in force names another production than the one that the update ran in."""
    return production is not None and production.line != history.ask(find_generation).production_line


def _say_who_serves(history: History, production: ProductionFigures) -> str:
    since = find_start(history.ask(list_generations))
    started = "the first update" if since.parent_is_empty else f"the update of batch {since.batch}"
    line = "" if production.line == production.id else f", {production.line},"
    if production.by_hand:
        return f"{production.id}, {_name_kind(production)}, was promoted by hand and serves every request."
    if _is_other_mode(history, production):
        mode = f"selection.mode={history.mode}, in which this report was written; the last update ran in another mode"
        return f"{production.id}, {_name_kind(production)}, serves typical requests in {mode}."
    return f"{production.id}, {_name_kind(production)}, serves typical requests; its line{line} has since {started}."


def _say_what_it_is(production: ProductionFigures, champion: VersionFigures) -> str:
    learned = _say_span(champion.first_batch, champion.last_batch)
    learned_rows = f"learned {format_count(champion.rows, 'row')} of {learned}"
    if champion.id == production.id:
        return f"It is the champion, too, the best single model by its record, and {learned_rows}."
    kind = name_family(champion.family)
    best = (
        f"The best single model by its record, the champion, is {champion.id}, {kind} with the {champion.variant} "
        f"encoding; it {learned_rows}."
    )
    if not production.is_ensemble:
        return best
    return f"Its members are {format_weights(production.members)}. {best}"


def _name_kind(production: ProductionFigures) -> str:
    if production.is_ensemble:
        return f"an ensemble of {format_count(len(production.members), 'model')}"
    return f"{name_family(production.family)} with the {production.variant} encoding"


@dataclass(frozen=True)
class Start:
    """Where what serves typical requests began to serve them."""

    batch: int | None
    parent_is_empty: bool


def find_start(generations: Sequence[GenerationFigures]) -> Start:
    """Return where the line that serves typical requests now last began to serve them."""
    reign = generations[-1]
    for generation in reversed(generations):
        if generation.production_line != generations[-1].production_line:
            return Start(reign.batch, False)
        reign = generation
    return Start(reign.batch, True)


def _say_span(first: int, last: int) -> str:
    return f"batch {first}" if first == last else f"batches {first} to {last}"


def _say_how_good(history: History, production: ProductionFigures) -> str:
    metric = history.metric
    assert metric is not None
    if production.batch is None:
        return _say_unscored(history.ask(list_versions), metric, production)
    said = _say_metric(metric, production.metrics, production.prior)
    whose = "its members" if production.is_ensemble else "its line"
    sentence = (
        f"On batch {production.batch} ({format_count(production.rows or 0, 'row')}), which {whose} had not "
        f"learned, {said}"
    )
    if production.recent is not None:
        sentence += f"; over the last {RECENT} batches it was {_say_gain(production.recent)} on average"
    return sentence + "."


def _say_unscored(versions: Sequence[VersionFigures], metric: Metric, production: ProductionFigures) -> str:
    """Say what a version that has met no new batch is worth: of a single model, by its out-of-fold record."""
    own = next((version for version in versions if version.id == production.id), None)
    if own is None:
        return "It has no score yet: no batch has come since it was made."
    priors = [version.out_of_fold for version in versions if version.family == FALLBACK_FAMILY]
    said = _say_metric(metric, own.out_of_fold, priors[0] if priors else {})
    return f"On later rows of batch {own.last_batch} than it had learned by then, {said}."


def _say_metric(metric: Metric, own: Mapping[str, float], prior: Mapping[str, float]) -> str:
    name = name_metric(metric.name)
    said = f"its {name} was {format_number(own.get(metric.name))}"
    gain = compute_gain(metric, own, prior)
    if gain is not None:
        said += f", {_say_gain(gain)} than the prior's {format_number(prior[metric.name])}"
    if "roc_auc" in own and metric.name != "roc_auc":
        said += f" (ROC-AUC {format_number(own['roc_auc'], 3)})"
    return said


def _say_gain(gain: float) -> str:
    return f"{format_share(abs(gain))} {'better' if gain >= 0 else 'worse'}"


def _say_what_changed(history: History) -> str:
    generation = history.ask(find_generation)
    if generation.cause == "rejected":
        return f"The newest batch, {generation.batch}, was rejected, so all models stayed as they were."
    if generation.by_hand:
        why = f": {generation.why}" if generation.why else ""
        return f"The last change was no update but a decision by {generation.who} ({generation.cause}){why}."
    if generation.cause == "kept":
        return f"The newest batch, {generation.batch}, was judged and not learned (response.retrain)."
    events = [event for event in history.ask(list_events) if event.generation == generation.number]
    counts = Counter(event.event for event in events)
    changes = [f"{counts[event]} {said[counts[event] > 1]}" for event, said in CHANGES.items() if counts[event]]
    if not changes:
        return f"The last update, of batch {generation.batch}, left every version as it was."
    changed = join_words(changes)
    promoted = next((event for event in events if event.event == "promoted"), None)
    of_champion = f"{promoted.version} became champion: {promoted.reason}" if promoted else "the champion's line stayed"
    moved = next((event for event in events if event.event == "production"), None)
    # The event names production in the mode of the update; in another mode the headline speaks of another model.
    if moved and not _is_other_mode(history, history.ask(find_production)):
        of_champion += f"; {moved.version} serves typical requests from then on"
    number, rest = changed.split(" ", 1)
    versions = "version" if number == "1" else "versions"
    return f"At the last update, of batch {generation.batch}, {number} {versions} {rest}; {of_champion}."


def _say_what_was_answered(decisions: DecisionFigures) -> str:
    top = decisions.served[0]
    answered = f"{format_count(decisions.requests, 'request')} with {format_count(decisions.rows, 'row')}"
    by = f"{format_share(top.share)} of the rows by {top.version} ({top.reason})"
    return f"Answered so far: {answered}, {by}."


def _find_faults(history: History) -> list[Attention]:
    """Rejected and broken batches: the newest one in full, older ones in a count."""
    found = []
    batches = history.ask(compute_batches)
    newest = batches[-1] if batches else None
    if newest and newest.status == "rejected":
        found.append(Attention("warning", f"Batch {newest.number} was rejected: {newest.reason}", "quality"))
    older = [batch for batch in batches[:-1] if batch.status == "rejected"]
    if older:
        numbers = join_words([str(batch.number) for batch in older[::-1]])
        found.append(Attention("note", f"Rejected earlier: batch {numbers}.", "quality"))
    breaches = history.ask(compute_quality).breaches
    own = [breach for breach in breaches if newest and breach.last_batch == newest.number]
    serious = [breach for breach in own if breach.severity != "info"]
    if serious and newest:
        checks = format_count(len(serious), "quality check")
        found.append(Attention("warning", f"Batch {newest.number} broke {checks}: {serious[0].message}", "quality"))
    if newest and newest.quarantined:
        rows = format_count(newest.quarantined, "row")
        verb = "is" if newest.quarantined == 1 else "are"
        found.append(Attention("note", f"{rows} of batch {newest.number} {verb} in quarantine.", "quality"))
    return found


def _find_losses(own: ProductionFigures | None, champion: VersionFigures | None) -> list[Attention]:
    found = []
    if own and own.gain is not None and own.gain < 0 and own.family != FALLBACK_FAMILY:
        text = (
            f"On batch {own.batch} what serves typical requests, {own.id}, was {format_share(-own.gain)} worse than "
            "the prior, which ignores the inputs."
        )
        found.append(Attention("warning", text, "models"))
    if champion and champion.family == FALLBACK_FAMILY:
        text = "The prior is champion: no model was better than answering every row alike."
        found.append(Attention("warning", text, "models"))
    return found


def _find_drift(drift: DriftFigures) -> list[Attention]:
    found = []
    for kind, text in (
        ("concept", "the target no longer follows the inputs as before"),
        ("data", "inputs are unlike anything that was learned"),
    ):
        own = [alarm for alarm in drift.newest_alarms if alarm.kind == kind]
        if own:
            named = list(dict.fromkeys(f"{alarm.what} ({alarm.aspects})" for alarm in own))
            more = [f"{len(named) - 3} more"] if len(named) > 3 else []
            listed = "; ".join([*named[:3], *more])
            found.append(Attention("warning", f"In batch {drift.newest}, {text}: {listed}.", "drift"))
    return found


def _find_notes(history: History) -> list[Attention]:
    found = []
    batches, grades = history.ask(compute_batches), history.ask(list_grades)
    newest = batches[-1].number if batches else None
    failed = sum(family.failed for family in history.ask(compute_search).families if family.batch == newest)
    if failed:
        text = f"{format_count(failed, 'trial')} of the search on batch {newest} failed."
        found.append(Attention("note", text, "search"))
    graded = max((grade.batch for grade in grades), default=None)
    for grade in grades if history.mode == "all" else ():  # of what mode single chose the noise is not known
        if grade.batch == graded and grade.difference > NOISE * grade.error:
            lost = format_share(max(0.0, -(grade.gain or 0.0)))
            which = f"the {grade.group} input of batch {grade.batch}"
            text = f"On {which} what was chosen lost {lost} to the champion, beyond noise."
            found.append(Attention("note", text, "choices"))
    return found


SECTION = Section("headline", figures={"headline": compute_headline})
