"""What served rows cost is reckoned against the other lines."""

from pipeline.ledger import find_single_best


def test_the_single_best_is_judged_over_all_requests_so_far():
    entries = [
        {"champion": 0.5, "rows": 100, "losses": {"a": 0.5, "b": 0.3}},
        {"champion": 0.5, "rows": 10, "losses": {"a": 0.5, "b": 0.9}},
    ]
    assert find_single_best(entries[:1], entries[1]) == 0.9
    assert find_single_best([], entries[1]) == 0.5
    assert find_single_best([], {"champion": 0.5, "rows": 1, "losses": {}}) is None
