"""Experiments: leaderboards of trials and runs, what settings mattered, why trials failed; or all of it as a table."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pointsman.common.config import Config
from pointsman.common.errors import ConfigError, StateError
from pointsman.common.formats import find_format
from pointsman.common.storage.state import open_state
from pointsman.common.text import lay_out, read_number, shorten
from pointsman.experiments.leaderboard import RankedTrial, count_failures, rank_runs, rank_trials
from pointsman.pipeline.training.store import load_runs, load_trials
from pointsman.pipeline.training.trials import LEAST_TRIALS
from pointsman.pipeline.training.warm_start import read_trial
from pointsman.registry.generations import load_generation

if TYPE_CHECKING:
    from pointsman.common.task import Task
    from pointsman.pipeline.training.importance import Importance

SHOWN = 10
"""Lines of a leaderboard."""

Rows = Sequence[dict[str, Any]]


def show_experiments(config: Config, subject: Sequence[str], file: Path | None = None) -> str | Path:
    """Return the leaderboards of one batch or of all as text, or the path of a table with every run and trial.

    Raises StateError where there is no such batch, or nothing was learned yet.
    """
    batch = read_batch(subject)
    if file is not None:
        find_format(file)
    with open_state(config, must_exist=True) as state:
        schema = load_generation(state).schema
        trials, runs = load_trials(state, batch), load_runs(state, batch)
        if schema is None or not (trials or runs):
            where = f"of batch {batch} " if batch is not None else ""
            raise StateError(f"There is no experiment {where}in '{state.folder}'; python run.py update makes some.")
    if file is not None:
        from pointsman.common.tabular.writers import write_table
        from pointsman.experiments.export import tabulate

        write_table(tabulate(trials, runs, schema), file)
        return file
    return "\n".join(describe(trials, runs, find_importances(trials, schema.task, config.seed)))


def read_batch(subject: Sequence[str]) -> int | None:
    """Return the batch that the words after the command name, None for all."""
    if not subject:
        return None
    number = read_number(subject[0]) if len(subject) == 1 else None
    if number is None:
        named = shorten(" ".join(subject))
        raise ConfigError(f"experiments takes the number of one batch and not '{named}'; or leave it out.")
    return number


def find_importances(trials: Rows, task: "Task", seed: int) -> "list[Importance]":
    """Return what settings account for; where no family has enough trials, [] without loading what computes it."""
    complete = Counter(row["family"] for row in trials if row["state"] == "complete")
    if max(complete.values(), default=0) < LEAST_TRIALS:
        return []
    from pointsman.pipeline.training.importance import compute_importances

    return compute_importances([read_trial(row) for row in trials], task, seed)


def describe(trials: Rows, runs: Rows, importances: "Sequence[Importance]") -> list[str]:
    """Return everything as lines of text."""
    states = Counter(row["state"] for row in trials)
    counted = ", ".join(f"{states[state]} {state}" for state in ("complete", "pruned", "failed"))
    lines = [f"{len(trials)} trials: {counted}. {len(runs)} runs became versions."]
    if ranked := rank_trials(trials):
        lines += [
            "",
            "The best trial of each family; 'to prior': its loss against that of the prior on the same folds",
            *_tabulate_trials(rank_trials(trials, one_a_family=True)),
            "",
            f"The best {min(SHOWN, len(ranked))} of {len(ranked)} complete trials",
            *_tabulate_trials(ranked[:SHOWN]),
        ]
    lines += _describe_runs(runs)
    if importances:
        lines += ["", "What settings account for, as shares of the differences in loss within a family"]
        lines += [f"{one.family} ({one.trials} trials): {_list_shares(one)}" for one in importances]
    elif trials:
        lines += ["", f"No family has the {LEAST_TRIALS} complete trials that the importance of settings asks for."]
    if failures := count_failures(trials):
        lines += ["", "Why trials failed", *(f"{count} x {family}: {reason}" for family, reason, count in failures)]
    return lines


def _tabulate_trials(ranked: Sequence[RankedTrial]) -> list[str]:
    header = ["family", "encoding", "batch", "trial", "window", "loss", "to prior"]
    rows = [
        [
            one.family,
            one.variant,
            str(one.batch),
            str(one.number),
            str(one.window or "all"),
            f"{one.loss:.5f}",
            f"{one.relative:+.2%}",
        ]
        for one in ranked
    ]
    return [lay_out([header, *rows], ruled=True)]


def _describe_runs(runs: Rows) -> list[str]:
    ranked = rank_runs(runs)
    if not ranked:
        return []
    names = list(ranked[0].metrics)
    header = ["run", "", "batch", "skill", "on learned rows", *names]
    rows = [
        [
            one.version,
            "overfit" if one.overfit else "",
            str(one.batch),
            f"{one.skill:.2%}",
            "-" if one.gap is None else f"{one.skill + one.gap:.2%}",
            *(f"{one.metrics[name]:.4f}" if name in one.metrics else "-" for name in names),
        ]
        for one in ranked[:SHOWN]
    ]
    overfit = sum(one.overfit for one in ranked)
    return [
        "",
        f"The best {len(rows)} of {len(ranked)} runs by skill, the share of the target explained on rows that "
        f"were not learned; {overfit} of all overfit",
        lay_out([header, *rows], ruled=True),
    ]


def _list_shares(importance: "Importance") -> str:
    return ", ".join(f"{setting} {share:.0%}" for setting, share in importance.shares.items() if share >= 0.005)
