"""For whoever runs it: health, metrics, and the log of writes."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from typing import Annotated, Any

import psycopg
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from serving import pages
from serving.access import allowed
from serving.answers import conditional, encoded, tagged
from serving.models import Liveness, Page, Readiness, Write
from serving.pages import Paged
from serving.routes import PREFIX
from serving.routes.words import documented, read
from serving.services import of

router = APIRouter(tags=["operation"])
log_router = APIRouter(prefix=PREFIX, tags=["operation"])

_UNREADY: dict[int | str, dict[str, Any]] = {503: {"model": Readiness, "description": "Something is not well"}}
_BEYOND = 2**63 - 1  # every id
_NOT_KEPT = {"Cache-Control": "no-store"}


@router.get("/healthz/live", response_model=Liveness, summary="Does the process answer?")
async def live() -> Response:
    """For whoever restarts a process that hangs."""
    return Response(b'{"status":"alive"}', headers=_NOT_KEPT, media_type="application/json")


@router.get("/healthz/ready", response_model=Readiness, responses=_UNREADY, summary="Can it do its work?")
@router.get("/healthz", response_model=Readiness, responses=_UNREADY, summary="Can it do its work?")
async def ready(request: Request) -> Response:
    """Whether PostgreSQL and Kafka answer and the newest price is fresh; 503 where one of them is not well."""
    found = await of(request).health.look()
    body = asdict(found)
    newest = body.pop("newest")
    content = {"status": "ready" if found.ready else "not ready", **body, "newest_price": newest}
    status = 200 if found.ready else 503
    return Response(encoded(content), status, _NOT_KEPT, "application/json")


@router.get("/metrics", include_in_schema=False)
async def metrics(request: Request) -> Response:
    """For Prometheus."""
    services = of(request)
    rows: list[dict[str, Any]] = []
    with suppress(psycopg.Error):  # then it is not known
        rows = await services.database.fetch_own("notifications")
    services.metrics.notifications.clear()
    for row in rows:
        services.metrics.notifications.labels(row["channel"], row["state"]).set(row["notifications"])
    return Response(services.metrics.text(), headers=_NOT_KEPT, media_type="text/plain; version=0.0.4")


@log_router.get(
    "/audit/",
    response_model=Page[Write],
    dependencies=[Depends(allowed("admin"))],
    summary="The log of writes",
    openapi_extra=documented(Paged),
)
async def audit(request: Request, words: Annotated[Paged, Depends(read(Paged))]) -> Response:
    """Who changed what, and who was refused. Needs the scope `admin`."""
    after = _BEYOND if words.cursor is None else pages.decode(words.cursor, [int])[0]
    found = await of(request).database.fetch_own("audit_log", after_id=after, rows=words.limit + 1)
    rows = found[: words.limit]
    more = len(found) > len(rows)
    following = pages.link(request.url.path, None, words, [rows[-1]["id"]]) if more else None
    return conditional(request, tagged({"count": len(rows), "next": following, "data": rows}), "no-cache")
