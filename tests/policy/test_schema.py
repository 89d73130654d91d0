import subprocess
import sys
from pathlib import Path

import cedarpy

from app.policy.actions import of_the_catalogue
from app.policy.schema import probe_schema_text, schema_text

SHIPPED = Path(__file__).parents[2] / "policies" / "schema.cedarschema"


def test_the_shipped_schema_is_that_of_the_catalogue() -> None:
    assert SHIPPED.read_text(encoding="utf-8") == schema_text(of_the_catalogue())


def test_the_command_writes_the_schema(tmp_path: Path) -> None:
    target = tmp_path / "schema"
    subprocess.run(  # noqa: S603 - our own module, by our own interpreter
        [sys.executable, "-m", "app.policy.schema", str(target)], check=True
    )
    assert target.read_text(encoding="utf-8") == schema_text(of_the_catalogue())


def test_the_engine_reads_both_schemas() -> None:
    vocabulary = of_the_catalogue()
    assert cedarpy.Schema.from_str(schema_text(vocabulary))
    assert cedarpy.Schema.from_str(probe_schema_text(vocabulary))
