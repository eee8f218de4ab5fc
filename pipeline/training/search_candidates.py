"""The search of an update: how long it may take, what it looks at, and which of its finds go on to get a record."""

from dataclasses import dataclass, replace

from pointsman.common.workers import Workers
from pointsman.experiments.tables import feature_gains_table, trials_table
from pointsman.pipeline.preparation.training_set import TrainingSet
from pointsman.pipeline.training.budget import size_search
from pointsman.pipeline.training.feature_selection import judge_features
from pointsman.pipeline.training.joining import join_families
from pointsman.pipeline.training.portfolio import count_batches, make_room
from pointsman.pipeline.training.problem import pose_problem
from pointsman.pipeline.training.search import hire, run_search
from pointsman.pipeline.training.trials import Trial, choose_finalists, trial_rows
from pointsman.pipeline.training.warm_start import load_known_trials
from pointsman.registry.update_run import UpdateRun


@dataclass(frozen=True, eq=False)
class SearchResult:
    """What a search found, and what it decided for everything that is fitted after it.

    training_set: the rows with the features that are worth learning
    finalists:    the trials whose candidates get a record
    room:         single models that may stay active
    """

    training_set: TrainingSet
    workers: Workers
    finalists: list[Trial]
    room: int
    trials_wanted: int
    trials_done: int


def search_candidates(
    run: UpdateRun, training_set: TrainingSet, losses: list[float], is_called_for: bool
) -> tuple[UpdateRun, SearchResult]:
    """Search; return the run with the families that joined, and what was found.

    ``losses`` are the champion's on every batch so far: a calm stream gets fewer trials, unless drift calls for all.
    """
    config = run.config
    workers = hire(config)
    trials_wanted = size_search(config.search.trials, config.search.calm_share, losses, is_called_for)
    # In shuffled folds every season seems to help.
    ordered = pose_problem(config, training_set, run.number, "time_ordered")
    training_set, feature_gains = judge_features(
        run.state, run.schema, training_set, ordered, workers, run.watch.limit.open("gains")
    )
    known = load_known_trials(run.state)
    config = config.model_copy(update={"search": join_families(config.search, training_set.rows, known)})
    trials = run_search(
        config, pose_problem(config, training_set, run.number), trials_wanted, workers, known, run.watch
    )
    room, places = make_room(
        config.promotion.max_active, config.search.finalists, len(training_set.rows), count_batches(training_set)
    )
    finalists = choose_finalists(trials, places)
    run.draft.add(feature_gains_table, feature_gains)
    run.draft.add(trials_table, trial_rows(run.number, trials, finalists))
    return replace(run, config=config), SearchResult(training_set, workers, finalists, room, trials_wanted, len(trials))
