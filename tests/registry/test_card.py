"""A model card says what the catalogue knows, names what to be careful with, and nothing breaks its form."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_versions import make_ensemble, make_version

from common.schema import Schema
from common.task import Task
from registry.card import CardFacts, find_caveats, render_card
from registry.versions import LearnedBatch

SCHEMA = Schema(time="day", target="paid", task=Task.BINARY, classes=("no", "yes"), numeric=("worth",))
SOUND = "It answers its golden rows as it did when it was stored."


def score(batch, observed, metric="log_loss", kind="prequential"):
    return {"batch": batch, "kind": kind, "metric": metric, "observed": observed, "rows": 120}


GOOD = make_version(
    3, rows=5_000, updates=0, trained_on=tuple(LearnedBatch(number, 1_250, f"{number:064d}") for number in range(1, 5))
)
FACTS = CardFacts(
    schema=SCHEMA, role="champion", ancestors=(make_version(2), make_version(1)), scores=(score(5, 0.41),),
    fallback_scores=(score(5, 0.6),), records=({"losses": {"clean": 0.4, "units": 0.5}},),
    events=({"generation": 1, "event": "registered", "reason": "a standing line"},), golden=SOUND,
    now={"numpy": "2.4.0"},
)  # fmt: skip


def test_a_card_tells_every_fact():
    card = render_card(GOOD, FACTS)
    for told in (
        "# linear-0003\n", "champion in the newest generation", SOUND, "predicts `paid` (binary)", "`no`, `yes`",
        "answers `yes` from a probability of 0.25 on", "| family | linear |", "| `penalty` | `0.5` |", "| seed | 7 |",
        "| window | 3 batches |", "5,000 rows of batches 1 to 4.", "| 4 | 1,250 | `0000000000000000` |",
        "| 5 | prequential | log_loss | 0.41 | 120 |", "| fit | 0.50 s |", "12 µs a row", "1,234 bytes, protocol 1",
        "it comes from `linear-0002`", "| 1 | registered | a standing line |", "| numpy | 2.4.0 |",
        "Inputs (2): `worth`, `make`", "None of those that are looked for.",
    ):  # fmt: skip
        assert told in card, told


def test_an_ensemble_lists_members_by_kind_of_row_and_scores_and_a_regression_no_classes():
    members = {
        "clean": {"linear-0001": 0.75, "knn-0002": 0.25},
        "sparse": {"knn-0002": 1.0},
        "anomalous": {"knn-0002": 1},
    }
    made = replace(make_ensemble(5), params={"members": members}, trained_on=(), origin="blend", rows=900)
    events = ({"generation": 1, "event": "blended", "reason": "typical: linear-0001 75%"},)
    card = render_card(made, replace(FACTS, role="an ensemble", events=events, scores=()))
    for told in (
        "An ensemble of 2 single models (2 for clean rows, 1 for sparse rows, 1 for anomalous rows), of the variant",
        "| member | clean rows | sparse rows | anomalous rows |",
        "| knn-0002 | 0.2500 | 1.0000 | 1.0000 |", "| linear-0001 | 0.7500 | – | – |", "It learned no rows",
        "are mixed by other weights than clean ones", "Its members learned 900 rows, fewer than 1,000.",
        "No batch has come since it was made", "| 1 | fitted | typical: linear-0001 75% |", "answers `yes` from",
    ):  # fmt: skip
        assert told in card, told
    assert "blend" not in card
    assert "| 5 | prequential | log_loss | 0.41 | 120 |" in render_card(made, FACTS)
    alike = replace(made, params={"members": {kind: {"knn-0002": 0.95, "linear-0001": 0.05} for kind in members}})
    assert "One of its members has 95% of the weight" in render_card(alike, FACTS)
    assert "are answered as clean ones are" in render_card(alike, FACTS)
    former = replace(made, family="blend", params={"weights": {"linear-0001": 0.75, "knn-0002": 0.25}})
    assert "| linear-0001 | 0.7500 | 0.7500 | 0.7500 |" in render_card(former, FACTS)
    regression = replace(FACTS, schema=replace(SCHEMA, task=Task.REGRESSION, classes=()))
    assert "classes" not in render_card(GOOD, regression)
    assert "from a probability" not in render_card(GOOD, regression)


def test_scores_are_shown_by_whole_batches_and_those_of_the_line_where_a_version_has_none():
    metrics = [f"metric_{place}" for place in range(9)]
    scores = tuple(score(batch, 0.5, metric) for batch in range(1, 6) for metric in metrics)
    card = render_card(GOOD, replace(FACTS, scores=scores))
    assert "The newest 3 batches; 2 older ones are left out." in card
    assert all(f"| {batch} | prequential | {metric} |" in card for batch in (3, 4, 5) for metric in metrics)
    assert "| 2 | prequential" not in card
    card = render_card(GOOD, replace(FACTS, scores=(), line_scores=(score(3, 0.41),)))
    assert "It has no scores of its own" in card
    assert "of earlier versions of its line.\n\n| batch |" in card
    assert "| 3 | prequential | log_loss | 0.41 | 120 |" in card
    assert "It has no scores of its own: it has not met a batch that it had not learned." in render_card(
        GOOD, replace(FACTS, scores=())
    )


def test_one_thing_is_told_of_in_the_singular():
    alone = replace(make_ensemble(5), params={"weights": {"knn-0002": 1.0}})
    assert "An ensemble of 1 single model, of the variant" in render_card(alone, FACTS)
    assert "| window | 1 batch |" in render_card(replace(GOOD, window=1), FACTS)


@pytest.mark.parametrize(
    ("changes", "facts", "caveat"),
    [
        ({"rows": 900}, {}, "It learned 900 rows, fewer than 1,000."),
        ({"rows": 2_000, "inputs": tuple(f"x{n}" for n in range(200))}, {}, "It learned 10 rows for each of its 200"),
        ({"first_batch": 4}, {}, "It learned one batch"),
        ({}, {"scores": ()}, "No batch has come since it learned"),
        ({}, {"scores": (score(5, 0.4, kind="out-of-fold"),)}, "No batch has come since it learned"),
        ({}, {"fallback_scores": (score(5, 0.3), score(5, 0.2))}, "On 1 batch that it met the fallback"),
        ({}, {"records": ({"losses": {"clean": 0.1, "units": 0.5}},)}, "On damaged input its loss is 5.0 times"),
        ({"updates": 2}, {}, "It was continued 2 times since"),
        ({}, {"now": {"numpy": "9.0.0"}}, "numpy 2.4.0 then, 9.0.0 now"),
        ({}, {"golden": "The version cannot be loaded."}, "The version cannot be loaded."),
        ({}, {"notes": ("It overfits.",)}, "It overfits."),
    ],
)
def test_what_to_be_careful_with_is_said_where_it_holds_and_only_there(changes, facts, caveat):
    (found,) = find_caveats(replace(GOOD, **changes), replace(FACTS, **facts))
    assert caveat in found
    assert find_caveats(GOOD, FACTS) == []


@given(st.text(), st.text(), st.text())
def test_no_name_or_reason_breaks_out_of_its_place(label, name, reason):
    version = replace(GOOD, inputs=(name,), params={name: label})
    events = ({"generation": 1, "event": "registered", "reason": reason},)
    facts = replace(FACTS, schema=replace(SCHEMA, classes=("no", label)), events=events)
    card, plain = render_card(version, facts), render_card(replace(version, inputs=("x",), params={"x": 1}), FACTS)
    assert "<" not in card
    assert len(card.splitlines()) == len(plain.splitlines())
    assert [line for line in card.splitlines() if line.startswith("#")] == [
        line for line in plain.splitlines() if line.startswith("#")
    ]
    assert {line.count("|") for line in card.splitlines()} <= {0, 3, 4, 6}
