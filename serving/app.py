"""The API as an ASGI app."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from serving import dashboard, models, pages_of_docs, problems, services
from serving.answers import REFUSALS
from serving.health import KafkaCheck
from serving.middleware import Envelope, Guard
from serving.routes import PREFIX, VERSION, configuration, live, markets, news, operation, prices, signals
from serving.services import Clocks
from tidemark.settings import Settings

_ABOUT = """
What moved the crypto market, did the news do it, and can the data be trusted?

Times are ISO 8601 in UTC. Listings give the newest row first, 100 a page unless `limit` says otherwise; `next` leads
to the page after. What is wrong with a request is said as `application/problem+json`. Answers have an `ETag`.
"""


def create_app(settings: Settings, *, clocks: Clocks | None = None, kafka_check: KafkaCheck | None = None) -> FastAPI:
    """Return the app. It connects when it is started.

    ``clocks`` and ``kafka_check`` (which raises where Kafka is away) are for tests. Raises UserError where a password
    is missing.
    """
    made = services.make(settings, clocks or Clocks(), kafka_check)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await made.open()
        try:
            yield
        finally:
            await made.close()

    api = settings.api
    middleware = [Middleware(Envelope, metrics=made.metrics, logs_all=settings.log_level == "debug")]
    if api.cors_origins:
        middleware.append(
            Middleware(
                CORSMiddleware,
                allow_origins=api.cors_origins,
                allow_methods=["GET", "POST"],
                allow_headers=["Authorization", "Content-Type", "If-None-Match", "Last-Event-ID", "X-API-Key"],
                expose_headers=["ETag", "Retry-After", "X-Request-ID"],
                max_age=600,
            )
        )
    middleware.append(
        Middleware(Guard, api=api, auth=made.auth, limits=made.limits, metrics=made.metrics, audit=made.audit)
    )
    app = FastAPI(
        title="Tidemark",
        version=VERSION,
        description=_ABOUT,
        lifespan=lifespan,
        middleware=middleware,
        docs_url=None,  # FastAPI's own page loads scripts from elsewhere
        redoc_url=None,
    )
    app.state.services = made
    problems.register(app)
    for module in (prices, markets, news, signals, live, configuration):
        app.include_router(module.router, responses=REFUSALS)
    app.router.routes.extend(live.sockets)
    app.include_router(operation.log_router, responses=REFUSALS)
    app.include_router(operation.router)
    pages_of_docs.register(app)
    dashboard.register(app)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign] # as FastAPI's documentation has it
    return app


def _openapi(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document: FastAPI's, and what it does not know.

    That is how callers say who they are, that problems have a media type of their own, and what a page of rows is.
    """
    if app.openapi_schema is None:
        found = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        found["components"]["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer", "description": "An API key, or a token (JWT)."},
            "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        }
        needed: list[dict[str, list[str]]] = [{"bearer": []}, {"key": []}]
        for path, methods in found["paths"].items():
            for method, operation_ in methods.items():
                if path.startswith(PREFIX):
                    # On this machine, reading needs none.
                    free = method == "get" and not path.endswith("/audit/")
                    operation_["security"] = [*([{}] if free else []), *needed]
                for answer in operation_["responses"].values():
                    media = answer.get("content", {})
                    if media.get("application/json", {}).get("schema", {}).get("$ref", "").endswith("/ProblemDetails"):
                        answer["content"] = {problems.MEDIA_TYPE: media["application/json"]}
        for name, schema in found["components"]["schemas"].items():
            if "_" in name:  # a page of rows, which pydantic gives no text
                schema.setdefault("description", getattr(models, name.partition("_")[0]).__doc__)
        app.openapi_schema = found
    return app.openapi_schema
