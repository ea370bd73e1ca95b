package paystate.interop;

import com.google.gson.Gson;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.wechat.pay.java.core.Config;
import com.wechat.pay.java.core.RSAPublicKeyConfig;
import com.wechat.pay.java.core.exception.ServiceException;
import com.wechat.pay.java.core.exception.ValidationException;
import com.wechat.pay.java.core.http.DefaultHttpClientBuilder;
import com.wechat.pay.java.core.http.HttpClient;
import com.wechat.pay.java.core.notification.NotificationParser;
import com.wechat.pay.java.core.notification.RSAPublicKeyNotificationConfig;
import com.wechat.pay.java.core.notification.RequestParam;
import com.wechat.pay.java.core.util.PemUtil;
import com.wechat.pay.java.service.payments.model.Transaction;
import com.wechat.pay.java.service.payments.nativepay.NativePayService;
import com.wechat.pay.java.service.payments.nativepay.model.Amount;
import com.wechat.pay.java.service.payments.nativepay.model.CloseOrderRequest;
import com.wechat.pay.java.service.payments.nativepay.model.PrepayRequest;
import com.wechat.pay.java.service.payments.nativepay.model.QueryOrderByOutTradeNoRequest;
import com.wechat.pay.java.service.refund.RefundService;
import com.wechat.pay.java.service.refund.model.AmountReq;
import com.wechat.pay.java.service.refund.model.CreateRequest;
import com.wechat.pay.java.service.refund.model.QueryByOutRefundNoRequest;
import com.wechat.pay.java.service.refund.model.Refund;
import java.io.InputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PublicKey;
import java.security.Signature;
import java.security.cert.CertificateFactory;
import java.security.interfaces.RSAPrivateCrtKey;
import java.security.spec.RSAPublicKeySpec;
import java.util.Base64;
import java.util.Objects;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;
import okhttp3.MediaType;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.RequestBody;

/** WeChat Pay's official SDK against the stand-in platform, and against what our edge signed. */
public final class WechatPay {
  private static int failed;

  /** A check; it holds if it does not throw. */
  private interface Check {
    void run() throws Exception;
  }

  private final JsonObject all;
  private final JsonObject ours;
  private final OkHttpClient wire;
  private final String number = "IOP" + System.currentTimeMillis();

  private WechatPay(JsonObject all) throws Exception {
    this.all = all;
    this.ours = all.getAsJsonObject("wechatpay");
    this.wire = wire(all.get("ca").getAsString(), URI.create(all.get("sandbox").getAsString()));
  }

  public static void main(String[] args) throws Exception {
    String material = Files.readString(Path.of(args[0]));
    new WechatPay(JsonParser.parseString(material).getAsJsonObject()).run();
    System.exit(failed > 0 ? 1 : 0);
  }

  private void run() {
    check("a callback of the stand-in verifies and opens, and not when its body is changed", this::callback);
    check("the JSAPI parameters that StartPayment answered verify", this::parameters);
    check("Native: our side verifies the requests, the SDK the answers", this::nativePay);
    check("refund and refund query of a payment", this::refund);
    check("a payment that was closed", this::close);
    check("a request that a stranger signed is refused", this::stranger);
  }

  private static void check(String name, Check check) {
    try {
      check.run();
      System.out.println("ok  " + name);
    } catch (Exception | AssertionError problem) {
      failed++;
      System.out.println("FAILED  " + name + ": " + problem);
      problem.printStackTrace();
    }
  }

  private static void same(Object found, Object expected) {
    if (!Objects.equals(found, expected)) {
      throw new AssertionError("found " + found + ", expected " + expected);
    }
  }

  private String text(String field) {
    return ours.get(field).getAsString();
  }

  private void callback() {
    var config = new RSAPublicKeyNotificationConfig.Builder()
        .publicKey(text("public_key")).publicKeyId(text("public_key_id")).apiV3Key(text("api_v3_key")).build();
    var parser = new NotificationParser(config);
    JsonObject callback = ours.getAsJsonObject("callback");
    String body = callback.get("body").getAsString();
    Transaction paid = parser.parse(param(callback, body), Transaction.class);
    same(paid.getTradeState(), Transaction.TradeStateEnum.SUCCESS);
    same(paid.getMchid(), text("mchid"));
    try {
      parser.parse(param(callback, body + " "), Transaction.class);
    } catch (ValidationException refused) {
      return;
    }
    throw new AssertionError("a changed body was believed");
  }

  private static RequestParam param(JsonObject callback, String body) {
    JsonObject headers = callback.getAsJsonObject("headers");
    return new RequestParam.Builder()
        .serialNumber(headers.get("wechatpay-serial").getAsString())
        .nonce(headers.get("wechatpay-nonce").getAsString())
        .signature(headers.get("wechatpay-signature").getAsString())
        .timestamp(headers.get("wechatpay-timestamp").getAsString())
        .body(body)
        .build();
  }

  /** As the platform does it: the shop's public key over appId, timeStamp, nonceStr and package, a line each. */
  private void parameters() throws Exception {
    JsonObject jsapi = ours.getAsJsonObject("jsapi");
    var message = new StringBuilder();
    for (String name : new String[] {"appId", "timeStamp", "nonceStr", "package"}) {
      message.append(jsapi.get(name).getAsString()).append('\n');
    }
    same(jsapi.get("signType").getAsString(), "RSA");
    var verifier = Signature.getInstance("SHA256withRSA");
    verifier.initVerify(shopKey());
    verifier.update(message.toString().getBytes(StandardCharsets.UTF_8));
    same(verifier.verify(Base64.getDecoder().decode(jsapi.get("paySign").getAsString())), true);
  }

  private PublicKey shopKey() throws Exception {
    var key = (RSAPrivateCrtKey) PemUtil.loadPrivateKeyFromString(text("private_key"));
    return KeyFactory.getInstance("RSA")
        .generatePublic(new RSAPublicKeySpec(key.getModulus(), key.getPublicExponent()));
  }

  private Config config(String privateKey) {
    return new RSAPublicKeyConfig.Builder()
        .merchantId(text("mchid")).merchantSerialNumber(text("serial_no")).privateKey(privateKey)
        .publicKey(text("public_key")).publicKeyId(text("public_key_id")).apiV3Key(text("api_v3_key")).build();
  }

  private HttpClient client(String privateKey) {
    return new DefaultHttpClientBuilder().config(config(privateKey)).okHttpClient(wire).build();
  }

  private NativePayService payments(String privateKey) {
    return new NativePayService.Builder().httpClient(client(privateKey)).build();
  }

  private String begin(String suffix) {
    var amount = new Amount();
    amount.setTotal(1999);
    amount.setCurrency("CNY");
    var request = new PrepayRequest();
    request.setAppid(text("appid"));
    request.setMchid(text("mchid"));
    request.setDescription("杯子 & \"mug\"");
    request.setOutTradeNo(number + suffix);
    request.setNotifyUrl(text("notify_url"));
    request.setAmount(amount);
    return payments(text("private_key")).prepay(request).getCodeUrl();
  }

  private Transaction query(String suffix) {
    var request = new QueryOrderByOutTradeNoRequest();
    request.setMchid(text("mchid"));
    request.setOutTradeNo(number + suffix);
    return payments(text("private_key")).queryOrderByOutTradeNo(request);
  }

  private void pay(String suffix) throws Exception {
    String body = new Gson().toJson(java.util.Map.of(
        "account", "wechatpay", "out_trade_no", number + suffix));
    var request = new Request.Builder().url(all.get("sandbox").getAsString() + "/pay-checkout")
        .post(RequestBody.create(body, MediaType.get("application/json"))).build();
    try (var answer = wire.newCall(request).execute()) {
      same(answer.code() / 100, 2);
    }
  }

  private void nativePay() throws Exception {
    same(begin("A").startsWith("weixin://"), true);
    same(query("A").getTradeState(), Transaction.TradeStateEnum.NOTPAY);
    pay("A");
    Transaction paid = query("A");
    same(paid.getTradeState(), Transaction.TradeStateEnum.SUCCESS);
    same(paid.getAmount().getTotal(), 1999);
  }

  private void refund() throws Exception {
    begin("B");
    pay("B");
    var refunds = new RefundService.Builder().httpClient(client(text("private_key"))).build();
    var amount = new AmountReq();
    amount.setRefund(500L);
    amount.setTotal(1999L);
    amount.setCurrency("CNY");
    var request = new CreateRequest();
    request.setOutTradeNo(number + "B");
    request.setOutRefundNo(number + "BR");
    request.setAmount(amount);
    Refund first = refunds.create(request);
    Refund again = refunds.create(request);
    same(first.getRefundId(), again.getRefundId());
    var question = new QueryByOutRefundNoRequest();
    question.setOutRefundNo(number + "BR");
    same(refunds.queryByOutRefundNo(question).getAmount().getRefund(), 500L);
  }

  private void close() {
    begin("C");
    var request = new CloseOrderRequest();
    request.setMchid(text("mchid"));
    request.setOutTradeNo(number + "C");
    payments(text("private_key")).closeOrder(request);
    same(query("C").getTradeState(), Transaction.TradeStateEnum.CLOSED);
  }

  private void stranger() {
    var request = new QueryOrderByOutTradeNoRequest();
    request.setMchid(text("mchid"));
    request.setOutTradeNo(number + "A");
    try {
      payments(text("stranger_key")).queryOrderByOutTradeNo(request);
    } catch (ServiceException refused) {
      same(refused.getHttpStatusCode(), 401);
      return;
    } catch (ValidationException unsigned) {
      return;
    }
    throw new AssertionError("a stranger was answered");
  }

  /** The SDK knows the platform's host only; what it has signed (the path) goes to the stand-in instead. */
  private static OkHttpClient wire(String ca, URI sandbox) throws Exception {
    KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
    store.load(null, null);
    try (InputStream pem = Files.newInputStream(Path.of(ca))) {
      store.setCertificateEntry("sandbox", CertificateFactory.getInstance("X.509").generateCertificate(pem));
    }
    TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init(store);
    SSLContext tls = SSLContext.getInstance("TLS");
    tls.init(null, trust.getTrustManagers(), null);
    return new OkHttpClient.Builder()
        .sslSocketFactory(tls.getSocketFactory(), (X509TrustManager) trust.getTrustManagers()[0])
        .addInterceptor(chain -> {
          var url = chain.request().url().newBuilder().host(sandbox.getHost()).port(sandbox.getPort()).build();
          return chain.proceed(chain.request().newBuilder().url(url).build());
        })
        .build();
  }
}
