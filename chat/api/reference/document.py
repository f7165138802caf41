"""The API's OpenAPI document as a page shows it: rooms, their routes, the types they speak of."""

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from msgspec import Struct

Schema = Mapping[str, Any]
# Types within types, in an example; none of ours goes so deep.
DEPTH_MAX: Final = 4
_REFERENCE: Final = "#/components/schemas/"
_BOUNDS: Final = (
    ("minLength", "maxLength", " characters"),
    ("minItems", "maxItems", " of them"),
    ("minimum", "maximum", ""),
)


class Word(Struct, frozen=True):
    """A piece of a sentence; `target` is the type that it names."""

    text: str
    target: str = ""
    is_code: bool = False


class Field(Struct, frozen=True, kw_only=True):
    name: str
    place: str
    kind: Sequence[Word]
    bounds: str
    description: Sequence[Word]
    is_required: bool


class Answer(Struct, frozen=True, kw_only=True):
    status: int
    phrase: str
    media: str
    kind: Sequence[Word]
    description: Sequence[Word]


class Route(Struct, frozen=True, kw_only=True):
    anchor: str
    method: str
    path: str
    description: Sequence[Sequence[Word]]
    fields: Sequence[Field]
    answers: Sequence[Answer]
    refusals: Sequence[int]
    example: str


class Room(Struct, frozen=True, kw_only=True):
    name: str
    routes: Sequence[Route]


class Type(Struct, frozen=True, kw_only=True):
    name: str
    description: Sequence[Sequence[Word]]
    fields: Sequence[Field]


class Document:
    """Reads one OpenAPI 3.1 document as ninja makes it."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._paths: Mapping[str, Mapping[str, Any]] = document["paths"]
        self._types: Mapping[str, Schema] = document["components"]["schemas"]

    def rooms(self) -> list[Room]:
        """The routes by their tag, in the order of the document."""
        found: dict[str, list[Route]] = {}
        for path, methods in self._paths.items():
            for method, operation in methods.items():
                tag = operation.get("tags", ["other"])[0]
                found.setdefault(tag, []).append(self._route(method.upper(), path, operation))
        return [Room(name=name, routes=routes) for name, routes in found.items()]

    def types(self) -> list[Type]:
        return [
            Type(
                name=name,
                description=_paragraphs(schema),
                fields=list(self._properties(schema, "")),
            )
            for name, schema in sorted(self._types.items())
        ]

    def _route(self, method: str, path: str, operation: Mapping[str, Any]) -> Route:
        told = {int(status): one for status, one in operation["responses"].items()}
        return Route(
            anchor=operation["operationId"],
            method=method,
            path=path,
            description=_paragraphs(operation),
            fields=[*self._parameters(operation), *self._body(operation)],
            answers=[
                self._answer(status, one) for status, one in sorted(told.items()) if status < 400
            ],
            refusals=sorted(status for status in told if status >= 400),
            example=self._example(method, path, operation),
        )

    def _parameters(self, operation: Mapping[str, Any]) -> Iterator[Field]:
        for one in operation.get("parameters", ()):
            yield self._field(
                one["name"], one["schema"], place=one["in"], is_required=one["required"]
            )

    def _body(self, operation: Mapping[str, Any]) -> Iterator[Field]:
        for content in operation.get("requestBody", {}).get("content", {}).values():
            yield from self._properties(self._resolved(content["schema"]), "body")

    def _properties(self, schema: Schema, place: str) -> Iterator[Field]:
        required = schema.get("required", ())
        for name, one in schema.get("properties", {}).items():
            yield self._field(name, one, place=place, is_required=name in required)

    def _field(self, name: str, schema: Schema, *, place: str, is_required: bool) -> Field:
        return Field(
            name=name,
            place=place,
            kind=list(_words(schema)),
            bounds=", ".join(_bounds(schema)),
            description=_sentence(schema.get("description", "")),
            is_required=is_required,
        )

    def _answer(self, status: int, told: Mapping[str, Any]) -> Answer:
        contents: Mapping[str, Any] = told.get("content", {})
        media = next(iter(contents), "")
        content = contents.get(media, {})
        phrase = HTTPStatus(status).phrase
        description = told.get("description", "")
        return Answer(
            status=status,
            phrase=phrase,
            media=media,
            kind=list(_words(content.get("schema", {}))) if content else [],
            description=_sentence("" if description == phrase else description),
        )

    def _resolved(self, schema: Schema) -> Schema:
        reference = schema.get("$ref")
        return self._types[reference.removeprefix(_REFERENCE)] if reference else schema

    def _example(self, method: str, path: str, operation: Mapping[str, Any]) -> str:
        """How curl asks it, with what must be given."""
        lines = [f'curl "$NETRA_URL{path}"', '-H "Authorization: Bearer $NETRA_TOKEN"']
        content = operation.get("requestBody", {}).get("content", {})
        if "multipart/form-data" in content:
            lines.append("-F file=@usage.csv")
        elif content:
            body = self._sample(content["application/json"]["schema"], DEPTH_MAX)
            lines.append('-H "Content-Type: application/json"')
            lines.append(f"-d {shlex.quote(json.dumps(body, ensure_ascii=False))}")
        if method != ("POST" if content else "GET"):
            lines.insert(1, f"-X {method}")
        return " \\\n  ".join(lines)

    def _sample(self, schema: Schema, depth: int) -> object:
        schema = self._resolved(schema)
        if "enum" in schema:
            return schema["enum"][0]
        if "anyOf" in schema:
            return self._sample(schema["anyOf"][0], depth)
        match schema.get("type"):
            case "object":
                named = schema.get("properties", {})
                # Where nothing must be given, something may.
                names = schema.get("required") or list(named)[:1]
                return {name: self._sample(named[name], depth - 1) for name in names}
            case "array":
                one = schema.get("items") or schema["prefixItems"][0]
                return [self._sample(one, depth - 1)] if depth > 0 else []
            case "integer" | "number":
                return schema.get("minimum", 1)
            case "boolean":
                return True
            case _:
                return "…"


def _paragraphs(told: Mapping[str, Any]) -> list[list[Word]]:
    return [_sentence(one) for one in told.get("description", "").split("\n\n") if one]


def _sentence(text: str) -> list[Word]:
    """What stands between backticks is code."""
    pieces = " ".join(text.split()).split("`")
    return [Word(one, is_code=number % 2 == 1) for number, one in enumerate(pieces) if one]


def _words(schema: Schema) -> Iterator[Word]:
    """How a type is written, such as list of FileView, or null."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(_REFERENCE)
        yield Word(name, name)
    elif "const" in schema or "enum" in schema:
        values = schema.get("enum", [schema.get("const")])
        yield Word(" or ".join(str(value) for value in values))
    elif "anyOf" in schema:
        for number, one in enumerate(schema["anyOf"]):
            if number:
                yield Word(" or ")
            yield from _words(one)
    elif schema.get("type") == "array":
        yield Word("list of ")
        yield from _words(schema.get("items") or schema["prefixItems"][0])
    elif schema.get("format") == "binary":
        yield Word("file")
    else:
        yield Word(schema.get("type", "any JSON"))


def _bounds(schema: Schema) -> Iterator[str]:
    for one in (schema, *schema.get("anyOf", ())):
        for least, most, unit in _BOUNDS:
            if least in one and most in one:
                yield f"{one[least]:,} to {one[most]:,}{unit}"
            elif least in one or most in one:
                words = "at least" if least in one else "at most"
                yield f"{words} {one.get(least, one.get(most)):,}{unit}"
    if schema.get("default") not in (None, ""):
        yield f"{schema['default']} unless given"
