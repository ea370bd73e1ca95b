import { ChainBrokenError } from "./errors.js";
import type { Batch } from "./follower.js";
import type { Opened } from "./generated/paystate/v1/subscription_service.js";

/**
 * Holds what came against what came before it. Within a stream each batch begins where the last one ended. Without a
 * subscription also over streams, and all of them are of one log.
 */
export class Chain {
  #logId: string | undefined;
  #upTo = 0n;

  /** Everything up to here was handed over. */
  get upTo(): bigint {
    return this.#upTo;
  }

  /** Begins a stream. With a subscription the core keeps the position, and a stream begins where that stands. */
  opened({ logId, afterRevision }: Opened, subscribed: boolean): void {
    if (this.#logId !== undefined && !subscribed) {
      if (logId !== this.#logId) {
        throw new ChainBrokenError(`the log was "${this.#logId}" and is "${logId}" now`);
      }
      if (afterRevision !== this.#upTo) {
        throw new ChainBrokenError(`the stream begins after revision ${afterRevision} instead of ${this.#upTo}`);
      }
    }
    this.#logId = logId;
    this.#upTo = afterRevision;
  }

  /** Continues the stream; the chain is unchanged when the batch does not fit. */
  batch({ afterRevision, upToRevision, events }: Batch): void {
    const range = `(${afterRevision}, ${upToRevision}]`;
    if (afterRevision !== this.#upTo || upToRevision < this.#upTo) {
      throw new ChainBrokenError(`a batch ${range} follows revision ${this.#upTo}`);
    }
    let last = afterRevision;
    for (const { revision } of events) {
      if (revision <= last || revision > upToRevision) {
        throw new ChainBrokenError(`revision ${revision} follows ${last} in a batch ${range}`);
      }
      last = revision;
    }
    this.#upTo = upToRevision;
  }
}
