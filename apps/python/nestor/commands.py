"""The commands that come with the package: `python -m nestor classify photo.jpg`, or `nestor-classify photo.jpg`."""
import os
import ssl
import subprocess
import sys

from .errors import Error

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bin")

# Error codes by the commands' exit codes. Of those that share 5 the commands used here know one.
_CODES = {1: "internal", 2: "usage", 3: "bad_input", 4: "bad_model", 5: "unsupported"}


def names() -> list[str]:
    """What can follow `python -m nestor`: ["classify", ...]."""
    return sorted(name.removeprefix("nestor-") for name in os.listdir(FOLDER))


def output_of(name: str, *arguments: str) -> str:
    """Standard output of `nestor-NAME ARGUMENTS...`. Raises Error with what it said on standard error."""
    done = subprocess.run([_path(name), *arguments], capture_output=True, env=_environment(), check=False)
    if done.returncode != 0:
        message = done.stderr.decode(errors="replace").strip() or f"nestor-{name}: exit code {done.returncode}"
        raise Error(message, _CODES.get(done.returncode, "internal"))
    return os.fsdecode(done.stdout)


def main() -> None:
    """Becomes the command: the one that this program is called like, or that the first argument names."""
    program, *arguments = sys.argv
    name = os.path.basename(program).removeprefix("nestor-")
    if name == os.path.basename(program):  # python -m nestor
        if not arguments or arguments[0] not in names():
            sys.exit(f"usage: python -m nestor {{{','.join(names())}}} ...")
        name, *arguments = arguments
    os.execve(_path(name), [f"nestor-{name}", *arguments], _environment())


def _path(name: str) -> str:
    return os.path.join(FOLDER, f"nestor-{name}")


def _environment() -> dict[str, str]:
    """This process's, with the certificates of this machine: the bundled TLS library knows the builder's place only."""
    certificates = ssl.get_default_verify_paths().cafile
    return {**({"SSL_CERT_FILE": certificates} if certificates else {}), **os.environ}
