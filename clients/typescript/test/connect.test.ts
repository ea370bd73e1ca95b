import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { type handleUnaryCall, ServerCredentials, status } from "@grpc/grpc-js";

import {
  CallError,
  connect,
  type ConnectOptions,
  CreateOrderRequest,
  GetOrderResponse,
  OrderServiceService,
  type Paystate,
  WatchOrderResponse,
} from "paystate-client";

import { failure, lost, refused, serve, type Play } from "./script.js";

/** Answers reads, the first of them only at the second try; refuses writes as if it were away. */
function shop() {
  const tries = { reads: 0, writes: 0 };
  const read: handleUnaryCall<unknown, GetOrderResponse> = (_, answer) =>
    ++tries.reads === 1 ? answer(lost) : answer(null, GetOrderResponse.create({}));
  const write: handleUnaryCall<unknown, never> = (_, answer) => {
    tries.writes++;
    answer(lost);
  };
  const watch = (stream: Parameters<Play>[0]) => {
    for (const version of [1, 2, 3]) stream.write(WatchOrderResponse.fromPartial({ order: { version } }) as never);
  };
  const listing: handleUnaryCall<unknown, never> = (_, answer) => answer(refused(status.NOT_FOUND, "ORDER_NOT_FOUND"));
  const rest: handleUnaryCall<unknown, never> = (_, answer) => answer(failure(status.UNIMPLEMENTED));
  const own = { getOrder: read, createOrder: write, watchOrder: watch, getRefund: listing };
  const names = Object.keys(OrderServiceService);
  const service = Object.fromEntries(names.map((name) => [name, own[name as keyof typeof own] ?? rest]));
  return { tries, service };
}

test("only reads are tried again", async (t) => {
  const { tries, service } = shop();
  const { orders, close } = connect(`http://${await serve(t, OrderServiceService, service)}`);
  t.after(close);
  await orders.getOrder({ orderId: "A1" });
  await assert.rejects(orders.createOrder(CreateOrderRequest.create({})), { code: status.UNAVAILABLE });
  assert.deepEqual(tries, { reads: 2, writes: 1 });
});

test("a lost core is looked for often", async (t) => {
  // It takes connections, and breaks each of them at once.
  let tries = 0;
  const core = createServer((socket) => {
    tries++;
    socket.destroy();
  });
  await once(core.listen(0, "127.0.0.1"), "listening");
  t.after(() => core.close());
  const { orders, close } = connect(`http://127.0.0.1:${(core.address() as AddressInfo).port}`);
  t.after(close);
  const begin = Date.now();
  while (tries < 4) await orders.getOrder({ orderId: "A1" }).catch(() => undefined);
  // The library's own waits come to 4 s at least.
  assert.ok(Date.now() - begin < 3_000, `${Date.now() - begin} ms`);
});

test("a call that fails says why, and one that is ended ends", async (t) => {
  const { orders, close } = connect(`http://${await serve(t, OrderServiceService, shop().service)}`);
  t.after(close);
  const error = await orders.getRefund({ outRefundNo: "R1" }).catch((error: unknown) => error);
  assert.ok(error instanceof CallError);
  assert.equal(error.message, "NOT_FOUND: refused (ORDER_NOT_FOUND)");

  const seen: bigint[] = [];
  for await (const { order } of orders.watchOrder({ orderId: "A1", untilCancelled: true })) {
    seen.push(order?.version ?? 0n);
    if (seen.length === 3) break;
  }
  assert.deepEqual(seen, [1n, 2n, 3n]);

  const why = new Error("enough");
  const ending = new AbortController();
  const watch = orders.watchOrder({ orderId: "A1", untilCancelled: true }, { signal: ending.signal });
  const all = async () => {
    for await (const { order } of watch) if (order?.version === 3n) ending.abort(why);
  };
  await assert.rejects(all, why);
  await assert.rejects(orders.getOrder({ orderId: "A1" }, { signal: ending.signal }), why);
  const late = async () => {
    for await (const _ of orders.watchOrder({ orderId: "A1", untilCancelled: true }, { timeoutMs: 100 }));
  };
  await assert.rejects(late, { code: status.DEADLINE_EXCEEDED });
});

test("both sides show a certificate", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "paystate-client-"));
  t.after(() => rmSync(dir, { recursive: true }));
  const file = (name: string) => join(dir, name);
  const openssl = (...args: string[]) => execFileSync("openssl", args, { stdio: "pipe" });
  const issue = (name: string, ...more: string[]) =>
    openssl(
      ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1".split(" "),
      ...["-subj", `/CN=${name}`, "-addext", `subjectAltName=DNS:${name}`],
      ...["-keyout", file(`${name}.key`), "-out", file(`${name}.crt`), ...more],
    );
  issue("ca.test");
  const ca = ["-CA", file("ca.test.crt"), "-CAkey", file("ca.test.key"), "-addext", "basicConstraints=critical,CA:FALSE"];
  issue("core.test", ...ca);
  issue("stock.test", ...ca);

  const read = (name: string) => readFileSync(file(name));
  const pair = { private_key: read("core.test.key"), cert_chain: read("core.test.crt") };
  const secure = ServerCredentials.createSsl(read("ca.test.crt"), [pair], true);
  const address = await serve(t, OrderServiceService, shop().service, secure);
  const call = async (options: ConnectOptions) => {
    const paystate: Paystate = connect(`https://${address}`, options);
    t.after(() => paystate.close());
    await paystate.orders.getOrder({ orderId: "A1" });
  };
  const full = {
    caFile: file("ca.test.crt"),
    certFile: file("stock.test.crt"),
    keyFile: file("stock.test.key"),
    serverName: "core.test",
  };
  await call(full);
  const { caFile, certFile, keyFile, serverName } = full;
  await assert.rejects(call({ caFile, serverName }), { code: status.UNAVAILABLE }, "no certificate of ours");
  await assert.rejects(call({ ...full, serverName: "other.test" }), { code: status.UNAVAILABLE }, "another name");
  await assert.rejects(call({ certFile, keyFile, serverName }), { code: status.UNAVAILABLE }, "the system's CAs");

  writeFileSync(file("empty.pem"), "");
  const refuse = (options: ConnectOptions, says: RegExp) => assert.throws(() => connect("https://127.0.0.1:1", options), says);
  refuse({ caFile: file("missing.pem") }, /caFile: ENOENT/);
  refuse({ caFile: file("empty.pem") }, /caFile: .*empty.pem holds no certificate/);
  refuse({ certFile: caFile }, /go together/);
  refuse({ certFile, keyFile: file("core.test.key") }, /mismatch/);
});

test("what cannot work is refused at once", (t) => {
  for (const [url, says] of [
    ["127.0.0.1:50051", /http:\/\/HOST:PORT/],
    ["http://127.0.0.1", /http:\/\/HOST:PORT/],
    ["ftp://127.0.0.1:1", /http:\/\/HOST:PORT/],
    ["http://user@127.0.0.1:1", /http:\/\/HOST:PORT/],
    ["http://core.pay.internal:50051", /allowPlaintext/],
  ] as const) {
    assert.throws(() => connect(url), says);
  }
  for (const options of [{ caFile: "ca.crt" }, { certFile: "a.crt", keyFile: "a.key" }, { serverName: "core.test" }]) {
    for (const allowPlaintext of [false, true]) {
      assert.throws(() => connect("http://127.0.0.1:1", { ...options, allowPlaintext }), /need https:/);
    }
  }
  for (const url of ["http://localhost:1", "http://[::1]:80", "https://core.pay.internal:443/"]) {
    t.after(connect(url).close);
  }
  t.after(connect("http://core.pay.internal:50051", { allowPlaintext: true }).close);
});
