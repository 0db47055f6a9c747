"""A Dask cluster that does the parts of a job.

It needs the extra `cluster`: distributed, and what the extra `rows` brings.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from mgraph.errors import MissingExtraError
from mgraph.extras import install
from mgraph.rows.cluster.address import ClusterAddress

if TYPE_CHECKING:
    from mgraph.rows.cluster.dask import DaskWorkers

__all__ = ["ClusterAddress", "dask_workers"]


def dask_workers(cluster: ClusterAddress | str) -> DaskWorkers:
    """Return the workers of a cluster.

    Args:
        cluster: The address of its scheduler.

    Raises:
        MissingExtraError: distributed is not installed.
        ValueError: The address can't be used.
    """
    address = cluster if isinstance(cluster, ClusterAddress) else ClusterAddress(cluster)
    if find_spec("distributed") is None:
        message = f"a cluster needs distributed, which is not installed: {install('cluster')}"
        raise MissingExtraError(message)
    from mgraph.rows.cluster.dask import DaskWorkers  # noqa: PLC0415 - an extra

    return DaskWorkers(address)
