/**
 * A service that keeps stock: it deducts what an order holds when it is paid, and puts it back when all of the money went
 * back. Effect and position are stored in one transaction, so each happens exactly once, whenever this process or the core is
 * killed.
 */
import { parseArgs } from "node:util";

import { connect, Follower } from "paystate-client";

import { Stock } from "./stock.js";

const { values } = parseArgs({
  options: {
    core: { type: "string", default: "http://127.0.0.1:50051" },
    database: { type: "string", default: "inventory.db" },
    report: { type: "boolean", default: false },
  },
});
const stock = new Stock(values.database);
if (values.report) {
  console.log(JSON.stringify(stock.report()));
} else {
  await follow(values.core);
}
stock.close();

async function follow(core: string): Promise<void> {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
  const paystate = connect(core);
  const follower = new Follower(paystate, {
    onInterrupt: (cause, waitMs) => console.error(`interrupted: ${cause.message}; again in ${waitMs.toFixed()} ms`),
  });
  console.error(`following ${core}; Ctrl-C ends, and the next start goes on from there`);
  try {
    await follower.run(stock, stop.signal);
  } catch (error) {
    if (!stop.signal.aborted) {
      console.error(String(error));
      process.exitCode = 1;
    }
  } finally {
    paystate.close();
  }
}
