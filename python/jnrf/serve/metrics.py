"""What a service counts, for Prometheus.

Wordpieces a second of the model are ``rate(jnrf_wordpieces_total) /
rate(jnrf_model_seconds_total)``; without the denominator they are those of the service.
"""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)
_NOTES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_WORDPIECES = tuple(4**power for power in range(2, 10))


class Metrics:
    """Counters of one service, in a registry of their own."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        of = self.registry
        self.requests = Counter(
            "jnrf_requests",
            "Requests answered; 499: clients that left",
            ["path", "status"],
            registry=of,
        )
        self.latency = Histogram(
            "jnrf_request_seconds",
            "From a request's start to its answer's end",
            ["path"],
            buckets=_SECONDS,
            registry=of,
        )
        self.documents = Counter(
            "jnrf_documents",
            "Notes extracted from, failed, or dropped unbegun",
            ["result"],
            registry=of,
        )
        self.wordpieces = Counter(
            "jnrf_wordpieces", "Wordpieces that went through the model", registry=of
        )
        self.model_seconds = Counter(
            "jnrf_model_seconds", "Time that the model worked", registry=of
        )
        self.batch_notes = Histogram(
            "jnrf_batch_notes",
            "Notes that went through the model at once",
            buckets=_NOTES,
            registry=of,
        )
        self.batch_wordpieces = Histogram(
            "jnrf_batch_wordpieces",
            "Wordpieces that went through the model at once",
            buckets=_WORDPIECES,
            registry=of,
        )
        self._queue = Gauge("jnrf_queue_notes", "Notes that wait for the model", registry=of)
        for result in ("extracted", "failed", "dropped"):
            self.documents.labels(result)

    def watch_queue(self, length: Callable[[], int]) -> None:
        """Ask for the queue's length whenever the metrics are read."""
        self._queue.set_function(length)

    def passed(self, notes: int, wordpieces: int, seconds: float) -> None:
        """Count one pass of the model."""
        self.documents.labels("extracted").inc(notes)
        self.wordpieces.inc(wordpieces)
        self.model_seconds.inc(seconds)
        self.batch_notes.observe(notes)
        self.batch_wordpieces.observe(wordpieces)

    def answered(self, path: str, status: int, seconds: float) -> None:
        """Count one request; ``path`` is a route's, of which there are few."""
        self.requests.labels(path, str(status)).inc()
        self.latency.labels(path).observe(seconds)

    def text(self) -> bytes:
        """The metrics in Prometheus' text format."""
        return generate_latest(self.registry)
