"""Says at the end how much was tried."""

from typing import Any

from tests.tenancy import matrix


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The size of the matrix."""
    terminalreporter.write_line(f"The matrix: {matrix.size()}.")
