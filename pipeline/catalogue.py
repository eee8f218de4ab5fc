"""Every table of the catalogue, imported: what moves or copies the whole state has to know all of it."""

import common.performance
import experiments.tables
import meta.label_tables
import meta.tables
import pipeline.analysis.drift.tables
import pipeline.analysis.quality.tables
import pipeline.analysis.tables
import pipeline.collection.tables
import pipeline.training.tables
import pipeline.validation.tables
import registry.tables

__all__ = ["common", "experiments", "meta", "pipeline", "registry"]
