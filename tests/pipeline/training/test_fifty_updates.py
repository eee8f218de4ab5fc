"""A line that is updated fifty times is no worse than one that is refitted on its window every time."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from pointsman.common.metrics import compute_row_losses
from pointsman.common.task import Task
from pointsman.model_zoo.candidate import Candidate
from pointsman.model_zoo.families import get_family
from pointsman.model_zoo.model import Model
from pointsman.pipeline.preparation.training_set import TrainingSet, join_rows
from pointsman.pipeline.training.refit import RefitJob, refit
from pointsman.registry.contender import Contender, Origin

BATCHES, WINDOW, ROWS = 51, 10, 250
TOLERANCE = 0.02
CLASSES = ("a", "b", "c")


def make_batch(number, drift, task):
    """Return a batch: levels come and go, their meanings swap at batch 25, and a class is absent now and then."""
    generator = np.random.default_rng(1_000 + number)
    numbers = generator.normal(size=(ROWS, 4))
    codes = generator.integers(0, 4 + number // 10, ROWS)
    angle = {"stationary": 0.0, "slow": number / 25, "abrupt": 1.5 * (number >= 25)}[drift]
    swapped = (codes + (3 if drift == "abrupt" and number >= 25 else 0)) % 4
    signal = np.cos(angle) * numbers[:, 0] + np.sin(angle) * numbers[:, 1] + np.array([0.0, 1.0, -1.0, 0.5])[swapped]
    if task is Task.REGRESSION:
        target = signal + generator.normal(0, 0.5, ROWS)
    else:
        target = np.digitize(signal + generator.normal(0, 0.5, ROWS), [-0.6, 0.6]).astype(float)
        if number % 7 == 3:
            target = np.minimum(target, 1.0)
    features = pd.DataFrame(numbers, columns=list("pqrs")).assign(level=pd.Series(codes).map("level {}".format))
    times = pd.Series(pd.date_range("2020-01-01", periods=ROWS, freq="min") + pd.Timedelta(days=number))
    return number, features.astype({"level": "str"}), target, times


def lose(model, batch, task):
    _, features, target, _ = batch
    return float(compute_row_losses(task, target, model.predict(features)).mean())


@pytest.mark.slow
@pytest.mark.parametrize("task", [Task.MULTICLASS, Task.REGRESSION], ids=str)
@pytest.mark.parametrize("drift", ["stationary", "slow", "abrupt"])
@pytest.mark.parametrize("family", ["lightgbm", "linear", "knn"])
def test_fifty_updates_are_as_good_as_a_refit_of_the_window(family, drift, task):
    known = get_family(family)
    params = dict(known.default_params(task)) | ({"rounds": 60} if family == "lightgbm" else {})
    candidate = Candidate(family, known.variants[0], params)
    classes = CLASSES if task is Task.MULTICLASS else ()
    batches = [make_batch(number, drift, task) for number in range(1, BATCHES + 1)]
    model, updates, losses = None, 0, []
    for position, batch in enumerate(batches):
        seen = batches[max(0, position - WINDOW) : position]
        if seen:
            training_set = TrainingSet(join_rows(seen, WINDOW * ROWS), task, classes, 1, 1, "0D")
            learned = seen[-2][0] if len(seen) > 1 else 0
            version = SimpleNamespace(
                family=family,
                candidate=candidate,
                updates=updates,
                line="l",
                origin="refit",
                first_batch=0,
                last_batch=learned,
            )
            parent = version if model else None
            done = refit(
                training_set, RefitJob(Contender("l", Origin.KEPT, candidate, parent, {}), model, Origin.UPDATE)
            )
            model, updates = Model.load(done.parts), done.updates
            if position > BATCHES - 11:
                losses.append(
                    (lose(model, batch, task), lose(training_set.fit(candidate, training_set.rows), batch, task))
                )
    updated, refitted = np.mean(losses, axis=0)
    assert len(losses) == 10
    assert updated <= refitted * (1 + TOLERANCE)
