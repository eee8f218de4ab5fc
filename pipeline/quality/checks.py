"""The quality checks. A new one is a function from evidence to findings and a line here; codes are never used twice."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pointsman.common.config import QualityConfig
from pointsman.common.errors import ConfigError
from pointsman.common.records import CheckResult, Severity
from pointsman.pipeline.quality.check import Check, Dimension
from pointsman.pipeline.quality.checked_batch import CheckedBatch
from pointsman.pipeline.quality.completeness import (
    find_absent_columns,
    find_empty_columns,
    measure_completeness,
    measure_labels,
)
from pointsman.pipeline.quality.consistency import measure_associations, measure_orders
from pointsman.pipeline.quality.leakage import measure_hindsight, measure_missingness, measure_separation
from pointsman.pipeline.quality.notations import find_contradictions, find_other_notations, measure_far_dates
from pointsman.pipeline.quality.sufficiency import (
    find_constant_columns,
    measure_classes,
    measure_kept_rows,
    measure_usual_volume,
    measure_volume,
)
from pointsman.pipeline.quality.timeliness import (
    find_old_batches,
    measure_freshness,
    measure_punctuality,
    measure_times,
)
from pointsman.pipeline.quality.uniqueness import measure_key_uniqueness, measure_repeats, measure_row_uniqueness
from pointsman.pipeline.quality.unseen import measure_cardinality, measure_outliers, measure_unseen
from pointsman.pipeline.quality.validity import (
    measure_allowed,
    measure_dates,
    measure_infinities,
    measure_kept_types,
    measure_known_labels,
    measure_numbers,
    measure_patterns,
    measure_ranges,
)

INFO, WARNING, ERROR = Severity.INFO, Severity.WARNING, Severity.ERROR
OFF = "off"

CHECKS = (
    Check("DQ001", Dimension.COMPLETENESS, WARNING, measure_completeness),
    Check("DQ002", Dimension.COMPLETENESS, WARNING, find_absent_columns),
    Check("DQ003", Dimension.COMPLETENESS, WARNING, measure_labels),
    Check("DQ004", Dimension.UNIQUENESS, WARNING, measure_row_uniqueness),
    Check("DQ005", Dimension.UNIQUENESS, WARNING, measure_key_uniqueness),
    Check("DQ006", Dimension.VALIDITY, WARNING, measure_numbers, "no number"),
    Check("DQ007", Dimension.VALIDITY, WARNING, measure_dates, "no date"),
    Check("DQ008", Dimension.VALIDITY, WARNING, measure_ranges, "number out of range"),
    Check("DQ009", Dimension.VALIDITY, WARNING, measure_allowed, "value not allowed"),
    Check("DQ010", Dimension.VALIDITY, WARNING, measure_known_labels),
    Check("DQ011", Dimension.VALIDITY, ERROR, measure_kept_types),
    Check("DQ012", Dimension.CONSISTENCY, WARNING, measure_orders),
    Check("DQ013", Dimension.TIMELINESS, WARNING, measure_times),
    Check("DQ014", Dimension.TIMELINESS, INFO, measure_punctuality),
    Check("DQ015", Dimension.SUFFICIENCY, ERROR, measure_kept_rows),
    Check("DQ016", Dimension.SUFFICIENCY, ERROR, measure_volume),
    Check("DQ017", Dimension.SUFFICIENCY, WARNING, measure_classes),
    Check("DQ018", Dimension.SUFFICIENCY, INFO, find_constant_columns),
    Check("DQ019", Dimension.VALIDITY, WARNING, measure_patterns, "pattern not matched"),
    Check("DQ020", Dimension.COMPLETENESS, WARNING, find_empty_columns),
    Check("DQ021", Dimension.VALIDITY, WARNING, measure_infinities, "infinite number"),
    Check("DQ022", Dimension.VALIDITY, WARNING, measure_unseen, "level never seen before"),
    Check("DQ023", Dimension.VALIDITY, WARNING, measure_outliers, "number far outside the usual"),
    Check("DQ024", Dimension.VALIDITY, WARNING, measure_cardinality),
    Check("DQ025", Dimension.UNIQUENESS, WARNING, measure_repeats, "copy of a stored row"),
    Check("DQ026", Dimension.TIMELINESS, WARNING, measure_freshness),
    Check("DQ027", Dimension.TIMELINESS, WARNING, find_old_batches),
    Check("DQ028", Dimension.SUFFICIENCY, WARNING, measure_usual_volume),
    Check("DQ029", Dimension.LEAKAGE, WARNING, measure_separation),
    Check("DQ030", Dimension.LEAKAGE, WARNING, measure_missingness),
    Check("DQ031", Dimension.LEAKAGE, WARNING, measure_hindsight),
    Check("DQ032", Dimension.CONSISTENCY, WARNING, measure_associations, "association rule broken"),
    Check("DQ033", Dimension.VALIDITY, WARNING, find_other_notations),
    Check("DQ034", Dimension.VALIDITY, ERROR, find_contradictions),
    Check("DQ035", Dimension.VALIDITY, WARNING, measure_far_dates),
)


def list_checks(quality: QualityConfig) -> tuple[Check, ...]:
    """Return the checks that are on, with the severities that the configuration gives them; else ConfigError."""
    known = {check.code: check for check in CHECKS}
    for code, named in quality.severity.items():
        if code not in known:
            raise ConfigError(
                f"quality.severity names '{code}', which is no check; they are {min(known)} to {max(known)}."
            )
        if named == Severity.QUARANTINE and not known[code].reason:
            raise ConfigError(
                f"quality.severity gives {code} 'quarantine', but it looks at columns or the batch and can put no row "
                "aside; write off, info, warning or error."
            )
    stated = {code: Severity(named) for code, named in quality.severity.items() if named != OFF}
    on = (check for check in CHECKS if quality.severity.get(check.code) != OFF)
    return tuple(replace(check, severity=stated.get(check.code, check.severity)) for check in on)


def find_faulty_rows(checks: Sequence[Check], evidence: CheckedBatch) -> dict[str, np.ndarray]:
    """Return, by reason, which rows (n_rows,) breached checks of severity QUARANTINE put aside."""
    faulty: dict[str, np.ndarray] = {}
    for check in checks:
        for result, finding in check.run(evidence) if check.severity is Severity.QUARANTINE else ():
            if not result.passed and finding.find_rows:
                rows = finding.find_rows()
                faulty[check.reason] = faulty[check.reason] | rows if check.reason in faulty else rows
    return faulty


def run_checks(checks: Sequence[Check], evidence: CheckedBatch) -> tuple[CheckResult, ...]:
    """Return every check's results, in the order of the codes and, within one, of the schema's columns."""
    return tuple(result for check in checks for result, _ in check.run(evidence))


def find_rejection(checks: tuple[CheckResult, ...]) -> str:
    """Return the message of the first breach of severity ERROR, or '' where the batch is accepted."""
    return next((check.message for check in checks if not check.passed and check.severity is ERROR), "")
