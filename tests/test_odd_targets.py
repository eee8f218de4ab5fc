"""Targets that tell little (one label all over, a rare or absent class, a constant number) and copies of the target.

Through the real command line, in this process: starting one for every step took most of the time.
"""

import io
import json
import re
import sys
import warnings
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml

from pointsman.cli import main
from pointsman.common.config import load_config
from pointsman.pipeline.inference import infer
from pointsman.pipeline.summary import summarise
from pointsman.pipeline.update import update

NO_NUMBER = re.compile(r"\b(nan|inf)\b", re.I)
QUICK = ("search.trials=2", "search.families=[linear]", "training.folds=1", "workers.count=1")


def run(folder, command, *arguments, state="state"):
    given = [command, "--config", "c.yaml", f"state_dir={folder / state}", *QUICK, *arguments]
    with (
        chdir(folder),
        redirect_stdout(io.StringIO()) as out,
        redirect_stderr(io.StringIO()) as err,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = lambda *told, **_more: print(told[1].__name__, told[0], file=sys.stderr)
        code = main([str(one) for one in given])
    return SimpleNamespace(returncode=code, stdout=out.getvalue(), stderr=err.getvalue())


def answer(folder, *arguments, **where):
    """What a command that has to work prints."""
    done = run(folder, *arguments, **where)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "UserWarning" not in done.stderr
    return done.stdout.strip()


def make_table(batches, rows=40, seed=0):
    """Months of policies whose premium above 900 decides ``high``, without a target."""
    random = np.random.default_rng(seed)
    months = [
        pd.DataFrame(
            {
                "day": [f"2023-{month:02d}-{day:02d}" for day in np.sort(random.integers(1, 28, rows))],
                "premium": random.gamma(3, 300, rows).round(2),
                "age": random.integers(18, 90, rows),
                "region": random.choice(["north", "south", "west"], rows),
                "month": month,
            }
        )
        for month in range(1, batches + 1)
    ]
    table = pd.concat(months, ignore_index=True)
    return table, table.pop("month").to_numpy(), (table["premium"] > 900).to_numpy()


def write(folder, table, target, **stated):
    folder.mkdir(exist_ok=True)
    table.assign(claim=target).to_csv(folder / "data.csv", index=False)
    table.tail(30).to_csv(folder / "new.csv", index=False)
    stream = {
        "source": {"kind": "files", "paths": ["data.csv"]},
        "schema": {"time": "day", "target": "claim"},
        "batch": {"period": "month"},
        **stated,
    }
    (folder / "c.yaml").write_text(yaml.safe_dump(stream))


def refuse(constant):
    raise AssertionError(f"report.json holds {constant}")


def infer_in(folder):
    return pd.read_csv(Path(answer(folder, "inference", "-file", "new.csv")))


def check_report(report):
    """The summary and its figures hold nothing that is no number."""
    json.loads(report.with_name("report.json").read_text(), parse_constant=refuse)
    shown = re.sub(r"<(style|script)\b.*?</\1>|<[^>]*>", " ", report.read_text(), flags=re.S)
    assert not NO_NUMBER.search(shown)


def check_readers(folder):
    """Every command that reads a state does, and nothing that it writes is no number."""
    answered = infer_in(folder)
    assert len(answered) == 30
    assert answered.filter(like="predict").notna().all(axis=None)
    check_report(Path(answer(folder, "summary")))
    request = answered["predict_id"].iloc[0].rpartition("-")[0]
    version = answered["predict_model"].iloc[0]
    told = [answer(folder, "models"), answer(folder, "models", "show", version), answer(folder, "explain", request)]
    assert not [text for text in told if NO_NUMBER.search(text)]
    assert Path(answer(folder, "eda")).exists()
    return answered


def test_a_constant_text_target_is_told_of_and_learned_once_a_second_label_appears(tmp_path):
    table, month, high = make_table(6)
    write(tmp_path, table, np.where((month > 3) & high, "unpaid", "paid"))
    done = run(tmp_path, "update", "--batches", "3")
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr
    for batch in ("1", "2 and in those before it", "3 and in those before it"):
        assert f"in batch {batch} is 'paid', so that nothing can be learned until a second one appears" in done.stderr
    assert set(check_readers(tmp_path)["predict"]) == {"paid"}
    done = run(tmp_path, "update", "--batches", "3")
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr
    assert "DQ017" not in done.stderr
    answered = infer_in(tmp_path)
    assert (answered["predict"].eq("unpaid") == (answered["premium"] > 900)).mean() > 0.7


BINARY, CLASSES, NUMBER = {}, {"task": "multiclass"}, {"task": "regression"}
ODD = {
    "0 all over, then both": (BINARY, lambda month, high, _: ((month > 2) & high).astype(int)),
    "a batch without the class": (BINARY, lambda month, high, _: ((month != 2) & high).astype(int)),
    "a class of one row": (
        CLASSES,
        lambda _, high, age: np.where(
            np.arange(len(high)) == 50, "z", np.where(high, "x", np.where(age > 50, "y", "w"))
        ),
    ),
    "one class of many, then more": (CLASSES, lambda month, high, _: np.where((month > 2) & high, "b", "a")),
    "a constant number, then others": (NUMBER, lambda month, high, age: np.where(month > 2, high * 100 + age, 3.5)),
    "numbers, then a constant one": (NUMBER, lambda month, high, age: np.where(month > 1, 3.5, high * 100 + age)),
}


@pytest.mark.parametrize("kind", ODD)
def test_targets_that_come_and_go(tmp_path, monkeypatch, kind):
    """In one process, since every kind takes the same way through the commands that the other tests run."""
    table, month, high = make_table(4, rows=32)
    stated, make = ODD[kind]
    write(tmp_path, table, make(month, high, table["age"].to_numpy()), **stated)
    monkeypatch.chdir(tmp_path)
    config = load_config(Path("c.yaml"), [*QUICK, "state_dir=state"])
    for _ in range(4):
        assert update(config)
        assert pd.read_csv(infer(config, Path("new.csv")))["predict"].notna().all()
    check_report(summarise(config))


def test_a_rare_target_does_not_make_every_answer_positive(tmp_path):
    table, _, _ = make_table(2, rows=300)
    write(tmp_path, table, np.isin(np.arange(600), [10, 350, 500]).astype(int))
    done = run(tmp_path, "update", "--batches", "2")
    assert done.stdout == "True\n", done.stderr
    assert re.search(r"training.decision=f1 has not tuned the threshold of \w+-\d+", done.stderr)
    assert re.search(
        r"positive from a probability of 0\.5 on: \d of the \d+ labels to tune it on are positive", done.stderr
    )
    assert infer_in(tmp_path)["predict"].eq(0).all()
    report = Path(answer(tmp_path, "summary"))
    check_report(report)
    assert " is not tuned: " in report.read_text()
    by_cost = ("training.decision=cost", "training.costs.false_negative=100000")  # what the message advises
    done = run(tmp_path, "update", "--batches", "2", *by_cost, state="by_cost")
    assert "it follows from training.costs alone" in done.stderr
    costly = pd.read_csv(answer(tmp_path, "inference", "-file", "new.csv", *by_cost, state="by_cost"))
    assert costly["predict"].eq(1).all()


def test_a_copy_of_a_rare_target_is_found_over_small_batches(tmp_path):
    table, _, _ = make_table(4, rows=80)
    target = np.tile(np.arange(80) % 20 == 3, 4)
    write(tmp_path, table.assign(paid=np.where(target, 5, 6)), target.astype(int))
    done = run(tmp_path, "update", "--batches", "4")
    assert "DQ029 'paid' alone tells 100.0% of the target 'claim' in batches " in done.stderr
    done = run(tmp_path, "update", "--batches", "4", "schema.drop=[paid]", state="without")
    assert done.stdout == "True\n", done.stderr
    assert "DQ029" not in done.stderr
