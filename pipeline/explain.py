"""Explaining a decision: what served a request and why, in a sentence and a table, and recomputed to be sure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from pointsman.common.config import Config
from pointsman.common.errors import StateError
from pointsman.common.storage.state import State, open_state
from pointsman.common.text import count, lay_out, shorten
from pointsman.meta.estimation.estimator import Estimate
from pointsman.meta.flags import RowKind
from pointsman.meta.plan import Plan, name_kind, name_loss, name_weights
from pointsman.meta.profile import Profile
from pointsman.meta.selector_store import load_stored_selector
from pointsman.pipeline.labels.queries import load_regrets_of
from pointsman.pipeline.serving.queries import list_newest, load_decisions, load_grades_of
from pointsman.registry.generations import Generation, Role, load_generation
from pointsman.registry.words import show_word

SHOWN_METAFEATURES = ("missing_share", "out_of_range_share", "unseen_share", "drifting_columns", "distance")
SHOWN_LOSSES = ("served", "champion", "single_best", "oracle")
TOLERANCE = 1e-9
MOST_CHARACTERS = 255
"""Of an id; a database refuses to look for much longer ones."""


def explain(config: Config, decision_id: str) -> str:
    """Return the explanation of a decision, named by its id or the beginning of it.

    The choice is made again from the stored profile by the selector of the generation that decided. Raises StateError
    where there is no such decision, where an earlier release made it, or where another choice comes out.
    """
    with open_state(config, must_exist=True) as state:
        decision = find_decision(state, decision_id)
        if decision["ranking"] is None:
            raise StateError(
                f"Decision '{decision['id']}' was made by an earlier release, which mixed models in another way; that "
                "release explains it, and the report still shows it."
            )
        generation = load_generation(state, decision["generation"])
        stored = load_stored_selector(state, generation)
        plan = stored.plan(Profile.from_json(decision["profile"]), decision["mode"])
        check_same(decision, generation, plan)
        regrets = load_regrets_of(state, decision["id"], decision["generation"])
        return describe(decision, generation, plan, regrets, load_grades_of(state, decision["id"]))


def find_decision(state: State, decision_id: str) -> dict[str, Any]:
    """Return the one decision whose id begins so."""
    if not decision_id or len(decision_id) > MOST_CHARACTERS:
        raise StateError(f"'{shorten(decision_id)}' begins no id; it stands in the name of the answered file.")
    found = load_decisions(state, decision_id, most=2)
    if len(found) == 1 or (found and found[0]["id"] == decision_id):
        return found[0]
    known = ", ".join(list_newest(state, 3)) or "none yet"
    problem = "Several decisions begin" if found else "No decision begins"
    raise StateError(f"{problem} with '{decision_id}'; the newest ones are: {known}.")


def check_same(decision: Mapping[str, Any], generation: Generation, plan: Plan) -> None:
    """Raise StateError unless the choice made again has the recorded numbers."""
    ids = {version.line: version.id for version in (*generation.versions, *generation.ensembles)}
    again = name_weights(plan.weights, ids)
    for kind, weights in decision["weights"].items():
        if set(weights) != set(again[kind]) or any(abs(weights[v] - again[kind][v]) > TOLERANCE for v in weights):
            raise StateError(
                f"Decision '{decision['id']}' was {weights} for {kind} rows and comes out as {again[kind]} now; "
                "the state or the installed libraries were changed since."
            )
    if {name: decision["expected"][name] for name in asdict(plan.expected)} != asdict(plan.expected):
        raise StateError(f"Decision '{decision['id']}' expected another loss than comes out now; restore the state.")


def describe(
    decision: Mapping[str, Any],
    generation: Generation,
    plan: Plan,
    regrets: Sequence[Mapping[str, Any]],
    graded: Sequence[Mapping[str, Any]],
) -> str:
    """Return the sentence and the tables."""
    profile = Profile.from_json(decision["profile"])
    counts = dict(zip(map(name_kind, RowKind), profile.counts, strict=True))
    rows = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
    ids = {version.line: version.id for version in (*generation.versions, *generation.ensembles)}
    is_classification = generation.schema is None or generation.schema.task.is_classification
    measure = name_loss(is_classification)
    lines = [
        f"Request '{decision['request']}' of {count(decision['rows'], 'row')} ({rows}) was served by "
        f"{decision['version']} of generation {decision['generation']}: {decision['reason']}; {plan.alarm.describe()}.",
        *_rank(decision, measure),
        # With mlflow.serve the registry's Production model answers, whatever was chosen here.
        *(
            []
            if decision["version"] == ids[plan.model]
            else ["", f"{decision['version']} served in the place of {ids[plan.model]}, which was chosen."]
        ),
        "",
        lay_out(
            [["rows", "member", "weight", "family", "treatment"], *_weight_rows(generation, plan, profile.counts)],
            ruled=True,
        ),
        "",
        f"{name_champion(decision, generation):<19} {decision['champion']}",
        f"{'loss to expect':<19} {describe_expected(decision, plan, measure)}",
        f"{'by its own answers':<19} {_describe_estimate(decision['estimate'])}",
        *(f"{name.replace('_', ' '):<19} {profile.metafeatures[name]:.4g}" for name in SHOWN_METAFEATURES),
        *(f"{'failed':<19} {version}: {error}" for version, error in decision["failures"].items()),
    ]
    # Labels may come with several batches, each of which has an entry of its own.
    lines += [f"{'labels':<19} {_describe_labels(one, decision['id'], is_classification)}" for one in regrets]
    lines += [f"{'estimate graded':<19} {_describe_grade(one)}" for one in graded]
    return "\n".join([*lines, f"{'recomputed':<19} the same numbers"])


def _describe_labels(regret: Mapping[str, Any], request: str, is_classification: bool) -> str:
    """Return what the labels of one batch showed of a request."""
    losses = {name: _show_loss(regret[name], is_classification) for name in SHOWN_LOSSES}
    shared = f"those of {count(regret['requests'], 'small request')}"
    return (
        f"with batch {regret['batch']}, by labels of {count(regret['rows'], 'row')} "
        f"({'its own' if regret['decision'] == request else shared}): "
        f"{name_loss(is_classification)} {losses['served']}, champion {losses['champion']}, "
        f"single best so far {losses['single_best']}, oracle {losses['oracle']}"
    )


def _describe_grade(graded: Mapping[str, Any]) -> str:
    """Return how an estimate compares with what labels showed."""
    shown = f"{graded['measure']} {graded['realised']:.4g} of {count(graded['rows'], 'labelled row')}"
    return f"{shown} lies {'inside' if graded['covered'] else 'outside'} the interval"


def _show_loss(loss: float | None, is_classification: bool) -> str:
    """Return a mean loss as its measure has it: of squared errors the root.

    >>> _show_loss(0.25, True), _show_loss(0.25, False), _show_loss(None, False)
    ('0.25', '0.5', 'unknown')
    """
    return "unknown" if loss is None else f"{loss if is_classification else loss**0.5:.4g}"


def _rank(decision: Mapping[str, Any], measure: str) -> list[str]:
    """Return a table of the first candidates and what each was expected to lose, where that was predicted."""
    ranking, loss = decision["ranking"], decision["expected"]["loss"]
    if not ranking:
        return []
    header = ["candidate", f"more {measure} than what served", *([f"expected {measure}"] if loss is not None else [])]
    rows = [
        [version, f"{more:+.2g}" if more else "0", *([f"{loss + more:.4g}"] if loss is not None else [])]
        for version, more in ranking
    ]
    return ["", lay_out([header, *rows], ruled=True)]


def _weight_rows(generation: Generation, plan: Plan, counts: Sequence[int]) -> list[list[str]]:
    """Return a row for each kind of row that the request has and each member that answered it."""
    versions = {version.line: version for version in generation.versions}
    rows = []
    for kind in (kind for kind in RowKind if counts[kind]):
        for line, weight in sorted(plan.weights[kind].items(), key=lambda one: -one[1]):
            version = versions[line]
            treatment = ", ".join(version.candidate.treatment) or "all rows"
            rows.append([name_kind(kind), version.id, f"{weight:.3f}", version.family, treatment])
    return rows


def name_champion(decision: Mapping[str, Any], generation: Generation) -> str:
    """Return what the champion of a decision is in its generation: the champion, or the robust one for an alarm."""
    own = generation.champion
    return Role.CHAMPION.shown if own is None or own.id == decision["champion"] else Role.ROBUST_CHAMPION.shown


def describe_expected(decision: Mapping[str, Any], plan: Plan, measure: str) -> str:
    """Return the expected loss, and whose losses on past batches it is."""
    expected = decision["expected"]
    if plan.is_pinned:
        return "unknown, since only what the selector chooses is graded and a person made this model serve"
    if expected["loss"] is None:
        return "unknown until labelled batches with rows of such kinds have graded the selector"
    whose = "the champions" if plan.is_champions or decision["mode"] == "single" else "what was chosen"
    spread = "too few graded batches for an interval"
    if expected["lower"] is not None and expected["upper"] is not None:
        spread = f"nine times of ten between {expected['lower']:.4g} and {expected['upper']:.4g}"
    return f"{measure} {expected['loss']:.4g}, as {whose} lost on graded batches ({spread})"


def _describe_estimate(stored: Mapping[str, Any] | None) -> str:
    if not stored:
        return "not when it was answered"
    estimate = Estimate.from_json(stored)
    if not estimate.measures:
        return estimate.describe()
    return f"{estimate.describe()}, from the past of {show_word(estimate.answerer)}"
