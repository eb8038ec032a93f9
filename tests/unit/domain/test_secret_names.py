from __future__ import annotations

import re
from pathlib import Path

import pytest

from calypso_mcp.domain.files.secret_names import SECRET_FILES, SECRET_FOLDERS, secret_rule


@pytest.mark.parametrize(
    "path",
    [
        ".env",
        ".env.production",
        ".envrc",
        "prod.env",
        "sub/.ENV",
        ".ssh/config",
        "home/.ssh/known_hosts",
        "id_rsa",
        "ID_RSA.bak",
        "id_ed25519",
        "certs/server.pem",
        "server.KEY",
        "store.p12",
        "store.pfx",
        "AuthKey.p8",
        "putty.ppk",
        "app.jks",
        ".netrc",
        "_netrc",
        ".npmrc",
        ".pypirc",
        ".aws/credentials",
        ".aws/config",
        "credentials",
        "credentials.json",
        ".git-credentials",
        ".kube/config",
        ".docker/config.json",
        "work/.docker/config.json",
        "vault.kdbx",
        "terraform.tfstate",
        "terraform.tfstate.backup",
        "prod.tfvars",
        ".bash_history",
        ".config/gcloud/access_tokens.db",
        ".gnupg/private-keys-v1.d/x",
        "Library/Keychains/login.txt",
        "client_secret_123.json",
        "service-account-prod.json",
        "secrets.yaml",
        "passwords.txt",
        "Chrome Passwords.csv",
        "team/WiFi-Passwords.XLSX",
        "Passwo\u0308rter.txt",
        "Zugangsdaten.xlsx",
        "logins.csv",
        "rootkey_accessKeys.csv",
    ],
)
def test_a_name_that_holds_secrets_is_recognised(path: str):
    assert secret_rule(path.split("/")) is not None


@pytest.mark.parametrize("name", [".env.", ".env ", "id_rsa. .", "server.pem..", ".SSH ./config"])
def test_trailing_dots_and_spaces_hide_nothing(name: str):
    assert secret_rule(name.split("/")) is not None


@pytest.mark.parametrize("name", [".e\u200cnv", "id_rs\u200da", ".s\ufeffsh/config", "server.p\u202eem"])
def test_characters_that_a_file_system_passes_over_hide_nothing(name: str):
    assert secret_rule(name.split("/")) is not None


@pytest.mark.parametrize(
    "name", [".\uff45nv", "id_r\u0455a", "ключ.md", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645.md"]
)
def test_a_name_that_only_looks_alike_is_another_file(name: str):
    assert secret_rule([name]) is None


@pytest.mark.parametrize(
    "path",
    [
        "environment.md",
        "docs/env.md",
        "keyboard.md",
        "keynote.pdf",
        "monkey.txt",
        "ssh/setup.md",
        "docker/config.json",
        "config.json",
        "settings.json",
        "history.md",
        "how-to-handle-secrets.md",
        "passwords-policy.pdf",
        "passwords.md",
        "how to choose passwords.docx",
        "passwords policy.txt",
        "gcloud/guide.md",
        "credentials.md",
        "README",
    ],
)
def test_an_ordinary_document_is_left_alone(path: str):
    assert secret_rule(path.split("/")) is None


def test_the_folder_asked_for_is_judged_itself():
    assert secret_rule([".ssh"]) == ".ssh/"
    assert secret_rule([]) is None


def test_rules_are_written_as_they_are_compared():
    for rule in (*SECRET_FOLDERS, *SECRET_FILES):
        assert rule == rule.casefold().strip()
        assert len({*SECRET_FOLDERS, *SECRET_FILES}) == len(SECRET_FOLDERS) + len(SECRET_FILES)


def test_the_documented_list_is_the_list():
    document = (Path(__file__).parents[3] / "SECURITY.md").read_text()
    section = document.partition("## Names that are not read")[2].partition("\n## ")[0]
    listed = re.findall(r"`([^`]+)`", section.partition("Folders")[2])
    assert listed == [*(f"{folder}/" for folder in SECRET_FOLDERS), *SECRET_FILES]


@pytest.mark.parametrize("rule", [*SECRET_FILES, *(f"{rule}/" for rule in SECRET_FOLDERS)])
def test_every_rule_catches_what_it_describes(rule: str) -> None:
    example = rule.replace("*", "x").replace("?", "y")
    parts = ["some", *(f"{example}file" if rule.endswith("/") else example).split("/")]
    assert secret_rule(parts) is not None
    assert secret_rule([part.upper() for part in parts]) is not None
