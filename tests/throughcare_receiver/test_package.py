"""The library on its own: built from its folder, it needs `cryptography` and nothing else."""

import json
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent.parent / "throughcare_receiver"
BUILD = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
# Without the site module nothing of this project's own installation is on the path.
LOAD = """
import json, sys
sys.path[:0] = [sys.argv[1], sys.argv[2]]
import throughcare_receiver
from importlib.resources import files
names = {name.split(".")[0] for name in sys.modules} - sys.stdlib_module_names
vectors = files("throughcare_receiver.vectors")
print(json.dumps({
    "from": throughcare_receiver.__file__,
    "packages": sorted(names - {"__main__"}),
    "vectors": sorted(one.name for one in vectors.iterdir() if one.name.endswith(".json")),
}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("library")
    source = shutil.copytree(
        SOURCE, folder / "source", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
    )
    subprocess.run(  # noqa: S603 - our own interpreter and text
        [sys.executable, "-c", BUILD, str(folder)], cwd=source, check=True, capture_output=True
    )
    [built] = folder.glob("*.whl")
    return built


def test_the_library_alone_needs_cryptography_and_nothing_else(wheel: Path) -> None:
    packages = sysconfig.get_paths()["purelib"]
    done = subprocess.run(  # noqa: S603 - our own interpreter and text
        [sys.executable, "-I", "-S", "-c", LOAD, str(wheel), packages],
        check=True,
        capture_output=True,
        text=True,
    )
    found = json.loads(done.stdout)
    assert found["from"].startswith(str(wheel))
    # cryptography brings cffi along, and compiled parts whose names begin with a low line.
    named = {name for name in found["packages"] if not name.startswith("_")}
    assert named <= {"throughcare_receiver", "cryptography", "cffi"}
    assert found["vectors"] == sorted(path.name for path in (SOURCE / "vectors").glob("*.json"))
