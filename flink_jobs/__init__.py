"""A thin runner: render sql/flink, parse it, submit one STATEMENT SET. One entry script per job."""
