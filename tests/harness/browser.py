"""Chromium without a window, driven by its own driver."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.harness.needed import lacking

__all__ = ["chromium", "prefer", "screenshot", "wide"]

_WIDTH, _HEIGHT = 1280, 900


@contextmanager
def chromium(profile: Path) -> Iterator[Any]:
    """A browser with a profile of its own. Skips where Chromium isn't installed."""
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if browser is None or driver is None:
        lacking(
            "browser", "the console is NOT tested in a browser here: chromium and chromium-driver are not installed"
        )
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--no-proxy-server",
        "--hide-scrollbars",
        "--force-prefers-reduced-motion",
        f"--user-data-dir={profile}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    found = webdriver.Chrome(options=options, service=Service(driver))
    try:
        wide(found, _WIDTH)
        yield found
    finally:
        found.quit()


def wide(browser: Any, width: int, height: int = _HEIGHT) -> None:
    """Have the page be so wide; a window can't be made as narrow as a phone."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def prefer(browser: Any, scheme: str) -> None:
    """Have the system prefer "light" or "dark"."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def screenshot(browser: Any, width: int, scheme: str, most: int) -> bytes:
    """The page from its top, `most` pixels of it, as PNG."""
    import base64

    prefer(browser, scheme)
    wide(browser, width)
    browser.execute_script("window.scrollTo(0, 0)")
    height = min(most, browser.execute_script("return document.documentElement.scrollHeight"))
    wide(browser, width, height)
    clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
    shot = browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png", "clip": clip})
    return base64.b64decode(shot["data"])
