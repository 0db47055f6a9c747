"""Choose mutants by lot, and find the same ones in another layout of the package."""

from __future__ import annotations

import random
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from tests.mutants.packages import PACKAGES, package_of
from tests.mutants.sites import Site, sites

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

_LONG_ENOUGH: Final = 30
"""Characters of a statement that is told apart from others without its function's name."""

KEYS: Final[Sequence[Callable[[Site], Hashable]]] = (
    lambda site: (site.unit.name, site.operator, site.texts, site.ordinal),
    lambda site: (site.unit.last_name, site.operator, site.texts, site.ordinal),
    lambda site: (site.unit.last_name, site.operator, site.shapes, site.ordinal),
    lambda site: (site.operator, site.texts) if len(site.texts[0]) >= _LONG_ENOUGH else site,
)
"""What two sites have in common that are the same one; the surest comes first.

A method that moved, a function that moved and lost its underscore, one whose variables have new
names, a statement that moved to another function; a short one is like itself only.
"""


def sites_of(root: Path) -> list[Site]:
    """Return all mutants of a checkout."""
    paths = sorted((root / "mgraph").rglob("*.py"))
    return [site for path in paths for site in sites(path, path.relative_to(root).as_posix())]


def drawn(chosen_from: Iterable[Site], seed: int) -> dict[str, Iterator[Site]]:
    """Return, for each package, its mutants in an order drawn by lot; others are left out.

    First a unit is drawn, then an operator that it allows, then a site: else most mutants would
    be of the few units that have the most numbers in them.
    """
    by_package: dict[str, list[Site]] = {package: [] for package in PACKAGES}
    for site in chosen_from:
        if package := package_of(site.unit.path):
            by_package[package].append(site)
    return {
        package: _drawn(found, random.Random(f"{seed} {package}"))  # noqa: S311 - no secret
        for package, found in by_package.items()
    }


def _drawn(found: Sequence[Site], lots: random.Random) -> Iterator[Site]:
    """Yield sites, each once, without those that change nothing."""
    left: dict[tuple[str, str], dict[str, list[Site]]] = {}
    for site in found:
        operators = left.setdefault((site.unit.path, site.unit.name), {})
        operators.setdefault(site.operator, []).append(site)
    while left:
        unit = lots.choice([*left])
        operator = lots.choice([*left[unit]])
        here = left[unit][operator]
        site = here.pop(lots.randrange(len(here)))
        if site.is_change:
            yield site
        if not here:
            del left[unit][operator]
        if not left[unit]:
            del left[unit]


def pairs(wanted: Sequence[Site], there: Sequence[Site]) -> dict[Site, Site]:
    """Find sites of one checkout in another: by the first key that only one site there has."""
    found: dict[Site, Site] = {}
    for key in KEYS:
        by_key = _by_key(there, key)
        for site in wanted:
            same = by_key.get(key(site), ())
            if site not in found and len(same) == 1:
                found[site] = same[0]
    return found


def is_new(site: Site, base: Mapping[int, frozenset[Hashable]]) -> bool:
    """Whether no key of a site occurs in the checkout that `keys_of` was given."""
    return not any(key(site) in base[i] for i, key in enumerate(KEYS))


def keys_of(base: Sequence[Site]) -> dict[int, frozenset[Hashable]]:
    """Return the keys of a checkout's sites, for `is_new`."""
    return {i: frozenset(map(key, base)) for i, key in enumerate(KEYS)}


def _by_key(
    found: Sequence[Site], key: Callable[[Site], Hashable]
) -> Mapping[Hashable, Sequence[Site]]:
    by_key = defaultdict(list)
    for site in found:
        by_key[key(site)].append(site)
    return by_key
