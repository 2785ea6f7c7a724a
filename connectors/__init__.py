"""The edges of Flink: pinned JVM artefacts and how they are fetched and verified."""
