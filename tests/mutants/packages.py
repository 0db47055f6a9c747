"""The packages that are mutated, where their code lies, and which tests are theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path


class Package(NamedTuple):
    """Where a package's code and tests lie, in today's layout of mgraph and in earlier ones.

    Attributes:
        sources: Files, and folders with a slash at the end.
        tests: Patterns of files; the quick ones first, because the first failure ends a run.
    """

    sources: tuple[str, ...]
    tests: tuple[str, ...]


PACKAGES: Final = {
    "ops": Package(
        ("mgraph/ops/", "mgraph/ops.py", "mgraph/ieee.py", "mgraph/formulas.py"),
        ("tests/test_ops*.py", "tests/ops/test_*.py"),
    ),
    "value": Package(
        ("mgraph/value.py", "mgraph/value/"), ("tests/test_value*.py", "tests/value/test_*.py")
    ),
    "format": Package(
        (
            *("mgraph/format/", "mgraph/schema/", "mgraph/migrate.py", "mgraph/loader.py"),
            *("mgraph/graph/rows.py", "mgraph/graph/pack.py", "mgraph/graph/check.py"),
            *("mgraph/runs/read.py", "mgraph/runs/check.py"),
        ),
        (
            *("tests/test_hostile.py", "tests/test_runs.py", "tests/test_migrate.py"),
            *("tests/test_schema.py", "tests/test_roundtrip.py", "tests/test_quick_pass.py"),
            *("tests/golden/test_rerun.py", "tests/format/test_*.py"),
        ),
    ),
    "engine": Package(
        ("mgraph/engine/", "mgraph/run.py", "mgraph/tape/"),
        (
            *("tests/test_document.py", "tests/cli/test_run*.py", "tests/test_cli_run.py"),
            *("tests/test_tape*.py", "tests/test_kernels*.py", "tests/engine/**/test_*.py"),
        ),
    ),
    "analysis": Package(
        (
            *("mgraph/analysis/", "mgraph/nodewise.py", "mgraph/explain.py"),
            *("mgraph/steps.py", "mgraph/gradcheck.py"),
        ),
        (
            *("tests/test_step.py", "tests/test_gradcheck.py", "tests/test_explain.py"),
            "tests/analysis/test_*.py",
        ),
    ),
}


def package_of(source: str) -> str:
    """Return the package that a file belongs to; "" for others."""
    for name, package in PACKAGES.items():
        if any(source == path or _is_in(source, path) for path in package.sources):
            return name
    return ""


def _is_in(source: str, folder: str) -> bool:
    return folder.endswith("/") and source.startswith(folder)


def tests_of(package: str, root: Path) -> list[str]:
    """Return a package's test files in a checkout.

    Raises:
        LookupError: It has none.
    """
    patterns = PACKAGES[package].tests
    found = [path for pattern in patterns for path in sorted(root.glob(pattern))]
    if not found:
        raise LookupError(f"{root} has no tests of {package}")
    return [path.relative_to(root).as_posix() for path in dict.fromkeys(found)]
