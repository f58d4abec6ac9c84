"""The Kubernetes version that the emulated cluster presents."""

from __future__ import annotations

from connectors.api.values import Json

VERSION = "v1.33.4"

INFO: Json = {
    "major": "1",
    "minor": "33",
    "emulationMajor": "1",
    "emulationMinor": "33",
    "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "32",
    "gitVersion": VERSION,
    "gitCommit": "b2f06cd4f8f71b0c1b8fbba5f7c4e4c7c3f0e2a1",
    "gitTreeState": "clean",
    "buildDate": "2025-08-13T14:27:03Z",
    "goVersion": "go1.24.5",
    "compiler": "gc",
    "platform": "linux/amd64",
}
