"""What is kept is made once, and not longer than there is room."""

import pickle
import threading
import time

import pytest

from pointsman.common.kept import Kept


def have_room(made):
    return len(made) <= 2


def test_threads_wait_for_the_one_that_makes_it():
    kept, made, got = Kept(have_room), [], []

    def make():
        time.sleep(0.05)
        made.append(object())
        return made[-1]

    threads = [threading.Thread(target=lambda: got.append(kept.get("a", make))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == made * 8


def test_another_key_is_made_beside_it():
    kept, begun = Kept(have_room), threading.Barrier(2, timeout=10)
    threads = [threading.Thread(target=kept.get, args=(key, begun.wait)) for key in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(kept) == 2
    assert not begun.broken


def test_what_could_not_be_made_is_tried_again():
    kept = Kept(have_room)
    with pytest.raises(ZeroDivisionError):
        kept.get("a", lambda: 1 / 0)
    assert kept.get("a", lambda: 1) == 1


def test_a_copy_in_another_process_is_empty():
    kept = Kept(have_room)
    kept.get("a", lambda: 1)
    copy = pickle.loads(pickle.dumps(kept))
    assert len(copy) == 0
    assert copy.get("a", lambda: 2) == 2
