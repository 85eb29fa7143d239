"""The devices page: a path that exists, or blank."""

import pytest

from rockonweb.forms import devices
from tests.forms.conftest import Posted
from tests.support.samples import load_definition

TUNER = load_definition("one-device")
NAME = "devices-tuner-tuner-card"


def errors(posted: Posted, value: str) -> list[str]:
    with posted({NAME: value}):
        form = devices.build_devices_form(TUNER, {})
        form.validate()
        return [str(error) for error in form[NAME].errors]


@pytest.mark.parametrize("value", ["", "  ", "/dev/null", "/dev/null:/dev/tuner:rw"])
def test_a_device_that_exists_or_none_is_accepted(posted: Posted, value: str) -> None:
    assert errors(posted, value) == []


def test_a_device_that_this_host_does_not_have_is_refused(posted: Posted) -> None:
    (error,) = errors(posted, "/dev/no-such-tuner:/dev/tuner")
    assert error.startswith("This host has no /dev/no-such-tuner.")


@pytest.mark.parametrize("value", ["null", "dev/null", "/dev/null x", "/dev/\0null"])
def test_what_is_no_absolute_path_is_refused(posted: Posted, value: str) -> None:
    (error,) = errors(posted, value)
    assert error.startswith("A device is an absolute path")


def test_only_the_container_with_a_device_is_asked(posted: Posted) -> None:
    with posted():
        assert list(devices.build_devices_form(TUNER, {}).typed_values) == [NAME]
