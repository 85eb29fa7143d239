"""The passphrase of a backup."""

import json
from dataclasses import replace

import pytest

from rockonweb.core.errors import BadInput
from rockonweb.core.formats import backup as core
from rockonweb.core.formats.backup import Backup, SavedMetastore
from rockonweb.core.formats.restored import SecretLocation
from rockonweb.work import backup_encryption

PASSPHRASE = "a long enough passphrase"
PLACE = SecretLocation("", "metastores", "", "https://example.org/a")
WHOLE = Backup("1", "now", metastores=(SavedMetastore("https://me:pw@example.org/a", True),))


def sealed(passphrase: str = PASSPHRASE) -> Backup:
    without, taken = core.withhold_secrets(WHOLE)
    return replace(without, sealed=backup_encryption.seal_secrets(core.secrets_to_json(taken), passphrase))


def test_the_passphrase_opens_it():
    found = core.read_backup(core.backup_to_json(sealed()))
    assert found.withheld_secrets == [PLACE]
    assert backup_encryption.unseal_secrets(found, PASSPHRASE) == WHOLE


def test_two_backups_of_the_same_differ():
    assert sealed().sealed != sealed().sealed


@pytest.mark.parametrize("passphrase", ["", "another long passphrase", PASSPHRASE + " "])
def test_a_wrong_passphrase_is_told(passphrase: str):
    with pytest.raises(BadInput, match="The passphrase does not match this backup"):
        backup_encryption.unseal_secrets(sealed(), passphrase)


def test_damaged_secrets_are_told():
    text = core.backup_to_json(sealed())
    data = json.loads(text)
    token = data["secrets"]["data"]
    for damaged in (token[:-20], token[:30] + ("A" if token[30] != "A" else "B") + token[31:], "", "AAAA"):
        data["secrets"]["data"] = damaged
        with pytest.raises(BadInput, match="damaged"):
            backup_encryption.unseal_secrets(core.read_backup(json.dumps(data)), PASSPHRASE)


def test_a_passphrase_is_long_enough():
    with pytest.raises(BadInput, match="at least 10 characters"):
        backup_encryption.seal_secrets("[]", "too short")


def test_without_secrets_a_passphrase_opens_nothing():
    assert backup_encryption.unseal_secrets(WHOLE, "whatever") == WHOLE
