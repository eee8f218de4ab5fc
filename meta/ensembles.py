"""Registered ensembles: a handful of mixtures, each of a few lines, fitted on the records of all batches so far.

Two of them are defaults, routed by kind of row: one for typical requests and one for damaged ones. Clean rows get the
mean of a greedy selection and of the recent record, which fail at different times; flagged rows, of which every batch
has many copies, the greedy selection alone. Other selections stand beside them for the chooser to prefer where it pays.
Every mixture is condensed to few members: those that together answer most like all of them (a few that are merely the
heaviest are often alike, and lose what averaging brings).
"""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from pointsman.common.sampling import spread_rows
from pointsman.common.seeding import random_generator
from pointsman.meta.decayed import compute_decayed_records, compute_part_losses, measure_noise, soften
from pointsman.meta.flags import RowKind
from pointsman.meta.greedy import MIN_ROWS, blend_by_kind, blend_greedily
from pointsman.meta.past import PredictionHistory
from pointsman.registry.generations import Generation

TYPICAL, DAMAGED = "typical", "damaged"
"""The routed ensembles that the chooser leaves only for a predicted gain: without an alarm, and with one."""
YOUNG = 6
"""Members are condensed on the rows of this many newest batches, ..."""
CONDENSED_ROWS = 3_000
"""... on at most this many of each kind."""
LEAST_WEIGHT = 0.01
"""Lines below this weight are dropped."""
ONE_SIDED_90 = 1.28
"""Standard errors by which other members must do better for a kind of row: one-sided, nine times of ten."""

Members = np.ndarray
"""Weights (3, n_lines) by RowKind; each row sums to 1."""


def fit_ensembles(
    past: PredictionHistory, guarded: Collection[str], half_life: float, temperature: float, most: int, seed: int
) -> dict[str, Members]:
    """Return the weights (3, n_lines) by RowKind of every ensemble, by its variant; at most ``most`` lines a kind.

    guarded: lines that take impossible cells as missing, or read no cells at all
    """
    generator = random_generator(seed, "ensembles", int(past.batch.max()))
    parts = compute_part_losses(past)
    # After a change of regime records differ by luck, too; weights must not be sharper than that allows.
    warmth = max(temperature, measure_noise(parts, True, half_life))
    recent = soften(compute_decayed_records(parts, True, half_life, returning=True), warmth)
    trusted = np.array([line in guarded for line in past.lines], dtype=float)
    greedy = restrict(blend_by_kind(past, generator), trusted)
    default = np.stack([(greedy[RowKind.CLEAN] + recent) / 2, *greedy[RowKind.SPARSE :]])
    samples = sample_kinds(past)
    found = {
        TYPICAL: route(past, default, damaged=False),
        DAMAGED: route(past, default, damaged=True),
        "greedy": greedy,
        "clean": _repeat(blend_greedily(past.take(past.clean), generator)),
        "any": _repeat(blend_greedily(past, generator, balanced=True)),
        "sparse": _repeat(greedy[RowKind.SPARSE]),
        "anomalous": _repeat(greedy[RowKind.ANOMALOUS]),
        "recent": _repeat(recent),
    }
    return {variant: condense_kinds(samples, members, most) for variant, members in found.items()}


def restrict(members: Members, trusted: np.ndarray) -> Members:
    """Return members in which half of the weights for anomalous rows come from the guarded lines for sparse ones.

    Past a guard an impossible cell is a missing one, whatever it held; so what is known of missing cells holds for
    damage that no record has shown, too. ``trusted`` (n_lines,) is 1 for guarded lines and 0 for others.
    """
    sparse = members[RowKind.SPARSE]
    kept = sparse * trusted
    kept = kept / kept.sum() if kept.sum() > 0 else sparse
    restricted = members.copy()
    restricted[RowKind.ANOMALOUS] = (members[RowKind.ANOMALOUS] + kept) / 2
    return restricted


def route(past: PredictionHistory, members: Members, damaged: bool) -> Members:
    """Return members in which a kind of row has its own, or those of clean rows where the records say so.

    In a typical request a sparse row is like those of clean batches, which are seldom worth other members: it has its
    own only where these surely did better. Damaged and anomalous rows keep their own unless those of clean rows surely
    did better: the members for clean rows are the ones that fail on damage worse than any met so far.
    """
    routed = members.copy()
    clean = members[RowKind.CLEAN]
    for kind in (RowKind.SPARSE, RowKind.ANOMALOUS):
        rows = past.take((past.clean != damaged) & (past.kinds == kind))
        enough = len(rows) >= MIN_ROWS
        if kind == RowKind.SPARSE and not damaged:
            stays = enough and is_better(rows, members[kind], clean)
        else:
            stays = not (enough and is_better(rows, clean, members[kind]))
        if not stays:
            routed[kind] = clean
    return routed


def is_better(rows: PredictionHistory, own: np.ndarray, other: np.ndarray) -> bool:
    """Return whether weights (n_lines,) lost less than others on rows, beyond what batches differ by."""
    differences = rows.compute_losses(rows.mix(own)) - rows.compute_losses(rows.mix(other))
    by_batch = np.array([differences[rows.batch == batch].mean() for batch in np.unique(rows.batch)])
    if len(by_batch) < 2:
        return bool(by_batch.mean() < 0)
    return bool(by_batch.mean() + ONE_SIDED_90 * by_batch.std(ddof=1) / np.sqrt(len(by_batch)) < 0)


def sample_kinds(past: PredictionHistory) -> list[np.ndarray]:
    """Return, by RowKind, what lines answered to young rows of that kind (n_rows, n_lines, n_outputs).

    Clean rows are those of clean batches, flagged ones those of damaged copies; all rows where there are few.
    """
    young = past.age < YOUNG
    samples = []
    for kind in RowKind:
        rows = young & (past.clean if kind == RowKind.CLEAN else ~past.clean & (past.kinds == kind))
        found = np.flatnonzero(rows if rows.sum() >= MIN_ROWS else young)
        samples.append(past.outputs[found[spread_rows(len(found), CONDENSED_ROWS)]])
    return samples


def condense_kinds(samples: Sequence[np.ndarray], members: Members, most: int) -> Members:
    """Return at most ``most`` lines a kind, none in traces; kinds that had the same members have the same ones."""
    condensed: list[np.ndarray] = []
    for kind, weights in enumerate(members):
        alike = next((before for before in range(kind) if np.array_equal(members[before], weights)), None)
        condensed.append(_drop_traces(condense(samples[kind], weights, most)) if alike is None else condensed[alike])
    return np.array(condensed)


def _drop_traces(weights: np.ndarray) -> np.ndarray:
    kept = np.where(weights < min(LEAST_WEIGHT, weights.max()), 0.0, weights)
    return kept / kept.sum()


def condense(outputs: np.ndarray, weights: np.ndarray, most: int) -> np.ndarray:
    """Return weights (n_lines,) of at most ``most`` lines whose mixture answers rows most like the given one.

    Lines are added one by one, each the one with which the best convex combination comes closest in squared distance,
    and exchanged as long as that helps. The heaviest lines are a second start, and the closer result is taken. The
    answers of the whole mixture are a target without noise. ``outputs`` are (n_rows, n_lines, n_outputs).
    """
    candidates = [int(line) for line in np.flatnonzero(weights > 0)]
    if len(candidates) <= most:
        return weights
    # Products of distances are all that a mixture's distance depends on, so that trying one costs no pass over rows.
    answers = outputs.transpose(0, 2, 1).reshape(-1, outputs.shape[1]).astype(float)
    apart = answers - (answers @ weights)[:, None]
    products = apart.T @ apart / len(apart)
    grown: list[int] = []
    for _ in range(most):
        rest = [line for line in candidates if line not in grown]
        grown.append(min(rest, key=lambda line: _approach(products, [*grown, line])[1]))
    heaviest = sorted(candidates, key=lambda line: -weights[line])[:most]
    chosen = min(
        (_exchange(products, lines, candidates) for lines in (grown, heaviest)),
        key=lambda lines: _approach(products, lines)[1],
    )
    condensed = np.zeros(len(weights))
    condensed[chosen] = _approach(products, chosen)[0]
    return condensed


def _exchange(products: np.ndarray, chosen: list[int], candidates: Sequence[int]) -> list[int]:
    """Return the chosen lines after every exchange of one for another that brings their mixture closer."""
    distance, before = _approach(products, chosen)[1], None
    while chosen != before:
        before = chosen
        for place in range(len(chosen)):
            for line in candidates:
                if line not in chosen:
                    other = [*chosen[:place], line, *chosen[place + 1 :]]
                    closer = _approach(products, other)[1]
                    if closer < distance:
                        chosen, distance = other, closer
    return chosen


def _approach(products: np.ndarray, lines: Sequence[int]) -> tuple[np.ndarray, float]:
    """Return the convex weights of some lines that come closest to the whole mixture, and their squared distance.

    ``products`` (n_lines, n_lines) are mean products of how far the lines' answers lie from the mixture's: all that the
    distance depends on. It is a non-negative least squares problem (Lawson and Hanson 1974) whose weights are scaled to
    sum to 1.
    """
    from scipy.optimize import nnls

    among = products[np.ix_(lines, lines)]
    level = float(np.trace(among)) / len(lines)
    if level <= 0:
        return np.full(len(lines), 1 / len(lines)), 0.0
    root = np.linalg.cholesky(among + 1e-9 * level * np.eye(len(lines))).T
    # The row of ones asks for a sum of 1; what is left of it when the solution is scaled does not move the minimum.
    solution, _ = nnls(
        np.vstack([root, np.full(len(lines), np.sqrt(level))]), np.append(np.zeros(len(lines)), np.sqrt(level))
    )
    shares = solution / solution.sum()
    return shares, float(shares @ among @ shares)


def mix_members(
    outputs: Mapping[str, np.ndarray], kinds: np.ndarray, members: Sequence[Mapping[str, float]]
) -> np.ndarray | None:
    """Return what an ensemble answers to rows (n_rows,) of each kind, from its members' outputs (n_rows, n_outputs).

    Members without outputs drop out and the others are reweighted; None where a kind of row has no member left.
    """
    mixed: np.ndarray | None = None
    for kind in np.unique(kinds):
        weights = {line: share for line, share in members[kind].items() if line in outputs}
        if not weights:
            return None
        total, rows = sum(weights.values()), kinds == kind
        answer = sum(outputs[line][rows] * (share / total) for line, share in weights.items())
        if mixed is None:
            mixed = np.zeros((len(kinds), *np.shape(answer)[1:]))
        mixed[rows] = answer
    return mixed


def _repeat(weights: np.ndarray) -> Members:
    """Return the members of an ensemble that answers every kind of row alike."""
    return np.stack([weights] * len(RowKind))


def mix_ensembles(
    generation: Generation, outputs: Mapping[str, np.ndarray], kinds: np.ndarray
) -> dict[str, np.ndarray]:
    """Return what the ensembles of a generation answer to rows (n_rows,) of each kind, by line, from what its versions
    do, by line.
    """
    mixed = {one.line: mix_members(outputs, kinds, generation.list_members(one)) for one in generation.ensembles}
    return {line: answer for line, answer in mixed.items() if answer is not None}
