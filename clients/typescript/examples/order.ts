/** What a checkout does: it creates an order, says how it can be paid, and waits until its fate is known. */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";

import {
  CallError,
  connect,
  CreateOrderRequest,
  OrderState,
  PaymentMethod,
  StartPaymentRequest,
} from "paystate-client";

/** Where nothing more is expected without somebody's doing. */
const FINAL = new Set([
  OrderState.PAID,
  OrderState.PARTIALLY_REFUNDED,
  OrderState.REFUNDED,
  OrderState.CLOSED,
  OrderState.ABNORMAL,
]);

const { values } = parseArgs({
  options: {
    core: { type: "string", default: "http://127.0.0.1:50051" },
    sandbox: { type: "string", default: "https://127.0.0.1:7443" },
    account: { type: "string", default: "alipay" },
    goods: { type: "string", default: "mug x2" },
    amount: { type: "string", default: "1999" },
  },
});
const { account, goods } = values;
const amountMinor = BigInt(values.amount);
const { orders, close } = connect(values.core);

const orderId = `order-${randomBytes(6).toString("hex")}`;
const outTradeNo = `T${randomBytes(8).toString("hex")}`;
await place();
console.log(`order ${orderId}: ${goods} for ${amountMinor} fen. Pay it:\n`);
const payment = `{"account":"${account}","out_trade_no":"${outTradeNo}","amount_minor":${amountMinor}}`;
console.log(`  curl -sk ${values.sandbox}/pay -d '${payment}'\n`);
process.exitCode = (await settled()) === OrderState.PAID ? 0 : 1;
close();

/** Makes the order and its payment known. A real shop would also start the payment at the platform, under `outTradeNo`. */
async function place(): Promise<void> {
  // The request ids make it safe to repeat either call.
  await orders.createOrder(
    CreateOrderRequest.fromPartial({
      orderId,
      amount: { amountMinor, currency: "CNY" },
      description: goods,
      requestId: `create-${orderId}`,
    }),
  );
  const method = PaymentMethod.EXTERNAL;
  const requestId = `start-${orderId}`;
  await orders.startPayment(StartPaymentRequest.fromPartial({ orderId, account, method, outTradeNo, requestId }));
}

/**
 * Watches until nothing more is expected, and answers with the state. Only a final state says so, never the end of a
 * stream: a core that stops ends it too, and so does what is in between. Opened again, it begins with the order as it is.
 */
async function settled(): Promise<OrderState> {
  // Random waits, so that not all who lost the same core come back at once.
  for (let limit = 100; ; limit = Math.min(2 * limit, 5_000)) {
    try {
      const state = await watch();
      if (FINAL.has(state)) return state;
    } catch (error) {
      if (!(error instanceof CallError && error.mayPass)) throw error;
    }
    await sleep(Math.random() * limit);
  }
}

/** One stream, to its end: prints each change, and answers with the last state. */
async function watch(): Promise<OrderState> {
  let state = OrderState.UNSPECIFIED;
  for await (const { order } of orders.watchOrder({ orderId, untilCancelled: false })) {
    state = order?.state ?? OrderState.UNSPECIFIED;
    console.log(`version ${order?.version}: ${OrderState[state]}`);
  }
  return state;
}
