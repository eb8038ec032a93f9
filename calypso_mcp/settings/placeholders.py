"""Values that a client should have replaced before it started us, and did not.

Every client has its own notation, and a client passes on what it does not know. Such a text is never the
value that the operator meant.
"""

from __future__ import annotations

import re

# Compiled when first used: most processes are given nothing to look at.

#: What clients, shells, CI systems and documentation write where a value belongs.
_PLACEHOLDER = (
    r"\$?\{\{[^{}]*\}\}"  # ${{ secrets.KEY }}, {{key}}
    r"|\$\{[^{}]*\}?"  # ${KEY}, ${env:KEY}, ${input:key}, ${workspaceFolder}
    r"|\{(?:env|file|input|secret):[^{}]*\}"  # {env:KEY}
    r"|\$[A-Za-z_]\w*"  # $KEY
    # %KEY%; two hexadecimal digits are an encoded byte of a URL.
    r"|%(?![0-9A-Fa-f]{2}%)[A-Za-z_][\w()]*%"
    r"|<[^<>]+>"  # <your key>
)

#: What documentation writes in place of a key; a bucket or a folder may be called so.
_EXAMPLE_KEY = (
    r"(?:sk[-_])?(?:\.{2,}|…|x{3,}|\*{3,})|.*(?:\.{3}|…)"
    r"|(?:my|your|the|insert|enter|paste)[-_ ].*"
    r"|.*[-_ ](?:here|goes[-_ ]here)"
    r"|(?:change|replace)[-_ ]?me|todo|none|null|undefined|api[-_ ]?key"
)


def placeholder_in(text: str) -> str | None:
    """Return the first placeholder in `text` that was never replaced; None without placeholders."""
    found = re.search(_PLACEHOLDER, text)
    return found.group() if found else None


def is_example_key(text: str) -> bool:
    """Whether `text` is what documentation writes in place of an API key."""
    return re.fullmatch(_EXAMPLE_KEY, text.strip(), re.IGNORECASE) is not None
