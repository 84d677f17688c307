"""What the service says of its routes in /openapi.json and on /docs."""

from __future__ import annotations

from typing import Any

_NOTE = {
    "type": "object",
    "required": ["text"],
    "properties": {
        "text": {"type": "string", "description": "the note, whole"},
        "id": {"type": "string", "description": "names the document of the answer"},
    },
}
_ERROR: dict[str, Any] = {
    "type": "object",
    "required": ["error"],
    "properties": {"error": {"type": "string", "description": "what is wrong, in one line"}},
}
_DOCUMENT = {
    "type": "object",
    "description": "as `jnrf extract --to json` prints it; offsets count code points",
    "required": ["id", "text", "mentions", "relations"],
    "properties": {
        "id": {"type": "string"},
        "text": {"type": "string"},
        "mentions": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "id": {"type": "string"},
                    "type": {"type": "string"},
                    "fragments": {
                        "type": "array",
                        "items": {"type": "array", "items": {"type": "integer"}},
                        "description": "[start, end) of each stretch of the text",
                    },
                    "text": {"type": "string"},
                    "score": {"type": "number"},
                },
            },
        },
        "relations": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "id": {"type": "string"},
                    "type": {"type": "string"},
                    "head": {"type": "string", "description": "id of a mention"},
                    "tail": {"type": "string", "description": "id of a mention"},
                    "score": {"type": "number"},
                },
            },
        },
    },
}
_FORMAT = {
    "name": "format",
    "in": "query",
    "required": False,
    "description": "json, or brat for the lines of an .ann file",
    "schema": {"type": "string", "enum": ["json", "brat"], "default": "json"},
}
_REASONS = {
    400: "The body is not JSON.",
    408: "The body did not come in time.",
    413: "The body or a note is too large.",
    415: "The body is not declared as JSON in UTF-8, or is compressed.",
    422: "The JSON is not that of notes.",
    500: "The model failed on the note.",
    503: "Too much is waiting; Retry-After says when to come back.",
    504: "The model was not done in time.",
}


def _json(description: str, schema: dict) -> dict:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _extraction(summary: str, description: str, body: dict, answer: dict) -> dict:
    return {
        "summary": summary,
        "description": description,
        "openapi_extra": {
            "parameters": [_FORMAT],
            "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
            "responses": {
                "200": answer,
                **{str(status): _json(text, _ERROR) for status, text in _REASONS.items()},
            },
        },
    }


_LISTED = {
    "oneOf": [
        _DOCUMENT,
        {"type": "object", "properties": {"id": {"type": "string"}, "ann": {"type": "string"}}},
        {"type": "object", "properties": {"id": {"type": "string"}, **_ERROR["properties"]}},
    ]
}
_ONE = _json("The document, or with format=brat its .ann file.", _DOCUMENT)
_ONE["content"]["text/plain"] = {"schema": {"type": "string"}}

EXTRACT = _extraction(
    "Mentions and relations of one note",
    'Send {"text": "...", "id": "..."}; the id may be left out.',
    _NOTE,
    _ONE,
)
EXTRACT_BATCH = _extraction(
    "Mentions and relations of several notes",
    'Send [{"text": "..."}, ...]; the answer lists documents in the same order (with format=brat '
    '{"id", "ann"}), and {"id", "error"} for a note that the model failed on.',
    {"type": "array", "items": _NOTE},
    _json("The documents.", {"type": "array", "items": _LISTED}),
)


def _plain(summary: str) -> dict:
    return {"summary": summary}


HEALTH = _plain("Whether notes are taken: 200, or 503 when the model's thread is not running")
LIVE = _plain("Whether the process answers at all")
METRICS = _plain("Counters for Prometheus")
MODEL = _plain("Labels of the model, versions, where it runs, limits on requests")
PAGE = _plain("A page to paste a note into")
OPENAPI = _plain("This list, for programs")
DOCS = _plain("This list")


def with_head(description: dict) -> dict:
    """The description with HEAD, which :class:`jnrf.serve.methods.Methods` answers beside GET."""
    paths = {}
    for path, operations in description["paths"].items():
        paths[path] = dict(operations)
        if "get" in operations:
            told = {s: a["description"] for s, a in operations["get"]["responses"].items()}
            paths[path]["head"] = {
                "summary": "What GET answers, without its body",
                "responses": {status: {"description": text} for status, text in told.items()},
            }
    return description | {"paths": paths}
