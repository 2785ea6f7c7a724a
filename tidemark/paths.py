"""Where the pieces of a checkout are, whichever folder a command was called from."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FLINK_SQL = ROOT / "sql" / "flink"
POSTGRES_SQL = ROOT / "sql" / "postgres"
FLINK_JOBS = ROOT / "flink_jobs"
SCHEMAS = ROOT / "producers" / "schemas"
