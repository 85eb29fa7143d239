"""Encrypts the secrets of a backup with a passphrase, and decrypts them."""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import replace

from cryptography.fernet import Fernet, InvalidToken

from rockonweb.core.errors import BadInput
from rockonweb.core.formats import backup as core
from rockonweb.core.formats.backup import Backup, EncryptedSecrets
from rockonweb.core.text import t

MIN_PASSPHRASE_LENGTH = 10
SCRYPT_COST = (2**16, 8, 1)  # scrypt's n, r, p: 64 MiB, some tenths of a second


def seal_secrets(text: str, passphrase: str) -> EncryptedSecrets:
    """Encrypt a text with a key derived by scrypt. Raises BadInput for a passphrase that is too short."""
    if len(passphrase) < MIN_PASSPHRASE_LENGTH:
        raise BadInput(t("A passphrase must have at least %(count)d characters.", count=MIN_PASSPHRASE_LENGTH))
    salt = os.urandom(16)
    n, r, p = SCRYPT_COST
    token = Fernet(_derive_key(passphrase, salt, n, r, p)).encrypt(text.encode())
    return EncryptedSecrets(n, r, p, base64.b64encode(salt).decode(), token.decode())


def unseal_secrets(backup: Backup, passphrase: str) -> Backup:
    """Return a backup with its secrets decrypted. Raises BadInput for a wrong passphrase."""
    sealed = backup.sealed
    if sealed is None:
        return backup
    try:
        salt = base64.b64decode(sealed.salt)
        key = _derive_key(passphrase, salt, sealed.n, sealed.r, sealed.p)
        text = Fernet(key).decrypt(sealed.data.encode()).decode()
    except (InvalidToken, ValueError):
        raise BadInput(
            t("The passphrase does not match this backup, or the backup's secrets are damaged."),
            t("Enter it again, or leave it blank to be asked for each secret."),
        ) from None
    return replace(core.fill_secrets(backup, core.secrets_from_json(text)), sealed=None)


def _derive_key(passphrase: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    key = hashlib.scrypt(passphrase.encode(), salt=salt, n=n, r=r, p=p, maxmem=256 * n * r, dklen=32)
    return base64.urlsafe_b64encode(key)
