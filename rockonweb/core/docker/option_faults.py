"""What a definition's option must be: one flag of `docker run` with its value, and none that is not for definitions."""

from __future__ import annotations

from rockonweb.core.docker.cli_env import affects_docker_cli
from rockonweb.core.docker.run_options import LABEL_PREFIX, Flag, split_flags
from rockonweb.core.text import t

# What no definition may say: these are the project's own, or reach for files of the host that nobody is shown.
FORBIDDEN_FLAGS = {
    "cidfile": t("would write a file of this host"),
    "env-file": t('would read a file of this host; name the variables by "-e"'),
    "help": t("makes no container"),
    "label-file": t('would read a file of this host; name the labels by "--label"'),
    "name": t("is not for definitions: a container is called by its key"),
    "rm": t("would remove the container and its volumes when it ends"),
}
MAX_VALUE_LENGTH = 10_000  # characters of a value; the kernel takes no word above 128 KiB


def option_fault(flag: str, value: str) -> str:
    """Return why an option is not one flag of `docker run` with its value, blank when it is."""
    if not flag.startswith("-"):
        return t('"%(flag)s" is no option, and would be taken as the image', flag=flag[:60])
    if flag.strip("-") == "" or flag.startswith("---"):
        return t('"%(flag)s" is no option', flag=flag[:60])
    if len(flag) > MAX_VALUE_LENGTH or len(value) > MAX_VALUE_LENGTH:
        return t("is longer than %(most)s characters", most=MAX_VALUE_LENGTH)
    argument = value if value.strip() else ""
    needs_argument = False
    for parsed_flag in split_flags(flag):
        needs_argument = parsed_flag.takes_next
        if fault := _flag_fault(parsed_flag, argument):
            return fault
    if argument and not needs_argument:
        return t(
            '"%(flag)s" is whole without "%(value)s", which would be taken as the image',
            flag=flag[:60],
            value=argument[:60],
        )
    if needs_argument and not argument:
        return t('"%(flag)s" needs a value, and would take the next word as it', flag=flag[:60])
    return ""


def _flag_fault(flag: Flag, argument: str) -> str:
    name = flag.name[:60] if flag.name.startswith("-") else f"--{flag.name[:60]}"  # a letter has its own dash
    if not flag.is_known:
        return t('"%(flag)s" is no option of docker run', flag=name)
    if why := FORBIDDEN_FLAGS.get(flag.name):
        return t('"%(flag)s" %(why)s', flag=name, why=why)
    setting = argument if flag.takes_next else flag.value
    if (
        flag.name == "env" and "=" not in setting and affects_docker_cli(setting)
    ):  # of other names the client knows nothing
        return t(
            '"%(name)s" has no value, and would be taken from the environment of Rockonweb itself', name=setting[:60]
        )
    if flag.name == "label" and setting.strip().startswith(LABEL_PREFIX):
        return t('labels that begin with "%(word)s" are not for definitions', word=LABEL_PREFIX)
    return ""
