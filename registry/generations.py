"""Generations: the whole live state after a commit, and who is active in it. The newest one serves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from pointsman.common.errors import DamagedCatalogue, first_line
from pointsman.common.schema import Schema
from pointsman.common.storage.addresses import show_address
from pointsman.common.storage.catalogue import Draft, read_rows
from pointsman.common.storage.rows import make_row
from pointsman.common.storage.state import State
from pointsman.registry.digests import compute_generation_digest
from pointsman.registry.stream import Stream
from pointsman.registry.tables import aliases_table, events_table, generations_table, members_table, versions_table
from pointsman.registry.versions import Version, version_row
from pointsman.registry.words import show_word


class Cause(StrEnum):
    """What made a generation: a batch that was learned, kept unlearned or rejected, or a person's decision.

    A revision takes a batch under a changed schema and rereads all earlier ones, so a new past begins with it.
    """

    EMPTY = "empty"
    UPDATE = "update"
    REVISION = "revision"
    KEPT = "kept"
    REJECTED = "rejected"
    QUARANTINE = "quarantine"
    PROMOTION = "promotion"
    RETIREMENT = "retirement"
    REBUILD = "rebuild"
    ROLLBACK = "rollback"

    @property
    def takes_batch(self) -> bool:
        """Whether such a generation took a batch from the stream."""
        return self.accepts_batch or self is Cause.REJECTED

    @property
    def accepts_batch(self) -> bool:
        """Whether the batch was accepted; rows are read by its configuration from then on."""
        return self in (Cause.UPDATE, Cause.REVISION, Cause.KEPT)


class Alias(StrEnum):
    """A name for a version: the best single model by its record, the next best, and what serves typical requests."""

    CHAMPION = "champion"
    CHALLENGER = "challenger"
    PRODUCTION = "production"


class Role(StrEnum):
    """What a version is in a generation: champion for clean or for damaged input, ensemble, active, or challenger.

    Values are as stored; ``shown`` is what people read. A version that is champion for both is CHAMPION. A
    challenger does not serve: it predicts the next batch beside the active versions, to compare retrain modes.
    """

    CHAMPION = "champion"
    ROBUST_CHAMPION = "damaged champion"
    ACTIVE = "active"
    ENSEMBLE = "blend"  # as it has been stored since the first release
    CHALLENGER = "rival"  # this one, too

    @property
    def shown(self) -> str:
        """The role as people read it."""
        return show_word(self.value)


@dataclass(frozen=True)
class Member:
    """An active version and its role."""

    version: Version
    role: Role


@dataclass(frozen=True)
class Event:
    """Something that happened to a version: registered, promoted, replaced or retired, and why."""

    version: str
    event: str
    reason: str


@dataclass(frozen=True)
class Generation:
    """The live state as of one commit. ``reference`` and ``selector`` name stored files.

    Generation 0 is the state before the first update: no schema, no cursor, no member. ``pinned`` is the model that a
    person made serve; ``aliases`` are versions by alias; ``who`` committed it and, where a person did, ``why``.
    ``stream`` is None where an earlier release wrote the generation.
    """

    number: int = 0
    parent: int | None = None
    cause: Cause = Cause.EMPTY
    batch: int | None = None
    cursor: dict[str, Any] | None = None
    schema: Schema | None = None
    reference: str | None = None
    selector: str | None = None
    members: tuple[Member, ...] = ()
    pinned: str | None = None
    aliases: Mapping[Alias, str] = field(default_factory=dict)
    who: str = ""
    why: str = ""
    stream: Stream | None = None

    @property
    def champion(self) -> Version | None:
        """The best single model by its record, None before there is one; it serves where the choice is not trusted."""
        return next((member.version for member in self.members if member.role is Role.CHAMPION), None)

    @property
    def production(self) -> Version | None:
        """The single model or ensemble that serves typical requests; the champion until one is named."""
        named = self.find(self.aliases.get(Alias.PRODUCTION, ""))
        return named.version if named else self.champion

    @property
    def robust_champion(self) -> Version | None:
        """The version that serves damaged input by default: the champion, unless another one is better there."""
        named = (member.version for member in self.members if member.role is Role.ROBUST_CHAMPION)
        return next(named, self.champion)

    @property
    def versions(self) -> tuple[Version, ...]:
        """Every active version that has a model of its own, oldest first."""
        return tuple(
            one.version for one in self.members if not one.version.is_ensemble and one.role is not Role.CHALLENGER
        )

    @property
    def last_learned(self) -> int:
        """The newest batch that an active version has learned; 0 before the first."""
        return max((version.last_batch for version in self.versions), default=0)

    @property
    def ensembles(self) -> tuple[Version, ...]:
        """Every active ensemble."""
        return tuple(member.version for member in self.members if member.version.is_ensemble)

    @property
    def challengers(self) -> tuple[Version, ...]:
        """Every version that only competes with the active ones."""
        return tuple(member.version for member in self.members if member.role is Role.CHALLENGER)

    def list_members(self, ensemble: Version) -> tuple[dict[str, float], ...]:
        """Return the weights of an ensemble's active members by model, for each RowKind."""
        lines = {version.id: version.line for version in self.versions}
        return tuple(
            {lines[one]: share for one, share in weights.items() if one in lines} for weights in ensemble.members
        )

    def find(self, version: str) -> Member | None:
        """Return a version as a member of this generation, None where it is not active."""
        return next((member for member in self.members if member.version.id == version), None)

    def succeed(self, cause: Cause, **changes: Any) -> "Generation":
        """Return the next generation: a child of this one with ``changes``."""
        after = {"number": self.number + 1, "parent": self.number or None, "who": "", "why": ""}
        return replace(self, cause=cause, **after | changes)


def load_generation(state: State, number: int | None = None, verified: bool = True) -> Generation:
    """Return a generation, by default the newest one; generation 0 where nothing was committed yet.

    Raises DamagedCatalogue where its rows are not those that were stored; of those that are not ``verified`` only where
    they make no sense.
    """
    query = sa.select(generations_table).order_by(generations_table.c.number.desc()).limit(1)
    if number is not None:
        query = sa.select(generations_table).where(generations_table.c.number == number)
    rows = read_rows(state.engine, query)
    # Generation 0 has no row of its own; neither has a number that was never given.
    if not rows:
        return Generation()
    stored = rows[0]
    # In the order of their numbers, since ties between members go by order.
    active = read_rows(
        state.engine,
        sa.select(versions_table, members_table.c.role)
        .join(members_table, members_table.c.version == versions_table.c.id)
        .where(members_table.c.generation == stored["number"])
        .order_by(versions_table.c.number),
    )
    named = sa.select(aliases_table).where(aliases_table.c.generation == stored["number"])
    aliases = {row["alias"]: row["version"] for row in read_rows(state.engine, named.order_by(aliases_table.c.alias))}
    shown = show_address(state.engine.url)
    if verified and stored["digest"] is not None and stored["digest"] != _digest_rows(stored, active, aliases):
        raise DamagedCatalogue(shown, f"the rows of generation {stored['number']} are not those that were stored")
    try:
        return _read_generation(stored, active, aliases)
    except (ValueError, TypeError, KeyError) as error:
        reason = f"the rows of generation {stored['number']} make no sense: {first_line(error)}"
        raise DamagedCatalogue(shown, reason) from error


def _digest_rows(stored: Mapping[str, Any], active: Sequence[Mapping[str, Any]], aliases: Mapping[str, str]) -> str:
    return compute_generation_digest(stored, active, {row["id"]: row["role"] for row in active}, aliases)


def _read_generation(
    stored: Mapping[str, Any], active: Sequence[Mapping[str, Any]], aliases: Mapping[str, str]
) -> Generation:
    return Generation(
        number=stored["number"],
        parent=stored["parent"],
        cause=Cause(stored["cause"]),
        batch=stored["batch"],
        cursor=stored["cursor"],
        schema=Schema.from_json(stored["schema"]) if stored["schema"] else None,
        reference=stored["reference"],
        selector=stored["selector"],
        members=tuple(Member(Version.from_row(row), Role(row["role"])) for row in active),
        pinned=stored["pinned"],
        aliases={Alias(alias): version for alias, version in aliases.items()},
        who=stored["who"],
        why=stored["why"],
        stream=Stream.from_json(stored["stream"]) if stored["stream"] else None,
    )


def draft_generation(
    draft: Draft,
    generation: Generation,
    seed: int,
    new: Sequence[Version] = (),
    events: Sequence[Event] = (),
    config: str | None = None,
) -> None:
    """Add a generation, its new versions and their events to a draft. ``config`` names its stored configuration."""
    row = _describe(generation) | {"config": config, "seed": seed}
    draft.add(generations_table, [row | {"digest": _digest_members(row, generation)}])
    draft.add(versions_table, [version_row(version) for version in new])
    draft.add(
        members_table,
        [
            {"generation": generation.number, "version": member.version.id, "role": member.role.value}
            for member in generation.members
        ],
    )
    draft.add(
        aliases_table,
        [
            {"generation": generation.number, "alias": alias.value, "version": version}
            for alias, version in generation.aliases.items()
        ],
    )
    draft.add(
        events_table,
        [make_row(event, generation=generation.number, position=position) for position, event in enumerate(events)],
    )


def _digest_members(row: Mapping[str, Any], generation: Generation) -> str:
    roles = {member.version.id: member.role.value for member in generation.members}
    aliases = {alias.value: version for alias, version in generation.aliases.items()}
    # A threshold of 0 comes back as 0.0, and both have one digest.
    versions = [version_row(one.version) | {"threshold": float(one.version.threshold)} for one in generation.members]
    return compute_generation_digest(row, versions, roles, aliases)


def _describe(generation: Generation) -> dict[str, Any]:
    """Return the generation's own row; members and aliases have tables of their own."""
    plain = ("number", "parent", "batch", "cursor", "reference", "selector", "pinned", "who", "why")
    return {name: getattr(generation, name) for name in plain} | {
        "cause": generation.cause.value,
        "schema": generation.schema.to_json() if generation.schema else None,
        "stream": generation.stream.to_json() if generation.stream else None,
    }
