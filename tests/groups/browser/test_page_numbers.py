"""The page writes numbers as Python does."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from mgraph import viewer
from mgraph.appearance import number
from tests.test_appearance import some_numbers

if TYPE_CHECKING:
    from playwright.sync_api import Browser

DIGITS = (1, 2, 4, 6, 10)
SPELLED = """(all) => {
  %s
  const double = (bits) => new DataView(BigUint64Array.of(BigInt(bits)).buffer).getFloat64(0, true);
  return all.map(double).map((x) => [exact(x), ...%s.map((digits) => shown(x, digits))]);
}"""


def test_the_page_writes_numbers_as_python_does(browser: Browser) -> None:
    """numbers.js gives the same texts: rounded for people, and exact as repr."""
    modules = viewer.modules()
    code = "".join(viewer.bare(modules[name]) for name in ("appearance", "constants", "numbers"))
    numbers = some_numbers()
    bits = [str(*struct.unpack("<Q", struct.pack("<d", x))) for x in numbers]
    tab = browser.new_page()
    spelled = tab.evaluate(SPELLED % (code, [*DIGITS]), bits)
    tab.close()
    for x, texts in zip(numbers, spelled, strict=True):
        assert texts == [repr(x), *(number(x, digits) for digits in DIGITS)]
