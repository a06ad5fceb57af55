"""The harness itself: whatever a target does, each test gets a result that tells the truth."""
import os
import sys

import pytest
import targets
from targets.process import DEVICE, Program
from targets.report import Report
from targets.schedule import Job, Schedule, Session

MODULE = '''
import os, time
from runner import Skip

def test_good():
    print("said something")

def test_bad():
    print("about to fail", end="")
    assert 1 == 2, "one is not two"

def test_skipped():
    raise Skip("needs a moon")

def test_crash():
    print("last words", flush=True)
    os._exit(7)

def test_hang():
    print("so long", flush=True)
    time.sleep(60)
'''


@pytest.fixture
def run(tmp_path):
    """Runs tests of MODULE on this Python and returns their results."""
    (tmp_path / "test_sample.py").write_text(MODULE)
    (tmp_path / "test_broken.py").write_text("import nothing_of_this_name\n")
    program = Program(lambda: [sys.executable], PYTHONPATH="%s%s%s" % (DEVICE, os.pathsep, tmp_path))
    return lambda *names, module="test_sample": program.run(Job(module, "files", names, tmp_path, 2))


def test_good_bad_and_skipped(run):
    results = run("test_bad", "test_skipped", "test_good")
    assert [results[n].outcome for n in ("test_bad", "test_skipped", "test_good")] == ["fail", "skip", "ok"]
    assert "one is not two" in results["test_bad"].note
    assert "about to fail" in results["test_bad"].output and "line 10" in results["test_bad"].output
    assert results["test_skipped"].note == "needs a moon"
    assert results["test_good"].output == "said something"
    assert results["test_good"].ms >= 0


def test_crash_fails_the_rest(run):
    results = run("test_good", "test_crash", "test_skipped")
    assert results["test_good"].outcome == "ok"
    for name in ("test_crash", "test_skipped"):
        assert results[name].outcome == "fail"
        assert "status 7" in results[name].note and "test_crash" in results[name].note
        assert "last words" in results[name].output


def test_hang_is_ended_and_fails_the_rest(run):
    results = run("test_good", "test_hang", "test_bad")
    assert results["test_good"].outcome == "ok"
    for name in ("test_hang", "test_bad"):
        assert results[name].outcome == "fail"
        assert "no output for 2 s" in results[name].note and "test_hang" in results[name].note


def test_module_that_cannot_be_imported(run):
    results = run("test_any", module="test_broken")
    assert results["test_any"].outcome == "fail"
    assert "nothing_of_this_name" in results["test_any"].output


def test_name_that_is_not_there(run):
    assert run("test_forgotten")["test_forgotten"].outcome == "fail"


def test_report_without_any_output():
    assert Report(["test_a"]).finish("silence")["test_a"].outcome == "fail"


class Fake:
    """A target that counts how many sessions run at a time."""

    def __init__(self):
        self.running = self.most = 0

    def run(self, job):
        self.running += 1
        self.most = max(self.most, self.running)
        self.running -= 1
        if job.module == "test_broken":
            raise RuntimeError("lost")
        return {name: (job.module, name) for name in job.names}


def test_schedule_runs_each_session_once():
    fake = Fake()
    jobs = {Session("qemu", "files", "test_%d" % n): Job("test_%d" % n, "files", ["a", "b"], None, 1) for n in range(4)}
    jobs[Session("host", "flash", "test_broken")] = Job("test_broken", "flash", ["c"], None, 1)
    schedule = Schedule(jobs, lambda name: fake, workers=2)
    for session in list(jobs)[:4]:
        assert schedule.result(session, "b") == (session.module, "b")
    with pytest.raises(RuntimeError, match="lost"):
        schedule.result(Session("host", "flash", "test_broken"), "c")
    schedule.close()


def test_unknown_target():
    with pytest.raises(ValueError, match="serial:PORT"):
        targets.make("toaster")


def test_port_that_is_not_there(tmp_path):
    results = targets.make("serial:/dev/not-there").run(Job("test_x", "files", ["test_a"], tmp_path, 1))
    assert results["test_a"].outcome == "fail"
    assert "/dev/not-there" in results["test_a"].note
