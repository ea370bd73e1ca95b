import Database from "libsql";

import { type Batch, type Event, type Handler, OrderState } from "paystate-client";

/** What is left of each article (below zero: oversold), what was done to it, and how far the log was followed. */
const SCHEMA = `
CREATE TABLE IF NOT EXISTS stock (sku TEXT PRIMARY KEY, quantity INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS movement (order_id TEXT NOT NULL, sku TEXT NOT NULL, quantity INTEGER NOT NULL, revision INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS position (one INTEGER PRIMARY KEY CHECK (one = 1), resume_token TEXT NOT NULL, revision INTEGER NOT NULL);
`;

/** Moves the position from where a batch begins to where it ends, and changes nothing when it stands elsewhere. */
const ADVANCE = `
INSERT INTO position VALUES (1, ?, ?)
ON CONFLICT DO UPDATE SET resume_token = excluded.resume_token, revision = excluded.revision WHERE position.revision = ?
`;

/** What was done for each order. */
export interface Report {
  applied: Record<string, number>;
  returned: Record<string, number>;
  revision: number;
}

/** The handler: it keeps its position beside its effects. */
export class Stock implements Handler {
  readonly #database: Database.Database;

  constructor(path: string) {
    // --report may read while we write.
    this.#database = new Database(path, { timeout: 5_000 });
    this.#database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
    this.#database.exec(SCHEMA);
  }

  position(): string | undefined {
    const row = this.#database.prepare("SELECT resume_token AS token FROM position").get() as { token: string } | undefined;
    return row?.token;
  }

  /** Stores all effects of the batch and its position, or nothing. */
  handle({ afterRevision, events, resumeToken, upToRevision }: Batch): void {
    this.#database
      .transaction(() => {
        // First of all the position: it holds up every other process, and says whether this batch is ours to apply.
        const { changes } = this.#database.prepare(ADVANCE).run(resumeToken, upToRevision, afterRevision);
        if (changes !== 1) throw new Error(`the stored position is not revision ${afterRevision}: another process has gone on`);
        for (const event of events) this.#apply(event);
      })
      .immediate();
  }

  #apply({ orderId, fromState, toState, order, revision }: Event): void {
    if (holds(fromState) === holds(toState)) return;
    const goods = read(order?.description ?? "");
    if (!goods) {
      console.error(`order ${orderId}: "${order?.description}" is not SKU xQUANTITY: nothing in stock`);
      return;
    }
    const quantity = holds(toState) ? -goods.quantity : goods.quantity;
    this.#database
      .prepare("INSERT INTO stock VALUES (?, ?) ON CONFLICT DO UPDATE SET quantity = quantity + excluded.quantity")
      .run(goods.sku, quantity);
    this.#database.prepare("INSERT INTO movement VALUES (?, ?, ?, ?)").run(orderId, goods.sku, quantity, revision);
    console.error(`revision ${revision}: order ${orderId}, ${goods.sku} ${quantity}`);
  }

  report(): Report {
    const database = this.#database;
    const count = (which: string) => {
      const rows = database.prepare(`SELECT order_id, count(*) AS n FROM movement WHERE ${which} GROUP BY 1`).all();
      return Object.fromEntries((rows as { order_id: string; n: number }[]).map((row) => [row.order_id, row.n]));
    };
    // One transaction, so that counts and revision belong together.
    return database.transaction(() => {
      const position = database.prepare("SELECT revision FROM position").get() as { revision: number } | undefined;
      return { applied: count("quantity < 0"), returned: count("quantity > 0"), revision: position?.revision ?? 0 };
    })();
  }

  close(): void {
    this.#database.close();
  }
}

/** The shop has money for the goods, so they are the payer's. */
function holds(state: OrderState): boolean {
  return state === OrderState.PAID || state === OrderState.PARTIALLY_REFUNDED;
}

/** Reads what an order contains: these examples write it into the description, "mug x2". */
function read(description: string): { sku: string; quantity: number } | undefined {
  const [, sku, digits] = /^(\S+) x([1-9]\d*)$/.exec(description) ?? [];
  const quantity = Number(digits);
  return sku && Number.isSafeInteger(quantity) ? { sku, quantity } : undefined;
}
