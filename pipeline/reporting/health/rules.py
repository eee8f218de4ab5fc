"""Every rule of health, in the order in which findings of one level are told. A new one is a line here."""

from collections.abc import Callable

from pointsman.pipeline.reporting.health import serving_rules as serving
from pointsman.pipeline.reporting.health import stream_rules as stream
from pointsman.pipeline.reporting.health.facts import Facts
from pointsman.pipeline.reporting.health.finding import Finding, Verdict, reach_verdict

Rule = Callable[[Facts], Finding | None]

RULES: tuple[Rule, ...] = (
    serving.check_serves,
    serving.check_files,
    serving.check_fallbacks,
    serving.check_failures,
    serving.check_columns,
    serving.check_rivals,
    serving.check_regret,
    serving.check_choice,
    serving.check_skill,
    serving.check_tested,
    serving.check_estimate,
    stream.check_batch,
    stream.check_age,
    stream.check_drift,
    stream.check_labels,
    stream.check_quarantine,
    stream.check_quality,
    serving.check_pin,
)


def judge_health(facts: Facts) -> Verdict:
    """Return what all rules come to."""
    found = [finding for finding in apply_rules(facts).values() if finding is not None]
    return reach_verdict(found, _say_well(facts), facts.typed.update())


def apply_rules(facts: Facts) -> dict[str, Finding | None]:
    """Return what each rule found, by its name: that of its function behind 'check_'."""
    return {rule.__name__.removeprefix("check_"): rule(facts) for rule in RULES}


def _say_well(facts: Facts) -> str:
    """Return the sentence of a state that no rule has anything against."""
    if facts.serving is None:
        return ""  # a rule has found that nothing serves, so nobody reads this
    tested = facts.serving.tested_on
    return (
        f"{facts.serving.id} answers; it was tested on batch {tested} before it learned from it, and nothing is amiss."
    )
