# SPDX-License-Identifier: Apache-2.0
"""Four regions in one process, which is the default; the brainstem is never among them.

Neighbours: the nodes it makes; sim/ros/graph.py and launch/ start it.
"""

from __future__ import annotations

import sys
from itertools import pairwise

from brain_nodes.ros import spinning
from brain_nodes.ros.cerebellum_node import CerebellumNode
from brain_nodes.ros.hippocampus_node import HippocampusNode
from brain_nodes.ros.prefrontal_node import PrefrontalNode
from brain_nodes.ros.thalamus_node import ThalamusNode

NODES = {
    "thalamus": ThalamusNode, "hippocampus": HippocampusNode, "cerebellum": CerebellumNode,
    "prefrontal": PrefrontalNode,
}  # fmt: skip
WITHOUT = "--without"


def main() -> int:
    """Executable `regions`; `--without hippocampus` leaves one out that runs elsewhere."""
    left_out = {after for word, after in pairwise(sys.argv) if word == WITHOUT}
    unknown = sorted(left_out - set(NODES))
    if unknown:
        print(f"regions: there is no region {unknown[0]!r}; there are {', '.join(NODES)}", file=sys.stderr)
        return 2
    return spinning.run([node for name, node in NODES.items() if name not in left_out])


if __name__ == "__main__":
    raise SystemExit(main())
