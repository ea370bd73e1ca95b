package paystate.client;

import io.grpc.ChannelCredentials;
import io.grpc.TlsChannelCredentials;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;

/**
 * Whom a channel trusts, and who it says it is. All files are PEM.
 *
 * @param authorities certificates of the authorities that may have signed the core's; null for those that Java trusts
 * @param certificate our own certificate chain; null to show none
 * @param key the private key of {@code certificate}, PKCS #8; null to show none
 */
public record Tls(Path authorities, Path certificate, Path key) {
    /** Checks that certificate and key come together. */
    public Tls {
        if ((certificate == null) != (key == null)) {
            throw new IllegalArgumentException("a certificate and its key come together");
        }
    }

    /**
     * Trusts the authorities that Java trusts.
     *
     * @return without a certificate of our own
     */
    public static Tls ofSystem() {
        return new Tls(null, null, null);
    }

    /**
     * Trusts these authorities only.
     *
     * @param authorities their certificates
     * @return without a certificate of our own
     */
    public static Tls trusting(Path authorities) {
        return new Tls(authorities, null, null);
    }

    /**
     * Shows a certificate, as a core with {@code [core.tls]} wants it (mTLS).
     *
     * @param certificate our certificate chain
     * @param key its private key, PKCS #8
     * @return the same trust, with the certificate
     */
    public Tls presenting(Path certificate, Path key) {
        return new Tls(authorities, certificate, key);
    }

    ChannelCredentials credentials() {
        TlsChannelCredentials.Builder builder = TlsChannelCredentials.newBuilder();
        try {
            if (authorities != null) {
                builder.trustManager(authorities.toFile());
            }
            if (certificate != null) {
                builder.keyManager(certificate.toFile(), key.toFile());
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return builder.build();
    }
}
