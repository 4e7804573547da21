# SPDX-License-Identifier: Apache-2.0
"""How an action's goal ends, the same for every server here.

Neighbours: step_server.py, robot_body_node.py and the simulator end their goals with it.
Rules of the file: what the asker cancelled is cancelled whatever came of it; an error code aborts; the rest succeeded.
"""

from __future__ import annotations

from typing import Any


def ended(goal: Any, result: Any) -> Any:
    """Set the goal's final state from its result, and hand the result on."""
    if goal.is_cancel_requested:
        goal.canceled()
    elif result.error_code:
        goal.abort()
    else:
        goal.succeed()
    return result
