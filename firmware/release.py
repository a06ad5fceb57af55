"""`make release`: one folder with all that a release publishes. `make release-check`: what of it can be tried anywhere.

The images are built before, each by `make firmware BOARD=`; a public CI does that on several machines.
"""
import os
import shutil
import tarfile
import xml.etree.ElementTree as xml
from pathlib import Path

from . import espressif, info, mip, page, reproducible, site, targets
from .paths import BUILD, shown
from .progress import Failure, say

HOME = BUILD / "release"
SUMS = page.SUMS
ENDINGS = ("bin", "app-bin", "elf", "map", "uf2")


def release(report=None):
    """Collect everything in build/release, and the page in build/page. report: pytest's JUnit XML file.

    Failure when an image is missing, or the report has failures.
    """
    check_tag(os.environ.get("RELEASE_TAG"))
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir(parents=True)
    if report:
        add_report(Path(report), HOME)
    images = page.release_images()
    for image in images:
        add_image(image, HOME)
    add_emulated(HOME)
    add_packages(HOME)
    (HOME / "SIZES.md").write_text(size_table(HOME))
    (HOME / SUMS).write_text(checksums(HOME))
    publish_page(images)
    say("%s holds %d files" % (shown(HOME), len(list(HOME.iterdir()))))


def add_image(image, destination):
    """Copy an image and what was made beside it."""
    for ending in (*ENDINGS, "sizes.json"):
        file = image.with_name("%s.%s" % (image.name.removesuffix(".bin"), ending))
        if file.exists():
            shutil.copy2(file, destination)


def add_emulated(destination):
    """The emulated board's image is published too: everybody can run what the tests ran on. Budget: an ESP32's."""
    firmware = targets.qemu_firmware()
    name = info.image_name(targets.QEMU)
    shutil.copy2(firmware, destination / (name + ".elf"))
    espressif.write_costs(destination / (name + ".sizes.json"), espressif.emulated_costs(firmware))


def add_packages(destination):
    """The mip package of compiled modules, as one archive."""
    folder = mip.compile_to(BUILD / "mip")
    with tarfile.open(destination / ("unosql-mip-v%s.tar.gz" % info.version()), "w:gz") as archive:
        archive.add(folder, "mip")


def add_report(report, destination):
    """Copy the test report and say in TESTS.md what it says. Failure when tests failed or none ran."""
    summary = summarise(report)
    if summary["failed"] or not summary["passed"]:
        raise Failure("%s: %d tests failed, %d passed; no release" % (report, summary["failed"], summary["passed"]))
    shutil.copy2(report, destination / "tests.xml")
    (destination / "TESTS.md").write_text("# Test report\n\n%d passed, %d skipped.\n\n%s\n" % (
        summary["passed"], summary["skipped"], "\n".join("- skipped: " + name for name in summary["names"])))


def summarise(report):
    """{"passed", "failed", "skipped": numbers, "names": what was skipped and why} of a JUnit XML file."""
    summary = {"passed": 0, "failed": 0, "skipped": 0, "names": []}
    try:
        cases = xml.parse(report).iter("testcase")
    except xml.ParseError as error:
        raise Failure("%s is no test report: %s" % (report, error)) from None
    for case in cases:
        kinds = {child.tag for child in case}
        if kinds & {"failure", "error"}:
            summary["failed"] += 1
        elif "skipped" in kinds:
            summary["skipped"] += 1
            summary["names"].append("%s: %s" % (case.get("name"), case.find("skipped").get("message")))
        else:
            summary["passed"] += 1
    return summary


def size_table(folder):
    """Markdown: what each image uses of each budget."""
    rows = ["| image | what | bytes | of | used |", "|---|---|---:|---:|---:|"]
    for file in sorted(folder.glob("*.sizes.json")):
        for cost in espressif.read_costs(file):
            rows.append("| %s | %s | %d | %d | %d %% |" % (
                file.name.removesuffix(".sizes.json"), cost.what, cost.used, cost.budget,
                100 * cost.used // cost.budget))
    return "\n".join(rows) + "\n"


def checksums(folder):
    """The content of SHA256SUMS: `sha256sum -c` checks the files of folder with it."""
    return page.checksums(file for file in folder.iterdir() if file.name != SUMS)


def publish_page(images):
    """The site, with the mip package and the checksums of the images beside it."""
    home = page.build(images, page.HOME)
    shutil.copytree(BUILD / "mip", home / "mip")
    site.docs(home / "docs")
    page.add_source(home)
    (home / SUMS).write_text("".join(line + "\n" for line in checksums(HOME).splitlines()
                                     if (home / line.split()[1]).exists()))
    say("the page is in %s" % shown(home))


def check():
    """What a release takes and needs no toolchain of Espressif's. Failure names what is wrong."""
    if mip.PACKAGE.read_text() != mip.text(mip.package()):
        raise Failure("package.json does not list what modules/ holds; type: make package")
    check_tag(os.environ.get("RELEASE_TAG"))
    for board in espressif.boards():
        espressif.image(board, dry=True)
    reproducible.check()


def check_tag(tag):
    """Failure when tag, of the commit that is released, is not that of unosql.__version__."""
    if tag and tag != "v" + info.version():
        raise Failure("the tag is %s, unosql.__version__ is %s" % (tag, info.version()))
