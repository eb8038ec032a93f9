"""Samples are put together here, so that this file itself holds nothing that looks like a secret."""

from __future__ import annotations

import random
import string
import subprocess
import sys

import pytest

from calypso_mcp.server.files.secret_scan import Finding, content_kind, find_secret

_DICE = random.Random(20)


def letters(count: int, alphabet: str = string.ascii_letters + string.digits) -> str:
    return "".join(_DICE.choices(alphabet, k=count))


def pem(kind: str, body: str = "") -> str:
    lines = body or "\n".join(letters(64) for _ in range(6))
    return f"-----BEGIN {kind}-----\n{lines}\n-----END {kind}-----\n"


LOWER = string.ascii_lowercase + string.digits
UPPER = string.ascii_uppercase + string.digits

SECRETS = {
    "RSA key": pem("RSA " + "PRIVATE KEY"),
    "key": pem("PRIVATE " + "KEY"),
    "EC key": pem("EC " + "PRIVATE KEY"),
    "OpenSSH key": pem("OPENSSH " + "PRIVATE KEY"),
    "PGP key": pem("PGP " + "PRIVATE KEY BLOCK"),
    "encrypted key with headers": pem(
        "RSA " + "PRIVATE KEY",
        "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,D54228DB5838E32589695E83A22595C7\n\n" + letters(64),
    ),
    "service account": '{"private_key": "-----BEGIN PRIVATE '  # in two parts, see above
    f'KEY-----\\n{letters(64)}\\n{letters(64)}\\n"}}',
    "GitHub": "token = ghp_" + letters(36),
    "GitHub fine-grained": "github_pat_" + letters(22) + "_" + letters(59),
    "GitLab": "glpat-" + letters(20),
    "AWS": "AKIA" + letters(16, UPPER),
    "AWS secret": f"aws_secret_access_key = '{letters(40)}'",
    "Azure storage": "AccountKey=" + letters(86) + "==",
    "Slack": f"xoxb-{letters(12, string.digits)}-{letters(24, LOWER)}",
    "Stripe": "sk_live_" + letters(24),
    "SendGrid": f"SG.{letters(22)}.{letters(43)}",
    "PyPI": "pypi-AgEIcHlwaS5vcmc" + letters(80),
    "npm": "npm_" + letters(36),
    "npm registry": "//registry.npmjs.org/:_authToken=" + letters(36, "0123456789abcdef-"),
    "Anthropic": "sk-ant-" + "api03-" + letters(80),
    "OpenAI": f"sk-{letters(20)}T3BlbkFJ{letters(20)}",
    "OpenAI project": "sk-proj-" + letters(60),
    "Google": "key=AIza" + letters(35),
    "Hugging Face": "hf_" + letters(34),
    "age": "AGE-SECRET-KEY-1" + letters(58, UPPER),
    "PuTTY": "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none",
}

HARMLESS = {
    "a manual about keys": "The file starts with -----BEGIN RSA " + "PRIVATE KEY----- and ends with END.",
    "a key left out": pem("PRIVATE " + "KEY", "..."),
    "a certificate": pem("CERTIFICATE"),
    "a public key": pem("PUBLIC KEY"),
    "the AWS manual's key": "AKIAIOSFODNN7EXAMPLE",
    "the AWS manual's secret": "aws_secret_access_key = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'",
    "a placeholder": "ghp_" + "x" * 36,
    "a Slack placeholder": "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX",
    "a token in words": "Set GITHUB_TOKEN to your ghp_ token.",
    "a JSON web token": f"eyJhbGciOiJIUzI1NiJ9.{letters(40)}.{letters(43)}",
    "a hash": "sha256: " + letters(64, "0123456789abcdef"),
    "a uuid": "123e4567-e89b-12d3-a456-426614174000",
    "a password in words": "password = hunter2",
    "a URL": "postgres://user:password@localhost/db",
    "base64 text": letters(4_000),
    "AWS in passing": "We moved from aws us-east-1 to another region; the key 'lesson' was cost.",
}


def find(text: str | bytes) -> Finding | None:
    data = text.encode() if isinstance(text, str) else text
    return find_secret(lambda offset, length: data[offset : offset + length], len(data))


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS.keys())
def test_a_secret_is_found_with_its_line(secret: str):
    found = find(f"# Notes\n\nsome words\n{secret}\nmore words\n")
    assert found is not None
    assert found.line >= 4


@pytest.mark.parametrize("text", HARMLESS.values(), ids=HARMLESS.keys())
def test_what_only_looks_like_one_is_left_alone(text: str):
    assert find(f"# Notes\n\n{text}\n") is None


def test_the_finding_does_not_hold_the_secret():
    secret = SECRETS["GitHub"]
    assert secret.split("_")[1][:8] not in repr(find(secret))


def test_a_secret_is_found_wherever_the_windows_part():
    token = "ghp_" + letters(36)
    for before in (1 << 20) - 45, (1 << 20) - 20, (1 << 20) - 1, (1 << 20), (1 << 21) - 10:
        text = ("word " * (before // 5 + 1))[:before]
        found = find(f"{text}\n{token}\n{'more ' * 100}")
        assert found == Finding("GitHub Token", 2), before


def test_lines_are_counted_over_all_windows():
    found = find("a line of words\n" * 200_000 + SECRETS["AWS"])
    assert found is not None
    assert found.line == 200_001


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "latin-1"])
def test_other_encodings_hide_nothing(encoding: str):
    mark = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(encoding, b"")
    found = find(mark + f"Grüße\n{SECRETS['GitHub']}\n".encode(encoding))
    assert found == Finding("GitHub Token", 2)


def test_only_a_window_is_read_at_a_time():
    sizes: list[int] = []
    size = 5 << 20

    def read(_offset: int, length: int) -> bytes:
        sizes.append(length)
        return b"words " * (length // 6) + b"x" * (length % 6)

    assert find_secret(read, size) is None
    assert max(sizes) <= 1 << 20


def test_text_made_to_be_slow_is_not():
    """Every fixed part on every line: each pattern still sees each region once."""
    hostile = "aws key AKIA ghp_ SG. xoxb- AccountKey= sk-ant- sk-proj- sk-sk-sk-T3BlbkFJ :_authToken= \n"
    assert find(hostile * 2_000) is None


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"plain words\n", "text"),
        ("Grüße, 世界\n".encode(), "text"),
        ("Grüße aus Köln\n".encode("latin-1") * 20, "text"),
        ("wide".encode("utf-16"), "text"),
        ("世界".encode()[:-1], "text"),
        (b"\x1b[31mred\x1b[0m", "text"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "pdf"),
        (b"\n" * 100 + b"%PDF-1.4", "pdf"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "binary"),
        (b"PK\x03\x04\x14\x00", "binary"),
        (b"\xff\xd8\xff\xe0\x01\x02\x03\x04\x05\x06\x07\x08", "binary"),
        (b"\x7fELF\x02\x01\x01\x00", "binary"),
    ],
)
def test_the_first_bytes_tell_what_a_file_is(head: bytes, kind: str):
    assert content_kind(head) == kind


def test_the_pattern_library_is_loaded_for_the_first_text_that_may_hold_a_token():
    code = (
        "import sys, calypso_mcp.server.files.secret_scan as scan;"
        "assert 'detect_secrets' not in sys.modules;"
        "look = lambda text: scan.find_secret(lambda at, length: text[at:at + length], len(text));"
        "look(b'ordinary words, /a/path/of/ordinary/words and ----------------------');"
        "assert 'detect_secrets' not in sys.modules;"
        "look(b'commit 4f1d9e0b7c2a8d5e6f3a1b0c9d8e7f6a5b4c3d2e');"
        "assert 'detect_secrets' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
