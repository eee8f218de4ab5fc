"""A fitted spelling encoder as arrays: what a level becomes that was not met while fitting."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class Spelling:
    """A ``SpellingEncoder`` and the scaler behind it.

    grams:       (n_grams,) the n-grams it knows, none where there was nothing to learn
    weights:     (n_grams,) float32, how rare each is
    directions:  (n_found, n_grams) float32, the projection
    mean, scale: (n_components,) float64, of the scaler
    """

    grams: tuple[str, ...]
    weights: np.ndarray
    directions: np.ndarray
    mean: np.ndarray
    scale: np.ndarray

    def spell(self, levels: Sequence[str]) -> np.ndarray:
        """Return what levels become (n_levels, n_components) float32."""
        import pandas as pd

        encoded: np.ndarray = self._pipeline.transform(pd.DataFrame({"level": pd.Series(list(levels), dtype="str")}))
        return encoded

    @cached_property
    def _pipeline(self) -> Any:
        """scikit-learn's steps, put together again from the arrays."""
        from sklearn.decomposition import TruncatedSVD
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        from pointsman.model_zoo.spelling_encoder import SpellingEncoder, make_vectorizer

        encoder = SpellingEncoder(len(self.mean))
        encoder.vectorizer_, encoder.projection_ = None, None
        if self.grams:
            encoder.vectorizer_ = make_vectorizer(vocabulary={gram: place for place, gram in enumerate(self.grams)})
            encoder.vectorizer_.idf_ = self.weights
            encoder.projection_ = TruncatedSVD(len(self.directions))
            encoder.projection_.components_ = self.directions
        scaler = StandardScaler()
        scaler.mean_, scaler.scale_, scaler.var_ = self.mean, self.scale, np.square(self.scale)
        return make_pipeline(encoder, scaler)

    def list_arrays(self) -> dict[str, np.ndarray]:
        """Return every array by its name."""
        return {name: getattr(self, name) for name in ("weights", "directions", "mean", "scale")}

    @classmethod
    def build(cls, grams: tuple[str, ...], arrays: Mapping[str, np.ndarray]) -> "Spelling":
        """Return the spelling of n-grams and the arrays that ``list_arrays`` gave."""
        return cls(grams, *(arrays[name] for name in ("weights", "directions", "mean", "scale")))

    @classmethod
    def read(cls, pipeline: Any) -> "Spelling":
        """Return a fitted pipeline of spelling encoder and scaler as arrays."""
        encoder, scaler = (step for _, step in pipeline.steps)
        if encoder.vectorizer_ is None or encoder.projection_ is None:
            nothing = np.zeros(0, dtype=np.float32)
            return cls((), nothing, nothing.reshape(0, 0), scaler.mean_, scaler.scale_)
        vocabulary = encoder.vectorizer_.vocabulary_
        return cls(
            grams=tuple(sorted(vocabulary, key=lambda gram: vocabulary[gram])),
            weights=np.asarray(encoder.vectorizer_.idf_),
            directions=np.asarray(encoder.projection_.components_),
            mean=np.asarray(scaler.mean_),
            scale=np.asarray(scaler.scale_),
        )
