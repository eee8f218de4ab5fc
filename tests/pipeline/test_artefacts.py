"""What an update stores of a version: all that is needed to trust it, and to make it again."""

import pytest
import sqlalchemy as sa
from small_stream import ROWS, learn, opened

from common.database import read_rows
from common.environment import describe_environment
from model_zoo.golden import ANSWERS
from model_zoo.golden import ROWS as GOLDEN
from registry.tables import versions_table
from registry.versions import Version, load_manifest


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    return learn(tmp_path_factory.mktemp("learned"), 3)


def load_versions(state):
    rows = read_rows(state.engine, sa.select(versions_table).order_by(versions_table.c.number))
    return {row["id"]: Version.from_row(row) for row in rows}


def test_a_version_knows_its_rows_inputs_cost_seed_and_makers(learned):
    with opened(learned) as (_, state):
        versions = load_versions(state)
    singles = [version for version in versions.values() if not version.is_blend]
    assert {version.generation for version in singles} == {1, 2, 3}
    for version in singles:
        assert sum(one.rows for one in version.trained_on) == version.rows
        assert [one.batch for one in version.trained_on] == list(range(version.first_batch, version.last_batch + 1))
        assert version.inputs
        assert version.predict_us > 0
        assert version.environment == describe_environment()
    by_batch = {}
    for version in singles:
        for one in version.trained_on:
            by_batch.setdefault(one.batch, set()).add((one.rows, one.digest))
    assert {batch: len(parts) for batch, parts in by_batch.items()} == {1: 1, 2: 1, 3: 1}  # the same rows for everyone
    assert sum(rows for parts in by_batch.values() for rows, _ in parts) <= 3 * ROWS
    assert len({version.seed for version in singles}) == 3


def test_a_blend_learned_no_rows_and_reads_what_its_members_read(learned):
    with opened(learned) as (_, state):
        versions = load_versions(state)
    for blend in (version for version in versions.values() if version.is_blend):
        used = [versions[name] for name in blend.params["weights"]]
        assert blend.trained_on == ()
        assert set(blend.inputs) == {name for version in used for name in version.inputs}
        assert blend.predict_us == pytest.approx(sum(version.predict_us for version in used))


def test_versions_made_together_share_their_golden_rows(learned):
    with opened(learned) as (_, state):
        singles = [version for version in load_versions(state).values() if not version.is_blend]
        listed = [load_manifest(state.files, version.manifest) for version in singles]
    assert len({manifest[GOLDEN] for manifest in listed}) == len({(one.generation, one.inputs) for one in singles})
    assert all(ANSWERS in manifest for manifest in listed)
