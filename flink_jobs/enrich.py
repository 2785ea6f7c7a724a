"""Enrich: each trade with the news around it.

Run it with `flink run -py flink_jobs/enrich.py`.
"""

from flink_jobs.runner import main

if __name__ == "__main__":
    main("enrich")
