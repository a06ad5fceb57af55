"""Commands behind the Makefile: `python3 -m firmware help`."""
import inspect
import os
import sys

from . import outcome
from .paths import ROOT, shown, unfit
from .progress import Failure, say


def _deps():
    """install what building, emulating and testing needs"""
    from . import deps

    deps.report()


def _fetch():
    """get MicroPython's source; tries the preferred version again"""
    from . import deps, fetch
    from .lock import building

    with building():
        deps.ensure("unix")
        source = fetch.source(again=True)
        say("MicroPython %s in %s, from %s; mbedtls in %s" % (
            source.version, shown(source.path), source.origin, shown(fetch.mbedtls(source))))


def _unix():
    """build MicroPython for this machine, 64- and 32-bit, unosql inside"""
    from . import targets

    for bits in (64, 32):
        print(shown(targets.unix(bits)))


def _firmware(board="UNOSQL_QEMU_RISCV", *options):
    """build a board's firmware; --dry-run: print what a real board's build would run"""
    from . import espressif, targets

    if "--dry-run" in options:
        espressif.image(board, dry=True)
        return
    image = targets.firmware(board)
    if board not in espressif.boards():  # those have said it already
        espressif.say_costs(espressif.emulated_costs(image))
    print(shown(image))


def _flash(board, *options):
    """write a real board's image to the one attached; PORT=, IMAGE=, ERASE=yes, BAUD=; --dry-run"""
    from . import flash

    given = os.environ.get
    flash.flash(board, given("PORT"), given("IMAGE"), given("ERASE") or None, given("BAUD") or flash.BAUD,
                dry="--dry-run" in options)


def _device_test(*arguments):
    """run the device tests on the real board attached, or on that at PORT="""
    from . import device_test

    device_test.run(os.environ.get("PORT"), arguments)


def _site():
    """make the site, build/site: playground, your board, flash, and docs/ with search"""
    from . import site

    site.build()


def _package():
    """bring package.json, for mip, up to date"""
    from . import mip

    print(shown(mip.write()))


def _docs():
    """bring docs/API.md up to date with the docstrings in modules/"""
    from . import reference

    print(shown(reference.write()))


def _release():
    """collect images, packages, checksums, sizes and the page; REPORT= a test report to publish"""
    from . import release

    release.release(os.environ.get("REPORT"))


def _release_check():
    """what a release takes, as far as any machine can check it; two builds, compared"""
    from . import release

    release.check()


def _script(name, *arguments):
    """run a program of tests/runs in build/venv"""
    from . import run

    return run.script(name, arguments)


def _run(board="UNOSQL_QEMU_RISCV"):
    """build all, boot the emulated board, run the example on it; PORT= or a real BOARD=: on the one attached"""
    from . import run

    if os.environ.get("PORT") or not run.is_emulated(board):
        run.run_on(os.environ.get("PORT"))
    else:
        run.run()


def _fleet():
    """a broker, PostgreSQL, a sink and ten devices on this machine, and a live table of them, until Ctrl-C"""
    from . import deps, run, targets

    deps.ensure("sink")
    targets.unix(64)
    return run.script("show_fleet", ())


def _test(*arguments):
    """build all, then run pytest with the arguments given"""
    from . import run

    return run.test(arguments)


def _emulator():
    """leave an emulated board running until Ctrl-C"""
    from . import session

    session.session(os.environ.get("FLASH"), os.environ.get("HEAP"))


def _sizes():
    """what the firmware costs"""
    from . import sizes

    sizes.report()


COMMANDS = {f.__name__[1:]: f for f in (
    _deps, _fetch, _unix, _firmware, _flash, _run, _fleet, _test, _device_test, _emulator, _sizes,
    _docs, _site, _package, _release, _release_check, _script)}


def _help():
    for name, command in COMMANDS.items():
        print("%-14s %s" % (name, command.__doc__))


def main(arguments):
    name, *rest = arguments or ["help"]
    if name not in COMMANDS:
        _help()
        return 0 if name == "help" else 2
    if reason := unfit(ROOT):
        raise Failure("%s; move the repository elsewhere" % reason)
    try:
        inspect.signature(COMMANDS[name]).bind(*rest)
    except TypeError:
        raise Failure("make %s: what is %r?" % (name.replace("_", "-"), " ".join(rest))) from None
    return COMMANDS[name](*rest)


sys.exit(outcome.status_of(main, sys.argv[1:]))
