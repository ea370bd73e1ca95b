import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";

import { status } from "@grpc/grpc-js";

import {
  CallError,
  ChainBrokenError,
  connect,
  EventFilter,
  Follower,
  RejectedError,
  StreamEventsResponse,
  UnprocessableError,
} from "paystate-client";

import { backoff, USUAL } from "../src/timing.js";
import { batch, done, failure, goingAway, lost, opened, type Play, progress, refused, Script, send, Store } from "./script.js";

test("each event comes once, over interruptions of every kind", async (t) => {
  const script = new Script([
    send(lost),
    send(lost, opened("log", 3), batch(3, 5, 4, 5)),
    send(undefined, opened("log", 5), batch(5, 9, 7), goingAway),
    send(undefined, opened("log", 9), batch(9, 10)),
    send(failure(status.INTERNAL), opened("log", 10)),
    send(failure(status.RESOURCE_EXHAUSTED), opened("log", 10)),
    send(undefined, opened("log", 10), batch(10, 11, 11)),
  ]);
  const store = new Store(11, "token-3");
  let interruptions = 0;
  assert.equal(await script.run(t, { onInterrupt: () => interruptions++ }, store), done);
  assert.deepEqual(store.events, [4, 5, 7, 11]);
  assert.deepEqual(store.batches, ["(3,5]", "(5,9]", "(9,10]", "(10,11]"]);
  assert.deepEqual(script.positions, ["token-3", "token-3", "token-5", "token-9", "token-10", "token-10", "token-10"]);
  assert.equal(interruptions, 6);
});

test("progress is a checkpoint at first, and when the log has moved", async (t) => {
  const script = new Script([
    send(lost, opened("log", 0), progress(0), progress(0), progress(4), progress(4), batch(4, 6, 5), progress(8)),
    send(undefined, opened("log", 8), batch(8, 9, 9)),
  ]);
  const store = new Store(9);
  assert.equal(await script.run(t, {}, store), done);
  // The first one is where the log was when we began: without it another start would begin at another "latest".
  assert.deepEqual(store.batches, ["(0,0]", "(0,4]", "(4,6]", "(6,8]", "(8,9]"]);
  assert.deepEqual(script.positions, ["earliest", "token-8"]);
});

const BEGIN = [opened("log", 0), batch(0, 2, 1)] as const;
const BROKEN: Record<string, Play[]> = {
  gap: [send(undefined, ...BEGIN, batch(3, 4, 4))],
  duplicate: [send(undefined, ...BEGIN, batch(0, 2, 1))],
  backwards: [send(undefined, ...BEGIN, batch(2, 1))],
  "event twice": [send(undefined, ...BEGIN, batch(2, 4, 3, 3))],
  "event too early": [send(undefined, ...BEGIN, batch(2, 4, 2))],
  "event too late": [send(undefined, ...BEGIN, batch(2, 4, 5))],
  "progress backwards": [send(undefined, ...BEGIN, progress(1))],
  "gap after reconnect": [send(lost, ...BEGIN), send(undefined, opened("log", 3), batch(3, 4, 4))],
  "duplicate after reconnect": [send(lost, ...BEGIN), send(undefined, ...BEGIN)],
  "another log": [send(lost, ...BEGIN), send(undefined, opened("other", 2), batch(2, 3, 3))],
  "opened twice": [send(undefined, ...BEGIN, opened("log", 2), batch(2, 3, 3))],
  "not opened": [send(lost, ...BEGIN), send(undefined, batch(2, 3, 3))],
};
for (const [name, plays] of Object.entries(BROKEN)) {
  test(`a broken chain is never skipped: ${name}`, async (t) => {
    const store = new Store(100);
    assert.ok((await new Script(plays).run(t, {}, store)) instanceof ChainBrokenError);
    assert.deepEqual(store.events, [1]);
  });
}

test("what only a newer core says is passed over", async (t) => {
  const unknown = StreamEventsResponse.create({});
  const script = new Script([
    send(undefined, unknown, opened("log", 0), unknown, batch(0, 2, 1), unknown, batch(2, 3, 3)),
  ]);
  const store = new Store(3);
  assert.equal(await script.run(t, {}, store), done);
  assert.deepEqual(store.events, [1, 3]);
});

test("what the core refuses is handed over", async (t) => {
  const script = new Script([
    send(lost, opened("log", 3), batch(3, 5, 4, 5)),
    send(refused(status.FAILED_PRECONDITION, "LOG_ID_CHANGED")),
  ]);
  const error = await script.run(t, {}, new Store(100, "token-3"));
  assert.ok(error instanceof RejectedError);
  assert.deepEqual([error.code, error.reason], [status.FAILED_PRECONDITION, "LOG_ID_CHANGED"]);
  assert.deepEqual(error.metadata, { oldest_revision: "7" });
  const { INVALID_ARGUMENT, OUT_OF_RANGE, NOT_FOUND, UNAUTHENTICATED, PERMISSION_DENIED, UNIMPLEMENTED } = status;
  for (const code of [INVALID_ARGUMENT, OUT_OF_RANGE, NOT_FOUND, UNAUTHENTICATED, PERMISSION_DENIED, UNIMPLEMENTED]) {
    const error = await new Script([send(failure(code))]).run(t, {}, new Store(1));
    assert.ok(error instanceof RejectedError && error.code === code && error.reason === "", String(error));
  }
});

test("a quiet stream is opened again", async (t) => {
  const quiet: Play = (stream) => [opened("log", 0), batch(0, 2, 1)].forEach((message) => stream.write(message));
  const script = new Script([quiet, send(undefined, opened("log", 2), batch(2, 3, 3))]);
  // Handling may take longer than that: it is no silence of the core.
  const store = new Store(3, undefined, () => wait(400));
  const causes: string[] = [];
  assert.equal(await script.run(t, { onInterrupt: ({ message }) => causes.push(message) }, store), done);
  assert.deepEqual(store.events, [1, 3]);
  assert.deepEqual(causes, ["the stream was silent for too long"]);
});

test("start is for handlers without a position", async (t) => {
  const script = new Script([send(lost, opened("log", 40)), send(undefined, opened("log", 40), batch(40, 41, 41))]);
  assert.equal(await script.run(t, { start: { at: { $case: "latest", value: true } } }, new Store(41)), done);
  // Not latest again: that would leave out what happened in between.
  assert.deepEqual(script.positions, ["latest", "after 40"]);
});

test("a subscription is acknowledged batch by batch", async (t) => {
  const script = new Script([
    send(lost, opened("log", 3), batch(3, 5, 4, 5), progress(8)),
    send(undefined, opened("log", 8), batch(8, 9, 9), batch(9, 12, 11)),
  ]);
  assert.equal(await script.run(t, { subscription: "stock" }, new Store(12, "not asked for")), done);
  assert.deepEqual(script.positions, ["none", "none"]);
  assert.deepEqual(script.subscriptions, ["stock", "stock"]);
  // The last batch ended the run, so it was not handled.
  assert.deepEqual(script.acks, ["stock lease-3 5", "stock lease-3 8", "stock lease-8 9"]);
});

test("what was not acknowledged comes again", async (t) => {
  const again = send(undefined, opened("log", 3), batch(3, 5, 4, 5));
  const script = new Script([again, again, again, send(undefined, opened("log", 5), batch(5, 6, 6))]);
  script.ackFails.push(lost, refused(status.FAILED_PRECONDITION, "LEASE_LOST"));
  const store = new Store(6);
  assert.equal(await script.run(t, { subscription: "stock" }, store), done);
  assert.deepEqual(store.events, [4, 5, 4, 5, 4, 5, 6]);
});

test("only an acknowledgement makes the waits of a subscription short again", async (t) => {
  // Another reader takes the lease before we have acknowledged anything, twelve times.
  const stream = send(lost, opened("log", 3), progress(3), batch(3, 5, 4, 5));
  const script = new Script([...Array<Play>(13).fill(stream), send(undefined, opened("log", 5), batch(5, 6, 6))]);
  for (let n = 0; n < 12; n++) script.ackFails.push(refused(status.FAILED_PRECONDITION, "LEASE_LOST"));
  const waits: number[] = [];
  const options = { subscription: "stock", onInterrupt: (_: Error, waitMs: number) => waits.push(waitMs) };
  assert.equal(await script.run(t, options, new Store(6)), done);
  const first = 1;
  assert.equal(waits.length, 13);
  assert.ok(Math.max(...waits) > first && waits[12]! <= first, String(waits));
});

test("what is handled while the run is stopped counts", async (t) => {
  const why = new Error("we stop");
  for (const [error, acks, parks] of [
    [undefined, ["stock lease-3 5"], []],
    [new UnprocessableError("event-4", "no such mug"), [], ["stock lease-3 event-4 no such mug"]],
  ] as const) {
    const script = new Script([send(undefined, opened("log", 3), batch(3, 5, 4, 5), batch(5, 6, 6))]);
    const stop = new AbortController();
    let handled = 0;
    const handle = () => {
      handled++;
      stop.abort(why);
      if (error) throw error;
    };
    assert.equal(await script.run(t, { subscription: "stock" }, { handle }, stop.signal), why);
    assert.equal(handled, 1);
    assert.deepEqual([script.acks, script.parks], [acks, parks]);
  }
});

test("a parked event makes the waits of a subscription short again", async (t) => {
  const away = Array<Play>(12).fill(send(lost));
  const script = new Script([
    ...away, send(undefined, opened("log", 3), batch(3, 4, 4)), send(undefined, opened("log", 4), batch(4, 6, 5)),
  ]);
  const store = new Store(6, undefined, ({ afterRevision }) => {
    if (afterRevision === 3n) throw new UnprocessableError("event-4", "no such mug");
  });
  const waits: number[] = [];
  const options = { subscription: "stock", onInterrupt: (_: Error, waitMs: number) => waits.push(waitMs) };
  assert.equal(await script.run(t, options, store), done);
  const first = 1;
  assert.equal(waits.length, 13);
  assert.ok(Math.max(...waits) > first && waits[12]! <= first, String(waits));
});

test("an acknowledgement that is refused ends the run", async (t) => {
  const script = new Script([send(undefined, opened("log", 3), batch(3, 5, 4, 5))]);
  script.ackFails.push(refused(status.FAILED_PRECONDITION, "ACKNOWLEDGE_AHEAD"));
  const error = await script.run(t, { subscription: "stock" }, new Store(6));
  assert.ok(error instanceof RejectedError && error.reason === "ACKNOWLEDGE_AHEAD");
});

test("an event that cannot be handled is parked", async (t) => {
  const script = new Script([
    send(undefined, opened("log", 3), batch(3, 5, 4, 5)),
    send(undefined, opened("log", 3), batch(3, 5, 4)),
    send(undefined, opened("log", 5), batch(5, 6, 6)),
  ]);
  const store = new Store(6, undefined, ({ events }) => {
    if (events.length === 2) throw new Error("stock", { cause: new UnprocessableError("event-5", "no such mug") });
  });
  assert.equal(await script.run(t, { subscription: "stock" }, store), done);
  assert.deepEqual(store.events, [4, 6]);
  assert.deepEqual(script.parks, ["stock lease-3 event-5 no such mug"]);
});

test("a handler's own error ends the run as it is", async (t) => {
  // Also one that looks as if the core were away, or that only makes sense with a subscription.
  const away = new CallError("away", status.UNAVAILABLE, "", {});
  for (const own of [away, new UnprocessableError("event-1", ""), new Error("disk full")]) {
    const script = new Script([send(undefined, opened("log", 0), batch(0, 2, 1))]);
    const fail = () => {
      throw own;
    };
    assert.equal(await script.run(t, {}, new Store(100, undefined, fail)), own);
    assert.equal(script.positions.length, 1);
  }
});

test("a run ends with its signal, while it waits for the core and while it waits to try again", async (t) => {
  const why = new Error("we stop");
  const silent = new AbortController();
  const store = new Store(100, undefined, () => silent.abort(why));
  const quiet: Play = (stream) => [opened("log", 0), batch(0, 2, 1)].forEach((message) => stream.write(message));
  assert.equal(await new Script([quiet]).run(t, {}, store, silent.signal), why);

  const away = new AbortController();
  const paystate = connect("http://127.0.0.1:1");
  t.after(() => paystate.close());
  const follower = new Follower(paystate, { onInterrupt: () => away.abort(why) });
  await assert.rejects(follower.run(store, away.signal), why);

  const filter = EventFilter.create({});
  assert.throws(() => new Follower(paystate, { subscription: "stock", filter }), /its own filter/);
});

test("waits grow to a bound and are random", () => {
  for (const [failures, bound] of [[0, 50], [1, 100], [7, 6_400], [8, 10_000], [2_000, 10_000]] as const) {
    const longest = Math.max(...Array.from({ length: 2_000 }, () => backoff(USUAL, failures)));
    assert.ok(longest <= bound && longest > bound * 0.9, `${failures}: ${longest}`);
  }
});
