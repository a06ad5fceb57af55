"""Every version that a build depends on, in one place."""
from typing import NamedTuple


class Release(NamedTuple):
    """A MicroPython release that unosql is built and tested with.

    commit: of the upstream tag. date: its commit time, seconds since 1970, the only
    time that enters an image. orig_sha256: of Debian's tarball of it; None if Debian
    has none.
    """

    version: str
    commit: str
    date: int
    orig_sha256: str | None = None


UPSTREAM_URL = "https://github.com/micropython/micropython.git"

RELEASES = {
    release.version: release
    for release in (
        Release("1.28.0", "e0e9fbb17ed6fd06bb76e266ae554784c9c80804", 1775481169),
        Release("1.27.0", "78ff170de9e32c79db6e64d3e33d2bd60002bdcd", 1765291456),
        Release("1.26.1", "647c8b96cae7e202c7a020395b7cfe65e5b8ce04", 1757564472,
                "f5ad2ec89d3e921f753d448955af98b6005655f84ba26087dde6ba0e8d062f34"),
        Release("1.25.0", "f498a16c7db6d4b2de200b3e0856528dfe0613c3", 1744727310,
                "7b25be99a502f070b2de81dafc08da7051d992325d6e67daa9045a918fffdbea"),
    )
}

# Tried in this order unless MICROPYTHON_VERSION= says otherwise. Debian's testing
# suite moves on and may lose its version; the stable one stays.
PREFERENCE = (("git", "1.28.0"), ("debian", "1.26.1"), ("debian", "1.25.0"))
OLDEST = (1, 25)

# Debian suites that may hold the tarballs above, and those of mbedtls.
SUITES = ("trixie", "forky")

# For trees whose lib/mbedtls submodule is empty: upstream version -> sha256 of
# Debian's tarball, which stays the same when Debian revises its packaging.
MBEDTLS = {
    "3.6.6": "8fb65fae8dcae5840f793c0a334860a411f884cc537ea290ce1c52bb64ca007a",
}

# What builds take from MicroPython's submodules, if the clone can get it.
SUBMODULES = ("lib/mbedtls", "lib/micropython-lib", "lib/berkeley-db-1.xx", "lib/axtls")
# Those without which the image of a real board cannot be built: MicroPython port -> submodules. ESP-IDF
# brings its own mbedtls, and the ESP8266 has axtls in its place.
NEEDED_SUBMODULES = {
    "esp32": ("lib/micropython-lib", "lib/berkeley-db-1.xx"),
    "esp8266": ("lib/micropython-lib", "lib/axtls"),
}


class Repository(NamedTuple):
    """A git repository at a tag whose commit is known."""

    url: str
    tag: str
    commit: str


class Download(NamedTuple):
    url: str
    sha256: str


# What MicroPython 1.28's port READMEs ask for. ESP-IDF pins its compilers in turn, by sha256.
ESP_IDF = Repository(
    "https://github.com/espressif/esp-idf.git", "v5.5.1", "fcae32885b0296b32044cb99ecbdc50d98dddb83")
ESP_IDF_SINCE = (1, 27)  # the first MicroPython that takes this ESP-IDF; 1.26 wants 5.4.2 at most

# Compiler and ESP8266 SDK in one, as MicroPython's own CI takes it (x86-64 Linux).
ESP8266_TOOLCHAIN = Download(
    "https://micropython.org/resources/xtensa-lx106-elf-standalone.tar.gz",
    "f45f755ea8021c24c9b36cc3d363973927857fe4e6279f32e6968abfac38d1ba")

# The npm package behind the page that flashes from a browser: its version and its tarball's sha256.
ESP_WEB_TOOLS = ("10.4.0", "f18da75335d2f0dca044c4bb052848c0696e7b03cc23d61d8530dd6eba0a9008")
