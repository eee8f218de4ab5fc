"""Levels that are spelled in many ways, as a few numbers: similar spellings come out close to each other."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer


def make_vectorizer(vocabulary: dict[str, int] | None = None) -> TfidfVectorizer:
    """Return the vectorizer of 2- to 4-grams, fitted or not."""
    return TfidfVectorizer(
        analyzer="char_wb", ngram_range=(2, 4), lowercase=True, dtype=np.float32, vocabulary=vocabulary
    )


class SpellingEncoder(TransformerMixin, BaseEstimator):
    """Encode one text column by the character n-grams of its levels, reduced to ``components`` numbers.

    The levels' TF-IDF vectors of 2- to 4-grams are weighted by how often a level occurs and projected by a truncated
    SVD (latent semantic analysis; Deerwester et al. 1990). Only distinct levels are encoded, so a million rows with
    600 levels cost 600 encodings. A level never seen lands near the spellings it resembles; a missing cell is all 0.

    >>> makes = pd.DataFrame({"make": ["TOYOTA", "TOYOTA HIACE", "TOYTA", "ISUZU", "ISUZU FSR", None]}, dtype="str")
    >>> encoder = SpellingEncoder(components=2).fit(makes)
    >>> toyta, toyota, isuzu, missing = encoder.transform(makes.iloc[[2, 0, 3, 5]])
    >>> bool(np.linalg.norm(toyta - toyota) < np.linalg.norm(toyta - isuzu)), missing.tolist()
    (True, [0.0, 0.0])
    """

    def __init__(self, components: int = 10, seed: int = 0) -> None:
        self.components = components
        self.seed = seed

    def fit(self, X: pd.DataFrame, y: Any = None) -> "SpellingEncoder":
        """Learn the n-grams and the projection from a one-column table of text."""
        counts = X.iloc[:, 0].astype("str").dropna().value_counts().sort_index()
        self.vectorizer_: TfidfVectorizer | None = None
        self.projection_: TruncatedSVD | None = None
        if counts.empty:
            return self
        vectorizer = make_vectorizer()
        try:
            grams = vectorizer.fit_transform(counts.index.tolist())
        except ValueError:  # no level has two characters in a row, so there is no n-gram to learn
            return self
        size = min(self.components, min(grams.shape) - 1)
        if size < 1:
            return self
        weighted = grams.multiply(np.sqrt(counts.to_numpy(dtype=np.float32))[:, None]).tocsr()
        self.vectorizer_ = vectorizer
        self.projection_ = TruncatedSVD(size, random_state=self.seed).fit(weighted)
        return self

    def transform(self, X: pd.DataFrame) -> np.ndarray:
        """Return (n_rows, components) float32; columns past what the levels can fill are 0."""
        codes, levels = pd.factorize(X.iloc[:, 0].astype("str"))
        encoded = np.zeros((len(levels) + 1, self.components), dtype=np.float32)
        if self.vectorizer_ is not None and self.projection_ is not None and len(levels):
            projected = self.projection_.transform(self.vectorizer_.transform(list(levels)))
            encoded[: len(levels), : projected.shape[1]] = projected
        return encoded[codes]

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return ``column_0`` ... for the one column encoded."""
        name = "level" if input_features is None else input_features[0]
        return np.array([f"{name}_{number}" for number in range(self.components)], dtype=object)
