"""The kinds of source a configuration can name."""

import logging
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from pointsman.common.config import Config
from pointsman.common.wanted import Wanted
from pointsman.pipeline.collection.folder import FolderSource
from pointsman.pipeline.collection.part import Part, Source, describe_file
from pointsman.pipeline.collection.sql import SqlSource

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FilesSource:
    """Files named one by one; a file named twice counts once. Relative paths start at ``data_dir``."""

    paths: tuple[str, ...]
    data_dir: Path
    wanted: Wanted | None = None

    @property
    def label(self) -> str:
        return ", ".join(self.paths)

    def parts(self) -> tuple[Part, ...]:
        described = (describe_file(self.data_dir / path, self.data_dir, self.wanted) for path in self.paths)
        parts = {part.key: part for part in described}
        if len(parts) < len(self.paths):
            _log.warning("source.paths names a file more than once; it is taken once.")
        return tuple(parts.values())


@dataclass(frozen=True)
class DemoSource:
    """The built-in simulator."""

    rows: int
    seed: int

    @property
    def label(self) -> str:
        return "the demo stream"

    def parts(self) -> tuple[Part, ...]:
        digest = f"demo/{self.rows}/{self.seed}"
        return (Part("demo", self.label, partial(_simulate, self.rows, self.seed), digest),)


def open_source(config: Config) -> Source:
    """Return the source that ``config.source`` describes; nothing is read yet."""
    source = config.source
    if source.kind == "files":
        return FilesSource(source.paths, config.data_dir, Wanted.of_stream(config))
    if source.kind == "folder":
        return FolderSource(source.paths, config.data_dir, Wanted.of_stream(config))
    if source.kind == "sql":
        return SqlSource(source.url or "", source.query or "", config.data_dir)
    return DemoSource(source.demo.rows, source.demo.seed)


def _simulate(rows: int, seed: int) -> pd.DataFrame:
    from pointsman.pipeline.collection.demo.simulator import simulate

    return simulate(rows, seed)
