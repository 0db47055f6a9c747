"""Texts of messages."""

from __future__ import annotations

from mgraph.errors import without_user


def test_no_address_has_a_password() -> None:
    """Whatever the scheme, in any text; ports and paths with @ are not taken for passwords."""
    for shown, text in (
        ("s3://bucket/a.csv", "s3://KEY:SECRET@bucket/a.csv"),
        ("s3://bucket/a.csv", "s3://KEY:SEC/RET+=@bucket/a.csv"),
        ("see https://a.b:1/x and ftp://c", "see https://ada:pw@a.b:1/x and ftp://c"),
        ("mgraph replay 's3://b/*.csv' -o s3://b/o/",
         "mgraph replay 's3://K:S@b/*.csv' -o s3://K:S@b/o/"),
    ):  # fmt: skip
        assert without_user(text) == shown
    for text in (
        "http://a.b/@c", "http://a.b:80/g@c", "http://a.b:80", "http://[::1]:80/a@b", "a@b.c",
        "s3://bucket/a@b.csv",
    ):  # fmt: skip
        assert without_user(text) == text
