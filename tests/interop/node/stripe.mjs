// Stripe's official SDK against the stand-in platform, and its webhook signature against our edge.

import { readFileSync } from 'node:fs';
import { Agent } from 'node:https';

import Stripe from 'stripe';

import { check, control, end, material, same } from './checks.mjs';

const { edge, sandbox, stripe } = material;
const { hostname, port } = new URL(sandbox);
const shop = new Stripe(stripe.secret_key, {
  host: hostname,
  port,
  protocol: 'https',
  httpAgent: new Agent({ ca: readFileSync(material.ca) }),
  maxNetworkRetries: 0,
  telemetry: false,
});
const number = `IOP${Date.now()}`;
const signature = (callback) => callback.headers['stripe-signature'];

await check('a webhook of the stand-in verifies, and not when its body is changed', () => {
  const { body } = stripe.callback;
  const event = shop.webhooks.constructEvent(body, signature(stripe.callback), stripe.webhook_secret);
  same(event.object, 'event');
  let refused = false;
  try {
    shop.webhooks.constructEvent(`${body} `, signature(stripe.callback), stripe.webhook_secret);
  } catch {
    refused = true;
  }
  same(refused, true);
});

await check('a webhook that the SDK signed is taken by the edge, and one of a stranger is not', async () => {
  const send = (secret) => {
    const payload = stripe.callback.body;
    const header = shop.webhooks.generateTestHeaderString({ payload, secret });
    return fetch(`${edge}/callback/stripe/stripe`, { method: 'POST', body: payload, headers: { 'stripe-signature': header } });
  };
  same((await send(stripe.webhook_secret)).status, 200);
  same((await send('whsec_of_a_stranger')).ok, false);
});

await check('PaymentIntent: created once for a key, retrieved, refunded once for a key', async () => {
  const wanted = { amount: 1999, currency: 'usd', metadata: { out_trade_no: number } };
  const create = () => shop.paymentIntents.create(wanted, { idempotencyKey: number });
  const [intent, again] = [await create(), await create()];
  same([intent.id, intent.amount, intent.status], [again.id, 1999, 'requires_payment_method']);
  await control('pay-checkout', { account: 'stripe', out_trade_no: number });
  const paid = await shop.paymentIntents.retrieve(intent.id, { expand: ['latest_charge'] });
  same([paid.status, paid.amount_received, paid.latest_charge.object], ['succeeded', 1999, 'charge']);
  const give = () =>
    shop.refunds.create(
      { payment_intent: intent.id, amount: 500, metadata: { out_refund_no: `${number}R` } },
      { idempotencyKey: `${number}R` },
    );
  const [refund, repeated] = [await give(), await give()];
  same([refund.id, refund.amount, refund.payment_intent], [repeated.id, 500, intent.id]);
  const listed = await shop.refunds.list({ payment_intent: intent.id });
  same(listed.data.map((r) => r.id), [refund.id]);
});

await check('balance transactions come in pages', async () => {
  const types = [];
  for await (const line of shop.balanceTransactions.list({ limit: 1, expand: ['data.source'] })) types.push(line.type);
  same(types.some((type) => type.includes('refund')) && types.length >= 2, true);
});

await check('a wrong key is refused', async () => {
  const stranger = new Stripe('sk_test_stranger', {
    host: hostname,
    port,
    protocol: 'https',
    httpAgent: new Agent({ ca: readFileSync(material.ca) }),
    maxNetworkRetries: 0,
  });
  const refused = await stranger.paymentIntents.list().then(() => false, (error) => error.statusCode === 401);
  same(refused, true);
});

end();
