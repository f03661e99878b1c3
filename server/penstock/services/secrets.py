"""Keeps secrets unreadable at rest: AES-256-GCM under a data key per secret, which a master key wraps.

The master key lives outside the database, in a 0600 file or the environment, so a dump of the database opens
nothing.
Associated data binds a ciphertext to its row and column: moved to another row it cannot be opened.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import secrets
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from penstock.domain.errors import PenstockError

ENVIRONMENT_KEY: Final = "PENSTOCK_MASTER_KEY"
FILE_NAME: Final = "master.key"
_NONCE_BYTES = 12


class MasterKeyUnusable(PenstockError):
    """The master key cannot be used; restore it from your backup."""

    code = "master_key_unusable"


class SecretUnreadable(PenstockError):
    """A stored secret cannot be opened with the master keys at hand; enter it again."""

    code = "secret_unreadable"
    status = 409


@dataclass(frozen=True, slots=True)
class Sealed:
    """A secret as it is stored.

    Args:
        key_id: which master key wraps the data key.
        wrapped_key: nonce and data key under the master key.
        ciphertext: nonce and secret under the data key.
    """

    key_id: str
    wrapped_key: bytes
    ciphertext: bytes

    def pack(self) -> bytes:
        """All three in one value, for tables with a single column."""
        return msgspec.msgpack.encode(self)

    @classmethod
    def unpack(cls, data: bytes) -> Sealed:
        """The opposite of `pack`."""
        return msgspec.msgpack.decode(data, type=cls)


class Keyring:
    """Master keys by id; the first one seals, all of them open.

    Args:
        keys: 32-byte keys, the current one first.
    """

    def __init__(self, keys: list[bytes]) -> None:
        if not keys or any(len(key) != 32 for key in keys):
            raise MasterKeyUnusable("A master key is 32 bytes, written in base64.")
        self._keys = {_key_id(key): key for key in keys}
        self._current = _key_id(keys[0])

    @property
    def ids(self) -> list[str]:
        """Which keys there are, the current one first."""
        return list(self._keys)

    @classmethod
    def load(cls, data_dir: Path, environ: Mapping[str, str] = os.environ) -> Keyring:
        """Read the master keys from the environment or from ``<data_dir>/master.key``, which is made when
        missing.

        Several keys are separated by white space, the current one first.

        Raises:
            MasterKeyUnusable: not base64 of 32 bytes, or a file that others may read.
        """
        if text := environ.get(ENVIRONMENT_KEY):
            return cls(_parse(text))
        path = data_dir / FILE_NAME
        try:
            _create(path)
        except FileExistsError:
            mode = stat.S_IMODE(path.stat().st_mode)
            if mode & 0o077:
                raise MasterKeyUnusable(f"{path} may be read by others (mode {mode:o}): chmod 600 {path}") from None
        return cls(_parse(path.read_text()))

    def seal(self, secret: bytes, context: str) -> Sealed:
        """Encrypt a secret.

        Args:
            context: row and column it belongs to; needed again to open it.
        """
        data_key = AESGCM.generate_key(bit_length=256)
        return Sealed(
            key_id=self._current,
            wrapped_key=_encrypt(self._keys[self._current], data_key, f"key:{context}"),
            ciphertext=_encrypt(data_key, secret, context),
        )

    def open(self, sealed: Sealed, context: str) -> bytes:
        """Decrypt a secret.

        Raises:
            SecretUnreadable: wrapped by an unknown key, altered, or taken from another row.
        """
        master = self._keys.get(sealed.key_id)
        if master is None:
            raise SecretUnreadable(f"A stored secret needs master key {sealed.key_id}, which is not in the key ring.")
        try:
            data_key = _decrypt(master, sealed.wrapped_key, f"key:{context}")
            return _decrypt(data_key, sealed.ciphertext, context)
        except InvalidTag:
            raise SecretUnreadable from None


def _key_id(key: bytes) -> str:
    return hashlib.sha256(b"penstock master key\0" + key).hexdigest()[:12]


def _parse(text: str) -> list[bytes]:
    try:
        return [base64.b64decode(word, validate=True) for word in text.split()]
    except binascii.Error:
        raise MasterKeyUnusable("A master key is 32 bytes, written in base64.") from None


def _create(path: Path) -> None:
    # Written beside and linked into place: a crash leaves no empty key, and two starters agree on one.
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        raise FileExistsError(path)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64.b64encode(secrets.token_bytes(32)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    finally:
        draft.unlink()


def _encrypt(key: bytes, plain: bytes, context: str) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, context.encode())


def _decrypt(key: bytes, data: bytes, context: str) -> bytes:
    return AESGCM(key).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], context.encode())
