"""Structured logs: a fixed event with named fields; identifiers, never resources or lines of input."""

from __future__ import annotations

import logging
import sys

import structlog


class StandardError:
    """Standard error as it is when a line is written: loggers live as long as the process, and it may be replaced."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


PROCESSORS: list[structlog.typing.Processor] = []
"""One list for the whole process: a logger that was made before follows when it is configured anew."""


def configure_logging(level: str = "info", *, json: bool = False) -> None:
    """Writes to standard error: one line an event, JSON when asked."""
    PROCESSORS[:] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer(colors=False),
    ]
    structlog.configure(
        processors=PROCESSORS,
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.PrintLoggerFactory(file=StandardError()),
        cache_logger_on_first_use=True,
    )


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    return structlog.get_logger(source=name)
