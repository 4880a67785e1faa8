"""How many bytes are held for requests that are under way: their bodies, and the images that were fetched for them."""

from __future__ import annotations

from eyeward.serve.refusals import TooBusy


class InFlight:
    """Counts them, up to a limit; for one event loop."""

    def __init__(self, most: int) -> None:
        """Take the limit, in bytes."""
        self.most = most
        self.held = 0

    def take(self, size: int) -> None:
        """Count bytes in. They count though there are too many, until whoever has them gives them back.

        Raises:
            TooBusy: when there are too many.
        """
        self.held += size
        if self.held > self.most:
            raise TooBusy

    def give_back(self, size: int) -> None:
        """Count bytes out."""
        self.held -= size
