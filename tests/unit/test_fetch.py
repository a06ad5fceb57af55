"""Getting MicroPython's source: what is wrong or unreachable is told in one line, and nothing half-done is kept."""
import hashlib
import os
import subprocess
import tarfile
from functools import partial

import pytest

from firmware import debian, fetch, pins, upstream
from firmware.progress import Failure

HEADER = "#define MICROPY_VERSION_MAJOR 1\n#define MICROPY_VERSION_MINOR %d\n#define MICROPY_VERSION_MICRO 0\n"

# Stands in for apt-get and apt-cache: knows one source package, kept in $PACKAGES.
APT = """#!/bin/sh
while [ "${1#-}" != "$1" ]; do shift; done
case "$1" in
indextargets) echo "Debian file:/a/mirror" ;;
update) [ -z "$BROKEN" ] || { echo "E: no route to the mirror" >&2; exit 100; } ;;
showsrc) cat "$PACKAGES/$2.versions" ;;
source) for last; do :; done; cp "$PACKAGES/${last%%=*}"_*.orig.tar.xz . ;;
esac
"""


@pytest.fixture(autouse=True)
def nowhere(monkeypatch, tmp_path):
    """No source at all: no repository, no Debian, an empty build/src, nothing asked for."""
    for name in ("MICROPYTHON_DIR", "MICROPYTHON_VERSION", "MBEDTLS_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(fetch, "SOURCES", tmp_path / "src")
    monkeypatch.setattr(upstream, "URL", str(tmp_path / "no-repository"))
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("apt-get", "apt-cache"):
        (programs / name).write_text(APT)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", "%s:%s" % (programs, os.environ["PATH"]))
    monkeypatch.setenv("PACKAGES", str(tmp_path))
    for package in ("micropython", "mbedtls"):
        (tmp_path / (package + ".versions")).write_text("")


@pytest.fixture
def package(tmp_path):
    """Function: a Debian source package of one file comes into being; the sha256 of its tarball."""
    def make(name, version, file):
        tree = tmp_path / "tree" / file
        tree.parent.mkdir(parents=True)
        tree.write_text("text")
        tarball = tmp_path / ("%s_%s.orig.tar.xz" % (name, version))
        with tarfile.open(tarball, "w:xz") as archive:
            archive.add(tmp_path / "tree", name + "-" + version)
        (tmp_path / (name + ".versions")).write_text("Package: %s\nVersion: %s+ds-1\n" % (name, version))
        return hashlib.sha256(tarball.read_bytes()).hexdigest()
    return make


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A git repository with tags v1.28.0, upstream's in these tests; its commit."""
    folder = tmp_path / "repository"

    def git(*arguments):
        return subprocess.run(["git", "-c", "user.name=x", "-c", "user.email=x@example.org", *arguments],
                              cwd=folder, check=True, capture_output=True, text=True).stdout.strip()

    folder.mkdir()
    git("init", "-q")
    (folder / "file").write_text("text")
    git("add", ".")
    git("commit", "-q", "-m", "release")
    git("tag", "-a", "v1.28.0", "-m", "v1.28.0")
    monkeypatch.setattr(upstream, "URL", folder.as_uri())
    return git("rev-parse", "HEAD")


def pin(monkeypatch, version, **fields):
    release = pins.RELEASES[version]._replace(**fields)
    monkeypatch.setitem(pins.RELEASES, version, release)


def left_over(tmp_path):
    return sorted(p.name for p in (tmp_path / "src").iterdir()) if (tmp_path / "src").exists() else []


def test_clone_of_the_pinned_commit(repository, monkeypatch, tmp_path):
    pin(monkeypatch, "1.28.0", commit=repository)
    found = fetch.source()
    assert (found.path / "file").read_text() == "text"
    assert (found.version, found.commit) == ("1.28.0", repository)
    assert left_over(tmp_path) == ["micropython-1.28.0-git"]
    monkeypatch.setattr(upstream, "URL", "/nowhere")
    assert fetch.source() == found  # from what is there, without asking anyone


def test_another_commit_than_the_pinned_one(repository, tmp_path):
    with pytest.raises(Failure, match="v1.28.0 is commit %s .* instead of the pinned" % repository):
        fetch.source()
    assert left_over(tmp_path) == []


def test_unreachable_repository_falls_back_to_debian(package, monkeypatch, tmp_path, capfd):
    pin(monkeypatch, "1.26.1", orig_sha256=package("micropython", "1.26.1", "py/mpconfig.h"))
    found = fetch.source()
    assert found.version == "1.26.1" and (found.path / "py" / "mpconfig.h").exists()
    assert left_over(tmp_path) == ["micropython-1.26.1-debian"]
    said = capfd.readouterr().err
    assert "MicroPython 1.28.0 from git cannot be had here" in said
    assert "using MicroPython 1.26.1 from Debian's source package" in said


def test_testing_moved_on_falls_back_to_stable(package, monkeypatch):
    pin(monkeypatch, "1.25.0", orig_sha256=package("micropython", "1.25.0", "py/mpconfig.h"))
    assert fetch.source().version == "1.25.0"


def test_tarball_with_another_checksum(package, tmp_path):
    found = package("micropython", "1.26.1", "py/mpconfig.h")
    with pytest.raises(Failure, match="has sha256 %s instead of the pinned %s" % (
            found, pins.RELEASES["1.26.1"].orig_sha256)):
        fetch.source()
    assert left_over(tmp_path) == []


def test_tarball_that_is_cut_off(package, monkeypatch, tmp_path):
    """As checked, so never unpacked; what an interrupted run left is removed by the next."""
    package("micropython", "1.26.1", "py/mpconfig.h")
    tarball = next(tmp_path.glob("*.orig.tar.xz"))
    tarball.write_bytes(tarball.read_bytes()[:-20])
    (tmp_path / "src" / ".partial-killed" / "tree").mkdir(parents=True)
    with pytest.raises(Failure, match="sha256"):
        fetch.source()
    assert left_over(tmp_path) == []


def test_no_source_at_all(tmp_path, monkeypatch):
    monkeypatch.setenv("BROKEN", "1")
    with pytest.raises(Failure, match="no source of MicroPython can be reached; give a tree with MICROPYTHON_DIR="):
        fetch.source()
    assert left_over(tmp_path) == []


def test_version_asked_for(package, monkeypatch):
    monkeypatch.setenv("MICROPYTHON_VERSION", "1.25.0")
    pin(monkeypatch, "1.25.0", orig_sha256=package("micropython", "1.25.0", "py/mpconfig.h"))
    assert fetch.source().version == "1.25.0"


def test_version_that_is_not_pinned(monkeypatch):
    monkeypatch.setenv("MICROPYTHON_VERSION", "1.20.0")
    with pytest.raises(Failure, match="MICROPYTHON_VERSION=1.20.0 is not pinned; take one of 1.28.0"):
        fetch.source()


def test_given_tree(monkeypatch, tmp_path):
    (tmp_path / "mine" / "py").mkdir(parents=True)
    (tmp_path / "mine" / "py" / "mpconfig.h").write_text(HEADER % 27)
    monkeypatch.setenv("MICROPYTHON_DIR", str(tmp_path / "mine"))
    found = fetch.source()
    assert (found.path, found.version, found.given) == (tmp_path / "mine", "1.27.0", True)


def test_given_tree_is_named_by_its_commit_and_not_its_path(monkeypatch, tmp_path):
    (tmp_path / "py").mkdir()
    (tmp_path / "py" / "mpconfig.h").write_text(HEADER % 27)
    monkeypatch.setenv("MICROPYTHON_DIR", str(tmp_path))
    assert fetch.source()[2:5:2] == ("unknown", "a tree without its commit")
    git = partial(subprocess.run, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL, cwd=tmp_path)
    git(["git", "init", "-q"])
    git(["git", "add", "py"])
    git(["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-q", "-m", "x"])
    commit = git(["git", "rev-parse", "HEAD"]).stdout.strip()
    assert fetch.source()[2:5:2] == (commit, "a checkout of commit " + commit[:10])
    (tmp_path / "py" / "mpconfig.h").write_text(HEADER % 28)
    assert fetch.source().origin == "a checkout of commit %s, changed" % commit[:10]


@pytest.mark.parametrize("port, lacking", [
    ("esp32", "lib/micropython-lib, lib/berkeley-db-1.xx"), ("esp8266", "lib/micropython-lib, lib/axtls")])
def test_given_tree_lacks_submodules(port, lacking, monkeypatch, tmp_path):
    """Those that the port takes: none asks for lib/mbedtls."""
    (tmp_path / "py").mkdir()
    (tmp_path / "py" / "mpconfig.h").write_text(HEADER % 28)
    monkeypatch.setenv("MICROPYTHON_DIR", str(tmp_path))
    with pytest.raises(Failure, match="lacks %s and is no git checkout" % lacking):
        fetch.complete_source(port)
    (tmp_path / ".git").mkdir()
    with pytest.raises(Failure, match="submodule update --init --depth 1 %s" % lacking.replace(",", "")):
        fetch.complete_source(port)
    for name in lacking.split(", "):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "README.md").touch()
    assert fetch.complete_source(port).path == tmp_path


def test_given_tree_is_too_old(monkeypatch, tmp_path):
    (tmp_path / "mine" / "py").mkdir(parents=True)
    (tmp_path / "mine" / "py" / "mpconfig.h").write_text(HEADER % 24)
    monkeypatch.setenv("MICROPYTHON_DIR", str(tmp_path / "mine"))
    with pytest.raises(Failure, match="is version 1.24.0; unosql needs 1.25 or later"):
        fetch.source()


def test_given_tree_is_none(monkeypatch, tmp_path):
    monkeypatch.setenv("MICROPYTHON_DIR", str(tmp_path / "nothing"))
    with pytest.raises(Failure, match="is no MicroPython tree: it has no py/mpconfig.h"):
        fetch.source()


def test_mbedtls_of_the_tree(tmp_path):
    (tmp_path / "lib" / "mbedtls" / "library").mkdir(parents=True)
    (tmp_path / "lib" / "mbedtls" / "library" / "aes.c").touch()
    tree = fetch.Source(tmp_path, "1.28.0", "", 0, "")
    assert fetch.mbedtls(tree) == tmp_path / "lib" / "mbedtls"


def test_mbedtls_of_debian(package, monkeypatch, tmp_path):
    tree = fetch.Source(tmp_path, "1.28.0", "", 0, "")
    monkeypatch.setattr(pins, "MBEDTLS", {"3.6.0": package("mbedtls", "3.6.0", "library/aes.c")})
    assert fetch.mbedtls(tree) == tmp_path / "src" / "mbedtls-3.6.0"
    assert fetch._is_mbedtls(fetch.mbedtls(tree))


def test_no_mbedtls(tmp_path):
    with pytest.raises(Failure, match="give a tree with MBEDTLS_DIR="):
        fetch.mbedtls(fetch.Source(tmp_path, "1.28.0", "", 0, ""))
    assert left_over(tmp_path) == []


def test_given_mbedtls_is_none(monkeypatch, tmp_path):
    monkeypatch.setenv("MBEDTLS_DIR", str(tmp_path))
    with pytest.raises(Failure, match="is no mbedtls tree"):
        fetch.mbedtls(fetch.Source(tmp_path, "1.28.0", "", 0, ""))


def test_system_without_apt(monkeypatch, tmp_path):
    monkeypatch.setattr(debian.shutil, "which", lambda name: None)
    with pytest.raises(Failure, match="no apt-get on this system"):
        fetch.source()
