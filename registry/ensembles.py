"""Weights of models in the ensembles of past generations, which show what models serve no request."""

from collections.abc import Mapping, Sequence

from pointsman.common.storage.state import State
from pointsman.registry.lineage import load_updates
from pointsman.registry.store import load_serving
from pointsman.registry.versions import Version


def load_weights(state: State, number: int, updates: int) -> list[dict[str, float]]:
    """Return the weights of models in the newest ``updates`` generations that took a batch, up to ``number``.

    They come newest first. A weight is the largest that any ensemble of the generation gave the model, 0 where none
    did; generations without ensembles are left out.
    """
    numbers = load_updates(state, number)[:updates]
    serving = load_serving(state, numbers)
    weighed = [_weigh(serving.get(one, [])) for one in numbers]
    return [weights for weights in weighed if weights]


def _weigh(members: Sequence[Version]) -> dict[str, float]:
    """Return the weights of models among a generation's members; {} where none of them is an ensemble."""
    lines = {one.id: one.line for one in members if not one.is_ensemble}
    ensembles = [one for one in members if one.is_ensemble]
    weights = dict.fromkeys(lines.values(), 0.0) if ensembles else {}
    for shares in (shares for ensemble in ensembles for shares in ensemble.members):
        for version, share in shares.items():
            if version in lines:
                weights[lines[version]] = max(weights[lines[version]], share)
    return weights


def average_weights(history: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the mean weight of every model over generations; one that was not a member yet counts as 0.

    >>> average_weights([{"a": 0.5, "b": 0.2}, {"a": 0.3}])
    {'a': 0.4, 'b': 0.1}
    """
    lines = dict.fromkeys(line for weights in history for line in weights)
    return {line: sum(weights.get(line, 0.0) for weights in history) / len(history) for line in lines}


def find_idle(history: Sequence[Mapping[str, float]], updates: int) -> set[str]:
    """Return the models that were members in each of ``updates`` generations and never had any weight.

    >>> sorted(find_idle([{"a": 0.0, "b": 0.2, "c": 0.0}, {"a": 0.0, "b": 0.0}], 2)), find_idle([{"a": 0.0}], 2)
    (['a'], set())
    """
    if len(history) < updates:
        return set()
    newest = history[:updates]
    return {line for line in newest[0] if all(weights.get(line) == 0 for weights in newest)}
