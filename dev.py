"""Sets up this project and runs its suites and checks: `python3 dev.py help` (`py dev.py help` on Windows).

Everything happens in `.venv`, which is made on first use and again when `pyproject.toml`, the interpreter or the folder
changes. A stamp is written into it last, so an environment without the right stamp is half made or out of date, and
is removed; a virtual environment cannot be moved, so it is built in place.

Rule: the standard library only, and the syntax of Python 3.6, so that an interpreter that is too old gets as far as
saying so, or handing over to a newer one.
"""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from difflib import get_close_matches

PYTHON_OLDEST = (3, 10)
NEWER_INTERPRETERS = ("python3.13", "python3.12", "python3.11", "python3.10", "python3.14", "python3", "python")
EXTRAS = "dev,bench,sql"

ROOT = os.path.dirname(os.path.abspath(__file__))
VENV = os.path.join(ROOT, ".venv")
STAMP = os.path.join(VENV, "complete.stamp")
VENV_PYTHON = os.path.join(VENV, "Scripts", "python.exe") if os.name == "nt" else os.path.join(VENV, "bin", "python")

SUITES, RESULTS = os.path.join(ROOT, "suites"), os.path.join(ROOT, "results")
MODES = os.path.join(ROOT, "resources", "modes")
MODE_DEFAULT = "quick"
GATED_RUN = "PhantomLibrary.keywords.gated_run"
NO_SUITES = "suites/ holds no .robot file: there is nothing to run, so nothing has passed"

# What each of these runs: a module or a script, and the file that has to be there for it.
PROGRAMS = {
    "bench": (["-m", "benchmarks"], "benchmarks/__main__.py"),
    "mutants": (["-m", "PhantomLibrary.zoo"], "PhantomLibrary/zoo/__main__.py"),
    "nightly": (["-m", "benchmarks.nightly"], "benchmarks/nightly.py"),
}
CACHES = (".pytest_cache", ".mypy_cache", ".ruff_cache", ".robocop_cache", ".hypothesis", ".pabotsuitenames")
LEFTOVERS = (".venv", "build", "dist", "pabot_results", *CACHES)

HELP = """\
Usage: python3 dev.py TARGET [MODE=quick|standard|stress] [PROCESSES=1] [-- arguments for robot or pytest]
       make TARGET [MODE=...] [PROCESSES=...] [ARGS="..."]
  suites    run the suites through the quality gate, on all cores (at most 4); results/report.html tells what happened
  test      run all checks: lint, format, types, tests
  bench     compare the kernel's speed with a bare loop and with SimPy, in one run
  mutants   run the suites against every planted defect, each of which has to be caught
  nightly   run many fresh seeds, none of which may raise an alarm
  clean     remove .venv, caches and everything in results/

Examples: python3 dev.py suites -- --include smoke
          python3 dev.py suites MODE=stress -- suites/01_node_failure

The first run installs everything into .venv; nothing outside this folder is changed.
"""


class Problem(Exception):
    """Something that the person at the keyboard has to put right; the text says what and how."""


# --- the interpreter --------------------------------------------------------------------------------------------------


def require_python() -> None:
    """Go on only under a Python that is new enough; hand over to one on PATH when this one is not."""
    if sys.version_info >= PYTHON_OLDEST:
        return
    newer = find_newer_interpreter()
    found = f"Python {sys.version.split()[0]} ({sys.executable})"
    oldest = ".".join(map(str, PYTHON_OLDEST))
    if newer is None:
        raise Problem(
            f"Python {oldest} or newer is needed. This is {found}, and PATH has none that is new enough.\n"
            f"Install one (https://www.python.org/downloads/) and say: python3.X dev.py {' '.join(sys.argv[1:])}"
        )
    say(f"This is {found}; going on with {newer}, as {oldest} is needed.")
    command = [newer, os.path.abspath(__file__), *sys.argv[1:]]
    if os.name == "nt":  # There, exec would return to the shell at once.
        sys.exit(subprocess.call(command))
    os.execv(newer, command)


def find_newer_interpreter() -> "str | None":
    for name in NEWER_INTERPRETERS:
        path = shutil.which(name)
        # Being on PATH is not enough: version managers leave stubs there for versions that are not active.
        if path and succeeds([path, "-c", f"import sys; sys.exit(sys.version_info < {PYTHON_OLDEST})"]):
            return path
    return None


def succeeds(command: "list[str]") -> bool:
    try:
        return subprocess.call(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


# --- the environment --------------------------------------------------------------------------------------------------


def ensure_environment() -> None:
    if read(STAMP) == expected_stamp() and os.path.exists(VENV_PYTHON):
        return
    if os.path.lexists(VENV):
        say("Removing .venv: it is half made, or was made for another pyproject.toml, Python or folder.")
        remove(VENV)
    complete = False
    try:
        make_environment()
        install_project()
        with open(STAMP, "w", encoding="utf-8") as stamp:
            stamp.write(expected_stamp())
        complete = True
    finally:  # Also on Ctrl-C: what is left behind half made would fail in another way next time.
        if not complete and os.path.lexists(VENV):
            remove(VENV)
            say("The half-made .venv was removed.")


def expected_stamp() -> str:
    project = read(os.path.join(ROOT, "pyproject.toml")) or ""
    return "\n".join((hashlib.sha256(project.encode()).hexdigest(), EXTRAS, sys.version, ROOT))


def make_environment() -> None:
    """Make an empty environment that has pip, by the first way that works."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    failures = []
    for name, command in environment_makers():
        failure = failure_of(command) or failure_of([VENV_PYTHON, "-m", "pip", "--version"])
        if failure is None:
            say(f"Made .venv by {name}, for Python {version}.")
            return
        failures.append(f"  {name}: {failure}")
        if os.path.lexists(VENV):
            remove(VENV)
    raise Problem(
        "\n".join(
            (
                f"No way to make a virtual environment works here for Python {version}:",
                *failures,
                f"On Debian and Ubuntu:  sudo apt install python{version}-venv",
                f"Elsewhere:             {interpreter()} -m pip install --user virtualenv",
                "Then repeat the command.",
            )
        )
    )


def environment_makers() -> "list[tuple[str, list[str]]]":
    makers = [
        ("uv", ["uv", "venv", "--seed", "--python", interpreter(), VENV]),
        ("venv", [interpreter(), "-m", "venv", VENV]),
        ("virtualenv", [interpreter(), "-m", "virtualenv", VENV]),
        ("virtualenv on PATH", ["virtualenv", "--python", interpreter(), VENV]),
    ]
    return [(name, command) for name, command in makers if shutil.which(command[0])]


def interpreter() -> str:
    """Return the Python to build with: never that of the environment that is about to be replaced."""
    return getattr(sys, "_base_executable", None) or sys.executable


def failure_of(command: "list[str]") -> "str | None":
    """Run a command silently; return None when it succeeds, else the last line of what it said."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    except OSError as error:
        return str(error)
    if done.returncode == 0:
        return None
    lines = done.stdout.decode("utf-8", "replace").split("\n")
    # Debian explains a missing python3-venv in many lines, of which only one says what failed.
    telling = [line for line in lines if "ensurepip is not" in line] or [line for line in lines if line.strip()]
    return telling[-1].strip() if telling else f"exit code {done.returncode}"


def install_project() -> None:
    say("Installing the project and its tools into .venv (this once; about a minute) ...")
    pip = [VENV_PYTHON, "-m", "pip", "--disable-pip-version-check"]
    if call([*pip, "install", "-qq", "--editable", f".[{EXTRAS}]"]) != 0:
        raise Problem("The installation failed, see above: check the network, or the package index that pip uses.")


# --- the targets ------------------------------------------------------------------------------------------------------


def run_suites(mode: "str | None", extra: "list[str]") -> int:
    """Run the suites through the gate; the exit code is the gate's."""
    if not has_files(SUITES, ".robot"):
        raise Problem(NO_SUITES + ".")
    variables = mode_options(mode)
    ensure_environment()
    empty_results()
    sources = [] if extra and is_suite(extra[-1]) else ["suites"]
    try:
        code = call([VENV_PYTHON, "-m", GATED_RUN, "--outputdir", "results", *variables, *extra, *sources])
    finally:
        if os.path.exists(os.path.join(RESULTS, "report.html")):
            say(f"Report: {os.path.join('results', 'report.html')}")
    if code > 250:
        say(f"robot could not do its work (exit code {code}), see above.", good=False)
    elif "--dryrun" in extra:
        say("A dry run executes nothing, so there was nothing for the quality gate to judge.")
    else:
        say(f"The quality gate {'passed' if code == 0 else 'did NOT pass'}.", good=code == 0)
    return code


def mode_options(mode: "str | None") -> "list[str]":
    """Return robot's option for the variable file of the mode; a mode that was asked for has to exist."""
    for ending in (".yaml", ".py"):
        path = os.path.join("resources", "modes", f"{mode or MODE_DEFAULT}{ending}")
        if os.path.exists(os.path.join(ROOT, path)):
            return ["--variablefile", path]
    if mode is None:
        return []
    files = os.listdir(MODES) if os.path.isdir(MODES) else []
    known = sorted(os.path.splitext(name)[0] for name in files if name.endswith((".yaml", ".py")))
    raise Problem(f"There is no mode '{mode}': resources/modes/ has {', '.join(known) or 'none'}.")


def run_checks(extra: "list[str]") -> int:
    """Run every check even after one failed; pytest runs last, so that its own summary ends the output."""
    started = time.time()
    ensure_environment()
    failed = []
    for name, arguments in lint_checks():
        if not check_quietly(name, [VENV_PYTHON, "-m", *arguments]):
            failed.append(name)
    if not has_files(SUITES, ".robot"):
        say(NO_SUITES + ".", good=False)
        failed.append("suites")
    say("pytest:")
    if call([VENV_PYTHON, "-m", "pytest", "-n", "2", *extra]) != 0:
        failed.append("pytest")
    outcome = f"FAILED: {', '.join(failed)}" if failed else "passed: lint, format, types and tests"
    say(f"Checks {outcome} ({time.time() - started:.0f} s)", good=not failed)
    return 1 if failed else 0


def lint_checks() -> "list[tuple[str, list[str]]]":
    checks = [
        ("ruff check", ["ruff", "check", "."]),
        ("ruff format", ["ruff", "format", "--check", "."]),
        ("mypy", ["mypy"]),
    ]
    folders = [name for name in ("suites", "resources") if has_files(os.path.join(ROOT, name), ".robot", ".resource")]
    if folders:
        checks.append(("robocop check", ["robocop", "check", *folders]))
        checks.append(("robocop format", ["robocop", "format", "--check", *folders]))
    return checks


def check_quietly(name: str, command: "list[str]") -> bool:
    """Run a check and show what it says only when it fails."""
    started = time.time()
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    good = done.returncode == 0
    if not good:
        print(done.stdout.decode("utf-8", "replace").rstrip())
    say(f"{name}: {'ok' if good else 'FAILED'} ({time.time() - started:.1f} s)", good=good)
    return good


def run_program(target: str, extra: "list[str]") -> int:
    arguments, needed = PROGRAMS[target]
    if not os.path.exists(os.path.join(ROOT, needed)):
        raise Problem(f"There is nothing behind '{target}' yet: {needed} is missing.")
    ensure_environment()
    return call([VENV_PYTHON, *arguments, *extra])


def clean() -> int:
    for name in LEFTOVERS:
        remove(os.path.join(ROOT, name))
    for folder, names, _ in os.walk(ROOT):
        names[:] = [name for name in names if name != ".git"]
        if "__pycache__" in names:
            names.remove("__pycache__")
            remove(os.path.join(folder, "__pycache__"))
    empty_results()
    return 0


# --- files, processes, words ------------------------------------------------------------------------------------------


def empty_results() -> None:
    """Remove what an earlier run left, lest it be taken for what this one did."""
    if not os.path.isdir(RESULTS):
        os.mkdir(RESULTS)
    for name in os.listdir(RESULTS):
        if name != ".gitkeep":
            remove(os.path.join(RESULTS, name))


def remove(path: str) -> None:
    for tries_left in reversed(range(30)):  # A child of a child that was ended may still be writing there.
        try:
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            elif os.path.lexists(path):
                os.remove(path)
            return
        except OSError as error:
            if not tries_left:
                raise Problem(f"Cannot remove {path} ({error}). Close what uses it, and try again.") from error
            time.sleep(0.1)


def has_files(folder: str, *endings: str) -> bool:
    return any(name.endswith(endings) for _, _, names in os.walk(folder) for name in names)


def is_suite(argument: str) -> bool:
    path = os.path.abspath(os.path.join(ROOT, argument))
    return os.path.exists(path) and (path + os.sep).startswith(SUITES + os.sep)


def read(path: str) -> "str | None":
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return None


def call(command: "list[str]") -> int:
    """Run a command and return its exit code. On Ctrl-C it ends in its own way: robot still writes its report."""
    sys.stdout.flush()
    process = subprocess.Popen(command, cwd=ROOT)
    interrupted = False
    while process.poll() is None:
        try:
            process.wait()
        except KeyboardInterrupt:  # The terminal has sent it to the command, too.
            interrupted = True
        except SystemExit:
            process.terminate()
            process.wait()
            raise
    if interrupted:
        raise KeyboardInterrupt
    return process.returncode


def say(text: str, good: "bool | None" = None) -> None:
    colour = {None: "1", True: "32", False: "31"}[good]
    plain = os.name == "nt" or "NO_COLOR" in os.environ or not sys.stdout.isatty()
    print(text if plain else f"\033[{colour}m{text}\033[0m", flush=True)


# --- the command line -------------------------------------------------------------------------------------------------


def main(arguments: "list[str]") -> int:
    split = arguments.index("--") if "--" in arguments else len(arguments)
    words, extra = arguments[:split], arguments[split + 1 :]
    for word in [word for word in words if word.startswith(("MODE=", "PROCESSES="))]:
        words.remove(word)
        name, _, os.environ[name] = word.partition("=")  # As make does it.
    mode = os.environ.get("MODE") or None
    target = words[0] if words else "help"
    if len(words) > 1:
        raise Problem("One target at a time, and arguments for robot or pytest after --: see python3 dev.py help.")
    if target == "suites":
        return run_suites(mode, extra)
    if target == "test":
        return run_checks(extra)
    if target in PROGRAMS:
        return run_program(target, extra)
    if target == "clean":
        return clean()
    if target in ("help", "-h", "--help"):
        print(HELP)
        return 0
    near = get_close_matches(target, ["suites", "test", "clean", "help", *PROGRAMS], n=1)
    raise Problem(f"There is no target '{target}'{f' (did you mean {near[0]}?)' if near else ''}: see dev.py help.")


if __name__ == "__main__":
    # Ended from outside, as by a cancelled CI job, it still has to clear away a half-made environment.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        require_python()
        sys.exit(main(sys.argv[1:]))
    except Problem as problem:
        say(str(problem), good=False)
        sys.exit(2)
    except KeyboardInterrupt:
        say("Interrupted.", good=False)
        sys.exit(130)
