"""The compilers and SDKs of real boards, at the versions of pins.py, checked, in build/toolchains.

IDF_PATH= and ESP8266_TOOLCHAIN= name ones that are installed already.
"""
import hashlib
import os
import re
import shutil
import tarfile
import urllib.error
import urllib.request
from pathlib import Path

from . import pins
from .paths import BUILD, shown
from .progress import Failure, Step

HOME = BUILD / "toolchains"
ESP32_CHIPS = ("esp32", "esp32c3", "esp32s3")
ESP8266_GCC = "xtensa-lx106-elf-gcc"
TIMEOUT = 60  # seconds without an answer


def esp_idf(commands):
    """The environment variables that ESP-IDF's tools need, installed if need be."""
    if given := os.environ.get("IDF_PATH"):  # its tools are where its install.sh has put them
        idf = _given_idf(Path(given).expanduser().resolve())
        return _exported(idf, {"IDF_PATH": str(idf)}, commands)
    idf = _own_idf(commands)
    environment = {"IDF_PATH": str(idf), "IDF_TOOLS_PATH": os.environ.get("IDF_TOOLS_PATH", str(HOME / "espressif"))}
    _install_idf_tools(idf, environment, commands)
    return _exported(idf, environment, commands)


def _own_idf(commands):
    idf = HOME / ("esp-idf-" + pins.ESP_IDF.tag)
    if not idf.exists():
        clone(pins.ESP_IDF, idf, commands)
    return idf


def clone(repository, destination, commands):
    """A shallow clone with submodules, there under its name only when whole and of the pinned commit."""
    partial = destination.with_name(destination.name + ".partial")
    if not commands.dry:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
    git = ("git", "-C", partial)
    commands.run("git", "init", "-q", partial, quiet=True)
    commands.run(*git, "remote", "add", "origin", repository.url, quiet=True)  # relative URLs of submodules are relative to it
    commands.run(*git, "fetch", "-q", "--depth", "1", "origin", "refs/tags/%s:refs/tags/%s" % (
        repository.tag, repository.tag), quiet=True)
    found = commands.run(*git, "rev-parse", repository.tag + "^{commit}", quiet=True).strip()
    if not commands.dry and found != repository.commit:
        raise Failure("%s at %s is commit %s instead of the pinned %s; do not use it, and tell us" % (
            repository.tag, repository.url, found, repository.commit))
    commands.run(*git, "-c", "advice.detachedHead=false", "checkout", "-q", repository.tag, quiet=True)
    commands.run(*git, "submodule", "update", "--init", "--recursive", "--filter=tree:0", quiet=True)
    commands.run("mv", partial, destination)


def _given_idf(idf):
    """A user's ESP-IDF, if it is the pinned version."""
    try:
        text = (idf / "tools" / "cmake" / "version.cmake").read_text()
    except OSError:
        raise Failure("IDF_PATH=%s is no ESP-IDF: it has no tools/cmake/version.cmake" % idf) from None
    version = "v" + ".".join(re.findall(r"set\(IDF_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)\)", text))
    if version != pins.ESP_IDF.tag:
        raise Failure("IDF_PATH=%s is ESP-IDF %s; unosql's images take %s. Unset IDF_PATH to have it installed" % (
            idf, version, pins.ESP_IDF.tag))
    return idf


def _install_idf_tools(idf, environment, commands):
    """Compilers and Python packages, by ESP-IDF's own installer, which checks sha256 sums."""
    done = HOME / ("esp-idf-%s.installed" % pins.ESP_IDF.tag)
    if not done.exists() or done.read_text() != str(idf):  # its programs name their folder
        commands.run(idf / "install.sh", ",".join(ESP32_CHIPS), environment=dict(os.environ, **environment))
        if not commands.dry:
            done.write_text(str(idf))


def _exported(idf, environment, commands):
    """The variables that ESP-IDF's export.sh sets, on top of environment.

    Those that the caller's shell has already count too, when it has run export.sh itself: a build gets nothing else.
    """
    output = commands.run(
        "bash", "-c", '. "$0/export.sh" >&2 && printf "\\0" && env -0', idf, environment=dict(os.environ, **environment), quiet=True)
    if commands.dry:
        return environment
    after = dict(line.partition("=")[::2] for line in output.split("\0")[1:] if line)  # behind what export.sh says
    return {name: value for name, value in after.items()
            if os.environ.get(name) != value or name.startswith(("IDF_", "ESP_"))}


def esp8266(commands):
    """The folder of the ESP8266 compiler's programs, installed if need be."""
    given = os.environ.get("ESP8266_TOOLCHAIN")
    home = Path(given) if given else HOME / "xtensa-lx106-elf"
    if not given and not home.exists():
        _download_esp8266(home, commands)
    if not commands.dry and not (home / "bin" / ESP8266_GCC).exists():
        raise Failure("%s has no bin/%s" % (shown(home), ESP8266_GCC))
    return home / "bin"


def _download_esp8266(home, commands):
    if commands.dry:
        print("download %s # sha256 %s, unpacked as %s" % (*pins.ESP8266_TOOLCHAIN, shown(home)))
        return
    HOME.mkdir(parents=True, exist_ok=True)
    with Step("downloading the ESP8266 compiler and SDK"):
        archive = download(pins.ESP8266_TOOLCHAIN, HOME / "xtensa-lx106-elf.tar.gz")
        unpacked = unpack(archive, HOME / "xtensa-lx106-elf.partial") / "xtensa-lx106-elf"
        (unpacked / "bin" / "esptool.py").unlink(missing_ok=True)  # an old one; ours comes from requirements.txt
        unpacked.rename(home)


def download(pin, file):
    """Fetch a pins.Download into file; Failure when it is not what was pinned."""
    try:
        with urllib.request.urlopen(pin.url, timeout=TIMEOUT) as response, open(file, "wb") as out:
            shutil.copyfileobj(response, out)
    except (urllib.error.URLError, OSError) as error:
        raise Failure("%s cannot be had: %s" % (pin.url, error)) from None
    check(file, pin.sha256)
    return file


def check(file, sha256):
    """Failure, and the file is gone, unless it has this digest."""
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    if found != sha256:
        file.unlink()
        raise Failure("%s has sha256 %s instead of the pinned %s; it was removed; tell us" % (
            file.name, found, sha256))


def unpack(archive, folder):
    """Unpack a tar archive into the new folder; the folder."""
    shutil.rmtree(folder, ignore_errors=True)
    with tarfile.open(archive) as tar:
        if hasattr(tarfile, "data_filter"):
            tar.extraction_filter = tarfile.tar_filter
        tar.extractall(folder)
    return folder
