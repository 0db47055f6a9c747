"""What each group of tests needs, besides what the README's test command installs."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from glob import glob
from importlib.util import find_spec
from typing import Final


@dataclass(frozen=True)
class Group:
    """A folder of tests, and what they need.

    Attributes:
        extra: The extra of the project that brings the modules; empty for none.
        modules: What must be importable.
        programs: What must be on the path; of alternatives, one.
        header: What the C compiler must find.
        packages: What brings programs and header on Debian.
        environment: The environment; one of its own if the extra can't be installed beside `dev`.
    """

    extra: str = ""
    modules: tuple[str, ...] = ()
    programs: tuple[tuple[str, ...], ...] = ()
    header: str = ""
    packages: str = ""
    environment: str = ".venv"

    @property
    def install(self) -> str:
        """How to get what is missing."""
        beside = "dev," if self.environment == ".venv" else ""
        pip = f"pip install --editable '.[{beside}{self.extra}]'" if self.extra else ""
        apt = f"apt-get install {self.packages}" if self.packages else ""
        return " and ".join(filter(None, (pip, apt)))


INITDB: Final = ("initdb", *sorted(glob("/usr/lib/postgresql/*/bin/initdb"), reverse=True))
"""Debian has each version of PostgreSQL in a folder of its own, which is not on the path."""

BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

GROUPS: Final = {
    "benchmarks": Group(
        "bench", ("autograd", "casadi", "jax", "matplotlib"), (("gcc",),), packages="gcc libc6-dev"
    ),
    "big_tables": Group(
        "big_tables", ("pyspark", "ray"), (("java",),), packages="openjdk-17-jre-headless"
    ),
    "browser": Group(
        "browser",
        ("axe_playwright_python", "playwright", "properdocs"),
        (BROWSERS,),
        packages="chromium fonts-dejavu libatomic1",
    ),
    "cluster": Group(
        "cluster", ("distributed",), (("ip",), ("openssl",)), packages="iproute2 openssl"
    ),
    "docs": Group("docs", ("ipykernel", "nbclient", "properdocs")),
    "exact": Group("exact", ("gmpy2",)),
    "examples": Group(
        programs=(("node",), ("cc",), ("make",)),
        header="jansson.h",
        packages="nodejs gcc libc6-dev make libjansson-dev",
    ),
    "fuzz": Group("fuzz", ("atheris",)),
    "inference": Group(
        "inference",
        ("tritonclient", "rapidjson", "geventhttpclient", "aiohttp"),
        (("curl",),),
        packages="curl",
    ),
    "interop": Group(
        "frameworks",
        ("torch", "jax", "onnx", "onnxruntime"),
        (("cc",), ("node",)),
        packages="gcc libc6-dev nodejs",
        environment=".venv-torch",
    ),
    "opinions": Group("opinions", ("fontTools", "jax")),
    "postgres": Group("postgres", ("psycopg", "psycopg_pool"), (INITDB,), packages="postgresql"),
    "serve": Group(
        "http",
        ("prometheus_client", "schemathesis"),
        (("caddy",), ("curl",), ("ip",), ("prometheus",), ("promtool",), ("systemd-analyze",)),
        packages="caddy curl iproute2 prometheus systemd",
    ),
    "torch": Group("torch", ("torch",), environment=".venv-torch"),
    "tables": Group("tables", ("dask", "fsspec", "duckdb", "pandas", "polars")),
}


@cache
def missing(group: Group) -> list[str]:
    """Return what a group needs and this machine has not."""
    modules = [name for name in group.modules if find_spec(name) is None]
    programs = [names[0] for names in group.programs if not any(map(shutil.which, names))]
    lacking = modules + programs
    if group.header and not programs and not compiles(group.header):
        lacking.append(group.header)
    return lacking


def compiles(header: str) -> bool:
    """Whether the C compiler finds a header."""
    command = ["cc", "-fsyntax-only", "-include", header, "-x", "c", "/dev/null"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
