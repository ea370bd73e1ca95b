// Alipay's official SDK against the stand-in platform and against what our edge signed.

import { createPublicKey } from 'node:crypto';

import { AlipaySdk } from 'alipay-sdk';

import { check, control, end, material, same } from './checks.mjs';

const { alipay, sandbox } = material;
const common = { appId: alipay.app_id, gateway: `${sandbox}/gateway.do`, keyType: 'PKCS8', timeout: 10_000 };
const shop = new AlipaySdk({ ...common, privateKey: alipay.private_key, alipayPublicKey: alipay.public_key });
const ask = (method, bizContent, more = {}) => shop.exec(method, { ...more, bizContent }, { validateSign: true });

// As a receiver of what our side signs, with the shop's public key in the place of the platform's.
const shopKey = createPublicKey(alipay.private_key).export({ type: 'spki', format: 'pem' });
const reader = new AlipaySdk({ ...common, privateKey: alipay.private_key, alipayPublicKey: shopKey });

const number = `IOP${Date.now()}`;
const trade = { out_trade_no: number };

await check('a callback of the stand-in verifies, and not when its amount is changed', () => {
  const fields = Object.fromEntries(new URLSearchParams(alipay.callback.body));
  same(shop.checkNotifySignV2(fields), true);
  same(shop.checkNotifySignV2({ ...fields, total_amount: '0.01' }), false);
});

for (const [name, query] of [['page URL', new URL(alipay.page_url).search], ['app string', alipay.app_string]]) {
  await check(`the ${name} that StartPayment answered verifies, and not when it is changed`, () => {
    const fields = Object.fromEntries(new URLSearchParams(query));
    same(reader.checkNotifySignV2(fields), true);
    same(reader.checkNotifySignV2({ ...fields, biz_content: fields.biz_content.replace('19.99', '0.01') }), false);
  });
}

await check('precreate: our side verifies the request, the SDK the answer', async () => {
  const body = { ...trade, total_amount: '19.99', subject: '杯子 & "mug"' };
  const made = await ask('alipay.trade.precreate', body, { notifyUrl: alipay.notify_url });
  same([made.code, made.outTradeNo, typeof made.qrCode], ['10000', number, 'string']);
});

await check('a request that a stranger signed is refused', async () => {
  const stranger = new AlipaySdk({ ...common, privateKey: alipay.stranger_key, alipayPublicKey: alipay.public_key });
  const answer = await stranger.exec('alipay.trade.query', { bizContent: trade });
  same(answer.code === '10000', false);
});

await check('query, refund and refund query of a trade that was paid', async () => {
  await control('pay-checkout', { account: 'alipay', out_trade_no: number });
  const paid = await ask('alipay.trade.query', trade);
  same([paid.code, paid.tradeStatus, paid.totalAmount], ['10000', 'TRADE_SUCCESS', '19.99']);
  const refund = { ...trade, refund_amount: '5.00', out_request_no: `${number}R` };
  const [first, again] = [await ask('alipay.trade.refund', refund), await ask('alipay.trade.refund', refund)];
  same([first.code, first.fundChange, first.refundFee], ['10000', 'Y', '5.00']);
  same([again.code, again.fundChange, again.refundFee], ['10000', 'N', '5.00']);
  const asked = await ask('alipay.trade.fastpay.refund.query', { ...trade, out_request_no: `${number}R` });
  same([asked.code, asked.refundStatus, asked.refundAmount], ['10000', 'REFUND_SUCCESS', '5.00']);
});

await check('what does not exist is said in a signed answer', async () => {
  const none = await ask('alipay.trade.query', { out_trade_no: `${number}NONE` });
  same([none.code, none.subCode], ['40004', 'ACQ.TRADE_NOT_EXIST']);
});

end();
