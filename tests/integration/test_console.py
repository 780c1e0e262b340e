"""The console in a browser, beside a real Kafka, a real Redis and a worker: from a model that isn't there to one whose
worker is made quiet, with ids that try to be markup, while Redis and the console itself go and come back.

`SCREENSHOTS=1` has it write the pictures in docs/console anew, of a model that is called mail.
"""

from __future__ import annotations

import io
import json
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MakeSettings
from tests.harness.breakable_services import OwnRedis
from tests.harness.browser import chromium, prefer, screenshot, wide
from tests.harness.events import at, delete, insert, send
from tests.harness.kafka_harness import KafkaHarness
from tests.harness.processes import Process
from tests.harness.waiting import until
from unlearn.services.address import free_port

pytestmark = pytest.mark.slow
EVER = 60.0
TOKEN = "a-token-of-the-tests-0001"
PICTURES = Path(__file__).parents[2] / "docs" / "console"
MARKUP = "<img src=x onerror=window.hurt=1>"
TURNED = "\N{RIGHT-TO-LEFT OVERRIDE}gnp.tegrof"
LONG = "long-" + "x" * 195


class Page:
    """The console's page in a browser."""

    def __init__(self, browser: Any, url: str) -> None:
        self.browser = browser
        browser.get(url)

    def ask(self, script: str, *arguments: Any) -> Any:
        return self.browser.execute_script(f"return {script}", *arguments)

    def text(self, selector: str) -> str:
        return str(self.ask("document.querySelector(arguments[0])?.innerText ?? ''", selector))

    def until(self, selector: str, words: str) -> str:
        """The text there once it has the words."""
        return until(
            lambda: found if words in (found := self.text(selector)) else "",
            EVER,
            lambda: f"{words!r} in {selector}: {self.text(selector)!r}; {self.text('#verdict')!r}",
        )

    def press(self, *keys: str) -> None:
        from selenium.webdriver import ActionChains

        ActionChains(self.browser).send_keys(*keys).perform()

    def focused(self) -> str:
        return str(self.ask("document.activeElement.dataset.key ?? document.activeElement.id"))

    def tab_to(self, wanted: str) -> None:
        """By the Tab key alone, as who has no mouse."""
        from selenium.webdriver import Keys

        for _ in range(120):
            if self.focused().startswith(wanted):
                return
            self.press(Keys.TAB)
        raise AssertionError(f"{wanted} can't be reached by the keyboard; the last was {self.focused()}")

    def errors(self) -> list[str]:
        """What the browser complained of, but that the console didn't answer, or refused a token."""
        said = [str(entry["message"]) for entry in self.browser.get_log("browser")]
        return [one for one in said if "net::ERR" not in one and "status of 401" not in one]


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[OwnRedis]:
    found = OwnRedis(tmp_path / "own redis")
    yield found
    found.close()


def test_a_model_is_watched_and_kept_in_hand(make_settings: MakeSettings, own_redis: OwnRedis, tmp_path: Path) -> None:
    from selenium.webdriver import Keys

    pictures = os.environ.get("SCREENSHOTS") == "1"
    named: dict[str, Any] = {"model": "mail"} if pictures else {}
    (tmp_path / "tokens").write_text(f"ops {TOKEN}\n")
    settings = make_settings(
        **named,
        redis={"url": own_redis.url},
        console={"tokens": tmp_path / "tokens", "refresh": 0.2},
        partitions=2,
        learner="linear",
        checkpoints=4,
        slice_span=50,
        seal_after=0.5,
        trainers=0,
        lease=10.0,
        heartbeat_every=1.0,
    )
    port = free_port()
    listen = ("console", "--listen", f"127.0.0.1:{port}")
    with ExitStack() as stack:
        browser = stack.enter_context(chromium(tmp_path / "profile"))
        console = stack.enter_context(Process(settings, tmp_path, *listen))
        until(lambda: _answers(port) or console.popen.poll() is not None, EVER, console.errors)
        assert console.popen.poll() is None, console.errors()
        page = Page(browser, f"http://127.0.0.1:{port}/")

        # No topics, then no worker.
        page.until("#headline", "can't be read yet")
        page.until("#remedy", "unlearn topics create")
        model = KafkaHarness(settings)
        stack.callback(model.close)
        page.until("#headline", "No worker has claimed a partition yet")
        page.until("#workers", "unlearn work")

        worker = stack.enter_context(Process(settings, tmp_path, "work"))
        _fill(model)
        page.until("#headline", "All is well")
        page.until("#tiles", "1,600")
        page.until("#letters", "label: not one that the model learns from")
        until(lambda: page.ask("document.querySelectorAll('#shards .cell.l').length") >= 90, EVER, "all is learned")
        assert worker.stop() == 0

        # An owner that publishes nothing more: deletions stay open.
        worker = stack.enter_context(Process(settings, tmp_path, "work", UNLEARN_PUBLISH_EVERY="86400"))
        page.until("#workers", f":{worker.pid}")
        page.until("#tiles", "2 of 2 in force")
        page.until("#headline", "All is well")
        for number in range(4):
            forget(model, f"user-{7 * number}", f"forget-10{number}")
        forget(model, "user-5", "forget-late", forget_within=0.001)
        page.until("#headline", "1 deletion is past its deadline")
        page.until("#deletions", "forget-103")
        assert page.text("#deletions tbody tr").startswith("forget-late"), "the earliest deadline comes first"
        page.until("#deletions", "waits for a manifest of partition")
        until(lambda: page.ask("document.querySelectorAll('#shards .cell.h').length") > 3, EVER, "holes are shown")
        assert "UnlearnDeletionOverdue" in page.text("#remedy")
        if pictures:
            _write(browser)

        # Ids as nobody should write them are text, and no wider than the page.
        for event in (MARKUP, TURNED, LONG):
            forget(model, "user-9", event)
        # What would turn an id around is shown by its number.
        for shown in (MARKUP, "U+202Egnp.tegrof", LONG):
            page.until("#deletions", shown)
        assert page.ask("document.querySelectorAll('main img, main script').length") == 0
        assert page.ask("window.hurt === undefined")
        for width in (320, 400, 740, 1000, 1060, 1280):
            wide(browser, width)
            assert page.ask("document.documentElement.scrollWidth") <= width, page.text("#deletions")
        backs = []
        for scheme in ("light", "dark"):
            prefer(browser, scheme)
            backs.append(page.ask("getComputedStyle(document.body).backgroundColor"))
        assert len(set(backs)) == 2

        # By the keyboard alone: an event's journey, the map, the token, a worker that is made quiet.
        page.ask("window.scrollTo(0, 0)")
        page.tab_to("e ")
        page.press(Keys.ENTER)
        page.until("#journey .body", "delete forget-late, subject (withheld)")
        page.tab_to("0/0/")
        before = page.text("#detail")
        page.press(Keys.ARROW_RIGHT)
        page.press(Keys.ARROW_DOWN)
        assert "shard 1" in page.until("#detail", "living row")
        assert page.text("#detail") != before
        page.ask("document.querySelector('#access').focus()")
        page.tab_to(f"quiet {worker_name(page, worker)}")
        page.press(Keys.ENTER)
        page.press("no token of theirs", Keys.ENTER)
        page.until("#token-said", "send a known token")
        page.ask("document.querySelector('#token').select()")
        page.press(TOKEN, Keys.ENTER)
        page.until("#ask-title", "take no more events?")
        page.press(Keys.ENTER)
        page.until("#told", "its owner does it")
        page.until("#workers .state.quiet", "quiet")
        send(model._producer, settings, [insert("late-1", "user-1", text="win more")])
        page.until("#findings", "takes no events, as somebody asked: 1 record waits")
        page.tab_to(f"resume {worker_name(page, worker)}")
        page.press(Keys.ENTER)
        page.until("#ask-title", "take events again?")
        page.press(Keys.ENTER)
        until(lambda: page.text("#workers .state").endswith("heard"), EVER, "it goes on")
        page.ask("document.querySelector('#event').value = 'forget-101'")
        page.ask("document.querySelector('#journey-form').requestSubmit()")
        page.until("#journey .body", "subject user-7")
        assert page.errors() == []

        # Redis away: said, with what was read before; and back.
        own_redis.kill()
        page.until("#headline", "The model can't be read now")
        page.until("#remedy", "Redis at")
        page.until("#age", "what you see was read")
        assert MARKUP in page.text("#deletions")
        assert page.ask("document.body.classList.contains('stale')")
        own_redis.start()
        page.until("#connection", "live")

        # The console away, and another in its place.
        console.signal(signal.SIGKILL)
        console.wait(EVER)
        page.until("#connection", "connection lost")
        page.until("#age", "trying again")
        assert "All is well" not in page.text("#headline")
        stack.enter_context(Process(settings, tmp_path, *listen))
        page.until("#connection", "live")


def worker_name(page: Page, worker: Process) -> str:
    names = page.ask("[...document.querySelectorAll('#workers tbody bdi')].map((found) => found.innerText)")
    return str(next(name for name in names if name.endswith(f":{worker.pid}")))


def forget(model: KafkaHarness, subject: str, event_id: str, **more: Any) -> None:
    send(model._producer, model.settings, [delete(None, subject, event_id=event_id, **more)])


def _fill(model: KafkaHarness) -> None:
    """1,600 records of 200 subjects, and what can't be taken."""
    texts = ("win cash now", "see you at noon", "a prize for you", "the minutes of today")
    rows = (
        insert(f"r{i}", f"user-{i % 200}", label=("spam", "ham")[i % 2], text=f"{texts[i % 4]} {i % 37}")
        for i in range(1600)
    )
    send(model._producer, model.settings, rows)
    for partition, junk in ((0, b'{"type":"delete" junk'), (1, b"\xff\xfe")):
        model._producer.send(model.settings.events_topic, partition, None, junk)
    bad = {"type": "insert", "event_id": "b1", "record_id": "b1", "subject_id": at(0), "label": "what", "text": "x"}
    model._producer.send(model.settings.events_topic, 0, at(0).encode(), json.dumps(bad).encode()).result(EVER)


def _answers(port: int) -> bool:
    import socket

    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def _write(browser: Any) -> None:
    from PIL import Image

    PICTURES.mkdir(exist_ok=True)
    for name, width, scheme, most in (
        ("light", 1280, "light", 1900),
        ("dark", 1280, "dark", 900),
        ("narrow", 400, "light", 1500),
    ):
        picture = Image.open(io.BytesIO(screenshot(browser, width, scheme, most))).convert("RGB")
        picture.quantize(128, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
            PICTURES / f"{name}.png", optimize=True
        )
    wide(browser, 1280)
