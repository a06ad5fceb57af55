"""The site without its documentation: the pages of web/, and what the one that flashes from a browser takes: ESP Web Tools, manifest, images."""
import hashlib
import html
import json
import shutil
import tempfile
from pathlib import Path

from . import espressif, flash, info, pins, toolchains, web
from .commands import Commands
from .paths import BUILD, ROOT
from .progress import Failure

HOME = BUILD / "page"
IMAGE = '      <section><h3>%s: <a href="%s">%s</a></h3><pre>%s</pre></section>'
SUMS = "SHA256SUMS"
NO_IMAGES = """      <p class="note">This copy of the site was built without images: the page of a release has them, and
         <code>make firmware BOARD=</code> builds one.</p>"""
FAMILIES = {"esp32": "ESP32", "esp32c3": "ESP32-C3", "esp32s3": "ESP32-S3", "esp8266": "ESP8266"}


def build(images, destination=HOME):
    """Make the site's folder anew, from image files with the names of a release, or without any; the folder."""
    shutil.rmtree(destination, ignore_errors=True)
    entries, tools = manifest(images), web_tools()
    web.build(destination, {"images": listed(entries) if images else NO_IMAGES},
              {"ESP Web Tools %s: Apache-2.0" % pins.ESP_WEB_TOOLS[0]: (tools / "LICENSE").read_text()})
    shutil.copytree(tools, destination / "esp-web-tools")
    for image in images:
        shutil.copy2(image, destination)
    if images:
        (destination / "manifest.json").write_text(json.dumps(entries, indent=2) + "\n")
        (destination / SUMS).write_text(checksums(images))
    return destination


def checksums(files):
    """What `sha256sum -c` checks files with."""
    return "".join("%s  %s\n" % (hashlib.sha256(file.read_bytes()).hexdigest(), file.name) for file in sorted(files))


def add_source(home):
    """The repository's files, as one archive beside the pages: a link to them works wherever that is."""
    Commands().run("git", "archive", "--prefix=unosql/", "-o", home / "unosql-source.tar.gz", "HEAD", cwd=ROOT, quiet=True)


def listed(entries):
    """HTML: each image of a manifest with the esptool line for it, so that it is there without scripts."""
    return "\n".join([*_rows(entries), '      <p>Checksums: <a href="%s">%s</a>.</p>' % (SUMS, SUMS)])


def _rows(entries):
    return (IMAGE % (html.escape(build["chipFamily"]), html.escape(part["path"]), html.escape(part["path"]),
                     esptool_line(build["chipFamily"], part["path"], part["offset"]))
            for build in entries["builds"] for part in build["parts"])


def esptool_line(family, path, offset):
    """What writes an image with esptool."""
    chip = next(chip for chip, name in FAMILIES.items() if name == family)
    return html.escape("esptool --chip %s write-flash --flash-size detect %#x %s" % (chip, offset, path))


def manifest(images):
    """What ESP Web Tools reads: it finds the chip itself and takes the build for it."""
    builds = []
    for image in sorted(images):
        chip = flash.chip_of(image)
        if chip not in FAMILIES:
            raise Failure("%s is for %s, which the page does not offer" % (image.name, chip))
        if chip == "esp8266" and (espressif.flash_size_of(image) or 0) < espressif.ESP8266_FLASH:
            raise Failure("%s says that the flash is smaller than unosql needs, and the page flashes it as it is" % image.name)
        builds.append({"chipFamily": FAMILIES[chip], "parts": [
            {"path": image.name, "offset": flash.OFFSETS.get(chip, 0)}]})
    families = [entry["chipFamily"] for entry in builds]
    if len(set(families)) < len(families):
        raise Failure("two images for one chip: %s" % ", ".join(sorted(image.name for image in images)))
    return {"name": "unosql", "version": info.version(), "new_install_prompt_erase": True,
            "new_install_improv_wait_time": 0, "builds": builds}


def images_here():
    """The newest image of each board with a chip of Espressif's, of those that were built."""
    return [flash.newest(board) for board in espressif.boards() if any(espressif.IMAGES.glob("%s-[0-9]*.bin" % board))]


def release_images():
    """The newest image of every board with a chip of Espressif's. Failure when one is missing."""
    return [flash.newest(board) for board in espressif.boards()]


def web_tools(commands=None):
    """The folder of ESP Web Tools' files for browsers, from the npm package of the pinned version, checked."""
    version, sha256 = pins.ESP_WEB_TOOLS
    home = toolchains.HOME / ("esp-web-tools-" + version)
    if not home.exists():
        toolchains.HOME.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=toolchains.HOME) as folder:
            (commands or Commands()).run("npm", "pack", "--silent", "esp-web-tools@" + version, cwd=folder, quiet=True)
            archive = next(Path(folder).glob("*.tgz"))
            toolchains.check(archive, sha256)
            package = toolchains.unpack(archive, Path(folder) / "unpacked") / "package"
            shutil.copy2(package / "LICENSE", package / "dist" / "web")
            (package / "dist" / "web").rename(home)
    return home
