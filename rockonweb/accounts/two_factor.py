"""Two-factor authentication: a TOTP code, which a device shows for 30 seconds, or a recovery code."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime

import pyotp
from sqlalchemy import CursorResult, delete, update
from sqlalchemy.orm import Session

from rockonweb.accounts import audit, users
from rockonweb.core.errors import BadInput, Conflict
from rockonweb.core.text import t
from rockonweb.models import RecoveryCode, User, transaction, utc_now

PERIOD_SECONDS = 30
CODE_TOLERANCE = 1  # previous and next codes accepted too, since clocks differ
RECOVERY_CODES = 10
ISSUER = "Rockonweb"


def create_pending_key(user: User) -> None:
    """Create a TOTP key, pending until `enable_second_step` gets a code of it. Raises Conflict where 2FA is on."""
    with transaction() as session:
        row = session.get_one(User, user.id)
        if row.totp_since is not None:
            raise Conflict(t("Two-factor authentication is already on."), t("Turn it off first to use another device."))
        row.totp_pending = pyotp.random_base32()


def enable_second_step(user: User, code: str) -> list[str]:
    """Turn 2FA on and return the recovery codes. Raises BadInput for a wrong code, Conflict without a pending key."""
    with transaction() as session:
        row = session.get_one(User, user.id)
        if row.totp_since is not None or not row.totp_pending:
            raise Conflict(t("There is no two-factor setup to confirm."), t("Start the setup again."))
        counter = _match_counter(row.totp_pending, code, row.totp_counter, utc_now())
        if counter is None:
            raise BadInput(
                t("This is not the current code."),
                t("Check that the clocks of this machine and of your device are right."),
            )
        row.totp_secret, row.totp_pending, row.totp_since, row.totp_counter = row.totp_pending, None, utc_now(), counter
        audit.record("totp.on", row.name)
        return _replace_recovery_codes(session, row.id)


def disable_second_step(user: User) -> None:
    """Turn two-factor authentication off; deletes keys and recovery codes."""
    with transaction() as session:
        row = session.get_one(User, user.id)
        # The counter stays, so that used codes stay invalid if the same key is set again.
        row.totp_secret = row.totp_pending = row.totp_since = None
        session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == row.id))
        audit.record("totp.off", row.name)


def renew_recovery_codes(user: User) -> list[str]:
    """Replace the recovery codes and return the new ones. Raises Conflict where 2FA is off."""
    with transaction() as session:
        row = session.get_one(User, user.id)
        if row.totp_since is None:
            raise Conflict(t("Two-factor authentication is off, so recovery codes are not needed."))
        audit.record("totp.codes", row.name)
        return _replace_recovery_codes(session, row.id)


def verify_code(user: User, code: str) -> bool:
    """Whether a code is valid. This uses it up: none is accepted twice, even in concurrent requests."""
    with transaction() as session:
        row = session.get_one(User, user.id)
        if row.totp_since is None:
            return False
        key = row.totp_secret  # blank where it can't be read: then recovery codes alone are valid
        counter = _match_counter(key, code, row.totp_counter, utc_now()) if key else None
        if counter is not None:
            statement = update(User).where(User.id == row.id, User.totp_counter < counter).values(totp_counter=counter)
            return _affected_one_row(session.execute(statement))
        deletion = delete(RecoveryCode).where(
            RecoveryCode.user_id == row.id, RecoveryCode.hash == _hash_recovery_code(row.id, code)
        )
        if not _affected_one_row(session.execute(deletion)):
            return False
        audit.record("totp.recovery", row.name, user=row.name)
        return True


def provisioning_uri(name: str, key: str, host: str) -> str:
    """Return the otpauth URI for the QR code: the key, and the account's name for the TOTP app."""
    return pyotp.TOTP(key).provisioning_uri(name=f"{name}@{host}", issuer_name=ISSUER)


def render_qr_code(content: str) -> str:
    """Return a QR code as SVG, dark on white in both themes, since not all apps read the reverse."""
    import segno  # in memory only where a code is shown

    return segno.make(content, micro=False).svg_inline(scale=4, border=4, light="#fff")


def _match_counter(key: str, code: str, last_counter: int, moment: datetime) -> int | None:
    """Return the TOTP counter that a code belongs to; None for a wrong code, or one that was used."""
    typed, present_counter = code.replace(" ", ""), int(moment.timestamp()) // PERIOD_SECONDS
    totp, matching = pyotp.TOTP(key), None
    for counter in range(present_counter - CODE_TOLERANCE, present_counter + CODE_TOLERANCE + 1):
        if secrets.compare_digest(totp.generate_otp(counter).encode(), typed.encode()) and counter > last_counter:
            matching = counter
    return matching


def _replace_recovery_codes(session: Session, user_id: int) -> list[str]:
    codes = [users.generate_code(4) for _ in range(RECOVERY_CODES)]
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    session.add_all(RecoveryCode(user_id=user_id, hash=_hash_recovery_code(user_id, code)) for code in codes)
    return codes


def _hash_recovery_code(user_id: int, code: str) -> str:
    """Hash a normalized recovery code; its 80 random bits need no slow hash."""
    return hashlib.sha256(f"{user_id} {users.normalize_code(code)}".encode()).hexdigest()


def _affected_one_row(result: object) -> bool:
    return isinstance(result, CursorResult) and result.rowcount == 1
