"""The selector: from the profile of a request to the plan that serves it.

The plan is the mean of up to three choosers: greedy blends by kind of row (A), a softmax over decayed records (B) and a
forest on the quality of inputs (C). None of them is reliable alone; their mean was the best safeguard measured. Two
champions by decayed record, one for clean and one for damaged input, are the names, the fallback and the bar: where
grades say that the plan loses to them beyond noise, they serve instead.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from common.config import SelectionConfig
from common.seeding import derive_seed, random_generator
from meta.alarm import Alarm, average_shares, find_alarm
from meta.decayed import compute_decayed_records, compute_part_losses, soften
from meta.flags import RowKind
from meta.greedy import blend_by_kind, blend_greedily
from meta.hard_choice import NEVER, HardChooser, Margins, fit_hard_chooser
from meta.kind_forest import fit_kind_forest, weigh_arms
from meta.past import Past, keep_newest, stack_records
from meta.plan import Plan, Weights, find_leading, name_kind
from meta.profile import Profile
from meta.records import Record
from meta.trust import Trust
from model_zoo.forest import Forest

LEAST_WEIGHT = 0.01
"""Lines below this weight are not run."""


@dataclass(frozen=True)
class Champions:
    """The lines with the best decayed record: on clean batches, and on damaged copies of them."""

    clean: str
    damaged: str

    def of(self, alarm: Alarm) -> str:
        """Return the one that an alarm, or none, calls for."""
        return self.damaged if alarm else self.clean


@dataclass(frozen=True, eq=False)
class Selector:
    """What was learned about ``lines``.

    arms:      (n_arms, n_lines), what choosers B and C choose among: the lines, then the blends
    blends:    (3, n_lines), chooser A's weights by RowKind; None where it is switched off
    decayed:   (3, n_lines), chooser B's weights by RowKind; None where it is switched off
    forest:    chooser C; None where it is switched off
    usual:     by column, the usual shares of damaged cells
    guarded:   the lines that take impossible cells as missing, or read no cells at all
    last_best: the line that was best on the newest batch: a bar for grades
    ranking:   the lines by decayed record on clean batches, the best first
    threshold: least probability of the positive class at which a plan's binary answer is positive
    untuned:   why the threshold was not tuned; None where it was
    """

    lines: tuple[str, ...]
    champions: Champions
    arms: np.ndarray
    usual: Mapping[str, tuple[float, ...]]
    last_best: str
    hard: HardChooser
    temperature: float
    guarded: tuple[str, ...] = ()
    ranking: tuple[str, ...] = ()
    blends: np.ndarray | None = None
    decayed: np.ndarray | None = None
    forest: Forest | None = None
    trust: Trust = field(default_factory=Trust)
    threshold: float = 0.5
    untuned: str | None = None

    def plan(self, profile: Profile, mode: str = "plan") -> Plan:
        """Return how to serve a request, as far as the selector is trusted."""
        alarm = find_alarm(profile, self.usual)
        champion = self.champions.of(alarm)
        if mode == "single":
            return self._plan_single(profile, alarm, champion)
        choosers = self.ask_choosers(profile)
        proposed = self.propose(choosers)
        chosen: list[Weights] = []
        reasons = []
        for kind in RowKind:
            stays_back = self.trust.withheld(kind) or not choosers
            chosen.append({champion: 1.0} if stays_back else self._name(proposed[kind]))
            reasons.append(_name_reason(kind, alarm, bool(stays_back)))
        weights = tuple(chosen)
        return Plan(
            weights=weights,
            reasons=tuple(reasons),
            leading=find_leading(weights, profile.counts),
            why=self._explain(profile, choosers),
            alarm=alarm,
            champion=champion,
            choosers={name: tuple(self._name(of_kind) for of_kind in by_kind) for name, by_kind in choosers.items()},
            expected=self.trust.expect(profile.counts),
        )

    def ask_choosers(self, profile: Profile) -> dict[str, np.ndarray]:
        """Return the weights (3, n_lines) by RowKind that each chooser sets for a request."""
        asked: dict[str, np.ndarray] = {}
        if self.blends is not None:
            asked["blends"] = self.blends
        if self.decayed is not None:
            asked["decayed"] = self.decayed
        if self.forest is not None:
            asked["forest"] = weigh_arms(self.forest, np.array(profile.quality), self.temperature) @ self.arms
        return asked

    def propose(self, choosers: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the mean of the choosers (3, n_lines), lines without weight left out; the champions without any."""
        if not choosers:
            rows = [self.lines.index(self.champions.clean), *[self.lines.index(self.champions.damaged)] * 2]
            return np.eye(len(self.lines))[rows]
        mean = np.mean(list(choosers.values()), axis=0)
        mean[RowKind.ANOMALOUS] = (mean[RowKind.ANOMALOUS] + self._restrict(mean[RowKind.SPARSE])) / 2
        mean[mean < np.minimum(LEAST_WEIGHT, mean.max(axis=1, keepdims=True))] = 0.0
        return mean / mean.sum(axis=1, keepdims=True)

    def _restrict(self, sparse: np.ndarray) -> np.ndarray:
        """Return what the weights of sparse rows (n_lines,) are worth for anomalous ones: those of guarded lines.

        Past a guard an impossible cell is a missing one, whatever it held; so half of an anomalous row's weights comes
        from what is known of missing cells, which holds for damage that no record has shown, too.
        """
        kept = np.where([line in self.guarded for line in self.lines], sparse, 0.0)
        return kept / kept.sum() if kept.sum() > 0 else sparse

    def _plan_single(self, profile: Profile, alarm: Alarm, champion: str) -> Plan:
        margin = self.hard.margins.of(bool(alarm))
        line = self.hard.choose(profile.metafeatures, champion, margin)
        weights: tuple[Weights, ...] = ({line: 1.0},) * len(RowKind)
        if line != champion:
            reason, why = "selected", f"in past batches it paid to depart from {champion} on requests like this one"
        else:
            reason = f"fallback:{alarm.condition}" if alarm else "champion"
            kept = "no line is surely better" if margin != NEVER else "departing has not paid off yet"
            why = f"the champion for {'damaged' if alarm else 'clean'} input serves: {kept}"
        return Plan(weights, (reason,) * len(RowKind), line, why, alarm, champion, {}, self.trust.expect_champion(
            profile.counts))  # fmt: skip

    def _name(self, weights: np.ndarray) -> dict[str, float]:
        return {line: float(weight) for line, weight in zip(self.lines, weights, strict=True) if weight > 0}

    def _explain(self, profile: Profile, choosers: Mapping[str, np.ndarray]) -> str:
        if not choosers:
            return "the champion serves: every chooser is switched off"
        held = {kind: self.trust.withheld(kind) for kind in RowKind if profile.counts[kind]}
        reasons = dict.fromkeys(reason for reason in held.values() if reason)
        if not reasons:
            return f"the mean of {len(choosers)} choosers ({', '.join(choosers)})"
        kinds = " and ".join(name_kind(kind) for kind, reason in held.items() if reason)
        return f"the champion serves {kinds} rows: {'; '.join(reasons)}"

    def dump(self) -> dict[str, bytes]:
        """Return the selector as files, without pickle and the same bytes for the same selector."""
        described = {
            "lines": self.lines,
            "champions": vars(self.champions),
            "arms": self.arms.tolist(),
            "usual": dict(self.usual),
            "last_best": self.last_best,
            "margins": self.hard.margins.to_json(),
            "temperature": self.temperature,
            "guarded": self.guarded,
            "ranking": self.ranking,
            "blends": None if self.blends is None else self.blends.tolist(),
            "decayed": None if self.decayed is None else self.decayed.tolist(),
            "trust": self.trust.to_json(),
            "threshold": self.threshold,
            **({"untuned": self.untuned} if self.untuned else {}),
        }
        parts = {"selector.json": json.dumps(described, sort_keys=True).encode()}
        forests = {"forest.npz": self.forest, "hard.npz": self.hard.forest}
        return parts | {name: forest.dump() for name, forest in forests.items() if forest is not None}

    @classmethod
    def load(cls, parts: Mapping[str, bytes]) -> "Selector":
        """Return the selector that ``dump`` described."""
        stored: dict[str, Any] = json.loads(parts["selector.json"])
        forests = {name: Forest.load(parts[name]) for name in ("forest.npz", "hard.npz") if name in parts}
        lines = tuple(stored["lines"])
        return cls(
            lines=lines,
            champions=Champions(**stored["champions"]),
            arms=np.array(stored["arms"]),
            usual={column: tuple(shares) for column, shares in stored["usual"].items()},
            last_best=stored["last_best"],
            hard=HardChooser(lines, forests.get("hard.npz"), Margins.from_json(stored["margins"])),
            temperature=stored["temperature"],
            guarded=tuple(stored["guarded"]),
            ranking=tuple(stored["ranking"]),
            blends=None if stored["blends"] is None else np.array(stored["blends"]),
            decayed=None if stored["decayed"] is None else np.array(stored["decayed"]),
            forest=forests.get("forest.npz"),
            trust=Trust.from_json(stored["trust"]),
            threshold=stored["threshold"],
            untuned=stored.get("untuned"),
        )


def _name_reason(kind: RowKind, alarm: Alarm, stays_back: bool) -> str:
    """Return what a row of a kind says of its answer."""
    if kind != RowKind.CLEAN:
        return f"fallback:{name_kind(kind)}"
    if stays_back:
        return f"fallback:{alarm.condition}" if alarm else "champion"
    return "selected"


def fit_blends(past: Past, seed: int) -> dict[str, np.ndarray]:
    """Return the weights (n_lines,) of the two blends that are registered: for any input, and for clean input."""
    generator = random_generator(seed, "blends", int(past.batch.max()))
    return {
        "mixed": blend_greedily(past, generator, balanced=True),
        "clean": blend_greedily(past.take(past.clean), generator),
    }


def fit_selector(
    records: Sequence[Record],
    lines: Sequence[str],
    blends: Mapping[str, np.ndarray],
    config: SelectionConfig,
    seed: int,
    trust: Trust | None = None,
    margins: Margins | None = None,
    guarded: Sequence[str] = (),
) -> Selector:
    """Learn from the newest records which lines, and blends of them, answer which kind of row best.

    blends:  by line of the registered blend, its weights (n_lines,)
    guarded: lines that take impossible cells as missing, or read no cells at all
    """
    records = keep_newest(records)
    past = stack_records(records, [*lines, *blends])
    batch = int(past.batch.max())
    single = past.only(lines)
    arms = np.vstack([np.eye(len(lines)), *blends.values()])
    generator = random_generator(seed, "selector", batch)
    parts = compute_part_losses(past)
    clean, damaged = (compute_decayed_records(parts, of_clean, config.half_life) for of_clean in (True, False))
    n_lines = len(lines)
    newest = parts.losses[(parts.batch == batch) & parts.whole][0, :n_lines]
    hard = fit_hard_chooser(
        lines,
        [profile.metafeatures for record in records for profile in record.rows.profiles],
        compute_part_losses(stack_records([record.without_live() for record in records], lines)).losses,
        np.concatenate([[batch - record.rows.batch] * len(record.rows.profiles) for record in records]),
        config.half_life,
        margins or Margins(),
        derive_seed(seed, "hard chooser", batch),
    )
    recalled = [
        compute_decayed_records(parts, of_clean, config.half_life, returning=True) for of_clean in (True, False)
    ]
    by_clean, by_damaged = (soften(losses, config.temperature) for losses in recalled)
    by_record = np.stack([by_clean, by_damaged, by_damaged]) @ arms
    choosers = config.choosers
    return Selector(
        lines=tuple(lines),
        champions=Champions(lines[int(np.argmin(clean[:n_lines]))], lines[int(np.argmin(damaged[:n_lines]))]),
        arms=arms,
        usual=average_shares([record.rows.profiles[0] for record in records]),
        last_best=lines[int(np.nanargmin(newest))],
        hard=hard,
        temperature=config.temperature,
        guarded=tuple(guarded),
        ranking=tuple(lines[place] for place in np.argsort(clean[:n_lines], kind="stable")),
        blends=blend_by_kind(single, generator) if "blends" in choosers else None,
        decayed=by_record if "decayed" in choosers else None,
        forest=fit_kind_forest(single, arms, config.half_life, derive_seed(seed, "kind forest", batch))
        if "forest" in choosers
        else None,
        trust=trust or Trust(),
    )
