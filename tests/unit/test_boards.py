"""The definitions of real boards, as far as they can be checked without their toolchains."""
import importlib.util
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from here import SUPPORT

from firmware import deps, elf, espressif, fetch, partitions, targets, worktree
from firmware.lock import building
from firmware.paths import BOARDS, MODULES, ROOT
from firmware.progress import Failure

REAL = espressif.boards()
ESP32 = [board for board in REAL if espressif.facts(board)["port"] == "esp32"]
ESP8266 = "UNOSQL_ESP8266_GENERIC"
MARCH = {"esp32": "xtensawin", "esp32s3": "xtensawin", "esp32c3": "rv32imc", "esp8266": "xtensa"}
# Boards have one process, _unosql in C, and a catalogue above each store.
PC_ONLY = {"unosql/processes.py", "unosql/kv/crypto.py", "unosql/kv/observer.py", "unosql/twin.py"}
SDKCONFIG_KEY = re.compile(r"^(CONFIG_\w+)=", re.M)
IDF_ONLY = {"CONFIG_APP_REPRODUCIBLE_BUILD"}  # no board of MicroPython's sets it; ESP-IDF's Kconfig has it


@pytest.fixture(scope="module")
def tree():
    with building():
        return fetch.source().path


@pytest.fixture(scope="module")
def mpy_cross():
    return targets.mpy_cross()


@pytest.fixture(scope="module")
def library(tree, tmp_path_factory):
    """micropython-lib; where the tree has none, packages of the names that manifests ask for, with nothing in them."""
    if (tree / "lib" / "micropython-lib" / "README.md").exists():
        return tree / "lib" / "micropython-lib"
    folder = tmp_path_factory.mktemp("micropython-lib")
    asked = set()
    for manifest in [*BOARDS.rglob("manifest.py"), *(tree / "ports").glob("esp*/boards/**/manifest*.py")]:
        asked |= set(re.findall(r'(?<=")[a-z][\w.-]+(?=")', manifest.read_text()))
    for name in asked:
        (folder / "micropython" / name).mkdir(parents=True)
        (folder / "micropython" / name / "manifest.py").write_text("metadata()\n")
    return folder


@pytest.fixture(scope="module")
def frozen(tree, library):
    """Function: board -> what its manifest freezes, as MicroPython's own tool reads it."""
    spec = importlib.util.spec_from_file_location("manifestfile", tree / "tools" / "manifestfile.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)

    def files(board):
        manifest = tool.ManifestFile(tool.MODE_FREEZE, {
            "MPY_DIR": str(tree), "MPY_LIB_DIR": str(library), "BOARD_DIR": str(BOARDS / board),
            "PORT_DIR": str(tree / "ports" / espressif.facts(board)["port"])})
        manifest.execute(str(BOARDS / board / "manifest.py"))
        return manifest.files()

    return files


def test_every_chip_has_a_board():
    assert {espressif.facts(board)["mcu"] for board in REAL} == set(MARCH)


@pytest.mark.parametrize("board", REAL)
def test_manifest_freezes_unosql_once_and_it_compiles(board, frozen, mpy_cross, tmp_path):
    entries = frozen(board)
    names = [entry.target_path for entry in entries]
    assert len(names) == len(set(names))
    left_out = PC_ONLY | (espressif.LARGE if board == ESP8266 else set())
    ours = {str(file.relative_to(MODULES)) for file in MODULES.rglob("*.py")} - left_out
    assert not left_out & set(names)
    assert ours | {"unosql_board.py", "_boot.py", "flashbdev.py", "asyncio/core.py"} <= set(names)
    for entry in entries:
        compile_module(mpy_cross, MARCH[espressif.facts(board)["mcu"]], entry.full_path, tmp_path / "out.mpy")


def compile_module(mpy_cross, march, source, output):
    """Bytes of the .mpy that mpy-cross makes. It names the source as an image does, not by the path of this checkout."""
    source = Path(source)
    name = source.relative_to(MODULES) if source.is_relative_to(MODULES) else source.name
    subprocess.run([mpy_cross, "-march=" + march, "-s", name, "-o", output, source], check=True, stdin=subprocess.DEVNULL)
    return output.stat().st_size


def test_unosql_in_the_emulated_image_is_within_its_budgets():
    """All that a board's image freezes, as it lies in flash, and all of our C."""
    firmware = targets.qemu_firmware()
    costs = {cost.what: cost for cost in espressif.emulated_costs(firmware)}
    python, small, large = costs["its frozen Python, ESP8266"], costs["unosql, ESP8266"], costs["unosql in the image"]
    assert 0 < python.used <= python.budget == espressif.FROZEN_BUDGET
    assert python.used < small.used <= small.budget == espressif.IMAGE_BUDGET
    assert small.used < large.used <= large.budget == espressif.LARGE_BUDGET
    assert espressif.LARGE < set(elf.in_image(firmware))
    left_out = {str(file.relative_to(MODULES)) for file in MODULES.rglob("*.py")} - set(elf.in_image(firmware))
    assert left_out == PC_ONLY and all(sum(sizes) for sizes in elf.in_image(firmware).values())
    assert set(elf.native(firmware)) == {"permafrost", "unosql"} and all(elf.native(firmware).values())


def test_mpy_files_are_what_is_said_of_them(mpy_cross, frozen, tmp_path):
    """Some 9 % more than what they come to in an image, so that a build of a real board tells about what it takes."""
    files = [MODULES / entry.target_path for entry in frozen(ESP8266) if (MODULES / entry.target_path).exists()]
    size = sum(compile_module(mpy_cross, "xtensa", file, tmp_path / "out.mpy") for file in files)
    share = sum(sum(sizes) for name, sizes in elf.in_image(targets.qemu_firmware()).items() if name not in espressif.LARGE)
    assert 1.07 * share < size < 1.11 * share


def test_all_boards_hold_images_with_all_of_the_budget():
    """From the sizes of real images that docs/STATUS.md states, in which unosql took less than it may."""
    status = (ROOT / "docs" / "STATUS.md").read_text()
    room = {chip: espressif.application_cost(0).budget for chip in ("ESP32", "ESP32-S3", "ESP32-C3")}
    sizes = {row[0]: int(row[1].replace(",", "")) for row in re.findall(r"^  \| (ESP32[-\w]*)[^|]* \| ([\d,]+) \|", status, re.M)}
    used, room["ESP8266"] = (int(n.replace(",", "")) for n in re.search(r"code in flash ([\d,]+) of ([\d,]+) bytes", status).groups())
    then = int(re.search(r"unosql took ([\d,]+) bytes of each", status)[1].replace(",", ""))
    sizes["ESP8266"] = used
    assert set(sizes) == set(room)
    for chip, size in sizes.items():
        budget = espressif.IMAGE_BUDGET if chip == "ESP8266" else espressif.LARGE_BUDGET
        assert size + budget - then < 0.9 * room[chip], chip


def test_esp8266_gets_our_division_of_the_flash(frozen):
    own = {entry.target_path: Path(entry.full_path) for entry in frozen(ESP8266)}
    assert own["flashbdev.py"] == BOARDS / ESP8266 / "modules" / "flashbdev.py"


def test_partitions_fit_4_mib():
    table = partitions.read_csv(espressif.PARTITIONS)
    assert partitions.problems(table, 4 << 20) == []
    by_name = {part.name: part for part in table}
    assert by_name["unosql"].type == partitions.TYPES["data"]
    assert by_name["factory"].offset == 0x10000  # where MicroPython's makeimg.py and users of .app-bin expect it
    # MicroPython makes the filesystem from the end of the last partition on.
    assert (4 << 20) - max(part.end for part in table) >= 1 << 20


def test_esp32_application_has_more_room_than_upstreams(tree):
    ours = {part.name: part for part in partitions.read_csv(espressif.PARTITIONS)}
    files = [tree / "ports" / "esp32" / name for name in ("partitions-4MiBplus.csv", "partitions-4MiB.csv")]
    stock = next(file for file in files if file.exists())  # renamed in 1.26
    theirs = {part.name: part for part in partitions.read_csv(stock)}
    assert ours["factory"].size >= theirs["factory"].size + espressif.IMAGE_BUDGET
    assert (ours["nvs"], ours["phy_init"]) == (theirs["nvs"], theirs["phy_init"])


@pytest.mark.parametrize("line, problem", [
    ("more, data, undefined, 0x20F000, 0x1000,", "overlaps"),
    ("more, data, undefined, 0x300800, 0x1000,", "not aligned"),
    ("more, app, ota_0, 0x301000, 0x1000,", "not aligned"),
    ("more, data, undefined, 0x3FF000, 0x2000,", "the flash at"),
    ("unosql, data, undefined, 0x300000, 0x1000,", "two partitions"),
])
def test_bad_partitions_are_found(line, problem, tmp_path):
    file = tmp_path / "partitions.csv"
    file.write_text(espressif.PARTITIONS.read_text() + line + "\n")
    found = partitions.problems(partitions.read_csv(file), 4 << 20)
    assert len(found) == 1 and problem in found[0]


def test_partition_errors_name_the_line(tmp_path):
    file = tmp_path / "partitions.csv"
    file.write_text("# a comment\nnvs, data, nvs, 0x9000,\n")
    with pytest.raises(Failure, match="partitions.csv:2 is no partition"):
        partitions.read_csv(file)


def sdkconfig_keys(files):
    return {key for file in files for key in SDKCONFIG_KEY.findall(file.read_text())}


def test_sdkconfig_keys_are_known_upstream(tree):
    theirs = sdkconfig_keys(tree.glob("ports/esp32/boards/**/sdkconfig*"))
    ours = sdkconfig_keys([*BOARDS.rglob("sdkconfig.*")]) | set(SDKCONFIG_KEY.findall(
        (BOARDS / "common" / "esp32" / "board.cmake").read_text().replace('"', "\n")))
    assert "CONFIG_PARTITION_TABLE_CUSTOM_FILENAME" in ours
    assert ours - theirs == IDF_ONLY


@pytest.mark.parametrize("board", REAL)
def test_board_json_has_upstreams_keys(board, tree):
    theirs = [json.loads(file.read_text()) for file in tree.glob("ports/esp*/boards/*/board.json")]
    ours = espressif.facts(board)
    known = set().union(*theirs)
    assert set(ours) - known <= {"port", "id"}  # "port" is ours; "id" is read by tools/autobuild
    assert set(ours["features"]) <= set().union(*(t["features"] for t in theirs))
    assert ours["mcu"] in {t["mcu"] for t in theirs}


@pytest.mark.parametrize("board", ESP32)
def test_cmake_variables_are_known_upstream_and_files_exist(board, tree):
    port = tree / "ports" / "esp32"
    sets = re.compile(r"(?:set|list\(APPEND)[( ](\w+)")
    theirs = {name for file in port.glob("boards/*/mpconfigboard.cmake") for name in sets.findall(file.read_text())}
    text = (BOARDS / board / "mpconfigboard.cmake").read_text()
    assert set(sets.findall(text)) <= theirs
    for name in re.findall(r"^ +(boards/\S+)", text, re.M):
        assert (port / name).exists(), name
    for name in re.findall(r"\$\{MICROPY_BOARD_DIR\}/([\w./]+)", text):
        assert (BOARDS / board / name).exists(), name


@pytest.mark.skipif(not shutil.which("cmake"), reason="needs cmake")
@pytest.mark.parametrize("board", ESP32)
def test_cmake_evaluates_to_files_that_exist(board, tree, tmp_path):
    script = tmp_path / "evaluate.cmake"
    script.write_text('set(CMAKE_BINARY_DIR "%s")\nset(MICROPY_BOARD_DIR "%s")\n'
                      'include("${MICROPY_BOARD_DIR}/mpconfigboard.cmake")\n'
                      'message("${SDKCONFIG_DEFAULTS};${MICROPY_FROZEN_MANIFEST}")\n' % (tmp_path, BOARDS / board))
    done = subprocess.run(["cmake", "-P", script], check=True, stderr=subprocess.PIPE, text=True)
    files = [tree / "ports" / "esp32" / name for name in done.stderr.strip().split(";")]
    assert len(files) >= 5 and all(file.exists() for file in files)
    last = (tmp_path / "sdkconfig.partitions").read_text()
    assert Path(re.search('FILENAME="(.*)"', last)[1]).samefile(espressif.PARTITIONS)


@pytest.mark.skipif(not shutil.which("cmake"), reason="needs cmake")
@pytest.mark.parametrize("board", ESP32)
def test_no_path_of_this_machine_in_what_cmake_compiles(board, tmp_path):
    """A program in place of the port, in a tree of links as ESP32s are built in; with debug information and __FILE__."""
    port = tmp_path / "given" / "ports" / "esp32"
    port.mkdir(parents=True)
    (tmp_path / "given" / "py").mkdir()
    (tmp_path / "given" / "py" / "py.c").write_text("const char *in_tree(void) { return __FILE__; }\n")
    (port / "main.c").write_text("const char *in_tree(void);\nint main(void) { return in_tree() == __FILE__; }\n")
    (port / "CMakeLists.txt").write_text("""cmake_minimum_required(VERSION 3.12)
include(${MICROPY_BOARD_DIR}/mpconfigboard.cmake)
file(WRITE ${CMAKE_BINARY_DIR}/made.c "const char *made(void) { return __FILE__; }")
project(small C)
add_executable(small main.c ../../py/py.c ${CMAKE_BINARY_DIR}/made.c ${UNOSQL_ROOT}/boards/common/usermods/probe.c)
""")
    root = tmp_path / "project"
    shutil.copytree(BOARDS, root / "boards")
    (root / "boards" / "common" / "usermods" / "probe.c").write_text("const char *probe(void) { return __FILE__; }\n")
    given = fetch.Source(tmp_path / "given", "1.28.0", "", 0, "")
    tree = worktree.writable(given, "esp32", root / "build" / "tree").path
    objects = root / "build" / "obj"
    for command in (["cmake", "-S", tree / "ports" / "esp32", "-B", objects, "-DCMAKE_BUILD_TYPE=Debug",
                     "-DMICROPY_BOARD_DIR=%s" % (root / "boards" / board)], ["cmake", "--build", objects]):
        subprocess.run(command, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    program = (objects / "small").read_bytes()
    assert str(tmp_path).encode() not in program
    for name in (b"micropython/ports/esp32/main.c", b"micropython/py/py.c", b"build/made.c", b"unosql/boards/common/usermods"):
        assert name in program, name


def test_a_tree_to_write_into_leaves_the_given_one_alone(tmp_path):
    given = tmp_path / "given"
    for name in ("py/a.c", "ports/esp32/main.c", "ports/esp32/lockfiles/dependencies.lock.esp32", "ports/unix/main.c",
                 "ports/esp32/build-X/firmware.bin"):
        (given / name).parent.mkdir(parents=True, exist_ok=True)
        (given / name).write_text(name)
    source = fetch.Source(given, "1.28.0", "", 0, "", given=True)
    for turn in range(2):
        before = contents(given)
        copy = worktree.writable(source, "esp32", tmp_path / "copy")
        assert copy == source._replace(path=tmp_path / "copy")
        port = copy.path / "ports" / "esp32"
        assert (port / "main.c").read_text() == (given / "ports" / "esp32" / "main.c").read_text()
        assert (copy.path / "py" / "a.c").samefile(given / "py" / "a.c") and not (port / "build-X").exists()
        assert (copy.path / "ports" / "unix" / "main.c").samefile(given / "ports" / "unix" / "main.c")
        assert (port / "managed_components" / "x").exists() == bool(turn)  # what was fetched need not be fetched again
        (port / "managed_components" / "x").mkdir(parents=True, exist_ok=True)
        (port / "lockfiles" / "dependencies.lock.esp32").write_text("changed")
        assert contents(given) == before
        (given / "ports" / "esp32" / "main.c").write_text("changed by its owner")


def contents(folder):
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def effective(tree, board, tmp_path):
    """{macro: value} that MicroPython sees on a board, with the SDK's headers replaced by empty ones."""
    port = tree / "ports" / espressif.facts(board)["port"]
    for name in re.findall(r'^#include "((?:driver|esp_|freertos)[\w/]*\.h)"', (port / "mpconfigport.h").read_text(), re.M):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    source = tmp_path / "config.c"
    source.write_text('#define CONFIG_IDF_TARGET_ARCH_XTENSA 1\n#define ESP_IDF_VERSION_VAL(a, b, c) 0\n'
                      '#include "py/mpconfig.h"\nDEFLATE=MICROPY_PY_DEFLATE_COMPRESS\nVFS=MICROPY_VFS\n'
                      'CRYPTO=MICROPY_PY_CRYPTOLIB\nNAME=MICROPY_HW_BOARD_NAME\nURANDOM=MICROPY_PY_OS_URANDOM\n')
    done = subprocess.run(["gcc", "-E", "-P", "-I", tmp_path, "-I", BOARDS / board, "-I", port, "-I", tree, source],
                          check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return dict(re.findall(r"^([A-Z]+)=(.*)$", done.stdout, re.M))


@pytest.mark.parametrize("board", REAL)
def test_configuration_as_micropython_sees_it(board, tree, tmp_path):
    values = effective(tree, board, tmp_path)
    assert values["DEFLATE"] == "(1)" and values["VFS"] == "(1)" and values["URANDOM"] == "(1)"
    assert values["CRYPTO"] not in ("(0)", "0")
    assert values["NAME"].startswith('"unosql on ESP')


def test_esp8266_makefile_variables_are_known_upstream(tree):
    port = tree / "ports" / "esp8266"
    known = (port / "Makefile").read_text() + (tree / "py" / "py.mk").read_text() + "".join(f.read_text() for f in port.glob("boards/*/*.mk"))
    text = (BOARDS / ESP8266 / "mpconfigboard.mk").read_text()
    for name in re.findall(r"^(\w+) *=", text, re.M):
        assert re.search(r"\b%s\b" % name, known), name
    script = re.search(r"^LD_FILES = (\S+)", text, re.M)[1]
    assert espressif.irom0_size((port / script).read_text()) == (1024 - 36) * 1024


@pytest.mark.parametrize("bits", [64, 32])
def test_esp8266_flash_device(bits):
    """Every alignment on flash as strict as the chip's, then littlefs and a database on it."""
    path = [SUPPORT / "esp8266", BOARDS / ESP8266 / "modules"]
    done = subprocess.run(
        [targets.unix(bits), "-X", "heapsize=4M", SUPPORT / "esp8266" / "check_flashbdev.py"],
        env={"MICROPYPATH": ":".join(map(str, path)) + ":.frozen"}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout
    checks = re.findall(r"^def (check_\w+)", (SUPPORT / "esp8266" / "check_flashbdev.py").read_text(), re.M)
    assert done.stdout.split() == [word for name in sorted(checks) for word in ("ok", name)]


@pytest.mark.skipif(not shutil.which("xtensa-lx106-elf-gcc"), reason="needs gcc-xtensa-lx106")
def test_esp8266_image_chain(tree, tmp_path):
    """Our esptool and options, and MicroPython's linker script and makeimg.py, make an image of a small program."""
    port = tree / "ports" / "esp8266"
    (tmp_path / "main.c").write_text(
        "void firmware_start(void) { for (;;) {} }\n"
        '__attribute__((section(".irom0.text"))) int in_flash(int a) { return a * 3; }\nint data = 1;\n')
    run = lambda *command: subprocess.run(list(map(str, command)), cwd=port, check=True, capture_output=True)
    gcc = ("xtensa-lx106-elf-gcc", "-Os", "-mlongcalls", "-mtext-section-literals")
    run(*gcc, "-c", tmp_path / "main.c", "-o", tmp_path / "main.o")
    elf = tmp_path / "firmware.elf"
    run("xtensa-lx106-elf-ld", "-nostdlib", "-T", "boards/esp8266_2MiB.ld", "-o", elf, tmp_path / "main.o")
    run(deps.venv_python(), "-m", "esptool", "--chip", "esp8266", "elf2image", elf)
    image = tmp_path / "firmware.bin"
    run("python3", "makeimg.py", "%s-0x00000.bin" % elf, "%s-0x09000.bin" % elf, image)
    from firmware import flash

    assert flash.chip_of(image) == "esp8266" and espressif.flash_size_of(image) == 1 << 20
    marked = tmp_path / "marked.bin"
    espressif.mark_flash_size(image, marked)
    before, after = image.read_bytes(), marked.read_bytes()
    assert espressif.flash_size_of(marked) == 2 << 20 and after[4 : len(before)] == before[4:]
    assert set(after[len(before):]) <= {0xFF}
    sizes = espressif.section_sizes(run("xtensa-lx106-elf-size", "-A", elf).stdout.decode())
    assert sizes[".irom0.text"] > 0 and sizes[".text"] > 0
