package paystate.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.grpc.Grpc;
import io.grpc.ManagedChannel;
import io.grpc.Server;
import io.grpc.ServerCredentials;
import io.grpc.StatusException;
import io.grpc.TlsServerCredentials;
import io.grpc.TlsServerCredentials.ClientAuth;
import io.grpc.stub.StreamObserver;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.Key;
import java.security.KeyStore;
import java.util.Base64;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import paystate.v1.GetOrderRequest;
import paystate.v1.GetOrderResponse;
import paystate.v1.Order;
import paystate.v1.OrderServiceGrpc;

@Timeout(60)
class TlsTest {
    /** A self-signed certificate and its key, as PEM files; so it is its own authority. */
    private record Identity(Path certificate, Path key) {
        static Identity make(Path dir, String name) throws Exception {
            Path store = dir.resolve(name + ".p12");
            Path keytool = Path.of(System.getProperty("java.home"), "bin", "keytool");
            Process made = new ProcessBuilder(keytool.toString(), "-genkeypair", "-keyalg", "EC", "-alias", name, "-dname",
                    "CN=" + name, "-ext", "san=ip:127.0.0.1", "-storetype", "PKCS12", "-storepass", "secret", "-keystore",
                    store.toString()).redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.DISCARD).start();
            assertEquals(0, made.waitFor());
            KeyStore keys = KeyStore.getInstance("PKCS12");
            try (InputStream in = Files.newInputStream(store)) {
                keys.load(in, "secret".toCharArray());
            }
            Key key = keys.getKey(name, "secret".toCharArray());
            return new Identity(
                    pem(dir.resolve(name + ".crt"), "CERTIFICATE", keys.getCertificate(name).getEncoded()),
                    pem(dir.resolve(name + ".key"), "PRIVATE KEY", key.getEncoded()));
        }

        private static Path pem(Path file, String label, byte[] der) throws Exception {
            String body = Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(der);
            return Files.writeString(file, "-----BEGIN " + label + "-----\n" + body + "\n-----END " + label + "-----\n");
        }
    }

    private static final class Orders extends OrderServiceGrpc.OrderServiceImplBase {
        @Override
        public void getOrder(GetOrderRequest request, StreamObserver<GetOrderResponse> out) {
            Order order = Order.newBuilder().setOrderId(request.getOrderId()).build();
            out.onNext(GetOrderResponse.newBuilder().setOrder(order).build());
            out.onCompleted();
        }
    }

    private static String order(int port, Tls tls) throws StatusException {
        ManagedChannel channel = Channels.open("https://127.0.0.1:" + port, tls);
        try {
            GetOrderRequest request = GetOrderRequest.newBuilder().setOrderId("A1").build();
            return OrderServiceGrpc.newBlockingV2Stub(channel).getOrder(request).getOrder().getOrderId();
        } finally {
            channel.shutdownNow();
        }
    }

    @Test
    void bothSidesShowTheirCertificate(@TempDir Path dir) throws Exception {
        Identity core = Identity.make(dir, "core");
        Identity shop = Identity.make(dir, "shop");
        Identity stranger = Identity.make(dir, "stranger");
        ServerCredentials credentials = TlsServerCredentials.newBuilder()
                .keyManager(core.certificate().toFile(), core.key().toFile())
                .trustManager(shop.certificate().toFile())
                .clientAuth(ClientAuth.REQUIRE)
                .build();
        Server server = Grpc.newServerBuilderForPort(0, credentials).addService(new Orders()).build().start();
        try {
            Tls trusting = Tls.trusting(core.certificate());
            assertEquals("A1", order(server.getPort(), trusting.presenting(shop.certificate(), shop.key())));
            assertThrows(StatusException.class, () -> order(server.getPort(), trusting));
            assertThrows(StatusException.class,
                    () -> order(server.getPort(), trusting.presenting(stranger.certificate(), stranger.key())));
            assertThrows(StatusException.class, () -> order(server.getPort(),
                    Tls.trusting(stranger.certificate()).presenting(shop.certificate(), shop.key())));
        } finally {
            server.shutdownNow();
        }
    }
}
