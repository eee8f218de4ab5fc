"""Production: which model is named as what serves typical requests, and the ground that is told for it."""

from dataclasses import replace
from types import SimpleNamespace

from meta.selector import MODES, Margins
from pipeline.selection import list_changes, tell_ground
from registry.generations import Alias
from tests.meta.made_records import DEFAULTS, LINES, make_ensembles, make_profile, make_records, make_selector

CLEAN = make_profile(0.0, clean_rows=100)


def make_generation(production=None, pinned=None):
    """A generation in which the version of every line is named as the line with '-v2' behind it."""
    versions = [SimpleNamespace(line=line, id=f"{line}-v2") for line in (*LINES, DEFAULTS.clean, DEFAULTS.damaged)]
    aliases = {Alias.PRODUCTION: f"{production}-v2"} if production else {}
    return SimpleNamespace(versions=versions[:3], ensembles=versions[3:], aliases=aliases, pinned=pinned)


def test_the_ground_of_production_is_that_of_the_choice_by_versions():
    selector = make_selector(make_records(), make_ensembles())
    kept = tell_ground(make_generation(), selector, CLEAN, "all")
    assert kept.startswith("it serves requests like the newest batch: it is the default for typical requests")
    lost = replace(selector, trust=selector.trust.withhold("what was chosen lost to the champion"))
    told = tell_ground(make_generation(), lost, CLEAN, "all")
    assert told.endswith("the champion for clean input serves: what was chosen lost to the champion")
    poor = dict.fromkeys(make_ensembles(), ({"poor": 0.9, "good": 0.1},) * 3)
    better = make_selector(make_records(8), poor)
    chosen = replace(better, margins=dict.fromkeys(MODES, Margins(0.0005, 0.0005)))
    told = tell_ground(make_generation(), chosen, CLEAN, "all")
    assert "it is predicted to lose least; " in told
    assert "-v2 is predicted to lose" in told
    assert "promoted by hand" in tell_ground(make_generation(pinned="good"), selector, CLEAN, "all")


def test_the_event_of_another_production_tells_the_ground_and_who_served_before():
    before, after = make_generation("good"), make_generation(DEFAULTS.clean)
    (event,) = list_changes(before, after, "it is the default")
    assert (event.version, event.event) == (f"{DEFAULTS.clean}-v2", "production")
    assert event.reason == "it is the default; until then good-v2 served"
    assert [one.reason for one in list_changes(make_generation(), after, "it is the default")] == ["it is the default"]
    assert list_changes(after, after, "it is the default") == []
