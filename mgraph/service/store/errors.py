"""Why a store refuses something."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgraph.errors import GraphError, quoted

if TYPE_CHECKING:
    from typing import Self


class StoreError(GraphError):
    """A store can't do what it was asked to; the code of its diagnostic says why."""


class NotFoundError(StoreError):
    """There is no such document, name, run or token (code `not-found`)."""

    @classmethod
    def of_kind(cls, kind: str, shown: str) -> Self:
        """Build the error for a kind of thing, such as `document`, that has this id or name."""
        return cls.of("not-found", f"there is no {kind} {quoted(shown, 80)}")


class RemovedError(StoreError):
    """The document was taken down, and its bytes are not accepted again (code `removed`).

    Attributes:
        document: The id of the document.
        reason: Why, as whoever removed it wrote; may be empty.
    """

    document: str = ""
    reason: str = ""

    @classmethod
    def of_document(cls, document: str, reason: str) -> Self:
        """Build the error for a document."""
        why = f": {quoted(reason, 200)}" if reason else ""
        error = cls.of("removed", f"the document {document} was removed{why}")
        error.document, error.reason = document, reason
        return error


class ConflictError(StoreError):
    """A name has another revision than was expected (code `conflict`).

    Attributes:
        current: The revision that it has; empty if there is no such name.
    """

    current: str = ""

    @classmethod
    def of_name(cls, name: str, current: str, expected: str) -> Self:
        """Build the error for a name."""
        if not expected:
            message, fix = f"the name {quoted(name)} is taken", "choose another name"
        else:
            now = f"has revision {current}" if current else "does not exist"
            message = f"the name {quoted(name)} {now}, not revision {quoted(expected)}"
            fix = "read it again, and decide whether to replace what it points to now"
        error = cls.of("conflict", message, fix=fix)
        error.current = current
        return error


class QuotaError(StoreError):
    """A token has used up what it may store (code `quota`)."""


class NameFormError(StoreError):
    """A name, an id or a prefix is malformed (code `name`)."""


class UnavailableError(StoreError):
    """The store can't be read or written: no permission, a full disk (code `io`).

    Attributes:
        is_full: Whether there is no room left.
        retry_after: After how many seconds it is worth trying again, as while a database is
            started; 0 if somebody has to do something first.
    """

    is_full: bool = False
    retry_after: int = 0


class DamagedError(StoreError):
    """What the store holds is not what was stored (code `damaged`).

    Attributes:
        what: What is wrong with the file that the diagnostic names.
    """

    what: str = ""
