"""What a release consists of: workflows, mip packages, checksums, size table, test report."""
import json
import re
import shutil
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml

from test_flash import BOARD, make_image

from firmware import board, espressif, flash, info, mip, page, pins, release, reproducible, sizes, targets, toolchains
from firmware.commands import Commands
from firmware.emulator import Emulator
from firmware.espressif import Cost
from firmware.paths import MODULES, ROOT
from firmware.progress import Failure

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
COMMIT = re.compile(r"[0-9a-f]{40}")


def steps(workflow):
    for job in yaml.safe_load(workflow.read_text())["jobs"].values():
        yield from job.get("steps", ())


def test_workflows_have_the_schema():
    done = subprocess.run([sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows",
                           *WORKFLOWS], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert len(WORKFLOWS) == 2 and done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda w: w.name)
def test_actions_are_pinned_by_commit(workflow):
    for step in steps(workflow):
        if "uses" in step:
            assert COMMIT.fullmatch(step["uses"].partition("@")[2]), step["uses"]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda w: w.name)
def test_workflows_put_no_expression_into_a_script(workflow):
    """A branch or tag can have any name; in a script it would be code."""
    assert not [step["run"] for step in steps(workflow) if "${{" in step.get("run", "")]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda w: w.name)
def test_workflows_call_targets_that_exist(workflow):
    made = [name for step in steps(workflow) for name in re.findall(r"^make ([\w-]+)", step.get("run", ""), re.M)]
    for name in made:
        subprocess.run(["make", "-n", name], cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    assert made


def test_ci_builds_every_board():
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]
    assert jobs["boards"]["strategy"]["matrix"]["board"] == espressif.boards()


def test_package_json_lists_all_modules():
    assert mip.PACKAGE.read_text() == mip.text(mip.package()), "type: make package"
    for target, source in json.loads(mip.PACKAGE.read_text())["urls"]:
        assert (ROOT / source).exists() and source == "modules/" + target


@pytest.fixture
def server(tmp_path):
    """(folder, its URL)"""
    handler = partial(SimpleHTTPRequestHandler, directory=tmp_path)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield tmp_path, "http://127.0.0.1:%d/" % http.server_port
        http.shutdown()


def test_mip_installs_the_compiled_package_on_a_board(server):
    folder, url = server
    mip.compile_to(folder / "mip")
    with Emulator(heap=600 << 10) as emulator:  # what mip installs is loaded into RAM
        board.mpremote(emulator.port, "mip", "install", "--target", "/lib", url + "mip/package.json", capture=True)
        listing = board.mpremote(emulator.port, "exec", (
            "import sys; sys.path.insert(0, '/lib'); import unosql.codec, uzlib, os; "
            "print(unosql.codec.__file__, uzlib.__file__); folders = ['/lib/unosql']\n"
            "for folder in folders:\n"
            "    folders += [folder + '/' + e[0] for e in os.ilistdir(folder) if e[1] == 0x4000]\n"
            "    print(*[folder + '/' + e[0] for e in os.ilistdir(folder) if e[1] == 0x8000])"), capture=True)
    modules = ["/lib/" + file.relative_to(MODULES).with_suffix(".mpy").as_posix() for file in (MODULES / "unosql").rglob("*.py")]
    assert listing.split()[:2] == ["/lib/unosql/codec.mpy", "/lib/uzlib.mpy"] and sorted(listing.split()[2:]) == sorted(modules)


def test_release_names_are_micropythons():
    name = info.image_name("UNOSQL_ESP32_GENERIC")
    assert re.fullmatch(r"UNOSQL_ESP32_GENERIC-\d{8}-v(\d+\.\d+\.\d+\S*)", name)[1] == info.version()


def test_checksums_are_what_sha256sum_takes(tmp_path):
    for name in ("a.bin", "b c.txt"):
        (tmp_path / name).write_text(name)
    (tmp_path / "SHA256SUMS").write_text(release.checksums(tmp_path))
    check = partial(subprocess.run, ["sha256sum", "-c", "SHA256SUMS"], cwd=tmp_path, capture_output=True)
    assert check().returncode == 0
    (tmp_path / "a.bin").write_text("changed")
    assert check().returncode != 0


def test_size_table_has_a_row_a_cost(tmp_path):
    espressif.write_costs(tmp_path / "BOARD-1.sizes.json", [Cost("application", 50, 200), Cost("bytecode", 1, 3)])
    assert release.size_table(tmp_path).splitlines()[2:] == [
        "| BOARD-1 | application | 50 | 200 | 25 % |", "| BOARD-1 | bytecode | 1 | 3 | 33 % |"]


def test_make_sizes_tells_of_the_images_built(tmp_path, monkeypatch):
    monkeypatch.setattr(espressif, "IMAGES", tmp_path)
    name = espressif.boards()[0]
    (tmp_path / (name + "-20260101-v1.bin")).write_bytes(bytes(1000))
    espressif.write_costs(tmp_path / (name + "-20260101-v1.sizes.json"), [Cost("application", 900, 1800)])
    lines = list(sizes.built())
    assert lines[:2] == [name + "-20260101-v1.bin: 1000 bytes", "  application                      900 of      1800 bytes,  50 %"]
    assert lines[2:] == ["%s: not built here; make firmware BOARD=%s" % (other, other) for other in espressif.boards()[1:]]
    (tmp_path / (name + "-20260101-v1.sizes.json")).write_bytes(b"\xff")
    assert "not built here" in next(sizes.built())


@pytest.mark.skipif(not shutil.which("npm"), reason="needs npm, which fetches what the pages are made of")
def test_a_release_has_all_its_files(tmp_path, monkeypatch):
    """The whole of `make release`, with stand-ins for the images and for ESP Web Tools."""
    for module, name in ((espressif, "IMAGES"), (release, "BUILD"), (release, "HOME"), (page, "HOME"), (page, "web_tools")):
        (tmp_path / module.__name__ / name).mkdir(parents=True)
        monkeypatch.setattr(module, name, tmp_path / module.__name__ / name)
    (page.web_tools / "LICENSE").write_text("")
    monkeypatch.setattr(page, "web_tools", lambda folder=page.web_tools: folder)
    for kind, name in BOARD.items():
        image = make_image(espressif.IMAGES, kind)
        image.rename(espressif.IMAGES / (info.image_name(name) + ".bin"))
        espressif.write_costs(espressif.IMAGES / (info.image_name(name) + ".sizes.json"), [Cost("application", 1, 2)])
    (tmp_path / "tests.xml").write_text('<testsuites><testsuite><testcase name="a"/></testsuite></testsuites>')
    release.release(tmp_path / "tests.xml")
    names = {info.image_name(name) for name in BOARD.values()}
    assert {file.name for file in release.HOME.iterdir()} == {
        "SHA256SUMS", "SIZES.md", "TESTS.md", "tests.xml", "unosql-mip-v%s.tar.gz" % info.version(),
        info.image_name(targets.QEMU) + ".elf", info.image_name(targets.QEMU) + ".sizes.json",
        *(name + ".bin" for name in names), *(name + ".sizes.json" for name in names)}
    assert all(name + " | " in (release.HOME / "SIZES.md").read_text() for name in names)
    for folder in (release.HOME, page.HOME):
        subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=folder, check=True, stdin=subprocess.DEVNULL)
    assert len((page.HOME / "SHA256SUMS").read_text().splitlines()) == len(BOARD)
    assert (page.HOME / "mip" / "unosql" / "core.mpy").exists()


@pytest.mark.parametrize("inside, released", [
    ('<testcase name="a"/><testcase name="b"><skipped message="no board"/></testcase>', True),
    ('<testcase name="a"/><testcase name="b"><failure message="x"/></testcase>', False),
    ('<testcase name="a"/><testcase name="b"><error message="x"/></testcase>', False),
    ('<testcase name="b"><skipped message="no board"/></testcase>', False),
])
def test_no_release_with_failed_or_no_tests(inside, released, tmp_path):
    report = tmp_path / "in.xml"
    report.write_text("<testsuites><testsuite>%s</testsuite></testsuites>" % inside)
    if released:
        release.add_report(report, tmp_path)
        assert "1 passed, 1 skipped" in (tmp_path / "TESTS.md").read_text()
        assert "- skipped: b: no board" in (tmp_path / "TESTS.md").read_text()
    else:
        with pytest.raises(Failure, match="no release"):
            release.add_report(report, tmp_path)


def test_the_tag_must_be_the_version():
    release.check_tag(None)
    release.check_tag("v" + info.version())
    with pytest.raises(Failure, match="the tag is v99.0"):
        release.check_tag("v99.0")


def test_without_images_there_is_no_release(tmp_path, monkeypatch):
    monkeypatch.setattr(espressif, "IMAGES", tmp_path)
    with pytest.raises(Failure, match="no image of UNOSQL_ESP32_GENERIC here"):
        flash.newest("UNOSQL_ESP32_GENERIC")


@pytest.mark.parametrize("first, second, at", [
    (b"abc", b"abc", None), (b"abc", b"abd", 2), (b"abc", b"ab", 2), (b"", b"a", 0)])
def test_differences_are_found(first, second, at):
    assert reproducible.difference(first, second) == at


def test_two_builds_are_identical(capsys):
    reproducible.check()
    assert re.search(r"two builds of UNOSQL_QEMU_RISCV are identical, \d{6,} bytes", capsys.readouterr().err)


def test_what_is_downloaded_must_be_what_is_pinned(server):
    folder, url = server
    (folder / "tool.tar.gz").write_bytes(b"other")
    with pytest.raises(Failure, match="instead of the pinned 0000"):
        toolchains.download(pins.Download(url + "tool.tar.gz", "0" * 64), folder / "got")
    assert not (folder / "got").exists()
    with pytest.raises(Failure, match="cannot be had"):
        toolchains.download(pins.Download(url + "absent", "0" * 64), folder / "got")


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """Function: (name, submodules) -> (folder, commit) of a new repository with a file of its name, tagged v1."""
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv("GIT_%s_NAME" % name, "a")
        monkeypatch.setenv("GIT_%s_EMAIL" % name, "a@example.org")
    # submodules from files are forbidden by default
    for name, value in (("COUNT", "1"), ("KEY_0", "protocol.file.allow"), ("VALUE_0", "always")):
        monkeypatch.setenv("GIT_CONFIG_" + name, value)

    def make(name, submodules=()):
        folder = tmp_path / name
        git = partial(subprocess.run, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        git(["git", "init", "-q", folder])
        (folder / (folder.name + ".txt")).write_text(name)
        git(["git", "-C", folder, "config", "uploadpack.allowFilter", "true"])
        git(["git", "-C", folder, "config", "uploadpack.allowAnySHA1InWant", "true"])
        git(["git", "-C", folder, "remote", "add", "origin", folder.as_uri()])
        for url in submodules:
            git(["git", "-C", folder, "submodule", "--quiet", "add", url, "sub/" + url.rpartition("/")[2]])
        git(["git", "-C", folder, "add", "."])
        git(["git", "-C", folder, "commit", "-q", "-m", "x"])
        git(["git", "-C", folder, "tag", "v1"])
        return folder, git(["git", "-C", folder, "rev-parse", "HEAD"]).stdout.strip()

    return make


def test_a_clone_must_be_of_the_pinned_commit(tmp_path, repository):
    origin, commit = repository("origin")
    pin = pins.Repository(origin.as_uri(), "v1", commit)
    toolchains.clone(pin, tmp_path / "good", Commands())
    assert (tmp_path / "good" / ".git").exists()
    with pytest.raises(Failure, match="instead of the pinned"):
        toolchains.clone(pin._replace(commit="0" * 40), tmp_path / "bad", Commands())
    assert not (tmp_path / "bad").exists()


def test_a_clone_has_submodules_whose_urls_are_relative(tmp_path, repository):
    """As ESP-IDF's, ../../owner/name, and their own submodules: relative to the repository, not to the clone."""
    repository("hub/deep/inner")
    repository("hub/other/middle", ["../../deep/inner"])
    origin, commit = repository("hub/owner/outer", ["../../other/middle"])
    toolchains.clone(pins.Repository(origin.as_uri(), "v1", commit), tmp_path / "far" / "off" / "clone", Commands())
    middle = tmp_path / "far" / "off" / "clone" / "sub" / "middle"
    assert (middle / "middle.txt").read_text() == "hub/other/middle"
    assert (middle / "sub" / "inner" / "inner.txt").read_text() == "hub/deep/inner"


@pytest.fixture
def nothing_given(monkeypatch):
    """No source and no toolchain of the user's."""
    for name in ("IDF_PATH", "IDF_TOOLS_PATH", "ESP8266_TOOLCHAIN", "MICROPYTHON_DIR", "MICROPYTHON_VERSION"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("name", espressif.boards())
def test_dry_run_prints_the_build(name, capsys, nothing_given):
    assert espressif.image(name, dry=True) is None
    lines = capsys.readouterr().out.splitlines()
    assert "BOARD=" + name in lines[-1] and " make -j" in lines[-1]
    pinned = pins.ESP8266_TOOLCHAIN.sha256 if "8266" in name else pins.ESP_IDF.tag
    assert any(pinned in line for line in lines)


@pytest.mark.parametrize("name", ["UNOSQL_QEMU_RISCV", "TOASTER"])
def test_dry_run_of_what_is_no_real_board(name):
    with pytest.raises(Failure, match="%s is no board with a chip of Espressif's; there are: UNOSQL_ESP32" % name):
        espressif.image(name, dry=True)


def test_micropython_too_old_for_the_esp_idf_is_refused(nothing_given, monkeypatch):
    monkeypatch.setenv("MICROPYTHON_VERSION", "1.26.1")
    with pytest.raises(Failure, match="needs MicroPython 1.27 or later: 1.26.1 does not build with ESP-IDF v5.5.1"):
        espressif.image("UNOSQL_ESP32_GENERIC", dry=True)
    assert espressif.image("UNOSQL_ESP8266_GENERIC", dry=True) is None


def make_idf(folder, version):
    """What an ESP-IDF has that toolchains.py looks at."""
    (folder / "tools" / "cmake").mkdir(parents=True)
    (folder / "tools" / "cmake" / "version.cmake").write_text("".join(
        "set(IDF_VERSION_%s %s)\n" % pair for pair in zip(("MAJOR", "MINOR", "PATCH"), version.strip("v").split("."))))
    (folder / "export.sh").write_text(
        'echo "Checking ..."\nexport IDF_PATH=%s IDF_PYTHON_ENV_PATH=/env PATH="/compilers:$PATH"\n' % folder)
    return folder


@pytest.mark.parametrize("exported_before", [False, True])
def test_a_given_esp_idf_brings_its_variables(exported_before, tmp_path, nothing_given, monkeypatch):
    """Also to a shell that has run export.sh, where the variables do not change: builds get no others."""
    idf = make_idf(tmp_path / "idf", pins.ESP_IDF.tag)
    monkeypatch.setenv("IDF_PATH", str(idf))
    if exported_before:
        monkeypatch.setenv("IDF_PYTHON_ENV_PATH", "/env")
    found = toolchains.esp_idf(Commands())
    assert (found["IDF_PATH"], found["IDF_PYTHON_ENV_PATH"]) == (str(idf), "/env")
    assert found["PATH"].startswith("/compilers:")
    assert "IDF_TOOLS_PATH" not in found  # where the user's install.sh has put them


def test_another_esp_idf_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("IDF_PATH", str(make_idf(tmp_path / "idf", "5.1.0")))
    with pytest.raises(Failure, match="is ESP-IDF v5.1.0; unosql's images take " + pins.ESP_IDF.tag):
        toolchains.esp_idf(Commands())


def test_the_build_is_named_on_the_device():
    with Emulator() as emulator:
        said = board.mpremote(emulator.port, "exec", "import unosql, unosql_board; print(unosql.__version__); "
                              "print(unosql_board.BUILD)", capture=True).splitlines()
    assert said[0] == info.version() and "MicroPython" in said[1] and said[0] in said[1]
