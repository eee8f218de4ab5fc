"""The quality checks. A new one is a function from evidence to findings and a line here; codes are never used twice."""

from common.records import CheckResult, Severity
from pipeline.analysis.quality.check import Check, Dimension
from pipeline.analysis.quality.completeness import find_absent_columns, measure_completeness, measure_labels
from pipeline.analysis.quality.consistency import measure_orders
from pipeline.analysis.quality.evidence import Evidence
from pipeline.analysis.quality.sufficiency import (
    find_constant_columns,
    measure_classes,
    measure_kept_rows,
    measure_volume,
)
from pipeline.analysis.quality.timeliness import measure_punctuality, measure_times
from pipeline.analysis.quality.uniqueness import measure_key_uniqueness, measure_row_uniqueness
from pipeline.analysis.quality.validity import (
    measure_allowed,
    measure_dates,
    measure_kept_types,
    measure_known_labels,
    measure_numbers,
    measure_ranges,
)

INFO, WARNING, ERROR = Severity.INFO, Severity.WARNING, Severity.ERROR

CHECKS = (
    Check("DQ001", Dimension.COMPLETENESS, WARNING, measure_completeness),
    Check("DQ002", Dimension.COMPLETENESS, WARNING, find_absent_columns),
    Check("DQ003", Dimension.COMPLETENESS, WARNING, measure_labels),
    Check("DQ004", Dimension.UNIQUENESS, WARNING, measure_row_uniqueness),
    Check("DQ005", Dimension.UNIQUENESS, WARNING, measure_key_uniqueness),
    Check("DQ006", Dimension.VALIDITY, WARNING, measure_numbers),
    Check("DQ007", Dimension.VALIDITY, WARNING, measure_dates),
    Check("DQ008", Dimension.VALIDITY, WARNING, measure_ranges),
    Check("DQ009", Dimension.VALIDITY, WARNING, measure_allowed),
    Check("DQ010", Dimension.VALIDITY, WARNING, measure_known_labels),
    Check("DQ011", Dimension.VALIDITY, ERROR, measure_kept_types),
    Check("DQ012", Dimension.CONSISTENCY, WARNING, measure_orders),
    Check("DQ013", Dimension.TIMELINESS, WARNING, measure_times),
    Check("DQ014", Dimension.TIMELINESS, INFO, measure_punctuality),
    Check("DQ015", Dimension.SUFFICIENCY, ERROR, measure_kept_rows),
    Check("DQ016", Dimension.SUFFICIENCY, ERROR, measure_volume),
    Check("DQ017", Dimension.SUFFICIENCY, WARNING, measure_classes),
    Check("DQ018", Dimension.SUFFICIENCY, INFO, find_constant_columns),
)


def run_checks(evidence: Evidence) -> tuple[CheckResult, ...]:
    """Return every check's results, in the order of the codes and, within one, of the schema's columns."""
    return tuple(result for check in CHECKS for result in check.run(evidence))


def find_rejection(checks: tuple[CheckResult, ...]) -> str:
    """Return the message of the first breach of severity ERROR, or '' where the batch is accepted."""
    return next((check.message for check in checks if not check.passed and check.severity is ERROR), "")
