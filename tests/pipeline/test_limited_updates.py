"""An update with a limit on its time leaves things out in the order that is stated, says so, and can be replayed."""

import logging
from types import SimpleNamespace

import pytest
import small_stream
import sqlalchemy as sa
from small_stream import configure, copy, opened

from pointsman.common.storage.catalogue import read_rows
from pointsman.common.time_limit import cut_steps_table
from pointsman.pipeline.inference import infer
from pointsman.pipeline.models import models
from pointsman.pipeline.replay import replay
from pointsman.pipeline.retraining.learning import find_first
from pointsman.pipeline.training.refit import put_first
from pointsman.pipeline.update import update
from pointsman.registry.generations import load_generation
from pointsman.registry.tables import events_table

HURRIED = (
    "search.families=[linear,lightgbm,tree]",
    "promotion.max_active=12",
    "selection.max_members=1",
    "search.trials=4",
    "update.seconds=0.001",
)
"""So short that every step does no more than it has to; few members serve, so that others can wait."""


@pytest.fixture(scope="module")
def hurried(tmp_path_factory):
    """A state whose first batch had no time, the second as much as it wanted, the third none."""
    folder = tmp_path_factory.mktemp("hurried")
    small_stream.make_rows().to_csv(folder / "stream.csv", index=False)
    update(configure(folder, *HURRIED))
    update(configure(folder, *HURRIED, "update.seconds=3600"))
    update(configure(folder, *HURRIED))
    return folder


def load_cuts(folder):
    with opened(folder) as (_, state):
        query = sa.select(cut_steps_table).order_by(cut_steps_table.c.generation, cut_steps_table.c.step)
        return [(row["generation"], row["step"], row["done"], row["planned"]) for row in read_rows(state.engine, query)]


def test_a_new_stream_is_served_by_the_baselines(tmp_path):
    folder = tmp_path / "first"
    folder.mkdir()
    small_stream.make_rows().to_csv(folder / "stream.csv", index=False)
    update(configure(folder, *HURRIED))
    with opened(folder) as (_, state):
        families = {version.family for version in load_generation(state).versions}
    assert families == {"lightgbm", "linear", "prior"}
    assert infer(configure(folder), folder / "stream.csv").exists()
    steps = {step for _, step, _, _ in load_cuts(folder)}
    assert {"search", "newcomers"} <= steps


def test_what_was_left_out_is_counted(hurried):
    cuts = load_cuts(hurried)
    assert {generation for generation, *_ in cuts} == {1, 3}
    assert all(0 <= done < planned for _, _, done, planned in cuts)
    assert next(done for generation, step, done, _ in cuts if (generation, step) == (3, "search")) == 0


def test_who_had_to_wait_says_why(hurried):
    with opened(hurried) as (_, state):
        wanted = sa.select(events_table).where(events_table.c.event == "kept", events_table.c.generation == 3)
        reasons = {row["version"]: row["reason"] for row in read_rows(state.engine, wanted)}
        generation = load_generation(state)
    waiting = {name for name, reason in reasons.items() if reason.startswith("there was no time for it")}
    assert waiting
    assert generation.champion.id not in waiting


def test_it_is_told_once(hurried, tmp_path, caplog):
    folder = copy(hurried, tmp_path / "copy")
    with caplog.at_level(logging.WARNING):
        update(configure(folder, *HURRIED, f"data_dir={hurried}"))
    (told,) = [line for line in caplog.messages if line.startswith("update.seconds=0.001 ended steps early: ")]
    assert "0 of 4 trials" in told or "0 of 1 trials" in told
    (late,) = [line for line in caplog.messages if line.startswith("the update took ")]
    assert "s of update.seconds=0.001: reading, judging and fitting what serves are never left out" in late


def test_who_waited_longest_learns_first(hurried, tmp_path):
    folder = copy(hurried, tmp_path / "copy")
    with opened(folder) as (_, state):
        waited = {one.line: one.last_batch for one in load_generation(state).versions}
    oldest = {line for line, batch in waited.items() if batch == min(waited.values())}
    jobs = [
        SimpleNamespace(contender=SimpleNamespace(line=line, parent=SimpleNamespace(last_batch=batch)))
        for line, batch in sorted(waited.items(), key=lambda item: -item[1])
    ]
    first = put_first(jobs, {"nobody"})
    assert {job.contender.line for job in first[: len(oldest)]} == oldest
    assert put_first(jobs, {jobs[0].contender.line})[0] is jobs[0]


def test_members_of_what_a_person_promoted_learn(hurried, tmp_path):
    folder = copy(hurried, tmp_path / "copy")
    config = configure(folder, *HURRIED, f"data_dir={hurried}")
    with opened(folder) as (_, state):
        before = load_generation(state)
        first = find_first(
            before,
            SimpleNamespace(
                promotion=SimpleNamespace(active=[], champion=before.champion, robust_champion=before.champion),
                baselines=(),
            ),
        )
        waiting = [
            (ensemble, members)
            for ensemble in before.ensembles
            if (members := {line for kind in before.list_members(ensemble) for line in kind}) - first
        ]
        assert waiting, "an ensemble has a member that may wait"
        ensemble, members = waiting[0]
    models(config, ("promote", ensemble.id), None, "signed off")
    update(config)
    with opened(folder) as (_, state):
        learned = {one.line: one.last_batch for one in load_generation(state).versions}
    assert {learned[line] for line in members} == {4}


def test_a_replay_does_as_much_and_no_more(hurried):
    assert replay(configure(hurried), ["all"]).startswith("Generations 1 to 3 came out the same")
