"""The headline: in plain sentences what serves, since when, how good it is, what changed and what needs attention."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from common.metrics import Metric
from pipeline.reporting.figures.batches import BatchFigures, QualityFigures
from pipeline.reporting.figures.choices import DecisionFigures, EventFigures, GenerationFigures
from pipeline.reporting.figures.drift import DriftFigures
from pipeline.reporting.figures.grades import GradeFigures
from pipeline.reporting.figures.scores import ChampionScore, VersionFigures, compute_gain, name_metric
from pipeline.reporting.figures.search import SearchFigures
from pipeline.reporting.formats import format_count, format_number, format_share, join_words

FAMILY_NAMES = {
    "prior": "the prior", "linear": "a linear model", "knn": "nearest neighbours", "tree": "a decision tree",
    "extra_trees": "extremely randomised trees", "lightgbm": "gradient boosted trees",
}  # fmt: skip

CHANGES = {
    "registered": ("was newly found", "were newly found"),
    "updated": ("learned the new rows on top", "learned the new rows on top"),
    "refitted": ("was fitted anew", "were fitted anew"),
    "retired": ("was retired", "were retired"),
}
"""What happens to versions at an update, of one and of several."""

RECENT = 4
NOISE = 1.28
"""Standard errors beyond which a difference is called one: one-sided 90 %."""
"""Batches over which the recent gain on the prior is averaged."""


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


@dataclass(frozen=True)
class HeadlineParts:
    """What the headline is made of."""

    metric: Metric | None
    batches: tuple[BatchFigures, ...]
    quality: QualityFigures
    drift: DriftFigures
    versions: tuple[VersionFigures, ...]
    champion_scores: tuple[ChampionScore, ...]
    search: SearchFigures
    generations: tuple[GenerationFigures, ...]
    events: tuple[EventFigures, ...]
    grades: tuple[GradeFigures, ...]
    decisions: DecisionFigures

    @property
    def champion(self) -> VersionFigures | None:
        """The version that serves by default."""
        return next((version for version in self.versions if version.role == "champion"), None)


def compute_headline(parts: HeadlineParts) -> Headline:
    """Return the headline."""
    if parts.champion is None:
        sentences = [_say_nothing_serves(parts)]
    else:
        sentences = [
            _say_who_serves(parts, parts.champion),
            _say_how_good(parts, parts.champion),
            _say_what_changed(parts),
        ]
    if parts.decisions.requests:
        sentences.append(_say_what_was_answered(parts.decisions))
    attention = [*_find_faults(parts), *_find_losses(parts), *_find_drift(parts.drift), *_find_notes(parts)]
    return Headline(tuple(sentences), tuple(sorted(attention, key=lambda one: one.level != "warning")))


def _say_nothing_serves(parts: HeadlineParts) -> str:
    batches = format_count(len(parts.batches), "batch", "batches")
    rejected = sum(batch.status == "rejected" for batch in parts.batches)
    which = "all of them" if rejected == len(parts.batches) else f"{rejected} of them"
    return (
        f"No model serves yet: {batches} arrived and {which} {'was' if rejected == 1 else 'were'} rejected, so nothing "
        "was learned. The reasons are below; requests cannot be answered before a batch is accepted."
    )


def _say_who_serves(parts: HeadlineParts, champion: VersionFigures) -> str:
    since = find_start(parts.generations)
    kind = FAMILY_NAMES.get(champion.family, champion.family)
    started = "the first update" if since.parent_is_empty else f"the update of batch {since.batch}"
    learned = _say_span(champion.first_batch, champion.last_batch)
    line = "" if champion.line == champion.id else f", {champion.line},"
    if promoted := parts.generations[-1].promoted:
        return (
            f"{promoted} was promoted by hand and serves every request. By its record {champion.id}, {kind} with the "
            f"{champion.variant} encoding, is the champion; its line{line} has been since {started}."
        )
    return (
        f"{champion.id}, {kind} with the {champion.variant} encoding, serves by default; its line{line} has been "
        f"champion since {started}. It learned {format_count(champion.rows, 'row')} of {learned}."
    )


@dataclass(frozen=True)
class Start:
    """Where the champion's present reign began."""

    batch: int | None
    parent_is_empty: bool


def find_start(generations: Sequence[GenerationFigures]) -> Start:
    """Return where the line that is champion now last became it."""
    reign = generations[-1]
    for generation in reversed(generations):
        if generation.champion_line != generations[-1].champion_line:
            return Start(reign.batch, False)
        reign = generation
    return Start(reign.batch, True)


def _say_span(first: int, last: int) -> str:
    return f"batch {first}" if first == last else f"batches {first} to {last}"


def _say_how_good(parts: HeadlineParts, champion: VersionFigures) -> str:
    metric = parts.metric
    assert metric is not None
    if not parts.champion_scores:
        priors = [version.out_of_fold for version in parts.versions if version.family == "prior"]
        said = _say_metric(metric, champion.out_of_fold, priors[0] if priors else {})
        return f"On later rows of batch {champion.last_batch} than it had learned by then, {said}."
    newest = parts.champion_scores[-1]
    said = _say_metric(metric, newest.metrics, newest.prior)
    who = "it" if newest.version == champion.id else f"the champion of then, {newest.version},"
    sentence = f"On batch {newest.batch} ({format_count(newest.rows, 'row')}), which {who} had not learned, {said}"
    recent = [score.gain for score in parts.champion_scores[-RECENT:] if score.gain is not None]
    if len(recent) == RECENT:
        mean = sum(recent) / RECENT
        sentence += f"; over the last {RECENT} batches it was {_say_gain(mean)} on average"
    return sentence + "."


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


def _say_what_changed(parts: HeadlineParts) -> str:
    generation = parts.generations[-1]
    if generation.cause == "rejected":
        return f"The newest batch, {generation.batch}, was rejected, so all models stayed as they were."
    if generation.by_hand:
        why = f": {generation.why}" if generation.why else ""
        return f"The last change was no update but a decision by {generation.who} ({generation.cause}){why}."
    if generation.cause == "kept":
        return f"The newest batch, {generation.batch}, was judged and not learned (response.retrain)."
    events = [event for event in parts.events if event.generation == generation.number]
    counts = Counter(event.event for event in events)
    changes = [f"{counts[event]} {said[counts[event] > 1]}" for event, said in CHANGES.items() if counts[event]]
    if not changes:
        return f"The last update, of batch {generation.batch}, left every version as it was."
    changed = join_words(changes)
    promoted = next((event for event in events if event.event == "promoted"), None)
    crowned = f"{promoted.version} became champion: {promoted.reason}" if promoted else "the champion's line stayed"
    number, rest = changed.split(" ", 1)
    versions = "version" if number == "1" else "versions"
    return f"At the last update, of batch {generation.batch}, {number} {versions} {rest}; {crowned}."


def _say_what_was_answered(decisions: DecisionFigures) -> str:
    top = decisions.served[0]
    answered = f"{format_count(decisions.requests, 'request')} with {format_count(decisions.rows, 'row')}"
    by = f"{format_share(top.share)} of the rows by {top.version} ({top.reason})"
    return f"Answered so far: {answered}, {by}."


def _find_faults(parts: HeadlineParts) -> list[Attention]:
    """Rejected and broken batches: the newest one in full, older ones in a count."""
    found = []
    newest = parts.batches[-1] if parts.batches else None
    if newest and newest.status == "rejected":
        found.append(Attention("warning", f"Batch {newest.number} was rejected: {newest.reason}", "quality"))
    older = [batch for batch in parts.batches[:-1] if batch.status == "rejected"]
    if older:
        numbers = join_words([str(batch.number) for batch in older[::-1]])
        found.append(Attention("note", f"Rejected earlier: batch {numbers}.", "quality"))
    breaches = [breach for breach in parts.quality.breaches if newest and breach.last_batch == newest.number]
    serious = [breach for breach in breaches if breach.severity != "info"]
    if serious and newest:
        checks = format_count(len(serious), "quality check")
        found.append(Attention("warning", f"Batch {newest.number} broke {checks}: {serious[0].message}", "quality"))
    if newest and newest.quarantined:
        rows = format_count(newest.quarantined, "row")
        verb = "is" if newest.quarantined == 1 else "are"
        found.append(Attention("note", f"{rows} of batch {newest.number} {verb} in quarantine.", "quality"))
    return found


def _find_losses(parts: HeadlineParts) -> list[Attention]:
    found = []
    if parts.champion_scores:
        newest = parts.champion_scores[-1]
        if newest.gain is not None and newest.gain < 0 and parts.champion and parts.champion.family != "prior":
            text = (
                f"On batch {newest.batch} the champion {newest.version} was {format_share(-newest.gain)} worse than "
                "the prior, which ignores the inputs."
            )
            found.append(Attention("warning", text, "models"))
    if parts.champion and parts.champion.family == "prior":
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


def _find_notes(parts: HeadlineParts) -> list[Attention]:
    found = []
    newest = parts.batches[-1].number if parts.batches else None
    failed = sum(family.failed for family in parts.search.families if family.batch == newest)
    if failed:
        text = f"{format_count(failed, 'trial')} of the search on batch {newest} failed."
        found.append(Attention("note", text, "search"))
    graded = max((grade.batch for grade in parts.grades), default=None)
    for grade in parts.grades:
        if grade.batch == graded and grade.difference > NOISE * grade.error:
            lost = format_share(max(0.0, -(grade.gain or 0.0)))
            text = (
                f"On the {grade.group} input of batch {grade.batch} the plan lost {lost} to the champion, beyond noise."
            )
            found.append(Attention("note", text, "choices"))
    return found
