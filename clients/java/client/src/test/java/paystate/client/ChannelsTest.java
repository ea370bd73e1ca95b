package paystate.client;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

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
    void onlyReadingMethodsAreRepeated() {
        String config = Channels.serviceConfig().toString();
        assertTrue(config.contains("method=GetOrder"), config);
        assertFalse(config.contains("CreateOrder") || config.contains("Acknowledge"), config);
    }
}
