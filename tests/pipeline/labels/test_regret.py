"""What served rows cost is reckoned against the other lines."""

import numpy as np

from pointsman.pipeline.labels.regret import LEAST_OWN, SingleBest, find_big


def test_the_single_best_is_judged_over_all_requests_so_far():
    first = {"champion": 0.5, "rows": 100, "losses": {"a": 0.5, "b": 0.3}}
    second = {"champion": 0.5, "rows": 10, "losses": {"a": 0.5, "b": 0.9}}
    both, one, nothing = SingleBest(), SingleBest(), SingleBest()
    for entry in (first, second):
        both.add(entry)
    one.add(second)
    assert both.find(second) == 0.9
    assert one.find(second) == 0.5
    assert nothing.find({"champion": 0.5, "rows": 1, "losses": {}}) is None


def test_requests_with_many_rows_are_told_from_the_others_in_any_order():
    ordered = np.repeat(np.array(["a", "b", "c"], dtype=object), [LEAST_OWN, LEAST_OWN - 1, 70])
    requests = np.random.default_rng(1).permutation(ordered)
    big, others = find_big(requests)
    assert list(big) == ["a", "c"]
    assert all((requests[own] == request).all() for request, own in big.items())
    assert [len(own) for own in (*big.values(), others)] == [LEAST_OWN, 70, LEAST_OWN - 1]
