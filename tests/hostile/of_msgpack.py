"""msgpack that is broken, or holds what a document can't."""

import math
from typing import Any, Final

from tests.hostile.case import Case, Source, reject
from tests.hostile.frames import leaf, plain
from tests.hostile.pack import HERE, At, Bin, Raw, pack, u32

BILLION = 10**9
HUGE: Final = {
    "str": b"\xdb",
    "bin": b"\xc6",
    "array": b"\xdd",
    "map": b"\xdf",
    "ext": b"\xc9",
}
SOUND = bytes(pack(plain()).data)
TIMESTAMP = b"\xd6\xff" + bytes(4)
NIL, NEVER = b"\xc0", b"\xc1"


def ends_with(*pieces: bytes) -> dict[Any, object]:
    """Return a document whose last value, `meta`, is these bytes, refused from their first on."""
    return plain(meta=Raw(HERE, *pieces))


def huge(code: bytes) -> bytes:
    """Return the header of 10⁹ things."""
    return code + BILLION.to_bytes(4, "big")


CONTAINERS = ("array", "map")  # what is missing of them is missing at the end

BROKEN: dict[str, Source] = {
    "never_used": ends_with(NEVER),
    "never_used_first": Raw(HERE, NEVER),
    "never_used_key": Raw(b"\x82", b"\xa6mgraph\xa31.0", HERE, NEVER, NIL),
    "cut_in_str": Raw(b"\x82\xa6mgraph\xa31.0", HERE, b"\xa5node"),
    "cut_in_str16_header": ends_with(b"\xda\x01"),
    "cut_in_float": plain(meta=Raw(b"\x91\x81\xa4data", HERE, b"\xcb\xc0\x08")),
    "cut_in_uint": ends_with(b"\xce\x00\x01"),
    "cut_in_bin": ends_with(b"\xc4\x0a123456789"),
    "cut_in_array_header": ends_with(b"\xdc\x00"),
    "array_short": plain(meta=Raw(b"\x93\x80", HERE)),
    "map_without_value": Raw(b"\x81\xa6mgraph", HERE),
    "map_short": Raw(b"\x83\xa6mgraph\xa31.0", HERE),
    "only_a_header": Raw(b"\x84", HERE),
}
SYNTAX = (
    *(
        reject("syntax", f"msgpack_huge_{kind}", ends_with(huge(code)))
        for kind, code in HUGE.items()
        if kind not in CONTAINERS
    ),
    *(
        reject("syntax", f"msgpack_huge_{kind}", plain(meta=Raw(huge(HUGE[kind]), HERE)))
        for kind in CONTAINERS
    ),
    *(
        reject("syntax", f"msgpack_root_huge_{kind}", Raw(huge(HUGE[kind]), HERE))
        for kind in CONTAINERS
    ),
    *(reject("syntax", f"msgpack_{name}", source) for name, source in BROKEN.items()),
)

TRAILING = (
    reject("trailing", "msgpack_second_document", Raw(SOUND, HERE, SOUND)),
    reject("trailing", "msgpack_nil", Raw(SOUND, HERE, NIL)),
    reject("trailing", "msgpack_newline", Raw(SOUND, HERE, b"\n")),
    reject("trailing", "msgpack_never_used", Raw(SOUND, HERE, NEVER)),
    reject("trailing", "msgpack_after_nil", Raw(NIL, HERE, NIL)),
)

ENCODING = tuple(
    reject("encoding", f"msgpack_{name}", source)
    for name, source in {
        "latin1": plain(name=At(Raw(b"\xa4caf\xe9"))),
        "overlong": plain(name=At(Raw(b"\xa2\xc0\xaf"))),
        "surrogate": plain(name=At(Raw(b"\xa3\xed\xa0\x80"))),
        "key": plain(meta={At(Raw(b"\xa2\xff\xfe")): 1}),
        "id": plain(nodes=[{"id": At(Raw(b"\xa1\x80")), "op": "input"}]),
    }.items()
)

LEVELS = 31  # inside meta, which is the second level: one too many
DEPTH = (
    reject("depth", "msgpack_arrays", plain(meta=Raw(b"\x91" * LEVELS, HERE, b"\x90"))),
    reject("depth", "msgpack_maps", plain(meta=Raw(b"\x81\xa1a" * LEVELS, HERE, b"\x80"))),
    reject("depth", "msgpack_array16", plain(meta=Raw(b"\xdc\0\1" * LEVELS, HERE, b"\x91\xc0"))),
    reject("depth", "msgpack_100000_headers", Raw(b"\x91" * 32, HERE, b"\x91" * 99_968)),
    reject(
        "depth",
        "msgpack_50000_maps",
        Raw(b"\x81\xa0" * 32, HERE, b"\x81\xa0" * 49_967, NIL),
    ),
)

DUPLICATE_KEY = (
    reject(
        "duplicate-key",
        "msgpack_document",
        plain(name="a") | {At("name"): "b"},
        "/name",
    ),
    reject(
        "duplicate-key",
        "msgpack_node",
        plain(nodes=[{"id": "x", "op": "input", At("id"): "y"}]),
        "/nodes/0/id",
    ),
    reject(
        "duplicate-key", "msgpack_meta", plain(meta=[{"a": {"b": 1, At("b"): 2}}]), "/meta/0/a/b"
    ),
    reject(
        "duplicate-key",
        "msgpack_long_header",  # the same key, spelt with a str8 header
        plain(runs=[{"data": {"o": -2.0, At(Raw(b"\xd9\x01o")): -2.0}}]),
        "/runs/0/data/o",
    ),
)

FORMAT = tuple(
    reject("format", f"msgpack_{name}", source)
    for name, source in {
        "empty_map": At({}),
        "without_mgraph": At({"nodes": [], "outputs": []}),
        "nil": At(None),
        "array": At([plain()]),
        "text": At("mgraph 1.0, in a str of more than thirty-one bytes"),
        "minus_one": At(-1),
        "float": At(1.0),
    }.items()
)

VERSION = tuple(
    reject("version", f"msgpack_{name}", plain(mgraph=At(value)), "/mgraph")
    for name, value in {
        "bytes": b"1.0",
        "float": 1.0,
        "integer": 1,
        "nil": None,
        "newer_minor": "1.999",
        "newer_major": "10.0",
    }.items()
)

MISSING_FIELD = (
    reject("missing-field", "msgpack_nodes", At({"mgraph": "1.0", "outputs": ["o"]}), ""),
    reject("missing-field", "msgpack_op", plain(nodes=[At({"id": "o"})]), "/nodes/0"),
)

UNKNOWN_FIELD = (
    reject("unknown-field", "msgpack_document", plain() | {At("extra"): 1}, "/extra"),
    reject(
        "unknown-field",
        "msgpack_node",
        plain(nodes=[*leaf(2.0)[:1], {"id": "o", "op": "neg", At("argz"): ["x"]}]),
        "/nodes/1/argz",
    ),
)

TYPE = tuple(
    reject("type", f"msgpack_{name}", source, pointer)
    for name, source, pointer in (
        ("ext", plain(name=At(Raw(b"\xd4\x05x"))), "/name"),
        ("ext_zero_long", plain(name=At(Raw(b"\xc7\x00\x05"))), "/name"),
        ("ext_in_meta", plain(meta={"when": [At(Raw(b"\xc7\x03\x2aabc"))]}), "/meta/when/0"),
        ("timestamp32", plain(meta=At(Raw(TIMESTAMP))), "/meta"),
        ("timestamp64", plain(meta={"at": At(Raw(b"\xd7\xff" + bytes(8)))}), "/meta/at"),
        ("timestamp96", plain(doc=At(Raw(b"\xc7\x0c\xff" + bytes(12)))), "/doc"),
        ("timestamp_as_version", plain(mgraph=At(Raw(TIMESTAMP))), "/mgraph"),
        ("timestamp_as_number", plain(nodes=leaf(At(Raw(TIMESTAMP)))), "/nodes/0/data"),
        ("key_integer", plain() | {At(1): 2}, ""),
        ("key_nil", plain(meta={"a": [{At(None): 2}]}), "/meta/a/0"),
        ("key_bytes", plain(nodes=[{At(b"id"): "x", "op": "input"}]), "/nodes/0"),
        ("key_array", plain(runs=[{"data": {At(Raw(b"\x91\xa1o")): 1.0}}]), "/runs/0/data"),
        ("key_ext", plain(meta={At(Raw(TIMESTAMP)): 1}), "/meta"),
        ("bytes_for_name", plain(name=At(b"neuron")), "/name"),
        ("bytes_for_id", plain(nodes=[{"id": At(b"x"), "op": "input"}]), "/nodes/0/id"),
        (
            "bytes_for_arg",
            plain(nodes=[*leaf(2.0)[:1], {"id": "o", "op": "neg", "args": [At(b"x")]}]),
            "/nodes/1/args/0",
        ),
        ("bytes_for_nodes", plain(nodes=At(b"\x00")), "/nodes"),
        ("bytes_for_outputs", plain(outputs=At(b"o")), "/outputs"),
        ("bytes_in_meta", plain(meta={"raw": At(b"\x00\xff")}), "/meta/raw"),
        ("column_in_rows", plain(runs=[{"data": At(Bin(u32(0)))}]), "/runs/0/data"),
    )
)

NUMBER = tuple(
    reject("number", f"msgpack_{name}", source, pointer)
    for name, source, pointer in (
        ("true", plain(nodes=leaf(At(value=True))), "/nodes/0/data"),
        ("nil", plain(nodes=leaf(At(None))), "/nodes/0/data"),
        ("string", plain(nodes=leaf(At("2.0"))), "/nodes/0/data"),
        ("bytes", plain(nodes=leaf(At(bytes(8)))), "/nodes/0/data"),
        (
            "tolerance_nan",
            plain(runs=[{"tolerance": {"rel": At(math.nan)}}]),
            "/runs/0/tolerance/rel",
        ),
        (
            "tolerance_inf",
            plain(runs=[{"tolerance": {"abs": At(math.inf)}}]),
            "/runs/0/tolerance/abs",
        ),
        ("meta_nan", plain(meta=[0, At(math.nan)]), "/meta/1"),
        ("meta_inf32", plain(meta={"x": At(Raw(b"\xca\xff\x80\x00\x00"))}), "/meta/x"),
        ("meta_integer", plain(meta={"x": At(2**53 + 1)}), "/meta/x"),
        ("meta_integer_minus", plain(meta={"x": At(-(2**63))}), "/meta/x"),
        ("meta_uint64", plain(meta=At(2**64 - 1)), "/meta"),
    )
)

SEED = tuple(
    reject("seed", f"msgpack_{name}", plain(runs=[{"seed": {"o": At(value)}}]), "/runs/0/seed/o")
    for name, value in {"nan": math.nan, "inf": math.inf, "minus_inf": -math.inf}.items()
)

ROWS: tuple[tuple[str, str, Source, str], ...] = (
    ("id", "nul", plain(nodes=[*leaf(2.0), {"id": At("x\0"), "op": "input"}]), "/nodes/2/id"),
    ("id", "emoji", plain(nodes=[*leaf(2.0), {"id": At("x😀"), "op": "input"}]), "/nodes/2/id"),
    (
        "limit",
        "label",
        plain(nodes=[{"id": "o", "op": "input", "label": At("é" * 513)}]),
        "/nodes/0/label",
    ),
    ("limit", "doc", plain(doc=At("d" * 65_537)), "/doc"),
    (
        "duplicate-id",
        "node",
        plain(nodes=[*leaf(1.0), {"id": At("x"), "op": "input"}]),
        "/nodes/2/id",
    ),
    (
        "unknown-node",
        "arg",
        plain(nodes=[*leaf(1.0)[:1], {"id": "o", "op": "neg", "args": [At("X")]}]),
        "/nodes/1/args/0",
    ),
    (
        "unknown-op",
        "typo",
        plain(nodes=[*leaf(1.0)[:1], {"id": "o", "op": At("nge"), "args": ["x"]}]),
        "/nodes/1/op",
    ),
    (
        "unknown-op",
        "newer",
        plain(nodes=[*leaf(1.0)[:1], {"id": "o", "op": At("expm1"), "args": ["x"]}]),
        "/nodes/1/op",
    ),
    (
        "arity",
        "neg_of_two",
        plain(nodes=[*leaf(1.0)[:1], {"id": "o", "op": "neg", "args": At(["x", "x"])}]),
        "/nodes/1/args",
    ),
    (
        "cycle",
        "itself",
        plain(nodes=[{"id": "o", "op": "neg", "args": [At("o")]}]),
        "/nodes/0/args/0",
    ),
    ("leaf-data", "param", plain(nodes=[At({"id": "o", "op": "param"})]), "/nodes/0"),
    ("output", "unknown", plain(outputs=["o", At("y")]), "/outputs/1"),
    ("output", "no_nodes", plain(nodes=At([])), "/nodes"),
    (
        "unbound-input",
        "run",
        plain(nodes=[{"id": "o", "op": "input"}], runs=[At({})]),
        "/runs/0",
    ),
    (
        "hash",
        "other_graph",
        plain(runs=[{"graph": At("mgraph1-sha256:" + "0" * 64)}]),
        "/runs/0/graph",
    ),
    ("run-node", "data", plain(runs=[{"data": {"o": -2.0, "zz": At(1.0)}}]), "/runs/0/data/zz"),
)

CASES: tuple[Case, ...] = (
    *SYNTAX,
    *TRAILING,
    *ENCODING,
    *DEPTH,
    *DUPLICATE_KEY,
    *FORMAT,
    *VERSION,
    *MISSING_FIELD,
    *UNKNOWN_FIELD,
    *TYPE,
    *NUMBER,
    *SEED,
    *(reject(code, f"msgpack_{name}", source, pointer) for code, name, source, pointer in ROWS),
)
