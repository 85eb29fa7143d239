"""What Docker tells of the layers of an image, line by line."""

from typing import Any

from rockonweb.core.docker.pull_layers import (
    UNPACKING_LIMIT,
    Layer,
    LayerState,
    PullSilence,
    apply_pull_line,
    pack_layers,
    sum_layer_bytes,
    unpack_layers,
)


def after(*lines: dict[str, Any]) -> dict[str, Layer]:
    found: dict[str, Layer] = {}
    for line in lines:
        apply_pull_line(found, line)
    return found


def line(layer: str, status: str, current: int = 0, total: int = 0) -> dict[str, Any]:
    detail = {"current": current, "total": total} if total else {}
    return {"id": layer, "status": status, "progressDetail": detail}


def test_a_layer_waits_loads_is_unpacked_and_is_done() -> None:
    words = [line("a", "Pulling fs layer"), line("a", "Downloading", 10, 40), line("a", "Download complete")]
    assert after(*words[:1]) == {"a": Layer("a", LayerState.WAITING)}
    assert after(*words[:2]) == {"a": Layer("a", LayerState.LOADING, 10, 40)}
    assert after(*words) == {"a": Layer("a", LayerState.LOADED, 40, 40)}
    # What is said of unpacking counts other bytes: those on the disk.
    assert after(*words, line("a", "Extracting", 5, 90)) == {"a": Layer("a", LayerState.UNPACKING, 40, 40)}
    assert after(*words, line("a", "Pull complete"))["a"].ended


def test_the_bytes_of_all_layers_are_added_up() -> None:
    found = after(line("a", "Downloading", 10, 40), line("b", "Already exists"), line("c", "Downloading", 5, 60))
    assert sum_layer_bytes(found.values()) == (15, 100)
    assert sum_layer_bytes([]) == (0, 0)


def test_the_total_is_not_known_before_the_size_of_each_layer_is() -> None:
    lines = [line("a", "Downloading", 10, 40), line("b", "Pulling fs layer")]
    assert sum_layer_bytes(after(*lines).values()) == (10, None)
    assert sum_layer_bytes(after(*lines, line("b", "Downloading")).values()) == (10, None)
    assert sum_layer_bytes(after(*lines, line("b", "Downloading", 1, 60)).values()) == (11, 100)
    assert sum_layer_bytes(after(*lines, line("b", "Download complete")).values()) == (10, 40)  # a tiny one


def test_lines_about_the_image_are_no_layers() -> None:
    found: dict[str, Layer] = {}
    assert not apply_pull_line(found, {"status": "Pulling from lifecycle/app", "id": "1"})
    assert not apply_pull_line(found, {"status": "Digest: sha256:0"})
    assert not apply_pull_line(found, {})
    assert not found


def test_a_row_keeps_them() -> None:
    found = list(after(line("a", "Downloading", 10, 40), line("b", "Already exists")).values())
    assert unpack_layers(pack_layers(found)) == found
    assert unpack_layers("") == []


def test_the_minutes_without_news_are_counted() -> None:
    silence = PullSilence(1000, 300)
    assert (silence.minutes(1059), silence.minutes(1060)) == (0, 1)
    silence.note_line(line("a", "Downloading", 10, 40), 1100)
    silence.note_line(line("b", "Waiting"), 1110)
    assert (silence.minutes(1169), silence.minutes(1171)) == (0, 1)
    silence.note_line(line("a", "Downloading", 10, 40), 1200)  # the same again is no news
    silence.note_line(line("b", "Waiting"), 1200)
    assert silence.minutes(1230) == 2
    silence.note_line(line("a", "Downloading", 11, 40), 1231)
    assert silence.minutes(1232) == 0


def test_a_pull_is_not_given_up_while_another_one_brings_something() -> None:
    silence = PullSilence(0, 300)
    waiting = after(line("a", "Waiting")).values()
    silence.note_others(250)
    silence.note_others(0)  # nothing else has come
    assert (silence.minutes(309), silence.minutes(310)) == (0, 1)
    assert not silence.is_over_limit(waiting, 549)
    assert silence.is_over_limit(waiting, 550)


def test_a_pull_without_news_is_given_up_but_not_while_a_layer_is_unpacked() -> None:
    silence = PullSilence(0, 300)
    assert not silence.is_over_limit([], 299)
    assert silence.is_over_limit([], 300)
    loading, unpacking = line("a", "Downloading", 10, 40), line("b", "Extracting", 1, 9)
    assert silence.is_over_limit(after(loading, line("b", "Download complete")).values(), 300)
    for lines in ([loading, unpacking], [line("b", "Download complete")], [line("b", "Pull complete")]):
        assert not silence.is_over_limit(after(*lines).values(), 300)
        assert silence.is_over_limit(after(*lines).values(), UNPACKING_LIMIT)
