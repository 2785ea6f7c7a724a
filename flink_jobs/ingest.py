"""Ingest: every topic to its table, and what cannot be accepted to the dead letters.

Run it with `flink run -py flink_jobs/ingest.py`.
"""

from flink_jobs.runner import main

if __name__ == "__main__":
    main("ingest")
