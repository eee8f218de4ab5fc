"""What the state survives: killed commands, a full disk and a folder that is read-only.

`benchmarks/durability.py` kills many more, with --catalogue on PostgreSQL, too.
"""

import pytest

from benchmarks.durability_damage import CannotDamageError, on_own_disk, remount, take_space
from benchmarks.durability_kills import kill, read_answers
from benchmarks.durability_stream import Place, write_stream
from pointsman.common.errors import StateError
from pointsman.common.storage.catalogue import Draft, read_rows
from pointsman.common.storage.state import lock_updates, open_state
from pointsman.registry.tables import generations_table


@pytest.mark.slow
def test_killed_commands_leave_the_catalogue_of_undisturbed_ones(tmp_path):
    write_stream(tmp_path)
    calm, disturbed = Place(tmp_path, "calm"), Place(tmp_path, "killed")
    kills = list(kill(calm, disturbed, 3, seed=7, per_step=1))
    assert len(kills) == 3
    assert [one.wrong for one in kills] == [""] * 3
    expected = read_answers(calm)
    assert read_answers(disturbed).items() <= expected.items()


@pytest.fixture
def own_disk(tmp_path):
    """A state of one generation on a disk of its own, skipped where none can be mounted."""
    place = Place(tmp_path, "state")
    with open_state(place.config) as state:
        add_generation(state)
    try:
        with on_own_disk(place) as own:
            yield own
    except CannotDamageError as reason:
        pytest.skip(str(reason))


def add_generation(state, number=1, why=""):
    draft = Draft(number)
    draft.add(generations_table, [{"number": number, "cause": "update", "seed": 7, "who": "me", "why": why}])
    draft.commit(state.engine)


def count_generations(place):
    with open_state(place.config) as state:
        return len(read_rows(state.engine, generations_table.select()))


def test_a_full_disk_is_told_in_a_sentence_and_what_was_there_stays(own_disk):
    with open_state(own_disk.config) as state:
        filler = take_space(state.folder, 50_000)
        with pytest.raises(StateError, match=r"cannot be written \(No space left on device\); free some space"):
            state.files.save(bytes(200_000), ".bin")
        with pytest.raises(StateError, match=r"free some space|its free space"):
            add_generation(state, 2, why="x" * 300_000)
        filler.unlink()
        assert count_generations(own_disk) == 1
        add_generation(state, 2)
    assert count_generations(own_disk) == 2


def test_a_read_only_folder_is_read_and_not_written(own_disk):
    remount(own_disk, "ro")
    try:
        with open_state(own_disk.config) as state:
            assert len(read_rows(state.engine, generations_table.select())) == 1
            with pytest.raises(StateError, match=r"update.lock' cannot be written \(Read-only file system\); it"):
                lock_updates(state).__enter__()
            with pytest.raises(StateError, match="cannot be written: it may be read but not written here"):
                add_generation(state, 2)
    finally:
        remount(own_disk, "rw")
    assert count_generations(own_disk) == 1
