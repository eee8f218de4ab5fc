"""Each rule about what serves: silent where all is well, and right about level, sentence and command where not."""

from dataclasses import replace
from datetime import datetime

import pytest
from healthy import BATCHES, DEFAULT, HEALTHY, PRIOR, SERVING

from pointsman.pipeline.reporting.health import serving_rules as rules
from pointsman.pipeline.reporting.health.facts import Answered, DamagedColumn, Estimated, Graded, Ledger
from pointsman.pipeline.reporting.health.finding import Level
from pointsman.pipeline.reporting.health.rules import RULES, judge_health

NOTHING_SERVES = replace(HEALTHY, serving=None, rivals=(), grades=())


def test_of_a_healthy_state_no_rule_finds_anything():
    assert [rule(HEALTHY) for rule in RULES] == [None] * len(RULES)
    verdict = judge_health(HEALTHY)
    assert (verdict.level, verdict.name, verdict.findings) == (Level.GREEN, "Healthy", ())
    assert verdict.sentence == (
        "ensemble-0009 answers; it was tested on batch 6 before it learned from it, and nothing is amiss."
    )
    assert verdict.update == "python run.py update"


def test_a_state_without_a_model_is_red_and_says_what_was_refused():
    refused = replace(NOTHING_SERVES, batches=replace(BATCHES, accepted=0, is_rejected=True, refused=2, reason="Bad."))
    finding = rules.check_serves(refused)
    assert (finding.level, finding.command) == (Level.RED, "python run.py quarantine")
    assert finding.sentence == "No model serves yet: 2 batches came and nothing could be learned. Bad."
    assert rules.check_serves(NOTHING_SERVES).command == "python run.py update"
    assert judge_health(refused).level is Level.RED, "no other rule fails where there is no model"


def test_a_version_that_cannot_be_loaded_is_red_only_if_it_answers():
    broken = replace(HEALTHY, broken={"knn-0003": "gone", "linear-0008": "The stored file 'x' is missing"})
    finding = rules.check_files(broken)
    assert (finding.level, finding.command) == (Level.RED, "python run.py models rebuild linear-0008")
    assert finding.sentence == (
        "linear-0008, which answers requests, cannot be loaded: The stored file 'x' is missing. Neither can 1 other "
        "version."
    )
    other = rules.check_files(replace(HEALTHY, broken={"knn-0003": "gone"}))
    assert (other.level, other.command) == (Level.AMBER, "python run.py models rebuild knn-0003")


def test_a_version_that_failed_on_requests_is_named_unless_its_files_are_known_to_be_broken():
    failed = replace(HEALTHY, answered=replace(HEALTHY.answered, failures={"tree-0007": "ValueError: x"}))
    assert rules.check_failures(failed).command == "python run.py models rebuild tree-0007"
    assert rules.check_failures(replace(failed, broken={"tree-0007": "gone"})) is None


@pytest.mark.parametrize(
    ("fallen", "level", "begins"),
    [(199, None, ""), (200, Level.AMBER, "20\xa0% of the answered rows"), (1_000, Level.RED, "Every answered row")],
)
def test_the_share_of_fallbacks_decides_how_bad_it_is(fallen, level, begins):
    answered = Answered(6, 3, 1_000, {"fallback:sparse": fallen}, "3f2a", {}, (DamagedColumn("AGE", True, 0.4),))
    finding = rules.check_fallbacks(replace(HEALTHY, answered=answered))
    assert (finding and finding.level) == level
    if finding:
        assert finding.sentence == (
            f"{begins} went to a fallback, mostly because cells were missing that seldom are (AGE): 3 requests of "
            "1000 rows."
        )
        assert finding.command == "python run.py explain 3f2a"


def test_columns_that_requests_lack_or_that_cannot_be_read_are_named():
    damaged = (DamagedColumn("AGE", True, 1.0), DamagedColumn("MAKE", False, 0.6), DamagedColumn("SEX", True, 0.4))
    finding = rules.check_columns(replace(HEALTHY, answered=replace(HEALTHY.answered, damaged=damaged)))
    assert finding.level is Level.AMBER
    assert finding.sentence == (
        "Requests lack 'AGE' and hold in 'MAKE' what cannot be read or was never seen in 100\xa0% of their rows: "
        "3 requests of 1000 rows."
    )


@pytest.mark.parametrize(
    ("rows", "is_now", "level", "ends"),
    [
        (20, True, Level.AMBER, "1 request of 20 rows since 1 May 2026 08:30."),
        (19, True, Level.GREEN, "1 request of 19 rows since 1 May 2026 08:30, too few to tell how requests are."),
        (500, False, Level.GREEN, "08:30, answered by generation 1, which answers no more."),
    ],
)
def test_few_rows_and_those_of_earlier_generations_are_no_verdict_of_now(rows, is_now, level, ends):
    damaged = (DamagedColumn("AGE", True, 1.0),)
    since = datetime(2026, 5, 1, 8, 30, 12)
    answered = Answered(1, 1, rows, {"fallback:sparse": rows}, "3f2a", {}, damaged, since, is_now)
    for rule in (rules.check_columns, rules.check_fallbacks):
        finding = rule(replace(HEALTHY, answered=answered))
        assert finding.level is (Level.RED if level is Level.AMBER and rule is rules.check_fallbacks else level)
        assert finding.sentence.endswith(ends)
    failed = replace(HEALTHY, answered=replace(answered, failures={"tree-0007": "ValueError: x"}))
    assert rules.check_failures(failed).level is (Level.AMBER if is_now else Level.GREEN)


@pytest.mark.parametrize(
    ("ledger", "level"),
    [
        (Ledger(5, 400, 0.45, 0.40, 0.01), Level.RED),
        (Ledger(5, 400, 0.43, 0.40, 0.01), Level.AMBER),
        (Ledger(5, 400, 0.43, 0.40, 0.06), None),
        (Ledger(1, 40, 0.41, 0.40, None), None),
        (Ledger(1, 40, 0.43, 0.40, None), Level.AMBER),
        (Ledger(), None),
    ],
)
def test_regret_counts_beyond_noise(ledger, level):
    finding = rules.check_regret(replace(HEALTHY, ledger=ledger))
    assert (finding and finding.level) == level
    if finding:
        assert "the best single model, tree-0007, would have been" in finding.sentence
        assert finding.command.startswith('python run.py models promote tree-0007 --why "')


def test_a_choice_that_lost_to_the_champions_counts_on_clean_input_alone():
    clean = rules.check_choice(replace(HEALTHY, grades=(Graded(6, "clean", 0.55, 0.5, 0.05, 0.005),)))
    assert (clean.level, clean.command) == (Level.AMBER, "python run.py models history")
    assert "On the clean input of batch 6 what was chosen was 10.0\xa0% worse (log-loss) than" in clean.sentence
    assert (
        rules.check_choice(replace(HEALTHY, grades=(Graded(6, "damaged", 0.55, 0.5, 0.05, 0.01),))).level is Level.GREEN
    )


def test_a_lost_choice_of_numbers_is_told_in_the_unit_of_the_losses_beside_it():
    squares = Graded(6, "clean", 1.1, 1.0, 0.21, 0.01)
    told = rules.check_choice(replace(HEALTHY, loss="RMSE", grades=(squares,))).sentence
    assert "was 10.0\xa0% worse (RMSE)" in told


def test_a_choice_that_has_stepped_back_is_no_fault_any_more():
    back = replace(HEALTHY, serving=replace(SERVING, id=SERVING.champion))
    finding = rules.check_choice(replace(back, grades=(Graded(6, "clean", 0.55, 0.5, 0.05, 0.005),)))
    assert finding.level is Level.GREEN
    assert finding.sentence.endswith(f", so {SERVING.champion}, the best single model now, answers.")


def test_what_serves_may_not_lose_to_plain_lightgbm_beyond_noise_nor_to_no_model_at_all():
    lost = replace(HEALTHY, rivals=(replace(DEFAULT, mean=0.04), PRIOR))
    finding = rules.check_rivals(lost)
    assert finding.sentence == (
        "ensemble-0009 was 4.0\xa0% worse (log-loss) than LightGBM as it comes, lightgbm-0001 over all rows of the "
        "last 5 batches, beyond noise."
    )
    assert (finding.level, finding.action) == (Level.AMBER, "Let lightgbm-0001 answer every request")
    assert rules.check_rivals(replace(HEALTHY, rivals=(replace(DEFAULT, mean=0.01),))) is None, "within noise"
    worse = rules.check_rivals(replace(HEALTHY, rivals=(replace(DEFAULT, mean=0.4), replace(PRIOR, mean=0.1))))
    assert worse.level is Level.RED
    assert "answering every row alike" in worse.sentence
    once = replace(PRIOR, batches=1, error=None, mean=0.1, newest=0.1)
    assert rules.check_rivals(replace(HEALTHY, rivals=(once,))).level is Level.AMBER
    young = replace(DEFAULT, batches=2, error=None, mean=0.2, newest=0.2)
    assert rules.check_rivals(replace(HEALTHY, rivals=(young,))) is None, "single models change places"


def test_the_prior_alone_is_no_model():
    finding = rules.check_skill(replace(HEALTHY, serving=replace(SERVING, family="prior")))
    assert (finding.level, finding.command) == (Level.AMBER, "python run.py update search.trials=40")


def test_what_was_never_tested_is_amber_and_one_batch_is_too_early():
    untested = replace(HEALTHY, serving=replace(SERVING, tested_on=None))
    assert rules.check_tested(untested).sentence == (
        "ensemble-0009 serves and was never tested on a batch that it had not learned."
    )
    early = rules.check_tested(replace(untested, batches=replace(BATCHES, accepted=1)))
    assert (early.level, early.sentence.split(":")[0]) == (Level.AMBER, "Too early to judge")


def test_a_batch_that_went_worse_than_foreseen_is_amber_and_one_that_went_better_is_not():
    worse = rules.check_estimate(replace(HEALTHY, estimated=Estimated(6, 0.5, 0.4, 0.6, 0.75)))
    assert worse.sentence == "Batch 6 went worse than foreseen: its log-loss was 0.75, and at most 0.6 was expected."
    assert worse.command == "python run.py eda 6"
    assert rules.check_estimate(replace(HEALTHY, estimated=Estimated(6, 0.5, 0.4, 0.6, 0.2))) is None


def test_a_model_promoted_by_hand_is_told_with_the_way_back():
    pinned = replace(HEALTHY, serving=replace(SERVING, pinned_by="ann", pinned_why="the audit asks for it"))
    finding = rules.check_pin(pinned)
    assert finding.level is Level.GREEN
    assert finding.sentence == ("ensemble-0009 answers every request because ann promoted it: the audit asks for it.")
    assert finding.command == 'python run.py models promote auto --why "the choice is by record again"'
    bare = rules.check_pin(replace(HEALTHY, serving=replace(SERVING, pinned_by="ann")))
    assert bare.sentence == "ensemble-0009 answers every request because ann promoted it."
