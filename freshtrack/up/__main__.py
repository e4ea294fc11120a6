"""Start FreshTrack and keep its processes together: `python -m freshtrack.up`, what `make up` runs."""

import http.client
import json
import os
import signal
import sys
import time
from types import FrameType

from freshtrack.embedded import Embedded, EmbeddedError, launcher, secret_key
from freshtrack.embedded.servers import DATABASE
from freshtrack.up import database, services, web_app
from freshtrack.up.children import Child, Children
from freshtrack.up.console import Console
from freshtrack.up.installation import CHECKOUT, Hold, Installation, UpError, check_node, check_port, from_environment
from freshtrack.up.jobs import Schedule

# From the first process to a ready answer; a slow machine with a cold disk needs a minute.
READY_SECONDS = 180.0
# A manage.py command may own the embedded servers; it ends soon, or a person has to end it.
SERVERS_SECONDS = 15.0
# Signals of one Ctrl-C: make and the terminal may both pass it on.
SAME_SIGNAL_SECONDS = 3.0


class Supervisor:
    """Everything between `make up` and Ctrl-C."""

    def __init__(self, installation: Installation, console: Console) -> None:
        self.installation = installation
        self.console = console
        self.hold = Hold(installation)
        self.children = Children()
        self.servers: Embedded | None = None
        self.stop_asked_at: float | None = None
        self.beginners: list[tuple[Child, str]] = []

    def run(self) -> int:
        """Returns the exit status: 0 when asked to stop, 1 when something is wrong."""
        for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(sign, self._asked_to_stop)
        began = time.monotonic()
        status = 0
        try:
            self._start()
            if self.stop_asked_at is None:
                self._announce(time.monotonic() - began)
            self._watch()
        except (UpError, EmbeddedError) as error:
            self.console.line(str(error))
            status = 1
        finally:
            self._stop()
        return status

    def _start(self) -> None:
        self.hold.take(status=self.console.status)
        check_port(self.installation)
        if web_app.build_is_stale():
            check_node()
        self.console.line(f"FreshTrack is setting up in {self.installation.home}")
        environment = self._environment()
        # Empty: static files are served from where they lie. Collecting is for production, and compressing them for
        # a browser on the same machine would take longer than everything else here.
        (self.installation.home / "static").mkdir(exist_ok=True)
        schedule = self._schedule(environment)
        while not schedule.done("migrate", "web app") and self.stop_asked_at is None:
            self._step(schedule)
        started = time.monotonic()
        for service in (services.web(self.installation.port), *services.workers(), services.beat()):
            self._start_service(service, environment)
        while not schedule.done() and self.stop_asked_at is None:
            self._step(schedule)
        if self.installation.demo:
            self._start_service(services.simulator(), environment)
        self._wait_until_ready(started)

    def _environment(self) -> dict[str, str]:
        """The environment of set-up, with servers: those that were given, or our own."""
        given = self.installation.environment
        environment = {
            **given,
            "FRESHTRACK_HOME": str(self.installation.home),
            "PORT": str(self.installation.port),
            "SECRET_KEY": given.get("SECRET_KEY") or secret_key(self.installation.home),
            "PYTHONUNBUFFERED": "1",  # progress is read from logs while they are written
            # The demonstration's organizations are on a plan without limits that a visitor could meet.
            "RATE_PER_USER": given.get("RATE_PER_USER") or "6000/min",
            "RATE_ON_SCREEN": given.get("RATE_ON_SCREEN") or "6000/min",
            "RATE_FOUNDING": given.get("RATE_FOUNDING") or "6000/hour",
            "RATE_INVITING": given.get("RATE_INVITING") or "6000/hour",
            "RATE_LOOK_UP": given.get("RATE_LOOK_UP") or "6000/min",
            "RATE_PREVIEW": given.get("RATE_PREVIEW") or "6000/min",
            "RATE_SIGN_IN": given.get("RATE_SIGN_IN") or "600/min",
            "RATE_BAD_CREDENTIALS": given.get("RATE_BAD_CREDENTIALS") or "6000/min",
            "SIGN_IN_MISTAKES": given.get("SIGN_IN_MISTAKES") or "60",
            "RATE_ACCOUNT_MAIL": given.get("RATE_ACCOUNT_MAIL") or "600/hour",
        }
        missing = [name for name in ("DATABASE_URL", "REDIS_URL") if not given.get(name)]
        if missing:
            began = time.monotonic()
            self.console.status("starting the embedded servers")
            self.servers = Embedded(
                self.installation.home,
                durable=True,
                with_postgres="DATABASE_URL" in missing,
                with_redis="REDIS_URL" in missing,
            ).start(wait_seconds=SERVERS_SECONDS)
            if self.servers.postgres is not None:
                self.servers.postgres.prepare_database(DATABASE)
            environment.update(self.servers.environment())
            names = {"DATABASE_URL": "PostgreSQL", "REDIS_URL": "Redis"}
            what = " and ".join(names[name] for name in missing)
            self.console.done(f"embedded {what} started", time.monotonic() - began)
        return environment

    def _schedule(self, environment: dict[str, str]) -> Schedule:
        app = web_app.WebApp(environment=self.installation.environment, log=self.installation.logs / "web-app.log")
        jobs = [
            database.migrate(self.installation, environment),
            app.packages(only_to_build=True),
            app.build(),
            database.seed(self.installation, environment),
        ]
        return Schedule(jobs=jobs, children=self.children, console=self.console)

    def _step(self, schedule: Schedule) -> None:
        schedule.step()
        self._check_children()
        time.sleep(0.05)

    def _start_service(self, service: services.Service, environment: dict[str, str]) -> None:
        if self.stop_asked_at is None:
            child = self.children.start(
                service.name,
                service.command,
                log=self.installation.logs / f"{service.log}.log",
                environment=services.environment_of_services(environment),
                folder=CHECKOUT,
            )
            # A heartbeat of an earlier run may make the worker look well before it has begun.
            if service.ready_words and environment.get("LOG_LEVEL", "INFO") in ("DEBUG", "INFO"):
                self.beginners.append((child, service.ready_words))

    def _wait_until_ready(self, started: float) -> None:
        answer = ""
        while self.stop_asked_at is None:
            self._check_children()
            ready, answer = _health(self.installation.port)
            self.beginners = [(child, words) for child, words in self.beginners if words not in child.output()]
            answer = answer or ", ".join(child.name for child, _ in self.beginners)
            if ready and not self.beginners:
                self.console.done("services ready", time.monotonic() - started)
                return
            self.console.status(f"waiting for the services {time.monotonic() - started:.0f} s ({answer})")
            if time.monotonic() - started > READY_SECONDS:
                raise UpError(
                    f"FreshTrack didn't get ready within {READY_SECONDS:.0f} s ({answer}): "
                    f"see the logs in {self.installation.logs}."
                )
            time.sleep(0.3)

    def _announce(self, seconds: float) -> None:
        home = self.installation.home
        self.console.line()
        self.console.line(f"FreshTrack is ready at {self.installation.address}")
        self.console.line()
        for name, value in (*_sign_in(self.installation), ("", home / "demo.json")):
            self.console.line(f"  {name:<10} {value}")
        if not self.installation.environment.get("EMAIL_URL"):
            self.console.line(f"  {'e-mail':<10} {home / 'mail'}/, a file each")
        self.console.line(f"  {'logs':<10} {self.installation.logs}/")
        self.console.line(f"  {'stop':<10} Ctrl-C (started in {seconds:.1f} s)")

    def _watch(self) -> None:
        while self.stop_asked_at is None:
            self._check_children()
            time.sleep(0.2)

    def _check_children(self) -> None:
        self._check_servers()
        child = self.children.ended()
        if child is not None:
            raise UpError(f"{child.obituary()}\nFreshTrack stops, because it isn't whole without it.")

    def _check_servers(self) -> None:
        ended = self.servers.ended() if self.servers is not None else None
        if ended:
            raise UpError(ended)

    def _asked_to_stop(self, sign: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self.stop_asked_at is None:
            self.stop_asked_at = now
        elif now - self.stop_asked_at > SAME_SIGNAL_SECONDS:
            # Asked twice: no more patience. The servers end by themselves when we do.
            self.children.kill()
            os._exit(1)

    def _stop(self) -> None:
        began = time.monotonic()
        self.hold.note("stopping")
        self.console.status("stopping")
        for name in self.children.stop():
            self.console.line(f"  {name} didn't end in time and was killed.")
        self.children.close()
        if self.servers is not None:
            self.servers.stop()
        self.hold.release()
        if self.stop_asked_at is not None:
            self.console.line(f"FreshTrack stopped ({time.monotonic() - began:.1f} s).")


def _health(port: int) -> tuple[bool, str]:
    """Whether everything answers, and if not, who doesn't."""
    # Not urllib, which would ask a proxy that the environment names.
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health/ready")
        response = connection.getresponse()
        checks = json.loads(response.read())["checks"]
        return response.status == 200, ", ".join(f"{name} {state}" for name, state in checks.items() if state != "ok")
    except (OSError, http.client.HTTPException):
        return False, "no answer yet"
    except (ValueError, KeyError, TypeError, AttributeError):
        return False, f"status {response.status}"
    finally:
        connection.close()


def _sign_in(installation: Installation) -> list[tuple[str, str]]:
    """Who a visitor may be, as the seeding wrote it."""
    try:
        demo = json.loads((installation.home / "demo.json").read_text())
        owner, staff = demo["users"]["owner"], demo["staff_user"]
        return [
            ("sign in", f"as {owner['email']}, or at /admin/ as {staff['email']}; the passwords stand in"),
        ]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def main() -> None:
    if "--with-parent" in sys.argv[1:]:
        # `make` was killed: nobody would ever press Ctrl-C.
        launcher.die_with_parent(signal.SIGTERM)
    console = Console()
    try:
        installation = from_environment(os.environ)
        supervisor = Supervisor(installation, console)
    except UpError as error:
        sys.exit(str(error))
    sys.exit(supervisor.run())


if __name__ == "__main__":
    main()
