"""Models that were verified against their golden rows with the installed libraries: no request does it again."""

from pathlib import Path

from pointsman.common.environment import describe_libraries
from pointsman.common.storage.files import compute_digest


class Verified:
    """Manifests that were verified, one empty file each, in a folder for each set of libraries.

    It only saves time: it may be deleted, and where it cannot be written, all is verified again.
    """

    def __init__(self, folder: Path) -> None:
        libraries = " ".join(f"{name} {version}" for name, version in describe_libraries().items())
        self.folder = folder / compute_digest(libraries.encode())[:16]

    def __contains__(self, manifest: str) -> bool:
        """Return whether the model of a manifest was verified before."""
        return (self.folder / manifest).exists()

    def add(self, manifest: str) -> None:
        """Remember that the model of a manifest was verified."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / manifest).touch()
        except OSError:  # a folder that is read-only: the next process verifies again
            return
