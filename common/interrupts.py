"""Ctrl-C while a run begins: one sentence, as at any other time.

The command line imports this file before all others, and it imports nothing that takes time: until it is loaded, Ctrl-C
does what Python does by itself.
"""

import os
import sys

INTERRUPTED = "Interrupted; what was committed before stays, the rest is undone."


def tell_of_interrupts() -> None:
    """Make Ctrl-C outside of a command, such as between two imports, end the process with one sentence."""
    usual = sys.excepthook

    def tell(kind: type[BaseException], error: BaseException, trace: object) -> None:
        if not issubclass(kind, KeyboardInterrupt):
            usual(kind, error, trace)  # type: ignore[arg-type]  # naming its type would take an import
            return
        print(f"Error: {INTERRUPTED}", file=sys.stderr, flush=True)
        os._exit(1)

    sys.excepthook = tell


class DeferredInterrupt:
    """Holds Ctrl-C back until its block ends: while compiled libraries load, they may print it and go on."""

    def __enter__(self) -> None:
        import signal

        self._came = False
        self._takes = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # else it is ignored, or not ours
        if self._takes:
            try:
                signal.signal(signal.SIGINT, self._keep)
            except ValueError:  # only the main thread takes signals
                self._takes = False

    def __exit__(self, kind: type[BaseException] | None, *_rest: object) -> None:
        import signal

        if self._takes:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if self._came and kind is None:
            raise KeyboardInterrupt

    def _keep(self, _number: int, _frame: object) -> None:
        self._came = True
