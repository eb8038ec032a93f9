"""Keys as real programs write them, tokens as their makers shape them, and the surroundings they turn up in.

Everything is made anew, and no fixed part stands here in one piece: this file holds nothing that looks like
a secret.
"""

from __future__ import annotations

import base64
import json
import quopri
import random
import re
import secrets
import shutil
import string
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x448, x25519

from calypso_mcp.server.access.access_file.tokens import new_token

_DICE = random.Random(7)
_HEX = "0123456789abcdef"
_LOWER = string.ascii_lowercase + string.digits
_UPPER = string.ascii_uppercase + string.digits
_ALNUM = string.ascii_letters + string.digits
_URL = _ALNUM + "-_"
_BASE64 = _ALNUM + "+/"


def letters(count: int, alphabet: str = _ALNUM) -> str:
    """Return `count` random characters."""
    return "".join(_DICE.choices(alphabet, k=count))


def _digits(count: int) -> str:
    return letters(count, string.digits)


def _discord_id() -> str:
    return base64.b64encode(_digits(_DICE.choice((18, 19, 20))).encode()).decode().rstrip("=")


#: Kind, and how one is made. The marks between the parts of fixed text keep scanners from this file.
TOKENS: dict[str, Callable[[], str]] = {
    "AWS access key id": lambda: "AKIA" + letters(16, _UPPER),
    "AWS temporary key id": lambda: "ASIA" + letters(16, _UPPER),
    "AWS secret, quoted": lambda: f"aws_secret_access_key = '{letters(40, _BASE64)}'",
    "AWS secret, ini": lambda: f"aws_secret_access_key = {letters(40, _BASE64)}",
    "AWS secret, environment": lambda: f"export AWS_SECRET_ACCESS_KEY={letters(40, _BASE64)}",
    "AWS secret, JSON": lambda: f'{{"SecretAccessKey": "{letters(40, _BASE64)}"}}',
    "AWS secret, escaped JSON": lambda: json.dumps(json.dumps({"SecretAccessKey": letters(40, _BASE64)})),
    "AWS secret, YAML": lambda: f"aws_secret_access_key: {letters(40, _BASE64)}",
    "Azure storage key": lambda: "AccountKey=" + letters(86, _BASE64) + "==",
    "Azure client secret": lambda: letters(3) + "8Q~" + letters(34),
    "DigitalOcean": lambda: "dop_v1_" + letters(64, _HEX),
    "Google API key": lambda: "AIza" + letters(35, _URL),
    "Google OAuth secret": lambda: "GOCSPX-" + letters(28, _URL),
    "Heroku": lambda: "HRKU-" + letters(36, _HEX + "-"),
    "Supabase": lambda: "sbp_" + letters(40, _HEX),
    "GitHub classic": lambda: "ghp_" + letters(36),
    "GitHub app": lambda: "ghs_" + letters(36),
    "GitHub fine-grained": lambda: "github_pat_" + letters(22) + "_" + letters(59),
    "GitLab": lambda: "glpat-" + letters(20, _URL),
    "GitLab runner": lambda: "GR1348941" + letters(20, _URL),
    "Atlassian": lambda: "ATATT3xFfGF0" + letters(180, _URL),
    "Bitbucket": lambda: "ATBB" + letters(32),
    "npm": lambda: "npm_" + letters(36),
    "npm registry": lambda: "//registry.npmjs.org/:_authToken=" + letters(36, _HEX + "-"),
    "PyPI": lambda: "pypi-AgEIcHlwaS5vcmc" + letters(80, _URL),
    "RubyGems": lambda: "rubygems_" + letters(48, _HEX),
    "Docker Hub": lambda: "dckr_pat_" + letters(27, _URL),
    "Hugging Face": lambda: "hf_" + letters(34),
    "Calypso, underscore": lambda: "sk_" + letters(32),
    "Calypso, hyphen": lambda: "sk-" + letters(32),
    "Calypso, hexadecimal": lambda: "sk_" + letters(40, _HEX),
    "Calypso, labelled": lambda: "sk_calypso_" + letters(32),
    "calypso-mcp access token": lambda: new_token("support.desk"),
    "Anthropic": lambda: "sk-ant-api03-" + letters(80, _URL),
    "OpenAI classic": lambda: "sk-" + letters(20) + "T3BlbkFJ" + letters(20),
    "OpenAI project": lambda: "sk-proj-" + letters(60, _URL),
    "OpenRouter": lambda: "sk-or-v1-" + letters(64, _HEX),
    "Groq": lambda: "gsk_" + letters(52),
    "Databricks": lambda: "dapi" + letters(32, _HEX),
    "Vault": lambda: "hvs." + letters(90, _URL),
    "Vault, older": lambda: "s." + letters(24),
    "Terraform Cloud": lambda: letters(14) + ".atlasv1." + letters(67),
    "Grafana": lambda: "glsa_" + letters(32) + "_" + letters(8, _HEX),
    "Slack bot": lambda: f"xo{'xb'}-{_digits(12)}-{_digits(12)}-{letters(24)}",
    "Slack user": lambda: f"xo{'xp'}-{_digits(12)}-{_digits(12)}-{_digits(12)}-{letters(32, _HEX)}",
    "Slack app": lambda: f"xa{'pp'}-1-A{letters(10, _UPPER)}-{_digits(13)}-{letters(64, _HEX)}",
    "Slack refresh": lambda: f"xo{'xe'}-1-{letters(146)}",
    "Slack rotated": lambda: f"xo{'xe'}.xoxp-1-{letters(166)}",
    "Slack webhook": lambda: (
        f"https://hooks.slack{'.com'}/services/T{letters(8, _UPPER)}/B{letters(8, _UPPER)}/{letters(24)}"
    ),
    "Telegram": lambda: f"{_digits(9)}:AA" + letters(33, _URL),
    "Mailchimp": lambda: letters(32, _HEX) + "-us12",
    "SendGrid": lambda: f"S{'G.'}{letters(22, _URL)}.{letters(43, _URL)}",
    "Square": lambda: "sq0csp-" + letters(43, _URL),
    "Stripe": lambda: "sk_live_" + letters(24),
    "Shopify": lambda: "shpat_" + letters(32, _HEX),
    "Airtable": lambda: "pat" + letters(14) + "." + letters(64, _HEX),
    "Notion": lambda: "ntn_" + _digits(11) + letters(35),
    "Postman": lambda: f"PM{'AK'}-{letters(24, _HEX)}-{letters(34, _HEX)}",
    "Linear": lambda: "lin_api_" + letters(40),
    "AWS session": lambda: "aws_session_token = IQoJb3JpZ2luX2VjE" + letters(300, _BASE64),
    "Azure shared access key": lambda: f"SharedAccessKey={letters(43, _BASE64)}=",
    "Azure DevOps": lambda: letters(76) + "AZDO" + letters(4),
    "Google access": lambda: "ya29.a0" + letters(150, _URL),
    "Google refresh": lambda: "1//0" + letters(98, _URL),
    "Cloudflare": lambda: f"v1.0-{letters(24, _HEX)}-{letters(146, _HEX)}",
    "Netlify": lambda: "nfp_" + letters(36),
    "Tailscale": lambda: f"tskey-auth-k{letters(11)}CNTRL-{letters(32)}",
    "Neon": lambda: "napi_" + letters(64, _LOWER),
    "Deno": lambda: "ddp_" + letters(36),
    "crates.io": lambda: "cio" + letters(32),
    "NuGet": lambda: "oy2" + letters(43, _LOWER),
    "Clojars": lambda: "CLOJARS_" + letters(60, _HEX),
    "JFrog": lambda: "AKCp" + letters(69),
    "Buildkite": lambda: "bkua_" + letters(40, _HEX),
    "CircleCI": lambda: f"CCIPAT_{letters(22)}_{letters(40, _HEX)}",
    "OpenAI service account": lambda: f"sk-svcacct-{letters(74, _URL)}T3BlbkFJ{letters(74, _URL)}",
    "OpenAI admin": lambda: f"sk-admin-{letters(58, _URL)}T3BlbkFJ{letters(58, _URL)}",
    "Slack cookie": lambda: f"xo{'xd'}-{letters(120, _BASE64 + '%')}",
    "Discord bot": lambda: f"{_discord_id()}.{letters(6, _URL)}.{letters(38, _URL)}",
    "Discord webhook": lambda: f"https://discord.com/api/webhooks/{_digits(18)}/{letters(68, _URL)}",
    "Facebook": lambda: "EAA" + letters(180),
    "1Password": lambda: "ops_eyJ" + letters(300),
    "Dynatrace": lambda: f"dt0c01.{letters(24, _UPPER)}.{letters(64, _UPPER)}",
    "Mapbox": lambda: f"sk.eyJ{letters(80)}.{letters(22, _URL)}",
    "Contentful": lambda: "CFPAT-" + letters(43, _URL),
    "PostHog": lambda: "phx_" + letters(43),
    "Plaid": lambda: (
        f"access-production-{letters(8, _HEX)}-"
        + "".join(f"{letters(4, _HEX)}-" for _ in range(3))
        + letters(12, _HEX)
    ),
    "WireGuard": lambda: f"PrivateKey = {letters(43, _BASE64)}=",
    "JSON Web Key, RSA": lambda: json.dumps({"kty": "RSA", "e": "AQAB", "d": letters(342, _URL)}),
    "JSON Web Key, elliptic": lambda: json.dumps(json.dumps({"kty": "EC", "d": letters(43, _URL)}, indent=1)),
    "minisign": lambda: "RWRTY0Iy" + letters(204, _BASE64),
    "age": lambda: "AGE-SECRET-KEY-1" + letters(58, _UPPER),
    "Atlassian, of an app": lambda: "ATC" + "TT3xFfGN0" + letters(180, _URL) + "=" + letters(8, _UPPER),
    "Telegram, in an address": lambda: f"api.telegram.org/bot{_digits(10)}:AA{letters(33, _URL)}/getMe",
    "Langfuse": lambda: "sk-" + "lf-" + "-".join(letters(count, _HEX) for count in (8, 4, 4, 4, 12)),
    "NVIDIA": lambda: "nva" + "pi-" + letters(64, _URL),
    "Tavily": lambda: "tvl" + "y-dev-" + letters(32),
    "Cerebras": lambda: "cs" + "k-" + letters(48, _LOWER),
    "Together": lambda: "tgp" + "_v1_" + letters(43, _URL),
    "Pinecone": lambda: "pcs" + "k_" + letters(6) + "_" + letters(63),
    "Jina": lambda: "jin" + "a_" + letters(32, _HEX) + letters(28, _URL),
    "E2B": lambda: "e2" + "b_" + letters(40, _HEX),
    "Weights & Biases": lambda: "wandb" + "_v1_" + letters(77),
    "Notion, older": lambda: "secr" + "et_" + letters(43),
    "EasyPost": lambda: "EZ" + "AK" + letters(54),
    "Shippo": lambda: "shippo" + "_live_" + letters(40, _HEX),
    "Duffel": lambda: "duffel" + "_live_" + letters(43, _URL),
    "Typeform": lambda: "tf" + "p_" + letters(59, _URL),
    "Adafruit": lambda: "ai" + "o_" + letters(28),
    "Prefect": lambda: "pn" + "u_" + letters(36),
    "ReadMe": lambda: "rd" + "me_" + letters(70, _LOWER),
    "Render": lambda: "rn" + "d_" + letters(28),
    "Scalingo": lambda: "tk" + "-us-" + letters(48, _URL),
    "Vercel": lambda: "vc" + "p_" + letters(56),
    "Vercel Blob": lambda: f"vercel{'_blob_rw_'}{letters(16)}_{letters(30)}",
    "Yandex Cloud, key": lambda: "AQ" + "VN" + letters(36, _URL),
    "Yandex Cloud, token": lambda: f"t{'1.'}{letters(200, _URL)}.{letters(86, _URL)}",
    "Resend": lambda: f"r{'e_'}{letters(8)}_{letters(24)}",
    "Twilio": lambda: "S" + "K" + letters(32, _HEX),
    "Voyage": lambda: "p" + "a-" + letters(43, _URL),
    "Firecrawl": lambda: "f" + "c-" + letters(32, _HEX),
    "Modal": lambda: "a" + "s-" + letters(22),
    "Frame.io": lambda: "fi" + "o-u-" + letters(64, _URL),
    "SettleMint": lambda: "sm" + "_pat_" + letters(16),
    "Ionic": lambda: "io" + "n_" + letters(42),
    "Anyscale": lambda: "esec" + "ret_" + letters(26, _LOWER),
    "Snyk": lambda: f"sny{'k_uat.'}{letters(8, _HEX)}.{letters(40, _URL)}.{letters(40, _URL)}",
}


def real_keys() -> Iterator[tuple[str, str]]:
    """Yield name and text of private keys of every type and text format, with and without a passphrase."""
    yield from _keys_of_cryptography()
    yield from _keys_of_ssh_keygen()
    yield from _keys_of_openssl()


def _keys_of_cryptography() -> Iterator[tuple[str, str]]:
    formats = {
        "PKCS8": serialization.PrivateFormat.PKCS8,
        "traditional": serialization.PrivateFormat.TraditionalOpenSSL,
        "OpenSSH": serialization.PrivateFormat.OpenSSH,
    }
    keys = {
        "rsa": rsa.generate_private_key(65537, 2048),
        "dsa": dsa.generate_private_key(1024),
        "ed25519": ed25519.Ed25519PrivateKey.generate(),
        "ed448": ed448.Ed448PrivateKey.generate(),
        "x25519": x25519.X25519PrivateKey.generate(),
        "x448": x448.X448PrivateKey.generate(),
        **{
            f"ec-{curve.name}": ec.generate_private_key(curve)
            for curve in (
                ec.SECP256R1(),
                ec.SECP384R1(),
                ec.SECP521R1(),
                ec.SECP256K1(),
                ec.BrainpoolP256R1(),
            )
        },
    }
    for name, key in keys.items():
        for format_name, form in formats.items():
            for phrase in (None, b"correct horse"):
                protection = (
                    serialization.BestAvailableEncryption(phrase) if phrase else serialization.NoEncryption()
                )
                try:
                    text = key.private_bytes(serialization.Encoding.PEM, form, protection).decode()
                except (ValueError, TypeError, UnsupportedAlgorithm):
                    continue  # not every type has every format, and OpenSSH's passphrases need a library more
                yield f"cryptography {name} {format_name}{' encrypted' if phrase else ''}", text


def _keys_of_ssh_keygen() -> Iterator[tuple[str, str]]:
    if not shutil.which("ssh-keygen"):
        return
    with tempfile.TemporaryDirectory() as folder:
        for kind, bits in (("ed25519", "0"), ("rsa", "2048"), ("ecdsa", "256"), ("ecdsa", "521")):
            for form in ("RFC4716", "PEM", "PKCS8"):
                for phrase in ("", "correct horse"):
                    path = Path(folder, secrets.token_hex(4))
                    command = ["ssh-keygen", "-q", "-t", kind, "-m", form, "-N", phrase, "-f", str(path)]
                    size = ["-b", bits] if bits != "0" else []
                    if subprocess.run([*command, *size], capture_output=True, check=False).returncode == 0:
                        name = f"ssh-keygen {kind} {bits} {form}{' encrypted' if phrase else ''}"
                        yield name, path.read_text()


def _keys_of_openssl() -> Iterator[tuple[str, str]]:
    if not shutil.which("openssl"):
        return
    commands = {
        "genrsa": "genrsa 2048",
        "genrsa traditional": "genrsa -traditional 2048",
        "genrsa encrypted": "genrsa -aes128 -passout pass:word 2048",
        "ecparam": "ecparam -name prime256v1 -genkey -noout",
        "ecparam secp112r1": "ecparam -name secp112r1 -genkey -noout",
        "genpkey ed25519": "genpkey -algorithm ed25519",
        "genpkey ed25519 encrypted": "genpkey -algorithm ed25519 -aes256 -pass pass:word",
        "genpkey rsa-pss": "genpkey -algorithm rsa-pss",
    }
    for name, command in commands.items():
        made = subprocess.run(["openssl", *command.split()], capture_output=True, text=True, check=False)
        if made.returncode == 0:
            yield f"openssl {name}", made.stdout


def _short_lines(key: str, width: int) -> str:
    first, *body, last = key.strip().split("\n")
    joined = "".join(line for line in body if ":" not in line)
    return "\n".join([first, *(joined[at : at + width] for at in range(0, len(joined), width)), last])


def _each_line(before: str, after: str = "") -> Callable[[str], bytes]:
    """Return what writes each line of a key between `before` and `after`; its number stands for `{}`."""

    def wrap(key: str) -> bytes:
        lines = enumerate(key.splitlines(), start=1)
        return "".join(
            f"{before.format(number)}{line}{after.format(number)}\n" for number, line in lines
        ).encode()

    return wrap


def _replaced(*replacements: tuple[str, str]) -> Callable[[str], bytes]:
    def wrap(key: str) -> bytes:
        for old, new in replacements:
            key = key.replace(old, new)
        return key.encode()

    return wrap


def _with_each_word_marked(key: str) -> bytes:
    marked = re.sub(r"[+/=]", r'<span class="hljs-operator">\g<0></span>', key)
    return re.sub(r"BEGIN|END|PRIVATE|KEY", r'<span class="hljs-keyword">\g<0></span>', marked).encode()


def _wide(encoding: str, mark: bytes = b"") -> Callable[[str], bytes]:
    return lambda key: mark + f"Zugänge\n{key}".encode(encoding)


def base64_in_lines(key: str, width: int) -> bytes:
    """Return a file in base64 as OpenSSL writes it."""
    encoded = base64.b64encode(key.encode())
    return b"".join(encoded[start : start + width] + b"\n" for start in range(0, len(encoded), width))


#: Where a key turns up, and what is made of its text.
SURROUNDINGS: dict[str, Callable[[str], bytes]] = {
    "alone": str.encode,
    "below a heading": lambda key: b"# notes\n" + key.encode(),
    "CRLF": lambda key: key.replace("\n", "\r\n").encode(),
    "old Mac line ends": lambda key: key.replace("\n", "\r").encode(),
    "indented": _each_line("    "),
    "indented by tabs": _each_line("\t\t"),
    "block quote": _each_line("> "),
    "double quotes": lambda key: f'KEY="{key}"\n'.encode(),
    "each line in quotes": _each_line('    "', '\\n" +'),
    "diff": _each_line("+"),
    "comment": _each_line("# "),
    "JSON": lambda key: json.dumps({"key": key}).encode(),
    "JSON, CRLF": lambda key: json.dumps({"key": key.replace("\n", "\r\n")}).encode(),
    "JSON in JSON": lambda key: json.dumps(json.dumps({"key": key})).encode(),
    "YAML block": lambda key: (
        "tls:\n  key: |\n" + "".join(f"    {line}\n" for line in key.splitlines())
    ).encode(),
    "one line": lambda key: key.replace("\n", " ").encode(),
    "short lines": lambda key: _short_lines(key, 16).encode(),
    "very short lines": lambda key: _short_lines(key, 4).encode(),
    "base64 of the file": lambda key: b"client-key-data: " + base64.b64encode(key.encode()),
    "base64 of the file in lines of 76": lambda key: base64.encodebytes(key.encode()),
    "base64 of the file in lines of 64": lambda key: base64_in_lines(key, 64),
    "base64 of a file that begins otherwise": lambda key: base64.b64encode(f"# notes\n{key}".encode()),
    "base64 in JSON": lambda key: json.dumps({"key": base64_in_lines(key, 64).decode()}).encode(),
    "Markdown fence": lambda key: f"Use this:\n\n```\n{key}```\n".encode(),
    "HTML": lambda key: f"<pre><code>{key}</code></pre>".encode(),
    "HTML lines": _each_line("", "<br>"),
    "HTML lines in one": _replaced(("\n", "<br />")),
    "HTML lines in HTML": _each_line("", "&lt;br/&gt;"),
    "HTML paragraphs": _each_line("<p>", "</p>\n<p>&nbsp;</p>"),
    "a word processor's HTML": _each_line(
        "<p class=MsoNormal style='margin-bottom:0cm;line-height:normal'>"
        "<span lang=EN-US style='font-size:9.0pt;font-family:\"Courier New\";color:black'>",
        "<o:p></o:p></span></p>\n",
    ),
    "HTML table": _each_line('<tr><td data-line="{0}">{0}</td><td class="code">', "</td></tr>"),
    "HTML with marked words": _with_each_word_marked,
    "XML with elements": _each_line("\t\t<line>", "</line>"),
    "XML attribute": lambda key: f'<a key="{key.replace(chr(10), "&#xD;&#xA;")}"/>'.encode(),
    "entities for line ends": _replaced(("\n", "&#10;")),
    "entities in entities": _replaced(("\n", "&amp;#10;")),
    "entities": lambda key: re.sub(r"\W", lambda mark: f"&#{ord(mark[0])};", key).encode(),
    "spaces that do not break": _replaced((" ", "&nbsp;"), ("\n", "<br>\n")),
    "Unicode spaces": _replaced((" ", "\xa0"), ("\n", "\n\xa0")),
    "invisible characters": _replaced(("\n", "\u200b\n\ufeff")),
    "Unicode line ends": _replaced(("\n", "\u2028")),
    "MediaWiki table": _each_line("|-\n| {} || <code>", "</code>"),
    "Markdown table": lambda key: f"| key | {key.replace(chr(10), '<br>')} |".encode(),
    "Markdown list": _each_line("{}. `", "`"),
    "block quote in a block quote": _each_line("> > "),
    "block quote with numbers": _each_line("> {:3}. "),
    "LaTeX": _each_line("\\texttt{{", "}}\\\\"),
    "RTF": _each_line("", "\\par"),
    "AsciiDoc": _each_line("", " +"),
    "Org": _each_line(": "),
    "CSV": lambda key: f'id,key\n1,"{key}"\n'.encode(),
    "CSV rows": _each_line('{},"', '",{}'),
    "numbered listing": _each_line("{:6}\t"),
    "numbered listing with colons": _each_line("{}: "),
    "numbered listing with arrows": _each_line("{:5}→"),
    "grep": _each_line("deploy/server.txt:{}:"),
    "git blame": _each_line("a1b2c3d4 (A. Person 2024-01-01 10:00:00 +0100 {:3}) "),
    "log": _each_line("2024-01-01T10:00:00.123Z INFO app[{}] - "),
    "diff of removed lines": _each_line("-"),
    "shell prompt": _each_line("$ "),
    "shell script": _each_line('echo "', '" >> key'),
    "SQL": _each_line("  || '", "' || chr(10)"),
    "Visual Basic": _each_line('    "', '" & vbCrLf & _'),
    "list of strings": _each_line("'", "', "),
    "JSON four times": lambda key: json.dumps(json.dumps(json.dumps(json.dumps(key)))).encode(),
    "JSON of PHP": lambda key: json.dumps(key).replace("/", "\\/").encode(),
    "JSON of .NET": lambda key: json.dumps(key).replace("+", "\\u002B").encode(),
    "Unicode escapes": _replaced(("\n", "\\u000a")),
    "octal escapes": _replaced(("\n", "\\012")),
    "PowerShell": _replaced(("\n", "`n")),
    "properties": _replaced(("=", "\\="), (":", "\\:"), ("\n", "\\n\\\n    ")),
    "YAML folded": lambda key: b"key: >\n" + _each_line("  ", "\n")(key),
    "YAML in quotes": _replaced(("\n", "\\n\\\n  ")),
    "address": lambda key: quote(key, safe="").encode(),
    "form": lambda key: quote_plus(key).encode(),
    "mail": lambda key: quopri.encodestring(key.encode(), quotetabs=True),
    "blank lines": _each_line("", "\n\n"),
    "headers cut": lambda key: re.sub(r"(?m)^[\w-]+: .*\n", "", key).encode(),
    "headers apart": lambda key: re.sub(r"(?m)^[\w-]+: .*\n", "\\g<0>\n<p></p>\n* * *\n", key).encode(),
    "headers wrapped": _replaced((": ", ":\n"), (",", ",\n")),
    "UTF-8 with a mark": lambda key: key.encode("utf-8-sig"),
    "Latin-1": lambda key: f"Zugänge\n{key}".encode("latin-1"),
    "UTF-16": _wide("utf-16"),
    "UTF-16-BE": _wide("utf-16-be", b"\xfe\xff"),
    "UTF-16-LE without a mark": _wide("utf-16-le"),
    "UTF-16-BE without a mark": _wide("utf-16-be"),
    "UTF-32": _wide("utf-32"),
    "UTF-32-BE": _wide("utf-32-be", b"\x00\x00\xfe\xff"),
    "UTF-32-LE without a mark": _wide("utf-32-le"),
    "text that mentions %PDF-": lambda key: b"A file that starts with %PDF-1.7 is a PDF.\n" + key.encode(),
    "after 300 KB": lambda key: b"ordinary words \n" * 20_000 + key.encode(),
}
