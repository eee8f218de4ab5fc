"""What a fit may take is its own last time, else what its family takes, else unknown and so the longest."""

from dataclasses import dataclass

from pointsman.model_zoo.candidate import Candidate
from pointsman.pipeline.training.expected_costs import expect_seconds


@dataclass(frozen=True)
class Fitted:
    candidate: Candidate
    fit_seconds: float

    @property
    def family(self):
        return self.candidate.family


def test_the_own_time_counts_then_the_familys_then_the_longest():
    quick, slow = Candidate("lightgbm", "native", {"rounds": 50}), Candidate("lightgbm", "native", {"rounds": 400})
    fitted = [Fitted(quick, 1.0), Fitted(slow, 3.0)]
    new, unknown = Candidate("lightgbm", "native", {"rounds": 90}), Candidate("knn", "onehot")
    assert expect_seconds([slow, new, unknown], fitted) == [3.0, 2.0, float("inf")]
    assert expect_seconds([quick], []) == [float("inf")]
