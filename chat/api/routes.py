"""The API under `/api/`: every route asks who calls; its document is at `/api/openapi.json`."""

from http import HTTPStatus
from typing import Any, NoReturn

from django.http import HttpRequest
from django.urls import URLPattern, URLResolver
from ninja import NinjaAPI, Router
from ninja.openapi.schema import OpenAPISchema

from chat.api import (
    account,
    feedback,
    files,
    folders,
    messages,
    models,
    prompts,
    runs,
    search,
    shares,
    threads,
)
from chat.api.agui import runs as agui
from chat.api.doors import SessionDoor, TokenDoor, tell_rate
from chat.api.problems import CONTENT_TYPE, Problem, install, tell_method

elsewhere = Router()


@elsewhere.api_operation(
    ["GET", "POST", "PUT", "PATCH", "DELETE"], "/{path:rest}", auth=None, include_in_schema=False
)
def nothing_here(request: HttpRequest, rest: str) -> NoReturn:  # ninja reads the names
    raise Problem(
        HTTPStatus.NOT_FOUND, "no_such_route", "There is nothing here: see /api/openapi.json."
    )


class DocumentedAPI(NinjaAPI):
    _document: OpenAPISchema | None = None

    @property
    def urls(self) -> tuple[list[URLResolver | URLPattern], str, str]:
        """The routes, of which none answers a method that it does not know in words of its own."""
        patterns, app, namespace = super().urls
        for pattern in patterns:
            assert isinstance(pattern, URLPattern), "every route is one view"
            pattern.callback = tell_method(pattern.callback)
        return patterns, app, namespace

    def get_openapi_schema(self, **options: Any) -> OpenAPISchema:
        """The document, in which refusals have the type that they are sent with.

        Made once: it takes a quarter of a second, and strangers may ask for it.
        """
        if self._document is None:
            self._document = self._documented(super().get_openapi_schema(**options))
        return self._document

    @staticmethod
    def _documented(document: OpenAPISchema) -> OpenAPISchema:
        for methods in document["paths"].values():
            for operation in methods.values():
                for status, response in operation["responses"].items():
                    if int(status) >= HTTPStatus.BAD_REQUEST:
                        response["content"] = {CONTENT_TYPE: response["content"].popitem()[1]}
        return document


api = DocumentedAPI(
    title="Netra",
    version="1",
    description="Threads, messages, runs and files of one account. Errors are problem details "
    "(RFC 9457) whose `code` is for programs; docs/clients.md has examples.",
    docs_url=None,
    urls_namespace="api",
    auth=[TokenDoor(), SessionDoor()],
)
install(api)
api.add_decorator(tell_rate, mode="view")
for _room in (
    *(threads, folders, search, shares, prompts),
    *(messages, runs, feedback, files, models, account, agui),
):
    api.add_router("", _room.router)
api.add_router("", elsewhere)
