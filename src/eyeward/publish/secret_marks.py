"""What looks like a secret: by its name, and by what stands in it."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from pathlib import Path

_NAMES = (
    *("*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.kdbx", "*.ppk", "*.asc", "*.gpg", "*.token", "*.secret"),
    *("id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", "*credential*", "*password*", "*passwd*", "htpasswd"),
    *(
        "secret",
        "secrets",
        "secret.*",
        "secrets.*",
        "token",
        "token.*",
        "tokens.*",
        "*_token",
        "*_token.*",
        "*api_key*",
    ),
    *("env", "netrc", "pgpass", "kubeconfig", "authorized_keys", "known_hosts"),
)
_CONTENTS: tuple[tuple[str, bytes], ...] = (
    ("a private key", rb"-----BEGIN [A-Z ]{0,20}PRIVATE KEY"),
    ("a token of the Hugging Face Hub", rb"\bhf_[A-Za-z0-9]{30,}\b"),
    ("a token of GitHub", rb"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{40,})\b"),
    ("a token of GitLab", rb"\bglpat-[A-Za-z0-9_-]{20,}"),
    ("a key of Amazon", rb"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    ("a key of Google", rb"\bAIza[A-Za-z0-9_-]{35}\b"),
    ("a key of an API", rb"\bsk-(?:[a-z]+-)?[A-Za-z0-9_-]{32,}"),
    ("a token of Slack", rb"\bxox[abprs]-[A-Za-z0-9-]{10,}"),
    ("a token of Weights & Biases", rb"WANDB_API_KEY\W{1,4}[0-9a-f]{40}"),
    ("a password in an address", rb"\bhttps?://[^\s/:@\"'<>]{1,64}:[^\s/@\"'<>]{3,}@"),
)
_ANY = re.compile(b"|".join(b"(%b)" % pattern for _, pattern in _CONTENTS))
_AT_ONCE, _OVERLAP = 1 << 20, 512


def secret_name(name: str) -> bool:
    """Return whether a file is called like one that holds a secret."""
    last = name.rpartition("/")[2].lower().lstrip(".")
    return any(fnmatch(last, pattern) for pattern in _NAMES)


def secret_inside(file: Path) -> str | None:
    """Return what stands in a text that looks like a secret, with its place; the secret itself is not repeated."""
    before, kept = 0, b""
    with file.open("rb") as stream:
        while block := stream.read(_AT_ONCE):
            window = kept + block
            found = _ANY.search(window)
            if found is not None:
                line = before + window.count(b"\n", 0, found.start()) + 1
                return f"{_CONTENTS[(found.lastindex or 1) - 1][0]} (line {line})"
            kept = window[-_OVERLAP:]
            before += window.count(b"\n", 0, len(window) - len(kept))
    return None
