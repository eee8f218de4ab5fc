"""Every table of the catalogue, imported: what moves or copies the whole state has to know all of it."""

import pointsman.common.performance
import pointsman.experiments.tables
import pointsman.meta.label_tables
import pointsman.meta.tables
import pointsman.pipeline.collection.tables
import pointsman.pipeline.drift.tables
import pointsman.pipeline.quality.stored
import pointsman.pipeline.quality.tables
import pointsman.pipeline.retraining.tables
import pointsman.pipeline.validation.tables
import pointsman.registry.tables

__all__ = ["pointsman"]
