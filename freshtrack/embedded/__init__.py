"""PostgreSQL and Redis that come as wheels, for machines that have none. Real servers, started and stopped by us."""

from freshtrack.embedded.adoption import adopt_environment, home_of, secret_key
from freshtrack.embedded.processes import EmbeddedError
from freshtrack.embedded.servers import Embedded

__all__ = ["Embedded", "EmbeddedError", "adopt_environment", "home_of", "secret_key"]
