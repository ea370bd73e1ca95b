import { BinaryReader } from "@bufbuild/protobuf/wire";
import { Metadata, status, type ServiceError } from "@grpc/grpc-js";

const PASSING: ReadonlySet<status> = new Set([
  status.UNAVAILABLE,
  status.DEADLINE_EXCEEDED,
  status.INTERNAL,
  status.RESOURCE_EXHAUSTED,
  status.ABORTED,
  status.UNKNOWN,
  status.CANCELLED,
]);

/** A call that failed. Every call throws this, unless it was aborted. */
export class CallError extends Error {
  override readonly name: string = "CallError";

  constructor(
    message: string,
    /** The gRPC status code. */
    readonly code: status,
    /** Stable, for example "ORDER_NOT_FOUND"; empty when the error does not come from the core itself. */
    readonly reason: string,
    /** Belongs to the reason, for example `oldest_revision` to "EVENTS_COMPACTED". */
    readonly metadata: Readonly<Record<string, string>>,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  /** Whether the same call may succeed later. */
  get mayPass(): boolean {
    return PASSING.has(this.code);
  }

  /** @internal */
  static of(error: ServiceError): CallError {
    const { reason, metadata } = errorInfo(error.metadata);
    const text = `${status[error.code]}: ${error.details}${reason && ` (${reason})`}`;
    return new CallError(text, error.code, reason, metadata, { cause: error });
  }
}

/** Ends `Follower.run`: the core has refused, and would refuse again. */
export class RejectedError extends CallError {
  override readonly name = "RejectedError";

  constructor(cause: CallError) {
    super(`refused: ${cause.message}`, cause.code, cause.reason, cause.metadata, { cause });
  }
}

/**
 * Ends `Follower.run`: what the core sent does not continue what came before it, so something may be missing. Nothing of
 * it was handed over.
 */
export class ChainBrokenError extends Error {
  override readonly name = "ChainBrokenError";

  constructor(problem: string) {
    super(`chain of revisions broken: ${problem}`);
  }
}

/**
 * For handlers of a durable subscription: thrown by `handle` (or the `cause` of what it throws), it says that one event of the
 * batch cannot be handled, now or later. The follower parks that event and goes on with other orders.
 */
export class UnprocessableError extends Error {
  override readonly name = "UnprocessableError";

  constructor(
    /** Names the event. */
    readonly eventId: string,
    /** For people; `listParked` shows it. */
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super(`event ${eventId} cannot be handled: ${reason}`, options);
  }

  /** @internal The first of its kind: the error itself, its cause, and so on. */
  static among(error: unknown): UnprocessableError | undefined {
    if (error instanceof UnprocessableError) return error;
    return error instanceof Error ? UnprocessableError.among(error.cause) : undefined;
  }
}

interface ErrorInfo {
  reason: string;
  domain: string;
  metadata: Record<string, string>;
}

const NONE: ErrorInfo = { reason: "", domain: "", metadata: {} };

/** Our google.rpc.ErrorInfo among the details of a failed call. */
function errorInfo(trailers: Metadata): ErrorInfo {
  const [details] = trailers.get("grpc-status-details-bin");
  if (!(details instanceof Uint8Array)) return NONE;
  return readStatus(details).find((info) => info.domain === "paystate") ?? NONE;
}

// Three small messages of google.rpc, read by hand: their packages would bring far more than that.

/** google.rpc.Status: `repeated google.protobuf.Any details = 3`. */
function readStatus(bytes: Uint8Array): ErrorInfo[] {
  const found: ErrorInfo[] = [];
  fields(bytes, { 3: (reader) => found.push(...readAny(reader.bytes())) });
  return found;
}

/** google.protobuf.Any: `string type_url = 1; bytes value = 2`. */
function readAny(bytes: Uint8Array): ErrorInfo[] {
  let type = "";
  let value: Uint8Array = new Uint8Array();
  fields(bytes, { 1: (reader) => (type = reader.string()), 2: (reader) => (value = reader.bytes()) });
  return type.endsWith("/google.rpc.ErrorInfo") ? [readErrorInfo(value)] : [];
}

/** google.rpc.ErrorInfo: `string reason = 1; string domain = 2; map<string, string> metadata = 3`. */
function readErrorInfo(bytes: Uint8Array): ErrorInfo {
  const info: ErrorInfo = { reason: "", domain: "", metadata: {} };
  fields(bytes, {
    1: (reader) => (info.reason = reader.string()),
    2: (reader) => (info.domain = reader.string()),
    3: (reader) => {
      let key = "";
      let value = "";
      fields(reader.bytes(), { 1: (entry) => (key = entry.string()), 2: (entry) => (value = entry.string()) });
      info.metadata[key] = value;
    },
  });
  return info;
}

/** Reads the fields of a message that are asked for, all of them length-delimited, and skips the others. */
function fields(bytes: Uint8Array, wanted: Record<number, (reader: BinaryReader) => void>): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    const read = wireType === 2 ? wanted[field] : undefined;
    if (read) read(reader);
    else reader.skip(wireType);
  }
}
