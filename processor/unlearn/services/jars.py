"""The jars of a Kafka node, fetched once a user by Maven."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from xml.etree import ElementTree as ET

from unlearn.environment.user_folders import cache_home
from unlearn.errors import ServiceUnavailable
from unlearn.services.protocol import Say

POM = Path(__file__).with_name("pom.xml")
MIN_JAVA = 17
# Seconds. There is no other way to try, and a slow line may need minutes.
FETCH_WITHIN = 300.0


def find_java() -> str:
    """The path of a Java that can run Kafka. Raises ServiceUnavailable, with how to get one."""
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=f"{home}/bin") if home else None
    java = java or shutil.which("java")
    if java is None:
        raise ServiceUnavailable(f"no Java: install Java {MIN_JAVA} (Debian: apt-get install default-jre-headless)")
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False, timeout=60).stderr
    version = re.search(r'version "(\d+)', said)
    if version is None or int(version[1]) < MIN_JAVA:
        raise ServiceUnavailable(f"{java} is older than Java {MIN_JAVA}, which Kafka needs")
    return java


def kafka_jars(say: Say) -> Path:
    """The folder of Kafka's jars, fetched if need be. Raises ServiceUnavailable."""
    if not POM.is_file():
        raise ServiceUnavailable(f"{POM} is missing: install unlearn-stream anew")
    folder = cache_home() / f"kafka-{kafka_version()}"
    if not folder.is_dir():
        _fetch(folder, say)
    return folder


def kafka_version() -> str:
    """The version that pom.xml names."""
    for dependency in ET.parse(POM).iter("dependency"):  # noqa: S314  our own file
        if dependency.findtext("groupId") == "org.apache.kafka":
            return dependency.findtext("version") or ""
    raise ServiceUnavailable(f"{POM} names no version of Kafka")


def _fetch(folder: Path, say: Say) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise ServiceUnavailable("no Maven to fetch Kafka: install it (Debian: apt-get install maven)")
    say("fetching Kafka's jars with Maven, 44 MB, once")
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Only whole sets of jars get the final name.
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        jars = Path(scratch) / "jars"
        goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={jars}"]
        try:
            subprocess.run(
                [maven, "-q", "-B", "-f", str(POM), *goal],
                check=True,
                capture_output=True,
                text=True,
                timeout=FETCH_WITHIN,
            )
        except subprocess.TimeoutExpired:
            raise ServiceUnavailable(f"Maven did not fetch Kafka within {FETCH_WITHIN:.0f} s") from None
        except subprocess.CalledProcessError as error:
            end = "\n".join((error.stdout + error.stderr).splitlines()[:5])
            raise ServiceUnavailable(f"Maven could not fetch Kafka:\n{end}") from None
        if not folder.exists():
            jars.rename(folder)
