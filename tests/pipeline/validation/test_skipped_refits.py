"""Who rests: a model that hardly serves learns every third batch, everyone else learns each."""

from types import SimpleNamespace

import pytest

from pointsman.meta.ensembles import DAMAGED, TYPICAL
from pointsman.model_zoo.candidate import Candidate
from pointsman.pipeline.validation.skipped_refits import DUE_AGE, DUE_SHARE, find_skipped_refits, weigh_defaults
from pointsman.registry.contender import Contender, Origin

BATCH = 10
SHARES = {"heavy": 0.5, "light": 0.4, "idle": 0.05, "champion": 0.05}


class Ensembles:
    """A generation with two default ensembles and another one, whose weights do not count."""

    pinned = None

    def __init__(self, typical, damaged):
        self.ensembles = [SimpleNamespace(variant=name) for name in (TYPICAL, DAMAGED, "greedy")]
        self._members = {TYPICAL: typical, DAMAGED: damaged, "greedy": {"idle": 1.0}}

    def list_members(self, ensemble):
        return (self._members[ensemble.variant],) * 3


def make_contender(line, last_batch=BATCH - 1, origin=Origin.SEARCH, known=True):
    parent = SimpleNamespace(id=f"{line}-v1", line=line, last_batch=last_batch, origin="refit") if known else None
    return Contender(line, origin, Candidate("linear", "onehot", {"name": line}), parent, {})


def find(*contenders, before=None, modes=None, baselines=(), competing=(), batch=BATCH):
    champion = make_contender("champion")
    promotion = SimpleNamespace(champion=champion, robust_champion=champion, active=[champion, *contenders])
    keys = {one.candidate.key for one in baselines}
    return find_skipped_refits(before or Ensembles(SHARES, {}), promotion, modes or {}, keys, competing, batch)


def test_only_what_hardly_serves_rests_and_says_when_it_learns_again():
    skipped = find(make_contender("heavy"), make_contender("light"), make_contender("idle"), make_contender("absent"))
    assert set(skipped) == {"idle", "absent"}
    assert skipped["idle"] == (
        f"it is 5% of what serves by default and learned batch 9: it learns again with batch {9 + DUE_AGE}, "
        f"from {DUE_SHARE:.0%} on, or after drift"
    )


def test_a_weight_for_any_kind_of_row_is_reason_enough_but_not_one_in_another_ensemble():
    assert weigh_defaults(Ensembles({"a": 0.2}, {"a": 0.1, "idle": 0.3})) == {"a": 0.2, "idle": 0.3}
    assert find(make_contender("idle"), before=Ensembles(SHARES, {"idle": DUE_SHARE})) == {}


@pytest.mark.parametrize("age", range(1, 6))
def test_nobody_rests_for_longer(age):
    assert bool(find(make_contender("idle", BATCH - age))) is (age < DUE_AGE)


def test_champions_baselines_competing_models_newcomers_and_a_pinned_one_always_learn():
    idle = make_contender("idle")
    assert find(idle, baselines=[idle]) == {}
    assert find(idle, competing=["idle"]) == {}
    assert find(make_contender("idle", known=False)) == {}
    assert find(make_contender("idle", origin=Origin.RECALL)) == {}, "a recalled version learns nothing anyway"
    pinned = Ensembles(SHARES, {})
    pinned.pinned = "idle"
    assert find(idle, before=pinned) == {}


def test_in_the_first_batches_everyone_learns():
    assert [bool(find(make_contender("idle", batch - 1), batch=batch)) for batch in range(2, 6)] == [
        False,
        False,
        True,
        True,
    ]


def test_what_comparisons_keep_has_its_own_reason():
    assert find(make_contender("idle"), modes={"idle": Origin.KEPT}) == {}
