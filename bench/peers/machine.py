"""What a comparison ran on, and with."""
import pathlib
import subprocess
from importlib.metadata import PackageNotFoundError, version

from networks import ROOT


def cpu_name():
    fields = {}
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())
    return f"{fields['model name']} (family {fields.get('cpu family')}, model {fields.get('model')})"


def gpu_name():
    return subprocess.run(["nvidia-smi", "--query-gpu=name,driver_version", "--id=0",
                           "--format=csv,noheader"], capture_output=True, text=True,
                          check=True).stdout.strip()


def versions(*packages):
    """Of those packages of Python that are there, and Nestor's commit."""
    found = {}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            pass
    found["nestor"] = subprocess.run(["git", "describe", "--always", "--dirty", "--abbrev=12"], cwd=ROOT,
                                     capture_output=True, text=True, check=True).stdout.strip()
    return found
