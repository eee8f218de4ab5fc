"""What encoding once, the cheap rung and pruning save: the search against a naive one with the same candidates."""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from pointsman.common.config import Config, load_config
from pointsman.common.reading import read_dates
from pointsman.common.records import RawBatch
from pointsman.common.seeding import derive_seed
from pointsman.common.tabular.reader import read_table
from pointsman.common.workers import Workers
from pointsman.model_zoo.candidate import Candidate
from pointsman.model_zoo.fitting import fit_model
from pointsman.pipeline.collection.roles import infer_schema
from pointsman.pipeline.preparation.assessment import analyse
from pointsman.pipeline.preparation.window import build_training_set
from pointsman.pipeline.training import search as search_module
from pointsman.pipeline.training.encodings import Encodings
from pointsman.pipeline.training.evaluation import Evaluator, compute_fold_loss, evaluate
from pointsman.pipeline.training.problem import SearchProblem, pose_problem

BATCHES = 5
"""Batches that the rows of a problem are cut into."""


@dataclass(frozen=True)
class SearchCost:
    """Processor seconds of one seed. ``ours`` is until the naive search's best loss was reached, None where never;
    ``shared`` is of all candidates in full on shared encodings, ``equal`` whether that gave the naive losses.
    """

    naive: float
    ours: float | None
    whole: float
    shared: float
    equal: bool


def pose(stream: str, data: Path, rows: int, seed: int, trials: int) -> tuple[Config, SearchProblem]:
    """Return the search problem of the first rows of a stream, in batches, as an update would pose it."""
    overrides = [f"data_dir={data}", f"seed={seed}", f"search.trials={trials}"]
    config = load_config(ROOT / f"configs/{stream}.yaml", overrides)
    table = read_table(data / config.source.paths[0])
    times = read_dates(table[config.schema_.time], config.schema_.time_format)
    order = np.argsort(times.to_numpy(), kind="stable")[:rows]
    parts = [
        RawBatch(number, stream, table.iloc[part].reset_index(drop=True), times.iloc[part].reset_index(drop=True), {})
        for number, part in enumerate(np.array_split(order, BATCHES), start=1)
    ]
    schema = infer_schema(parts[0].frame, config, stream)
    window = [analyse(config, part, schema).batch for part in parts]
    return config, pose_problem(config, build_training_set(config, schema, window, [], BATCHES), BATCHES)


def compare_searches(stream: str, data: Path, rows: int, seed: int, trials: int) -> SearchCost:
    """Search once with one worker, then evaluate what was proposed naively, and in full on shared encodings."""
    config, problem = pose(stream, data, rows, seed, trials)
    ended: list[tuple[float, float]] = []

    def timed(evaluator: Evaluator, assignment):
        trial = evaluate(evaluator, assignment)
        if trial.loss is not None and trial.number >= 0:
            ended.append((time.process_time() - started, trial.loss))
        return trial

    search_module.evaluate = timed
    started = time.process_time()
    try:
        trials_found = search_module.search(problem, config.search, trials, (), Workers(1))
    finally:
        search_module.evaluate = evaluate
    whole = time.process_time() - started
    candidates = [trial.candidate for trial in trials_found]
    seed = derive_seed(problem.seed, "search", problem.batch)
    naive_seconds, naive = measure(lambda: evaluate_naively(problem, candidates, seed))
    evaluator = Evaluator(problem, Encodings(problem.folds, problem.task, seed), seed)
    shared_seconds, shared = measure(lambda: evaluate_shared(evaluator, candidates))
    best = np.nanmin(naive.mean(axis=1))
    reached = [seconds for seconds, loss in ended if loss <= best + 1e-12]
    equal = np.array_equal(naive, shared, equal_nan=True)
    return SearchCost(naive_seconds, min(reached, default=None), whole, shared_seconds, equal)


def evaluate_naively(problem: SearchProblem, candidates: Sequence[Candidate], seed: int) -> np.ndarray:
    """Return the losses (n_candidates, n_folds) of pipelines that are each fitted from the feature table."""

    def lose(candidate: Candidate, fold: int) -> float:
        learn, validate = problem.folds[fold].learn.last(candidate.window), problem.folds[fold].validate
        try:
            model = fit_model(candidate, learn.covered, learn.target, problem.task, problem.classes, seed)
            return compute_fold_loss(problem.metric, validate.target, model.predict(validate.features))
        except Exception:
            return np.nan

    return np.array([[lose(one, fold) for fold in range(len(problem.folds))] for one in candidates])


def evaluate_shared(evaluator: Evaluator, candidates: Sequence[Candidate]) -> np.ndarray:
    """Return the same losses with each fold encoded, and its columns binned, once."""

    def lose(candidate: Candidate, fold: int) -> float:
        try:
            return evaluator.measure(candidate, fold)
        except Exception:
            return np.nan

    return np.array([[lose(one, fold) for fold in range(len(evaluator.problem.folds))] for one in candidates])


def measure(work) -> tuple[float, np.ndarray]:
    """Return the processor seconds that some work took, and its answer."""
    started = time.process_time()
    answer = work()
    return time.process_time() - started, answer
