"""The service: the predictor of the newest generation behind HTTP, kept fresh without a restart."""

from pointsman.common.config import Config
from pointsman.common.extras import has_extra, missing_extra


def serve(config: Config) -> None:
    """Answer requests until a signal ends it.

    Raises ConfigError where the extra is not installed, or the service would be open to other machines without a key.
    """
    if not has_extra("serve"):
        raise missing_extra("serve", "The service needs FastAPI and what it runs in")
    from pointsman.pipeline.api.server import run_server

    run_server(config)
