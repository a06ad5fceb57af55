"""MicroPython's source: which tree to build from, and getting it.

A tree of our own lies in build/src and carries a stamp that is written before the tree
gets its name, so a tree with a name is whole. It is never changed afterwards.
"""
import contextlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

from . import debian, pins, upstream
from .paths import SOURCES, shown, unfit
from .progress import Failure, Step, say

STAMP = ".unosql-source.json"


class Source(NamedTuple):
    """A MicroPython tree. origin: where it came from, for people. date: seconds since 1970.
    given: it is the user's, who may change it at any time."""

    path: Path
    version: str
    commit: str
    date: int
    origin: str
    given: bool = False

    @property
    def key(self):
        """Name of the folder under build/ that holds what is built from this tree."""
        return "given-" + self.version if self.given else self.version


def source(again=False):
    """The tree that the environment asks for, fetched if need be.

    MICROPYTHON_DIR: this tree. MICROPYTHON_VERSION: a key of pins.RELEASES. Neither:
    the first of pins.PREFERENCE that is here already, else the first to be had.
    again: try the preferred ones even if another one is here.
    """
    if given := os.environ.get("MICROPYTHON_DIR"):
        return _given(Path(given).expanduser().resolve())
    wanted = _wanted()
    if not again:
        for kind, version in wanted:
            if (tree := _tree(kind, version)).exists():
                return _stamped(tree)
    return _fetch(wanted)


def complete_source(port):
    """As source(), but a tree with the submodules that boards of a port need, which Debian's package lacks."""
    found = source() if os.environ.get("MICROPYTHON_DIR") else _upstream_source()
    lacking = [name for name in pins.NEEDED_SUBMODULES[port] if not any((found.path / name).glob("*"))]
    if not lacking:
        return found
    if (found.path / ".git").exists():
        raise Failure("%s lacks submodules; type: git -C %s submodule update --init --depth 1 %s" % (
            shown(found.path), shown(found.path), " ".join(lacking)))
    raise Failure("%s lacks %s and is no git checkout: give a clone of MicroPython's repository" % (
        shown(found.path), ", ".join(lacking)))


def _upstream_source():
    wanted = [choice for choice in _wanted() if choice[0] == "git"]
    here = [tree for choice in wanted if (tree := _tree(*choice)).exists()]
    return _stamped(here[0]) if here else _fetch(wanted)


def planned_source():
    """The Source that complete_source() would take, not fetched yet; prints how it would be."""
    if os.environ.get("MICROPYTHON_DIR"):
        return source()
    version = next(version for kind, version in _wanted() if kind == "git")
    release = pins.RELEASES[version]
    print("make fetch MICROPYTHON_VERSION=" + version)
    return Source(_tree("git", version), version, release.commit, release.date, "the upstream repository")


def _wanted():
    version = os.environ.get("MICROPYTHON_VERSION")
    if not version:
        return pins.PREFERENCE
    if version not in pins.RELEASES:
        raise Failure("MICROPYTHON_VERSION=%s is not pinned; take one of %s, or MICROPYTHON_DIR=" % (
            version, ", ".join(pins.RELEASES)))
    return (("git", version), ("debian", version))


def _tree(kind, version):
    return SOURCES / ("micropython-%s-%s" % (version, kind))


def _stamped(tree):
    try:
        return Source(tree, **json.loads((tree / STAMP).read_text()))
    except (OSError, ValueError, TypeError):
        raise Failure("%s is not as it was fetched: its %s cannot be read; remove it and try again" % (
            shown(tree), STAMP)) from None


def _fetch(wanted):
    reasons = []
    for kind, version in wanted:
        tree = _tree(kind, version)
        try:
            if not tree.exists():
                _fetch_tree(kind, pins.RELEASES[version], tree)
            found = _stamped(tree)
            say("using MicroPython %s from %s" % (version, found.origin))
            return found
        except (upstream.Unreachable, debian.Unavailable) as error:
            reasons.append("%s %s: %s" % (kind, version, error))
            say("MicroPython %s from %s cannot be had here (%s)" % (version, kind, error))
    raise Failure("no source of MicroPython can be reached; give a tree with MICROPYTHON_DIR= (tried %s)" % (
        "; ".join(reasons)))


def _fetch_git(release, tree):
    with Step("cloning MicroPython v%s" % release.version):
        upstream.clone(release, tree)
    return "the upstream repository, commit " + release.commit[:10]


def _fetch_debian(release, tree):
    if not release.orig_sha256:
        raise debian.Unavailable("Debian has no package of it")
    with Step("getting Debian's source of MicroPython %s" % release.version):
        debian.unpack("micropython", {release.version: release.orig_sha256}, tree)
    return "Debian's source package, sha256 " + release.orig_sha256[:10]


_FETCH = {"git": _fetch_git, "debian": _fetch_debian}


def _fetch_tree(kind, release, tree):
    with _scratch() as folder:
        partial = folder / "tree"
        origin = _FETCH[kind](release, partial)
        stamp = {"version": release.version, "commit": release.commit, "date": release.date, "origin": origin}
        (partial / STAMP).write_text(json.dumps(stamp))
        partial.rename(tree)


@contextlib.contextmanager
def _scratch():
    """A folder beside the final ones, for what is not whole yet."""
    SOURCES.mkdir(parents=True, exist_ok=True)
    for abandoned in SOURCES.glob(".partial-*"):  # by a process that was killed; we hold the lock
        shutil.rmtree(abandoned)
    with tempfile.TemporaryDirectory(dir=SOURCES, prefix=".partial-") as folder:
        yield Path(folder)


def _given(tree):
    header = tree / "py" / "mpconfig.h"
    if not header.exists():
        raise Failure("MICROPYTHON_DIR=%s is no MicroPython tree: it has no py/mpconfig.h" % tree)
    if reason := unfit(tree):
        raise Failure("MICROPYTHON_DIR: " + reason)
    version = _version(header.read_text(errors="replace"))
    if not version:
        raise Failure("MICROPYTHON_DIR=%s is no MicroPython tree: its py/mpconfig.h tells no version" % tree)
    if tuple(map(int, version.split(".")[:2])) < pins.OLDEST:
        raise Failure("MICROPYTHON_DIR=%s is version %s; unosql needs 1.25 or later" % (tree, version))
    release = pins.RELEASES.get(version)
    date = release.date if release else next(iter(pins.RELEASES.values())).date
    commit, origin = _commit(tree)
    return Source(tree, version, commit, date, origin, given=True)


def _commit(tree):
    """(commit, what the image says of it) of a user's tree. The image names no path: it would differ between machines."""
    git = ("git", "--no-optional-locks", "-C", str(tree))  # for the tree stays as it is
    quiet = {"capture_output": True, "text": True, "stdin": subprocess.DEVNULL}
    found = subprocess.run([*git, "rev-parse", "HEAD"], **quiet) if (tree / ".git").exists() else None
    if not found or found.returncode:
        return "unknown", "a tree without its commit"
    commit = found.stdout.strip()
    changed = subprocess.run([*git, "status", "--porcelain", "--untracked-files=no", "--ignore-submodules"], **quiet)
    return commit, "a checkout of commit %s%s" % (commit[:10], ", changed" if changed.stdout else "")


def _version(header):
    numbers = dict(re.findall(r"#define MICROPY_VERSION_(MAJOR|MINOR|MICRO|PRERELEASE) (\d+)", header))
    return "%(MAJOR)s.%(MINOR)s.%(MICRO)s" % numbers if numbers.keys() >= {"MAJOR", "MINOR", "MICRO"} else ""


def mbedtls(tree):
    """The mbedtls that goes with a Source: its submodule, or Debian's source of a pinned version."""
    if given := os.environ.get("MBEDTLS_DIR"):
        return _with_aes(Path(given).expanduser().resolve(), "MBEDTLS_DIR=%s" % given)
    submodule = tree.path / "lib" / "mbedtls"
    if _is_mbedtls(submodule):
        return submodule
    for version in pins.MBEDTLS:
        if (folder := SOURCES / ("mbedtls-" + version)).exists():
            return folder
    return _fetch_mbedtls()


def _is_mbedtls(folder):
    return (folder / "library" / "aes.c").exists()


def _with_aes(folder, name):
    if not _is_mbedtls(folder):
        raise Failure("%s is no mbedtls tree: it has no library/aes.c" % name)
    if reason := unfit(folder):
        raise Failure("MBEDTLS_DIR: " + reason)
    return folder


def _fetch_mbedtls():
    try:
        with Step("getting Debian's source of mbedtls"), _scratch() as folder:
            version = debian.unpack("mbedtls", pins.MBEDTLS, folder / "tree")
            return (folder / "tree").rename(SOURCES / ("mbedtls-" + version))
    except debian.Unavailable as error:
        raise Failure("MicroPython's lib/mbedtls is empty and Debian's source cannot be had (%s); "
                      "give a tree with MBEDTLS_DIR=" % error) from None
