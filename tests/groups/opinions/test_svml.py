"""Intel's vector library: held to all that the others are held to."""

from __future__ import annotations

import platform
import sys
from typing import Final

import pytest

from mgraph.engine.tape import libraries
from tests.engine import test_kernels as kernels

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64" or libraries.lanes() < 4,
    reason="Intel's runtime is for Linux on x86-64, and kernels call it where there is AVX2",
)

SVML: Final = "svml"


def test_it_is_here() -> None:
    """Kernels find it in its wheel, and prefer it."""
    assert libraries.library("auto") is libraries.library(SVML)


def test_it_is_within_2_ulp() -> None:
    """Each op, on equal inputs: at most 2 ulp from the exact value."""
    kernels.test_vector_libraries_are_within_2_ulp(name=SVML)


def test_it_knows_special_values() -> None:
    """Zeros with their signs, infinities, NaN, over- and underflow: as libm has them."""
    kernels.test_vector_libraries_know_special_values(name=SVML)


def test_a_row_does_not_depend_on_the_others() -> None:
    """The same rows in another place, number or thread have the same bits."""
    kernels.test_a_row_does_not_depend_on_the_others(SVML)


def test_it_passes_the_fixtures() -> None:
    """Whole graphs stay within the tolerance that each run states or, by default, has."""
    kernels.test_vector_libraries_pass_the_fixtures(name=SVML)


@pytest.fixture
def _checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let everything run on kernels that look at every index."""
    kernels.check_everything(monkeypatch)


@pytest.mark.usefixtures("_checked")
def test_it_stays_in_its_arrays() -> None:
    """Steps, calls and batches of any length."""
    kernels.test_no_random_graph_leads_astray(math_=SVML)
    kernels.test_vectors_do_not_read_beyond_their_run(SVML)
