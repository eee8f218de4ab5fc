"""The policy backtest on a stored stream: what it prints, keeps, goes on with, writes, and never touches."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from made_stream import make_stream

from benchmarks.catalogue_digests import compute_catalogue_digests
from pointsman import cli
from pointsman.common.config import Config, load_config
from pointsman.common.errors import ConfigError, DataError, StateError
from pointsman.common.storage.catalogue import Draft
from pointsman.common.storage.state import hold_lock, open_state
from pointsman.common.task import Task
from pointsman.model_zoo.families import get_family
from pointsman.pipeline import backtest as flow
from pointsman.pipeline.backtest import WARM_UP, backtest, replay_policies
from pointsman.pipeline.collection.ordering import PartReader
from pointsman.pipeline.collection.roles import infer_schema
from pointsman.pipeline.preparation.assessment import analyse, draft_batch
from pointsman.pipeline.preparation.next_batch import collect
from pointsman.pipeline.retraining.fitting import Fitting
from pointsman.pipeline.retraining.policies import Policy
from pointsman.pipeline.retraining.simulation import Ledger
from pointsman.registry.generations import Cause, Generation, Member, Role, draft_generation
from pointsman.registry.versions import Version

ROOT = Path(__file__).resolve().parent.parent.parent
QUICK = (
    "source.demo.rows=3000",
    "features.date_parts={}",
    "features.durations=[]",
    "features.ratios=[]",
    "quality.ranges=[]",
    "quality.orders=[]",
    "schema.drop=[INSR_END,EFFECTIVE_YR,PROD_YEAR,SEATS_NUM,CARRYING_CAPACITY,CCM_TON,MAKE,USAGE]",
)
BATCHES = 11


def store(config: Config, batches: int) -> None:
    """Store batches of the demo stream as updates do, and a generation whose champion is a plain linear model."""
    reader, generation = PartReader(config.schema_), Generation()
    with open_state(config) as state:
        for number in range(1, batches + 1):
            draft = Draft(1)
            raw = collect(config, state, generation, reader, None)
            schema = generation.schema or infer_schema(raw.frame, config, raw.origin)
            judgement = analyse(config, raw, schema)
            draft_batch(draft, state, raw, state.files.save_table(raw.frame), judgement, by_hand=False)
            version = make_champion(number)
            generation = generation.succeed(
                Cause.UPDATE, batch=number, cursor=raw.cursor, schema=schema, members=(Member(version, Role.CHAMPION),)
            )
            draft_generation(draft, generation, config.seed, [version])
            draft.commit(state.engine)


def make_champion(number: int) -> Version:
    params = get_family("linear").default_params(Task.BINARY)
    return Version(
        id=f"linear-{number:04d}",
        number=number,
        line="linear-0001",
        parent=None,
        generation=number,
        family="linear",
        variant="onehot",
        params=params,
        window=None,
        masked=False,
        guarded=False,
        origin="search",
        updates=0,
        first_batch=1,
        last_batch=number,
        rows=100,
        threshold=0.5,
        manifest="none.json",
        bytes=1,
        fit_seconds=0.1,
    )


def copy(config: Path, folder: Path) -> Path:
    shutil.copytree(config.parent / "state", folder / "state")
    path = folder / "config.yaml"
    path.write_text(config.read_text().replace(str(config.parent), str(folder)))
    return path


def read_digests(config: Config) -> dict[str, str]:
    with open_state(config) as state:
        digests = compute_catalogue_digests(state.engine)
    return {name: digest for name, digest in digests.items() if not name.startswith("backtest")}


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    """A configuration file whose state holds BATCHES batches."""
    path = tmp_path_factory.mktemp("original") / "config.yaml"
    path.write_text((ROOT / "config.yaml").read_text().replace("state_dir: state ", f"state_dir: {path.parent}/state "))
    store(load_config(path, QUICK), BATCHES)
    return path


@pytest.fixture(scope="module")
def finished(original, tmp_path_factory) -> tuple[Path, str]:
    """A copy of it with a finished backtest, and the table that this one printed."""
    path = copy(original, tmp_path_factory.mktemp("finished"))
    return path, backtest(load_config(path, QUICK))


@pytest.fixture
def stored(original, tmp_path) -> Path:
    """A copy of it, to be changed."""
    return copy(original, tmp_path)


@pytest.fixture
def done(finished, tmp_path) -> Path:
    """A copy with a finished backtest, to be changed."""
    return copy(finished[0], tmp_path)


def count_fits(monkeypatch, stop_at: int | None = None) -> list[int]:
    """Count fits from now on; one is interrupted if it is that of ``stop_at``."""
    fits: list[int] = []
    fit = Fitting.fit

    def counted(self: Fitting, trained: int):
        if trained == stop_at:
            raise KeyboardInterrupt
        fits.append(trained)
        return fit(self, trained)

    monkeypatch.setattr(Fitting, "fit", counted)
    return fits


def test_the_command_prints_a_table_and_goes_on_where_a_killed_one_stopped(stored, finished, capsys, monkeypatch):
    arguments = ["backtest", "--config", str(stored), *QUICK]
    before = read_digests(load_config(stored, QUICK))
    files = sorted((stored.parent / "state" / "files").rglob("*.*"))
    first = count_fits(monkeypatch, stop_at=7)
    assert cli.main(arguments) == 1
    assert "Interrupted; what was committed before stays" in capsys.readouterr().err
    monkeypatch.undo()
    rest = count_fits(monkeypatch)
    assert cli.main(arguments) == 0
    printed, progress = capsys.readouterr()
    assert (first, rest) == ([3, 4, 5, 6], [7, 8, 9, 10])
    assert strip_seconds(printed) == strip_seconds(finished[1]), "as if it had never been killed"
    assert "backtest: 100%" in progress
    for policy in (
        "always",
        "every 2 batches",
        "every 3 batches",
        "every 5 batches",
        "on drift",
        "never",
        "on estimated loss + 5 %",
    ):
        assert sum(line[3:].startswith(f"{policy} ") for line in printed.splitlines()) == 1
    assert sum(line.startswith("*  ") for line in printed.splitlines()) == 1
    assert "Asked after batch 7, it would have recommended" in printed
    assert read_digests(load_config(stored, QUICK)) == before, "generations and versions are left alone"
    assert sorted((stored.parent / "state" / "files").rglob("*.*")) == files


def strip_seconds(table: str) -> list[list[str]]:
    return [line.split() if line.endswith(".") else line.split()[:-1] for line in table.splitlines()]


def test_a_finished_one_answers_at_once_with_the_same(done, finished, monkeypatch):
    fits = count_fits(monkeypatch)
    assert backtest(load_config(done, QUICK)) == finished[1]
    assert fits == []


def test_another_configuration_starts_anew(done, monkeypatch):
    count_fits(monkeypatch, stop_at=WARM_UP)
    with pytest.raises(KeyboardInterrupt):
        backtest(load_config(done, [*QUICK, "response.every=4"]))


@pytest.mark.parametrize("words", [["--apply"], ["apply"]])
def test_apply_configures_the_winner_and_keeps_the_comments(done, capsys, monkeypatch, words):
    found = flow.load_backtest
    winner = Policy("every", every=5)
    monkeypatch.setattr(flow, "load_backtest", lambda *asked: replace(found(*asked), recommended=winner))
    before = done.read_text()
    assert cli.main(["backtest", *words, "--config", str(done), *QUICK]) == 0
    assert f"Written to '{done}': response.retrain: every, response.every: 5." in capsys.readouterr().out
    response = load_config(done).response
    assert (response.retrain, response.every) == ("every", 5)
    lines = zip(before.splitlines(), done.read_text().splitlines(), strict=True)
    changed = [(old, new) for old, new in lines if old != new]
    assert len(changed) == 2
    assert all(old.partition("#")[2] == new.partition("#")[2] for old, new in changed)


def test_too_few_batches_are_answered_in_a_sentence(tmp_path):
    config = load_config(ROOT / "config.yaml", [f"state_dir={tmp_path / 'none'}"])
    few = r"at least 8 accepted batches and '.*none' has 0; run 'python"
    with open_state(config), pytest.raises(StateError, match=few):
        backtest(config)


def test_two_backtests_of_one_state_do_not_meet(stored):
    with (
        open_state(load_config(stored)) as state,
        hold_lock(state, "backtest"),
        pytest.raises(StateError, match="Another backtest"),
    ):
        backtest(load_config(stored, QUICK))


def test_a_word_that_it_does_not_know_is_refused(stored, capsys):
    assert cli.main(["backtest", "aply", "--config", str(stored), *QUICK]) == 2
    assert "backtest knows no 'aply'" in capsys.readouterr().err


class TestHonesty:
    @pytest.mark.parametrize("task", [Task.BINARY, Task.MULTICLASS, Task.REGRESSION])
    def test_a_later_batch_changes_no_earlier_prediction_and_no_decision(self, task):
        ledgers = Ledger(), Ledger()
        replay_policies(make_stream(task), ledgers[0])
        replay_policies(make_stream(task, changed_from=7), ledgers[1])
        for key in ledgers[0].met.keys() | ledgers[1].met.keys():
            if key[1] < 7:
                assert ledgers[0].met[key] == ledgers[1].met[key]
        assert any(ledgers[0].met[key] != ledgers[1].met.get(key) for key in ledgers[0].met if key[1] >= 7)

    def test_a_change_is_seen_by_the_policies_that_look(self):
        ledger = Ledger()
        done = replay_policies(make_stream(Task.BINARY, batches=12, changed_from=10), ledger)
        by_kind = {one.policy.retrain: one for one in done.outcomes}
        assert by_kind["drift"].trainings >= 1
        assert by_kind["drift"].loss < by_kind["never"].loss
        assert any(evaluation.drifted for (_trained, batch), evaluation in ledger.met.items() if batch >= 10)
        assert not any(evaluation.drifted for (_trained, batch), evaluation in ledger.met.items() if batch < 10)

    def test_numbers_are_compared_by_their_root(self):
        done = replay_policies(make_stream(Task.REGRESSION), Ledger())
        assert done.replayed["loss"] == "root mean squared error"


def test_a_candidate_that_cannot_be_fitted_is_named(stored, monkeypatch):
    def fail(*_: object) -> None:
        raise ValueError("no gradient.\nAt all.")

    monkeypatch.setattr("pointsman.pipeline.preparation.training_set.TrainingSet.fit", fail)
    with pytest.raises(DataError, match=r"linear/onehot could not be fitted on the batches up to 3 \(no gradient\)"):
        backtest(load_config(stored, QUICK))


def test_apply_belongs_to_the_backtest(stored, capsys):
    assert cli.main(["eda", "--apply", "--config", str(stored), *QUICK]) == 2
    assert "--apply is an option of backtest" in capsys.readouterr().err


def test_a_prior_is_not_what_is_replayed():
    champion = replace(make_champion(2), family="prior")
    members = (Member(champion, Role.CHAMPION), Member(make_champion(1), Role.ACTIVE))
    assert flow.choose_candidate(Generation(members=members)).family == "linear"
    assert flow.choose_candidate(Generation(members=members[:1])).family == "prior"


def test_settings_in_doubt_are_not_written(done, monkeypatch):
    monkeypatch.setattr(
        "pointsman.common.config_edit.edit_settings", lambda text, *_: text.replace("seed: 7", "seed: 8")
    )
    before = done.read_bytes()
    with pytest.raises(ConfigError, match="left as it is"):
        backtest(load_config(done, QUICK), done)
    assert done.read_bytes() == before
