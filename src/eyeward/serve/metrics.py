"""What Prometheus may read of a service."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from eyeward.serve.refusals import Refused
from eyeward.verdict import Verdict

_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """Counts in a registry of their own; no label takes a value that a caller chooses."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        """Begin at zero."""
        self.registry = CollectorRegistry()
        self._requests = Histogram(
            "eyeward_request_seconds",
            "Seconds from the head of a request to the end of its answer.",
            ("route", "status"),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._verdicts = Counter(
            "eyeward_verdicts", "Verdicts by rating; error is none.", ("rating",), registry=self.registry
        )
        self._errors = Counter(
            "eyeward_errors",
            "Verdicts without a rating and requests without verdicts.",
            ("kind",),
            registry=self.registry,
        )
        self._matches = Counter("eyeward_hash_matches", "Images on a list of known hashes.", registry=self.registry)
        self._batch_size = Histogram(
            "eyeward_batch_size", "Questions judged together.", buckets=_SIZES, registry=self.registry
        )
        self._batch_seconds = Histogram(
            "eyeward_batch_seconds", "Seconds that a batch took.", buckets=_SECONDS, registry=self.registry
        )
        self._waiting = Gauge("eyeward_queue_depth", "Questions that wait.", registry=self.registry)
        self._ready = Gauge("eyeward_ready", "1 while the engine judges right.", registry=self.registry)
        self._under_way = Gauge("eyeward_requests_under_way", "Requests under way.", registry=self.registry)

    def watch(self, depth: Callable[[], float], ready: Callable[[], float], under_way: Callable[[], float]) -> None:
        """Say where the present values are found."""
        self._waiting.set_function(depth)
        self._ready.set_function(ready)
        self._under_way.set_function(under_way)

    def request(self, route: str, status: int, seconds: float) -> None:
        """Count a request; `route` is the pattern of its path."""
        self._requests.labels(route, str(status)).observe(seconds)

    def verdict(self, verdict: Verdict) -> None:
        """Count a verdict."""
        self._verdicts.labels("error" if verdict.rating is None else verdict.rating.value).inc()
        if verdict.error is not None:
            self._errors.labels(verdict.error.type.value).inc()

    def match(self) -> None:
        """Count an image that is known."""
        self._matches.inc()

    def refused(self, reason: Refused) -> None:
        """Count a request without verdicts."""
        self._errors.labels(reason.kind).inc()

    def batch(self, size: int, seconds: float) -> None:
        """Count a batch."""
        self._batch_size.observe(size)
        self._batch_seconds.observe(seconds)

    def page(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self.registry)
