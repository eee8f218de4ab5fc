"""The past that a batch's quality is held against: read before the batch is judged, added to afterwards."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd
import sqlalchemy as sa

from pointsman.common.config import Config
from pointsman.common.records import ColumnProfile, Fingerprint, LabelledBatch
from pointsman.common.schema import Schema
from pointsman.common.seeding import random_generator
from pointsman.common.storage.catalogue import Draft, read_rows
from pointsman.common.storage.rows import read_record
from pointsman.common.storage.state import State
from pointsman.model_zoo.arrays import dump_arrays, load_arrays
from pointsman.pipeline.collection.tables import batches
from pointsman.pipeline.quality.associations import AssociationRule
from pointsman.pipeline.quality.fingerprints import add_levels
from pointsman.pipeline.quality.mining import mine_rules
from pointsman.pipeline.quality.past import PAST_BATCHES, CheckKey, PastBatch, QualityPast, read_nothing
from pointsman.pipeline.quality.stored import profiles_table, quality_table
from pointsman.pipeline.quality.tables import association_rows, associations_table, fingerprints_table
from pointsman.pipeline.quality.thresholds import PastShare


def load_quality_past(state: State, read_earlier: Callable[[], Iterator[LabelledBatch]] = read_nothing) -> QualityPast:
    """Return what is known of the newest accepted batches, which ``read_earlier`` yields with the newest first."""
    query = (
        sa.select(batches.c.number, batches.c.rows, batches.c.end)
        .where(batches.c.status == "accepted")
        .order_by(batches.c.number.desc())
        .limit(PAST_BATCHES)
    )
    stored = read_rows(state.engine, query)[::-1]
    if not stored:
        return QualityPast()
    rows = {row["number"]: row["rows"] for row in stored}
    return QualityPast(
        batches=tuple(PastBatch(row["number"], row["rows"], pd.Timestamp(row["end"])) for row in stored),
        shares=_load_shares(state, rows),
        profiles=_load_profiles(state, rows),
        levels=_load_levels(state),
        digests=_load_digests(state, list(rows)),
        rules=load_rules(state),
        read_earlier=read_earlier,
    )


def draft_fingerprint(draft: Draft, state: State, number: int, fingerprint: Fingerprint) -> None:
    """Add the digests of an accepted batch to the draft, its levels together with those of all earlier batches."""
    levels = add_levels(_load_levels(state), fingerprint.levels)
    described = {
        "batch": number,
        "rows_file": state.files.save(dump_arrays(rows=fingerprint.rows), ".npz"),
        "levels_file": state.files.save(
            dump_arrays(
                names=np.array(list(levels), dtype=str),
                sizes=np.array([len(one) for one in levels.values()], dtype=int),
                levels=_join(list(levels.values())),
            ),
            ".npz",
        ),
    }
    draft.add(fingerprints_table, [described])


def draft_rules(draft: Draft, config: Config, schema: Schema, window: Sequence[LabelledBatch], number: int) -> None:
    """Mine association rules on the window that ends with batch ``number``, for the batches after it."""
    random = random_generator(config.seed, "associations", number)
    rules = mine_rules(window, schema, config.quality.associations, random)
    draft.add(associations_table, association_rows(number, rules))


def load_rules(state: State) -> tuple[AssociationRule, ...]:
    """Return the rules that were mined last."""
    newest = sa.select(sa.func.max(associations_table.c.batch)).scalar_subquery()
    query = sa.select(associations_table).where(associations_table.c.batch == newest)
    stored = read_rows(state.engine, query.order_by(associations_table.c.position))
    return tuple(AssociationRule.from_json(row) for row in stored)


def _load_shares(state: State, rows: dict[int, int]) -> dict[CheckKey, tuple[PastShare, ...]]:
    table = quality_table.c
    query = (
        sa.select(table.batch, table.code, table.column, table.share, table.passed)
        .where(table.batch.in_(rows))
        .order_by(table.batch, table.position)
    )
    shares: dict[CheckKey, list[PastShare]] = {}
    places: dict[tuple[int, str, str], int] = {}
    for row in read_rows(state.engine, query):
        of_check = (row["batch"], row["code"], row["column"])
        place = places[of_check] = places.get(of_check, -1) + 1
        if row["share"] is not None:
            past = PastShare(rows[row["batch"]], row["share"], row["passed"])
            shares.setdefault((row["code"], row["column"], place), []).append(past)
    return {key: tuple(known) for key, known in shares.items()}


def _load_profiles(state: State, rows: dict[int, int]) -> dict[str, tuple[tuple[int, ColumnProfile], ...]]:
    query = sa.select(profiles_table).where(profiles_table.c.batch.in_(rows)).order_by(profiles_table.c.batch)
    profiles: dict[str, list[tuple[int, ColumnProfile]]] = {}
    for row in read_rows(state.engine, query):
        profile = read_record(ColumnProfile, {**row, **row["stats"]})
        profiles.setdefault(row["column"], []).append((rows[row["batch"]], profile))
    return {name: tuple(known) for name, known in profiles.items()}


MOST_BROKEN = 3
"""Files of levels, the newest ones, that may be broken: each holds the levels of all batches before it."""


def _load_levels(state: State) -> dict[str, np.ndarray]:
    query = (
        sa.select(fingerprints_table.c.levels_file).order_by(fingerprints_table.c.batch.desc()).limit(MOST_BROKEN + 1)
    )
    contents = (state.files.load_if_sound(row["levels_file"]) for row in read_rows(state.engine, query))
    newest = next((content for content in contents if content is not None), None)
    if newest is None:
        return {}
    arrays = load_arrays(newest)
    parts = np.split(arrays["levels"], np.cumsum(arrays["sizes"])[:-1]) if len(arrays["sizes"]) else []
    return dict(zip(arrays["names"].tolist(), parts, strict=True))


def _load_digests(state: State, numbers: list[int]) -> dict[int, np.ndarray]:
    query = sa.select(fingerprints_table).where(fingerprints_table.c.batch.in_(numbers))
    stored = read_rows(state.engine, query.order_by(fingerprints_table.c.batch))
    contents = {row["batch"]: state.files.load_if_sound(row["rows_file"]) for row in stored}
    return {batch: load_arrays(content)["rows"] for batch, content in contents.items() if content is not None}


def _join(parts: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.empty(0, dtype=np.uint64), *parts])
