package paystate.client;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.ErrorInfo;
import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.protobuf.StatusProto;
import java.util.Map;

/**
 * The core refuses a call, and will refuse it again: the caller has to change something. {@link #reason} says what in a
 * stable word, for example {@code LOG_ID_CHANGED} (the database was restored; the stored position is of another log) or
 * {@code EVENTS_COMPACTED} (the stored position is older than what is kept).
 */
public final class RefusedException extends RuntimeException {
    private static final long serialVersionUID = 1;

    /** Whose reasons are meant; those of anything on the way to the core are not. */
    private static final String DOMAIN = "paystate";

    /** The gRPC code. */
    private final Status.Code code;

    /** What the core says about it, in words that do not change. */
    private final ErrorInfo info;

    private RefusedException(StatusException cause, ErrorInfo info) {
        super(cause.getMessage() + (info.getReason().isEmpty() ? "" : " (" + info.getReason() + ")"), cause);
        this.code = cause.getStatus().getCode();
        this.info = info;
    }

    /**
     * Reads what the core says about a failed call.
     *
     * @param failure as a stub threw it
     * @return the same with its reason
     */
    public static RefusedException of(StatusException failure) {
        return new RefusedException(failure, info(failure));
    }

    /**
     * The gRPC code.
     *
     * @return never OK
     */
    public Status.Code code() {
        return code;
    }

    /**
     * Why, as a stable word.
     *
     * @return the core's reason, of {@code google.rpc.ErrorInfo}; empty if the answer carried none
     */
    public String reason() {
        return info.getReason();
    }

    /**
     * Figures that belong to the reason.
     *
     * @return the metadata of {@code google.rpc.ErrorInfo}, for example {@code oldest_revision}
     */
    public Map<String, String> metadata() {
        return info.getMetadataMap();
    }

    private static ErrorInfo info(StatusException failure) {
        for (Any detail : StatusProto.fromThrowable(failure).getDetailsList()) {
            if (detail.is(ErrorInfo.class)) {
                try {
                    ErrorInfo info = detail.unpack(ErrorInfo.class);
                    if (info.getDomain().equals(DOMAIN)) {
                        return info;
                    }
                } catch (InvalidProtocolBufferException damaged) {
                    return ErrorInfo.getDefaultInstance();
                }
            }
        }
        return ErrorInfo.getDefaultInstance();
    }
}
