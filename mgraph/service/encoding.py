"""Plain data as JSON and msgpack, quickly."""

from __future__ import annotations

from typing import Final

import msgspec

as_json_bytes: Final = msgspec.json.encode
as_msgpack_bytes: Final = msgspec.msgpack.encode
from_json_bytes: Final = msgspec.json.decode
