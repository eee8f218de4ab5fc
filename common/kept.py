"""What is made once and kept for whoever asks again, by threads at a time, as long as there is room."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable
from typing import Any, Generic, TypeVar

Made = TypeVar("Made")


class Kept(Generic[Made]):
    """Things by key. What was used longest ago goes while what is kept does not fit; the newest stays in any case.

    Where several threads ask for the same thing, one makes it and the others wait for it.

    >>> kept = Kept(lambda lengths: len(lengths) <= 2)
    >>> [kept.get(word, lambda: len(word)) for word in ("to", "err", "is")]
    [2, 3, 2]
    >>> kept.get("err", lambda: 99), kept.get("to", lambda: 99)
    (3, 99)
    """

    def __init__(self, fits: Callable[[Collection[Made]], bool]) -> None:
        self.fits = fits
        self._kept: OrderedDict[Hashable, Made] = OrderedDict()
        self._making: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """Return what is kept by a key, made now where there is nothing."""
        with self._lock:
            making = self._making.setdefault(key, threading.Lock())
        with making:
            with self._lock:
                if key in self._kept:
                    self._kept.move_to_end(key)
                    return self._kept[key]
            made = make()
            with self._lock:
                self._kept[key] = made
                while len(self._kept) > 1 and not self.fits(self._kept.values()):
                    self._kept.popitem(last=False)
            return made

    def __len__(self) -> int:
        return len(self._kept)

    def __reduce__(self) -> Any:
        """Leave behind what is kept: another process makes its own."""
        return Kept, (self.fits,)
