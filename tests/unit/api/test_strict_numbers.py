"""Numbers and truth values of the API's bodies are what they say: `true` is not 1, and "5" is not 5."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Annotated, Any, get_args

import pytest
from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from calypso_mcp import api
from calypso_mcp.api.wire import WireModel

#: As a value: its arguments are known only at run time.
ANNOTATED: Any = Annotated
WRONG: dict[type, list[Any]] = {int: [True, "5", 5.0], float: [True, "0.5"], bool: [1, 0, "true", "no"]}
RIGHT: dict[type, list[Any]] = {int: [5], float: [0.5, 1], bool: [True, False]}


def _models(base: type[WireModel] = WireModel) -> Iterator[type[WireModel]]:
    for model in base.__subclasses__():
        yield model
        yield from _models(model)


def _kinds(annotation: Any) -> set[type]:
    inner = get_args(annotation)
    if not inner:
        return {annotation} & set(WRONG)
    return set[type]().union(*(_kinds(part) for part in inner))


def _fields() -> Iterator[tuple[str, FieldInfo, type]]:
    for module in pkgutil.iter_modules(api.__path__):
        importlib.import_module(f"{api.__name__}.{module.name}")
    for model in _models():
        # In a query string everything is text.
        if model.__name__.endswith("Query"):
            continue
        for name, field in model.model_fields.items():
            if not isinstance(field.annotation, type) or field.annotation in WRONG:
                for kind in _kinds(field.annotation):
                    yield f"{model.__name__}.{name}", field, kind


FIELDS = list(_fields())


def test_the_fields_are_found() -> None:
    names = {name for name, _, _ in FIELDS}
    assert {"BatchFile.size_bytes", "CreateUploadSession.size_bytes", "CreateBatch.files"} & names


@pytest.mark.parametrize(("field", "kind"), [pytest.param(f, k, id=n) for n, f, k in FIELDS])
def test_no_field_takes_one_kind_for_another(field: FieldInfo, kind: type) -> None:
    accepts = TypeAdapter[Any](ANNOTATED[field.annotation, None, *field.metadata])
    is_mapping = getattr(field.annotation, "__origin__", None) is dict

    def given(value: Any) -> Any:
        return {"file": value} if is_mapping else value

    for value in RIGHT[kind]:
        accepts.validate_python(given(value))
    for value in WRONG[kind]:
        with pytest.raises(ValidationError):
            accepts.validate_python(given(value))
