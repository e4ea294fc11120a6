"""deploy/setup.sh on machines that lack something: one sentence, and a status that stops make."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ("bash", "cat", "cut", "dirname", "env", "flock", "grep", "realpath", "rm", "sed", "sha256sum", "sleep", "tail")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout in which nothing is installed."""
    checkout = tmp_path / "checkout"
    (checkout / "deploy").mkdir(parents=True)
    shutil.copy(ROOT / "deploy" / "setup.sh", checkout / "deploy")
    shutil.copytree(
        ROOT / "freshtrack", checkout / "freshtrack", ignore=shutil.ignore_patterns("__pycache__", "static")
    )
    for lock in ROOT.glob("requirements*.lock"):
        shutil.copy(lock, checkout)
    return checkout


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder of commands to be the whole PATH: a small machine without Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found, f"{tool} is missing on this machine"
        (folder / tool).symlink_to(found)
    return folder


def script(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def setup(checkout: Path, machine: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [checkout / "deploy" / "setup.sh", "up"],
        env={"PATH": str(machine), "HOME": str(checkout)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_without_python_it_says_which_one_is_needed(checkout: Path, machine: Path) -> None:
    done = setup(checkout, machine)

    assert done.returncode == 1
    assert (
        done.stderr == "FreshTrack needs Python 3.11 or 3.12 (there is no python3 on the PATH): install one of them.\n"
    )
    assert not (checkout / ".venv").exists()


def test_with_other_pythons_it_says_which_there_are(checkout: Path, machine: Path) -> None:
    script(machine / "python3", "echo 3.13")
    # A version manager's name for a version that isn't installed.
    script(machine / "python3.12", "echo 'python3.12: command not found' >&2; exit 127")

    done = setup(checkout, machine)

    assert done.returncode == 1
    assert done.stderr == "FreshTrack needs Python 3.11 or 3.12 (python3 is 3.13): install one of them.\n"


def test_a_python_without_venv_is_told_how_to_get_it(checkout: Path, machine: Path) -> None:
    script(machine / "python3", 'case "$2" in *venv*) exit 1;; *) echo 3.11;; esac')

    done = setup(checkout, machine)

    assert done.returncode == 1
    assert done.stderr == (
        f"{machine}/python3 can't make virtual environments: install its venv module "
        "(Debian, Ubuntu: apt install python3-venv).\n"
    )


def test_packages_that_cannot_be_installed_are_told_with_the_reason_and_tried_again(
    checkout: Path, machine: Path
) -> None:
    # A virtual environment whose pip finds no network.
    body = (
        'case "$*" in\n'
        "*version_info*) echo 3.11;;\n"
        "*ensurepip*) ;;\n"
        '*"-m venv"*) mkdir -p .venv/bin; cp "$0" .venv/bin/python;;\n'
        '*pip*) echo "ERROR: no network" ; echo tried >>attempts; exit 1;;\n'
        "esac"
    )
    script(machine / "python3", f'PATH="{os.defpath}"\n{body}')

    for attempt in (1, 2):
        done = setup(checkout, machine)

        assert done.returncode == 1
        assert "    ERROR: no network\nThe Python packages can't be installed: the reason stands above" in done.stderr
        assert (checkout / "attempts").read_text().count("tried") == attempt
