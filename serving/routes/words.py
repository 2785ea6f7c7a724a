"""The words of queries that several paths share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any, TypeVar

from fastapi import Request
from pydantic import Field, ValidationError
from starlette.requests import HTTPConnection

from serving import times
from serving.pages import Paged, Words
from serving.problems import wrong_values
from serving.services import of
from serving.times import End, PeriodWord, Range, Start

WordsT = TypeVar("WordsT", bound=Words)


def parsed(model: type[WordsT], connection: HTTPConnection) -> WordsT:
    """Return the words of a query. Raises Problem where one is wrong."""
    try:
        return model.model_validate(dict(connection.query_params))
    except ValidationError as error:
        raise wrong_values([{**one, "loc": ("query", *one["loc"])} for one in error.errors()]) from None


def read(model: type[WordsT]) -> Callable[[Request], Awaitable[WordsT]]:
    """Return a dependency that reads the words of a query.

    FastAPI does so too (`Annotated[Model, Query()]`), but looks at the model's types anew with every request, which was
    a third of the time of an answer.
    """

    async def words(request: Request) -> WordsT:
        return parsed(model, request)

    return words


def documented(model: type[Words]) -> dict[str, Any]:
    """Return what the OpenAPI document says of an operation whose query `read` reads."""
    parameters = []
    for name, schema in model.model_json_schema()["properties"].items():
        kinds = [kind for kind in schema.pop("anyOf", []) if kind != {"type": "null"}]  # which no query can say
        about = schema.pop("description", None)
        if schema.get("default", 0) is None:
            del schema["default"]
        parameter = {
            "name": name,
            "in": "query",
            "required": False,
            "schema": {**schema, **(kinds[0] if kinds else {})},
        }
        parameters.append({**parameter, "description": about} if about else parameter)
    return {"parameters": parameters}


Source = Annotated[
    str | None, Field(pattern=r"^[a-z0-9_.-]{1,32}$", description="Only of this source.", examples=["binance"])
]
CoinWord = Annotated[
    str | None, Field(max_length=64, description="Only about this coin: its symbol or name.", examples=["BTC"])
]
PairWord = Annotated[
    str | None, Field(max_length=48, description="Only of this pair: BTC/USD or BTC-USD.", examples=["BTC-USD"])
]
Kind = Annotated[str | None, Field(pattern=r"^[a-z0-9_]{1,60}$")]


class Ranged(Paged):
    """A page of a range of time."""

    periode: PeriodWord = None
    date_debut: Start = None
    date_fin: End = None

    def range(self, request: Request, **usual: Any) -> Range:
        """Return the range that is asked for. Raises Problem for a reversed one."""
        now: datetime = of(request).clocks.now()
        return times.choose(now, self.periode, self.date_debut, self.date_fin, **usual)


class Sourced(Ranged):
    """A page of a range of time, of one source or of all."""

    source: Source = None


class Series(Sourced):
    """A page of a series; without a resolution, the finest that fits the range."""

    resolution: Annotated[str | None, Field(pattern=r"^[a-z0-9]{1,8}$", examples=["1h"])] = None
