"""Analytics: candles, sentiment per coin, predictions.

Run it with `flink run -py flink_jobs/analytics.py`.
"""

from flink_jobs.runner import main

if __name__ == "__main__":
    main("analytics")
