"""Fitting what chooses: the selector and the estimators of an update, and the rows on which they were judged."""

from dataclasses import replace

from pointsman.meta.fitting import explain_production, learn_selector, list_changes, log_untuned, name_aliases
from pointsman.meta.performance_estimates import learn_estimators
from pointsman.meta.selector_store import save_selector
from pointsman.meta.store import grade_rows, load_grades, record_rows_row
from pointsman.meta.tables import estimates_table, grades_table, record_rows_table, records_table
from pointsman.model_zoo.reference_fitting import fit_input_reference
from pointsman.pipeline.drift.reference import describe_window
from pointsman.pipeline.retraining.learning import Learned
from pointsman.pipeline.training.data import TrainingData
from pointsman.pipeline.validation.evidence import Evaluated
from pointsman.pipeline.validation.prequential import score_newcomers, score_rows
from pointsman.pipeline.validation.records import list_records
from pointsman.pipeline.validation.tables import scores_table
from pointsman.registry.generations import Event, Generation
from pointsman.registry.update_run import UpdateRun


def fit_selection(
    run: UpdateRun, generation: Generation, data: TrainingData, evaluated: Evaluated, learned: Learned
) -> tuple[Generation, list[Event]]:
    """Fit the selector and the estimators on all records; return the generation with them, and what changed."""
    config, state, before, record = run.config, run.state, run.before, evaluated.result.record
    with run.watch.stage("selection"):
        # A part of a season that is new is no error: such features are never flagged.
        rows = data.training_set.rows
        reference = fit_input_reference(rows.features.drop(columns=list(rows.seasons)), rows.batches)
        grades = [*load_grades(state), *evaluated.grades]
        selector = learn_selector(config, generation, learned.records, grades, before.versions)
        estimators = learn_estimators(config, generation, selector, learned.records, evaluated.outputs)
    draft_evaluation(run, generation, evaluated, learned)
    asked = selector, record.rows.profiles[0], config.selection.mode
    generation = replace(
        generation,
        selector=save_selector(state, selector, reference, estimators),
        aliases=name_aliases(generation, *asked),
    )
    if learned.registered:
        described = state.files.save(describe_window(run.schema, data.window).to_json(), ".json")
        generation = replace(generation, reference=described)
    log_untuned(config, generation, selector)
    return generation, list_changes(before, generation, explain_production(generation, *asked))


def draft_evaluation(run: UpdateRun, generation: Generation, evaluated: Evaluated, learned: Learned) -> None:
    """Add what was predicted, scored, graded and estimated to the draft."""
    result, draft, late = evaluated.result, run.draft, learned.late
    newcomers = score_newcomers(generation, run.before, result.record, late)
    draft.add(scores_table, score_rows(run.number, [*evaluated.scores, *newcomers]))
    draft.add(record_rows_table, [record_rows_row(run.state.files, result.table.rows, result.table.first_row)])
    listed = list_records(run.state, generation, run.before, result.record, learned.records, late, evaluated.outputs)
    draft.add(records_table, listed)
    draft.add(grades_table, grade_rows(evaluated.grades))
    draft.add(estimates_table, evaluated.estimates)
