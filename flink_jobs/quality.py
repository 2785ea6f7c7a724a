"""Quality: missed trades, late messages, and an account of each feed and minute, to PostgreSQL.

Run it with `flink run -py flink_jobs/quality.py`.
"""

from flink_jobs.runner import main

if __name__ == "__main__":
    main("quality")
