from __future__ import annotations

from pathlib import Path

import pytest

from eyeward.publish.secret_marks import secret_inside, secret_name


@pytest.mark.parametrize(
    "name",
    [".env", "a/id_rsa", "id_ed25519.pub", "server.pem", "my.key", "aws_credentials.json", "token", "hf_token.txt"]
    + ["secrets.yaml", "passwords.csv", "x/.netrc", "openai_api_key.txt", "tokens.json"],
)
def test_a_file_that_is_called_like_a_secret_is_told(name: str) -> None:
    assert secret_name(name)


@pytest.mark.parametrize(
    "name",
    ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "keys.md"]
    + ["data/train-00000-of-00001.parquet", "monkey.png", "README.md", "environment.yaml", "model.safetensors"],
)
def test_a_file_that_is_not_is_left_alone(name: str) -> None:
    assert not secret_name(name)


SECRETS = {
    "a private key": "-----BEGIN OPENSSH " + "PRIVATE KEY-----",
    "a token of the Hugging Face Hub": "hf_" + "aB3" * 12,
    "a token of GitHub": "ghp_" + "a1" * 18,
    "a key of Amazon": "AKIA" + "A1B2" * 4,
    "a key of an API": "sk-proj-" + "a1" * 20,
    "a password in an address": "https://me:" + "geheim@example.org/x",
}


@pytest.mark.parametrize("what", SECRETS)
def test_a_secret_in_a_text_is_named_with_its_line_and_not_repeated(tmp_path: Path, what: str) -> None:
    file = tmp_path / "a.md"
    file.write_text(f"one\ntwo\nkey = '{SECRETS[what]}'\n", encoding="utf-8")
    found = secret_inside(file)
    assert found == f"{what} (line 3)"


def test_a_secret_is_found_across_the_pieces_that_are_read(tmp_path: Path) -> None:
    secret = SECRETS["a token of the Hugging Face Hub"]
    line = b"x" * 99 + b"\n"
    for before in ((1 << 20) - 10, (1 << 20), (3 << 20) - 1):
        whole, rest = divmod(before, len(line))
        file = tmp_path / "a.jsonl"
        file.write_bytes(line * whole + b"." * rest + b" " + secret.encode() + b"\n" + line * 20_000)
        assert secret_inside(file) == f"a token of the Hugging Face Hub (line {whole + 1})"


def test_ordinary_text_holds_none(tmp_path: Path) -> None:
    words = "The mask-makers ask for https://example.org/a@b, a risk-free hf_ prefix, sk-ip it; AKIA is a word.\n"
    (tmp_path / "a.md").write_text(words * 1000, encoding="utf-8")
    assert secret_inside(tmp_path / "a.md") is None
