"""Every error a user can meet. Each message is one sentence that names the thing, the value and the fix.

PointsmanError             the run failed                      exit code 1
+-- ConfigError            bad usage or configuration          exit code 2
+-- DataError              a file, table or column is unusable
+-- NoNewData              the stream holds nothing to take yet             3
+-- BatchRejected          a batch was judged hopeless and kept aside      4
+-- StateError             the state folder or catalogue is busy, missing or damaged
"""


class PointsmanError(Exception):
    """The run failed for a reason the message states; nothing stored was changed."""

    exit_code = 1


class ConfigError(PointsmanError):
    """The command line or the configuration is wrong."""

    exit_code = 2


class DataError(PointsmanError):
    """An input file, table or column cannot be used."""


class NoNewData(PointsmanError):
    """The configured source holds no rows that were not taken before: nothing new, and nothing wrong."""

    exit_code = 3


class BatchRejected(PointsmanError):
    """A batch was stored but refused for training; others of the same run may have been accepted."""

    exit_code = 4

    def __init__(self, message: str, batch: int, others_accepted: bool = False) -> None:
        super().__init__(message)
        self.batch = batch
        self.others_accepted = others_accepted


class StateError(PointsmanError):
    """The state is locked by another update, missing or damaged."""


class LockHeld(StateError):
    """Another run of the same command holds its lock on the state."""


class DamagedCatalogue(StateError):
    """The bytes of the catalogue make no sense; ``reason`` is what the database says."""

    def __init__(self, catalogue: str, reason: str) -> None:
        super().__init__(
            f"The catalogue at '{catalogue}' is damaged ({reason}); restore it from a backup of the state."
        )
        self.reason = reason


class Restored(StateError):
    """A damaged catalogue gave way to its copy and journal; the command can be run again."""


def first_line(error: BaseException) -> str:
    """Return the first line of another library's error, for a sentence of ours; its type if it has no message.

    >>> first_line(ValueError("no number: x.\\nTry 5.")), first_line(KeyError())
    ('no number: x', 'KeyError')
    """
    return str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__
