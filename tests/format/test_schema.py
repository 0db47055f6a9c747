"""The JSON Schema: up to date, and of one mind with the reader."""

from __future__ import annotations

import hashlib
import json
import math
import re
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from mgraph.codec import Limits
from mgraph.format import VERSIONS, fields, models
from mgraph.format.reading import inspect
from mgraph.format.versions import spelled
from tests.command_line import HERE

if TYPE_CHECKING:
    from pathlib import Path

ROOT = HERE.parent
SCHEMAS = ROOT / "schemas"
SHAPE = ("format", "version", "missing-field", "unknown-field", "type", "number", "id", "limit")
"""The codes of faults that a schema can see."""


NEWEST = SCHEMAS / f"mgraph-{spelled(VERSIONS[-1])}.schema.json"


@pytest.fixture(scope="module")
def validator() -> Any:  # noqa: ANN401 - jsonschema has no types
    """The schema of the current version, checked itself."""
    schema = json.loads(NEWEST.read_bytes())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_schema_is_what_the_models_say() -> None:
    """The newest one is generated: `mgraph schema > schemas/mgraph-1.1.schema.json`."""
    text = NEWEST.read_text(encoding="utf-8")
    assert text == json.dumps(models.json_schema(), ensure_ascii=False, indent=2) + "\n"


FROZEN = {
    "1.0": "f3c2560e6076909a1764bdd9ed8633ffa930ed3bbe97d2f0bb0f7374ccf5fcac",
}
"""The schemas of released versions, by the SHA-256 of their bytes."""


def test_schemas_of_released_versions_never_change() -> None:
    """A schema that editors and other tools may hold already stays as it is, to the byte."""
    assert [*FROZEN] == [*map(spelled, VERSIONS[:-1])]
    for version, digest in FROZEN.items():
        data = (SCHEMAS / f"mgraph-{version}.schema.json").read_bytes()
        assert hashlib.sha256(data).hexdigest() == digest, version


def test_a_file_of_an_older_version_has_no_newer_ops(validator: Any) -> None:  # noqa: ANN401
    """An editor marks an op that the stated version does not have."""
    leaf, node = {"id": "x", "op": "input"}, {"id": "y", "op": "erf", "args": ["x"]}
    document = {"mgraph": "1.1", "nodes": [leaf, node], "outputs": ["y"]}
    assert validator.is_valid(document)
    (error,) = validator.iter_errors(document | {"mgraph": "1.0"})
    assert [*error.absolute_path] == ["nodes", 1, "op"]


def test_a_file_of_an_older_version_has_no_newer_fields(validator: Any) -> None:  # noqa: ANN401
    """An editor marks the math of a run in a file that states 1.0, and any other than exact."""
    leaf = {"id": "x", "op": "input", "data": 1.0}
    runs = [{}, {"math": "exact"}]
    document = {"mgraph": "1.1", "nodes": [leaf], "outputs": ["x"], "runs": runs}
    assert validator.is_valid(document)
    for bad in (document | {"mgraph": "1.0"}, document | {"runs": [{}, {"math": "libm"}]}):
        (error,) = validator.iter_errors(bad)
        assert [*error.absolute_path] == ["runs", 1, "math"]


def test_everything_is_described(validator: Any) -> None:  # noqa: ANN401
    """Every kind of object, and every field of it, has a description that ends as a sentence."""
    schema = validator.schema
    objects = [schema, *schema["$defs"].values()]
    fields_of = [fields.FIELDS[kind] for kind in ("document", "node", "run", "tolerance")]
    assert [*schema["$defs"]] == ["Node", "Run", "Tolerance"]
    assert [(*each["properties"],) for each in objects] == fields_of
    for each in objects:
        for name, field in (("", each), *each["properties"].items()):
            assert re.search(r"\w.*[.)…]$", field.get("description", "")), (each["title"], name)


def test_every_version_has_a_schema() -> None:
    """One file a released version, no other."""
    names = [f"mgraph-{spelled(version)}.schema.json" for version in VERSIONS]
    assert sorted(path.name for path in SCHEMAS.iterdir()) == sorted(names)


def test_fields_are_those_of_the_models() -> None:
    """The list of fields that the quick pass knows is the models' own."""
    kinds = {
        "document": models.Document,
        "node": models.NodeModel,
        "run": models.RunModel,
        "tolerance": models.ToleranceModel,
        "nodes": models.PackedNodes,
    }
    for kind, model in kinds.items():
        assert (*model.__annotations__,) == fields.FIELDS[kind]
    assert [*fields.FIELDS] == [*kinds, "sparse"]


JSON_FILES = sorted(
    path
    for path in (ROOT / "fixtures").rglob("*.json")
    if not path.name.endswith(".diagnostic.json") and path.read_bytes()[:1] < b"\x80"
)


def parsed(path: Path) -> Any:  # noqa: ANN401 - any JSON
    """Parse a file as other tools would; None if it is no JSON, or not plainly so."""
    try:
        return json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return None


def needs_more_than_shape(path: Path) -> str:
    """Say why a schema can't see a fault of shape; empty if it must."""
    if not all(map(math.isfinite, numbers(parsed(path)))):
        return "other parsers read a bare NaN, or a literal that overflows, as a number"
    found = inspect(path.read_bytes()).diagnostics
    if all(each.path[:1] == ("meta",) or "meta" in each.path for each in found):
        return "meta is any JSON to a schema"
    if all(each.code == "id" and each.message.startswith(r'"x\u{a}') for each in found):
        return "to Python's regular expressions, $ stands before a last newline, too"
    if all(each.code == "limit" and "bytes" in each.message for each in found):
        return "a schema counts characters, not bytes"
    if all(each.code == "number" and "integer" in each.message for each in found):
        return "an integer that overflows is a number to a schema"
    return ""


def is_huge(x: float) -> bool:
    """Whether a number is an integer beyond every double, which a schema does not mind."""
    return isinstance(x, int) and abs(x) > 2**1023


def numbers(value: Any) -> list[Any]:  # noqa: ANN401 - any JSON
    """Return all numbers of a document."""
    found, stack = [], [value]
    while stack:
        each = stack.pop()
        if isinstance(each, dict):
            stack += each.values()
        elif isinstance(each, list):
            stack += each
        elif isinstance(each, (int, float)) and not is_huge(each):
            found.append(each)
    return found


def test_schema_agrees_with_the_reader(validator: Any) -> None:  # noqa: ANN401
    """It accepts every file that the reader accepts, and refuses the faults of shape."""
    accepted, refused, excused = 0, 0, []
    for path in JSON_FILES:
        document = parsed(path)
        found = inspect(path.read_bytes())
        if document is None:
            assert found.graph is None, path
        elif found.graph is not None:
            assert list(validator.iter_errors(document)) == [], path
            accepted += 1
        elif found.diagnostics[0].code in SHAPE:
            if validator.is_valid(document):
                excused.append((path, needs_more_than_shape(path)))
            else:
                refused += 1
    assert accepted > 200
    assert refused > 150
    assert [str(path) for path, reason in excused if not reason] == []
    assert len(excused) < 40


def test_limits_of_the_schema_are_the_reader_s() -> None:
    """The lengths that the schema states are the default limits."""
    text = json.dumps(models.json_schema())
    for limit in (Limits().text, Limits().doc, Limits().args, Limits().runs, Limits().nodes):
        assert f": {limit}" in text
