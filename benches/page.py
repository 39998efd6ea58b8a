#!/usr/bin/python3
"""The page in Chromium: what it weighs, when it shows the house's state, and whom else it asks."""

import json
import shutil
import statistics
import subprocess
import sys
import time
import urllib.parse
import urllib.request

from house import House, command_line, free_port, machine

PAGES = ["set_up", "cameras", "activity", "settings", "diagnostics", "cameras/door", "nowhere"]
# When the first state of the house is on the screen, ms after the navigation began.
WATCH = """
new MutationObserver((_, watch) => {
  if (!document.querySelector("main h1")) return;
  requestAnimationFrame(() => requestAnimationFrame(() => (window.ready_ms ??= performance.now())));
  watch.disconnect();
}).observe(document, { childList: true, subtree: true });
"""
LOADED = """
return performance.getEntries().filter((one) => one.encodedBodySize !== undefined)
  .map((one) => [one.name, one.encodedBodySize, one.transferSize])
"""


class Browser:
    """Chromium by its driver, without a library."""

    def __init__(self):
        driver, browser = shutil.which("chromedriver"), shutil.which("chromium")
        if not driver or not browser:
            sys.exit("chromium and its driver are missing: run `make setup-test`")
        port = free_port()
        self.process = subprocess.Popen([driver, f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.address = f"http://127.0.0.1:{port}"
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        options = {"binary": browser, "args": arguments + ["--disable-dev-shm-usage", "--accept-lang=en"]}
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"performance": "ALL"}}
        for _ in range(100):
            try:
                self.session = self.ask("/session", capabilities={"alwaysMatch": wanted})["sessionId"]
                break
            except OSError:
                time.sleep(0.1)
        else:
            sys.exit("chromedriver does not start")
        self.address += f"/session/{self.session}"
        self.cdp("Page.addScriptToEvaluateOnNewDocument", source=WATCH)

    def ask(self, path, **content):
        request = urllib.request.Request(self.address + path, json.dumps(content).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as reply:
            return json.load(reply)["value"]

    def cdp(self, command, **parameters):
        return self.ask("/goog/cdp/execute", cmd=command, params=parameters)

    def open(self, address):
        self.ask("/url", url=address)

    def run(self, script):
        return self.ask("/execute/sync", script=script, args=[])

    def asked(self):
        """Addresses of all that was asked for since the last look."""
        events = (json.loads(entry["message"])["message"] for entry in self.ask("/se/log", type="performance"))
        return [one["params"]["request"]["url"] for one in events if one["method"] == "Network.requestWillBeSent"]

    def close(self):
        request = urllib.request.Request(self.address, method="DELETE")
        urllib.request.urlopen(request, timeout=30).close()
        self.process.kill()
        self.process.wait()


def ready(browser, page):
    browser.open("about:blank")
    browser.open(page)
    for _ in range(200):
        if (taken := browser.run("return window.ready_ms")) is not None:
            return taken
        time.sleep(0.05)
    sys.exit("the page shows nothing")


def weight(browser, page):
    """Bytes of every file of the page, as they are sent, when all of its pages were seen."""
    for name in PAGES:
        browser.run(f"location.hash = '#/{name}'")
        time.sleep(0.5)
    loaded = browser.run(LOADED)
    return {name: size for name, size, _ in loaded if name.startswith(page) and "/api/" not in name}


def main():
    parser = command_line(__doc__)
    parser.add_argument("--runs", type=int, default=11)
    options = parser.parse_args()
    print(machine())
    house = House([("door", "test:", False)], options.doorstep)
    browser = Browser()
    page = f"http://127.0.0.1:{house.ui_port}/"
    try:
        ready(browser, page)
        browser.asked()
        cold, warm = [], []
        for _ in range(options.runs):
            browser.cdp("Network.clearBrowserCache")
            cold.append(ready(browser, page))
            files = weight(browser, page)
            warm.append(ready(browser, page))
        home = urllib.parse.urlsplit(page).netloc
        asked = [urllib.parse.urlsplit(one) for one in browser.asked()]
        outside = [one.geturl() for one in asked if one.scheme in ("http", "https", "ws", "wss") and one.netloc != home]
    finally:
        browser.close()
        house.stop()
    print(f"weight: {sum(files.values()) / 1000:.1f} kB in {len(files)} files, as sent (aim: 60)")
    for name, times in (("nothing cached", cold), ("seen before", warm)):
        print(f"ready, {name}: {statistics.median(times):.0f} ms (median of {len(times)}), {max(times):.0f} at most (aim: 500)")
    print(f"requests: {len(asked)}, of them to other hosts: {len(outside)} (aim: 0) {' '.join(outside)}")


main()
