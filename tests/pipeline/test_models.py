"""The command models: what serves and served, rollback of the whole state, and decisions by hand."""

import json
import re
from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest
import small_stream
import sqlalchemy as sa
from small_stream import ROWS, copy, opened, take

import pointsman.pipeline.lifecycle.catalogue  # noqa: F401  (digests are of every table)
from benchmarks.catalogue_digests import compute_catalogue_digests
from pointsman.common.errors import ConfigError, StateError
from pointsman.common.storage.catalogue import read_rows, state_tables
from pointsman.meta.selector import Pair
from pointsman.pipeline.api.listing import list_models
from pointsman.pipeline.explain import explain
from pointsman.pipeline.inference import infer
from pointsman.pipeline.lifecycle.history import read_moment
from pointsman.pipeline.lifecycle.manual_promotion import assign_champions
from pointsman.pipeline.lifecycle.rollback import check
from pointsman.pipeline.models import models
from pointsman.pipeline.quarantine import quarantine
from pointsman.pipeline.summary import summarise
from pointsman.pipeline.update import update
from pointsman.pipeline.validation.tables import scores_table
from pointsman.registry.generations import Alias, Cause, Generation, Role, load_generation
from pointsman.registry.pinning import find_pinned
from pointsman.registry.tables import set_aside_table

OVERRIDES = (
    "search.families=[linear]",
    "search.variants=[target]",
    "promotion.max_active=4",
    "promotion.confidence=0.51",
)
"""A champion is replaced on little evidence: the first one, the prior, could not be retired."""
LEARNED = 4
HISTORY = {"generations", "versions", "members", "aliases", "events"}
"""Tables of the registry, which a rollback adds to."""


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    small_stream.make_rows().to_csv(folder / "stream.csv", index=False)
    update(configure(folder), LEARNED)
    return folder


@pytest.fixture
def folder(learned, tmp_path):
    return copy(learned, tmp_path / "copy")


def configure(folder, *overrides):
    return small_stream.configure(folder, *OVERRIDES, *overrides)


def run(folder, *words, to=None, why=""):
    return models(configure(folder), words, to, why)


def digest(folder):
    """The digests of what moves with generations."""
    with opened(folder) as (_, state):
        found = compute_catalogue_digests(state.engine)
    return {table.name: found[table.name] for table in state_tables()}


def load(folder, number=None):
    with opened(folder) as (_, state):
        return load_generation(state, number)


def find_member(generation):
    """A single model that can retire and that the default for typical requests mixes."""
    default = next(one for one in generation.ensembles if one.variant == "typical")
    return next(one for one in generation.versions if one.family != "prior" and one.id in default.member_ids)


def answer(folder):
    output = infer(configure(folder), folder / "stream.csv")
    return pd.read_csv(output), output.stem.rpartition("-")[2]


class TestReading:
    def test_the_list_names_every_member_with_its_stage_and_aliases(self, folder):
        lines = run(folder).splitlines()
        generation = load(folder)
        assert lines[0].split() == [
            "version",
            "family",
            "variant",
            "stage",
            "role",
            "aliases",
            "batches",
            "rows",
            "updates",
            "kB",
        ]
        assert {line.split()[0] for line in lines[1:-1]} == {member.version.id for member in generation.members}
        production = [line.split()[0] for line in lines if " production " in line]
        assert production == [generation.aliases[Alias.PRODUCTION]]
        assert lines[-1] == (
            f"Generation {LEARNED} (update), newest batch {LEARNED}; {production[0]} serves typical requests."
        )
        assert {line.split()[4] for line in lines[1:-1] if line.startswith("ensemble-")} <= {"ensemble", "production"}
        assert not re.search(r"\b(blend|plan|damaged champion)", "\n".join(lines))

    def test_the_history_tells_who_made_what_when_and_why(self, folder):
        lines = run(folder, "history").splitlines()
        assert [line.split()[0] for line in lines[1 : LEARNED + 1]] == ["1", "2", "3", "*"]
        assert "champion: lowest decayed log-loss" in lines[1]
        assert "production: it serves requests like the newest batch; " in lines[1]
        assert lines[-1].startswith("* live")

    def test_the_newest_twenty_are_shown_unless_all_are_asked_for(self, folder, monkeypatch):
        monkeypatch.setattr("pointsman.pipeline.lifecycle.history.NEWEST", 2)
        assert "2 older ones are left out (models history all)" in run(folder, "history")
        assert len(run(folder, "history", "all").splitlines()) == LEARNED + 2

    def test_what_served_on_a_date_is_told_by_the_clock_and_by_the_streams_time(self, folder):
        with opened(folder) as (_, state):
            ends = dict(state.engine.connect().execute(sa.text('SELECT number, "end" FROM batches')).all())
        second = pd.Timestamp(ends[2]).date().isoformat()
        told = run(folder, "at", second)
        assert f"By the clock, nothing served on {second} yet." in told
        assert re.search(r"By the stream's time.*generation 2 \(update, batch 2\)", told)
        assert "was promoted in generation" in told
        assert f"By the clock, generation {LEARNED} (update" in run(folder, "at", "2100-01-01")

    def test_a_date_before_everything_or_none_at_all_is_refused_in_a_sentence(self, folder):
        with pytest.raises(StateError, match="Nothing was serving on 1999-01-01"):
            run(folder, "at", "1999-01-01")
        with pytest.raises(ConfigError, match="'next week' is no date; write it as 2017-03-01"):
            run(folder, "at", "next week")

    def test_a_moment_with_a_time_is_that_moment(self):
        assert read_moment("2017-03-01T12:30").hour == 12
        assert read_moment("2017-03-01").date() == read_moment("2017-03-01T12:30").date()

    @pytest.mark.parametrize("words", [("sell",), ("history", "some"), ("at",), ("promote",), ("gc", "now")])
    def test_words_that_are_no_command_are_refused(self, folder, words):
        with pytest.raises(ConfigError):
            run(folder, *words, why="because")

    @pytest.mark.parametrize("words", [(), ("history",), ("rollback",), ("promote", "linear-0001")])
    def test_nothing_can_be_told_or_decided_before_the_first_update(self, tmp_path, words):
        with pytest.raises(StateError, match=r"none yet|run\.py update' first|no generation 1"):
            run(tmp_path, *words, to=1 if "rollback" in words else None, why="because")


class TestOneWord:
    @pytest.mark.parametrize("chosen_by", ["records", "hand"])
    def test_list_report_card_service_and_answers_name_the_same_model(self, folder, chosen_by):
        if chosen_by == "hand":
            other = next(one for one in load(folder).ensembles if one != load(folder).production)
            run(folder, "promote", other.id, why="to be sure")
        generation = load(folder)
        production = generation.production
        typical = small_stream.make_rows().iloc[(LEARNED - 1) * ROWS : LEARNED * ROWS]
        typical.drop(columns="CLAIM_PAID").to_csv(folder / "typical.csv", index=False)
        answered = pd.read_csv(infer(configure(folder), folder / "typical.csv"))
        written = summarise(configure(folder))
        figures = json.loads((written.parent / "report.json").read_text(encoding="utf-8"))
        listed = [line.split()[0] for line in run(folder).splitlines() if " production " in line]
        card = run(folder, "show", production.id)
        named = {
            "alias": {generation.aliases[Alias.PRODUCTION]},
            "predict_model": set(answered["predict_model"]),
            "title": set(re.findall(r"<h1>(\S+) serves", written.read_text(encoding="utf-8"))),
            "report.json": {figures["production"]["id"]},
            "shap": {figures["shap"]["version"]},
            "models": set(listed),
            "service": {list_models(generation)["production"]},
            "card": {production.id} if "production, what serves" in card else set(),
        }
        assert {what: ids for what, ids in named.items() if ids != {production.id}} == {}
        with opened(folder) as (_, state):
            query = sa.select(scores_table).where(scores_table.c.batch == LEARNED, scores_table.c.metric == "log_loss")
            stored = {row["version"]: row["observed"] for row in read_rows(state.engine, query)}
        assert figures["production"]["metrics"]["log_loss"] == stored[production.parent]
        assert figures["champion"]["last"]["log_loss"] == stored[generation.champion.parent]


class TestRollback:
    def test_the_whole_state_is_as_it_was_and_the_raw_batches_stay(self, learned, tmp_path):
        short = tmp_path / "short"
        update(configure(short, f"data_dir={learned}"), 2)
        folder = copy(learned, tmp_path / "copy")
        stored = sorted(path.name for path in (folder / "state" / "files").rglob("*.parquet"))
        told = run(folder, "rollback", to=2, why="the branch sent test data")
        assert told.startswith(f"Generation {LEARNED + 1} is as generation 2 was")
        assert "Batches 3 to 4 are set aside" in told
        generation, target = load(folder), load(folder, 2)
        assert generation.cause is Cause.ROLLBACK
        assert (generation.parent, generation.why) == (2, "the branch sent test data")
        assert generation.who
        same = ("batch", "cursor", "schema", "reference", "selector", "members", "aliases", "pinned")
        assert [getattr(generation, name) for name in same] == [getattr(target, name) for name in same]
        assert digest(folder) == digest(short)
        assert sorted(path.name for path in (folder / "state" / "files").rglob("*.parquet")) == stored

    def test_it_can_be_undone_and_that_too(self, folder):
        before = digest(folder)
        run(folder, "rollback", to=1)
        after = digest(folder)
        assert after["batches"] != before["batches"]
        assert "Batches 2 to 4 are back" in run(folder, "rollback", to=LEARNED)
        assert digest(folder) == before
        run(folder, "rollback", to=LEARNED + 1)
        assert digest(folder) == after

    def test_the_next_update_takes_the_batch_again_and_nothing_twice(self, folder):
        original = load(folder)
        run(folder, "rollback", to=LEARNED - 1)
        batch, _, _ = take(folder, None, *OVERRIDES)
        assert batch["number"] == LEARNED
        again = load(folder)
        assert (again.batch, again.cursor, again.parent) == (original.batch, original.cursor, LEARNED + 1)
        assert again.champion.manifest == original.champion.manifest  # the same rows, seed and past
        assert again.champion.number > max(member.version.number for member in original.members)
        with opened(folder) as (_, state):
            kept = {row["table"] for row in read_rows(state.engine, sa.select(set_aside_table))}
        assert "batches" in kept
        run(folder, "rollback", to=LEARNED)
        assert load(folder).champion == original.champion

    def test_batches_that_the_source_will_not_bring_again_are_named(self, folder):
        take(folder, small_stream.make_rows(8).tail(120).reset_index(drop=True), *OVERRIDES)
        told = run(folder, "rollback", to=LEARNED - 1)
        assert f"Batches {LEARNED} to {LEARNED + 1} are set aside" in told
        assert f"the source does not bring them: {LEARNED + 1}." in told

    def test_quarantine_decisions_go_and_come_back_with_it(self, folder):
        config = configure(folder)
        take(folder, small_stream.make_rows().head(200).assign(CLAIM_PAID="lots"), *OVERRIDES)
        rejected = load(folder)
        assert rejected.cause is Cause.REJECTED
        quarantine(config, ["discard", str(rejected.batch)], "not ours")
        decided = load(folder)
        assert (decided.cause, decided.why) == (Cause.QUARANTINE, "not ours")
        run(folder, "rollback", to=rejected.number)
        assert "discarded" not in quarantine(config, [])
        run(folder, "rollback", to=decided.number)
        assert "discarded" in quarantine(config, [])

    def test_requests_are_answered_by_the_older_generation_and_old_decisions_stay_explained(self, folder):
        before, decision = answer(folder)
        run(folder, "rollback", to=2)
        after, _ = answer(folder)
        served = load(folder, 2)
        serving = {version.id for version in (*served.versions, *served.ensembles)}
        assert set(after["predict_model"]) <= serving
        assert not set(before["predict_model"]) & serving
        assert f" of generation {LEARNED}: " in explain(configure(folder), decision)

    def test_the_report_tells_of_the_live_past_alone(self, folder):
        run(folder, "rollback", to=2, why="x")
        summarise(configure(folder))
        figures = json.loads((folder / "state" / "report" / "report.json").read_text(encoding="utf-8"))
        assert [one["number"] for one in figures["generations"]] == [1, 2, LEARNED + 1]
        assert [one["why"] for one in figures["generations"] if one["by_hand"]] == ["x"]
        page = (folder / "state" / "report" / "report.html").read_text(encoding="utf-8")
        assert "Decisions by hand" in page
        assert re.search(r"\S+ decided \(rollback\): x\.", page)

    @pytest.mark.parametrize(
        ("to", "error", "said"),
        [
            (99, StateError, "no generation 99"),
            (LEARNED, StateError, "is the live one already"),
            (None, ConfigError, "add --to N"),
        ],
    )
    def test_what_cannot_be_gone_back_to_is_refused(self, folder, to, error, said):
        before = digest(folder)
        with pytest.raises(error, match=said):
            run(folder, "rollback", to=to)
        assert digest(folder) == before

    def test_a_generation_that_lost_a_file_is_no_goal(self, folder):
        target = load(folder, 2)
        with opened(folder) as (_, state):
            state.files.path(target.selector).unlink()
        with pytest.raises(StateError, match=f"Generation 2 cannot serve again, since its file '{target.selector}'"):
            run(folder, "rollback", to=2)
        assert load(folder).number == LEARNED


class TestPromotion:
    @pytest.mark.parametrize("is_ensemble", [False, True], ids=["single", "ensemble"])
    def test_what_is_promoted_serves_every_request_through_updates_until_it_is_given_back(self, folder, is_ensemble):
        generation = load(folder)
        choice = generation.ensembles if is_ensemble else generation.versions
        other = [one for one in choice if one.id != generation.aliases[Alias.PRODUCTION]][-1 if is_ensemble else 0]
        told = run(folder, "promote", other.id, why="signed off by the board")
        assert told.startswith(f"{other.id} serves every request now")
        after = load(folder)
        assert (after.pinned, after.aliases[Alias.PRODUCTION]) == (other.line, other.id)
        assert after.champion == generation.champion
        answered, decision = answer(folder)
        assert set(answered["predict_model"]) == {other.id}
        assert set(answered["predict_reason"]) == {"promoted"}
        explained = explain(configure(folder), decision)
        assert "was promoted by hand" in explained
        assert "there is no estimator of what serves" not in explained
        take(folder, None, *OVERRIDES)
        later = load(folder)
        heir = next(one for one in (*later.versions, *later.ensembles) if one.line == other.line)
        assert (heir.variant, heir.parent) == (other.variant, other.id)
        assert later.aliases[Alias.PRODUCTION] == heir.id
        assert set(answer(folder)[0]["predict_model"]) == {heir.id}
        assert f"{heir.id}" in run(folder, "promote", "auto", why="the trial is over") or load(folder).pinned is None
        assert "promoted" not in set(answer(folder)[0]["predict_reason"])
        history = run(folder, "history")
        assert "signed off by the board" in history
        assert "the trial is over" in history
        assert run(folder, "at", "2100-01-01")

    def test_what_served_by_decision_is_told_with_its_reason(self, folder):
        generation = load(folder)
        other = next(one for one in generation.versions if one.id != generation.aliases[Alias.PRODUCTION])
        run(folder, "promote", other.id, why="signed off")
        page = summarise(configure(folder)).read_text(encoding="utf-8")
        assert f"<h1>{other.id} serves" in page
        assert f"<b>{other.id}</b>, " in page
        assert "promoted by hand, for every request" in page
        assert re.search(
            rf"{other.id} was promoted by hand in generation 5 by \S+ at .*: signed off",
            run(folder, "at", "2100-01-01"),
        )

    def test_only_active_versions_can_be_promoted_and_only_once(self, folder):
        generation = load(folder)
        challengers = [one.version.id for one in generation.members if one.role is Role.CHALLENGER]
        for version in (load(folder, 1).champion.id, *challengers, "x"):
            with pytest.raises(StateError, match=f"'{version}' is no active version; active are .*ensemble-"):
                run(folder, "promote", version, why="because")
        run(folder, "promote", generation.champion.id, why="because")
        with pytest.raises(StateError, match="serves already"):
            run(folder, "promote", generation.champion.id, why="because")

    def test_a_decision_needs_its_reason_and_something_to_decide(self, folder):
        champion = load(folder).champion
        for action in ("promote", "retire"):
            with pytest.raises(ConfigError, match="A decision needs its reason"):
                run(folder, action, champion.id, why=" ")
        with pytest.raises(StateError, match="records choose already"):
            run(folder, "promote", "auto", why="because")

    def test_a_line_that_only_competes_any_more_serves_no_longer(self, folder, caplog):
        champion = next(member for member in load(folder).members if member.role is Role.CHAMPION)
        before = Generation(pinned=champion.version.line)
        assert find_pinned(before, [champion]) == champion.version.line
        assert find_pinned(before, [replace(champion, role=Role.CHALLENGER)]) is None
        assert "what serves is chosen by records again" in caplog.text

    def test_a_rollback_takes_a_promotion_back(self, folder):
        run(folder, "promote", load(folder).champion.id, why="because")
        run(folder, "rollback", to=LEARNED)
        assert load(folder).pinned is None


class TestRetirement:
    def test_a_retired_model_answers_nothing_more_neither_alone_nor_in_an_ensemble(self, folder):
        before = load(folder)
        retired = find_member(before)
        told = run(folder, "retire", retired.id, why="it may not use the place of birth")
        after = load(folder)
        assert after.find(retired.id) is None
        assert sorted(member.role for member in after.members).count(Role.CHAMPION) == 1
        assert retired.id not in set(answer(folder)[0]["predict_model"])
        assert not any(retired.id in ensemble.member_ids for ensemble in after.ensembles)
        assert f"come back without it at the next update ({len(before.ensembles) - len(after.ensembles)})" in told
        production = after.find(after.aliases[Alias.PRODUCTION]).version
        assert not production.is_ensemble
        assert f"{production.id} serves typical requests" in run(folder)
        take(folder, None, *OVERRIDES)
        assert {one.variant for one in load(folder).ensembles} == {one.variant for one in before.ensembles}
        assert retired.line not in {one.line for one in load(folder).versions}
        assert retired.candidate.key not in {one.candidate.key for one in load(folder).versions}

    def test_where_a_champion_goes_records_name_another_one(self, folder):
        champion, *others = [one for one in load(folder).members if one.role is not Role.CHALLENGER]
        members = [replace(champion, role=Role.ACTIVE), *(replace(one, role=Role.ACTIVE) for one in others)]
        best, robust = members[0].version.line, members[1].version.line
        champions_before = assign_champions(members, SimpleNamespace(champions=Pair(best, robust)))
        assert [one.role for one in champions_before[:3]] == [Role.CHAMPION, Role.ROBUST_CHAMPION, Role.ACTIVE]
        assert assign_champions(champions_before, SimpleNamespace(champions=Pair(robust, robust))) == champions_before

    def test_the_last_resort_and_what_was_promoted_stay(self, folder):
        generation = load(folder)
        prior = next(one for one in generation.versions if one.family == "prior")
        with pytest.raises(StateError, match="answers when nothing else can"):
            run(folder, "retire", prior.id, why="because")
        other = find_member(generation)
        run(folder, "promote", other.id, why="because")
        with pytest.raises(StateError, match="give the choice back first"):
            run(folder, "retire", other.id, why="because")

    def test_an_ensemble_retires_by_its_members_and_what_it_needs_stays_while_it_is_promoted(self, folder):
        retired = find_member(load(folder))
        ensemble = next(one for one in load(folder).ensembles if retired.id in one.member_ids)
        with pytest.raises(StateError, match=f"retire one of its members instead: {', '.join(ensemble.member_ids)}"):
            run(folder, "retire", ensemble.id, why="because")
        run(folder, "promote", ensemble.id, why="because")
        with pytest.raises(StateError, match=f"'{retired.id}' is a member of {ensemble.id}, which was promoted by"):
            run(folder, "retire", retired.id, why="because")


def test_going_back_to_dropped_models_names_all_of_them_at_once(monkeypatch):
    monkeypatch.setattr(
        "pointsman.pipeline.lifecycle.rollback.find_dropped", lambda _state, _versions: ["knn-0003", "tree-0004"]
    )
    live, target = SimpleNamespace(number=9), SimpleNamespace(number=2, members=())
    with pytest.raises(StateError, match=r"knn-0003, tree-0004.*models rebuild knn-0003 tree-0004 makes them again"):
        check(None, live, target, 2)
