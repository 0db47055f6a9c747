"""Texts of messages."""

from __future__ import annotations

import time

from mgraph.errors import without_user


def test_no_address_has_a_password() -> None:
    """Whatever the scheme, in any text; ports and paths with @ are not taken for passwords."""
    for shown, text in (
        ("s3://bucket/a.csv", "s3://KEY:SECRET@bucket/a.csv"),
        ("s3://bucket/a.csv", "s3://KEY:SEC/RET+=@bucket/a.csv"),
        ("see https://a.b:1/x and ftp://c", "see https://ada:pw@a.b:1/x and ftp://c"),
        ("mgraph replay 's3://b/*.csv' -o s3://b/o/",
         "mgraph replay 's3://K:S@b/*.csv' -o s3://K:S@b/o/"),
        ("s3://bucket/x.csv", "s3://KEY:/abcSECRET@bucket/x.csv"),
        ("s3://bucket/x.csv", "s3://KEY:12/abcSECRET@bucket/x.csv"),
        ("s3://bucket/x.csv", "s3://KEY:SEC@RET@bucket/x.csv"),
        ("s3://bucket/x.csv", "s3://KEY:SEC/R@ET@bucket/x.csv"),
        ("s3://b/dir@2024/x.csv", "s3://K:S/x@b/dir@2024/x.csv"),
        ("s3://b/dir@2024/x.csv", "s3://K:S@b/dir@2024/x.csv"),
        ("https://a.b/c@d", "https://ada:p/w@a.b/c@d"),
        ("cache::s3://b/x and (s3://b)", "cache::s3://K:S@b/x and (s3://K:S@b)"),
    ):  # fmt: skip
        assert without_user(text) == shown
    for text in (
        "http://a.b/@c", "http://a.b:80/g@c", "http://a.b:80", "http://[::1]:80/a@b", "a@b.c",
        "s3://bucket/a@b.csv", "tls://10.0.0.7:8786/a@b", "hdfs://node:8020/a@b.csv",
    ):  # fmt: skip
        assert without_user(text) == text


def test_long_texts_take_linear_time() -> None:
    """Half a second for all of these; in quadratic time, the first alone takes eight."""
    start = time.process_time()
    for part in ("a.", "a://", "a:", "http://a:1/", "s3://a:", "a://b:@", "a@", "@a://", "@ "):
        for text in (f"{part * 2**14}@", f"@{part * 2**14}", f"@ {part * 2**14} @"):
            without_user(text)
    assert time.process_time() - start < 5.0
