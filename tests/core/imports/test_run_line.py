"""Docker run lines as people paste them: text in, the app's containers out."""

import pytest

from rockonweb.core.errors import BadInput
from rockonweb.core.imports.run_line import MAX_FAULTS, parse_run_lines
from rockonweb.core.imports.source import MAX_SOURCE_BYTES, Outcome


def read(text: str) -> str:
    """Return the containers of a text, each as `NAME: options IMAGE command`."""
    return "; ".join(
        f"{c.name}: {' '.join(filter(None, (word for pair in c.options for word in pair)))} {c.image}"
        + "".join(f" {word}" for word in c.command)
        for c in parse_run_lines(text).containers
    ).replace(":  ", ": ")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # the command
        ("docker run web/app", "app: web/app"),
        ("docker run -d --name web web/app:2 serve --port 80 ''", "web: web/app:2 serve --port 80 "),
        ("docker container run web/app", "app: web/app"),
        ("docker create web/app", "app: web/app"),
        ("podman run web/app", "app: web/app"),
        ("sudo -u root docker --context far run web/app", "app: web/app"),
        ("A=1 /usr/bin/docker run web/app", "app: web/app"),
        ("docker.exe -H tcp://far run web/app", "app: web/app"),
        ("docker run -- web/app -d", "app: web/app -d"),
        ("docker run web/app -e A=1", "app: web/app -e A=1"),
        # prompts, comments, fences
        ("$ docker run web/app", "app: web/app"),
        ("ada@nas:~$ docker run web/app", "app: web/app"),
        ("[root@nas ~]# docker run web/app", "app: web/app"),
        (r"PS C:\Users\ada> docker run web/app", "app: web/app"),
        (r"C:\Users\ada> docker run web/app", "app: web/app"),
        ("# first\n\n```bash\ndocker run web/app # last\n```", "app: web/app"),
        ("docker run -e A=1 `#optional` web/app", "app: --env A=1 web/app"),
        # several lines
        ("docker run \\\n  -e A=1 \\\n  web/app", "app: --env A=1 web/app"),
        ("docker run \\  \n  -e A=1 \\ # why\n  # more\n  web/app", "app: --env A=1 web/app"),
        ("docker run \\\r\n web/app\r\n", "app: web/app"),
        ("$ docker run \\\n>   -e A=1 \\\n> web/app", "app: --env A=1 web/app"),
        ("docker run ^\n  -e A=1 ^\n  web/app", "app: --env A=1 web/app"),
        ("docker run `\n  -e A=1 `\n  web/app", "app: --env A=1 web/app"),
        ("docker\xa0run web/app", "app: web/app"),
        ("docker run web/one\ndocker run web/two", "one: web/one; two: web/two"),
        # options
        ("docker run -itP -eA=1 -e=B=2 --env=C=3 --env D=4 web/app",
         "app: --interactive --tty --publish-all --env A=1 --env B=2 --env C=3 --env D=4 web/app"),
        ("docker run --net host --tty=false --entrypoint '' web/app",
         "app: --network host --tty=false --entrypoint web/app"),
        ("docker run --rm --restart=always web/app", "app: --rm --restart always web/app"),
        # quotes
        ("""docker run -e "A=b 'c' \\"d\\"" -e 'E="f" $G' -e H=i\\ j web/app""",
         """app: --env A=b 'c' "d" --env E="f" $G --env H=i j web/app"""),
        ("""docker run -e A="b"'c'd web/app""", "app: --env A=bcd web/app"),
        # folders that only the author knows
        ("docker run -v $(pwd)/data:/data web/app", "app: --volume ./data:/data web/app"),
        ("docker run -v `pwd`:/data web/app", "app: --volume ./:/data web/app"),
        ('docker run -v "$PWD":/a -v ${PWD}/b:/b web/app', "app: --volume ./:/a --volume ./b:/b web/app"),
        ("docker run -v ~/a:/a:ro -v $HOME/b:/b web/app", "app: --volume ./a:/a:ro --volume ./b:/b web/app"),
        ("docker run -v %cd%/a:/a web/app", "app: --volume ./a:/a web/app"),
        (r"docker run -v C:\Users\ada:/a web/app", "app: --volume ./Users/ada:/a web/app"),
        (r'docker run -v "$env:USERPROFILE\notes:/a" web/app', "app: --volume ./notes:/a web/app"),
        ("docker run -v ../a:/a -v ./b/../c:/c web/app", "app: --volume ./a:/a --volume ./c:/c web/app"),
        ("docker run -v $DATA/x:/x -v /srv/$APP/y:/y web/app", "app: --volume ./data/x:/x --volume ./app/y:/y web/app"),
        ("docker run -v <path to data>:/data web/app", "app: --volume ./path-to-data:/data web/app"),
        ("docker run -v /path/to/data:/data web/app", "app: --volume /path/to/data:/data web/app"),
        ("docker run --mount type=bind,src=$(pwd)/a,dst=/a web/app", "app: --mount type=bind,src=./a,dst=/a web/app"),
        ("docker run -v named:/a -v /srv/b:/b -v /c web/app",
         "app: --volume named:/a --volume /srv/b:/b --volume /c web/app"),
        # other variables
        ("docker run -e A=$B -e C=http://$D:80 -e E web/app", "app: --env A --env C --env E web/app"),
        ("docker run -e A=${B:-c} -p ${P:-8080}:80 web/app:${T:-2}", "app: --env A=c --publish 8080:80 web/app:2"),
        ("docker run -e A=<your key> web/app", "app: --env A web/app"),
        ("docker run -p $P:80 -p 127.0.0.1:$Q:81/udp web/app",
         "app: --publish 80:80 --publish 127.0.0.1:81:81/udp web/app"),
        ("T=2\nexport D=/srv/d\ndocker run -v $D:/d web/app:$T", "app: --volume /srv/d:/d web/app:2"),
        ("docker run -e 'A=5$' -e A=5$ -e F=%d%m web/app", "app: --env A=5$ --env A=5$ --env F=%d%m web/app"),
    ],
)  # fmt: skip
def test_a_line_is_read_as_its_author_means_it(text: str, expected: str) -> None:
    assert read(text) == expected


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("docker run -e 'A=1 web/app", "Line 1: ' is not closed."),
        ('\ndocker run -e "A=1 web/app', 'Line 2: " is not closed.'),
        ("docker run -v $(pwd:/a web/app", "Line 1: $( is not closed."),
        ("docker run web/app; reboot", 'Line 1: ";" is for a shell.'),
        ("docker run \\\n -e A=a&b web/app", 'Line 2: "&" is for a shell.'),
        ("cd /srv && docker run web/app", 'Line 1: "&&" is for a shell.'),
        ("docker run web/app | tee log", 'Line 1: "|" is for a shell.'),
        ("docker run web/app > log", 'Line 1: ">" is for a shell.'),
        ("docker run", "Line 1: It names no image"),
        ("docker run -d --name", "Line 1: It names no image"),
        ("docker run --colour red web/app", 'Line 1: "--colour" is not an option of docker run.'),
        ("docker run -Z web/app", 'Line 1: "-Z" is not an option of docker run.'),
        ("docker run web/app:$TAG", "Line 1: $TAG has no value here"),
        ("docker run -u $(id -u) web/app", "Line 1: $(id -u) has no value here"),
        ("docker run --name ${N} web/app", "Line 1: ${N} has no value here"),
        ("docker run -p 80:$P web/app", "Line 1: $P has no value here"),
        ("docker run -v $A web/app", "Line 1: $A has no value here"),
        ("docker run -e $A=1 web/app", "Line 1: $A has no value here"),
        ("docker run -e A=${B:?say} web/app", 'Line 1: The variable "B" must have a value: say.'),
        ("docker run -e A=${B%x} web/app", 'Line 1: "${B%x}" is not a variable'),
        ("docker run web/app\nIt starts at once.", 'Line 2: "It" is not a docker command.'),
        ("docker run web/app\n  -e A=1", 'Line 2: "-e" is not a docker command.'),
        ("docker ps", "There is no docker run line in the text."),
        ("", "There is no docker run line in the text."),
        ("docker run\0", "Line 1: There is an unreadable character."),
        ("docker run \x1b[1mweb/app", "Line 1: There is an unreadable character."),
        ("x" * (MAX_SOURCE_BYTES + 1), "The text is longer than 1 MB."),
    ],
)
def test_what_is_no_line_is_refused_by_its_number(text: str, fault: str) -> None:
    with pytest.raises(BadInput) as refused:
        parse_run_lines(text)
    assert str(refused.value.faults[0]).startswith(fault)


def test_every_faulty_line_is_told_but_not_a_whole_document() -> None:
    with pytest.raises(BadInput) as refused:
        parse_run_lines("docker run\ndocker run -Z x\ndocker run 'x\n")
    assert [fault[:7] for fault in map(str, refused.value.faults)] == ["Line 1:", "Line 2:", "Line 3:"]
    with pytest.raises(BadInput) as refused:
        parse_run_lines("This is a document.\n" * 1000)
    assert len(refused.value.faults) == MAX_FAULTS


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("\n" * (MAX_SOURCE_BYTES - 1), "There is no docker run line in the text."),
        ("docker run x\n" * 70_000, "Line 201: There are more than 200 commands."),
        ("docker run -" + "t" * 900_000, "Line 1: A word is longer than 10000 characters."),
        ("docker run -v " + ":" * 900_000, "Line 1: A word is longer than 10000 characters."),
        ("docker run x " + "\\ " * 400_000, "Line 1: A word is longer than 10000 characters."),
        ("docker run " + "-t " * 300_000, "Line 1: It has more than 2000 words."),
        ("A=" + "x" * 9_000 + "\ndocker run " + "$A" * 400_000, "Line 2: A word is longer than 10000 characters."),
        ("A=xx\n" + "A=$A$A\n" * 100, "Line 14: A word is longer than 10000 characters."),
        ("A=" + "x" * 9_000 + "\ndocker run ${B:-" + "$A" * 400_000 + "}", "Line 2: ${ is not closed."),
        ("docker run " + "$(" * 400_000, "Line 1: $( is not closed."),
        ("docker run " + "'" * 999_001, "Line 1: ' is not closed."),
    ],
    ids=range(11),
)
@pytest.mark.timeout(10)
def test_a_text_that_is_made_to_be_slow_is_refused_at_once(text: str, fault: str) -> None:
    with pytest.raises(BadInput) as refused:
        parse_run_lines(text[:MAX_SOURCE_BYTES])
    assert str(refused.value.faults[-1]) == fault


def test_what_stands_beside_the_lines_is_told_without_its_arguments() -> None:
    app = parse_run_lines(
        "docker network create inner\ndocker volume create -o type=nfs data\ndocker pull web/app\n"
        "docker login -p geheim && echo geheim\nmkdir -p /srv/geheim\ndocker run --network inner web/app"
    )
    assert [(entry.outcome, str(entry.what)) for entry in app.report] == [
        (Outcome.TAKEN, "docker network create inner"),
        (Outcome.LEFT, "Line 2: docker volume create"),
        (Outcome.TAKEN, "docker pull"),
        (Outcome.LEFT, "Line 4: docker login"),
        (Outcome.LEFT, "Line 5: mkdir"),
    ]


def test_the_app_is_named_after_the_last_container_that_can_be_reached() -> None:
    assert parse_run_lines("docker run db\ndocker run -p 80:80 web/app\ndocker run worker").name == "app"
    assert parse_run_lines("docker run web/one\ndocker run web/two").name == "two"


@pytest.mark.parametrize("line", ["-v /path/to/data:/data", "--mount type=bind,src=/your/folder,dst=/data"])
def test_a_folder_that_looks_like_a_placeholder_is_taken_and_told(line: str) -> None:
    [entry] = parse_run_lines(f"docker run -v /srv/path/to:/x {line} web/app").report
    assert "looks like a placeholder" in entry.message
