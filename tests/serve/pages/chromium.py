"""Debian's Chromium without a window and without a network, told what to do by keys and clicks."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
NEEDED = pytest.mark.skipif(
    CHROMIUM is None or DRIVER is None,
    reason="Chromium and its driver are not installed: apt-get install chromium chromium-driver",
)
PICTURES = Path(__file__).parents[3] / "docs" / "pictures"
WANTED = "EYEWARD_PICTURES"
"""The environment variable that has pictures of pages written to `docs/pictures/`."""
LARGEST_PICTURE = 150_000
_SECONDS = 60.0
_FLAGS = (
    "--headless=new",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-client-side-phishing-detection",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-domain-reliability",
    "--disable-extensions",
    "--disable-gpu",
    "--disable-sync",
    "--disable-features=OptimizationHints,MediaRouter,Translate,AutofillServerCommunication",
    "--metrics-recording-only",
    "--no-pings",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--force-color-profile=srgb",
)


@dataclass
class Window:
    """A page as somebody uses it: by the mouse, or by keys alone."""

    driver: Any
    address: str

    def open(self, path: str) -> None:
        self.driver.get(self.address + path)

    def one(self, selector: str) -> Any:
        return self.driver.find_element("css selector", selector)

    def all(self, selector: str) -> list[Any]:
        return list(self.driver.find_elements("css selector", selector))

    def text(self, selector: str = "main") -> str:
        return str(self.one(selector).text)

    def click(self, selector: str) -> None:
        """Click something where it is, after scrolling there, as a mouse does: what lies above it would be hit."""
        target = self.one(selector)
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", target)
        target.click()

    def choose(self, selector: str, value: str) -> None:
        from selenium.webdriver.support.select import Select

        Select(self.one(selector)).select_by_value(value)

    def chord(self, modifier: str, key: str) -> None:
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.driver).key_down(modifier).send_keys(key).key_up(modifier).perform()

    def press(self, *keys: str) -> None:
        from selenium.webdriver.common.action_chains import ActionChains

        for key in keys:
            ActionChains(self.driver).send_keys(key).perform()

    def tab_to(self, selector: str, most: int = 120, back: bool = False) -> None:
        """Go to something with the tab key alone; what cannot be reached so, or is not seen there, is a failure."""
        from selenium.webdriver.common.action_chains import ActionChains
        from selenium.webdriver.common.keys import Keys

        for _ in range(most):
            chain = ActionChains(self.driver)
            (
                chain.key_down(Keys.SHIFT).send_keys(Keys.TAB).key_up(Keys.SHIFT) if back else chain.send_keys(Keys.TAB)
            ).perform()
            if self.run("return document.activeElement.matches(arguments[0])", selector):
                outline = self.run("return getComputedStyle(document.activeElement).outlineStyle")
                assert outline != "none", f"{selector} has the focus, and nobody sees it"
                return
        raise AssertionError(f"{selector} cannot be reached by the tab key")

    def run(self, script: str, *values: object) -> Any:
        return self.driver.execute_script(script, *values)

    def until(self, happens: Callable[[], object], what: str = "it") -> None:
        """Wait for something."""
        from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException, TimeoutException
        from selenium.webdriver.support.wait import WebDriverWait

        passing = (NoSuchElementException, StaleElementReferenceException)
        waiting = WebDriverWait(self.driver, _SECONDS, poll_frequency=0.05, ignored_exceptions=passing)
        try:
            waiting.until(lambda _: happens())
        except TimeoutException:
            raise AssertionError(f"{what} did not happen; the page says: {self.text('body')[:1500]}") from None

    def until_text(self, selector: str, said: str) -> None:
        self.until(lambda: said in self.text(selector), f"{said!r} in {selector}")

    def resize(self, width: int, height: int) -> None:
        """Give the page a size, whatever a window may have at least."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def prefer(self, theme: str) -> None:
        """Prefer a theme, as the settings of a system do."""
        features = [{"name": "prefers-color-scheme", "value": theme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def complaints(self) -> list[str]:
        """Return what the browser complained of since this was asked last: scripts that failed, what was refused."""
        ours = [line["message"] for line in self.driver.get_log("browser") if line["level"] == "SEVERE"]
        return [message for message in ours if "Failed to load resource" not in message]

    def picture(self, name: str) -> None:
        """Keep what is seen as `docs/pictures/NAME.png`, when that is wanted."""
        if not os.environ.get(WANTED):
            return
        with Image.open(io.BytesIO(self.driver.get_screenshot_as_png())) as seen:
            small = seen.convert("RGB").quantize(255, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        file = PICTURES / f"{name}.png"
        small.save(file, optimize=True)
        assert file.stat().st_size < LARGEST_PICTURE


@contextmanager
def chromium(address: str, folder: Path) -> Iterator[Window]:
    """Start Chromium with a fresh profile in a folder; it finds nothing but this machine."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM or ""
    for flag in _FLAGS:
        options.add_argument(flag)
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")
    options.add_argument(f"--user-data-dir={folder / 'profile'}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    try:
        window = Window(driver, address)
        window.resize(1280, 900)
        yield window
    finally:
        driver.quit()
