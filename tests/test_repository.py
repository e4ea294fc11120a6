"""What the files of this checkout promise each other: settings, deployment, documents, locks. Only reads files."""

import ast
import json
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml  # comes with drf-spectacular

ROOT = Path(__file__).resolve().parent.parent
# Made by tools or by running, never committed.
MADE = {"node_modules", "dist", "__pycache__", "artifacts", "coverage"}
LONGEST = 600


@cache
def files() -> tuple[PurePosixPath, ...]:
    """Every file that is or could be committed, relative to the checkout."""
    found: list[PurePosixPath] = []
    folders = [ROOT]
    while folders:
        for path in sorted(folders.pop().iterdir()):
            # In a second working tree of the same checkout .git is a file.
            if path.name in MADE or path in (ROOT / "deploy" / "secrets", ROOT / ".git"):
                continue
            if path.is_dir():
                # Hidden folders belong to tools: .git, .venv, .freshtrack, caches.
                if path.name.startswith(".") and path.name != ".ci":
                    continue
                folders.append(path)
            elif not path.is_symlink():
                found.append(PurePosixPath(path.relative_to(ROOT)))
    return tuple(found)


@cache
def text(path: PurePosixPath | str) -> str:
    """The content of a file; empty for pictures and fonts."""
    try:
        return (ROOT / path).read_text()
    except UnicodeDecodeError:
        return ""


@cache
def parsed(path: PurePosixPath) -> ast.Module:
    return ast.parse(text(path), str(path))


def python_files() -> list[PurePosixPath]:
    return [path for path in files() if path.suffix == ".py" and path.parts[0] != "frontend"]


@cache
def project() -> dict[str, Any]:
    return tomllib.loads(text("pyproject.toml"))


@cache
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(text("compose.yaml"))
    return loaded


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = compose()["services"]
    return found


def rooms() -> list[str]:
    """The packages that import-linter watches: the frame and every room."""
    names: list[str] = project()["tool"]["importlinter"]["root_packages"]
    return names


# --- the environment -------------------------------------------------------------------------------------------------

# Read, but nobody's setting.
NOT_A_SETTING = {
    "DJANGO_SETTINGS_MODULE": "there is only one",
    "PATH": "the system's",
    "PYTEST_VERSION": "set by pytest",
    "TEST_DB_TEMPLATE": "set by tests/services.py",
}
ENVIRONMENTS = {"environ", "environment", "given"}
VARIABLE = re.compile(r"^[A-Z][A-Z0-9_]+$")


def _variable(node: ast.expr | None) -> str | None:
    named = isinstance(node, ast.Constant) and isinstance(node.value, str) and VARIABLE.match(node.value)
    return node.value if named else None  # type: ignore[union-attr, return-value]


def _is_environment(node: ast.expr) -> bool:
    return (isinstance(node, ast.Name) and node.id in ENVIRONMENTS) or (
        isinstance(node, ast.Attribute) and node.attr in ENVIRONMENTS
    )


def _asks_for(call: ast.Call) -> ast.expr | None:
    """What env.kind("X"), database("X") or environment.get("X") asks for."""
    function = call.func
    asks = (isinstance(function, ast.Name) and function.id == "database") or (
        isinstance(function, ast.Attribute)
        and (
            (isinstance(function.value, ast.Name) and function.value.id == "env")
            or (function.attr in {"get", "pop", "setdefault"} and _is_environment(function.value))
        )
    )
    return call.args[0] if asks and call.args else None


def reads(module: ast.Module) -> Iterator[tuple[str, ast.expr | None]]:
    """(variable, default) of everything that is read from an environment."""
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and (name := _variable(_asks_for(node))):
            yield name, next((keyword.value for keyword in node.keywords if keyword.arg == "default"), None)
        elif isinstance(node, ast.Subscript) and _is_environment(node.value) and (name := _variable(node.slice)):
            yield name, None


def read_by_code() -> set[str]:
    sources = [
        path
        for path in python_files()
        if path == PurePosixPath("freshtrack/settings.py")
        or path.parts[:2] in {("freshtrack", "up"), ("freshtrack", "embedded")}
    ]
    return {name for path in sources for name, _ in reads(parsed(path))} - NOT_A_SETTING.keys()


def read_by_compose() -> set[str]:
    return set(re.findall(r"\$\{([A-Z][A-Z0-9_]*)", text("compose.yaml")))


def example() -> dict[str, str]:
    """Variable -> what .env.example shows behind the equals sign."""
    return dict(re.findall(r"^#?([A-Z][A-Z0-9_]*)=(.*)$", text(".env.example"), re.MULTILINE))


def test_every_variable_that_is_read_is_in_the_example_and_no_other() -> None:
    assert set(example()) == read_by_code() | read_by_compose()


def test_every_variable_of_the_example_is_explained_and_stands_there_once() -> None:
    lines = text(".env.example").splitlines()
    names = [match[1] for line in lines if (match := re.match(r"#?([A-Z][A-Z0-9_]*)=", line))]
    assert len(names) == len(set(names))
    for block in re.split(r"\n\s*\n", text(".env.example")):
        first = block.splitlines()[0]
        assert re.match(r"# \S|# ---", first), f"no comment before {first!r}"


def test_the_example_shows_the_defaults_of_the_settings() -> None:
    shown = example()
    for name, default in reads(parsed(PurePosixPath("freshtrack/settings.py"))):
        if shown.get(name) and isinstance(default, ast.Constant):
            assert shown[name] == str(default.value), name


def test_what_production_needs_is_uncommented_and_asked_for_by_compose() -> None:
    uncommented = set(re.findall(r"^([A-Z][A-Z0-9_]*)=$", text(".env.example"), re.MULTILINE))
    required = set(re.findall(r"\$\{([A-Z][A-Z0-9_]*):\?", text("compose.yaml")))
    assert uncommented == required


def test_processes_are_given_only_variables_that_exist() -> None:
    for name, service in services().items():
        if "build" in service:
            given = {key.removesuffix("_FILE") for key in service["environment"]}
            assert given <= set(example()), name


def test_the_entrypoint_reads_every_secret_that_compose_gives_as_a_file() -> None:
    understood = re.search(r"^for name in ([A-Z_ ]+);", text("deploy/entrypoint.sh"), re.MULTILINE)
    assert understood
    names = set(understood[1].split())
    assert names <= set(example())
    for name, service in services().items():
        if "build" in service:
            as_files = {
                key.removesuffix("_FILE"): value
                for key, value in service["environment"].items()
                if key.endswith("_FILE")
            }
            assert as_files.keys() <= names, name
            mounted = {f"/run/secrets/{secret}" for secret in service["secrets"]}
            assert set(as_files.values()) <= mounted, name


# --- compose and the image -------------------------------------------------------------------------------------------


def test_every_service_has_a_health_check_or_a_reason() -> None:
    for name, service in services().items():
        check = service.get("healthcheck", {})
        if check.get("disable"):
            assert service.get("x-no-healthcheck"), name
        else:
            assert check.get("test"), name


def test_only_the_proxy_can_be_reached_from_outside() -> None:
    assert [name for name, service in services().items() if "ports" in service] == ["proxy"]
    assert "back" not in services()["proxy"]["networks"]
    assert compose()["networks"]["back"] == {"internal": True}
    assert services()["db"]["networks"] == services()["redis"]["networks"] == ["back"]


def test_every_container_is_contained() -> None:
    for name, service in services().items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert int(service["user"].partition(":")[0]) > 0, name
        assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory", "pids"}, name
        assert service["restart"] == ("no" if name == "migrate" else "unless-stopped"), name
        assert int(service["stop_grace_period"].removesuffix("s")) >= 30, name


def test_what_services_refer_to_is_there() -> None:
    for name, service in services().items():
        assert set(service["networks"]) <= compose()["networks"].keys(), name
        assert set(service.get("secrets", [])) <= compose()["secrets"].keys(), name
        assert set(service.get("depends_on", [])) <= services().keys(), name
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            assert source in compose()["volumes"] or (ROOT / source).is_file(), volume
    made = set(re.findall(r"^ *keep ([a-z_]+) ", text("deploy/secrets.sh"), re.MULTILINE))
    assert {secret["file"] for secret in compose()["secrets"].values()} == {f"./deploy/secrets/{name}" for name in made}
    # Before anything else may happen to it: what isn't ignored is committed one day.
    assert "/deploy/secrets/\n" in text(".gitignore")


def test_postgresql_is_one_that_the_migrations_work_with() -> None:
    version = re.fullmatch(r"postgres:(\d+)-\w+", services()["db"]["image"])
    assert version
    assert int(version[1]) >= 15
    # The image of 18 and later keeps its data one folder higher than earlier ones did.
    assert "database:/var/lib/postgresql" in services()["db"]["volumes"]


def test_redis_keeps_what_it_was_told() -> None:
    command = services()["redis"]["command"]
    options = dict(zip(command[::2], command[1::2], strict=True))
    assert options["--appendonly"] == "yes"
    assert options["--appendfsync"] == "everysec"
    assert options["--maxmemory-policy"] == "noeviction"


def test_only_the_migration_logs_in_as_the_owner_of_the_tables() -> None:
    with_it = [name for name, service in services().items() if "migration_database_url" in service.get("secrets", [])]
    assert with_it == ["migrate", "db"]


def test_each_server_runs_a_door_that_exists_and_gets_its_requests() -> None:
    doors = {
        target.id
        for node in parsed(PurePosixPath("freshtrack/asgi.py")).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for name, door in {"web": "application", "ingest": "ingest", "live": "live"}.items():
        assert f"freshtrack.asgi:{door}" in services()[name]["command"]
        assert door in doors
    routes = dict(re.findall(r"handle (\S*) ?\{\n\s+import process (\w+)", text("deploy/Caddyfile")))
    assert routes == {"/api/v1/ingest/*": "ingest", "/ws/*": "live", "": "web"}
    assert 'INGEST_PREFIX = "/api/v1/ingest/"' in text("freshtrack/asgi.py")
    assert 'path("ws/v1/' in text("live/routing.py")


def test_images_are_pinned_to_versions_that_we_run_on() -> None:
    images = re.findall(r"^FROM (\S+)", text("Dockerfile"), re.MULTILINE)
    images += [service["image"] for service in services().values() if "build" not in service]
    tags = dict(image.split(":") for image in images)
    assert all(re.match(r"\d+", tag) for tag in tags.values()), tags
    python = tuple(int(part) for part in tags["python"].split("-")[0].split("."))
    assert (3, 11) <= python < (3, 13)
    assert project()["project"]["requires-python"] == ">=3.11,<3.13"
    engine = json.loads(text("frontend/package.json"))["engines"]["node"]
    assert int(tags["node"].split("-")[0]) >= int(engine.removeprefix(">=").split(".")[0])


def test_the_image_holds_every_room_and_no_secret() -> None:
    let_through = {line[1:] for line in text(".dockerignore").splitlines() if line.startswith("!")}
    assert "*" in text(".dockerignore").splitlines()
    assert {*rooms(), "templates", "manage.py", "requirements.lock", "frontend"} <= let_through
    assert all((ROOT / path).exists() for path in let_through)
    assert not let_through & {"deploy", "deploy/secrets", ".env", "tests"}
    last_stage = text("Dockerfile").rpartition("\nFROM ")[2]
    user = re.search(r"^USER (\d+):\d+$", last_stage, re.MULTILINE)
    assert user
    assert int(user[1]) > 0
    assert not re.search(r"^(ARG|ENV) .*(SECRET|PASSWORD|TOKEN|KEY)", text("Dockerfile"), re.MULTILINE)
    assert "--require-hashes" in text("Dockerfile")


# --- Python ----------------------------------------------------------------------------------------------------------


INDENTED_IMPORT = re.compile(r"^[ \t]+(import|from)[ \t]", re.MULTILINE)


def _imports_in_functions(module: ast.Module) -> Iterator[int]:
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from (inner.lineno for inner in ast.walk(node) if isinstance(inner, ast.Import | ast.ImportFrom))


def test_no_function_imports() -> None:
    # An import inside a function hides a dependency from import-linter and from the reader.
    suspects = [path for path in python_files() if INDENTED_IMPORT.search(text(path))]  # parsing all takes seconds
    assert not [f"{path}:{line}" for path in suspects for line in _imports_in_functions(parsed(path))]


def test_no_python_file_is_too_long() -> None:
    lengths = {str(path): text(path).count("\n") for path in python_files() if "migrations" not in path.parts}
    assert not {path: length for path, length in lengths.items() if length > LONGEST}


def test_every_room_is_watched_by_the_import_linter() -> None:
    packages = {path.parts[0] for path in files() if len(path.parts) == 2 and path.name == "__init__.py"}
    assert packages - {"tests", "bench"} == set(rooms())


def test_every_note_is_written_once_where_it_is_referred_to() -> None:
    written: dict[str, list[str]] = {}
    referred: set[str] = set()
    for path in files():
        if path.suffix in {".py", ".ts", ".tsx", ".sql", ".sh"} and path.name != "test_repository.py":
            for name, end in re.findall(r"Note \[([^\]]+)\]([.:]?)(?=\s)", text(path)):
                if end:
                    written.setdefault(name, []).append(str(path))
        if path.suffix in {".py", ".ts", ".tsx", ".sql", ".sh", ".md"} and path.name != "test_repository.py":
            referred |= set(re.findall(r"Note \[([^\]]+)\]", text(path)))
    assert {name: places for name, places in written.items() if len(places) > 1} == {}
    assert referred == written.keys()


# --- dependencies ----------------------------------------------------------------------------------------------------


def test_every_dependency_says_why_it_is_there() -> None:
    groups = [project()["project"]["dependencies"], *project()["dependency-groups"].values()]
    for requirement in (entry for group in groups for entry in group if isinstance(entry, str)):
        assert re.search(rf'^  "{re.escape(requirement)}", +# \S', text("pyproject.toml"), re.MULTILINE), requirement


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-embedded.lock", "requirements-dev.lock"])
def test_python_locks_have_hashes_and_no_addresses(lock: str) -> None:
    assert "://" not in text(lock)
    pinned = re.findall(r"^[a-z0-9][^ =]*==[^ ]+.*?(?=^[a-z0-9]|\Z)", text(lock), re.MULTILINE | re.DOTALL)
    assert pinned
    assert all("--hash=sha256:" in entry for entry in pinned)


@pytest.mark.parametrize("folder", ["frontend", "deploy"])
def test_web_locks_have_hashes_and_no_addresses(folder: str) -> None:
    packages = json.loads(text(f"{folder}/package-lock.json"))["packages"]
    assert all("resolved" not in package for package in packages.values())
    assert all("integrity" in package for name, package in packages.items() if name and not package.get("link"))
    assert "omit-lockfile-registry-resolved=true" in text(f"{folder}/.npmrc")


# Put together from parts, so that this file doesn't find itself.
_ELSEWHERE = re.compile(
    r"(?<![\w.$}])/(?:" + "|".join(["work", "root", r"home/\w+", r"Users/\w+", "opt/wheels"]) + r")/"
    r"|\b(?:" + "|".join(["registry[.]npmjs", "pypi[.]org", "pythonhosted", "yarnpkg[.]com", "npmmirror"]) + r")\b"
)


def test_no_file_knows_a_machine_or_a_package_index() -> None:
    found = [
        f"{path}:{number}: {line.strip()[:100]}"
        for path in files()
        if path.name != "test_repository.py"
        for number, line in enumerate(text(path).splitlines(), 1)
        if _ELSEWHERE.search(line)
    ]
    assert not found


# --- documents -------------------------------------------------------------------------------------------------------


def documents() -> list[PurePosixPath]:
    return [path for path in files() if path.suffix == ".md" and path.parts[0] not in {"frontend", "tests"}]


def test_decisions_have_a_number_and_four_headings() -> None:
    decisions = sorted(path for path in files() if path.parts[:2] == ("docs", "adr"))
    assert [path.name[:4] for path in decisions] == [f"{number:04}" for number in range(1, len(decisions) + 1)]
    for path in decisions:
        assert re.match(rf"# {int(path.name[:4])}\. \S.*\n", text(path)), path
        headings = re.findall(r"^## (.+)$", text(path), re.MULTILINE)
        assert headings == ["Status", "Context", "Decision", "Consequences"], path


# Named in documents, made by running.
MADE_BY_RUNNING = re.compile(
    r"^(\.venv|\.freshtrack|\.env$|deploy/secrets|frontend/(dist|node_modules)|bench/results\.json|demo\.json)"
)
FILE_NAME = re.compile(r"^[\w.@-]+(/[\w.@{},*-]+)*/?$")
SUFFIXES = ("py", "md", "sh", "sql", "ts", "tsx", "yaml", "toml", "lock", "json", "html", "css", "txt")


def _looks_like_a_file(word: str) -> bool:
    if not FILE_NAME.match(word) or MADE_BY_RUNNING.match(word):
        return False
    return word.rpartition(".")[2] in SUFFIXES or (word.endswith("/") and "." not in word)


def _exists(word: str) -> bool:
    """As a path from the checkout's root, or as the end of one: `hub.py` is enough where the room is clear."""
    ends = PurePosixPath(word)
    if "*" in word:
        return any(path.match(word) for path in files())
    if word.endswith("/"):
        depth = len(ends.parts)
        return any(path.parts[i : i + depth] == ends.parts for path in files() for i in range(len(path.parts) - depth))
    return any(path.parts[-len(ends.parts) :] == ends.parts for path in files())


def test_documents_name_only_files_that_exist() -> None:
    missing = []
    for path in documents():
        prose = re.sub(r"^```.*?^```", "", text(path), flags=re.MULTILINE | re.DOTALL)
        words = re.findall(r"`([^`\n]+)`", prose)
        missing += [f"{path}: {word}" for word in words if _looks_like_a_file(word) and not _exists(word)]
    assert not missing


def test_links_between_documents_lead_somewhere() -> None:
    broken = []
    for path in documents():
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text(path)):
            if not (ROOT / path.parent / target).exists():
                broken.append(f"{path}: {target}")
    assert not broken
