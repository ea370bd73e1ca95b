import { Chain } from "./chain.js";
import type { Paystate } from "./connect.js";
import { CallError, ChainBrokenError, RejectedError, UnprocessableError } from "./errors.js";
import type { Event } from "./generated/paystate/v1/order.js";
import {
  type EventFilter,
  type Opened,
  Position,
  type Progress,
  StreamEventsRequest,
  type StreamEventsResponse,
} from "./generated/paystate/v1/subscription_service.js";
import { backoff, sleep, type Timing, USUAL } from "./timing.js";

/**
 * A piece of the log: everything in (afterRevision, upToRevision] was looked at, and `events` are those that match the
 * filter, in order. It has no events when nothing matched for a while.
 */
export interface Batch {
  /** `upToRevision` of the batch before. */
  readonly afterRevision: bigint;
  /** Ends the piece. */
  readonly upToRevision: bigint;
  /** What happened, by ascending revision. */
  readonly events: readonly Event[];
  /**
   * Where the next batch begins. Store it in the transaction of the events' effects; with a durable subscription, whose
   * position the core keeps, there is no need to.
   */
  readonly resumeToken: string;
}

/** Takes the events. No two of its methods run at the same time. */
export interface Handler {
  /**
   * Loads the resume token of the last batch that took effect; undefined when there is none. It is called once, when `run`
   * begins, and never for a durable subscription. Leave it out to begin at `start` each time.
   */
  position?(): string | undefined | Promise<string | undefined>;
  /**
   * Makes the batch take effect, and stores its `resumeToken` and `upToRevision` in the same transaction. First of all in
   * that transaction it compares the stored revision with `afterRevision`, and throws if they differ: then another process
   * of yours has gone on meanwhile, and this batch has taken effect. What it throws ends `run`, and the batch was not
   * handled; see `UnprocessableError` for the exception.
   */
  handle(batch: Batch): void | Promise<void>;
}

/** What is followed. */
export interface FollowerOptions {
  /** A durable subscription, which must exist; leave it out for a handler that keeps its own position. */
  subscription?: string;
  /** Which events are wanted; all when absent. A subscription has its own. */
  filter?: EventFilter;
  /** Where reading begins when the handler has no position yet; the oldest event when absent. A subscription has its own. */
  start?: Position;
  /** Hears why a stream has ended, and after how many milliseconds the next is opened. For logs. */
  onInterrupt?: (cause: Error, waitMs: number) => void;
}

/**
 * Reads the log of events, in one of two modes.
 *
 * Without `subscription` the handler keeps the position: it stores the resume token together with its effects, so each
 * event takes effect exactly once, whenever either side is killed.
 *
 * With `subscription` the core keeps the position, and the follower acknowledges each batch after `handle` has returned.
 * An event may come again when the process dies in between: at least once, with a stable `eventId`. One reader at a time: a
 * second one takes the subscription over, and the first takes it back; the longer neither of them acknowledges or parks
 * anything, the less often, so that two of them get through a rolling deploy.
 */
export class Follower {
  readonly #paystate: Paystate;
  readonly #options: FollowerOptions;
  readonly #timing: Timing;

  constructor(paystate: Paystate, options: FollowerOptions = {}, /** @internal */ timing: Timing = USUAL) {
    if (options.subscription && (options.filter || options.start)) {
      throw new Error("a subscription has its own filter and position: leave out filter and start");
    }
    this.#paystate = paystate;
    this.#options = options;
    this.#timing = timing;
  }

  /**
   * Hands batches to the handler until `signal` aborts (throws its reason), the handler throws (throws the same), the core
   * refuses for good (RejectedError) or the chain of revisions breaks (ChainBrokenError). A core that is away, slow,
   * restarted or silent is not an error: the stream is opened again, for ever, and goes on where `handle` last succeeded.
   * When `signal` aborts while `handle` runs, what comes of it still counts: it is acknowledged, or parked.
   */
  async run(handler: Handler, signal?: AbortSignal): Promise<never> {
    signal?.throwIfAborted();
    const position = this.#options.subscription ? undefined : await begin(handler, this.#options.start);
    return new Session(this.#paystate, this.#options, this.#timing, handler, position, signal).run();
  }
}

/** Where the first stream begins. */
async function begin(handler: Handler, start: Position | undefined): Promise<Position> {
  const token = await handler.position?.();
  if (token) return resume(token);
  return start ?? { at: { $case: "earliest", value: true } };
}

function resume(token: string): Position {
  return { at: { $case: "resumeToken", value: token } };
}

/** Ends one stream; it is worth opening another. */
class Interrupted extends Error {}

/** Keeps what a handler throws apart from what our own calls throw. */
class HandlerFailed {
  constructor(readonly thrown: unknown) {}
}

/** One run. */
class Session {
  readonly #chain = new Chain();
  /** Streams in a row that brought us nothing; with a subscription, neither an acknowledgement nor a parked event. */
  #failures = 0;

  constructor(
    private readonly paystate: Paystate,
    private readonly options: FollowerOptions,
    private readonly timing: Timing,
    private readonly handler: Handler,
    /** Where the next stream begins; undefined for a subscription. */
    private position: Position | undefined,
    private readonly signal: AbortSignal | undefined,
  ) {}

  async run(): Promise<never> {
    for (;;) {
      const cause = await this.#interruption();
      const wait = backoff(this.timing, this.#failures++);
      this.options.onInterrupt?.(cause, wait);
      await sleep(wait, this.signal);
    }
  }

  /** Follows one stream, and answers with what interrupted it. Throws what ends the run. */
  async #interruption(): Promise<Error> {
    try {
      await this.#stream();
      return new Interrupted("the core has ended the stream");
    } catch (error) {
      this.signal?.throwIfAborted();
      if (error instanceof HandlerFailed) throw error.thrown;
      if (error instanceof Interrupted || (error instanceof CallError && passes(error))) return error;
      if (error instanceof CallError) throw new RejectedError(error);
      throw error;
    }
  }

  async #stream(): Promise<void> {
    const { subscription, filter } = this.options;
    const request = StreamEventsRequest.create({});
    request.subscription = subscription ?? "";
    request.position = this.position;
    request.filter = filter;
    const ending = new AbortController();
    const messages = this.paystate.subscriptions.streamEvents(request, { signal: ending.signal });
    const iterator = messages[Symbol.asyncIterator]();
    let opened: Opened | undefined;
    try {
      for (;;) {
        const { done, value } = await this.#receive(iterator, ending);
        if (done) return;
        opened = await this.#take(value, opened);
      }
    } finally {
      await iterator.return?.();
    }
  }

  /** Takes the next message; time counts only while we wait for it. */
  async #receive<T>(iterator: AsyncIterator<T>, ending: AbortController): Promise<IteratorResult<T>> {
    const silence = setTimeout(
      () => ending.abort(new Interrupted("the stream was silent for too long")),
      this.timing.quiet,
    );
    const stop = () => ending.abort(this.signal?.reason);
    this.signal?.addEventListener("abort", stop);
    try {
      this.signal?.throwIfAborted();
      return await iterator.next();
    } finally {
      clearTimeout(silence);
      this.signal?.removeEventListener("abort", stop);
    }
  }

  /** Takes one message; answers with how the stream was opened, if it is by now. */
  async #take({ message }: StreamEventsResponse, opened: Opened | undefined): Promise<Opened | undefined> {
    switch (message?.$case) {
      case "opened":
        if (opened) throw new ChainBrokenError("the stream says Opened twice");
        return this.#opened(message.value);
      case "batch":
        await this.#deliver(message.value, opened);
        return opened;
      case "progress":
        await this.#deliver(this.#checkpoint(message.value), opened);
        return opened;
      case "goingAway":
        throw new Interrupted(`the core ends the stream: ${message.value.reason}`);
      default:
        // A kind of message that a newer core sends.
        return opened;
    }
  }

  #opened(opened: Opened): Opened {
    this.#chain.opened(opened, Boolean(this.options.subscription));
    if (this.#unstored) {
      // "Latest" must not mean a later point when the stream is opened again.
      this.position = { at: { $case: "afterRevision", value: opened.afterRevision } };
    }
    return opened;
  }

  /**
   * The handler has nothing stored yet, so that also a place where the log stands still is news to it: without it the next run
   * would begin at another "latest".
   */
  get #unstored(): boolean {
    return !this.options.subscription && this.position?.at?.$case !== "resumeToken";
  }

  /** Progress as what it is: a batch without events. */
  #checkpoint({ upToRevision, resumeToken }: Progress): Batch {
    return { afterRevision: this.#chain.upTo, upToRevision, events: [], resumeToken };
  }

  /** Hands over a batch that continues the chain, and remembers or acknowledges it. */
  async #deliver(batch: Batch, opened: Opened | undefined): Promise<void> {
    if (!opened) throw new ChainBrokenError("the stream does not begin with Opened");
    this.#chain.batch(batch);
    const { subscription } = this.options;
    if (!subscription) this.#failures = 0;
    const { afterRevision, upToRevision, resumeToken } = batch;
    if (upToRevision === afterRevision && !this.#unstored) return; // A mere sign of life.
    const { lease } = opened;
    try {
      await this.handler.handle(batch);
    } catch (error) {
      const unprocessable = subscription && UnprocessableError.among(error);
      if (unprocessable) return this.#park(subscription, lease, unprocessable);
      throw new HandlerFailed(error);
    }
    if (subscription) {
      await this.paystate.subscriptions.acknowledge({ subscription, lease, upToRevision }, this.#bound());
      this.#failures = 0;
    } else {
      this.position = resume(resumeToken);
    }
  }

  /** Puts an event aside. The rest of its batch comes again on the next stream. */
  async #park(subscription: string, lease: string, error: UnprocessableError): Promise<never> {
    const { eventId, reason } = error;
    await this.paystate.subscriptions.park({ subscription, lease, eventId, reason }, this.#bound());
    this.#failures = 0;
    throw new Interrupted(`parked: ${error.message}`, { cause: error });
  }

  /** A call has its time, also when the run is told to stop: what was handled would come again otherwise. */
  #bound() {
    return { timeoutMs: this.timing.quiet };
  }
}

/**
 * Whether another stream may do better. A lost lease is no refusal: somebody has opened a newer stream of the subscription,
 * or moved it.
 */
function passes({ mayPass, reason }: CallError): boolean {
  return mayPass || reason === "LEASE_LOST";
}
