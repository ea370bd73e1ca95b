import type { TestContext } from "node:test";

import {
  type handleUnaryCall,
  Metadata,
  Server,
  ServerCredentials,
  type ServerWritableStream,
  type ServiceDefinition,
  type ServiceError,
  status,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { BinaryWriter } from "@bufbuild/protobuf/wire";

import {
  AcknowledgeRequest,
  AcknowledgeResponse,
  type Batch,
  connect,
  Event,
  Follower,
  type FollowerOptions,
  type Handler,
  ParkRequest,
  ParkResponse,
  type Position,
  StreamEventsRequest,
  StreamEventsResponse,
  SubscriptionServiceService,
} from "paystate-client";

export type Stream = ServerWritableStream<StreamEventsRequest, StreamEventsResponse>;
/** What the server does with one stream. */
export type Play = (stream: Stream) => void;

export const silence: Play = () => undefined;

/** A play of some messages, then an end. */
export function send(end: Partial<ServiceError> | undefined, ...messages: StreamEventsResponse[]): Play {
  return (stream) => {
    for (const message of messages) stream.write(message);
    if (end) stream.emit("error", end);
    else stream.end();
  };
}

export function opened(logId: string, after: number): StreamEventsResponse {
  const value = { logId, afterRevision: BigInt(after), lease: `lease-${after}` };
  return { message: { $case: "opened", value } };
}

export function batch(after: number, upTo: number, ...revisions: number[]): StreamEventsResponse {
  const events = revisions.map((revision) => Event.fromPartial({ revision, eventId: `event-${revision}` }));
  const value = { afterRevision: BigInt(after), upToRevision: BigInt(upTo), events, resumeToken: `token-${upTo}` };
  return { message: { $case: "batch", value } };
}

export function progress(upTo: number): StreamEventsResponse {
  return { message: { $case: "progress", value: { upToRevision: BigInt(upTo), resumeToken: `token-${upTo}` } } };
}

export const goingAway: StreamEventsResponse = { message: { $case: "goingAway", value: { reason: "draining" } } };

export const lost = failure(status.UNAVAILABLE);

export function failure(code: status): Partial<ServiceError> {
  return { code, details: "as the script says" };
}

/** As the core refuses: with google.rpc.ErrorInfo among the details. */
export function refused(code: status, reason: string): Partial<ServiceError> {
  const bytes = (field: number, value: Uint8Array) => new BinaryWriter().uint32((field << 3) | 2).bytes(value).finish();
  const text = (field: number, value: string) => bytes(field, Buffer.from(value));
  const entry = Buffer.concat([text(1, "oldest_revision"), text(2, "7")]);
  const info = Buffer.concat([text(1, reason), text(2, "paystate"), bytes(3, entry)]);
  const any = Buffer.concat([text(1, "type.googleapis.com/google.rpc.ErrorInfo"), bytes(2, info)]);
  const other = Buffer.concat([text(1, "type.googleapis.com/google.rpc.Help"), bytes(2, Buffer.from([10, 0]))]);
  const metadata = new Metadata();
  const numbered = Buffer.concat([Buffer.from([8, code]), text(2, "refused"), bytes(3, other), bytes(3, any)]);
  metadata.set("grpc-status-details-bin", numbered);
  return { code, details: "refused", metadata };
}

export async function serve<Service extends UntypedServiceImplementation>(
  test: TestContext,
  definition: ServiceDefinition<Service>,
  service: Service,
  secure = ServerCredentials.createInsecure(),
): Promise<string> {
  const server = new Server();
  server.addService(definition, service);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", secure, (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  test.after(() => server.forceShutdown());
  return `127.0.0.1:${port}`;
}

/** A core that does as it is told: stream after stream, then it is silent. */
export class Script {
  readonly positions: string[] = [];
  readonly subscriptions: string[] = [];
  readonly acks: string[] = [];
  readonly parks: string[] = [];
  /** How the first acknowledgements fail. */
  readonly ackFails: Partial<ServiceError>[] = [];

  constructor(private readonly plays: Play[]) {}

  readonly #acknowledge: handleUnaryCall<AcknowledgeRequest, AcknowledgeResponse> = ({ request }, answer) => {
    const fails = this.ackFails.shift();
    if (fails) return answer(fails, null);
    this.acks.push(`${request.subscription} ${request.lease} ${request.upToRevision}`);
    answer(null, { acknowledgedRevision: request.upToRevision });
  };

  readonly #park: handleUnaryCall<ParkRequest, ParkResponse> = ({ request }, answer) => {
    this.parks.push(`${request.subscription} ${request.lease} ${request.eventId} ${request.reason}`);
    answer(null, {});
  };

  readonly service: UntypedServiceImplementation = {
    streamEvents: (stream: Stream) => {
      this.positions.push(describe(stream.request.position));
      this.subscriptions.push(stream.request.subscription);
      (this.plays.shift() ?? silence)(stream);
    },
    acknowledge: this.#acknowledge,
    park: this.#park,
  };

  /** Follows the script until the run ends; answers with what it threw. */
  async run(test: TestContext, options: FollowerOptions, handler: Handler, signal?: AbortSignal): Promise<unknown> {
    const service = Object.fromEntries(
      Object.keys(SubscriptionServiceService).map((name) => [name, this.service[name] ?? unimplemented]),
    );
    const paystate = connect(`http://${await serve(test, SubscriptionServiceService, service)}`);
    test.after(() => paystate.close());
    const follower = new Follower(paystate, options, { quiet: 300, first: 1, longest: 10 });
    return follower.run(handler, signal ?? AbortSignal.timeout(20_000)).catch((error: unknown) => error);
  }
}

const unimplemented: handleUnaryCall<unknown, unknown> = (_, answer) => answer(failure(status.UNIMPLEMENTED), null);

function describe(position: Position | undefined): string {
  switch (position?.at?.$case) {
    case "resumeToken":
      return position.at.value;
    case "afterRevision":
      return `after ${position.at.value}`;
    default:
      return position?.at?.$case ?? "none";
  }
}

/** Ends a run once the last revision is there. */
export const done = new Error("done");

/** A handler with a position. */
export class Store implements Handler {
  readonly batches: string[] = [];
  readonly events: number[] = [];

  constructor(
    private readonly last: number,
    private token?: string,
    private readonly before: (batch: Batch) => void | Promise<void> = () => undefined,
  ) {}

  position(): string | undefined {
    return this.token;
  }

  async handle(batch: Batch): Promise<void> {
    await this.before(batch);
    this.token = batch.resumeToken;
    this.batches.push(`(${batch.afterRevision},${batch.upToRevision}]`);
    this.events.push(...batch.events.map((event) => Number(event.revision)));
    if (batch.upToRevision >= this.last) throw done;
  }
}
