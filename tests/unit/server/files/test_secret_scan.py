"""Samples are put together here, so that this file itself holds nothing that looks like a secret."""

from __future__ import annotations

import base64
import random
import string
import subprocess
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest

from calypso_mcp.server.files.secret_scan import Finding, find_secret
from tests.support.secret_samples import SURROUNDINGS, TOKENS, real_keys

_DICE = random.Random(20)


def letters(count: int, alphabet: str = string.ascii_letters + string.digits) -> str:
    return "".join(_DICE.choices(alphabet, k=count))


def pem(kind: str, body: str = "") -> str:
    lines = body or "\n".join(letters(64) for _ in range(6))
    return f"-----BEGIN {kind}-----\n{lines}\n-----END {kind}-----\n"


LOWER = string.ascii_lowercase + string.digits
UPPER = string.ascii_uppercase + string.digits
KEY = "PRIVATE " + "KEY"

SECRETS = {
    "RSA key": pem("RSA " + "PRIVATE KEY"),
    "key": pem("PRIVATE " + "KEY"),
    "EC key": pem("EC " + "PRIVATE KEY"),
    "OpenSSH key": pem("OPENSSH " + "PRIVATE KEY"),
    "PGP key": pem("PGP " + "PRIVATE KEY BLOCK"),
    "PGP key in base64": base64.b64encode(pem("PGP " + "PRIVATE KEY BLOCK").encode()).decode(),
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
    "a placeholder in words": "ghp_" + "YourGitHubTokenGoesHere" + "0" * 6 + letters(7),
    "a Slack placeholder": "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX",
    "a token in words": "Set GITHUB_TOKEN to your ghp_ token.",
    "a JSON web token": f"eyJhbGciOiJIUzI1NiJ9.{letters(40)}.{letters(43)}",
    "a hash": "sha256: " + letters(64, "0123456789abcdef"),
    "a uuid": "123e4567-e89b-12d3-a456-426614174000",
    "a password in words": "password = hunter2",
    "a URL": "postgres://user:password@localhost/db",
    "base64 text": letters(4_000),
    "a key left out in the middle": pem("RSA PRIVATE " + "KEY", letters(60) + "..." + letters(8)),
    "a key of words": pem("RSA PRIVATE " + "KEY", "EXAMPLE" + letters(57)),
    "a key in words": "-----BEGIN PRIVATE " + "KEY----- starts it\nand the body\nfollows\n" * 9,
    "a first line above a table": f"-----BEGIN {KEY}-----<tr>" + "<td>Base64</td><td>Version2</td>" * 40,
    "a first line above names": f"-----BEGIN {KEY}-----\n" + "getKey\nPKCS8\nEd25519PrivateKey\n" * 40,
    "a first line above paths": f"-----BEGIN {KEY}-----\n" + "usr/lib/x86/Python3/site/Key2\n" * 40,
    "a first line above the alphabet": f"-----BEGIN {KEY}-----\n{LOWER}\n{UPPER}\n",
    "a first line above a hash": f"-----BEGIN {KEY}-----\n" + letters(64, "0123456789abcdef"),
    "a hash after a path": "aws_s3_key = 'docs/" + "a" * 8 + "/" + letters(40, "0123456789abcdef") + "'",
    "a base64 hash": "RawSecretAccess" + "Key=" + letters(43) + "=",
    "genes": "AAACCATCTCTACCGGTTCGCTTTCACTGGATATCGCGCTTGGGGCAGGTGGTCTGCCGATGGG",
    "names with hyphens": "task-sk-learn-classifier-benchmark-2024 and sk_buff_head_init_class_2_deep",
    "the form of a token in a picture": f"{letters(80)}/EAA{letters(120)}+{letters(80)}",
    "the form of another": f"{letters(80)}+cio{letters(32)}/{letters(80)}",
    "a name in code": "OpenTelemetryInstrumentation.Common.HttpClientInstrumentationOptionsV2Extensions",
    "code": "window.s.getElementsByClassNameAndIndex(3)",
    "AWS in passing": "We moved from aws us-east-1 to another region; the key 'lesson' was cost.",
}


def find(text: str | bytes) -> Finding | None:
    data = text.encode() if isinstance(text, str) else text
    return find_secret(lambda offset, length: data[offset : offset + length], len(data))


@pytest.fixture(scope="module")
def keys() -> dict[str, str]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "SSH DSA key support")
        return dict(real_keys())


@pytest.mark.parametrize("surrounding", SURROUNDINGS)
def test_every_real_key_is_found_wherever_it_stands(surrounding: str, keys: dict[str, str]):
    wrap = SURROUNDINGS[surrounding]
    assert len(keys) > 40
    assert [name for name, key in keys.items() if find(wrap(key)) is None] == []


@pytest.mark.parametrize("word", ["your", "Your", "YOUR"])
def test_four_letters_that_stand_in_a_key_by_chance_do_not_hide_it(word: str, keys: dict[str, str]):
    # A long key: the word leaves three bytes of its text that no key has.
    wrapped = SURROUNDINGS["base64 of the file"](keys["cryptography rsa PKCS8"])
    place = wrapped.index(b"LS0t") + 100
    assert find(wrapped[:place] + word.encode() + wrapped[place + 4 :]) is not None
    assert find("ghp_" + letters(16) + word + "0" + letters(15)) is not None


@pytest.mark.parametrize("surrounding", SURROUNDINGS)
def test_a_body_that_holds_the_word_of_the_last_line_is_found(surrounding: str):
    """The word ends a line where lines are short, and is marked up where words are."""
    body = "MHcCAQEEIPZYkiUJ3T59K825ZuK9+Q65UENDClgXOqXVBOYUDrb4oAoGCCqGSM49AwEHoUQD"
    assert find(SURROUNDINGS[surrounding](pem(f"EC {KEY}", body))) is not None


@pytest.mark.parametrize("kind", TOKENS)
def test_every_kind_of_token_is_found(kind: str):
    """Forms that must hold a digit or a capital miss the few tokens that happen to hold none."""
    missed = sum(find(f"# Notes\nuse {TOKENS[kind]()} here\n") is None for _ in range(50))
    assert missed <= 2


@pytest.mark.parametrize(
    "wrap", ["{}", '"{}"', "KEY={}", "key: {}", "<b>{}</b>", "https://host/?key={}&a=b", r'{{"a": "b\n{}"}}']
)
def test_a_token_is_found_in_every_surrounding(wrap: str):
    for kind in "AWS access key id", "GitHub classic", "Google API key", "Calypso, hyphen", "Hugging Face":
        assert find(wrap.format(TOKENS[kind]())) is not None, kind


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
    ends: set[int] = set()
    size = 3 << 20

    def read(offset: int, length: int) -> bytes:
        ends.add(offset + length)
        return b"words " * (length // 6) + b"x" * (length % 6)

    assert find_secret(read, size) is None
    token = "ghp_" + letters(36)
    for before in (end - part for end in ends - {size} for part in (45, 20, 1, 0, -10)):
        text = ("word " * (before // 5 + 1))[:before]
        found = find(f"{text}\n{token}\n{'more ' * 100}")
        assert found == Finding("GitHub token", 2), before


def test_lines_are_counted_over_all_windows():
    found = find("a line of words\n" * 200_000 + SECRETS["AWS"])
    assert found is not None
    assert found.line == 200_001


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "latin-1"])
def test_other_encodings_hide_nothing(encoding: str):
    mark = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(encoding, b"")
    found = find(mark + f"Grüße\n{SECRETS['GitHub']}\n".encode(encoding))
    assert found == Finding("GitHub token", 2)


def test_only_a_window_is_read_at_a_time():
    sizes: list[int] = []
    size = 5 << 20

    def read(_offset: int, length: int) -> bytes:
        sizes.append(length)
        return b"words " * (length // 6) + b"x" * (length % 6)

    assert find_secret(read, size) is None
    assert max(sizes) <= 1 << 20


@pytest.mark.parametrize(
    "hostile",
    [
        "aws key AKIA ghp_ SG. xoxb- AccountKey= sk-ant- sk-proj- sk-sk-sk-T3BlbkFJ :_authToken= \n",
        "aws",
        "aws key aws key secretaccesskey ",
        "-----BEGIN PRIVATE " + "KEY-----",
        "-----BEGIN PRIVATE " + "KEY-----\n\\\\",
        "BEGIN " + "A " * 20,
        "BEGIN PRIVATE " + "KEY KEY \\n<b &amp ",
        "BEGIN" + "PRIVATE " * 7 + "KEY " + "a\n" * 1_400,
        "".join(f"BEGIN{letter}PRIVATE{letter}KEY" for letter in string.ascii_letters),
        "UFJJVkFURSBLRVkt",  # the end of a key's first line in base64
        "UFJJVkFURSBLRVktBSSVZBVEUgS0VZLS0tQUklWQVRFIEtFWS0t",
        "PuTTY-User-Key-File-2",
        "xoxb-",
        "a" * 100,
        "\\r" * 40,
        "sk-" + "x" * 40 + " ",
        "+",
    ],
)
def test_text_made_to_be_slow_is_not(hostile: str):
    def processor_s(size: int) -> float:
        data = (hostile * (size // len(hostile))).encode()
        started = time.process_time()
        assert find(data) is None
        return time.process_time() - started

    processor_s(len(hostile))  # the first search loads the automaton
    # Of quadratic time, twice the text takes four times as long. A fixed limit would measure the machine.
    # Both fit into one window: in several, what is quadratic in each takes twice as long as well.
    assert processor_s(750_000) < 3 * processor_s(375_000) + 0.05


def test_the_automaton_is_loaded_with_the_first_content():
    code = (
        "import sys, calypso_mcp.server.files.secret_scan as scan;"
        "assert 'hyperscan' not in sys.modules;"
        "scan.find_secret(lambda at, length: b'words'[at:at + length], 5);"
        "assert 'hyperscan' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_threads_search_at_the_same_time():
    texts = [
        f"thread {number}\n".encode() * 50_000 + TOKENS["GitHub classic"]().encode() for number in range(8)
    ]
    with ThreadPoolExecutor(8) as pool:
        assert [found.line for found in pool.map(find, texts) if found] == [50_001] * 8
