"""Source packages of other Debian suites, without touching the system's package lists."""
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from . import pins
from .progress import Failure

KEYRINGS = ("/usr/share/keyrings/debian-archive-keyring.pgp", "/usr/share/keyrings/debian-archive-keyring.gpg")


class Unavailable(Exception):
    """This machine cannot get the package; another source may do."""


def unpack(package, checksums, destination):
    """Unpack the upstream tarball of a Debian source package as the new folder destination.

    checksums: {upstream version: sha256 of the tarball}; the first version that some
    suite has is taken, and returned. Unavailable when there is none, Failure when the
    tarball is not the pinned one.
    """
    with tempfile.TemporaryDirectory(dir=destination.parent) as folder:
        apt = _Apt(Path(folder))
        version, exact = apt.find(package, checksums)
        tarball = apt.download(package, exact)
        _check(tarball, checksums[version])
        tree = _extract(tarball, Path(folder) / "tree")
        tree.rename(destination)
    return version


def _check(tarball, wanted):
    found = hashlib.sha256(tarball.read_bytes()).hexdigest()
    if found != wanted:
        raise Failure("%s has sha256 %s instead of the pinned %s; do not use it, and tell us" % (
            tarball.name, found, wanted))


def _extract(tarball, folder):
    with tarfile.open(tarball) as archive:
        if hasattr(tarfile, "data_filter"):
            archive.extraction_filter = tarfile.data_filter
        archive.extractall(folder)
    return next(folder.iterdir())


class _Apt:
    """apt with its own list of sources, lists and caches, all in one folder."""

    def __init__(self, folder):
        if not shutil.which("apt-get"):
            raise Unavailable("no apt-get on this system")
        self._folder = folder
        (folder / "lists" / "partial").mkdir(parents=True)
        (folder / "sources.list").write_text(self._sources())
        self._options = [
            "-oDir::Etc::sourcelist=%s/sources.list" % folder, "-oDir::Etc::sourceparts=/dev/null",
            "-oDir::State::lists=%s/lists" % folder, "-oDir::Cache=%s" % folder,
            "-oDebug::NoLocking=1", "-oAPT::Sandbox::User=root", "-oAcquire::Retries=3",
        ]
        self._call("apt-get", "-q", "update")

    def _sources(self):
        keyring = next((" [signed-by=%s]" % k for k in KEYRINGS if Path(k).exists()), "")
        return "".join("deb-src%s %s %s main\n" % (keyring, _mirror(), suite) for suite in pins.SUITES)

    def _call(self, *command):
        done = subprocess.run([command[0], *self._options, *command[1:]], cwd=self._folder,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if line.startswith("E:")] or ["E: no message"]
            raise Unavailable("%s: %s" % (" ".join(command[:3]), lines[0][3:]))
        return done.stdout

    def find(self, package, versions):
        """(upstream version, Debian's version) of the first of versions that a suite has."""
        listed = [line.split()[1] for line in self._call("apt-cache", "showsrc", package).splitlines()
                  if line.startswith("Version: ")]
        for version in versions:
            for exact in listed:
                if exact.split(":")[-1].rpartition("-")[0].partition("+")[0] == version:
                    return version, exact
        raise Unavailable("Debian has %s %s, not %s" % (package, ", ".join(listed) or "nowhere", ", ".join(versions)))

    def download(self, package, exact):
        self._call("apt-get", "-q", "source", "--download-only", "%s=%s" % (package, exact))
        return next(p for p in self._folder.glob("*.orig.tar.*") if not p.name.endswith(".asc"))


def _mirror():
    """The mirror of Debian that this system uses."""
    listed = subprocess.run(["apt-get", "indextargets", "--format", "$(ORIGIN) $(REPO_URI)", "Created-By: Packages"],
                            stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout
    for line in listed.splitlines():
        origin, _, uri = line.partition(" ")
        if origin == "Debian" and "security" not in uri:
            return uri
    raise Unavailable("this system's apt has no mirror of Debian (after `apt-get update`)")
