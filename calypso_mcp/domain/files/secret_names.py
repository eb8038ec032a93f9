"""Names of files and folders that hold secrets. They are refused even inside an allowed folder.

Compared without case, however accents are written (UAX #15), without the trailing dots and spaces that some
systems drop, and without the invisible characters that HFS+ passes over (Apple TN1150, "ignorable"
characters). Only the operator's policy can switch the rule off; no argument of a tool can. What a document is
called is up to its author, so a refused document can be sent under another name or as text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from fnmatch import fnmatchcase, translate
from functools import cache

from calypso_mcp.domain.unicode_forms import normalize

#: Folders whose whole content is refused.
SECRET_FOLDERS = (
    ".ssh",  # keys and host lists of OpenSSH
    ".gnupg",  # GnuPG key rings
    ".aws",  # AWS credentials and session caches
    ".azure",  # Azure command line: tokens
    ".gcloud",  # Google Cloud SDK, older place
    ".config/gcloud",  # Google Cloud SDK: tokens
    ".config/gh",  # GitHub command line: tokens
    ".kube",  # cluster credentials
    ".password-store",  # pass
    ".terraform.d",  # Terraform Cloud tokens
    ".oci",  # Oracle Cloud: keys
    ".aliyun",  # Alibaba Cloud: keys
    ".config/op",  # 1Password command line
    ".config/sops",  # age keys
    ".local/share/keyrings",  # GNOME keyring
    "library/keychains",  # macOS
)

#: What people and browsers call a list of passwords. A guide to passwords is a document of another format.
_PASSWORD_LISTS = tuple(
    f"*{word}.{ending}"
    for word in ("passwords", "credentials", "passwörter", "zugangsdaten", "contraseñas", "mots de passe")
    for ending in ("txt", "csv", "xls*", "ods")
)

#: Files, as shell patterns for the name or for the last folders and the name.
SECRET_FILES = (
    ".env*",  # settings with passwords; a program cannot tell the harmless examples among them
    "*.env",
    "id_rsa*",  # OpenSSH
    "id_dsa*",
    "id_ecdsa*",
    "id_ed25519*",
    "*.pem",  # keys and certificates
    "*.key",
    "*.p12",
    "*.pfx",
    "*.p8",
    "*.ppk",
    "*.jks",
    "*.keystore",
    "*.gpg",
    "*.pgp",
    "*.kdb",  # password databases
    "*.kdbx",
    "*.keychain",
    "*.keychain-db",
    "*.ovpn",
    "*.tfstate",  # Terraform keeps passwords of resources in clear
    "*.tfstate.*",
    "*.tfvars",
    ".netrc",
    "_netrc",
    ".npmrc",
    ".yarnrc",
    ".yarnrc.yml",
    ".pypirc",
    ".dockercfg",
    ".docker/config.json",
    ".cargo/credentials*",
    ".gem/credentials",
    ".m2/settings.xml",
    ".htpasswd",
    ".pgpass",
    "pgpass.conf",
    ".my.cnf",
    ".mylogin.cnf",
    ".git-credentials",
    ".s3cfg",
    ".boto",
    ".vault-token",
    ".vault_pass*",  # Ansible
    ".terraformrc",
    "terraform.rc",
    ".databrickscfg",
    ".smbcredentials",
    "rclone.conf",  # passwords that can be read back
    "sitemanager.xml",  # FileZilla
    ".composer/auth.json",
    "containers/auth.json",  # Podman
    ".fly/config.yml",
    "local.settings.json",  # Azure Functions
    ".renviron",
    "credentials",  # ~/.aws/credentials and what imitates it
    "credentials.json",
    "credentials.toml",
    "credentials.db",
    "client_secret*.json",  # Google OAuth clients and service accounts
    "service-account*.json",
    "service_account*.json",
    "application_default_credentials.json",
    "secrets.json",
    "secrets.toml",
    "secrets.yaml",
    "secrets.yml",
    "kubeconfig",
    "kubeconfig.y*ml",
    "*.kubeconfig",
    "wallet.dat",
    ".*_history",  # what was typed into shells and databases, passwords among it
    "fish_history",
    "consolehost_history.txt",  # PowerShell
    ".histfile",
    ".zhistory",
    "cookies.sqlite",  # browsers
    "logins.json",
    "logins.csv",
    "key4.db",
    "bitwarden_export*",
    "lastpass_export*",
    "*accesskeys.csv",  # AWS
    *_PASSWORD_LISTS,
)


def secret_rule(parts: Sequence[str]) -> str | None:
    """Return the rule that a path falls under, else None.

    Args:
        parts: Folders and name below the allowed folder. What that folder itself is called does not
            count, because the operator chose it.
    """
    plain = [_plain(part) for part in parts]
    if not _first_folders().isdisjoint(plain):
        for rule in SECRET_FOLDERS:
            run = rule.split("/")
            if any(plain[start : start + len(run)] == run for start in range(len(plain))):
                return f"{rule}/"
    if plain and _last_names().match(plain[-1]):
        for rule in SECRET_FILES:
            tail = plain[-(rule.count("/") + 1) :]
            if fnmatchcase("/".join(tail), rule):
                return rule
    return None


@cache
def _first_folders() -> frozenset[str]:
    """Return what the first folder of each rule is called: nearly every path holds none of them."""
    return frozenset(rule.partition("/")[0] for rule in SECRET_FOLDERS)


@cache
def _last_names() -> re.Pattern[str]:
    """Return a pattern that the name of a file matches where it may fall under a rule: nearly none does."""
    return re.compile("|".join(translate(rule.rpartition("/")[2]) for rule in SECRET_FILES))


def _plain(part: str) -> str:
    visible = (
        part
        if part.isascii()
        else "".join(character for character in part if unicodedata.category(character) != "Cf")
    )
    visible = normalize("NFC", visible)
    return visible.rstrip(". ").casefold()
