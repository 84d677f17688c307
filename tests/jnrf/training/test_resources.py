"""What a run costs, as far as the machine tells."""

import torch
from torch import nn

from jnrf.training.resources import EnergyMeter, count_parameters, peak_memory_bytes

CPU = torch.device("cpu")


def powercap(folder, *zones):
    """A folder like /sys/class/powercap with a zone for each (name, microjoules)."""
    for name, value in zones:
        (folder / name).mkdir(exist_ok=True)
        (folder / name / "energy_uj").write_text(f"{value}\n")
        (folder / name / "max_energy_range_uj").write_text("10000000\n")
    return folder


def test_parameters_are_counted_apart():
    model = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))
    model[0].weight.requires_grad_(False)
    assert count_parameters(model) == {"trainable": 2 + 2 + 1, "frozen": 6}


def test_peak_memory_is_in_bytes_and_never_falls():
    before = peak_memory_bytes(CPU)
    block = bytearray(b"x" * 2**27)
    after = peak_memory_bytes(CPU)
    del block
    assert 2**24 < before <= after < 2**45
    assert peak_memory_bytes(CPU) >= after


def test_energy_is_the_sum_over_packages_since_the_start(tmp_path):
    meter = EnergyMeter(
        CPU, 5.0, powercap(tmp_path, ("intel-rapl:0", 1000000), ("intel-rapl:1", 0))
    )
    for values in ((2e6, 4e6), (3e6, 4e6)):
        powercap(tmp_path, *zip(("intel-rapl:0", "intel-rapl:1"), map(int, values), strict=True))
        joules = meter.joules()
    assert joules == 5.0 + 2.0 + 4.0


def test_cores_inside_a_package_are_not_counted_twice(tmp_path):
    zones = (("intel-rapl:0", 0), ("intel-rapl:0:0", 0))
    meter = EnergyMeter(CPU, powercap=powercap(tmp_path, *zones))
    powercap(tmp_path, ("intel-rapl:0", 1000000), ("intel-rapl:0:0", 900000))
    assert meter.joules() == 1.0


def test_a_counter_that_starts_again_is_followed(tmp_path):
    meter = EnergyMeter(CPU, powercap=powercap(tmp_path, ("intel-rapl:0", 9000000)))
    powercap(tmp_path, ("intel-rapl:0", 500000))
    assert meter.joules() == 1.5


def test_without_counters_energy_is_not_known(tmp_path):
    assert EnergyMeter(CPU, powercap=tmp_path).joules() is None
