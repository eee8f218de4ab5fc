"""Arrays as bytes: NumPy's .npz without pickles, the same bytes for the same arrays."""

import io

import numpy as np

from pointsman.model_zoo.archives import check_archive


def dump_arrays(**arrays: np.ndarray) -> bytes:
    """Return named arrays as a compressed .npz archive; NumPy dates its entries 1980, so no clock is in it."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def load_arrays(stored: bytes) -> dict[str, np.ndarray]:
    """Return the arrays that ``dump_arrays`` stored; a pickle, also inside an archive, is refused with ValueError.

    >>> load_arrays(dump_arrays(edges=np.arange(3)))["edges"].tolist()
    [0, 1, 2]
    """
    check_archive(stored)
    with np.load(io.BytesIO(stored), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}
