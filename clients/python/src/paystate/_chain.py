"""Proof that nothing is missing."""

from __future__ import annotations

from ._errors import ChainBroken
from .v1.subscription_service_pb2 import Batch


class Chain:
    """Each batch begins where the one before ended, and its events ascend within it."""

    def __init__(self, after_revision: int) -> None:
        self.end = after_revision
        """Everything up to here was seen."""

    def add(self, batch: Batch) -> None:
        """Takes the next batch; raises ChainBroken if it is another one, and is then as before."""
        if batch.after_revision != self.end:
            raise ChainBroken(
                f"a batch begins after revision {batch.after_revision}, the one before ended at {self.end}"
            )
        if batch.up_to_revision < self.end:
            raise ChainBroken(f"a batch goes back from revision {self.end} to {batch.up_to_revision}")
        last = self.end
        for event in batch.events:
            if not last < event.revision <= batch.up_to_revision:
                raise ChainBroken(
                    f"event {event.revision} follows on revision {last} in a batch that ends at {batch.up_to_revision}"
                )
            last = event.revision
        self.end = batch.up_to_revision
