"""What an update and a request do once: each rereading or recomputing would cost every user time."""

import sys
from collections import Counter

import pytest
import small_stream

from pointsman.common.adaptation import read_adapted
from pointsman.meta.past import stack_records
from pointsman.meta.store import load_records
from pointsman.model_zoo.cell_flags import flag_cells
from pointsman.pipeline.inference import infer
from pointsman.pipeline.preparation.clean_store import load_clean_batch
from pointsman.pipeline.preparation.features import engineer_features


@pytest.fixture
def follow(monkeypatch):
    """Count the calls of a function wherever it is imported, by what ``name`` makes of its arguments."""

    def start(function, name=lambda *_: ""):
        calls = Counter()

        def counted(*arguments, **named):
            calls[name(*arguments, *named.values())] += 1
            return function(*arguments, **named)

        for module in [one for path, one in sys.modules.items() if path.startswith("pointsman.")]:
            for key in [key for key, held in vars(module).items() if held is function]:
                monkeypatch.setattr(module, key, counted)
        return calls

    return start


def test_an_update_parses_loads_engineers_and_stacks_once(linear_stream, tmp_path, follow):
    folder = small_stream.copy(linear_stream, tmp_path / "stream")
    parsed, recalled = follow(read_adapted), follow(load_records)
    loaded = follow(load_clean_batch, lambda *arguments: arguments[1])
    engineered = follow(engineer_features, lambda inputs, *_: tuple(inputs.index[:1]) + tuple(inputs.iloc[0]))
    stacked = follow(stack_records, lambda *_: sys._getframe(2).f_globals["__name__"].rpartition(".")[2])
    batch, _, refused = small_stream.take(folder)
    assert (batch["number"], refused) == (4, "")
    assert (parsed.total(), recalled.total()) == (1, 1)
    assert list(loaded.values()) == [1, 1, 1]  # the batches before it in the window
    assert list(engineered.values()) == [1, 1, 1, 1]
    assert stacked["learning"] == 1  # which refits and challengers share
    assert not {"registration", "refit"} & set(stacked)


def test_a_request_is_flagged_once(linear_stream, tmp_path, follow):
    folder = small_stream.copy(linear_stream, tmp_path / "stream")
    request = folder / "request.csv"
    small_stream.make_rows(1).to_csv(request, index=False)
    parsed, flagged, engineered = follow(read_adapted), follow(flag_cells), follow(engineer_features)
    infer(small_stream.configure(folder, small_stream.LINEAR), request)
    assert (parsed.total(), flagged.total(), engineered.total()) == (1, 1, 1)
