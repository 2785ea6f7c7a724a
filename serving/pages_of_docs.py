"""The page that lists every path and lets one try it: Swagger UI, from this process only and without inline scripts."""

from __future__ import annotations

from importlib import resources

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tidemark API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="icon" href="data:,">
</head>
<body>
<div id="page"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
_START = 'SwaggerUIBundle({url: "/openapi.json", dom_id: "#page", deepLinking: true, tryItOutEnabled: true});\n'
_FILES = {"swagger-ui.css": "text/css", "swagger-ui-bundle.js": "text/javascript"}


def register(app: FastAPI) -> None:
    """Add the page and its files."""
    files = resources.files("fastapi_offline") / "static"

    async def page(request: Request) -> Response:
        return HTMLResponse(_PAGE)

    async def start(request: Request) -> Response:
        return Response(_START, media_type="text/javascript")

    async def file(request: Request) -> Response:
        name = request.url.path.rpartition("/")[2]
        headers = {"Cache-Control": "max-age=86400"}
        return Response((files / name).read_bytes(), headers=headers, media_type=_FILES[name])

    app.add_route("/docs", page, include_in_schema=False)
    app.add_route("/docs/start.js", start, include_in_schema=False)
    for name in _FILES:
        app.add_route(f"/docs/{name}", file, include_in_schema=False)
