"""MicroPython's own repository: a shallow clone of a pinned tag, checked by commit."""
import os
import shutil
import subprocess

from . import pins
from .progress import Failure, say

URL = os.environ.get("MICROPYTHON_URL") or pins.UPSTREAM_URL
REACH_SECONDS = 20
STALLED = ["-c", "http.lowSpeedLimit=1000", "-c", "http.lowSpeedTime=30"]


class Unreachable(Exception):
    """The repository does not answer; another source may do."""


def clone(release, destination):
    """Clone release's tag into the new folder destination.

    Unreachable when the repository does not answer, Failure when the tag there is not
    the pinned commit.
    """
    tag = "v" + release.version
    _reach(tag)
    destination.mkdir()
    _git(destination, "init", "-q")
    _git(destination, "remote", "add", "origin", URL)  # relative URLs of submodules are relative to it
    _git(destination, "fetch", "-q", "--depth", "1", "origin", "refs/tags/%s:refs/tags/%s" % (tag, tag))
    _check(destination, tag, release.commit)
    _git(destination, "-c", "advice.detachedHead=false", "checkout", "-q", tag)
    _submodules(destination)


def _reach(tag):
    try:
        _git(".", "ls-remote", "-q", "--exit-code", URL, "refs/tags/" + tag, timeout=REACH_SECONDS)
    except subprocess.TimeoutExpired:
        raise Unreachable("no answer within %d s" % REACH_SECONDS) from None


def _check(folder, tag, commit):
    found = _git(folder, "rev-parse", tag + "^{commit}").strip()
    if found != commit:
        raise Failure("%s is commit %s at %s instead of the pinned %s; do not use it, and tell us" % (
            tag, found, URL, commit))


def _submodules(folder):
    """Each is pinned by the commit that the checked tree names. They may be missed: see fetch.mbedtls()."""
    for path in pins.SUBMODULES:
        try:
            _git(folder, "submodule", "--quiet", "update", "--init", "--depth", "1", path)
        except Unreachable as error:
            say("submodule %s: %s; going on without it" % (path, error))
            shutil.rmtree(folder / path, ignore_errors=True)  # rather none than a part of it
            (folder / path).mkdir(parents=True)


def _git(folder, *arguments, timeout=None):
    environment = dict(os.environ, GIT_TERMINAL_PROMPT="0", LC_ALL="C")
    done = subprocess.run(["git", *STALLED, *arguments], cwd=folder, env=environment, timeout=timeout,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise Unreachable(lines[-1] if lines else "no such tag" if "ls-remote" in arguments else "git failed")
    return done.stdout
