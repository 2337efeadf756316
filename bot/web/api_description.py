"""The API described for machines (OpenAPI 3.1), from the same models that check what comes in."""

from typing import Any, NamedTuple

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from bot.web import api_models as models

_REF = "#/components/schemas/{model}"


class Call(NamedTuple):
    """One thing that the API can do."""

    path: str
    method: str
    summary: str
    answer: type[BaseModel] | None
    body: type[BaseModel] | None = None
    status: str = "200"
    query: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()


_PAGED = ("limit", "cursor")
CALLS = (
    Call(
        "/applications",
        "post",
        "Open an application",
        models.ApplicationShown,
        models.NewApplication,
        "201",
        headers=("Idempotency-Key",),
    ),
    Call(
        "/applications",
        "get",
        "List applications",
        models.Applications,
        query=("batch", "stage", "status", *_PAGED),
    ),
    Call("/applications/{id}", "get", "One application with its history", models.ApplicationWhole),
    Call(
        "/applications/{id}/decision", "post", "Decide the current stage", models.ApplicationWhole, models.NewDecision
    ),
    Call(
        "/applications/{id}/documents",
        "post",
        "Approve a document seen on paper",
        models.DocumentShown,
        models.PaperDocument,
        "201",
    ),
    Call("/documents/{id}/decision", "post", "Decide a document", models.DocumentShown, models.NewDocumentDecision),
    Call("/documents/{id}/file", "get", "The picture; each look is kept", None),
    Call("/follow-ups", "get", "List follow-ups", models.FollowUps, query=("status", "owner", *_PAGED)),
    Call("/follow-ups/{id}/done", "post", "Settle a follow-up", models.FollowUpShown, models.NewOutcome),
    Call("/batches/{name}", "get", "A batch with its rates", models.BatchOut),
)


def describe() -> dict[str, Any]:
    """The whole description."""
    known: set[type[BaseModel]] = {models.ProblemShown}
    known |= {model for call in CALLS for model in (call.answer, call.body) if model is not None}
    named = sorted(known, key=lambda model: model.__name__)
    _, schemas = models_json_schema([(model, "serialization") for model in named], ref_template=_REF)
    paths: dict[str, dict[str, Any]] = {}
    for call in CALLS:
        paths.setdefault(f"/api/v1{call.path}", {})[call.method] = _operation(call)
    return {
        "openapi": "3.1.0",
        "info": {"title": "bulou", "version": "1"},
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}],
    }


def _operation(call: Call) -> dict[str, Any]:
    places = [part[1:-1] for part in call.path.split("/") if part.startswith("{")]
    parameters = [*(_parameter(name, "path", True) for name in places)]
    parameters += [_parameter(name, "query", False) for name in call.query]
    parameters += [_parameter(name, "header", True) for name in call.headers]
    problem = {"description": "A problem", "content": _content("application/problem+json", models.ProblemShown)}
    operation: dict[str, Any] = {
        "summary": call.summary,
        "parameters": parameters,
        "responses": {
            call.status: {
                "description": "Done",
                "content": _content("application/json", call.answer) if call.answer else {"*/*": {}},
            },
            "default": problem,
        },
    }
    if call.body is not None:
        operation["requestBody"] = {"required": True, "content": _content("application/json", call.body)}
    return operation


def _parameter(name: str, place: str, required: bool) -> dict[str, Any]:
    return {"name": name, "in": place, "required": required, "schema": {"type": "string"}}


def _content(type: str, model: type[BaseModel]) -> dict[str, Any]:
    return {type: {"schema": {"$ref": _REF.format(model=model.__name__)}}}
