"""Signs that nobody sees, made visible."""

import io

from rockonweb.core.invisible import EscapingStream, escape_invisible, one_line

EVIL = "a\x1b[31mb\u202ec\x07\r\n\td\x9b"


def test_they_are_spelled_out_and_lines_stay() -> None:
    assert escape_invisible(EVIL) == "a\\x1b[31mb\\u202ec\\x07\r\n\td\\x9b"
    assert one_line(EVIL) == "a\\x1b[31mb\\u202ec\\x07\\r\\n\\td\\x9b"
    assert escape_invisible("Größe, 音楽, \U0001f3b5") == "Größe, 音楽, \U0001f3b5"


def test_a_stream_shows_them_and_is_a_stream_otherwise() -> None:
    stream = io.StringIO(newline="")
    plain = EscapingStream(stream)
    print(EVIL, file=plain, flush=True)  # type: ignore[call-overload]
    assert stream.getvalue() == "a\\x1b[31mb\\u202ec\\x07\r\n\td\\x9b\n"
    assert plain.isatty() is False
