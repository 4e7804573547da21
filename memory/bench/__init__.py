# SPDX-License-Identifier: Apache-2.0
"""`neuraxis bench memory`: how fast and how large the memory is, here and now.

Neighbours: sentences.py -> life.py (records) -> stores.py (a store of them, kept) -> questions.py -> scenarios.py,
readers.py, neo4j_bare.py, peers.py (figures) -> results.py (one object, history); command.py is the command.
Rules of the folder: nothing outside it imports it; what is measured is reached through the memory's public names; a
figure that was not measured is null, with the reason beside it.
"""
