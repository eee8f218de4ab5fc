"""Cards of versions that an update made, also of one whose files are lost."""

from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from small_stream import LINEAR, configure, copy, opened

from pointsman.common.errors import StateError
from pointsman.pipeline.lifecycle.cards import check_golden, write_card
from pointsman.registry.generations import Role, load_generation
from pointsman.registry.tables import aliases_table, members_table, versions_table
from pointsman.registry.versions import load_manifest


def write(folder, name):
    return write_card(configure(folder, LINEAR), name).read_text()


def test_every_member_has_a_card(linear_stream, tmp_path):
    folder = copy(linear_stream, tmp_path / "copy")
    with opened(folder) as (_, state):
        generation = load_generation(state)
    members = generation.members
    for member in members:
        card = write(folder, member.version.id)
        assert card.startswith(f"# {member.version.id}\n")
        assert ("production, what serves typical requests, in" in card) == (member.version == generation.production)
        role = "challenger" if member.role is Role.CHALLENGER else member.role.shown
        assert f"{role} " in card.split("## Use")[0]
        assert "predicts `CLAIM_PAID` (binary)" in card
        assert "blend" not in card
        if member.version.is_ensemble and generation.number > 1:
            assert "| prequential | log_loss |" in card
    assert len(list((folder / "state" / "cards").iterdir())) == len(members)


def test_a_version_whose_files_are_lost_has_a_card_that_says_so(linear_stream, tmp_path):
    folder = copy(linear_stream, tmp_path / "copy")
    with opened(folder) as (_, state):
        champion = load_generation(state).champion
        state.files.path(load_manifest(state.files, champion.manifest)["model.json"]).unlink()
    card = write(folder, champion.id)
    assert f"- The version '{champion.id}' cannot be loaded: The stored file" in card
    assert "| batch | how | metric | score | rows |" in card or "It has no scores" in card


def test_a_name_from_the_catalogue_cannot_lead_out_of_the_folder(linear_stream, tmp_path):
    folder = copy(linear_stream, tmp_path / "copy")
    with opened(folder) as (_, state), state.engine.begin() as connection:
        for table in (members_table, aliases_table):
            connection.execute(sa.delete(table))
        connection.execute(sa.update(versions_table).where(versions_table.c.number == 1).values(id="../../evil"))
    with pytest.raises(StateError, match="which Pointsman never gives"):
        write(folder, "../../evil")
    with pytest.raises(StateError, match="There is no version 'linear-9999'"):
        write(folder, "linear-9999")
    assert not list(tmp_path.glob("evil*"))


def test_dropped_models_of_an_ensemble_are_no_damage(monkeypatch):
    monkeypatch.setattr("pointsman.pipeline.lifecycle.cards.find_dropped", lambda _state, versions: versions[:2])
    mixture = SimpleNamespace(id="ensemble-0061", is_ensemble=True, member_ids=("knn-0040", "linear-0041"))
    told = check_golden(None, mixture)
    assert "storage.max_mb (ensemble-0061, knn-0040); python run.py models rebuild ensemble-0061 knn-0040 makes" in told
