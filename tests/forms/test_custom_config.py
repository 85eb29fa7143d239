"""The custom-config page: like the environment, for the whole rock-on."""

from rockonweb.forms import environment
from tests.forms.conftest import Posted
from tests.support.samples import definition

VPN = definition("vpn")
NAME = "custom-config-servername"


def test_the_settings_are_asked_for_without_a_container(posted: Posted) -> None:
    with posted({NAME: "vpn.example.org"}):
        form = environment.form(VPN, {}, page="custom-config")
        assert form.validate()
        assert form.typed == {NAME: "vpn.example.org"}
        assert [name for name, _ in form.groups] == [""]


def test_a_setting_needs_an_answer(posted: Posted) -> None:
    with posted({NAME: ""}):
        form = environment.form(VPN, {}, page="custom-config")
        assert not form.validate()
        assert form.first_fault is form[NAME]
