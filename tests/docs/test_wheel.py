"""What is shipped: the wheel puts pages and completions where their readers look."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist, and the wheel that is made from it alone."""
    folder = tmp_path_factory.mktemp("built")
    build = [sys.executable, "-m", "hatchling", "build", "-d", str(folder), "-t"]
    subprocess.run([*build, "sdist"], cwd=ROOT, check=True, capture_output=True, timeout=50)
    (packed,) = folder.glob("*.tar.gz")
    with tarfile.open(packed) as tar:
        tar.extractall(folder, filter="data")
    (unpacked,) = (path for path in folder.iterdir() if path.is_dir())
    subprocess.run([*build, "wheel"], cwd=unpacked, check=True, capture_output=True, timeout=50)
    return folder


def test_the_wheel_has_pages_and_completions(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    shared = {name.partition(".data/data/")[2] for name in names if ".data/data/" in name}
    pages = {f"share/man/man{page.suffix[1:]}/{page.name}" for page in (ROOT / "man").iterdir()}
    assert shared == pages | {
        "share/bash-completion/completions/prismctl",
        "share/zsh/site-functions/_prismctl",
        "share/fish/vendor_completions.d/prismctl.fish",
    }
    assert "share/man/man5/prism.yaml.5" in shared


def test_the_wheel_has_all_that_the_programs_read(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    ours = [
        str(path.relative_to(ROOT))
        for package in ("prismd", "prismctl")
        for path in (ROOT / package).rglob("*.*")
        if path.suffix != ".pyc"
    ]
    assert len(ours) > 100
    assert [name for name in ours if name not in names] == []
