"""The Kubernetes versions that the emulated cluster can present."""

from __future__ import annotations

from dataclasses import dataclass

from connectors.api.values import Json


@dataclass(frozen=True, slots=True)
class Version:
    """A Kubernetes release. `legacy` serves the old betas and lacks what came after it."""

    git: str
    commit: str
    built: str
    go: str
    legacy: bool = False

    @property
    def minor(self) -> str:
        """Return `1.33`."""
        return self.git.removeprefix("v").rsplit(".", 1)[0]

    def info(self) -> Json:
        """Return what /version answers."""
        major, minor = self.minor.split(".")
        emulation: Json = {
            "emulationMajor": major,
            "emulationMinor": minor,
            "minCompatibilityMajor": major,
            "minCompatibilityMinor": str(int(minor) - 1),
        }
        return {
            "major": major,
            "minor": minor,
            **({} if self.legacy else emulation),
            "gitVersion": self.git,
            "gitCommit": self.commit,
            "gitTreeState": "clean",
            "buildDate": self.built,
            "goVersion": self.go,
            "compiler": "gc",
            "platform": "linux/amd64",
        }


MODERN = Version(
    "v1.33.4", "b2f06cd4f8f71b0c1b8fbba5f7c4e4c7c3f0e2a1", "2025-08-13T14:27:03Z", "go1.24.5"
)
LEGACY = Version(
    "v1.20.2",
    "faecb196815e248d3ecfb03c680a4507229c2a56",
    "2021-01-13T13:20:00Z",
    "go1.15.5",
    legacy=True,
)
VERSIONS = {version.minor: version for version in (MODERN, LEGACY)}


def version_named(name: str) -> Version:
    """Return the version called `1.33` or `1.20`. Raises ValueError for another."""
    if name not in VERSIONS:
        raise ValueError(f"no Kubernetes version {name!r} here: choose {' or '.join(VERSIONS)}")
    return VERSIONS[name]
