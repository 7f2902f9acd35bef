"""At stake: what is governed is what was meant. A file with a mistake in it is refused whole, with
the line and what would be right, and nothing is touched.
"""

from pathlib import Path

import pytest

from pageengine.live.config import GUEST, HOST, Config, ConfigError, read_config
from pageengine.live.settings import GuestSettings

GOOD = """\
[host]
memory = "6 GiB"
policy = "kvm"
reserve = "512 MiB"
exit = "max"

[[guest]]
name = "web"
kind = "qemu"
at = "/run/vms/web.qmp"
floor = "256 MiB"

[[guest]]
name = "db"
kind = "libvirt"
at = "db"
shares = "high"
may_pause = true
"""


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "govern.toml"
        path.write_text(text)
        return path

    return write


def test_a_file_says_host_policy_and_guests(written, tmp_path):
    config = read_config(written(GOOD))
    assert config.memory == 6 << 30 and config.policy == "kvm" and config.exit == "max"
    assert config.limits.reserve == 512 << 20
    assert config.limits.may_block == ("db",) and config.limits.may_page_out == ()
    assert list(config.guests) == ["web", "db"]
    assert config.guests["web"].floor == 256 << 20 and config.guests["db"].may_pause
    assert config.state == str(tmp_path / "govern.state.json")
    assert config.hold == str(tmp_path / "govern.hold")


def test_what_is_not_said_is_careful(written):
    config = read_config(
        written('[host]\npolicy = "kvm"\n[[guest]]\nname = "a"\nkind = "process"\nat = "7"\n')
    )
    assert config.memory is None and config.exit == "initial"
    assert config.limits.may_block == config.limits.may_page_out == ()
    guest = config.guests["a"]
    assert guest == GuestSettings(name="a", kind="process", at="7")
    assert not guest.may_pause and not guest.page_out


@pytest.mark.parametrize(
    ("before", "after", "line", "says"),
    [
        ('policy = "kvm"', 'polcy = "kvm"', 3, "no key 'polcy': did you mean 'policy'?"),
        ('policy = "kvm"', 'policy = "kvn"', 3, "did you mean 'kvm'?"),
        ('policy = "kvm"', "", 1, "policy is missing"),
        ('memory = "6 GiB"', 'memory = "6 Gobs"', 2, "memory '6 Gobs' is not a size"),
        ('memory = "6 GiB"', "memory = -1", 2, "memory -1"),
        ('exit = "max"', 'exit = "maximum"', 5, "did you mean 'max'?"),
        ('reserve = "512 MiB"', "period = 0", 4, "period 0"),
        ('reserve = "512 MiB"', 'metrics = "host:9733"', 4, "write PORT"),
        ('policy = "kvm"', 'policy = "kvn"', 3, "[host]: no policy 'kvn'"),
        ('reserve = "512 MiB"', 'audit = "govern.toml"', 4, "is this file already"),
        ('reserve = "512 MiB"', 'hold = "./govern.toml"', 4, "is this file already"),
        ('reserve = "512 MiB"', 'audit = "govern.state.json"', 4, "is state already"),
        ('reserve = "512 MiB"', 'audit = "a"\nlock = "a.1"', 4, "is lock already"),
        ('reserve = "512 MiB"', 'state = "."', 4, "is a folder"),
        ('at = "db"', 'at = ""', 16, "is no place: name a QMP socket"),
        ('at = "db"', 'at = "a\\u0000"', 16, "is no place: name a QMP socket"),
        ('kind = "qemu"', 'kind = "qmeu"', 9, "did you mean 'qemu'?"),
        ('name = "db"', 'name = "web"', 14, "another guest is named 'web' too"),
        ('kind = "libvirt"\nat = "db"', 'kind = "qemu"\nat = "/run/vms/web.qmp"', 16, "already"),
        ("may_pause = true", 'may_pause = "yes"', 18, "must be true or false"),
        ("may_pause = true", 'limit = "1 GiB"\nreservation = "2 GiB"', 19, "is over its limit"),
        ("may_pause = true", 'limit = "1 GiB"\nfloor = "2 GiB"', 19, "floor 2 GiB is over its"),
        ("may_pause = true", 'reservation = "6 GiB"', 2, "is less than all reservations, 6 GiB"),
        ('reserve = "512 MiB"', 'reserve = "6 GiB"', 4, "reserve keeps 6 GiB free, which is all"),
        ("[[guest]]\nname", "[guard]\nreserve_part = 1\n[[guest]]\nname", 8, "reserve_part keeps"),
        ('reserve = "512 MiB"', 'deadline = "3 s"', 4, "half of the period"),
        ('reserve = "512 MiB"', 'audit_most = "4 KiB"', 4, "write 1 MiB or more"),
        ('kind = "libvirt"', 'kind = "process"', 16, "at 'db' is no number of a process"),
        ("/run/vms/web.qmp", "/run/" + 103 * "v", 10, "has more than 107 bytes"),
        ("[host]", "[hots]", 1, "no section 'hots': did you mean 'host'?"),
        ("[[guest]]\nname", "[policy]\nidle = 1\n[[guest]]\nname", 8, "kvm has no option 'idle'"),
        ("[[guest]]\nname", "[guard]\nresrve = 1\n[[guest]]\nname", 8, "did you mean 'reserve'?"),
        (
            "[[guest]]\nname",
            '[guard]\nreserve = "1 GiB"\n[[guest]]\nname',
            8,
            "reserve stands in [host] too",
        ),
        ("[[guest]]\nname", '[guard]\nwindow = "1 fortnight"\n[[guest]]\nname', 8, "not a time"),
        ("[[guest]]\nname", "[guard]\nshrink_part = 2\n[[guest]]\nname", 8, "shrink_part"),
        (
            "[[guest]]\nname",
            '[guard]\nmay_block = ["db"]\n[[guest]]\nname',
            8,
            "may_pause = true in its [[guest]]",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_line(written, before, after, line, says):
    path = written(GOOD.replace(before, after, 1))
    with pytest.raises(ConfigError) as wrong:
        read_config(path)
    text = str(wrong.value)
    assert text.startswith(f"{path}:{line}: "), text
    assert says in text and "\n" not in text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[host",
        '[host]\npolicy = "kvm"\n',
        "guest = 3\n",
        "[guest]\na = 1\n",
        "host = 3\n",
        "\0",
    ],
)
def test_what_is_no_config_at_all_is_one_line(written, text):
    path = written(text)
    with pytest.raises(ConfigError, match=r"govern\.toml") as wrong:
        read_config(path)
    assert "\n" not in str(wrong.value)


def test_a_file_that_is_not_there_is_the_systems_to_say(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_config(tmp_path / "none.toml")


def test_every_key_is_a_field_of_what_is_made_of_it():
    assert {*HOST} - {"reserve"} <= {*vars(Config("", {}, ""))}
    assert {*GUEST} == {*GuestSettings.__match_args__}
    assert all(field.says for field in (*HOST.values(), *GUEST.values()))


def test_paths_are_of_the_folder_of_the_file(written, tmp_path):
    config = read_config(written(GOOD.replace('exit = "max"', 'audit = "log/audit.jsonl"')))
    assert Path(config.audit) == tmp_path / "log" / "audit.jsonl"
    assert config.lock == "/run/lock/pageengine.lock"
    near = GOOD.replace("/run/vms/", "vms/").replace("may_pause = true", 'cgroup = "cg"')
    config = read_config(written(near))
    assert config.guests["web"].at == str(tmp_path / "vms" / "web.qmp")
    assert config.guests["db"].cgroup == str(tmp_path / "cg") and config.guests["db"].at == "db"


def test_a_deadline_that_is_not_said_goes_by_the_period(written):
    assert read_config(written(GOOD.replace('exit = "max"', 'period = "1 s"'))).deadline == 1.0
