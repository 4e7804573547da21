# SPDX-License-Identifier: Apache-2.0
"""Which files of a vector index there are, and how to know them again.

Neighbours: vector_files.py writes it after the files it names, and trusts no file that it does not name.
Rules of the file: it is replaced whole, and holds its own checksum; what does not fit is an error, never half a list.
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FORMAT = 1
MANIFEST = "manifest.json"
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Saved:
    """One partition in the manifest; a sample is the number of a vector and its crc32."""

    file: str
    sha256: str
    applied: int
    count: int
    size: int
    encoder: str
    samples: list[list[int]]

    def __post_init__(self) -> None:
        right = all(isinstance(value, int) for value in (self.applied, self.count, self.size))
        if not right or Path(self.file).name != self.file:
            raise ValueError(f"partition {self}")


def write_manifest(folder: Path, saved: Mapping[int, Saved]) -> None:
    """Put a manifest of these partitions, by number, in the place of the one that is there."""
    partitions = {str(n): asdict(one) for n, one in sorted(saved.items())}
    content = {"format": FORMAT, "partitions": partitions, "crc32": _crc_of(partitions)}
    partial = folder / (MANIFEST + ".partial")
    with partial.open("w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, folder / MANIFEST)


def read_manifest(path: Path) -> dict[int, Saved]:
    """The partitions of a manifest, by number.

    Raises:
        OSError: it cannot be read; FileNotFoundError if it is not there.
        ValueError, KeyError, TypeError, AttributeError: it is not what was written.
    """
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if content["format"] != FORMAT:
        raise ValueError(f"format {content['format']}")
    if content["crc32"] != _crc_of(content["partitions"]):
        raise ValueError("it does not fit its own checksum")
    return {int(number): Saved(**one) for number, one in content["partitions"].items()}


def _crc_of(partitions: object) -> int:
    return zlib.crc32(json.dumps(partitions, sort_keys=True).encode())


def size_of(path: Path) -> int:
    """Bytes of a file; 0 if it is not there, or went a moment ago."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def checksum(path: Path) -> str:
    """sha256 of a whole file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
