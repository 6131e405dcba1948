# SPDX-License-Identifier: Apache-2.0
"""The programs that some tests drive: which are here, and how the others are installed on Debian and Ubuntu."""

import dataclasses
import shutil
from collections.abc import Callable
from typing import Final

from tests import databases


@dataclasses.dataclass(frozen=True)
class Tool:
    """A program that some tests need. Where it is missing, they are skipped."""

    name: str
    packages: str
    used_by: str
    find: Callable[[], object]

    @property
    def advice(self) -> str:
        """What to install, for a skipped test."""
        return f"needs {self.name}: apt-get install {self.packages}"


def browser() -> str | None:
    """The path of the browser, best without a window: half the work a page."""
    return shutil.which("chromium-headless-shell") or shutil.which("chromium")


def maven() -> str | None:
    """The path of Maven, where it can compile."""
    return shutil.which("mvn") if shutil.which("javac") else None


CHROMIUM: Final = Tool("Chromium", "chromium-headless-shell", "the pages in a browser", browser)
MAVEN: Final = Tool("Maven and a JDK", "maven default-jdk-headless", "a real Maven plugin", maven)
STRACE: Final = Tool("strace", "strace", "power losses", lambda: shutil.which("strace"))
NODE: Final = Tool("Node.js with npm", "nodejs npm", "an OpenID provider of others", lambda: shutil.which("npm"))
POSTGRESQL: Final = Tool("PostgreSQL", "postgresql", "several machines on one database", databases.programs)


def missing() -> list[str]:
    """A line for each program that is not here."""
    return [
        f"left out: {tool.used_by}, since {tool.name} is not here (apt-get install {tool.packages})"
        for tool in (CHROMIUM, MAVEN, NODE, POSTGRESQL, STRACE)
        if not tool.find()
    ]
