"""A headless Chromium, driven through the Chrome DevTools Protocol."""
import contextlib
import itertools
import json
import shutil
import subprocess
import tempfile
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

from websockets.sync.client import connect

from firmware.deps import BROWSERS, npm_packages

PROGRAM = next(filter(None, map(shutil.which, BROWSERS)), None)
START_SECONDS = 60
STEP_SECONDS = 60


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@contextlib.contextmanager
def served(folder):
    """Serve the files of a folder on loopback; gives the address, which ends in a slash."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=folder)) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        try:
            yield "http://127.0.0.1:%d/" % http.server_port
        finally:
            http.shutdown()


class Browser:
    """`with Browser() as browser:` then browser.open(url), browser.evaluate(javascript).

    profile: a folder in which what pages store outlasts this browser; None: nothing does.

    problems: what the page reported as errors: exceptions, console errors, failed requests, forbidden content.
    """

    def __init__(self, profile=None):
        self._folder = profile

    def __enter__(self):
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self._process = subprocess.Popen(
            [PROGRAM, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--remote-debugging-port=0", "--user-data-dir=%s" % (self._folder or self._profile.name), "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self._open = contextlib.ExitStack()
        self._numbers = itertools.count(1)
        self._functions = {}
        self.problems = []
        try:
            self._socket = self._open.enter_context(connect(self._endpoint(), max_size=None))
            self._attach()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc):
        self._open.close()
        self._process.terminate()
        self._process.wait(20)
        self._process.stderr.close()
        self._profile.cleanup()

    def _endpoint(self):
        for line in self._process.stderr:
            if "DevTools listening on" in line:
                return line.split()[-1]
        raise RuntimeError("Chromium does not start")

    def _attach(self):
        self._session = None
        self._target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=self._target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")

    def another_tab(self):
        """Go on in a new tab; the one so far stays open."""
        self._attach()

    def close_tab(self):
        """Close the tab, whatever its page does, and go on in a new one."""
        self._session = None
        self.call("Target.closeTarget", targetId=self._target)
        self._attach()

    def kill(self):
        """End the whole browser at once."""
        self._process.kill()

    def call(self, method, **parameters):
        """The result of a DevTools method."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._socket.send(json.dumps(message))
        while True:
            answer = json.loads(self._socket.recv(timeout=STEP_SECONDS))
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError("%s: %s" % (method, answer["error"]["message"]))
                return answer["result"]
            self._note(answer)

    def _note(self, event):
        method, parameters = event.get("method"), event.get("params", {})
        if method == "Runtime.bindingCalled":
            self._functions[parameters["name"]](parameters["payload"])
        if method == "Runtime.exceptionThrown":
            details = parameters["exceptionDetails"]
            self.problems.append(details.get("exception", details).get("description", details["text"]))
        elif method == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.problems.append("%(text)s %(url)s" % dict({"url": ""}, **parameters["entry"]))
        elif method == "Runtime.consoleAPICalled" and parameters["type"] == "error":
            self.problems.append(json.dumps(parameters["args"]))

    def before_load(self, script):
        """Run script in every page opened from now on, before its own scripts."""
        self.call("Page.addScriptToEvaluateOnNewDocument", source=script)

    def provide(self, name, function):
        """Let scripts call name(text), which calls function(text) here while this browser is being used."""
        self._functions[name] = function
        self.call("Runtime.addBinding", name=name)

    def open(self, url):
        self.call("Page.navigate", url=url)
        self.wait("document.readyState == 'complete'")

    def frame(self):
        """What makes evaluate() work in the first frame of the page, beside its scripts."""
        frames = self.call("Page.getFrameTree")["frameTree"]["childFrames"]
        return {"contextId": self.call("Page.createIsolatedWorld", frameId=frames[0]["frame"]["id"])["executionContextId"]}

    def evaluate(self, expression, gesture=False, **where):
        """The value of a JavaScript expression; of a promise, what it resolves to. gesture: as if the user did it. where: frame()."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True,
                           userGesture=gesture, **where)
        if "exceptionDetails" in result:
            raise RuntimeError("%s: %s" % (expression, result["exceptionDetails"]))
        return result["result"].get("value")

    def wait(self, expression, seconds=STEP_SECONDS):
        """Until expression is true, which is returned."""
        end = time.monotonic() + seconds
        while not (value := self.evaluate(expression)):
            if time.monotonic() > end:
                raise TimeoutError("%s did not become true; problems: %s" % (expression, self.problems))
            time.sleep(0.1)
        return value


def axe(browser, frame=False):
    """What axe-core finds wrong with the page, or with the first frame in it: [(rule, element, what to do)]."""
    where = browser.frame() if frame else {}
    browser.evaluate((npm_packages() / "axe-core" / "axe.min.js").read_text() + "; true", **where)
    found = json.loads(browser.evaluate("axe.run().then(r => JSON.stringify(r.violations))", **where))
    return [(one["id"], node["html"][:200], node.get("failureSummary", "")) for one in found for node in one["nodes"]]
