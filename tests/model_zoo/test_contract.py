"""Every family passes every check of the contract, with warnings as errors."""

import pytest

from pointsman.common.task import Task
from pointsman.model_zoo.checks import check_learns, iterate_cases
from pointsman.model_zoo.contract import CHECKS, Case, ContractBroken
from pointsman.model_zoo.families import FAMILIES
from pointsman.model_zoo.prior import Prior

CASES = list(iterate_cases(FAMILIES.values()))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("case", CASES, ids=str)
def test_family_keeps_the_contract(case: Case) -> None:
    if case.reason:
        pytest.skip(case.reason)
    case.check.run(case.family, case.task)


def test_no_case_is_lost() -> None:
    assert len(CASES) == len(CHECKS) * len(FAMILIES) * len(Task) > 300
    assert {case.family.name for case in CASES} == {
        "prior",
        "linear",
        "knn",
        "tree",
        "extra_trees",
        "lightgbm",
        "catboost",
    }
    codes = [check.code for check in CHECKS]
    assert codes == [f"MC{number:03}" for number in range(1, len(codes) + 1)]


def test_few_cases_are_excluded_and_all_checks_run_somewhere() -> None:
    running = {case.check.code for case in CASES if not case.reason}
    assert running == {check.code for check in CHECKS}
    tried = [case for case in CASES if case.family.installed]
    assert sum(1 for case in tried if case.reason) < len(tried) / 5


def test_a_family_that_learns_nothing_is_found_out() -> None:
    with pytest.raises(ContractBroken, match="of the prior"):
        check_learns(Prior(), Task.BINARY)
