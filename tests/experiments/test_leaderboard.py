"""Leaderboards: what is comparable between batches ranks, and what has not come so far does not."""

from pointsman.experiments.leaderboard import count_failures, flatten_run, rank_runs, rank_trials


def make_trial(batch, number, family="tree", state="complete", loss=0.4, baseline=0.5, failure=""):
    return {
        "batch": batch,
        "number": number,
        "family": family,
        "variant": "onehot",
        "window": None,
        "params": {},
        "state": state,
        "loss": loss,
        "baseline": baseline,
        "failure": failure,
    }


def make_run(version, batch, test_skill, gap=0.1):
    return {"version": version, "batch": batch, "test_skill": test_skill, "gap": gap, "overfit": False, "test": {}}


TRIALS = [
    make_trial(1, 0, loss=0.9, baseline=1.0),
    make_trial(1, 1, "linear", loss=0.8, baseline=1.0),
    make_trial(2, 0, loss=0.17, baseline=0.2),
    make_trial(2, 1, state="pruned", loss=None),
    make_trial(2, 2, state="failed", loss=None, failure="ValueError: no"),
    make_trial(2, 3, state="failed", loss=None, failure="ValueError: no"),
    make_trial(1, 4, "linear", state="failed", loss=None, failure="MemoryError: "),
]


def test_trials_of_all_batches_rank_by_their_loss_relative_to_the_priors():
    assert [(one.batch, one.number) for one in rank_trials(TRIALS)] == [(1, 1), (2, 0), (1, 0)]
    assert [one.number for one in rank_trials(TRIALS, batch=2)] == [0]
    assert [one.family for one in rank_trials(TRIALS, one_a_family=True)] == ["linear", "tree"]


def test_a_metric_that_rises_ranks_too():
    better, worse = make_trial(1, 0, loss=-0.9, baseline=-0.5), make_trial(1, 1, loss=-0.6, baseline=-0.5)
    assert [one.number for one in rank_trials([worse, better])] == [0, 1]


def test_runs_rank_by_what_they_explain_of_rows_they_had_not_learned():
    runs = [make_run("a", 1, 0.1), make_run("b", 2, 0.3), make_run("c", 2, None), make_run("d", 2, -0.2)]
    assert [one.version for one in rank_runs(runs)] == ["b", "a", "d"]
    assert [one.version for one in rank_runs(runs, batch=1)] == ["a"]


def test_failures_are_counted_by_family_and_reason():
    assert count_failures(TRIALS) == [("tree", "ValueError: no", 2), ("linear", "MemoryError: ", 1)]
    assert count_failures(TRIALS, batch=1) == [("linear", "MemoryError: ", 1)]


def test_a_flat_run_has_a_column_a_step_and_a_metric():
    flat = flatten_run({"stages": [f"S{place}" for place in range(11)], "train": {"f1": 1.0}, "test": {}, "bins": None})
    assert flat["stage_10"] == "S10"
    assert (flat["train_f1"], flat["bins"]) == (1.0, None)
    assert "test_f1" not in flat
