# SPDX-License-Identifier: Apache-2.0
"""Errors of worlds and suites; the root is in memory/errors.py.

    NeuraxisError
    '- SuiteError             500  the data of a suite is missing, broken, or was asked for something it has not
       '- EpisodeNotLoaded    501  this one episode cannot be built; the others can

A wrong argument of the caller's own stays a ValueError.
"""

from __future__ import annotations

from memory.errors import NeuraxisError


class SuiteError(NeuraxisError):
    """A suite's data cannot be used; the message names the file, the line and the offending value."""

    code = 500


class EpisodeNotLoaded(SuiteError):
    """An episode parsed but cannot be built; it counts as failed."""

    code = 501
