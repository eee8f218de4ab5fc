"""Every name and number of the first screen is what ``models``, the service's /models and the catalogue say."""

import json
import re
import shlex

import pytest
import sqlalchemy as sa
from made_state import MadeState
from prepared_states import learn, write_page

from pointsman.common.storage.catalogue import read_rows
from pointsman.common.storage.state import open_state
from pointsman.common.task import Task
from pointsman.parsing import find_command, parse
from pointsman.pipeline.api.listing import list_models
from pointsman.pipeline.lifecycle.history import describe_generation
from pointsman.pipeline.reporting import page as pages
from pointsman.pipeline.reporting.reader_units import Question, measure_answers
from pointsman.pipeline.reporting.standing import warn
from pointsman.pipeline.validation.tables import scores_table
from pointsman.registry.generations import load_generation


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> MadeState:
    return learn(tmp_path_factory.mktemp("numbers"), mixes=True)


@pytest.fixture(scope="module")
def figures(made):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(pages, "draw_charts", lambda _history: ())
        page = write_page(made)
    html = re.sub(r"<(style|script).*?</\1>", "", page.read_text(encoding="utf-8"), flags=re.S)
    first = html[html.index('<header class="first">') : html.index("</header>")]
    words = " ".join(re.sub(r"<[^>]+>", " ", first).split())
    return json.loads((page.parent / "report.json").read_text(encoding="utf-8")), words, html


def test_the_model_and_its_members_are_those_of_models_and_of_the_service(made, figures):
    tree, words, _ = figures
    with open_state(made.config) as state:
        service = list_models(load_generation(state))
        listed = describe_generation(load_generation(state))
    serving = tree["standing"]["id"]
    assert serving == service["production"] == "ensemble-0104"
    assert f"{serving} serves typical requests" in listed
    (entry,) = [one for one in service["versions"] if one["id"] == serving]
    parts = {part["version"]: part["weight"] for part in tree["standing"]["parts"]}
    assert parts == entry["members"]["clean"]
    for version, weight in parts.items():
        assert f"{version} {100 * weight:.0f}" in words
    assert f"Generation {service['generation']} of" in words


def test_its_numbers_and_those_beside_it_are_the_scores_of_the_catalogue(made, figures):
    tree, words, _ = figures
    with open_state(made.config) as state:
        stored = {
            (row["version"], row["batch"]): row["observed"]
            for row in read_rows(state.engine, sa.select(scores_table))
            if row["kind"] == "prequential" and row["metric"] == "roc_auc"
        }
    beside = tree["standing"]["beside"]
    assert [one["label"] for one in beside] == [
        "answers now",
        "the same on batch 3",
        "every row alike, without a model",
    ]
    # What answers now has learned the batch that tested it: the version before it made the score.
    tested = {"answers now": ("ensemble-0103", 4), "the same on batch 3": ("ensemble-0102", 3)}
    with open_state(made.config) as state:
        generation = load_generation(state)
    named = {one.id for one in (*generation.versions, *generation.ensembles)}
    assert {one["version"] for one in beside} <= named, "the names are those that models shows"
    assert [one["measured_as"] for one in beside[:2]] == ["ensemble-0103", "ensemble-0102"]
    assert "ensemble-0104 (measured as ensemble-0103)" in words
    for one in beside:
        key = tested.get(one["label"], ("prior-0006", 4))
        assert one["measure"]["number"] == pytest.approx(100 * stored[key])
        assert one["measure"]["short"] in words
    assert f"Ranks {100 * stored['ensemble-0103', 4]:.0f} of 100 pairs rightly" in words


def test_every_command_of_the_screen_is_one_that_the_program_knows(figures):
    tree, *_ = figures
    commands = [one["command"] for one in tree["health"]["findings"]] + [tree["health"]["update"]]
    assert len(commands) > 2
    for command in commands:
        program, *typed = shlex.split(command)[1:]
        assert program == "run.py"
        name, rest = find_command(typed)
        assert parse(name, rest).overrides == [f"state_dir={_find_place(typed)}"]


def _find_place(typed: list[str]) -> str:
    return next(word for word in typed if word.startswith("state_dir=")).removeprefix("state_dir=")


WORDS = (
    "Data quality",
    "Metrics",
    "Performance over time",
    "Hyperparameters over time",
    "Meta-learning",
    "Influence of hyperparameters",
    "Dynamics of metrics",
)


def test_the_words_of_the_task_lead_to_where_they_are_answered(figures):
    *_, html = figures
    named = {word: anchor for anchor, word in re.findall(r'<a class="find" href="#([a-z-]+)">([^<]+)</a>', html)}
    assert set(WORDS) <= set(named)
    for anchor in named.values():
        assert f'id="{anchor}"' in html


@pytest.mark.parametrize(
    ("right", "alike", "rows", "told"),
    [
        (0.935, 0.897, 185, "Few rows: 185 rows tell little."),
        (
            0.92,
            0.897,
            185,
            "Few rows: 185 rows tell little: within the ±3.83 of chance of answering every row alike (89.7).",
        ),
        (0.9, 0.897, 1000, "1000 rows tell no more: within the ±1.73 of chance of answering every row alike (89.7)."),
        (0.95, 0.897, 1000, ""),
    ],
)
def test_few_rows_and_what_no_model_would_have_reached_are_told(right, alike, rows, told):
    question = Question(Task.MULTICLASS, "kind", ("a", "b", "c"), None)
    own, plain = (measure_answers(question, {"accuracy": share}) for share in (right, alike))
    assert warn(own[0], plain, rows) == told
