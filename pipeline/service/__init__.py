"""The service: the predictor of the newest generation behind HTTP, kept fresh without a restart."""

from common.config import Config
from model_zoo.extras import has_extra, missing_extra

LIBRARIES = ("fastapi", "uvicorn", "orjson", "prometheus_client")


def serve(config: Config) -> None:
    """Answer requests until a signal ends it.

    Raises ConfigError where a library is missing, or where the service would be open to other machines without a key.
    """
    for library in LIBRARIES:
        if not has_extra(library):
            raise missing_extra(library, "The service")
    from pipeline.service.server import run_server

    run_server(config)
