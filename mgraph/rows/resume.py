"""What there is of a job already, or of another one: what is kept, removed or refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mgraph.errors import GraphError, printable
from mgraph.rows.parts import PLAN_FILE, Record, is_record
from mgraph.rows.plan import differences
from mgraph.rows.store import is_part, part_name

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence

    from mgraph.rows.plan import Plan
    from mgraph.rows.store import PartFolder

_ANOTHER: Final = "name an empty or a new folder as the output, or remove the parts yourself"

_NAMED: Final = 5
"""How many differences between two plans a message names."""


def prepared(folder: PartFolder, plan: Plan, *, resume: bool, overwrite: bool) -> dict[str, Record]:
    """Return what was recorded about the parts of this job, by name; refuse those of other jobs.

    Raises:
        GraphError: `io` if the folder has anything that this job may not keep or replace.
    """
    folder.check_writable()
    names = folder.names(folder.path)
    _check_names(folder, names)
    beside = [path for path in (folder.unfinished, folder.manifest) if folder.is_there(path)]
    if not (names or beside):
        return {}
    if resume:
        return _recorded(folder, plan, names)
    if not overwrite:
        message = f"{printable(folder.shown)} has parts, finished or not"
        fix = "use --resume to keep the finished ones, or --overwrite to start again"
        raise GraphError.of("io", message, fix=fix, file=folder.shown)
    _check_ours(folder, names)
    # the manifest goes last: with it, --resume makes again what was removed before a fault
    folder.remove(*(f"{folder.path}/{name}" for name in names), *beside)
    return {}


def _check_ours(folder: PartFolder, names: Sequence[str]) -> None:
    """Refuse to remove parts that no earlier job here has planned.

    Raises:
        GraphError: `io`.
    """
    ours = {name for plan in _plans(folder) for name in _planned(plan)}
    strange = next((name for name in names if name not in ours), None)
    if strange is not None:
        message = f"{printable(folder.shown)} holds {printable(strange)}, and nothing beside it "
        message += "says that mgraph has made it"
        fix = _ANOTHER
        raise GraphError.of("io", message, fix=fix, file=folder.shown)


def _planned(plan: dict[str, Any]) -> Iterator[str]:
    """Yield the names of the parts of a plan."""
    parts, options = plan.get("parts"), plan.get("options")
    if isinstance(parts, list) and isinstance(options, dict):
        for i in range(len(parts)):
            yield part_name(i, len(parts), str(options.get("format")))


def _check_names(folder: PartFolder, names: Sequence[str], known: Container[str] = ()) -> None:
    """Refuse a folder with anything but parts; if some are known, with any others.

    Raises:
        GraphError: `io`.
    """
    are_parts = known.__contains__ if known else is_part
    strange = next((name for name in names if not are_parts(name)), None)
    if strange is not None:
        what = "not a part of this job" if known else "not a part"
        message = f"{printable(folder.shown)} holds {printable(strange)}, which is {what}"
        fix = "name an empty or a new folder as the output"
        raise GraphError.of("io", message, fix=fix, file=folder.shown)


def _recorded(folder: PartFolder, plan: Plan, names: Sequence[str]) -> dict[str, Record]:
    """Return the records of finished parts, by name, from the manifest and from unfinished work.

    Raises:
        GraphError: `io` if what is there belongs to another job; it says what differs.
    """
    manifest = folder.read_json(folder.manifest)
    plans = [*_plans(folder)]
    if names or plans:  # else it was stopped before it had a plan
        _check_same(folder, plan, plans)
    count = len(plan.parts)
    _check_names(folder, names, {part_name(i, count, folder.format) for i in range(count)})
    parts = manifest.get("parts") if isinstance(manifest, dict) else None
    records = [(str(part.get("name")), part) for part in parts or () if isinstance(part, dict)]
    unfinished = f"{folder.unfinished}/{plan.id[:16]}"
    noted = (file.removesuffix(".json") for file in folder.names(unfinished))
    records += [
        (name, folder.read_json(f"{unfinished}/{name}.json")) for name in noted if is_part(name)
    ]
    return {name: record for name, record in records if is_record(record, plan.id)}


def _plans(folder: PartFolder) -> Iterator[dict[str, Any]]:
    """Return the plans of the jobs that wrote to a folder."""
    manifest = folder.read_json(folder.manifest)
    plans = [manifest.get("plan")] if isinstance(manifest, dict) else []
    plans += [
        folder.read_json(f"{folder.unfinished}/{job}/{PLAN_FILE}")
        for job in folder.names(folder.unfinished)
    ]
    return (plan for plan in plans if isinstance(plan, dict))


def _check_same(folder: PartFolder, plan: Plan, plans: list[dict[str, Any]]) -> None:
    if not plans:
        message = f"nothing beside {printable(folder.shown)} says which job its parts are from"
        fix = _ANOTHER
        raise GraphError.of("io", message, fix=fix, file=folder.shown)
    for old in plans:
        changed = [*differences(old, plan.as_json())]
        if changed:
            more = f" and {len(changed) - _NAMED:,} more" if len(changed) > _NAMED else ""
            what = "; ".join(changed[:_NAMED]) + more
            message = f"{printable(folder.shown)} can't be resumed, because of a change: {what}"
            fix = "use what its parts were made with, or start again with --overwrite"
            raise GraphError.of("io", message, fix=fix, file=folder.shown)
