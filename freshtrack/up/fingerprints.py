"""What a database or a build was made from, as short hashes."""

import ast
import hashlib
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

from freshtrack.embedded.postgres import ROLES

CHECKOUT = Path(__file__).resolve().parents[2]
SETTINGS = CHECKOUT / "freshtrack" / "settings.py"

# In frontend/, but not what the web app is made from.
NOT_SOURCES = {"node_modules", "dist", ".vite", "coverage", "test-results", ".gitignore"}


def of_files(paths: Iterable[Path], *, salt: str = "") -> str:
    """Changes with the name or the content of any of the files, not with the place of the checkout."""
    digest = hashlib.sha256(salt.encode())
    for path in paths:
        # A file may vanish between the listing and the reading.
        content = path.read_bytes() if path.exists() else b""
        digest.update(f"{'/'.join(path.parts[-4:])}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


def of_migrations(salt: str = "") -> str:
    """Changes whenever migrating an empty database could give another result."""
    swapped = []
    apps: list[str] = []
    for statement in ast.parse(SETTINGS.read_text()).body:
        if isinstance(statement, ast.Assign) and isinstance(target := statement.targets[0], ast.Name):
            # Who stands for whom (AUTH_USER_MODEL, DJSTRIPE_...) and the kind of ids decide what migrations make.
            if target.id.endswith(("_MODEL", "_FIELD", "_MODULES")):
                swapped.append(ast.unparse(statement))
            if target.id == "INSTALLED_APPS":
                apps = ast.literal_eval(statement.value)
    return of_files([ROLES, *_migrations(apps)], salt="\n".join([salt, *apps, *swapped]))


def of_web_app(frontend: Path) -> str:
    """Changes with any source of the web app."""
    return of_files(_files(frontend, without=NOT_SOURCES))


def python_sources() -> list[Path]:
    """The modules of our own rooms (not tests, not packages)."""
    rooms = [path.parent for path in sorted(CHECKOUT.glob("*/__init__.py")) if path.parent.name != "tests"]
    return [path for room in rooms for path in _files(room) if path.suffix == ".py"]


def _files(folder: Path, *, without: Iterable[str] = ()) -> Iterator[Path]:
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.name in without:
            continue
        if path.is_dir():
            yield from _files(path)
        elif path.is_file():
            yield path


def _migrations(apps: list[str]) -> Iterator[Path]:
    """The migration files of the installed apps, found without importing them (there may be no settings yet)."""
    for app in apps:
        package, *rest = app.split(".")
        spec = find_spec(package)
        for location in (spec.submodule_search_locations or []) if spec else []:
            folder = Path(location)
            # "shop.apps.ShopConfig" names a class in the package "shop".
            for part in rest:
                folder = folder / part if (folder / part).is_dir() else folder
            yield from sorted((folder / "migrations").glob("*.py"))
