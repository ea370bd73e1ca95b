package paystate.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;

import com.google.protobuf.Any;
import com.google.rpc.ErrorInfo;
import io.grpc.Context;
import io.grpc.ManagedChannel;
import io.grpc.Server;
import io.grpc.inprocess.InProcessChannelBuilder;
import io.grpc.inprocess.InProcessServerBuilder;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.StreamObserver;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import paystate.v1.AcknowledgeRequest;
import paystate.v1.AcknowledgeResponse;
import paystate.v1.Batch;
import paystate.v1.Event;
import paystate.v1.GoingAway;
import paystate.v1.Opened;
import paystate.v1.ParkRequest;
import paystate.v1.ParkResponse;
import paystate.v1.Progress;
import paystate.v1.StreamEventsRequest;
import paystate.v1.StreamEventsResponse;
import paystate.v1.SubscriptionServiceGrpc;

/** A core in this process that plays one script for each stream. */
final class ScriptedCore extends SubscriptionServiceGrpc.SubscriptionServiceImplBase implements AutoCloseable {
    /** What one stream does. */
    interface Script extends Consumer<StreamObserver<StreamEventsResponse>> {}

    /** What each stream was asked for, in order. */
    final BlockingQueue<StreamEventsRequest> requests = new LinkedBlockingQueue<>();

    /** "acknowledge LEASE REVISION" and "park LEASE EVENT REASON", in order. */
    final BlockingQueue<String> calls = new LinkedBlockingQueue<>();

    /** How long the caller of each of them waits. */
    final BlockingQueue<Long> secondsLeft = new LinkedBlockingQueue<>();

    /** What the next acknowledgements fail with, if anything. */
    final Queue<Throwable> acknowledgeFailures = new ConcurrentLinkedQueue<>();

    final ManagedChannel channel;
    private final Queue<Script> scripts = new ConcurrentLinkedQueue<>();
    private final Server server;

    ScriptedCore(Script... scripts) throws Exception {
        this.scripts.addAll(Arrays.asList(scripts));
        String name = InProcessServerBuilder.generateName();
        server = InProcessServerBuilder.forName(name).addService(this).build().start();
        channel = InProcessChannelBuilder.forName(name).build();
    }

    @Override
    public void streamEvents(StreamEventsRequest request, StreamObserver<StreamEventsResponse> out) {
        requests.add(request);
        Script script = scripts.poll();
        assertNotNull(script, "a stream that the test did not expect");
        script.accept(out);
    }

    @Override
    public void acknowledge(AcknowledgeRequest request, StreamObserver<AcknowledgeResponse> out) {
        noteDeadline();
        calls.add("acknowledge " + request.getLease() + " " + request.getUpToRevision());
        assertEquals("inventory", request.getSubscription());
        Throwable failure = acknowledgeFailures.poll();
        if (failure != null) {
            out.onError(failure);
            return;
        }
        out.onNext(AcknowledgeResponse.getDefaultInstance());
        out.onCompleted();
    }

    @Override
    public void park(ParkRequest request, StreamObserver<ParkResponse> out) {
        noteDeadline();
        calls.add("park " + request.getLease() + " " + request.getEventId() + " " + request.getReason());
        out.onNext(ParkResponse.getDefaultInstance());
        out.onCompleted();
    }

    private void noteDeadline() {
        secondsLeft.add(Context.current().getDeadline().timeRemaining(TimeUnit.SECONDS));
    }

    @Override
    public void close() {
        channel.shutdownNow();
        server.shutdownNow();
    }

    /** Sends these and keeps the stream open. */
    static Script sending(StreamEventsResponse... messages) {
        return out -> Arrays.asList(messages).forEach(out::onNext);
    }

    /** Sends these and ends the stream well. */
    static Script ending(StreamEventsResponse... messages) {
        return out -> {
            sending(messages).accept(out);
            out.onCompleted();
        };
    }

    /** Sends these and fails the stream. */
    static Script failing(Throwable failure, StreamEventsResponse... messages) {
        return out -> {
            sending(messages).accept(out);
            out.onError(failure);
        };
    }

    static Throwable refusal(io.grpc.Status.Code code, String reason, String key, String value) {
        return refusal("paystate", code, reason, key, value);
    }

    static Throwable refusal(String domain, io.grpc.Status.Code code, String reason, String key, String value) {
        ErrorInfo info = ErrorInfo.newBuilder().setReason(reason).setDomain(domain).putMetadata(key, value).build();
        return StatusProto.toStatusRuntimeException(com.google.rpc.Status.newBuilder()
                .setCode(code.value())
                .setMessage("refused")
                .addDetails(Any.pack(info))
                .build());
    }

    static StreamEventsResponse opened(String logId, long afterRevision) {
        Opened.Builder opened = Opened.newBuilder().setLogId(logId).setAfterRevision(afterRevision);
        return StreamEventsResponse.newBuilder().setOpened(opened).build();
    }

    static StreamEventsResponse leased(String lease, long afterRevision) {
        Opened.Builder opened = Opened.newBuilder().setLogId("L").setAfterRevision(afterRevision).setLease(lease);
        return StreamEventsResponse.newBuilder().setOpened(opened).build();
    }

    /** A batch from {@code after} to {@code upTo} whose token is {@code "t" + upTo}. */
    static StreamEventsResponse batch(long after, long upTo, long... revisions) {
        List<Event> events = new ArrayList<>();
        for (long revision : revisions) {
            events.add(Event.newBuilder().setRevision(revision).setEventId("e" + revision).build());
        }
        Batch.Builder batch = Batch.newBuilder()
                .setAfterRevision(after)
                .setUpToRevision(upTo)
                .addAllEvents(events)
                .setResumeToken("t" + upTo);
        return StreamEventsResponse.newBuilder().setBatch(batch).build();
    }

    static StreamEventsResponse progress(long upTo) {
        Progress.Builder progress = Progress.newBuilder().setUpToRevision(upTo).setResumeToken("t" + upTo);
        return StreamEventsResponse.newBuilder().setProgress(progress).build();
    }

    static StreamEventsResponse goingAway() {
        return StreamEventsResponse.newBuilder().setGoingAway(GoingAway.newBuilder().setReason("stops")).build();
    }
}
