"""Commands that are killed leave the catalogue of a run that nobody disturbed, on SQLite and on PostgreSQL."""

import pytest

from benchmarks.durability_kills import kill, read_answers
from benchmarks.durability_stream import Place, write_stream


@pytest.mark.slow
def test_killed_commands_leave_the_catalogue_of_undisturbed_ones(tmp_path, catalogue_url):
    write_stream(tmp_path)
    calm, disturbed = Place(tmp_path, "calm"), Place(tmp_path, "killed", catalogue_url)
    kills = list(kill(calm, disturbed, 4, seed=7, per_step=1))
    assert len(kills) == 4
    assert [one.wrong for one in kills] == [""] * 4
    expected = read_answers(calm)
    assert read_answers(disturbed).items() <= expected.items()
