"""Lake: what the topics hold, and the trades with the news around them, to the Iceberg tables.

Run it with `flink run -py flink_jobs/lake.py`.
"""

from flink_jobs.runner import main

if __name__ == "__main__":
    main("lake")
