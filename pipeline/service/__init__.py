"""The service: the predictor of the newest generation behind HTTP, kept fresh without a restart."""

from common.config import Config
from common.extras import has_extra, missing_extra


def serve(config: Config) -> None:
    """Answer requests until a signal ends it.

    Raises ConfigError where the extra is not installed, or the service would be open to other machines without a key.
    """
    if not has_extra("serve"):
        raise missing_extra("serve", "The service needs FastAPI and what it runs in")
    from pipeline.service.server import run_server

    run_server(config)
