"""Fails when the API description that the UI is built from is not the one that the server gives."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import provision

DESCRIPTION = provision.UI / "openapi.json"
TYPES = provision.UI / "src" / "api" / "schema.d.ts"


def main() -> int:
    """Compare both generated files with fresh ones; name those that differ and how to make them again."""
    served = subprocess.check_output([provision.PYTHON, provision.VENV / "bin" / "penstock", "openapi"])
    stale = []
    if not DESCRIPTION.exists() or json.loads(served) != json.loads(DESCRIPTION.read_bytes()):
        stale.append(DESCRIPTION)
    elif not TYPES.exists() or _fresh_types() != TYPES.read_text():
        stale.append(TYPES)
    for file in stale:
        print(f"{os.path.relpath(file, provision.ROOT)} is not what the server describes. Make it again:")
        print("  .venv/bin/penstock openapi > frontend/openapi.json && npm --prefix frontend run api")
    return 1 if stale else 0


def _fresh_types() -> str:
    environment, _ = provision.node()
    with tempfile.TemporaryDirectory() as directory:
        fresh = Path(directory, "schema.d.ts")
        command = ["node_modules/.bin/openapi-typescript", "openapi.json", "-o", str(fresh)]
        subprocess.run(command, cwd=provision.UI, env=environment, check=True, capture_output=True)
        return fresh.read_text()


if __name__ == "__main__":
    sys.exit(main())
