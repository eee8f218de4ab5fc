"""The schema of a stream: inferred from its first batch, and extended by what later ones bring."""

import logging

from pointsman.common.config import Config
from pointsman.common.records import RawBatch
from pointsman.common.schema import Schema
from pointsman.pipeline.collection.roles import describe_roles, end_short_years, infer_schema
from pointsman.pipeline.collection.targets import log_new_labels, log_positive, log_spellings
from pointsman.pipeline.quality.gate import extend_classes

log = logging.getLogger(__name__)


def infer_first(config: Config, raw: RawBatch) -> Schema:
    """Infer the schema from the first batch, and log it."""
    schema = infer_schema(raw.frame, config, raw.origin, raw.time_format)
    for line in describe_roles(schema):
        log.info("%s", line)
    return schema


def advance_schema(schema: Schema, raw: RawBatch) -> Schema:
    """Return the schema with the classes of a batch, and with two-digit years as far as the stream has come."""
    log_spellings(raw.frame[schema.target], schema)
    extended = extend_classes(raw, schema)
    log_new_labels(schema.classes, extended.classes, schema.target)
    if len(schema.classes) < len(extended.classes) == 2:
        log_positive(extended.classes, schema.target)
    return end_short_years(extended, raw.times.max())
