"""The selector: from the profile of a request to the registered model that serves it.

A meta-model chooses among the single models and the registered ensembles (``meta.chooser``). Two routed ensembles, for
typical requests and for damaged ones, are its incumbents. Two champions by decayed record, single models for clean and
for damaged input, are the fallback and the bar: where grades say that what is chosen loses to them, they serve instead.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from pointsman.meta.alarm import Alarm, find_alarm
from pointsman.meta.chooser import Chooser, choose
from pointsman.meta.flags import RowKind
from pointsman.meta.grades import CLEAN_GROUP, DAMAGED_GROUP
from pointsman.meta.plan import Expectation, Plan, Weights, name_kind, name_loss, serve_alone
from pointsman.meta.profile import Profile
from pointsman.meta.trust import Trust
from pointsman.model_zoo.forest import Forest

MODES = ("all", "single")
SHOWN = 3
"""Candidates that a plan ranks."""
EARLIER = "an earlier release learned this selector, and the next update learns one that chooses"


@dataclass(frozen=True)
class Pair:
    """A model for requests without an alarm, and one for requests with one."""

    clean: str
    damaged: str

    def of(self, alarm: Alarm) -> str:
        """Return the model for damaged input where there is an alarm, else the one for clean input."""
        return self.damaged if alarm else self.clean


@dataclass(frozen=True)
class Margins:
    """By group of input, the predicted gain for which the chooser leaves the incumbent; None: it never does."""

    clean: float | None = None
    damaged: float | None = None

    def of(self, alarm: Alarm) -> float | None:
        """Return the margin for damaged input where there is an alarm, else the one for clean input."""
        return self.damaged if alarm else self.clean


UNTUNED: Mapping[str, Margins] = {mode: Margins() for mode in MODES}


@dataclass(frozen=True, eq=False)
class Selector:
    """What was learned about ``lines``, the single models, and ``ensembles`` of them.

    ensembles: by line of an ensemble, its members by RowKind
    champions: the single models with the best decayed record, on clean batches and on damaged copies of them
    defaults:  the ensembles that are left only for a predicted gain; the champions where there are none
    margins:   by mode, the predicted gains for which incumbents are left
    usual:     by column, the usual shares of damaged cells
    last_best: the single model that was best on the newest batch: a bar for grades
    ranking:   the single models by decayed record on clean batches, the best first
    typical:   what serves requests like the newest batch
    tried:     candidates whose records are long enough for them to be chosen
    steady:    by mode, those of them that did better than its default on each of the newest clean batches
    """

    lines: tuple[str, ...]
    ensembles: Mapping[str, tuple[Weights, ...]]
    champions: Pair
    defaults: Pair | None
    usual: Mapping[str, tuple[float, ...]]
    last_best: str
    chooser: Chooser
    margins: Mapping[str, Margins]
    ranking: tuple[str, ...] = ()
    trust: Trust = field(default_factory=Trust)
    typical: str | None = None
    tried: tuple[str, ...] = ()
    steady: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def plan(self, profile: Profile, mode: str = "all") -> Plan:
        """Return what serves a request, as far as the selector is trusted."""
        alarm = find_alarm(profile, self.usual)
        champion = self.champions.of(alarm)
        votes = self.vote(profile)
        chosen = self.propose(alarm, votes, mode)
        withheld = self.trust.withheld(DAMAGED_GROUP if alarm else CLEAN_GROUP, mode)
        model = champion if withheld else chosen
        members = self.list_members(model)
        # A candidate that answers as the model itself does, under another name, is no runner-up.
        allowed = self.list_different(self.list_candidates(mode), members)
        predicted = {line: float(losses.mean()) * self.chooser.unit for line, losses in votes.items()}
        ranking = rank(predicted, model, allowed)
        planned = Plan(
            model=model,
            weights=members,
            reasons=self._give_reasons(members, alarm, bool(withheld), mode),
            why=self._explain(model, alarm, withheld, ranking, mode),
            alarm=alarm,
            champion=champion,
            ranking=ranking,
            expected=Expectation(),
        )
        # Losses by kind of row are graded for the choice of mode 'all' and for the champions, not for that of 'single'.
        of_champion = planned.is_champions or mode == "single"
        return replace(planned, expected=self.trust.expect(profile.counts, of_champion))

    def vote(self, profile: Profile) -> dict[str, np.ndarray]:
        """Return by candidate the loss (n_trees,) that each tree of the chooser predicts; {} where unknown.

        An ensemble of one single model is predicted to lose what that does, since it had other members in the past.
        """
        votes = self.chooser.vote(profile.metafeatures)
        alone = {
            line: max(members[0], key=members[0].__getitem__)
            for line, members in self.ensembles.items()
            if is_alone(members)
        }
        return votes | {line: votes[one] for line, one in alone.items() if line in votes and one in votes}

    def list_different(self, candidates: Sequence[str], members: Sequence[Weights]) -> tuple[str, ...]:
        """Return the candidates without those that answer as ``members`` do, or as an earlier candidate does."""
        seen, different = [tuple(members)], list[str]()
        for one in candidates:
            own = tuple(self.list_members(one))
            if own not in seen:
                seen.append(own)
                different.append(one)
        return tuple(different)

    def list_candidates(self, mode: str) -> tuple[str, ...]:
        """Return the models that a mode ranks."""
        return self.lines if mode == "single" else (*self.lines, *self.ensembles)

    def list_choices(self, mode: str, alarm: Alarm) -> tuple[str, ...]:
        """Return those that may be chosen: their records are long enough and, for typical requests, steady.

        A clean batch is only one example, and after a change of regime the best of many candidates is the luckiest.
        """
        may = self.tried if alarm else self.steady.get(mode, ())
        return tuple(one for one in self.list_candidates(mode) if one in may)

    def find_incumbent(self, alarm: Alarm, mode: str) -> str:
        """Return the model that serves unless another is predicted to gain."""
        return (self.champions if mode == "single" or self.defaults is None else self.defaults).of(alarm)

    def list_members(self, model: str) -> tuple[Weights, ...]:
        """Return the members of a registered model by RowKind."""
        return self.ensembles.get(model) or serve_alone(model)

    def propose(self, alarm: Alarm, votes: Mapping[str, np.ndarray], mode: str) -> str:
        """Return the model that is chosen, whether the choice is trusted or not, from the trees' predicted losses."""
        margin = self.margins[mode].of(alarm)
        return choose(votes, self.find_incumbent(alarm, mode), margin, self.list_choices(mode, alarm))

    def _give_reasons(self, members: Sequence[Weights], alarm: Alarm, withheld: bool, mode: str) -> tuple[str, ...]:
        """Return the reason for the answer of each kind of row: a fallback where its members are not the usual ones.

        Those are the members that answer clean rows of typical requests; without an alarm, clean rows of this one.
        """
        typical = self.typical if self.typical in self.list_candidates(mode) else self.champions.clean
        usual = (self.list_members(typical) if alarm else members)[RowKind.CLEAN]
        as_ever = "champion" if withheld else "selected"
        named = {kind: name_kind(kind) if kind else alarm.condition for kind in RowKind}
        return tuple(
            as_ever if members[kind] == usual or not named[kind] else f"fallback:{named[kind]}" for kind in RowKind
        )

    def _explain(self, model: str, alarm: Alarm, withheld: str, ranking: Sequence[tuple[str, float]], mode: str) -> str:
        """Return one sentence on why this model serves and not the runner-up."""
        if withheld:
            return f"the champion for {'damaged' if alarm else 'clean'} input serves, since {withheld}"
        if not ranking:
            return f"{model} serves by default: there are too few records to predict losses from"
        beside = [one for one in ranking if one[0] != model]
        measure = name_loss(not self.trust.root)
        second = "there is no other"
        if beside:
            second = f"{beside[0][0]} is predicted to lose {_differ(beside[0][1], measure)}"
        if model != self.find_incumbent(alarm, mode):
            return f"on requests like this one it is predicted to lose least; {second}"
        margin = self.margins[mode].of(alarm)
        kept = (
            "leaving it has not surely paid off on past batches"
            if margin is None
            else f"no model is surely predicted to lose {margin * self.chooser.unit:.2g} less {measure}"
        )
        named = "champion" if mode == "single" or self.defaults is None else "default"
        return f"it is the {named} for {'damaged' if alarm else 'typical'} requests, and {kept}; {second}"

    def dump(self) -> dict[str, bytes]:
        """Return the selector as files, without pickle and the same bytes for the same selector."""
        described = {
            "lines": self.lines,
            "ensembles": {line: [dict(weights) for weights in members] for line, members in self.ensembles.items()},
            "champions": vars(self.champions),
            "defaults": vars(self.defaults) if self.defaults else None,
            "usual": dict(self.usual),
            "last_best": self.last_best,
            "candidates": self.chooser.candidates,
            "margins": {mode: vars(margins) for mode, margins in self.margins.items()},
            "unit": self.chooser.unit,
            "ranking": self.ranking,
            "trust": self.trust.to_json(),
            "typical": self.typical,
            "tried": self.tried,
            "steady": dict(self.steady),
        }
        parts = {"selector.json": json.dumps(described, sort_keys=True).encode()}
        return parts | ({"chooser.npz": self.chooser.forest.dump()} if self.chooser.forest else {})

    @classmethod
    def load(cls, parts: Mapping[str, bytes]) -> "Selector":
        """Return the selector that ``dump`` described; of one by an earlier release, its two champions serve."""
        stored: dict[str, Any] = json.loads(parts["selector.json"])
        forest = Forest.load(parts["chooser.npz"]) if "chooser.npz" in parts else None
        trust = Trust.from_json(stored["trust"])
        is_earlier = "defaults" not in stored
        return cls(
            lines=tuple(stored["lines"]),
            ensembles={line: tuple(members) for line, members in stored.get("ensembles", {}).items()},
            champions=Pair(**stored["champions"]),
            defaults=Pair(**stored["defaults"]) if stored.get("defaults") else None,
            usual={column: tuple(shares) for column, shares in stored["usual"].items()},
            last_best=stored["last_best"],
            chooser=Chooser(tuple(stored.get("candidates", ())), forest, stored.get("unit", 1.0)),
            margins=UNTUNED if is_earlier else {mode: Margins(**stored["margins"][mode]) for mode in MODES},
            ranking=tuple(stored["ranking"]),
            trust=trust.withhold(EARLIER) if is_earlier else trust,
            typical=stored.get("typical"),
            tried=tuple(stored.get("tried", ())),
            steady={mode: tuple(lines) for mode, lines in stored.get("steady", {}).items()},
        )


def rank(predicted: Mapping[str, float], model: str, allowed: Collection[str]) -> tuple[tuple[str, float], ...]:
    """Return the model and the next candidates by predicted loss, with what each is predicted to lose more than it.

    >>> rank({"a": 0.3, "b": 0.25, "c": 0.5, "d": 0.75}, "a", ["a", "b", "c", "d"])
    (('a', 0.0), ('b', -0.04999999999999999), ('c', 0.2))
    """
    if model not in predicted:
        return ()
    others = sorted((line for line in allowed if line in predicted and line != model), key=predicted.__getitem__)
    return tuple((line, predicted[line] - predicted[model]) for line in (model, *others[: SHOWN - 1]))


def is_alone(members: Sequence[Weights]) -> bool:
    """Return whether one and the same single model answers rows of every kind.

    >>> is_alone([{"a": 1.0}] * 3), is_alone([{"a": 1.0}, {"b": 1.0}, {"a": 1.0}]), is_alone([{"a": 0.5, "b": 0.5}] * 3)
    (True, False, False)
    """
    return len({line for weights in members for line, share in weights.items() if share > 0}) == 1


def _differ(difference: float, measure: str) -> str:
    if abs(difference) < 5e-7:
        return "the same"
    return f"{abs(difference):.2g} {'more' if difference > 0 else 'less'} {measure}"
