"""Sealed secrets open where they belong and nowhere else."""

from __future__ import annotations

import base64
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from penstock.services.secrets import ENVIRONMENT_KEY, Keyring, MasterKeyUnusable, Sealed, SecretUnreadable

OLD, NEW = b"o" * 32, b"n" * 32


def test_what_is_sealed_can_be_opened() -> None:
    sealed = Keyring([NEW]).seal(b"secret", "secret:1:password")
    assert b"secret" not in sealed.ciphertext
    assert Keyring([NEW]).open(Sealed.unpack(sealed.pack()), "secret:1:password") == b"secret"


def test_the_same_secret_looks_different_every_time() -> None:
    ring = Keyring([NEW])
    one, two = ring.seal(b"secret", "x"), ring.seal(b"secret", "x")
    assert one.ciphertext != two.ciphertext
    assert one.wrapped_key != two.wrapped_key


def test_it_opens_only_in_its_own_row_with_its_own_key_and_unaltered() -> None:
    ring = Keyring([NEW])
    sealed = ring.seal(b"secret", "secret:1:password")
    flipped = bytes([sealed.ciphertext[-1] ^ 1])
    for wrong in (replace(sealed, ciphertext=sealed.ciphertext[:-1] + flipped), replace(sealed, key_id="other")):
        with pytest.raises(SecretUnreadable):
            ring.open(wrong, "secret:1:password")
    with pytest.raises(SecretUnreadable):
        ring.open(sealed, "secret:2:password")
    with pytest.raises(SecretUnreadable):
        Keyring([OLD]).open(sealed, "secret:1:password")


def test_a_new_key_seals_and_the_old_one_still_opens() -> None:
    sealed = Keyring([OLD]).seal(b"secret", "x")
    rotated = Keyring([NEW, OLD])
    assert rotated.open(sealed, "x") == b"secret"
    assert Keyring([NEW]).open(rotated.seal(b"secret", "x"), "x") == b"secret"


def test_the_key_file_is_made_once_for_the_owner_alone(tmp_path: Path) -> None:
    first = Keyring.load(tmp_path / "data", {})
    file = tmp_path / "data" / "master.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [entry.name for entry in file.parent.iterdir()] == ["master.key"]
    assert Keyring.load(tmp_path / "data", {}).open(first.seal(b"secret", "x"), "x") == b"secret"


def test_a_key_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    Keyring.load(tmp_path, {})
    (tmp_path / "master.key").chmod(0o640)
    with pytest.raises(MasterKeyUnusable, match="chmod 600"):
        Keyring.load(tmp_path, {})


def test_the_environment_comes_first_and_touches_no_file(tmp_path: Path) -> None:
    keys = " ".join(base64.b64encode(key).decode() for key in (NEW, OLD))
    ring = Keyring.load(tmp_path, {ENVIRONMENT_KEY: keys})
    assert ring.open(Keyring([OLD]).seal(b"secret", "x"), "x") == b"secret"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["not base64!", "c2hvcnQ="])
def test_a_key_that_is_no_key_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(MasterKeyUnusable):
        Keyring.load(tmp_path, {ENVIRONMENT_KEY: text})
