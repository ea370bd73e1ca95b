import { setTimeout as wait } from "node:timers/promises";

/** Bounds the waiting of a follower; milliseconds. */
export interface Timing {
  /** How long a stream may say nothing, not even Progress. */
  quiet: number;
  /** Bounds the first wait before a stream is opened again; the bound doubles with each failure. */
  first: number;
  /** Bounds every wait. */
  longest: number;
}

export const USUAL: Timing = { quiet: 30_000, first: 50, longest: 10_000 };

/** A random wait after this many failures in a row, so that many followers do not come back at once. */
export function backoff({ first, longest }: Timing, failures: number): number {
  return Math.random() * Math.min(longest, first * 2 ** failures);
}

export async function sleep(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await wait(milliseconds, undefined, { ...(signal && { signal }) });
  } catch (error) {
    throw signal?.aborted ? signal.reason : error;
  }
}
