-- What a run did, for `tidemark status`.
INSERT INTO storage.last_runs (task, ended_at, seconds, failed, result)
VALUES (%(task)s, now(), %(seconds)s, %(failed)s, %(result)s)
ON CONFLICT (task) DO UPDATE
    SET ended_at = excluded.ended_at, seconds = excluded.seconds, failed = excluded.failed, result = excluded.result;
