"""What is a secret, and that no way of showing a command line shows one."""

import json
import shlex

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rockonweb.core.operations.steps import CreateContainer
from rockonweb.core.secret import MASK, SecretWord, format_command, is_secret, redact_secrets, reveal_argv

VALUES = st.text(st.characters(exclude_characters="*", exclude_categories=["Cs"]), min_size=4)


@pytest.mark.parametrize(
    "key",
    [
        *("TOKEN", "API_TOKEN", "SECRET", "PASSWORD", "MYSQL_ROOT_PASSWORD", "DB_PASS", "db_pw", "ADMIN_PWD"),
        *("API_KEY", "apikey", "ApiKey", "accessToken", "NEXTAUTH_SECRET", "DBPASSWORD", "PASSWORD_HASH"),
        *("FTLCONF_webserver_api_password", "SMTP.PASSWORD", "CREDENTIALS", "JWT_SECRETS", "TS_AUTHKEY", "WPA_PSK"),
        *("DATABASE_URL", "DB_URI", "APP_REDIS_URL", "SSH_PASSPHRASE"),
    ],
)  # fmt: skip
def test_these_names_say_secret(key: str):
    assert is_secret(key)


@pytest.mark.parametrize(
    "key",
    [
        *("USERNAME", "PUID", "TZ", "KEYBOARD", "MONKEY", "COMPASS", "BYPASS", "SSL_KEY_NAME", "SECRET_FILE", "KEY_ID"),
        *("TOKEN_EXPIRY", "PASSWORD_LENGTH", "APP_URL", "WG_PERSISTENT_KEEPALIVE", "PUBLIC_URL", ""),
    ],
)  # fmt: skip
def test_these_names_do_not(key: str):
    assert not is_secret(key)


def test_the_label_of_the_question_may_say_it_too():
    assert is_secret("PLEX_CLAIM", "Claim token")
    assert is_secret("X", "Your API-Key")
    assert not is_secret("ACCESS", "Keyboard layout")
    assert not is_secret("PASSWORD_FILE", "Where the password is")


def test_a_program_gets_the_real_words():
    assert reveal_argv(["docker", SecretWord("PW=", "s3cret")]) == ["docker", "PW=s3cret"]


@given(prefix=st.sampled_from(["KEY=", "", "A B="]), value=VALUES)
def test_nothing_that_prints_a_secret_word_depends_on_its_value(prefix: str, value: str):
    word = SecretWord(prefix, value)
    assert word.revealed == prefix + value
    assert shown(word) == shown(SecretWord(prefix, ""))
    assert str(word) == prefix + MASK


def shown(word: str) -> list[str]:
    """Return all that a careless line of code may print."""
    step = CreateContainer(container="c", argv=("-e", word), why="")
    return [
        *(str(word), repr(word), f"{word}", f"{word!r:>40}", "%s %r" % (word, word), word + "", "".join([word, " "])),  # noqa: UP031
        *(json.dumps([word]), json.dumps({word: word}), format_command([word]), repr(step), str(step), repr((word,))),
        *(word.encode().decode(), word.title(), word[:], word.split("=")[-1], repr(vars(step)), str(hash(word))),
    ]


@given(st.lists(st.text(), max_size=5))
def test_a_line_without_secrets_can_be_typed_into_a_shell(words: list[str]):
    assert shlex.split(format_command(words)) == words


def test_a_line_with_a_secret_reads_like_a_command():
    line = format_command(["-e", SecretWord("PW=", "it's"), "--label", f"a b {MASK}", "-e", SecretWord("MY KEY=", "x")])
    assert line == f"-e PW={MASK} --label 'a b {MASK}' -e 'MY KEY='{MASK}"


@given(st.lists(st.tuples(st.sampled_from(["A=", "B="]), VALUES), max_size=4), st.text())
def test_the_output_of_a_program_is_cleared_of_every_secret(secrets: list[tuple[str, str]], around: str):
    assume(not any(value in around + MASK for _, value in secrets))
    text = around + "\n".join(f"failed with {value}" for _, value in secrets)
    cleared = redact_secrets(text, [SecretWord(prefix, value) for prefix, value in secrets])
    assert not any(value in cleared.replace("failed with", "") for _, value in secrets if value not in around)


def test_a_secret_that_begins_with_another_leaves_no_rest():
    words = [SecretWord("A=", "tulip"), SecretWord("B=", "tulip-and-rose")]
    assert redact_secrets("tulip-and-rose, tulip", words) == f"{MASK}, {MASK}"


def test_a_secret_is_found_as_it_stands_in_an_address_too():
    said = "no answer from https://ada:s%C3%BCss%2Fsauer@box.example/"
    assert redact_secrets(said, [SecretWord("PW=", "süss/sauer")]) == f"no answer from https://ada:{MASK}@box.example/"


def test_a_very_short_secret_is_not_cut_out_of_every_word():
    assert redact_secrets("a pull failed", [SecretWord("A=", "a")]) == "a pull failed"


def test_words_that_are_no_secrets_stay_in_the_output():
    assert redact_secrets("no such image: example/app", ["example/app"]) == "no such image: example/app"
