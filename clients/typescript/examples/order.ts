/** What a checkout does: it creates an order, says how it can be paid, and waits until its fate is known. */
import { randomBytes } from "node:crypto";
import { parseArgs } from "node:util";

import {
  CallError,
  connect,
  CreateOrderRequest,
  OrderState,
  PaymentMethod,
  StartPaymentRequest,
  status,
} from "paystate-client";

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
await wait();
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

/** Prints each change until nothing more is expected. */
async function wait(): Promise<void> {
  for (;;) {
    try {
      for await (const { order } of orders.watchOrder({ orderId, untilCancelled: false })) {
        if (order) console.log(`version ${order.version}: ${OrderState[order.state]}`);
      }
      return;
    } catch (error) {
      // Opened again it begins with the order as it is.
      if (!(error instanceof CallError && error.code === status.UNAVAILABLE)) throw error;
    }
  }
}
