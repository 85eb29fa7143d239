"""The second step, without pages: what a code is, and that none counts twice even at the same moment."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pyotp
import pytest
from flask import Flask

from rockonweb.accounts import two_factor, users
from rockonweb.core.errors import Conflict, RockonwebError
from rockonweb.models import RecoveryCode, Role, User, db, transaction
from tests.support.app import create_test_user

# The examples of RFC 6238, cut to six digits: the key, and the code at a moment.
KEY = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
EXAMPLES = [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924")]


def ada() -> User:
    return users.get_user("ada")


def at_once(app: Flask, *calls: Callable[[], object]) -> list[object]:
    """What calls return that begin in the same moment, each in a thread of its own; errors too."""
    gate = threading.Barrier(len(calls))

    def run(call: Callable[[], object]) -> object:
        with app.app_context():
            gate.wait()
            try:
                return call()
            except RockonwebError as error:
                return error

    with ThreadPoolExecutor(len(calls)) as pool:
        found = [*pool.map(run, calls)]
    db.session.rollback()
    return found


@pytest.mark.parametrize(("moment", "code"), EXAMPLES)
def test_codes_are_those_of_the_standard(moment: int, code: str) -> None:
    at = datetime.fromtimestamp(moment, UTC)
    assert two_factor._match_counter(KEY, code, 0, at) == moment // 30
    assert two_factor._match_counter(KEY, f"{code[:3]} {code[3:]}", 0, at) == moment // 30
    assert two_factor._match_counter(KEY, code, moment // 30, at) is None
    for wrong in ("", "x", code + "0", code[1:], "٢٨٧٠٨٢", "\ud800"):
        with_surrogate = wrong.encode("utf-8", "replace").decode()
        assert two_factor._match_counter(KEY, with_surrogate, 0, at) is None


def test_one_code_lets_in_one_of_many_at_the_same_moment(app: Flask) -> None:
    two_factor.create_pending_key(ada())
    key = ada().totp_pending or ""
    recovery = two_factor.enable_second_step(ada(), pyotp.TOTP(key).now())
    with transaction():
        ada().totp_counter = 0
    code = pyotp.TOTP(key).now()
    found = at_once(app, *[lambda: two_factor.verify_code(ada(), code)] * 6)
    assert sorted(map(bool, found)) == [False] * 5 + [True]
    found = at_once(app, *[lambda: two_factor.verify_code(ada(), recovery[0])] * 6)
    assert sorted(map(bool, found)) == [False] * 5 + [True]
    assert db.session.query(RecoveryCode).count() == 9


def test_a_recovery_code_is_its_owner_s_alone(app: Flask) -> None:
    create_test_user("eve")
    codes = {}
    for name in ("ada", "eve"):
        two_factor.create_pending_key(users.get_user(name))
        codes[name] = two_factor.enable_second_step(
            users.get_user(name), pyotp.TOTP(users.get_user(name).totp_pending or "").now()
        )
    assert not two_factor.verify_code(ada(), codes["eve"][0])
    assert two_factor.verify_code(ada(), codes["ada"][0])


def test_a_key_that_is_on_is_not_replaced_by_a_new_one(app: Flask) -> None:
    two_factor.create_pending_key(ada())
    two_factor.enable_second_step(ada(), pyotp.TOTP(ada().totp_pending or "").now())
    with pytest.raises(Conflict, match="is already on"):
        two_factor.create_pending_key(ada())
    with pytest.raises(Conflict, match="Start the setup again"):
        two_factor.enable_second_step(ada(), "123456")


def test_two_owners_who_remove_each_other_leave_one(app: Flask) -> None:
    create_test_user("grace")
    at_once(
        app,
        lambda: users.remove_user(users.get_user("grace")),
        lambda: users.set_role(ada(), Role.VIEWER),
        lambda: users.set_role(users.get_user("grace"), Role.OPERATOR),
    )
    assert db.session.query(User).filter_by(role=Role.OWNER).count() == 1


def test_an_account_that_was_removed_meanwhile_is_told(app: Flask) -> None:
    create_test_user("grace")
    grace = users.get_user("grace")
    with app.app_context():
        users.remove_user(users.get_user("grace"))
    with pytest.raises(Conflict, match="removed in the meantime"):
        users.set_role(grace, Role.VIEWER)
    with pytest.raises(Conflict, match="removed in the meantime"):
        users.remove_user(grace)


def test_the_picture_is_made_here_and_says_whose_key_it_is(app: Flask) -> None:
    said = two_factor.provisioning_uri("ada", KEY, "rock.example:8000")
    assert pyotp.parse_uri(said).secret == KEY
    assert (pyotp.parse_uri(said).name, pyotp.parse_uri(said).issuer) == ("ada@rock.example:8000", "Rockonweb")
    picture = two_factor.render_qr_code(said)
    assert picture.startswith("<svg")
    assert not {"style=", "<script", "http"} & {word for word in ("style=", "<script", "http") if word in picture}
