"""Alerts: price changes and spikes, to the alerts topic and to PostgreSQL.

Run it with `flink run -py flink_jobs/alerts.py`.
"""

from flink_jobs.runner import main

if __name__ == "__main__":
    main("alerts")
