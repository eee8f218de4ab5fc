"""Production: which model is named as what serves typical requests, and the ground that is told for it."""

from dataclasses import replace
from types import SimpleNamespace

import sqlalchemy as sa

from pointsman.meta.fitting import explain_production, list_changes, name_served
from pointsman.meta.selector import MODES, Margins
from pointsman.meta.tables import record_rows_table
from pointsman.pipeline.explain import describe_expected, name_champion
from pointsman.registry.generations import Alias, Generation, Member, Role
from tests.meta.made_records import DEFAULTS, LINES, make_ensembles, make_profile, make_records, make_selector

CLEAN = make_profile(0.0, clean_rows=100)


def make_generation(production=None, pinned=None):
    """A generation in which the version of every line is named as the line with '-v2' behind it."""
    versions = [SimpleNamespace(line=line, id=f"{line}-v2") for line in (*LINES, DEFAULTS.clean, DEFAULTS.damaged)]
    aliases = {Alias.PRODUCTION: f"{production}-v2"} if production else {}
    return SimpleNamespace(versions=versions[:3], ensembles=versions[3:], aliases=aliases, pinned=pinned)


def test_the_ground_of_production_is_that_of_the_choice_by_versions():
    selector = make_selector(make_records(), make_ensembles())
    kept = explain_production(make_generation(), selector, CLEAN, "all")
    assert kept.startswith("it serves requests like the newest batch; it is the default for typical requests")
    lost = replace(selector, trust=selector.trust.withhold("what was chosen lost to the champion"))
    told = explain_production(make_generation(), lost, CLEAN, "all")
    assert told.endswith("; the champion for clean input serves, since what was chosen lost to the champion")
    assert ":" not in told
    poor = dict.fromkeys(make_ensembles(), ({"poor": 0.9, "good": 0.1},) * 3)
    better = make_selector(make_records(8), poor)
    chosen = replace(better, margins=dict.fromkeys(MODES, Margins(0.0005, 0.0005)))
    told = explain_production(make_generation(), chosen, CLEAN, "all")
    assert "it is predicted to lose least; " in told
    assert "-v2 is predicted to lose" in told
    assert "promoted by hand" in explain_production(make_generation(pinned="good"), selector, CLEAN, "all")


def test_the_event_of_another_production_tells_the_ground_and_who_served_before():
    before, after = make_generation("good"), make_generation(DEFAULTS.clean)
    (event,) = list_changes(before, after, "it is the default")
    assert (event.version, event.event) == (f"{DEFAULTS.clean}-v2", "production")
    assert event.reason == "it is the default; until then good-v2 served"
    assert [one.reason for one in list_changes(make_generation(), after, "it is the default")] == ["it is the default"]
    assert list_changes(after, after, "it is the default") == []


def test_production_is_named_by_the_mode_in_force(tmp_path):
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'catalogue.db'}")
    record_rows_table.create(engine)
    stored = {
        "generation": 1,
        "batch": 1,
        "first_row": 0,
        "classes": [],
        "parts": [],
        "profiles": [CLEAN.to_json()],
        "file": "rows",
    }
    with engine.begin() as connection:
        connection.execute(record_rows_table.insert(), stored)
    made = make_generation()
    roles = (Role.CHAMPION, Role.ROBUST_CHAMPION, Role.ACTIVE, Role.ENSEMBLE, Role.ENSEMBLE)
    versions = [
        SimpleNamespace(**vars(one), is_ensemble=one in made.ensembles) for one in (*made.versions, *made.ensembles)
    ]
    members = tuple(Member(version, role) for version, role in zip(versions, roles, strict=True))
    aliases = {Alias.CHAMPION: "good-v2", Alias.PRODUCTION: f"{DEFAULTS.clean}-v2"}
    generation = Generation(number=3, selector="stored", members=members, aliases=aliases)
    state, selector = SimpleNamespace(engine=engine), make_selector(make_records(), make_ensembles())
    assert name_served(state, generation, "all", selector) == generation
    single = name_served(state, generation, "single", selector)
    assert single.production.id == "good-v2"
    assert single.aliases[Alias.CHAMPION] == "good-v2"
    pinned = replace(generation, pinned=DEFAULTS.clean)
    assert name_served(state, pinned, "single", selector) == pinned


def test_the_expected_loss_says_whose_it_is_and_why_it_is_unknown():
    selector = make_selector(make_records(), make_ensembles())
    plan = selector.plan(CLEAN)
    expected = {"loss": 0.5, "lower": 0.4, "upper": 0.6}
    told = describe_expected({"expected": expected, "mode": "all"}, plan, "log-loss")
    assert told == "log-loss 0.5, as what was chosen lost on graded batches (nine times of ten between 0.4 and 0.6)"
    for mode, own in (("single", plan), ("all", selector.plan(CLEAN, "single"))):
        assert "as the champions lost" in describe_expected({"expected": expected, "mode": mode}, own, "log-loss")
    unknown = dict.fromkeys(expected)
    assert "until labelled batches" in describe_expected({"expected": unknown, "mode": "all"}, plan, "log-loss")
    pinned = plan.pin("good", ())
    assert "a person made this model serve" in describe_expected(
        {"expected": unknown, "mode": "all"}, pinned, "log-loss"
    )


def test_the_champion_of_a_damaged_request_is_called_the_robust_champion():
    generation = SimpleNamespace(champion=SimpleNamespace(id="good-v2"))
    named = [name_champion({"champion": version}, generation) for version in ("good-v2", "robust-v2")]
    assert named == ["champion", "robust champion"]
