"""Which tests are nearest to which source file: the order in which they are tried.

C tests by the name in tests/c/test_pe_<name>.c, then Python tests as pytest takes them. A change
that none of these sees has survived, whatever tests further away may see.
"""

from __future__ import annotations

# Host-wide tests, cheap first
CORE = (
    "tests/test_model.py",
    "tests/test_host.py",
    "tests/test_running_out.py",
    "tests/test_engine_stateful.py",
)
TIME = (
    "tests/test_deciding.py",
    "tests/test_controller.py",
    "tests/test_vm_control.py",
    "tests/test_vm_columns.py",
)
RULES = ("tests/policy/test_held_against_rules.py",)
WATERMARKS = "tests/policy/test_watermarks.py"

C_TESTS: dict[str, tuple[str, ...]] = {
    "csrc/pe_balloon.c": ("fault", "scan", "host"),
    "csrc/pe_content.c": ("fault", "touch", "reclaim", "swapout", "scan", "host", "check"),
    "csrc/pe_content.h": ("fault", "touch", "reclaim"),
    "csrc/pe_fault.c": ("fault", "touch", "host", "check"),
    "csrc/pe_file.c": ("swap_file", "swap", "inject"),
    "csrc/pe_frames.c": ("frames", "frames_hand", "frames_many"),
    "csrc/pe_frames_many.c": ("frames_many", "frames_hand"),
    "csrc/pe_host.c": ("host", "page", "check", "scan"),
    "csrc/pe_inject.c": ("inject",),
    "csrc/pe_page.c": ("page", "fault", "host", "scan", "check"),
    "csrc/pe_place.h": ("vm", "fault", "touch", "check"),
    "csrc/pe_pool.c": ("pool",),
    "csrc/pe_reclaim.c": ("reclaim", "swapout", "host", "check"),
    "csrc/pe_scan.c": ("scan", "page", "host"),
    "csrc/pe_sharing.c": ("sharing", "scan"),
    "csrc/pe_sharing_check.c": ("sharing",),
    "csrc/pe_stats.c": ("stats", "host"),
    "csrc/pe_swap.c": ("swap", "swapout", "check"),
    "csrc/pe_swap_many.c": ("swap",),
    "csrc/pe_swapout.c": ("swapout", "reclaim", "host"),
    "csrc/pe_touch.c": ("touch", "host", "turns"),
    "csrc/pe_vm.c": ("vm", "fault", "check", "stats"),
    "csrc/pe_zcache.c": ("zcache", "reclaim", "check"),
}

PYTHON_TESTS: dict[str, tuple[str, ...]] = {
    "csrc/pe_balloon.c": CORE,
    "csrc/pe_content.c": CORE,
    "csrc/pe_content.h": CORE,
    "csrc/pe_fault.c": CORE,
    "csrc/pe_file.c": ("tests/test_swap_errors.py", "tests/test_faults.py"),
    "csrc/pe_frames.c": ("tests/test_frames.py",),
    "csrc/pe_frames_many.c": ("tests/test_frames.py",),
    "csrc/pe_host.c": CORE,
    "csrc/pe_inject.c": ("tests/test_faults.py", "tests/test_random_faults.py"),
    "csrc/pe_page.c": CORE,
    "csrc/pe_place.h": CORE,
    "csrc/pe_reclaim.c": CORE,
    "csrc/pe_scan.c": CORE,
    "csrc/pe_sharing.c": ("tests/test_sharing.py", *CORE),
    "csrc/pe_sharing_check.c": ("tests/test_sharing.py",),
    "csrc/pe_stats.c": ("tests/test_vm_columns.py", *CORE),
    "csrc/pe_swap.c": ("tests/test_swap.py", *CORE),
    "csrc/pe_swap_many.c": ("tests/test_swap.py",),
    "csrc/pe_swapout.c": CORE,
    "csrc/pe_touch.c": CORE,
    "csrc/pe_vm.c": CORE,
    "csrc/pe_zcache.c": ("tests/test_zcache.py", *CORE),
    "src/pageengine/host/admission.py": ("tests/test_admission.py", "tests/test_controller.py"),
    "src/pageengine/control/balloon.py": (
        "tests/test_deciding.py",
        "tests/test_vm_control.py",
        "tests/test_controller.py",
    ),
    "src/pageengine/control/balloon_driver.py": (
        "tests/test_balloon_driver.py",
        "tests/test_vm_control.py",
    ),
    "src/pageengine/control/controller.py": ("tests/test_backend.py", *TIME),
    "src/pageengine/host/engine_backend.py": TIME,
    "src/pageengine/control/vm_table.py": (*TIME, "tests/test_bad_input.py"),
    "src/pageengine/control/ticker.py": TIME,
    "src/pageengine/control/vm_control.py": TIME,
    "src/pageengine/control/swap_rate.py": TIME,
    "src/pageengine/control/direct_reclaim.py": (
        "tests/test_deciding.py",
        "tests/test_running_out.py",
    ),
    "src/pageengine/lab/costs.py": ("tests/lab/test_costs.py", "tests/lab/test_meter.py"),
    "src/pageengine/lab/machine.py": ("tests/lab/test_machine.py", "tests/lab/test_meter.py"),
    "src/pageengine/lab/meter.py": ("tests/lab/test_meter.py",),
    "src/pageengine/lab/storage.py": ("tests/lab/test_storage.py", "tests/lab/test_costs.py"),
    "src/pageengine/policy/advice.py": ("tests/policy/test_advice.py", *RULES),
    "src/pageengine/policy/entitlement.py": (
        "tests/policy/test_entitlement.py",
        "tests/policy/test_esx.py",
        *RULES,
    ),
    "src/pageengine/policy/esx.py": ("tests/policy/test_esx.py", *RULES),
    "src/pageengine/policy/ksm.py": ("tests/policy/test_kvm.py", WATERMARKS, *RULES),
    "src/pageengine/policy/kvm.py": ("tests/policy/test_kvm.py", WATERMARKS, *RULES),
    "src/pageengine/policy/ladder.py": (
        "tests/policy/test_ladder.py",
        WATERMARKS,
        "tests/policy/test_esx.py",
    ),
    "src/pageengine/policy/plain.py": ("tests/policy/test_plain.py", WATERMARKS),
    "src/pageengine/policy/pressure.py": ("tests/policy/test_pressure.py", WATERMARKS),
    "src/pageengine/policy/proxmox.py": ("tests/policy/test_proxmox.py", WATERMARKS, *RULES),
    "src/pageengine/policy/rules.py": ("tests/policy/test_rules.py", "tests/test_controller.py"),
    "src/pageengine/policy/shares.py": ("tests/policy/test_shares.py", "tests/test_controller.py"),
    "src/pageengine/policy/simple.py": ("tests/policy/test_simple.py", WATERMARKS),
    "src/pageengine/policy/states.py": ("tests/policy/test_states.py", "tests/policy/test_esx.py"),
    "src/pageengine/policy/watermarks.py": (
        WATERMARKS,
        "tests/policy/test_simple.py",
        "tests/policy/test_plain.py",
    ),
    "src/pageengine/policy/workingset.py": (
        "tests/policy/test_workingset.py",
        "tests/test_vm_control.py",
    ),
    "src/pageengine/policy/zram.py": ("tests/policy/test_zram.py", WATERMARKS),
}

FILES = sorted({*C_TESTS, *PYTHON_TESTS})
