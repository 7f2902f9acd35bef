"""A policy is chosen by name on the command line and in scenarios; a name that is off must lead to
the right one. Names, options and objects go through find, right and wrong ones.
"""

import pytest

from pageengine.policy import ESX, KVM, POLICIES, Plan, find, table


class Own:
    """A policy of a test."""

    def __init__(self, low=0.1):
        self.low = low

    def decide(self, snapshot):
        return Plan()


def test_names_of_any_case_and_their_options():
    assert isinstance(find("kvm"), KVM) and isinstance(find("KVM"), KVM)
    assert repr(find("esx5", idle_tax=0.5)) == repr(ESX(states="esx5", idle_tax=0.5))
    assert isinstance(POLICIES["kvm"](zswap=True), KVM)
    assert set(POLICIES) == {
        "plain",
        "esx2002",
        "esx5",
        "esx6",
        "kvm",
        "proxmox",
        "shares",
        "proportional",
        "free-first",
        "pressure",
        "no-overcommit",
        "qmemman",
        "squeezed",
        "headroom",
        "hypeman",
        "zram",
        "pi",
        "hysteresis",
        "damon-reclaim",
    }


def test_esx_itself_takes_states():
    assert repr(find("ESX", states="esx2002")) == repr(find("esx2002"))
    assert repr(find("esx")) == repr(ESX())


def test_a_class_by_its_module_and_an_object_as_it_is():
    assert find(f"{__name__}:Own", low=0.2).low == 0.2
    own = Own()
    assert find(own) is own


def test_policies_of_installed_packages_are_found(monkeypatch):
    monkeypatch.setattr(table, "others", lambda: {"theirs": f"{__name__}:Own"})
    assert isinstance(find("theirs"), Own)


@pytest.mark.parametrize(
    ("spec", "options", "message"),
    [
        ("esx20", {}, "no policy 'esx20': did you mean 'esx2002'. There are: plain, esx2002"),
        ("nothing.here:Own", {}, "no policy 'nothing.here:Own': No module named"),
        ("pageengine:Nobody", {}, "has no attribute 'Nobody'"),
        ("pageengine:__doc__", {}, "is not a class"),
        ("pageengine:Host", {"taxx": 1}, "pageengine:Host has no option 'taxx'"),
        ("builtins:object", {}, "is no policy: it has no decide"),
        ("esx6", {"idle_taxx": 0}, "esx6 has no option 'idle_taxx': did you mean 'idle_tax'"),
        ("esx6", {"states": "esx5"}, "esx6 has no option 'states'"),
        ("kvm", {"ksm": "fast"}, "ksm must be one of"),
        (Own(), {"low": 1}, "is made already and takes no options: low"),
    ],
)
def test_what_is_wrong_is_named(spec, options, message):
    with pytest.raises(ValueError, match=message):
        find(spec, **options)


@pytest.mark.parametrize("spec", [None, 3, Own])
def test_other_objects_are_refused(spec):
    with pytest.raises(TypeError, match="a policy is a name or an object with decide"):
        find(spec)


def test_a_file_that_lies_deep_is_named_in_full(tmp_path):
    folder = tmp_path / ("deep" * 30)
    folder.mkdir()
    (folder / "mine.py").write_text("Mine = 3\n")
    for name in ("Mine", "Other"):
        with pytest.raises(ValueError) as caught:
            find(f"{folder / 'mine.py'}:{name}")
        assert f"{folder / 'mine.py'}:{name}" in str(caught.value)
