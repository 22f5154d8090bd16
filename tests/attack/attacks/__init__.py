"""The attacks, a module for each part; a name such as ``A1`` is the finding that an attack stands for."""

from __future__ import annotations

from tests.attack.attacks import damage, disk, memory, mutations, operation, shares, turns

ATTACKS = (
    *memory.ATTACKS,
    *turns.ATTACKS,
    *shares.ATTACKS,
    *damage.ATTACKS,
    *disk.ATTACKS,
    *operation.ATTACKS,
    *mutations.ATTACKS,
)
