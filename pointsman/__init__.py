"""Pointsman learns from a stream of tabular batches and chooses which registered model serves each request.

In a checkout the rooms of this package (pipeline, model_zoo, meta, registry, experiments, common) lie beside this
folder, at the top, so that ``python run.py`` works without installing anything; a wheel has them inside it. Both are
imported by the same name, such as ``pointsman.pipeline.update``.
"""

from pathlib import Path

__version__ = "0.2.0"

_HERE = Path(__file__).resolve().parent
if not (_HERE / "pipeline").is_dir():
    __path__.append(str(_HERE.parent))
