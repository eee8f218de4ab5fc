"""Effects: how the answer of what serves goes with each of its most important features."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pointsman.common.seeding import derive_seed
from pointsman.meta.records import predict_outputs
from pointsman.pipeline.reporting.explanation.accumulated import Effect, compute_effect
from pointsman.pipeline.reporting.history import History
from pointsman.pipeline.reporting.production_shap import explain_production, load_newest, load_production
from pointsman.pipeline.reporting.section import Section

MOST_FEATURES = 6


@dataclass(frozen=True)
class EffectFigures:
    """The effects of the most important features, in their order; ``output`` names the class that is shown, if any."""

    output: str
    effects: tuple[Effect, ...]


def compute_effects(history: History) -> EffectFigures:
    """Return the effects of what serves on rows of the newest batch."""
    given, schema = history.ask(explain_production).contributions, history.generation.schema
    if given is None or schema is None:
        return EffectFigures("", ())
    production, rows = history.ask(load_production), history.ask(load_newest).inputs
    code = 1 if len(schema.classes) == 2 else given.output

    def answer(asked: pd.DataFrame) -> np.ndarray:
        each = (
            share * predict_outputs(production.models[name], asked, schema.classes)[:, code]
            for name, share in production.weights.items()
        )
        return np.sum(list(each), axis=0)

    named = [str(given.features.columns[place]) for place in given.rank_features()[:MOST_FEATURES]]
    seed = derive_seed(history.config.seed, "report")
    found = (compute_effect(answer, rows, name, seed) for name in named)
    return EffectFigures(given.outputs[given.output], tuple(one for one in found if one is not None))


SECTION = Section("effects", figures={"effects": compute_effects})
