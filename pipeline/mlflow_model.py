"""The name by which MLflow loads what releases before the package was called pointsman have published."""

from pointsman.pipeline.serving.mlflow_model import _load_pyfunc

__all__ = ["_load_pyfunc"]
