"""The table of a backtest: loss against cost by policy, as text."""

from pointsman.common.text import lay_out
from pointsman.pipeline.retraining.recommendation import TOLERANCE, Advice, Backtest


def describe(done: Backtest) -> list[str]:
    """Return the table of loss against cost, line by line, with the recommended policy marked."""
    replayed = done.replayed
    header = ["", "policy", replayed["loss"], "against always", "interval", "worst third", "trainings", "seconds"]
    rows = [
        [
            "*" if one.policy == done.recommended else "",
            one.policy.name,
            f"{one.loss:.4f}",
            f"{one.worse:+.2%}",
            f"{one.lower:+.2%} to {one.upper:+.2%}",
            f"{one.worst_third:+.2%}",
            f"{one.trainings:.1f}",
            f"{one.seconds:.2f}",
        ]
        for one in sorted(done.outcomes, key=lambda one: (-one.trainings, one.worse))
    ]
    lines = [
        f"{replayed['candidate']} on batches {replayed['first']} to {replayed['last']} ({replayed['rows']} rows), each "
        "predicted before it may be learned.",
        "",
        lay_out([header, *rows], ruled=True),
        "",
        "against always: its loss less that of 'always', as a share of that. Either end of the interval holds with "
        f"{replayed['confidence']:.0%} confidence.",
        "worst third: the same on that third of the batches where it is largest.",
        f"trainings, seconds: after a first training on {replayed['first'] - 1} batches, which all share. A policy "
        "that counts batches is the mean over all it could begin with.",
        "",
        f"* recommended: {done.recommended.name}. It has the fewest trainings of those that surely lose little against "
        f"training always: at most {TOLERANCE:.0%} for saving all trainings, less for saving less.",
    ]
    if done.advice:
        lines.append(describe_advice(done.advice))
    else:
        lines.append("The stream is too short to be asked in its middle, so what such advice was worth is not known.")
    return lines


def describe_advice(advice: Advice) -> str:
    """Return in a sentence what the advice given in the middle of the stream was worth."""
    return (
        f"Asked after batch {advice.given_at}, it would have recommended '{advice.recommended.name}', which since then "
        f"lost {advice.lost:.2%} against '{advice.best.name}', the best in hindsight, with "
        f"{advice.trainings:.1f} trainings instead of {advice.trainings_always:.1f}."
    )
