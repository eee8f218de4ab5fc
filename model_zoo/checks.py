"""The contract that every family passes, as coded checks. Each takes a family and a task and raises ContractBroken.

``iterate_cases`` yields every check for every family and task. A check that does not apply to a family yields a case
that says why; nothing is left out silently. It is one file, for a new family to be read against from top to bottom.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from pointsman.common.errors import ConfigError, DataError
from pointsman.common.seeding import random_generator
from pointsman.common.task import Task
from pointsman.model_zoo.check_tables import Rows, make_rows
from pointsman.model_zoo.contract import CHECKS, Case, register, require, require_close, require_refusal, require_valid
from pointsman.model_zoo.encoded import EncodedTable
from pointsman.model_zoo.family import Family


def iterate_cases(families: Iterable[Family]) -> Iterator[Case]:
    """Yield every check for every family and each of its tasks."""
    for family in families:
        for task in sorted(family.tasks):
            for check in CHECKS:
                yield Case(check, family, task, _unless_installed(family) or check.excluded(family))


def _unless_installed(family: Family) -> str:
    return "" if family.installed else f"its library {family.library} is not installed"


def _unless_missing(family: Family) -> str:
    return "" if family.handles_missing else "its variants have no missing cells; MC011 checks that it refuses them"


def _unless_update(family: Family) -> str:
    return "" if family.can_update else "it cannot be updated; MC015 checks that it says so"


def _unless_weights(family: Family) -> str:
    return "" if family.uses_weights else "it does not use row weights"


def _is_prior(family: Family) -> str:
    return "it is the bar, so it cannot be above it" if family.name == "prior" else ""


def _never_refuses(family: Family) -> str:
    return "it reads missing cells; MC010 checks how" if family.handles_missing else ""


def _always_updates(family: Family) -> str:
    return "it can be updated; MC012 to MC014 check how" if family.can_update else ""


@register("MC001")
def check_answer_is_valid(family: Family, task: Task) -> None:
    """One number or one distribution a row: everything downstream averages, ranks and takes logarithms of them."""
    rows = make_rows(family, task)
    require_valid(family, rows.fit(family), rows)
    require_valid(family, rows.fit(family), rows.take(slice(0, 0)))


@register("MC002")
def check_row_order_is_irrelevant(family: Family, task: Task) -> None:
    """A request is answered row by row: neighbours in a file must not change an answer."""
    rows = make_rows(family, task)
    estimator = rows.fit(family)
    order = random_generator(3, "order").permutation(len(rows))
    shuffled = family.predict(estimator, rows.table.take(order))
    require_close(shuffled, family.predict(estimator, rows.table)[order], "shuffled rows get other answers")


@register("MC003")
def check_single_row_equals_batch(family: Family, task: Task) -> None:
    """The service answers rows one at a time, and its answers must be those of the same file sent at once."""
    rows = make_rows(family, task)
    estimator = rows.fit(family)
    single = [family.predict(estimator, rows.table.take(slice(row, row + 1))) for row in range(8)]
    require_close(np.concatenate(single), family.predict(estimator, rows.table)[:8], "single rows differ from a batch")


@register("MC004")
def check_same_seed_same_model(family: Family, task: Task) -> None:
    """Replay promises the same decisions: equal fits give equal predictions and equal bytes."""
    rows = make_rows(family, task)
    first, second = rows.fit(family), rows.fit(family)
    same = np.array_equal(family.predict(first, rows.table), family.predict(second, rows.table))
    require(same, "two fits with one seed predict differently")
    require(family.dump(first) == family.dump(second), "two fits with one seed are stored as different bytes")


@register("MC005")
def check_global_randomness_is_untouched(family: Family, task: Task) -> None:
    """A family that reads or moves NumPy's global generator makes results depend on what ran before."""
    rows = make_rows(family, task)
    before = np.random.get_state(legacy=False)
    estimator = rows.fit(family)
    family.predict(estimator, rows.table)
    after = np.random.get_state(legacy=False)
    require(np.array_equal(before["state"]["key"], after["state"]["key"]), "the global generator was reseeded")
    require(before["state"]["pos"] == after["state"]["pos"], "the global generator was used")


@register("MC006")
def check_stored_and_loaded_is_the_same(family: Family, task: Task) -> None:
    """A version answers after a restart as before it, to the last bit, and storing it again changes nothing."""
    rows = make_rows(family, task)
    for estimator in (rows.fit(family), rows.without_columns().fit(family)):
        table = rows.table if estimator.names else rows.without_columns().table
        stored = family.dump(estimator)
        loaded = family.load(stored)
        same = np.array_equal(family.predict(loaded, table), family.predict(estimator, table))
        require(same, "the loaded estimator predicts differently")
        require(family.dump(loaded) == stored, "the loaded estimator is stored as different bytes")


@register("MC007")
def check_inputs_are_left_alone(family: Family, task: Task) -> None:
    """Encoded tables are shared by all families of a search: one that writes into them spoils the others."""
    rows = make_rows(family, task)
    copies = rows.table.values.copy(), rows.target.copy()
    rows.table.values.flags.writeable = rows.target.flags.writeable = False
    estimator = rows.fit(family)
    family.predict(estimator, rows.table)
    same = np.array_equal(copies[0], rows.table.values, equal_nan=True) and np.array_equal(copies[1], rows.target)
    require(same, "fit or predict changed its inputs")


@register("MC008")
def check_absent_and_single_class(family: Family, task: Task) -> None:
    """A short window may lack a class, or hold one alone (or one value): every class still has its column."""
    rows = make_rows(family, task)
    if task.is_classification:
        require_valid(family, rows.take(rows.target > 0).fit(family), rows)
    constant = replace(rows, target=np.full_like(rows.target, 1))
    require_valid(family, constant.fit(family), rows)
    answers = family.predict(constant.fit(family), rows.table)
    require(bool(np.allclose(answers, answers[0])), "a constant target gives answers that vary")


@register("MC009")
def check_degenerate_tables(family: Family, task: Task) -> None:
    """First batches are small and columns die: one, two or fifty rows, a constant column, no column at all."""
    rows = make_rows(family, task)
    for n_rows in (1, 2, 3, 50):
        require_valid(family, rows.take(slice(n_rows)).fit(family), rows)
    dead = rows.with_column("dead", 7.0)
    require_valid(family, dead.fit(family), dead)
    bare = rows.without_columns()
    answers = family.predict(bare.fit(family), bare.table)
    prior = bare.fit(family).baseline.predict(len(bare))
    require_close(answers, prior, "without columns the answer is not the prior")


@register("MC010", _unless_missing)
def check_missing_cells(family: Family, task: Task) -> None:
    """Damaged requests lack cells, rows and whole columns, some of which were complete in training."""
    rows = make_rows(family, task)
    estimator = rows.fit(family)
    for column in rows.table.names:
        require_valid(family, estimator, rows.with_column(column, np.nan))
    nothing = replace(rows, table=replace(rows.table, values=np.full_like(rows.table.values, np.nan)))
    require_valid(family, estimator, nothing)
    require_valid(family, rows.with_column("signal", np.nan).fit(family), rows)
    require_valid(family, nothing.fit(family), rows)


@register("MC011", _never_refuses)
def check_missing_cells_are_refused(family: Family, task: Task) -> None:
    """A family that cannot read missing cells must say so by column, and not take NaN for a number."""
    rows = make_rows(family, task)
    estimator = rows.fit(family)
    holed = rows.with_column("helper", np.nan)
    require_refusal(lambda: holed.fit(family), DataError, "helper")
    require_refusal(lambda: family.predict(estimator, holed.table), DataError, "helper")


@register("MC012", _unless_update)
def check_update_makes_a_new_estimator(family: Family, task: Task) -> None:
    """Versions are immutable: an update returns another one, which the new rows have changed."""
    rows, later = make_rows(family, task), _shift(make_rows(family, task, 120, "later"))
    old = rows.fit(family)
    stored, answers = family.dump(old), family.predict(old, rows.table)
    new = later.update(family, old)
    require_valid(family, new, rows)
    require(family.dump(old) == stored, "the update changed the old estimator")
    require(np.array_equal(family.predict(old, rows.table), answers), "the update changed the old answers")
    require(not np.array_equal(family.predict(new, rows.table), answers), "the update changed nothing")
    require(family.dump(later.update(family, old)) == family.dump(new), "two equal updates differ")


@register("MC013", _unless_update)
def check_update_survives_a_restart(family: Family, task: Task) -> None:
    """An update runs in another process than the fit: from a loaded estimator it must lead to the same one."""
    rows, later = make_rows(family, task), make_rows(family, task, 120, "later")
    old = rows.fit(family)
    here = later.update(family, old)
    there = later.update(family, family.load(family.dump(old)))
    same = np.array_equal(family.predict(here, rows.table), family.predict(there, rows.table))
    require(same, "an update after loading differs from one without")


@register("MC014", _unless_update)
def check_update_with_the_unknown(family: Family, task: Task) -> None:
    """A new batch brings category codes, missing cells and classes of which the old rows held none."""
    rows, later = make_rows(family, task), make_rows(family, task, 120, "later")
    later = later.with_column("group", np.arange(120) % 40)
    if task.is_classification:
        old = rows.take(rows.target != 1).fit(family)
        new = later.update(family, old)
        gain = family.predict(new, rows.table)[:, 1] > family.predict(old, rows.table)[:, 1]
        gained = bool(gain[rows.target == 1].all()) and gain.mean() > 0
        require(gained, "a class that an update brought did not become more probable, above all where it is true")
    else:
        new = later.update(family, rows.fit(family))
    require_valid(family, new, rows)
    require_valid(family, new, later)
    for start in (rows.take(slice(1)), rows.without_columns()):
        late = later if start.table.names else later.without_columns()
        require_valid(family, late.update(family, start.fit(family)), late)
    require_valid(family, later.take(slice(1)).update(family, rows.fit(family)), rows)


@register("MC015", _always_updates)
def check_update_is_refused(family: Family, task: Task) -> None:
    """A family that cannot be updated must say so, and not return the old estimator as if it had learned."""
    rows = make_rows(family, task)
    estimator = rows.fit(family)
    require_refusal(lambda: rows.update(family, estimator), ConfigError, family.name)


@register("MC016", _unless_weights)
def check_weights_count(family: Family, task: Task) -> None:
    """Weights stand for balanced classes and faded rows: heavier rows pull the answers, and scale does not matter."""
    rows = make_rows(family, task)
    weights = np.where(rows.target > np.median(rows.target), 5.0, 1.0)
    plain, weighted = rows.fit(family), rows.fit(family, weights=weights)
    require_valid(family, weighted, rows)
    answers = family.predict(weighted, rows.table)
    lean = np.mean(_compute_expectation(answers) - _compute_expectation(family.predict(plain, rows.table)))
    require(lean > 0, f"heavier high targets moved the answers by {lean:.3g}, which is not up")
    scaled = family.predict(rows.fit(family, weights=weights * 1024.0), rows.table)
    require_close(scaled, answers, "weights on another scale give another model")
    require_refusal(lambda: rows.fit(family, weights=-weights), DataError, "Weights")


@register("MC017", _is_prior)
def check_learns(family: Family, task: Task) -> None:
    """With the default parameters it beats the prior on later rows by a tenth, or it is not worth a trial."""
    rows, later = make_rows(family, task, 400), make_rows(family, task, 400, "later")
    estimator = rows.fit(family)
    loss = _compute_loss(family.predict(estimator, later.table), later)
    bar = _compute_loss(estimator.baseline.predict(len(later)), later)
    require(loss < 0.9 * bar, f"loss {loss:.3f} against {bar:.3f} of the prior")


@register("MC018")
def check_search_space(family: Family, task: Task) -> None:
    """Every point of the search space fits, on a small table too, and the default parameters are one of them.

    A trial knows each parameter by the family's name too: two families may both have a ``max_depth``.
    """
    import optuna

    rows = make_rows(family, task, 90)
    n_columns = len(rows.table.names)
    default = dict(family.default_params(task))
    named = {f"{family.name}.{name}": param for name, param in default.items()}
    first = family.suggest(optuna.trial.FixedTrial(named), task, 5000, n_columns)
    require(dict(first) == default, f"the search space turns the default {default} into {dict(first)}")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=4))
    for _ in range(5):
        trial = study.ask()
        params = family.suggest(trial, task, len(rows), n_columns)
        require(set(trial.params) == {f"{family.name}.{name}" for name in params}, f"the trial has {trial.params}")
        require_valid(family, rows.fit(family, params=params), rows)


@register("MC019")
def check_unknown_parameters_are_refused(family: Family, task: Task) -> None:
    """A parameter that is misspelt in a stored candidate must not be dropped without a word."""
    rows = make_rows(family, task)
    require_refusal(lambda: rows.fit(family, params={"max_depht": 3}), ConfigError, "max_depht")


@register("MC020")
def check_huge_cells(family: Family, task: Task) -> None:
    """One absurd cell (a premium of a trillion, a number beyond float32) must not make an answer NaN or infinite."""
    rows = make_rows(family, task)
    estimator = rows.fit(family)
    for size in (1e12, -1e12, np.inf, -np.inf):
        struck = rows.with_column("helper", np.where(np.arange(len(rows)) == 4, size, rows.table.values[:, 1]))
        require_valid(family, estimator, struck)
        require_valid(family, struck.fit(family), struck)
        require_valid(family, estimator, rows.with_column("group", size))


@register("MC021")
def check_other_columns_are_refused(family: Family, task: Task) -> None:
    """Arrays have no memory: columns of another encoder would be read as this one's without a sound."""
    rows = make_rows(family, task)
    estimator = rows.fit(family)
    require_refusal(lambda: family.predict(estimator, rows.with_column("extra", 0.0).table), DataError, "extra")
    swapped = EncodedTable(rows.table.values, tuple(reversed(rows.table.names)), rows.table.categorical)
    require_refusal(lambda: family.predict(estimator, swapped), DataError, "order")


@register("MC022")
def check_bad_targets_are_refused(family: Family, task: Task) -> None:
    """A missing target, a code beyond the classes or one target too few is a fault upstream, to be named at once."""
    rows = make_rows(family, task)
    missing = np.where(np.arange(len(rows)) == 2, np.nan, rows.target)
    require_refusal(lambda: replace(rows, target=missing).fit(family), DataError, "target")
    require_refusal(lambda: replace(rows, target=rows.target[1:]).fit(family), DataError, "target")
    if task.is_classification:
        require_refusal(lambda: replace(rows, target=rows.target + 1).fit(family), DataError, str(rows.n_classes))


def _compute_expectation(answers: np.ndarray) -> np.ndarray:
    return answers @ np.arange(answers.shape[1]) if answers.ndim == 2 else answers


def _compute_loss(answers: np.ndarray, rows: Rows) -> float:
    if rows.task.is_classification:
        return float(-np.log(answers[np.arange(len(rows)), rows.target]).mean())
    return float(np.square(answers - rows.target).mean())


def _shift(rows: Rows) -> Rows:
    """Return the rows with their highest target in all but a tenth of them, as after a change of concept."""
    kept = np.arange(len(rows)) % 10 == 0
    return replace(rows, target=np.where(kept, rows.target, rows.target.max()))
