package paystate.v1;

import static io.grpc.MethodDescriptor.generateFullMethodName;

/**
 * <pre>
 * How other services learn of changes and prove that they lost none. At least once, in order per order,
 * with a stable event_id to deduplicate on.
 * A durable subscription is a position that is kept here. Its stream begins after what is confirmed, under a lease that
 * Opened carries: what was sent and not confirmed comes again, so the chain of revisions begins anew with each Opened. Only
 * the newest lease counts. It ends with a newer stream, and with Park, Redrive, SeekSubscription and a changed filter; then
 * the stream ends with ABORTED, and calls that name the lease with FAILED_PRECONDITION, both with reason LEASE_LOST: open
 * the stream again.
 * Every method that names a subscription answers NOT_FOUND with reason SUBSCRIPTION_NOT_FOUND when there is none. What is no
 * name, filter, position, lease or event id is INVALID_ARGUMENT, a token that is none with a reason as in StreamEvents.
 * </pre>
 */
@io.grpc.stub.annotations.GrpcGenerated
public final class SubscriptionServiceGrpc {

  private SubscriptionServiceGrpc() {}

  public static final java.lang.String SERVICE_NAME = "paystate.v1.SubscriptionService";

  // Static method descriptors that strictly reflect the proto.
  private static volatile io.grpc.MethodDescriptor<paystate.v1.CreateSubscriptionRequest,
      paystate.v1.CreateSubscriptionResponse> getCreateSubscriptionMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "CreateSubscription",
      requestType = paystate.v1.CreateSubscriptionRequest.class,
      responseType = paystate.v1.CreateSubscriptionResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<paystate.v1.CreateSubscriptionRequest,
      paystate.v1.CreateSubscriptionResponse> getCreateSubscriptionMethod() {
    io.grpc.MethodDescriptor<paystate.v1.CreateSubscriptionRequest, paystate.v1.CreateSubscriptionResponse> getCreateSubscriptionMethod;
    if ((getCreateSubscriptionMethod = SubscriptionServiceGrpc.getCreateSubscriptionMethod) == null) {
      synchronized (SubscriptionServiceGrpc.class) {
        if ((getCreateSubscriptionMethod = SubscriptionServiceGrpc.getCreateSubscriptionMethod) == null) {
          SubscriptionServiceGrpc.getCreateSubscriptionMethod = getCreateSubscriptionMethod =
              io.grpc.MethodDescriptor.<paystate.v1.CreateSubscriptionRequest, paystate.v1.CreateSubscriptionResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "CreateSubscription"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.CreateSubscriptionRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.CreateSubscriptionResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SubscriptionServiceMethodDescriptorSupplier("CreateSubscription"))
              .build();
        }
      }
    }
    return getCreateSubscriptionMethod;
  }

  private static volatile io.grpc.MethodDescriptor<paystate.v1.GetSubscriptionRequest,
      paystate.v1.GetSubscriptionResponse> getGetSubscriptionMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "GetSubscription",
      requestType = paystate.v1.GetSubscriptionRequest.class,
      responseType = paystate.v1.GetSubscriptionResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<paystate.v1.GetSubscriptionRequest,
      paystate.v1.GetSubscriptionResponse> getGetSubscriptionMethod() {
    io.grpc.MethodDescriptor<paystate.v1.GetSubscriptionRequest, paystate.v1.GetSubscriptionResponse> getGetSubscriptionMethod;
    if ((getGetSubscriptionMethod = SubscriptionServiceGrpc.getGetSubscriptionMethod) == null) {
      synchronized (SubscriptionServiceGrpc.class) {
        if ((getGetSubscriptionMethod = SubscriptionServiceGrpc.getGetSubscriptionMethod) == null) {
          SubscriptionServiceGrpc.getGetSubscriptionMethod = getGetSubscriptionMethod =
              io.grpc.MethodDescriptor.<paystate.v1.GetSubscriptionRequest, paystate.v1.GetSubscriptionResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "GetSubscription"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.GetSubscriptionRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.GetSubscriptionResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SubscriptionServiceMethodDescriptorSupplier("GetSubscription"))
              .build();
        }
      }
    }
    return getGetSubscriptionMethod;
  }

  private static volatile io.grpc.MethodDescriptor<paystate.v1.ListSubscriptionsRequest,
      paystate.v1.ListSubscriptionsResponse> getListSubscriptionsMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ListSubscriptions",
      requestType = paystate.v1.ListSubscriptionsRequest.class,
      responseType = paystate.v1.ListSubscriptionsResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<paystate.v1.ListSubscriptionsRequest,
      paystate.v1.ListSubscriptionsResponse> getListSubscriptionsMethod() {
    io.grpc.MethodDescriptor<paystate.v1.ListSubscriptionsRequest, paystate.v1.ListSubscriptionsResponse> getListSubscriptionsMethod;
    if ((getListSubscriptionsMethod = SubscriptionServiceGrpc.getListSubscriptionsMethod) == null) {
      synchronized (SubscriptionServiceGrpc.class) {
        if ((getListSubscriptionsMethod = SubscriptionServiceGrpc.getListSubscriptionsMethod) == null) {
          SubscriptionServiceGrpc.getListSubscriptionsMethod = getListSubscriptionsMethod =
              io.grpc.MethodDescriptor.<paystate.v1.ListSubscriptionsRequest, paystate.v1.ListSubscriptionsResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ListSubscriptions"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.ListSubscriptionsRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.ListSubscriptionsResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SubscriptionServiceMethodDescriptorSupplier("ListSubscriptions"))
              .build();
        }
      }
    }
    return getListSubscriptionsMethod;
  }

  private static volatile io.grpc.MethodDescriptor<paystate.v1.UpdateSubscriptionRequest,
      paystate.v1.UpdateSubscriptionResponse> getUpdateSubscriptionMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "UpdateSubscription",
      requestType = paystate.v1.UpdateSubscriptionRequest.class,
      responseType = paystate.v1.UpdateSubscriptionResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<paystate.v1.UpdateSubscriptionRequest,
      paystate.v1.UpdateSubscriptionResponse> getUpdateSubscriptionMethod() {
    io.grpc.MethodDescriptor<paystate.v1.UpdateSubscriptionRequest, paystate.v1.UpdateSubscriptionResponse> getUpdateSubscriptionMethod;
    if ((getUpdateSubscriptionMethod = SubscriptionServiceGrpc.getUpdateSubscriptionMethod) == null) {
      synchronized (SubscriptionServiceGrpc.class) {
        if ((getUpdateSubscriptionMethod = SubscriptionServiceGrpc.getUpdateSubscriptionMethod) == null) {
          SubscriptionServiceGrpc.getUpdateSubscriptionMethod = getUpdateSubscriptionMethod =
              io.grpc.MethodDescriptor.<paystate.v1.UpdateSubscriptionRequest, paystate.v1.UpdateSubscriptionResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "UpdateSubscription"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.UpdateSubscriptionRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.UpdateSubscriptionResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SubscriptionServiceMethodDescriptorSupplier("UpdateSubscription"))
              .build();
        }
      }
    }
    return getUpdateSubscriptionMethod;
  }

  private static volatile io.grpc.MethodDescriptor<paystate.v1.DeleteSubscriptionRequest,
      paystate.v1.DeleteSubscriptionResponse> getDeleteSubscriptionMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "DeleteSubscription",
      requestType = paystate.v1.DeleteSubscriptionRequest.class,
      responseType = paystate.v1.DeleteSubscriptionResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<paystate.v1.DeleteSubscriptionRequest,
      paystate.v1.DeleteSubscriptionResponse> getDeleteSubscriptionMethod() {
    io.grpc.MethodDescriptor<paystate.v1.DeleteSubscriptionRequest, paystate.v1.DeleteSubscriptionResponse> getDeleteSubscriptionMethod;
    if ((getDeleteSubscriptionMethod = SubscriptionServiceGrpc.getDeleteSubscriptionMethod) == null) {
      synchronized (SubscriptionServiceGrpc.class) {
        if ((getDeleteSubscriptionMethod = SubscriptionServiceGrpc.getDeleteSubscriptionMethod) == null) {
          SubscriptionServiceGrpc.getDeleteSubscriptionMethod = getDeleteSubscriptionMethod =
              io.grpc.MethodDescriptor.<paystate.v1.DeleteSubscriptionRequest, paystate.v1.DeleteSubscriptionResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "DeleteSubscription"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.DeleteSubscriptionRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.DeleteSubscriptionResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SubscriptionServiceMethodDescriptorSupplier("DeleteSubscription"))
              .build();
        }
      }
    }
    return getDeleteSubscriptionMethod;
  }

  private static volatile io.grpc.MethodDescriptor<paystate.v1.SeekSubscriptionRequest,
      paystate.v1.SeekSubscriptionResponse> getSeekSubscriptionMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "SeekSubscription",
      requestType = paystate.v1.SeekSubscriptionRequest.class,
      responseType = paystate.v1.SeekSubscriptionResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<paystate.v1.SeekSubscriptionRequest,
      paystate.v1.SeekSubscriptionResponse> getSeekSubscriptionMethod() {
    io.grpc.MethodDescriptor<paystate.v1.SeekSubscriptionRequest, paystate.v1.SeekSubscriptionResponse> getSeekSubscriptionMethod;
    if ((getSeekSubscriptionMethod = SubscriptionServiceGrpc.getSeekSubscriptionMethod) == null) {
      synchronized (SubscriptionServiceGrpc.class) {
        if ((getSeekSubscriptionMethod = SubscriptionServiceGrpc.getSeekSubscriptionMethod) == null) {
          SubscriptionServiceGrpc.getSeekSubscriptionMethod = getSeekSubscriptionMethod =
              io.grpc.MethodDescriptor.<paystate.v1.SeekSubscriptionRequest, paystate.v1.SeekSubscriptionResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "SeekSubscription"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.SeekSubscriptionRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.SeekSubscriptionResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SubscriptionServiceMethodDescriptorSupplier("SeekSubscription"))
              .build();
        }
      }
    }
    return getSeekSubscriptionMethod;
  }

  private static volatile io.grpc.MethodDescriptor<paystate.v1.StreamEventsRequest,
      paystate.v1.StreamEventsResponse> getStreamEventsMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "StreamEvents",
      requestType = paystate.v1.StreamEventsRequest.class,
      responseType = paystate.v1.StreamEventsResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
  public static io.grpc.MethodDescriptor<paystate.v1.StreamEventsRequest,
      paystate.v1.StreamEventsResponse> getStreamEventsMethod() {
    io.grpc.MethodDescriptor<paystate.v1.StreamEventsRequest, paystate.v1.StreamEventsResponse> getStreamEventsMethod;
    if ((getStreamEventsMethod = SubscriptionServiceGrpc.getStreamEventsMethod) == null) {
      synchronized (SubscriptionServiceGrpc.class) {
        if ((getStreamEventsMethod = SubscriptionServiceGrpc.getStreamEventsMethod) == null) {
          SubscriptionServiceGrpc.getStreamEventsMethod = getStreamEventsMethod =
              io.grpc.MethodDescriptor.<paystate.v1.StreamEventsRequest, paystate.v1.StreamEventsResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "StreamEvents"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.StreamEventsRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.StreamEventsResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SubscriptionServiceMethodDescriptorSupplier("StreamEvents"))
              .build();
        }
      }
    }
    return getStreamEventsMethod;
  }

  private static volatile io.grpc.MethodDescriptor<paystate.v1.AcknowledgeRequest,
      paystate.v1.AcknowledgeResponse> getAcknowledgeMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "Acknowledge",
      requestType = paystate.v1.AcknowledgeRequest.class,
      responseType = paystate.v1.AcknowledgeResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<paystate.v1.AcknowledgeRequest,
      paystate.v1.AcknowledgeResponse> getAcknowledgeMethod() {
    io.grpc.MethodDescriptor<paystate.v1.AcknowledgeRequest, paystate.v1.AcknowledgeResponse> getAcknowledgeMethod;
    if ((getAcknowledgeMethod = SubscriptionServiceGrpc.getAcknowledgeMethod) == null) {
      synchronized (SubscriptionServiceGrpc.class) {
        if ((getAcknowledgeMethod = SubscriptionServiceGrpc.getAcknowledgeMethod) == null) {
          SubscriptionServiceGrpc.getAcknowledgeMethod = getAcknowledgeMethod =
              io.grpc.MethodDescriptor.<paystate.v1.AcknowledgeRequest, paystate.v1.AcknowledgeResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "Acknowledge"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.AcknowledgeRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.AcknowledgeResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SubscriptionServiceMethodDescriptorSupplier("Acknowledge"))
              .build();
        }
      }
    }
    return getAcknowledgeMethod;
  }

  private static volatile io.grpc.MethodDescriptor<paystate.v1.ParkRequest,
      paystate.v1.ParkResponse> getParkMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "Park",
      requestType = paystate.v1.ParkRequest.class,
      responseType = paystate.v1.ParkResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<paystate.v1.ParkRequest,
      paystate.v1.ParkResponse> getParkMethod() {
    io.grpc.MethodDescriptor<paystate.v1.ParkRequest, paystate.v1.ParkResponse> getParkMethod;
    if ((getParkMethod = SubscriptionServiceGrpc.getParkMethod) == null) {
      synchronized (SubscriptionServiceGrpc.class) {
        if ((getParkMethod = SubscriptionServiceGrpc.getParkMethod) == null) {
          SubscriptionServiceGrpc.getParkMethod = getParkMethod =
              io.grpc.MethodDescriptor.<paystate.v1.ParkRequest, paystate.v1.ParkResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "Park"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.ParkRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.ParkResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SubscriptionServiceMethodDescriptorSupplier("Park"))
              .build();
        }
      }
    }
    return getParkMethod;
  }

  private static volatile io.grpc.MethodDescriptor<paystate.v1.ListParkedRequest,
      paystate.v1.ListParkedResponse> getListParkedMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ListParked",
      requestType = paystate.v1.ListParkedRequest.class,
      responseType = paystate.v1.ListParkedResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<paystate.v1.ListParkedRequest,
      paystate.v1.ListParkedResponse> getListParkedMethod() {
    io.grpc.MethodDescriptor<paystate.v1.ListParkedRequest, paystate.v1.ListParkedResponse> getListParkedMethod;
    if ((getListParkedMethod = SubscriptionServiceGrpc.getListParkedMethod) == null) {
      synchronized (SubscriptionServiceGrpc.class) {
        if ((getListParkedMethod = SubscriptionServiceGrpc.getListParkedMethod) == null) {
          SubscriptionServiceGrpc.getListParkedMethod = getListParkedMethod =
              io.grpc.MethodDescriptor.<paystate.v1.ListParkedRequest, paystate.v1.ListParkedResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ListParked"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.ListParkedRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.ListParkedResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SubscriptionServiceMethodDescriptorSupplier("ListParked"))
              .build();
        }
      }
    }
    return getListParkedMethod;
  }

  private static volatile io.grpc.MethodDescriptor<paystate.v1.RedriveRequest,
      paystate.v1.RedriveResponse> getRedriveMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "Redrive",
      requestType = paystate.v1.RedriveRequest.class,
      responseType = paystate.v1.RedriveResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<paystate.v1.RedriveRequest,
      paystate.v1.RedriveResponse> getRedriveMethod() {
    io.grpc.MethodDescriptor<paystate.v1.RedriveRequest, paystate.v1.RedriveResponse> getRedriveMethod;
    if ((getRedriveMethod = SubscriptionServiceGrpc.getRedriveMethod) == null) {
      synchronized (SubscriptionServiceGrpc.class) {
        if ((getRedriveMethod = SubscriptionServiceGrpc.getRedriveMethod) == null) {
          SubscriptionServiceGrpc.getRedriveMethod = getRedriveMethod =
              io.grpc.MethodDescriptor.<paystate.v1.RedriveRequest, paystate.v1.RedriveResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "Redrive"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.RedriveRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.RedriveResponse.getDefaultInstance()))
              .setSchemaDescriptor(new SubscriptionServiceMethodDescriptorSupplier("Redrive"))
              .build();
        }
      }
    }
    return getRedriveMethod;
  }

  /**
   * Creates a new async stub that supports all call types for the service
   */
  public static SubscriptionServiceStub newStub(io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<SubscriptionServiceStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<SubscriptionServiceStub>() {
        @java.lang.Override
        public SubscriptionServiceStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new SubscriptionServiceStub(channel, callOptions);
        }
      };
    return SubscriptionServiceStub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports all types of calls on the service
   */
  public static SubscriptionServiceBlockingV2Stub newBlockingV2Stub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<SubscriptionServiceBlockingV2Stub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<SubscriptionServiceBlockingV2Stub>() {
        @java.lang.Override
        public SubscriptionServiceBlockingV2Stub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new SubscriptionServiceBlockingV2Stub(channel, callOptions);
        }
      };
    return SubscriptionServiceBlockingV2Stub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports unary and streaming output calls on the service
   */
  public static SubscriptionServiceBlockingStub newBlockingStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<SubscriptionServiceBlockingStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<SubscriptionServiceBlockingStub>() {
        @java.lang.Override
        public SubscriptionServiceBlockingStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new SubscriptionServiceBlockingStub(channel, callOptions);
        }
      };
    return SubscriptionServiceBlockingStub.newStub(factory, channel);
  }

  /**
   * Creates a new ListenableFuture-style stub that supports unary calls on the service
   */
  public static SubscriptionServiceFutureStub newFutureStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<SubscriptionServiceFutureStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<SubscriptionServiceFutureStub>() {
        @java.lang.Override
        public SubscriptionServiceFutureStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new SubscriptionServiceFutureStub(channel, callOptions);
        }
      };
    return SubscriptionServiceFutureStub.newStub(factory, channel);
  }

  /**
   * <pre>
   * How other services learn of changes and prove that they lost none. At least once, in order per order,
   * with a stable event_id to deduplicate on.
   * A durable subscription is a position that is kept here. Its stream begins after what is confirmed, under a lease that
   * Opened carries: what was sent and not confirmed comes again, so the chain of revisions begins anew with each Opened. Only
   * the newest lease counts. It ends with a newer stream, and with Park, Redrive, SeekSubscription and a changed filter; then
   * the stream ends with ABORTED, and calls that name the lease with FAILED_PRECONDITION, both with reason LEASE_LOST: open
   * the stream again.
   * Every method that names a subscription answers NOT_FOUND with reason SUBSCRIPTION_NOT_FOUND when there is none. What is no
   * name, filter, position, lease or event id is INVALID_ARGUMENT, a token that is none with a reason as in StreamEvents.
   * </pre>
   */
  public interface AsyncService {

    /**
     * <pre>
     * Creates a durable subscription. Errors: ALREADY_EXISTS with reason SUBSCRIPTION_ALREADY_EXISTS or
     * REQUEST_ID_REUSED; those of StreamEvents for the position.
     * </pre>
     */
    default void createSubscription(paystate.v1.CreateSubscriptionRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.CreateSubscriptionResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getCreateSubscriptionMethod(), responseObserver);
    }

    /**
     * <pre>
     * Reads a subscription and its lag.
     * </pre>
     */
    default void getSubscription(paystate.v1.GetSubscriptionRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.GetSubscriptionResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getGetSubscriptionMethod(), responseObserver);
    }

    /**
     * <pre>
     * Lists subscriptions by name.
     * </pre>
     */
    default void listSubscriptions(paystate.v1.ListSubscriptionsRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.ListSubscriptionsResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getListSubscriptionsMethod(), responseObserver);
    }

    /**
     * <pre>
     * Changes a subscription's filter or limits. Another filter ends the stream.
     * </pre>
     */
    default void updateSubscription(paystate.v1.UpdateSubscriptionRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.UpdateSubscriptionResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getUpdateSubscriptionMethod(), responseObserver);
    }

    /**
     * <pre>
     * Removes a subscription and its parked events.
     * </pre>
     */
    default void deleteSubscription(paystate.v1.DeleteSubscriptionRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.DeleteSubscriptionResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getDeleteSubscriptionMethod(), responseObserver);
    }

    /**
     * <pre>
     * Moves a subscription's position: everything after it is delivered, whether it was before or not. What is parked up to
     * there stays parked. Ends the stream. Errors: those of StreamEvents for the position.
     * </pre>
     */
    default void seekSubscription(paystate.v1.SeekSubscriptionRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.SeekSubscriptionResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getSeekSubscriptionMethod(), responseObserver);
    }

    /**
     * <pre>
     * Streams events. Each message begins where the one before ended, also under a filter.
     * Errors: INVALID_ARGUMENT (filter, position), with reason RESUME_TOKEN_MALFORMED for what is no token, and
     * RESUME_TOKEN_FILTER_CHANGED for a token that was given out for another filter; FAILED_PRECONDITION with reason
     * LOG_ID_CHANGED and metadata log_id when the database was restored or replaced, also in the middle of a stream:
     * what was read of another log says nothing about this one; OUT_OF_RANGE with reason EVENTS_COMPACTED and metadata
     * oldest_revision when what would come next was dropped, or REVISION_AHEAD and metadata head_revision when the log is
     * not there yet; RESOURCE_EXHAUSTED with reason TOO_MANY_STREAMS; UNAVAILABLE (come back);
     * of a subscription, ABORTED with reason LEASE_LOST (come back).
     * </pre>
     */
    default void streamEvents(paystate.v1.StreamEventsRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.StreamEventsResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getStreamEventsMethod(), responseObserver);
    }

    /**
     * <pre>
     * Confirms everything up to a revision. To go back is no error and changes nothing. Errors: FAILED_PRECONDITION with
     * reason LEASE_LOST, or ACKNOWLEDGE_AHEAD and metadata sent_revision for what the stream has not sent.
     * </pre>
     */
    default void acknowledge(paystate.v1.AcknowledgeRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.AcknowledgeResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getAcknowledgeMethod(), responseObserver);
    }

    /**
     * <pre>
     * Puts an event that cannot be handled aside. Later events of its order are held back behind it; other orders go on. Ends
     * the stream, so confirm first what was handled before it; the next one goes on without that order. To park the same
     * event once more changes nothing. Errors: FAILED_PRECONDITION with reason LEASE_LOST, EVENT_NOT_OUTSTANDING for an event
     * that the stream has not sent or that is confirmed, or TOO_MANY_PARKED (1000 orders).
     * </pre>
     */
    default void park(paystate.v1.ParkRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.ParkResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getParkMethod(), responseObserver);
    }

    /**
     * <pre>
     * Lists what is put aside, oldest first: parked events, and those that are held back behind them.
     * </pre>
     */
    default void listParked(paystate.v1.ListParkedRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.ListParkedResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getListParkedMethod(), responseObserver);
    }

    /**
     * <pre>
     * Delivers parked events again, each with what is held back behind it, in their order; then the order flows on as before.
     * Ends the stream; the next one begins before the first of them. Until what was confirmed, it brings nothing else.
     * Errors: NOT_FOUND with reason EVENT_NOT_PARKED; OUT_OF_RANGE with reason EVENTS_COMPACTED.
     * </pre>
     */
    default void redrive(paystate.v1.RedriveRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.RedriveResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getRedriveMethod(), responseObserver);
    }
  }

  /**
   * Base class for the server implementation of the service SubscriptionService.
   * <pre>
   * How other services learn of changes and prove that they lost none. At least once, in order per order,
   * with a stable event_id to deduplicate on.
   * A durable subscription is a position that is kept here. Its stream begins after what is confirmed, under a lease that
   * Opened carries: what was sent and not confirmed comes again, so the chain of revisions begins anew with each Opened. Only
   * the newest lease counts. It ends with a newer stream, and with Park, Redrive, SeekSubscription and a changed filter; then
   * the stream ends with ABORTED, and calls that name the lease with FAILED_PRECONDITION, both with reason LEASE_LOST: open
   * the stream again.
   * Every method that names a subscription answers NOT_FOUND with reason SUBSCRIPTION_NOT_FOUND when there is none. What is no
   * name, filter, position, lease or event id is INVALID_ARGUMENT, a token that is none with a reason as in StreamEvents.
   * </pre>
   */
  public static abstract class SubscriptionServiceImplBase
      implements io.grpc.BindableService, AsyncService {

    @java.lang.Override public final io.grpc.ServerServiceDefinition bindService() {
      return SubscriptionServiceGrpc.bindService(this);
    }
  }

  /**
   * A stub to allow clients to do asynchronous rpc calls to service SubscriptionService.
   * <pre>
   * How other services learn of changes and prove that they lost none. At least once, in order per order,
   * with a stable event_id to deduplicate on.
   * A durable subscription is a position that is kept here. Its stream begins after what is confirmed, under a lease that
   * Opened carries: what was sent and not confirmed comes again, so the chain of revisions begins anew with each Opened. Only
   * the newest lease counts. It ends with a newer stream, and with Park, Redrive, SeekSubscription and a changed filter; then
   * the stream ends with ABORTED, and calls that name the lease with FAILED_PRECONDITION, both with reason LEASE_LOST: open
   * the stream again.
   * Every method that names a subscription answers NOT_FOUND with reason SUBSCRIPTION_NOT_FOUND when there is none. What is no
   * name, filter, position, lease or event id is INVALID_ARGUMENT, a token that is none with a reason as in StreamEvents.
   * </pre>
   */
  public static final class SubscriptionServiceStub
      extends io.grpc.stub.AbstractAsyncStub<SubscriptionServiceStub> {
    private SubscriptionServiceStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected SubscriptionServiceStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new SubscriptionServiceStub(channel, callOptions);
    }

    /**
     * <pre>
     * Creates a durable subscription. Errors: ALREADY_EXISTS with reason SUBSCRIPTION_ALREADY_EXISTS or
     * REQUEST_ID_REUSED; those of StreamEvents for the position.
     * </pre>
     */
    public void createSubscription(paystate.v1.CreateSubscriptionRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.CreateSubscriptionResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getCreateSubscriptionMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Reads a subscription and its lag.
     * </pre>
     */
    public void getSubscription(paystate.v1.GetSubscriptionRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.GetSubscriptionResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getGetSubscriptionMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Lists subscriptions by name.
     * </pre>
     */
    public void listSubscriptions(paystate.v1.ListSubscriptionsRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.ListSubscriptionsResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getListSubscriptionsMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Changes a subscription's filter or limits. Another filter ends the stream.
     * </pre>
     */
    public void updateSubscription(paystate.v1.UpdateSubscriptionRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.UpdateSubscriptionResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getUpdateSubscriptionMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Removes a subscription and its parked events.
     * </pre>
     */
    public void deleteSubscription(paystate.v1.DeleteSubscriptionRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.DeleteSubscriptionResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getDeleteSubscriptionMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Moves a subscription's position: everything after it is delivered, whether it was before or not. What is parked up to
     * there stays parked. Ends the stream. Errors: those of StreamEvents for the position.
     * </pre>
     */
    public void seekSubscription(paystate.v1.SeekSubscriptionRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.SeekSubscriptionResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getSeekSubscriptionMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Streams events. Each message begins where the one before ended, also under a filter.
     * Errors: INVALID_ARGUMENT (filter, position), with reason RESUME_TOKEN_MALFORMED for what is no token, and
     * RESUME_TOKEN_FILTER_CHANGED for a token that was given out for another filter; FAILED_PRECONDITION with reason
     * LOG_ID_CHANGED and metadata log_id when the database was restored or replaced, also in the middle of a stream:
     * what was read of another log says nothing about this one; OUT_OF_RANGE with reason EVENTS_COMPACTED and metadata
     * oldest_revision when what would come next was dropped, or REVISION_AHEAD and metadata head_revision when the log is
     * not there yet; RESOURCE_EXHAUSTED with reason TOO_MANY_STREAMS; UNAVAILABLE (come back);
     * of a subscription, ABORTED with reason LEASE_LOST (come back).
     * </pre>
     */
    public void streamEvents(paystate.v1.StreamEventsRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.StreamEventsResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncServerStreamingCall(
          getChannel().newCall(getStreamEventsMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Confirms everything up to a revision. To go back is no error and changes nothing. Errors: FAILED_PRECONDITION with
     * reason LEASE_LOST, or ACKNOWLEDGE_AHEAD and metadata sent_revision for what the stream has not sent.
     * </pre>
     */
    public void acknowledge(paystate.v1.AcknowledgeRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.AcknowledgeResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getAcknowledgeMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Puts an event that cannot be handled aside. Later events of its order are held back behind it; other orders go on. Ends
     * the stream, so confirm first what was handled before it; the next one goes on without that order. To park the same
     * event once more changes nothing. Errors: FAILED_PRECONDITION with reason LEASE_LOST, EVENT_NOT_OUTSTANDING for an event
     * that the stream has not sent or that is confirmed, or TOO_MANY_PARKED (1000 orders).
     * </pre>
     */
    public void park(paystate.v1.ParkRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.ParkResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getParkMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Lists what is put aside, oldest first: parked events, and those that are held back behind them.
     * </pre>
     */
    public void listParked(paystate.v1.ListParkedRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.ListParkedResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getListParkedMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Delivers parked events again, each with what is held back behind it, in their order; then the order flows on as before.
     * Ends the stream; the next one begins before the first of them. Until what was confirmed, it brings nothing else.
     * Errors: NOT_FOUND with reason EVENT_NOT_PARKED; OUT_OF_RANGE with reason EVENTS_COMPACTED.
     * </pre>
     */
    public void redrive(paystate.v1.RedriveRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.RedriveResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getRedriveMethod(), getCallOptions()), request, responseObserver);
    }
  }

  /**
   * A stub to allow clients to do synchronous rpc calls to service SubscriptionService.
   * <pre>
   * How other services learn of changes and prove that they lost none. At least once, in order per order,
   * with a stable event_id to deduplicate on.
   * A durable subscription is a position that is kept here. Its stream begins after what is confirmed, under a lease that
   * Opened carries: what was sent and not confirmed comes again, so the chain of revisions begins anew with each Opened. Only
   * the newest lease counts. It ends with a newer stream, and with Park, Redrive, SeekSubscription and a changed filter; then
   * the stream ends with ABORTED, and calls that name the lease with FAILED_PRECONDITION, both with reason LEASE_LOST: open
   * the stream again.
   * Every method that names a subscription answers NOT_FOUND with reason SUBSCRIPTION_NOT_FOUND when there is none. What is no
   * name, filter, position, lease or event id is INVALID_ARGUMENT, a token that is none with a reason as in StreamEvents.
   * </pre>
   */
  public static final class SubscriptionServiceBlockingV2Stub
      extends io.grpc.stub.AbstractBlockingStub<SubscriptionServiceBlockingV2Stub> {
    private SubscriptionServiceBlockingV2Stub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected SubscriptionServiceBlockingV2Stub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new SubscriptionServiceBlockingV2Stub(channel, callOptions);
    }

    /**
     * <pre>
     * Creates a durable subscription. Errors: ALREADY_EXISTS with reason SUBSCRIPTION_ALREADY_EXISTS or
     * REQUEST_ID_REUSED; those of StreamEvents for the position.
     * </pre>
     */
    public paystate.v1.CreateSubscriptionResponse createSubscription(paystate.v1.CreateSubscriptionRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getCreateSubscriptionMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Reads a subscription and its lag.
     * </pre>
     */
    public paystate.v1.GetSubscriptionResponse getSubscription(paystate.v1.GetSubscriptionRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getGetSubscriptionMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Lists subscriptions by name.
     * </pre>
     */
    public paystate.v1.ListSubscriptionsResponse listSubscriptions(paystate.v1.ListSubscriptionsRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getListSubscriptionsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Changes a subscription's filter or limits. Another filter ends the stream.
     * </pre>
     */
    public paystate.v1.UpdateSubscriptionResponse updateSubscription(paystate.v1.UpdateSubscriptionRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getUpdateSubscriptionMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Removes a subscription and its parked events.
     * </pre>
     */
    public paystate.v1.DeleteSubscriptionResponse deleteSubscription(paystate.v1.DeleteSubscriptionRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getDeleteSubscriptionMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Moves a subscription's position: everything after it is delivered, whether it was before or not. What is parked up to
     * there stays parked. Ends the stream. Errors: those of StreamEvents for the position.
     * </pre>
     */
    public paystate.v1.SeekSubscriptionResponse seekSubscription(paystate.v1.SeekSubscriptionRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getSeekSubscriptionMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Streams events. Each message begins where the one before ended, also under a filter.
     * Errors: INVALID_ARGUMENT (filter, position), with reason RESUME_TOKEN_MALFORMED for what is no token, and
     * RESUME_TOKEN_FILTER_CHANGED for a token that was given out for another filter; FAILED_PRECONDITION with reason
     * LOG_ID_CHANGED and metadata log_id when the database was restored or replaced, also in the middle of a stream:
     * what was read of another log says nothing about this one; OUT_OF_RANGE with reason EVENTS_COMPACTED and metadata
     * oldest_revision when what would come next was dropped, or REVISION_AHEAD and metadata head_revision when the log is
     * not there yet; RESOURCE_EXHAUSTED with reason TOO_MANY_STREAMS; UNAVAILABLE (come back);
     * of a subscription, ABORTED with reason LEASE_LOST (come back).
     * </pre>
     */
    @io.grpc.ExperimentalApi("https://github.com/grpc/grpc-java/issues/10918")
    public io.grpc.stub.BlockingClientCall<?, paystate.v1.StreamEventsResponse>
        streamEvents(paystate.v1.StreamEventsRequest request) {
      return io.grpc.stub.ClientCalls.blockingV2ServerStreamingCall(
          getChannel(), getStreamEventsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Confirms everything up to a revision. To go back is no error and changes nothing. Errors: FAILED_PRECONDITION with
     * reason LEASE_LOST, or ACKNOWLEDGE_AHEAD and metadata sent_revision for what the stream has not sent.
     * </pre>
     */
    public paystate.v1.AcknowledgeResponse acknowledge(paystate.v1.AcknowledgeRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getAcknowledgeMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Puts an event that cannot be handled aside. Later events of its order are held back behind it; other orders go on. Ends
     * the stream, so confirm first what was handled before it; the next one goes on without that order. To park the same
     * event once more changes nothing. Errors: FAILED_PRECONDITION with reason LEASE_LOST, EVENT_NOT_OUTSTANDING for an event
     * that the stream has not sent or that is confirmed, or TOO_MANY_PARKED (1000 orders).
     * </pre>
     */
    public paystate.v1.ParkResponse park(paystate.v1.ParkRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getParkMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Lists what is put aside, oldest first: parked events, and those that are held back behind them.
     * </pre>
     */
    public paystate.v1.ListParkedResponse listParked(paystate.v1.ListParkedRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getListParkedMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Delivers parked events again, each with what is held back behind it, in their order; then the order flows on as before.
     * Ends the stream; the next one begins before the first of them. Until what was confirmed, it brings nothing else.
     * Errors: NOT_FOUND with reason EVENT_NOT_PARKED; OUT_OF_RANGE with reason EVENTS_COMPACTED.
     * </pre>
     */
    public paystate.v1.RedriveResponse redrive(paystate.v1.RedriveRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getRedriveMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do limited synchronous rpc calls to service SubscriptionService.
   * <pre>
   * How other services learn of changes and prove that they lost none. At least once, in order per order,
   * with a stable event_id to deduplicate on.
   * A durable subscription is a position that is kept here. Its stream begins after what is confirmed, under a lease that
   * Opened carries: what was sent and not confirmed comes again, so the chain of revisions begins anew with each Opened. Only
   * the newest lease counts. It ends with a newer stream, and with Park, Redrive, SeekSubscription and a changed filter; then
   * the stream ends with ABORTED, and calls that name the lease with FAILED_PRECONDITION, both with reason LEASE_LOST: open
   * the stream again.
   * Every method that names a subscription answers NOT_FOUND with reason SUBSCRIPTION_NOT_FOUND when there is none. What is no
   * name, filter, position, lease or event id is INVALID_ARGUMENT, a token that is none with a reason as in StreamEvents.
   * </pre>
   */
  public static final class SubscriptionServiceBlockingStub
      extends io.grpc.stub.AbstractBlockingStub<SubscriptionServiceBlockingStub> {
    private SubscriptionServiceBlockingStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected SubscriptionServiceBlockingStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new SubscriptionServiceBlockingStub(channel, callOptions);
    }

    /**
     * <pre>
     * Creates a durable subscription. Errors: ALREADY_EXISTS with reason SUBSCRIPTION_ALREADY_EXISTS or
     * REQUEST_ID_REUSED; those of StreamEvents for the position.
     * </pre>
     */
    public paystate.v1.CreateSubscriptionResponse createSubscription(paystate.v1.CreateSubscriptionRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getCreateSubscriptionMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Reads a subscription and its lag.
     * </pre>
     */
    public paystate.v1.GetSubscriptionResponse getSubscription(paystate.v1.GetSubscriptionRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getGetSubscriptionMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Lists subscriptions by name.
     * </pre>
     */
    public paystate.v1.ListSubscriptionsResponse listSubscriptions(paystate.v1.ListSubscriptionsRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getListSubscriptionsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Changes a subscription's filter or limits. Another filter ends the stream.
     * </pre>
     */
    public paystate.v1.UpdateSubscriptionResponse updateSubscription(paystate.v1.UpdateSubscriptionRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getUpdateSubscriptionMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Removes a subscription and its parked events.
     * </pre>
     */
    public paystate.v1.DeleteSubscriptionResponse deleteSubscription(paystate.v1.DeleteSubscriptionRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getDeleteSubscriptionMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Moves a subscription's position: everything after it is delivered, whether it was before or not. What is parked up to
     * there stays parked. Ends the stream. Errors: those of StreamEvents for the position.
     * </pre>
     */
    public paystate.v1.SeekSubscriptionResponse seekSubscription(paystate.v1.SeekSubscriptionRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getSeekSubscriptionMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Streams events. Each message begins where the one before ended, also under a filter.
     * Errors: INVALID_ARGUMENT (filter, position), with reason RESUME_TOKEN_MALFORMED for what is no token, and
     * RESUME_TOKEN_FILTER_CHANGED for a token that was given out for another filter; FAILED_PRECONDITION with reason
     * LOG_ID_CHANGED and metadata log_id when the database was restored or replaced, also in the middle of a stream:
     * what was read of another log says nothing about this one; OUT_OF_RANGE with reason EVENTS_COMPACTED and metadata
     * oldest_revision when what would come next was dropped, or REVISION_AHEAD and metadata head_revision when the log is
     * not there yet; RESOURCE_EXHAUSTED with reason TOO_MANY_STREAMS; UNAVAILABLE (come back);
     * of a subscription, ABORTED with reason LEASE_LOST (come back).
     * </pre>
     */
    public java.util.Iterator<paystate.v1.StreamEventsResponse> streamEvents(
        paystate.v1.StreamEventsRequest request) {
      return io.grpc.stub.ClientCalls.blockingServerStreamingCall(
          getChannel(), getStreamEventsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Confirms everything up to a revision. To go back is no error and changes nothing. Errors: FAILED_PRECONDITION with
     * reason LEASE_LOST, or ACKNOWLEDGE_AHEAD and metadata sent_revision for what the stream has not sent.
     * </pre>
     */
    public paystate.v1.AcknowledgeResponse acknowledge(paystate.v1.AcknowledgeRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getAcknowledgeMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Puts an event that cannot be handled aside. Later events of its order are held back behind it; other orders go on. Ends
     * the stream, so confirm first what was handled before it; the next one goes on without that order. To park the same
     * event once more changes nothing. Errors: FAILED_PRECONDITION with reason LEASE_LOST, EVENT_NOT_OUTSTANDING for an event
     * that the stream has not sent or that is confirmed, or TOO_MANY_PARKED (1000 orders).
     * </pre>
     */
    public paystate.v1.ParkResponse park(paystate.v1.ParkRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getParkMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Lists what is put aside, oldest first: parked events, and those that are held back behind them.
     * </pre>
     */
    public paystate.v1.ListParkedResponse listParked(paystate.v1.ListParkedRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getListParkedMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Delivers parked events again, each with what is held back behind it, in their order; then the order flows on as before.
     * Ends the stream; the next one begins before the first of them. Until what was confirmed, it brings nothing else.
     * Errors: NOT_FOUND with reason EVENT_NOT_PARKED; OUT_OF_RANGE with reason EVENTS_COMPACTED.
     * </pre>
     */
    public paystate.v1.RedriveResponse redrive(paystate.v1.RedriveRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getRedriveMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do ListenableFuture-style rpc calls to service SubscriptionService.
   * <pre>
   * How other services learn of changes and prove that they lost none. At least once, in order per order,
   * with a stable event_id to deduplicate on.
   * A durable subscription is a position that is kept here. Its stream begins after what is confirmed, under a lease that
   * Opened carries: what was sent and not confirmed comes again, so the chain of revisions begins anew with each Opened. Only
   * the newest lease counts. It ends with a newer stream, and with Park, Redrive, SeekSubscription and a changed filter; then
   * the stream ends with ABORTED, and calls that name the lease with FAILED_PRECONDITION, both with reason LEASE_LOST: open
   * the stream again.
   * Every method that names a subscription answers NOT_FOUND with reason SUBSCRIPTION_NOT_FOUND when there is none. What is no
   * name, filter, position, lease or event id is INVALID_ARGUMENT, a token that is none with a reason as in StreamEvents.
   * </pre>
   */
  public static final class SubscriptionServiceFutureStub
      extends io.grpc.stub.AbstractFutureStub<SubscriptionServiceFutureStub> {
    private SubscriptionServiceFutureStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected SubscriptionServiceFutureStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new SubscriptionServiceFutureStub(channel, callOptions);
    }

    /**
     * <pre>
     * Creates a durable subscription. Errors: ALREADY_EXISTS with reason SUBSCRIPTION_ALREADY_EXISTS or
     * REQUEST_ID_REUSED; those of StreamEvents for the position.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<paystate.v1.CreateSubscriptionResponse> createSubscription(
        paystate.v1.CreateSubscriptionRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getCreateSubscriptionMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Reads a subscription and its lag.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<paystate.v1.GetSubscriptionResponse> getSubscription(
        paystate.v1.GetSubscriptionRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getGetSubscriptionMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Lists subscriptions by name.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<paystate.v1.ListSubscriptionsResponse> listSubscriptions(
        paystate.v1.ListSubscriptionsRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getListSubscriptionsMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Changes a subscription's filter or limits. Another filter ends the stream.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<paystate.v1.UpdateSubscriptionResponse> updateSubscription(
        paystate.v1.UpdateSubscriptionRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getUpdateSubscriptionMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Removes a subscription and its parked events.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<paystate.v1.DeleteSubscriptionResponse> deleteSubscription(
        paystate.v1.DeleteSubscriptionRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getDeleteSubscriptionMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Moves a subscription's position: everything after it is delivered, whether it was before or not. What is parked up to
     * there stays parked. Ends the stream. Errors: those of StreamEvents for the position.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<paystate.v1.SeekSubscriptionResponse> seekSubscription(
        paystate.v1.SeekSubscriptionRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getSeekSubscriptionMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Confirms everything up to a revision. To go back is no error and changes nothing. Errors: FAILED_PRECONDITION with
     * reason LEASE_LOST, or ACKNOWLEDGE_AHEAD and metadata sent_revision for what the stream has not sent.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<paystate.v1.AcknowledgeResponse> acknowledge(
        paystate.v1.AcknowledgeRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getAcknowledgeMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Puts an event that cannot be handled aside. Later events of its order are held back behind it; other orders go on. Ends
     * the stream, so confirm first what was handled before it; the next one goes on without that order. To park the same
     * event once more changes nothing. Errors: FAILED_PRECONDITION with reason LEASE_LOST, EVENT_NOT_OUTSTANDING for an event
     * that the stream has not sent or that is confirmed, or TOO_MANY_PARKED (1000 orders).
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<paystate.v1.ParkResponse> park(
        paystate.v1.ParkRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getParkMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Lists what is put aside, oldest first: parked events, and those that are held back behind them.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<paystate.v1.ListParkedResponse> listParked(
        paystate.v1.ListParkedRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getListParkedMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Delivers parked events again, each with what is held back behind it, in their order; then the order flows on as before.
     * Ends the stream; the next one begins before the first of them. Until what was confirmed, it brings nothing else.
     * Errors: NOT_FOUND with reason EVENT_NOT_PARKED; OUT_OF_RANGE with reason EVENTS_COMPACTED.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<paystate.v1.RedriveResponse> redrive(
        paystate.v1.RedriveRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getRedriveMethod(), getCallOptions()), request);
    }
  }

  private static final int METHODID_CREATE_SUBSCRIPTION = 0;
  private static final int METHODID_GET_SUBSCRIPTION = 1;
  private static final int METHODID_LIST_SUBSCRIPTIONS = 2;
  private static final int METHODID_UPDATE_SUBSCRIPTION = 3;
  private static final int METHODID_DELETE_SUBSCRIPTION = 4;
  private static final int METHODID_SEEK_SUBSCRIPTION = 5;
  private static final int METHODID_STREAM_EVENTS = 6;
  private static final int METHODID_ACKNOWLEDGE = 7;
  private static final int METHODID_PARK = 8;
  private static final int METHODID_LIST_PARKED = 9;
  private static final int METHODID_REDRIVE = 10;

  private static final class MethodHandlers<Req, Resp> implements
      io.grpc.stub.ServerCalls.UnaryMethod<Req, Resp>,
      io.grpc.stub.ServerCalls.ServerStreamingMethod<Req, Resp>,
      io.grpc.stub.ServerCalls.ClientStreamingMethod<Req, Resp>,
      io.grpc.stub.ServerCalls.BidiStreamingMethod<Req, Resp> {
    private final AsyncService serviceImpl;
    private final int methodId;

    MethodHandlers(AsyncService serviceImpl, int methodId) {
      this.serviceImpl = serviceImpl;
      this.methodId = methodId;
    }

    @java.lang.Override
    @java.lang.SuppressWarnings("unchecked")
    public void invoke(Req request, io.grpc.stub.StreamObserver<Resp> responseObserver) {
      switch (methodId) {
        case METHODID_CREATE_SUBSCRIPTION:
          serviceImpl.createSubscription((paystate.v1.CreateSubscriptionRequest) request,
              (io.grpc.stub.StreamObserver<paystate.v1.CreateSubscriptionResponse>) responseObserver);
          break;
        case METHODID_GET_SUBSCRIPTION:
          serviceImpl.getSubscription((paystate.v1.GetSubscriptionRequest) request,
              (io.grpc.stub.StreamObserver<paystate.v1.GetSubscriptionResponse>) responseObserver);
          break;
        case METHODID_LIST_SUBSCRIPTIONS:
          serviceImpl.listSubscriptions((paystate.v1.ListSubscriptionsRequest) request,
              (io.grpc.stub.StreamObserver<paystate.v1.ListSubscriptionsResponse>) responseObserver);
          break;
        case METHODID_UPDATE_SUBSCRIPTION:
          serviceImpl.updateSubscription((paystate.v1.UpdateSubscriptionRequest) request,
              (io.grpc.stub.StreamObserver<paystate.v1.UpdateSubscriptionResponse>) responseObserver);
          break;
        case METHODID_DELETE_SUBSCRIPTION:
          serviceImpl.deleteSubscription((paystate.v1.DeleteSubscriptionRequest) request,
              (io.grpc.stub.StreamObserver<paystate.v1.DeleteSubscriptionResponse>) responseObserver);
          break;
        case METHODID_SEEK_SUBSCRIPTION:
          serviceImpl.seekSubscription((paystate.v1.SeekSubscriptionRequest) request,
              (io.grpc.stub.StreamObserver<paystate.v1.SeekSubscriptionResponse>) responseObserver);
          break;
        case METHODID_STREAM_EVENTS:
          serviceImpl.streamEvents((paystate.v1.StreamEventsRequest) request,
              (io.grpc.stub.StreamObserver<paystate.v1.StreamEventsResponse>) responseObserver);
          break;
        case METHODID_ACKNOWLEDGE:
          serviceImpl.acknowledge((paystate.v1.AcknowledgeRequest) request,
              (io.grpc.stub.StreamObserver<paystate.v1.AcknowledgeResponse>) responseObserver);
          break;
        case METHODID_PARK:
          serviceImpl.park((paystate.v1.ParkRequest) request,
              (io.grpc.stub.StreamObserver<paystate.v1.ParkResponse>) responseObserver);
          break;
        case METHODID_LIST_PARKED:
          serviceImpl.listParked((paystate.v1.ListParkedRequest) request,
              (io.grpc.stub.StreamObserver<paystate.v1.ListParkedResponse>) responseObserver);
          break;
        case METHODID_REDRIVE:
          serviceImpl.redrive((paystate.v1.RedriveRequest) request,
              (io.grpc.stub.StreamObserver<paystate.v1.RedriveResponse>) responseObserver);
          break;
        default:
          throw new AssertionError();
      }
    }

    @java.lang.Override
    @java.lang.SuppressWarnings("unchecked")
    public io.grpc.stub.StreamObserver<Req> invoke(
        io.grpc.stub.StreamObserver<Resp> responseObserver) {
      switch (methodId) {
        default:
          throw new AssertionError();
      }
    }
  }

  public static final io.grpc.ServerServiceDefinition bindService(AsyncService service) {
    return io.grpc.ServerServiceDefinition.builder(getServiceDescriptor())
        .addMethod(
          getCreateSubscriptionMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              paystate.v1.CreateSubscriptionRequest,
              paystate.v1.CreateSubscriptionResponse>(
                service, METHODID_CREATE_SUBSCRIPTION)))
        .addMethod(
          getGetSubscriptionMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              paystate.v1.GetSubscriptionRequest,
              paystate.v1.GetSubscriptionResponse>(
                service, METHODID_GET_SUBSCRIPTION)))
        .addMethod(
          getListSubscriptionsMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              paystate.v1.ListSubscriptionsRequest,
              paystate.v1.ListSubscriptionsResponse>(
                service, METHODID_LIST_SUBSCRIPTIONS)))
        .addMethod(
          getUpdateSubscriptionMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              paystate.v1.UpdateSubscriptionRequest,
              paystate.v1.UpdateSubscriptionResponse>(
                service, METHODID_UPDATE_SUBSCRIPTION)))
        .addMethod(
          getDeleteSubscriptionMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              paystate.v1.DeleteSubscriptionRequest,
              paystate.v1.DeleteSubscriptionResponse>(
                service, METHODID_DELETE_SUBSCRIPTION)))
        .addMethod(
          getSeekSubscriptionMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              paystate.v1.SeekSubscriptionRequest,
              paystate.v1.SeekSubscriptionResponse>(
                service, METHODID_SEEK_SUBSCRIPTION)))
        .addMethod(
          getStreamEventsMethod(),
          io.grpc.stub.ServerCalls.asyncServerStreamingCall(
            new MethodHandlers<
              paystate.v1.StreamEventsRequest,
              paystate.v1.StreamEventsResponse>(
                service, METHODID_STREAM_EVENTS)))
        .addMethod(
          getAcknowledgeMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              paystate.v1.AcknowledgeRequest,
              paystate.v1.AcknowledgeResponse>(
                service, METHODID_ACKNOWLEDGE)))
        .addMethod(
          getParkMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              paystate.v1.ParkRequest,
              paystate.v1.ParkResponse>(
                service, METHODID_PARK)))
        .addMethod(
          getListParkedMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              paystate.v1.ListParkedRequest,
              paystate.v1.ListParkedResponse>(
                service, METHODID_LIST_PARKED)))
        .addMethod(
          getRedriveMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              paystate.v1.RedriveRequest,
              paystate.v1.RedriveResponse>(
                service, METHODID_REDRIVE)))
        .build();
  }

  private static abstract class SubscriptionServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoFileDescriptorSupplier, io.grpc.protobuf.ProtoServiceDescriptorSupplier {
    SubscriptionServiceBaseDescriptorSupplier() {}

    @java.lang.Override
    public com.google.protobuf.Descriptors.FileDescriptor getFileDescriptor() {
      return paystate.v1.SubscriptionServiceProto.getDescriptor();
    }

    @java.lang.Override
    public com.google.protobuf.Descriptors.ServiceDescriptor getServiceDescriptor() {
      return getFileDescriptor().findServiceByName("SubscriptionService");
    }
  }

  private static final class SubscriptionServiceFileDescriptorSupplier
      extends SubscriptionServiceBaseDescriptorSupplier {
    SubscriptionServiceFileDescriptorSupplier() {}
  }

  private static final class SubscriptionServiceMethodDescriptorSupplier
      extends SubscriptionServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoMethodDescriptorSupplier {
    private final java.lang.String methodName;

    SubscriptionServiceMethodDescriptorSupplier(java.lang.String methodName) {
      this.methodName = methodName;
    }

    @java.lang.Override
    public com.google.protobuf.Descriptors.MethodDescriptor getMethodDescriptor() {
      return getServiceDescriptor().findMethodByName(methodName);
    }
  }

  private static volatile io.grpc.ServiceDescriptor serviceDescriptor;

  public static io.grpc.ServiceDescriptor getServiceDescriptor() {
    io.grpc.ServiceDescriptor result = serviceDescriptor;
    if (result == null) {
      synchronized (SubscriptionServiceGrpc.class) {
        result = serviceDescriptor;
        if (result == null) {
          serviceDescriptor = result = io.grpc.ServiceDescriptor.newBuilder(SERVICE_NAME)
              .setSchemaDescriptor(new SubscriptionServiceFileDescriptorSupplier())
              .addMethod(getCreateSubscriptionMethod())
              .addMethod(getGetSubscriptionMethod())
              .addMethod(getListSubscriptionsMethod())
              .addMethod(getUpdateSubscriptionMethod())
              .addMethod(getDeleteSubscriptionMethod())
              .addMethod(getSeekSubscriptionMethod())
              .addMethod(getStreamEventsMethod())
              .addMethod(getAcknowledgeMethod())
              .addMethod(getParkMethod())
              .addMethod(getListParkedMethod())
              .addMethod(getRedriveMethod())
              .build();
        }
      }
    }
    return result;
  }
}
