"""When models learn again: policies, and what each says after a batch."""

from dataclasses import dataclass

from pointsman.common.config import ResponseConfig

SPACINGS = (2, 3, 5)
"""Batches between trainings that a backtest tries beside the configured ones."""


@dataclass(frozen=True)
class Policy:
    """When to train: ``retrain`` is always, never, every, drift or loss; the others matter to every and to loss alone.

    every:    batches from one training to the next
    worse_by: relative rise of the estimated loss over that right after the last training
    """

    retrain: str
    every: int = 1
    worse_by: float = 0.0

    @property
    def name(self) -> str:
        """Return the policy in words.

        >>> Policy("every", every=3).name, Policy("loss", worse_by=0.05).name, Policy("drift").name
        ('every 3 batches', 'on estimated loss + 5 %', 'on drift')
        """
        match self.retrain:
            case "every":
                return f"every {self.every} batches"
            case "loss":
                return f"on estimated loss + {100 * self.worse_by:g} %"
            case "drift":
                return "on drift"
        return self.retrain

    @property
    def settings(self) -> dict[str, str | int | float]:
        """Return the keys of the configuration's section ``response`` that make this policy.

        >>> Policy("every", every=3).settings, Policy("never").settings
        ({'retrain': 'every', 'every': 3}, {'retrain': 'never'})
        """
        match self.retrain:
            case "every":
                return {"retrain": self.retrain, "every": self.every}
            case "loss":
                return {"retrain": self.retrain, "worse_by": self.worse_by}
        return {"retrain": self.retrain}


ALWAYS = Policy("always")


def configured_policy(response: ResponseConfig) -> Policy:
    """Return the policy that the configuration states.

    >>> configured_policy(ResponseConfig(retrain="every", every=4)).name
    'every 4 batches'
    """
    match response.retrain:
        case "every":
            return Policy("every", every=response.every)
        case "loss":
            return Policy("loss", worse_by=response.worse_by)
    return Policy(response.retrain)


def list_policies(response: ResponseConfig) -> tuple[Policy, ...]:
    """Return the policies that a backtest compares: every kind, with the configured numbers and a few others."""
    spacings = sorted({*SPACINGS, response.every} - {1})
    return (
        ALWAYS,
        *(Policy("every", every=spacing) for spacing in spacings),
        Policy("drift"),
        Policy("loss", worse_by=response.worse_by),
        Policy("never"),
    )


def trains(
    policy: Policy, since_training: int, drifted: bool, estimated_loss: float | None, loss_after_training: float | None
) -> bool:
    """Return whether models learn after a batch.

    since_training:      batches since the last training, this one included
    drifted:             whether this batch has drifted from what was learned
    estimated_loss:      what the models are estimated to lose on it, without its labels; None where that is not known
    loss_after_training: the same for the first batch after the last training

    >>> trains(Policy("loss", worse_by=0.05), since_training=4, drifted=False, estimated_loss=0.22,
    ...        loss_after_training=0.20)
    True
    >>> trains(Policy("every", every=3), 2, True, None, None)
    False
    """
    match policy.retrain:
        case "always":
            return True
        case "every":
            return since_training >= policy.every
        case "drift":
            return drifted
        case "loss":
            if estimated_loss is None or loss_after_training is None:
                return True  # else a stream whose first batches cannot be estimated would never be learned again
            return estimated_loss > loss_after_training * (1 + policy.worse_by)
    return False
