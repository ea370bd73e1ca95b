package paystate.client;

import com.google.gson.Gson;
import com.google.gson.reflect.TypeToken;
import io.grpc.ChannelCredentials;
import io.grpc.ConnectivityState;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;

/**
 * Channels to a core, with what every client of it should have: keepalive, so that a dead connection is noticed, tries to
 * connect at least every 5 s, so that a core that is back is found, and retries of the methods that only read.
 */
public final class Channels {
    private static final long KEEPALIVE_SECONDS = 15;
    private static final long KEEPALIVE_TIMEOUT_SECONDS = 10;
    private static final Duration LONGEST_WAIT = Duration.ofSeconds(5);
    private static final Pattern LOOPBACK = Pattern.compile("localhost|127(\\.\\d+){3}|\\[::1]");

    private Channels() {}

    /**
     * Opens a channel, without waiting for a connection.
     *
     * @param url {@code http://127.0.0.1:50051} for plaintext, which is for this machine only, or
     *     {@code https://core.example:50051} for TLS with the certificate authorities that Java trusts
     * @return the channel; shut it down when it is no longer used
     * @throws IllegalArgumentException if the URL is something else
     */
    public static ManagedChannel open(String url) {
        URI core = parse(url);
        if (core.getScheme().equals("https")) {
            return open(core, Tls.ofSystem().credentials());
        }
        if (!LOOPBACK.matcher(core.getHost()).matches()) {
            throw new IllegalArgumentException(
                    url + ": plaintext leaves this machine; use https://, or openPlaintext if the way there is safe");
        }
        return open(core, InsecureChannelCredentials.create());
    }

    /**
     * Opens a channel without TLS to any machine: whoever is on the way reads and changes what is said. For a network that
     * protects by itself, such as a service mesh.
     *
     * @param url {@code http://core.example:50051}
     * @return the channel; shut it down when it is no longer used
     * @throws IllegalArgumentException if the URL is something else
     */
    public static ManagedChannel openPlaintext(String url) {
        URI core = parse(url);
        if (!core.getScheme().equals("http")) {
            throw new IllegalArgumentException(url + ": plaintext needs a URL that begins with http://");
        }
        return open(core, InsecureChannelCredentials.create());
    }

    /**
     * Opens a channel with TLS, without waiting for a connection.
     *
     * @param url {@code https://core.example:50051}
     * @param tls whom to trust, and who we are
     * @return the channel; shut it down when it is no longer used
     * @throws IllegalArgumentException if the URL is something else
     * @throws UncheckedIOException if a file of {@code tls} cannot be read
     */
    public static ManagedChannel open(String url, Tls tls) {
        URI core = parse(url);
        if (!core.getScheme().equals("https")) {
            throw new IllegalArgumentException(url + ": TLS needs a URL that begins with https://");
        }
        return open(core, tls.credentials());
    }

    private static ManagedChannel open(URI core, ChannelCredentials credentials) {
        return open(core, credentials, LONGEST_WAIT);
    }

    static ManagedChannel open(URI core, ChannelCredentials credentials, Duration longestWait) {
        ManagedChannel channel = Grpc.newChannelBuilderForAddress(core.getHost(), core.getPort(), credentials)
                .keepAliveTime(KEEPALIVE_SECONDS, TimeUnit.SECONDS)
                .keepAliveTimeout(KEEPALIVE_TIMEOUT_SECONDS, TimeUnit.SECONDS)
                .defaultServiceConfig(serviceConfig())
                .build();
        lookForCore(channel, longestWait);
        return channel;
    }

    /**
     * Tries to connect at least this often while nothing is connected. gRPC's own waits grow to two minutes, which would keep
     * callers away from a core that is long back.
     */
    private static void lookForCore(ManagedChannel channel, Duration longestWait) {
        ConnectivityState state = channel.getState(false);
        switch (state) {
            case IDLE, READY -> channel.notifyWhenStateChanged(state, () -> lookForCore(channel, longestWait));
            case CONNECTING, TRANSIENT_FAILURE -> {
                channel.resetConnectBackoff();
                CompletableFuture.delayedExecutor(longestWait.toMillis(), TimeUnit.MILLISECONDS)
                        .execute(() -> lookForCore(channel, longestWait));
            }
            case SHUTDOWN -> { }
        }
    }

    private static URI parse(String url) {
        URI core = URI.create(url);
        boolean known = "http".equals(core.getScheme()) || "https".equals(core.getScheme());
        boolean bare = core.getPath() == null || core.getPath().isEmpty() || core.getPath().equals("/");
        if (!known || core.getHost() == null || core.getPort() < 0 || !bare) {
            throw new IllegalArgumentException(url + ": a core's address looks like http://127.0.0.1:50051");
        }
        return core;
    }

    /** What gRPC repeats by itself; the same file for the clients of every language. */
    static Map<String, ?> serviceConfig() {
        try (Reader json = new InputStreamReader(
                Channels.class.getResourceAsStream("service-config.json"), StandardCharsets.UTF_8)) {
            return new Gson().fromJson(json, new TypeToken<Map<String, Object>>() {}.getType());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
