package paystate.client;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.SocketTimeoutException;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class ChannelsTest {
    @Test
    void plaintextStaysOnThisMachine() {
        for (String url : List.of("http://127.0.0.1:50051", "http://localhost:50051", "http://[::1]:50051/")) {
            Channels.open(url).shutdownNow();
        }
        assertThrows(IllegalArgumentException.class, () -> Channels.open("http://core.example:50051"));
        assertThrows(IllegalArgumentException.class, () -> Channels.open("http://127.0.0.1.example:50051"));
        Channels.openPlaintext("http://core.example:50051").shutdownNow();
        assertThrows(IllegalArgumentException.class, () -> Channels.openPlaintext("https://core.example:50051"));
    }

    @Test
    void anAddressIsSchemeHostAndPort() {
        for (String url : List.of("127.0.0.1:50051", "http://127.0.0.1", "ftp://127.0.0.1:1", "http://127.0.0.1:1/x", "")) {
            assertThrows(IllegalArgumentException.class, () -> Channels.open(url), url);
        }
    }

    @Test
    void tlsNeedsHttpsAndReadableFiles() {
        Channels.open("https://core.example:50051").shutdownNow();
        Tls missing = Tls.trusting(Path.of("no-such-file.pem"));
        assertThrows(IllegalArgumentException.class, () -> Channels.open("http://127.0.0.1:50051", missing));
        assertThrows(UncheckedIOException.class, () -> Channels.open("https://core.example:50051", missing));
        assertThrows(IllegalArgumentException.class, () -> new Tls(null, Path.of("certificate.pem"), null));
    }

    @Test
    void aLostCoreIsLookedForOftenUntilTheChannelIsShutDown() throws Exception {
        // It takes connections, and breaks each of them at once.
        try (ServerSocket core = new ServerSocket(0, 50, InetAddress.getByName("127.0.0.1"))) {
            core.setSoTimeout(2_000);
            ManagedChannel channel = Channels.open(URI.create("http://127.0.0.1:" + core.getLocalPort()),
                    InsecureChannelCredentials.create(), Duration.ofMillis(200));
            try {
                channel.getState(true);
                // By the tenth, gRPC's own waits would be a minute.
                for (int n = 0; n < 10; n++) {
                    core.accept().close();
                }
            } finally {
                channel.shutdownNow();
            }
            assertTrue(channel.awaitTermination(5, TimeUnit.SECONDS));
            assertThrows(SocketTimeoutException.class, () -> {
                while (true) { // One may have been on its way.
                    core.accept().close();
                }
            });
        }
    }

    @Test
    void onlyReadingMethodsAreRepeated() {
        String config = Channels.serviceConfig().toString();
        assertTrue(config.contains("method=GetOrder"), config);
        assertFalse(config.contains("CreateOrder") || config.contains("Acknowledge"), config);
    }
}
