import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { createSecureContext, type SecureContextOptions } from "node:tls";

import { type ChannelCredentials, type ChannelOptions, Client, credentials } from "@grpc/grpc-js";

import { type Calls, calls } from "./calls.js";
import { OperationsServiceService } from "./generated/paystate/v1/operations_service.js";
import { OrderServiceService } from "./generated/paystate/v1/order_service.js";
import { SubscriptionServiceService } from "./generated/paystate/v1/subscription_service.js";

/**
 * Tries reads again when the core is away; a call that changes something is the caller's to repeat. A copy of
 * clients/service-config.json, which holds for every language.
 */
const SERVICE_CONFIG = readFileSync(new URL("../../service-config.json", import.meta.url), "utf8");

/** How the core is reached. Nothing is needed for plaintext on loopback. */
export interface ConnectOptions {
  /** PEM, the authorities whose certificate the core must have; the system's when absent. */
  caFile?: string;
  /** PEM, what we show to the core (mTLS). Needs `keyFile`. */
  certFile?: string;
  /** PEM, the key of `certFile`. */
  keyFile?: string;
  /** The name that the core's certificate must have; the URL's host when absent. */
  serverName?: string;
  /** Allows http:// off loopback: for a network that encrypts by itself, such as a mesh. */
  allowPlaintext?: boolean;
}

/** A connection to the core, with the services that it offers. */
export interface Paystate {
  readonly orders: Calls<typeof OrderServiceService>;
  readonly subscriptions: Calls<typeof SubscriptionServiceService>;
  readonly operations: Calls<typeof OperationsServiceService>;
  /** Ends the connection; calls that are open end with CANCELLED or UNAVAILABLE. */
  close(): void;
}

/**
 * Prepares a connection to the core, for example `http://127.0.0.1:50051` or `https://core.pay.internal:50051`. A wrong URL
 * or file throws at once. The connection itself is made, and made again, when calls need it; behind one name several cores
 * are used in turn.
 */
export function connect(core: string, options: ConnectOptions = {}): Paystate {
  const { secure, host, port } = read(core);
  const local = isLoopback(host);
  if (!secure && (options.caFile || options.certFile || options.keyFile || options.serverName)) {
    throw new Error(`${core} is not encrypted: caFile, certFile, keyFile and serverName need https://`);
  }
  if (!secure && !local && !options.allowPlaintext) {
    throw new Error(`${core} is neither encrypted nor loopback: use https://, or allowPlaintext`);
  }
  const client = new Client(`dns:${host}:${port}`, secure ? tls(options) : credentials.createInsecure(), {
    "grpc.service_config": SERVICE_CONFIG,
    // Shorter than what routers on the way forget, and what finds a peer that is gone without a word.
    "grpc.keepalive_time_ms": 15_000,
    "grpc.keepalive_timeout_ms": 10_000,
    // The library's own waits, a second at first and two minutes at last, would keep a follower away from a core that is long
    // back.
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 5_000,
    ...(local && { "grpc.enable_http_proxy": 0 }),
    ...(secure && named(options.serverName)),
  });
  return {
    orders: calls(OrderServiceService, client),
    subscriptions: calls(SubscriptionServiceService, client),
    operations: calls(OperationsServiceService, client),
    close: () => client.close(),
  };
}

function read(core: string): { secure: boolean; host: string; port: string } {
  // By hand: URL drops the ports that are usual for HTTP.
  const match = /^(https?):\/\/(\[[0-9a-fA-F:]+\]|[^/:@\s[\]]+):(\d{1,5})\/?$/.exec(core);
  const [, scheme, host, port] = match ?? [];
  if (!host || !port) throw new Error(`"${core}" is not a URL of a core: use http://HOST:PORT or https://HOST:PORT`);
  return { secure: scheme === "https", host, port };
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || (isIP(host) === 4 && host.startsWith("127."));
}

function named(serverName: string | undefined): ChannelOptions {
  return serverName ? { "grpc.ssl_target_name_override": serverName, "grpc.default_authority": serverName } : {};
}

function tls({ caFile, certFile, keyFile }: ConnectOptions): ChannelCredentials {
  if (!certFile !== !keyFile) throw new Error("certFile and keyFile go together");
  const context: SecureContextOptions = { minVersion: "TLSv1.3" };
  if (caFile) context.ca = certificate("caFile", caFile);
  if (certFile && keyFile) {
    context.cert = certificate("certFile", certFile);
    context.key = file("keyFile", keyFile);
  }
  return credentials.createFromSecureContext(createSecureContext(context));
}

function certificate(option: string, path: string): string {
  const pem = file(option, path);
  if (!pem.includes("-----BEGIN CERTIFICATE-----")) throw new Error(`${option}: ${path} holds no certificate in PEM`);
  return pem;
}

function file(option: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new Error(`${option}: ${(cause as Error).message}`, { cause });
  }
}
