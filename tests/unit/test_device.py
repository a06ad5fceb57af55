"""Each test function of tests/device/ on each target, on files and on raw flash: one pytest item each."""
import ast

import pytest
import targets
from here import DEVICE
from targets.schedule import Job, Schedule, Session

TARGETS = pytest.StashKey()
QUIET = 120  # seconds a test may take, unless its module has a constant QUIET


def constants(module):
    """The names of a device module's tests, and its constants, without importing it."""
    names, values = [], {}
    for node in ast.parse((DEVICE / (module + ".py")).read_text()).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            names.append(node.name)
        elif isinstance(node, ast.Assign) and node.targets[0].id in ("MODES", "QUIET", "FREE_HEAP", "CHANGES_CODE"):
            values[node.targets[0].id] = ast.literal_eval(node.value)
    return names, values


def modules():
    return sorted(path.stem for path in DEVICE.glob("test_*.py"))


def items(target):
    """pytest's parameters (session, name) of all device tests on one target."""
    for module in modules():
        names, values = constants(module)
        if values.get("CHANGES_CODE") and target not in ("host", "unix", "unix32"):
            continue  # it is in flash there
        for mode in values.get("MODES", ("files", "flash")):
            for name in names:
                yield pytest.param(Session(target, mode, module), name, id="%s-%s-%s::%s" % (
                    target, mode, module, name))


def found(target, config):
    """The items of one target; when it is not here one that is skipped, or an error when it was asked for."""
    try:
        config.stash.setdefault(TARGETS, {})[target] = targets.make(target, config.getoption("source"))
    except (targets.Missing, ValueError) as e:
        if config.getoption("target"):
            raise pytest.UsageError("--target %s: %s" % (target, e))
        return [pytest.param(None, None, id=target, marks=pytest.mark.skip(reason="%s needs %s" % (target, e)))]
    return items(target)


def pytest_generate_tests(metafunc):
    if metafunc.function is test_device:
        names = metafunc.config.getoption("target") or targets.DEFAULT
        metafunc.parametrize("session, name", [p for name in names for p in found(name, metafunc.config)])


@pytest.fixture(scope="session")
def schedule(request, tmp_path_factory):
    """All sessions that the selected items need, running in the background."""
    config, wanted = request.config, {}
    for item in request.session.items:
        if item.originalname == "test_device" and item.callspec.params["session"]:
            wanted.setdefault(item.callspec.params["session"], []).append(item.callspec.params["name"])
    jobs = {session: job(session, names, tmp_path_factory.mktemp("-".join(session[:3]).replace("/", "_")))
            for session, names in wanted.items()}
    schedule = Schedule(jobs, config.stash[TARGETS].get, config.getoption("jobs"))
    yield schedule
    schedule.close()
    for target in config.stash[TARGETS].values():
        target.close()


def job(session, names, directory):
    values = constants(session.module)[1]
    return Job(session.module, session.mode, names, directory, values.get("QUIET", QUIET), values.get("FREE_HEAP", 0),
               values.get("CHANGES_CODE", False))


def test_device(session, name, schedule, request):
    result = schedule.result(session, name)
    request.node.user_properties += [("ms", result.ms), ("free_heap", result.free)]
    print(result.output)
    if result.outcome == "skip":
        pytest.skip(result.note)
    if result.outcome != "ok":
        pytest.fail(result.note, pytrace=False)
