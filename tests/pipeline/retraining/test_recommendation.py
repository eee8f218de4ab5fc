"""Advice on retraining: cheap where nothing is lost, careful where it is not sure, and honest about its past."""

import numpy as np
import pytest

from pointsman.pipeline.retraining.policies import ALWAYS, Policy
from pointsman.pipeline.retraining.recommendation import (
    PolicyEvidence,
    compute_half_width,
    compute_outcomes,
    follow_advice,
    recommend,
)
from pointsman.pipeline.retraining.simulation import Evaluation, PolicyRun

EVERY2, EVERY5, NEVER = Policy("every", every=2), Policy("every", every=5), Policy("never")
SPACING = {ALWAYS: 1, EVERY2: 2, EVERY5: 5, NEVER: 1_000}


def make(loss_at_age, batches: int = 43, starts=(3,), noise: float = 0.0, root: bool = False):
    """Journeys and evidence where a model's loss depends on its age and the batch, and rows of a batch share noise."""
    generator = np.random.default_rng(5)
    level = 1 + noise * generator.normal(size=batches + 1)
    met, policy_runs = {}, []
    for start in starts:
        for policy, spacing in SPACING.items():
            for waited in range(policy.every):
                later = range(start + 1, batches + 1)
                served = {
                    one: max(start, (one - 1 - start + waited) // spacing * spacing + start - waited) for one in later
                }
                trainings = tuple(sorted(set(served.values()) - {start}))
                policy_runs.append(PolicyRun(policy, start, waited, served, trainings))
                for batch, trained in served.items():
                    own = 0.3 * generator.normal(0, noise, 8) if noise else np.zeros(8)
                    losses = (loss_at_age(batch - trained, batch) * level[batch] + own).tolist()
                    met.setdefault((trained, batch), Evaluation(trained, batch, 80, tuple(losses), False, None))
    return policy_runs, PolicyEvidence(dict.fromkeys(range(batches), 2.0), met, 0.9, root)


def advise(*made) -> Policy:
    return recommend(compute_outcomes(*made))


class TestRecommend:
    def test_where_age_costs_nothing_the_cheapest_that_still_learns_is_taken(self):
        assert advise(*make(lambda _age, _batch: 0.5)) == EVERY5

    def test_where_age_costs_much_every_batch_is_learned(self):
        assert advise(*make(lambda age, _batch: 0.5 + 0.1 * (age > 1))) == ALWAYS

    def test_what_may_be_lost_grows_with_what_is_saved(self):
        policy_runs, evidence = make(lambda age, _batch: 0.5 * (1 + 0.014 * (age > 1)))
        outcomes = {one.policy: one for one in compute_outcomes(policy_runs, evidence)}
        assert 0.005 < outcomes[EVERY2].upper < 0.01, "less than 1 %, but it saves only half"
        assert recommend(list(outcomes.values())) == ALWAYS
        assert advise(*make(lambda age, _batch: 0.5 * (1 + 0.002 * (age - 1)))) == EVERY5
        assert advise(*make(lambda age, _batch: 0.5 * (1 + 0.007 * (age > 1) + 0.5 * (age > 2)))) == EVERY2

    def test_never_is_taken_only_where_learning_surely_harms(self):
        assert advise(*make(lambda age, _batch: 0.5 - 0.0001 * age, noise=0.05)) != NEVER
        assert advise(*make(lambda age, _batch: 0.5 - 0.004 * min(age, 40))) == NEVER

    @pytest.mark.parametrize("times", [range(6, 11), range(20, 25), range(39, 44)])
    def test_harm_at_one_time_counts_though_the_mean_is_small(self, times):
        policy_runs, evidence = make(lambda age, batch: 0.5 * (1 + 0.03 * (age > 1) * (batch in times)))
        outcomes = {one.policy: one for one in compute_outcomes(policy_runs, evidence)}
        assert outcomes[EVERY5].worse < 0.005
        assert outcomes[EVERY5].worst_third > 2 * outcomes[EVERY5].worse
        assert recommend(list(outcomes.values())) == ALWAYS

    def test_two_batches_prove_nothing(self):
        generator = np.random.default_rng(1)
        noisy = {key: float(generator.normal(0, 0.02)) for key in np.ndindex(9, 9)}
        assert advise(*make(lambda age, batch: 0.5 + noisy[age, batch], batches=5)) == ALWAYS


class TestOutcomes:
    def test_costs_and_losses_are_counted_over_all_beginnings(self):
        policy_runs, evidence = make(lambda age, _batch: 0.5 if age == 1 else 0.6)
        outcomes = {one.policy: one for one in compute_outcomes(policy_runs, evidence)}
        assert [outcomes[policy].trainings for policy in SPACING] == pytest.approx([39, 19.5, 7.8, 0])
        assert outcomes[ALWAYS].seconds == 78.0
        assert outcomes[ALWAYS].worse == outcomes[ALWAYS].upper == 0
        assert outcomes[EVERY2].loss == pytest.approx(0.54875)
        assert outcomes[EVERY2].worse == pytest.approx(0.0975)

    def test_the_loss_of_a_regression_is_its_root(self):
        policy_runs, evidence = make(lambda age, _batch: 4.0 if age == 1 else 9.0, root=True)
        outcomes = {one.policy: one for one in compute_outcomes(policy_runs, evidence)}
        assert outcomes[ALWAYS].loss == pytest.approx(2.0)
        assert outcomes[NEVER].worse == pytest.approx(np.sqrt((4 + 39 * 9) / 40) / 2 - 1)

    def test_batches_that_differ_widen_the_interval_that_blocks_alone_would_make(self):
        batches = np.repeat(np.arange(6), 8)
        differences = np.repeat([1.0, -1, 2, -2, 1, -1], 8)
        weights = np.full(48, 1 / 48)
        shuffled = np.random.default_rng(0).permutation(differences)
        assert compute_half_width(differences, weights, batches, 0.9) > compute_half_width(
            shuffled, weights, batches, 0.9
        )
        assert compute_half_width(differences[:8], weights[:8] * 6, batches[:8], 0.9) == np.inf


class TestAdvice:
    def test_it_rests_on_what_was_known_then_and_is_judged_by_what_came(self):
        policy_runs, evidence = make(lambda age, batch: 0.5 + 0.1 * (age > 1) * (batch > 23), starts=(3, 23))
        advice = follow_advice(policy_runs, evidence)
        assert (advice.given_at, advice.recommended, advice.best) == (23, EVERY5, ALWAYS)
        assert advice.lost == pytest.approx(0.16, abs=0.01)
        assert advice.trainings < advice.trainings_always == 19

    def test_there_is_none_where_the_stream_is_short(self):
        assert follow_advice(*make(lambda _age, _batch: 0.5)) is None
