"""The page that flashes from a browser: web/, ESP Web Tools, its manifest and the images."""
import html
import json
import shutil
import tempfile
from pathlib import Path

from . import espressif, flash, info, pins, toolchains
from .commands import Commands
from .paths import BUILD, ROOT
from .progress import Failure

WEB = ROOT / "web"
HOME = BUILD / "page"
IMAGE = '      <section><h3>%s: <a href="%s">%s</a></h3><pre>%s</pre></section>'
FAMILIES = {"esp32": "ESP32", "esp32c3": "ESP32-C3", "esp32s3": "ESP32-S3", "esp8266": "ESP8266"}


def build(images, destination=HOME):
    """Make the page's folder anew, from image files with the names of a release; the folder."""
    shutil.rmtree(destination, ignore_errors=True)
    shutil.copytree(WEB, destination)
    shutil.copytree(web_tools(), destination / "esp-web-tools")
    for image in images:
        shutil.copy2(image, destination)
    entries = manifest(images)
    (destination / "manifest.json").write_text(json.dumps(entries, indent=2) + "\n")
    page = destination / "index.html"
    page.write_text(page.read_text().replace("{version}", html.escape(entries["version"])).replace("{images}", listed(entries)))
    return destination


def listed(entries):
    """HTML: each image of a manifest with the esptool line for it, so that it is there without scripts."""
    return "\n".join(IMAGE % (html.escape(build["chipFamily"]), html.escape(part["path"]), html.escape(part["path"]),
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
