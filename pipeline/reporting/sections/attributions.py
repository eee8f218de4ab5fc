"""SHAP over time: what answers to each batch rested on, and whether that has changed."""

from pointsman.pipeline.collection.tables import batches
from pointsman.pipeline.reporting.production_shap import read_settings
from pointsman.pipeline.reporting.section import Section
from pointsman.pipeline.reporting.served_attributions import explain_served, read_served

SECTION = Section("attributions", reads=(batches, read_settings, read_served), figures={"attributions": explain_served})
