import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { type Batch, Event, OrderState } from "paystate-client";

import { Stock } from "../examples/stock.js";

/** Processes on one database. */
function processes(t: TestContext, many: number): Stock[] {
  const dir = mkdtempSync(join(tmpdir(), "paystate-stock-"));
  const all = Array.from({ length: many }, () => new Stock(join(dir, "inventory.db")));
  t.after(() => {
    for (const stock of all) stock.close();
    rmSync(dir, { recursive: true });
  });
  return all;
}

/** A batch of one event: an order with these goods is paid. */
function paid(revision: number, description: string): Batch {
  const { PENDING: fromState, PAID: toState } = OrderState;
  const event = Event.fromPartial({ revision, orderId: description, fromState, toState, order: { description } });
  return { afterRevision: BigInt(revision - 1), upToRevision: BigInt(revision), events: [event], resumeToken: `token-${revision}` };
}

test("of two processes one applies a batch", (t) => {
  const both = processes(t, 2) as [Stock, Stock];
  // The place where a log begins is no effect, so both may store it.
  for (const stock of both) stock.handle({ afterRevision: 7n, upToRevision: 7n, events: [], resumeToken: "token-7" });
  for (const revision of [8, 9, 10, 11]) {
    const [first, second] = revision % 2 ? both : both.toReversed();
    first!.handle(paid(revision, "mug x2"));
    assert.throws(() => second!.handle(paid(revision, "mug x2")), /another process/);
  }
  assert.deepEqual(both[0].report(), { applied: { "mug x2": 4 }, returned: {}, revision: 11 });
  assert.equal(both[1].position(), "token-11");
});

test("an order contains SKU xQUANTITY, or nothing that is in stock", (t) => {
  const [stock] = processes(t, 1) as [Stock];
  const wrong = ["", "mug", "mug x", "mug x0", "mug x02", "mug x-2", "mug x+2", "mug x2 blue", "blue mug x2", "mug  x2", " x2"];
  const descriptions = ["mug x2", "mug-x x10", "mug x1234567", ...wrong, "mug x2\n", "mug x99999999999999999999"];
  for (const [n, description] of descriptions.entries()) stock.handle(paid(n + 1, description));
  assert.deepEqual(stock.report().applied, { "mug x2": 1, "mug-x x10": 1, "mug x1234567": 1 });
});
