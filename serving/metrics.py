"""What Prometheus is told of the API."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


class Metrics:
    """The metrics of one app, in a registry of its own, so that a process can have several."""

    def __init__(self, running: Callable[[], int]) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.requests = Counter(
            "tidemark_api_requests", "Requests answered.", ["method", "path", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "tidemark_api_request_seconds", "Time to answer.", ["path"], buckets=_BUCKETS, registry=self.registry
        )
        self.cached = Counter(
            "tidemark_api_cache",
            "Answers by where they came from: hit, joined, miss.",
            ["result"],
            registry=self.registry,
        )
        self.refused = Counter(
            "tidemark_api_refused", "Requests refused before they were looked at.", ["reason"], registry=self.registry
        )
        self.writes = Counter("tidemark_api_writes", "Writes done.", ["what"], registry=self.registry)
        self.newest = Gauge(
            "tidemark_api_newest_price_timestamp_seconds", "Event time of the newest price.", registry=self.registry
        )
        self.live_clients = Gauge("tidemark_live_clients", "Clients who are told.", ["kind"], registry=self.registry)
        self.live_dropped = Counter(
            "tidemark_live_dropped", "Clients dropped since they were too slow.", ["kind"], registry=self.registry
        )
        self.live_messages = Counter("tidemark_live_messages", "Messages read.", ["stream"], registry=self.registry)
        self.live_skipped = Counter(
            "tidemark_live_skipped", "Messages that break their contract.", ["stream"], registry=self.registry
        )
        self.live_delay = Histogram(
            "tidemark_live_delay_seconds",
            "From a message's arrival at the broker until clients were written to.",
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.live_following = Gauge("tidemark_live_following", "Whether Kafka is followed.", registry=self.registry)
        self.notifications = Gauge(
            "tidemark_notifications",
            "Notifications by what became of them: waiting, sending, sent, failed, unknown.",
            ["channel", "state"],
            registry=self.registry,
        )
        self._requests: dict[tuple[str, str, int], Counter] = {}
        self._seconds: dict[str, Histogram] = {}
        queries = Gauge("tidemark_api_queries_running", "Queries that run or wait.", registry=self.registry)
        queries.set_function(running)

    def answered(self, method: str, path: str, status: int, seconds: float) -> None:
        """Count an answer."""
        requests = self._requests.get((method, path, status))
        if requests is None:  # as quick as it gets: this is done with every request
            requests = self._requests[method, path, status] = self.requests.labels(method, path, status)
            self._seconds[path] = self.seconds.labels(path)
        requests.inc()
        self._seconds[path].observe(seconds)

    def text(self) -> bytes:
        """Return them in Prometheus' text format."""
        return generate_latest(self.registry)
