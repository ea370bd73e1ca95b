import {
  type CallOptions as GrpcCallOptions,
  type Client,
  Metadata,
  type MethodDefinition,
  type ServiceDefinition,
  type ServiceError,
} from "@grpc/grpc-js";

import { CallError } from "./errors.js";

/** Bounds one call. */
export interface CallOptions {
  /** Ends the call; it then throws the signal's reason. */
  signal?: AbortSignal;
  /** Ends the call after this time with DEADLINE_EXCEEDED. Of a stream: the whole stream. */
  timeoutMs?: number;
}

/** The methods of a service: a promise for one answer, an async iterable for a stream of them. */
export type Calls<Service> = {
  readonly [Name in keyof Service]: Service[Name] extends Method<infer Request, infer Response>
    ? Service[Name] extends { responseStream: true }
      ? (request: Request, options?: CallOptions) => AsyncIterable<Response>
      : (request: Request, options?: CallOptions) => Promise<Response>
    : never;
};

/** What the generated code says of a method. */
interface Method<Request, Response> {
  path: string;
  requestSerialize: (value: Request) => Buffer;
  responseDeserialize: (bytes: Buffer) => Response;
}

/** Makes callable what the generated code describes. */
export function calls<Service extends ServiceDefinition>(service: Service, client: Client): Calls<Service> {
  const methods = Object.entries<MethodDefinition<unknown, unknown>>(service).map(([name, method]) => {
    const call = method.responseStream ? stream : unary;
    return [name, (request: unknown, options: CallOptions = {}) => call(client, method, request, options)];
  });
  return Object.fromEntries(methods) as Calls<Service>;
}

function unary<Request, Response>(
  client: Client,
  method: Method<Request, Response>,
  request: Request,
  { signal, timeoutMs }: CallOptions,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const { path, requestSerialize, responseDeserialize } = method;
    const done = (error: ServiceError | null, response?: Response) => {
      signal?.removeEventListener("abort", cancel);
      if (error) reject(signal?.aborted ? signal.reason : CallError.of(error));
      else resolve(response as Response);
    };
    const call = client.makeUnaryRequest(
      path, requestSerialize, responseDeserialize, request, new Metadata(), within(timeoutMs), done,
    );
    const cancel = () => call.cancel();
    signal?.addEventListener("abort", cancel, { once: true });
  });
}

async function* stream<Request, Response>(
  client: Client,
  method: Method<Request, Response>,
  request: Request,
  { signal, timeoutMs }: CallOptions,
): AsyncGenerator<Response, void, undefined> {
  signal?.throwIfAborted();
  const { path, requestSerialize, responseDeserialize } = method;
  const call = client.makeServerStreamRequest(
    path, requestSerialize, responseDeserialize, request, new Metadata(), within(timeoutMs),
  );
  const cancel = () => call.cancel();
  signal?.addEventListener("abort", cancel, { once: true });
  try {
    // Reads no further than the caller does.
    yield* call as AsyncIterable<Response>;
  } catch (error) {
    throw signal?.aborted ? signal.reason : CallError.of(error as ServiceError);
  } finally {
    signal?.removeEventListener("abort", cancel);
    cancel();
  }
}

function within(timeoutMs: number | undefined): Partial<GrpcCallOptions> {
  return timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
}
