"""At stake: a number the core counts and the record forgets is lost to every user. Fields and the
core's names must agree.
"""

import dataclasses

from pageengine.core import engine
from pageengine.core.records import Events, HostStats, VMStats

OWN = {"shares", "reservation", "limit", "blocked", "vms", "configured"}


def names(record):
    return {field.name for field in dataclasses.fields(record)}


def test_every_event_of_the_core_has_its_field_in_order():
    assert tuple(field.name for field in dataclasses.fields(Events)) == engine.EVENTS


def test_every_number_of_a_vm_has_its_field():
    assert names(VMStats) - names(Events) - OWN == set(engine.VM_NUMBERS)


def test_every_number_of_the_host_has_its_field():
    assert names(HostStats) - names(Events) - OWN == set(engine.HOST_NUMBERS)


def test_records_show_bytes_with_units_in_a_notebook():
    html = HostStats(memory=64 * 2**20, swap_in=3)._repr_html_()
    assert "64 MiB" in html
    assert "swap_in" in html
