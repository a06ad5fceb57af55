"""A tree that a build may write into, in place of one that stays as it is.

ESP-IDF's component manager puts managed_components/ and lock files beside the CMakeLists.txt that it builds.
"""
import shutil

KEPT = "managed_components"  # what it fetched stays for the next build


def writable(source, port, folder):
    """A fetch.Source in folder: ports/<port> is a copy of source's, all else are links to it. Made anew at each call."""
    copy = folder / "ports" / port
    kept = folder / KEPT
    if (copy / KEPT).exists():
        shutil.rmtree(kept, ignore_errors=True)
        (copy / KEPT).rename(kept)
    shutil.rmtree(folder / "ports", ignore_errors=True)
    _link_all(source.path, folder, ("ports", ".git"))
    _link_all(source.path / "ports", folder / "ports", (port,))
    shutil.copytree(source.path / "ports" / port, copy, symlinks=True, ignore=_of_other_builds)
    if kept.exists():
        shutil.rmtree(copy / KEPT, ignore_errors=True)
        kept.rename(copy / KEPT)
    return source._replace(path=folder)


def _of_other_builds(folder, names):
    return [name for name in names if name.startswith("build-") or name == "__pycache__"]


def _link_all(source, destination, without):
    destination.mkdir(parents=True, exist_ok=True)
    for old in destination.iterdir():
        if old.is_symlink():
            old.unlink()
    for entry in source.iterdir():
        if entry.name not in without:
            (destination / entry.name).symlink_to(entry)
