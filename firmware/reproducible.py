"""`make reproducible`: builds the emulated board's image twice, from nothing, and compares the bytes."""
import shutil

from . import deps, fetch, info, targets
from .build import build
from .lock import building
from .paths import BUILD, shown
from .progress import Failure, say

NAMES = ("reproducible-1", "reproducible-second")  # folders of unlike names: no path may enter the image


def check():
    """Failure when the two builds differ; names the first byte that does."""
    with building():
        deps.ensure("qemu")
        source = fetch.source()
        product, before = targets.qemu_product(targets.QEMU, source), info.describe(source)
        images = [_build_afresh(product._replace(name=name), source) for name in NAMES]
        if info.describe(source) != before:
            raise Failure("modules/ changed while the images were built; try again")
        first, second = (image.read_bytes() for image in images)
    at = difference(first, second)
    if at is not None:
        raise Failure("two builds differ, from byte %d on: %s and %s" % (at, *map(shown, images)))
    say("two builds of %s are identical, %d bytes" % (targets.QEMU, len(first)))


def difference(first, second):
    """Offset of the first byte in which two bytes objects differ, or None."""
    if first == second:
        return None
    pairs = enumerate(zip(first, second))
    return next((at for at, (a, b) in pairs if a != b), min(len(first), len(second)))


def _build_afresh(product, source):
    shutil.rmtree(BUILD / source.key / product.name, ignore_errors=True)
    return build(product, source)
