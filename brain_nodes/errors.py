# SPDX-License-Identifier: Apache-2.0
"""Planning and execution errors; the root and the store family are in memory/errors.py.

NeuraxisError
|- PlanError              300
|  |- NoPlanFound         301
|  |- UnknownSkill        302
|  '- ModelUnavailable    303
'- ExecutionError         400
   |- PreconditionFailed  401
   |- Preempted           402
   '- Stopped             403
"""

from __future__ import annotations

from memory.errors import NeuraxisError


class PlanError(NeuraxisError):
    """No usable plan."""

    code = 300


class NoPlanFound(PlanError):
    """The goal cannot be reached from the believed state, or not within the search budget."""

    code = 301


class UnknownSkill(PlanError):
    """A step names a skill that the body does not declare."""

    code = 302


class ModelUnavailable(PlanError):
    """A learned part is missing or cannot be reached."""

    code = 303


class ExecutionError(NeuraxisError):
    """A step could not be carried out."""

    code = 400


class PreconditionFailed(ExecutionError):
    """The believed state does not allow the call."""

    code = 401


class Preempted(ExecutionError):
    """Another call took its place."""

    code = 402


class Stopped(ExecutionError):
    """The stop is latched."""

    code = 403
