"""Policies of retraining: what each says after a batch, whatever it is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.common.config import ResponseConfig
from pointsman.pipeline.retraining.policies import Policy, configured_policy, list_policies, trains

losses = st.none() | st.floats(0, 10)
told = {
    "since_training": st.integers(1, 50),
    "drifted": st.booleans(),
    "estimated_loss": losses,
    "loss_after_training": losses,
}


@given(**told)
def test_always_and_never_look_at_nothing(**evidence):
    assert trains(Policy("always"), **evidence)
    assert not trains(Policy("never"), **evidence)


@given(every=st.integers(1, 9), **told)
def test_every_counts_batches_alone(every, **evidence):
    assert trains(Policy("every", every=every), **evidence) == (evidence["since_training"] >= every)


@given(**told)
def test_drift_follows_the_verdict_alone(**evidence):
    assert trains(Policy("drift"), **evidence) == evidence["drifted"]


@given(worse_by=st.floats(0.01, 1), less=st.floats(0, 1), **told)
def test_loss_trains_on_a_rise_alone_and_while_nothing_is_estimated(worse_by, less, **evidence):
    policy = Policy("loss", worse_by=worse_by)
    now, after = evidence["estimated_loss"], evidence["loss_after_training"]
    if now is None or after is None:
        assert trains(policy, **evidence)
    else:
        assert trains(policy, **evidence) == (now > after * (1 + worse_by))
        lower = evidence | {"estimated_loss": now * less}
        assert trains(policy, **evidence) or not trains(policy, **lower), "a lower estimate never trains sooner"


@given(st.sampled_from(["always", "never", "every", "drift", "loss"]), st.integers(1, 9), st.floats(0.01, 1))
def test_settings_lead_back_to_the_policy_and_it_is_among_the_compared(retrain, every, worse_by):
    response = ResponseConfig(retrain=retrain, every=every, worse_by=worse_by)
    policy = configured_policy(response)
    assert configured_policy(ResponseConfig(**policy.settings)) == policy
    compared = list_policies(response)
    assert len(set(compared)) == len(compared)
    if (retrain, every) != ("every", 1):  # which is always, in other words
        assert policy in compared


def test_every_policy_is_named_differently():
    names = [policy.name for policy in list_policies(ResponseConfig())]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("stated", [{"retrain": "often"}, {"every": 0}, {"worse_by": 0}])
def test_senseless_settings_are_refused(stated):
    with pytest.raises(ValueError, match=next(iter(stated))):
        ResponseConfig(**stated)
