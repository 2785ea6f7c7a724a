"""The dashboard: a page and its files, from this process only. What it shows, it asks the API for like anybody else."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from serving.problems import Problem

FILES = Path(__file__).parent / "static"
_PAGE = "index.html"
# Not by the machine's own table, which may lack them; browsers run modules of this type only.
_TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html", ".svg": "image/svg+xml"}


@dataclass(frozen=True)
class _File:
    body: bytes
    packed: bytes
    media_type: str
    tag: str


def register(app: FastAPI) -> None:
    """Add the page at `/` and its files below `/static/`. They are read once: nothing else can be asked for."""
    files = {path.relative_to(FILES).as_posix(): _read(path) for path in FILES.rglob("*") if path.is_file()}

    async def page(request: Request) -> Response:
        return _answer(request, files[_PAGE])

    async def file(request: Request) -> Response:
        found = files.get(request.path_params["path"])
        if found is None:
            raise Problem(404, "unknown-path", "There is no such file.")
        return _answer(request, found)

    app.add_route("/", page, include_in_schema=False)
    app.add_route("/static/{path:path}", file, include_in_schema=False)


def _read(path: Path) -> _File:
    body = path.read_bytes()
    tag = f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'
    return _File(body, gzip.compress(body, mtime=0), _TYPES.get(path.suffix, "text/plain"), tag)


def _answer(request: Request, file: _File) -> Response:
    """Return a file. Whoever keeps a copy asks each time whether it still holds: modules have to fit each other."""
    headers = {"ETag": file.tag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
    if file.tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(file.packed, headers={**headers, "Content-Encoding": "gzip"}, media_type=file.media_type)
    return Response(file.body, headers=headers, media_type=file.media_type)
