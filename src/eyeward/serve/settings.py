"""What one process of the service takes on."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import StrEnum

from eyeward.errors import UsageError
from eyeward.images import Limits
from eyeward.serve.queue import QueueLimits


class Text(StrEnum):
    """What is done with text that is sent for moderation: a guard judges images only."""

    refuse = "refuse"
    """A request with text in it is an error."""
    ignore = "ignore"
    """Text beside an image is not looked at, and the answer says so; text alone is an error all the same."""


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """Limits of requests; all are positive."""

    deadline: float = 30.0
    """Seconds that a request may take; it may ask for less."""
    body_bytes: int = 32 << 20
    """Length of a body."""
    bytes_in_flight: int = 512 << 20
    """Length of all bodies that are under way together, and of the images that were fetched for them."""
    concurrency: int = 1024
    """Requests with a body that are under way together."""
    images: int = 16
    """Images in one request."""
    questions: int = 64
    """Images times policies in one request; no more than may wait."""
    inline_bytes: int = 64 << 10
    """Length of a policy that is sent along."""
    fetches: int = 16
    """Images that are fetched at the same time."""
    readers: int = 2
    """Batches that are on their way: one is judged while the images of another are read."""
    text: Text = Text.refuse
    image: Limits = field(default_factory=Limits)
    queue: QueueLimits = field(default_factory=QueueLimits)

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, int | float) and not value > 0:
                raise UsageError(f"The setting {item.name} must be above zero, not {value}.")
        if self.body_bytes > self.bytes_in_flight:
            raise UsageError("A body may not be larger than all bodies together; raise bytes_in_flight.")
        if self.questions > self.queue.waiting:
            raise UsageError(
                f"A request may hold {self.questions} questions, and only {self.queue.waiting} may wait; "
                "let more of them wait, or fewer be asked together."
            )
