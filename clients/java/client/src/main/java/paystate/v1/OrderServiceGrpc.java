package paystate.v1;

import static io.grpc.MethodDescriptor.generateFullMethodName;

/**
 * <pre>
 * What the shop's services ask and command. Every error carries google.rpc.ErrorInfo (domain
 * "paystate", a stable reason) and, for bad input, google.rpc.BadRequest naming each field.
 * </pre>
 */
@io.grpc.stub.annotations.GrpcGenerated
public final class OrderServiceGrpc {

  private OrderServiceGrpc() {}

  public static final java.lang.String SERVICE_NAME = "paystate.v1.OrderService";

  // Static method descriptors that strictly reflect the proto.
  private static volatile io.grpc.MethodDescriptor<paystate.v1.CreateOrderRequest,
      paystate.v1.CreateOrderResponse> getCreateOrderMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "CreateOrder",
      requestType = paystate.v1.CreateOrderRequest.class,
      responseType = paystate.v1.CreateOrderResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<paystate.v1.CreateOrderRequest,
      paystate.v1.CreateOrderResponse> getCreateOrderMethod() {
    io.grpc.MethodDescriptor<paystate.v1.CreateOrderRequest, paystate.v1.CreateOrderResponse> getCreateOrderMethod;
    if ((getCreateOrderMethod = OrderServiceGrpc.getCreateOrderMethod) == null) {
      synchronized (OrderServiceGrpc.class) {
        if ((getCreateOrderMethod = OrderServiceGrpc.getCreateOrderMethod) == null) {
          OrderServiceGrpc.getCreateOrderMethod = getCreateOrderMethod =
              io.grpc.MethodDescriptor.<paystate.v1.CreateOrderRequest, paystate.v1.CreateOrderResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "CreateOrder"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.CreateOrderRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.CreateOrderResponse.getDefaultInstance()))
              .setSchemaDescriptor(new OrderServiceMethodDescriptorSupplier("CreateOrder"))
              .build();
        }
      }
    }
    return getCreateOrderMethod;
  }

  private static volatile io.grpc.MethodDescriptor<paystate.v1.GetOrderRequest,
      paystate.v1.GetOrderResponse> getGetOrderMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "GetOrder",
      requestType = paystate.v1.GetOrderRequest.class,
      responseType = paystate.v1.GetOrderResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<paystate.v1.GetOrderRequest,
      paystate.v1.GetOrderResponse> getGetOrderMethod() {
    io.grpc.MethodDescriptor<paystate.v1.GetOrderRequest, paystate.v1.GetOrderResponse> getGetOrderMethod;
    if ((getGetOrderMethod = OrderServiceGrpc.getGetOrderMethod) == null) {
      synchronized (OrderServiceGrpc.class) {
        if ((getGetOrderMethod = OrderServiceGrpc.getGetOrderMethod) == null) {
          OrderServiceGrpc.getGetOrderMethod = getGetOrderMethod =
              io.grpc.MethodDescriptor.<paystate.v1.GetOrderRequest, paystate.v1.GetOrderResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "GetOrder"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.GetOrderRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.GetOrderResponse.getDefaultInstance()))
              .setSchemaDescriptor(new OrderServiceMethodDescriptorSupplier("GetOrder"))
              .build();
        }
      }
    }
    return getGetOrderMethod;
  }

  private static volatile io.grpc.MethodDescriptor<paystate.v1.BatchGetOrdersRequest,
      paystate.v1.BatchGetOrdersResponse> getBatchGetOrdersMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "BatchGetOrders",
      requestType = paystate.v1.BatchGetOrdersRequest.class,
      responseType = paystate.v1.BatchGetOrdersResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<paystate.v1.BatchGetOrdersRequest,
      paystate.v1.BatchGetOrdersResponse> getBatchGetOrdersMethod() {
    io.grpc.MethodDescriptor<paystate.v1.BatchGetOrdersRequest, paystate.v1.BatchGetOrdersResponse> getBatchGetOrdersMethod;
    if ((getBatchGetOrdersMethod = OrderServiceGrpc.getBatchGetOrdersMethod) == null) {
      synchronized (OrderServiceGrpc.class) {
        if ((getBatchGetOrdersMethod = OrderServiceGrpc.getBatchGetOrdersMethod) == null) {
          OrderServiceGrpc.getBatchGetOrdersMethod = getBatchGetOrdersMethod =
              io.grpc.MethodDescriptor.<paystate.v1.BatchGetOrdersRequest, paystate.v1.BatchGetOrdersResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "BatchGetOrders"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.BatchGetOrdersRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.BatchGetOrdersResponse.getDefaultInstance()))
              .setSchemaDescriptor(new OrderServiceMethodDescriptorSupplier("BatchGetOrders"))
              .build();
        }
      }
    }
    return getBatchGetOrdersMethod;
  }

  private static volatile io.grpc.MethodDescriptor<paystate.v1.ListOrdersRequest,
      paystate.v1.ListOrdersResponse> getListOrdersMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ListOrders",
      requestType = paystate.v1.ListOrdersRequest.class,
      responseType = paystate.v1.ListOrdersResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<paystate.v1.ListOrdersRequest,
      paystate.v1.ListOrdersResponse> getListOrdersMethod() {
    io.grpc.MethodDescriptor<paystate.v1.ListOrdersRequest, paystate.v1.ListOrdersResponse> getListOrdersMethod;
    if ((getListOrdersMethod = OrderServiceGrpc.getListOrdersMethod) == null) {
      synchronized (OrderServiceGrpc.class) {
        if ((getListOrdersMethod = OrderServiceGrpc.getListOrdersMethod) == null) {
          OrderServiceGrpc.getListOrdersMethod = getListOrdersMethod =
              io.grpc.MethodDescriptor.<paystate.v1.ListOrdersRequest, paystate.v1.ListOrdersResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ListOrders"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.ListOrdersRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.ListOrdersResponse.getDefaultInstance()))
              .setSchemaDescriptor(new OrderServiceMethodDescriptorSupplier("ListOrders"))
              .build();
        }
      }
    }
    return getListOrdersMethod;
  }

  private static volatile io.grpc.MethodDescriptor<paystate.v1.WatchOrderRequest,
      paystate.v1.WatchOrderResponse> getWatchOrderMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "WatchOrder",
      requestType = paystate.v1.WatchOrderRequest.class,
      responseType = paystate.v1.WatchOrderResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
  public static io.grpc.MethodDescriptor<paystate.v1.WatchOrderRequest,
      paystate.v1.WatchOrderResponse> getWatchOrderMethod() {
    io.grpc.MethodDescriptor<paystate.v1.WatchOrderRequest, paystate.v1.WatchOrderResponse> getWatchOrderMethod;
    if ((getWatchOrderMethod = OrderServiceGrpc.getWatchOrderMethod) == null) {
      synchronized (OrderServiceGrpc.class) {
        if ((getWatchOrderMethod = OrderServiceGrpc.getWatchOrderMethod) == null) {
          OrderServiceGrpc.getWatchOrderMethod = getWatchOrderMethod =
              io.grpc.MethodDescriptor.<paystate.v1.WatchOrderRequest, paystate.v1.WatchOrderResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "WatchOrder"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.WatchOrderRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.WatchOrderResponse.getDefaultInstance()))
              .setSchemaDescriptor(new OrderServiceMethodDescriptorSupplier("WatchOrder"))
              .build();
        }
      }
    }
    return getWatchOrderMethod;
  }

  private static volatile io.grpc.MethodDescriptor<paystate.v1.StartPaymentRequest,
      paystate.v1.StartPaymentResponse> getStartPaymentMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "StartPayment",
      requestType = paystate.v1.StartPaymentRequest.class,
      responseType = paystate.v1.StartPaymentResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<paystate.v1.StartPaymentRequest,
      paystate.v1.StartPaymentResponse> getStartPaymentMethod() {
    io.grpc.MethodDescriptor<paystate.v1.StartPaymentRequest, paystate.v1.StartPaymentResponse> getStartPaymentMethod;
    if ((getStartPaymentMethod = OrderServiceGrpc.getStartPaymentMethod) == null) {
      synchronized (OrderServiceGrpc.class) {
        if ((getStartPaymentMethod = OrderServiceGrpc.getStartPaymentMethod) == null) {
          OrderServiceGrpc.getStartPaymentMethod = getStartPaymentMethod =
              io.grpc.MethodDescriptor.<paystate.v1.StartPaymentRequest, paystate.v1.StartPaymentResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "StartPayment"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.StartPaymentRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.StartPaymentResponse.getDefaultInstance()))
              .setSchemaDescriptor(new OrderServiceMethodDescriptorSupplier("StartPayment"))
              .build();
        }
      }
    }
    return getStartPaymentMethod;
  }

  private static volatile io.grpc.MethodDescriptor<paystate.v1.CloseOrderRequest,
      paystate.v1.CloseOrderResponse> getCloseOrderMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "CloseOrder",
      requestType = paystate.v1.CloseOrderRequest.class,
      responseType = paystate.v1.CloseOrderResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<paystate.v1.CloseOrderRequest,
      paystate.v1.CloseOrderResponse> getCloseOrderMethod() {
    io.grpc.MethodDescriptor<paystate.v1.CloseOrderRequest, paystate.v1.CloseOrderResponse> getCloseOrderMethod;
    if ((getCloseOrderMethod = OrderServiceGrpc.getCloseOrderMethod) == null) {
      synchronized (OrderServiceGrpc.class) {
        if ((getCloseOrderMethod = OrderServiceGrpc.getCloseOrderMethod) == null) {
          OrderServiceGrpc.getCloseOrderMethod = getCloseOrderMethod =
              io.grpc.MethodDescriptor.<paystate.v1.CloseOrderRequest, paystate.v1.CloseOrderResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "CloseOrder"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.CloseOrderRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.CloseOrderResponse.getDefaultInstance()))
              .setSchemaDescriptor(new OrderServiceMethodDescriptorSupplier("CloseOrder"))
              .build();
        }
      }
    }
    return getCloseOrderMethod;
  }

  private static volatile io.grpc.MethodDescriptor<paystate.v1.CreateRefundRequest,
      paystate.v1.CreateRefundResponse> getCreateRefundMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "CreateRefund",
      requestType = paystate.v1.CreateRefundRequest.class,
      responseType = paystate.v1.CreateRefundResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<paystate.v1.CreateRefundRequest,
      paystate.v1.CreateRefundResponse> getCreateRefundMethod() {
    io.grpc.MethodDescriptor<paystate.v1.CreateRefundRequest, paystate.v1.CreateRefundResponse> getCreateRefundMethod;
    if ((getCreateRefundMethod = OrderServiceGrpc.getCreateRefundMethod) == null) {
      synchronized (OrderServiceGrpc.class) {
        if ((getCreateRefundMethod = OrderServiceGrpc.getCreateRefundMethod) == null) {
          OrderServiceGrpc.getCreateRefundMethod = getCreateRefundMethod =
              io.grpc.MethodDescriptor.<paystate.v1.CreateRefundRequest, paystate.v1.CreateRefundResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "CreateRefund"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.CreateRefundRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.CreateRefundResponse.getDefaultInstance()))
              .setSchemaDescriptor(new OrderServiceMethodDescriptorSupplier("CreateRefund"))
              .build();
        }
      }
    }
    return getCreateRefundMethod;
  }

  private static volatile io.grpc.MethodDescriptor<paystate.v1.GetRefundRequest,
      paystate.v1.GetRefundResponse> getGetRefundMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "GetRefund",
      requestType = paystate.v1.GetRefundRequest.class,
      responseType = paystate.v1.GetRefundResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<paystate.v1.GetRefundRequest,
      paystate.v1.GetRefundResponse> getGetRefundMethod() {
    io.grpc.MethodDescriptor<paystate.v1.GetRefundRequest, paystate.v1.GetRefundResponse> getGetRefundMethod;
    if ((getGetRefundMethod = OrderServiceGrpc.getGetRefundMethod) == null) {
      synchronized (OrderServiceGrpc.class) {
        if ((getGetRefundMethod = OrderServiceGrpc.getGetRefundMethod) == null) {
          OrderServiceGrpc.getGetRefundMethod = getGetRefundMethod =
              io.grpc.MethodDescriptor.<paystate.v1.GetRefundRequest, paystate.v1.GetRefundResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "GetRefund"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.GetRefundRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.GetRefundResponse.getDefaultInstance()))
              .setSchemaDescriptor(new OrderServiceMethodDescriptorSupplier("GetRefund"))
              .build();
        }
      }
    }
    return getGetRefundMethod;
  }

  /**
   * Creates a new async stub that supports all call types for the service
   */
  public static OrderServiceStub newStub(io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<OrderServiceStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<OrderServiceStub>() {
        @java.lang.Override
        public OrderServiceStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new OrderServiceStub(channel, callOptions);
        }
      };
    return OrderServiceStub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports all types of calls on the service
   */
  public static OrderServiceBlockingV2Stub newBlockingV2Stub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<OrderServiceBlockingV2Stub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<OrderServiceBlockingV2Stub>() {
        @java.lang.Override
        public OrderServiceBlockingV2Stub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new OrderServiceBlockingV2Stub(channel, callOptions);
        }
      };
    return OrderServiceBlockingV2Stub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports unary and streaming output calls on the service
   */
  public static OrderServiceBlockingStub newBlockingStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<OrderServiceBlockingStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<OrderServiceBlockingStub>() {
        @java.lang.Override
        public OrderServiceBlockingStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new OrderServiceBlockingStub(channel, callOptions);
        }
      };
    return OrderServiceBlockingStub.newStub(factory, channel);
  }

  /**
   * Creates a new ListenableFuture-style stub that supports unary calls on the service
   */
  public static OrderServiceFutureStub newFutureStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<OrderServiceFutureStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<OrderServiceFutureStub>() {
        @java.lang.Override
        public OrderServiceFutureStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new OrderServiceFutureStub(channel, callOptions);
        }
      };
    return OrderServiceFutureStub.newStub(factory, channel);
  }

  /**
   * <pre>
   * What the shop's services ask and command. Every error carries google.rpc.ErrorInfo (domain
   * "paystate", a stable reason) and, for bad input, google.rpc.BadRequest naming each field.
   * </pre>
   */
  public interface AsyncService {

    /**
     * <pre>
     * Makes an order known. Errors: INVALID_ARGUMENT (EXPIRE_TIME_IN_PAST among them); ALREADY_EXISTS with
     * reason ORDER_ALREADY_EXISTS or REQUEST_ID_REUSED.
     * </pre>
     */
    default void createOrder(paystate.v1.CreateOrderRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.CreateOrderResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getCreateOrderMethod(), responseObserver);
    }

    /**
     * <pre>
     * Reads one order. Errors: NOT_FOUND with reason ORDER_NOT_FOUND.
     * </pre>
     */
    default void getOrder(paystate.v1.GetOrderRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.GetOrderResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getGetOrderMethod(), responseObserver);
    }

    /**
     * <pre>
     * Reads up to 500 orders; ids that do not exist are listed as missing, not an error.
     * </pre>
     */
    default void batchGetOrders(paystate.v1.BatchGetOrdersRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.BatchGetOrdersResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getBatchGetOrdersMethod(), responseObserver);
    }

    /**
     * <pre>
     * Lists orders, newest first.
     * </pre>
     */
    default void listOrders(paystate.v1.ListOrdersRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.ListOrdersResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getListOrdersMethod(), responseObserver);
    }

    /**
     * <pre>
     * Sends the order as it is, then again after each change. Ends by itself once nothing more is expected
     * without somebody's doing (every state but CREATED and PENDING), unless `until_cancelled`. Errors: NOT_FOUND with reason
     * ORDER_NOT_FOUND; RESOURCE_EXHAUSTED with reason TOO_MANY_STREAMS; UNAVAILABLE (watch again: the core stops, with reason
     * GOING_AWAY, or cannot tell).
     * </pre>
     */
    default void watchOrder(paystate.v1.WatchOrderRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.WatchOrderResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getWatchOrderMethod(), responseObserver);
    }

    /**
     * <pre>
     * Begins a payment of an order: stores the attempt, then asks the platform, and answers with what the front end
     * needs. Repeated with the same request_id (or the same number and content), it asks how the attempt stands and then
     * repeats the platform's call under the same number. Content is the account, the method, and those of payer_id and
     * return_url that the method uses: a repetition with others changes nothing and calls nobody; repeat it with the same, or
     * begin another out_trade_no. Errors: NOT_FOUND (order), INVALID_ARGUMENT (account, number, method, and what the
     * method needs), ALREADY_EXISTS with reason OUT_TRADE_NO_TAKEN (by another payment, or other content) or REQUEST_ID_REUSED,
     * FAILED_PRECONDITION with reason ORDER_NOT_PAYABLE, TOO_MANY_PAYMENTS (32), NO_API (the account cannot be called) or
     * PLATFORM_REFUSED (metadata: code); UNAVAILABLE with reason PLATFORM_OUTCOME_UNKNOWN: the attempt is stored and
     * followed; repeat the call to go on with it.
     * </pre>
     */
    default void startPayment(paystate.v1.StartPaymentRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.StartPaymentResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getStartPaymentMethod(), responseObserver);
    }

    /**
     * <pre>
     * Ends an unpaid order. A CREATED order closes at once; a PENDING one closes when every payment is known
     * to be closed at its platform, which paystate sees to: it asks, closes, and asks again. Errors: NOT_FOUND (order);
     * FAILED_PRECONDITION with reason ORDER_ALREADY_PAID.
     * </pre>
     */
    default void closeOrder(paystate.v1.CloseOrderRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.CloseOrderResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getCloseOrderMethod(), responseObserver);
    }

    /**
     * <pre>
     * Gives money back: stores the refund, then asks the platform for it, and follows it until its end is known. Repeated
     * with the same out_refund_no and content, it answers with the refund as it is now. Errors: NOT_FOUND (order),
     * INVALID_ARGUMENT, ALREADY_EXISTS with reason OUT_REFUND_NO_TAKEN or REQUEST_ID_REUSED, FAILED_PRECONDITION with
     * reason NOTHING_TO_REFUND, REFUND_EXCEEDS_PAYMENT, PAYMENT_AMBIGUOUS, TOO_MANY_REFUNDS (64) or NO_API. What becomes
     * of it is in the refund's state, not in the status of the call.
     * </pre>
     */
    default void createRefund(paystate.v1.CreateRefundRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.CreateRefundResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getCreateRefundMethod(), responseObserver);
    }

    /**
     * <pre>
     * Reads one refund that was asked for here. Errors: NOT_FOUND with reason REFUND_NOT_FOUND.
     * </pre>
     */
    default void getRefund(paystate.v1.GetRefundRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.GetRefundResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getGetRefundMethod(), responseObserver);
    }
  }

  /**
   * Base class for the server implementation of the service OrderService.
   * <pre>
   * What the shop's services ask and command. Every error carries google.rpc.ErrorInfo (domain
   * "paystate", a stable reason) and, for bad input, google.rpc.BadRequest naming each field.
   * </pre>
   */
  public static abstract class OrderServiceImplBase
      implements io.grpc.BindableService, AsyncService {

    @java.lang.Override public final io.grpc.ServerServiceDefinition bindService() {
      return OrderServiceGrpc.bindService(this);
    }
  }

  /**
   * A stub to allow clients to do asynchronous rpc calls to service OrderService.
   * <pre>
   * What the shop's services ask and command. Every error carries google.rpc.ErrorInfo (domain
   * "paystate", a stable reason) and, for bad input, google.rpc.BadRequest naming each field.
   * </pre>
   */
  public static final class OrderServiceStub
      extends io.grpc.stub.AbstractAsyncStub<OrderServiceStub> {
    private OrderServiceStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected OrderServiceStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new OrderServiceStub(channel, callOptions);
    }

    /**
     * <pre>
     * Makes an order known. Errors: INVALID_ARGUMENT (EXPIRE_TIME_IN_PAST among them); ALREADY_EXISTS with
     * reason ORDER_ALREADY_EXISTS or REQUEST_ID_REUSED.
     * </pre>
     */
    public void createOrder(paystate.v1.CreateOrderRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.CreateOrderResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getCreateOrderMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Reads one order. Errors: NOT_FOUND with reason ORDER_NOT_FOUND.
     * </pre>
     */
    public void getOrder(paystate.v1.GetOrderRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.GetOrderResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getGetOrderMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Reads up to 500 orders; ids that do not exist are listed as missing, not an error.
     * </pre>
     */
    public void batchGetOrders(paystate.v1.BatchGetOrdersRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.BatchGetOrdersResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getBatchGetOrdersMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Lists orders, newest first.
     * </pre>
     */
    public void listOrders(paystate.v1.ListOrdersRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.ListOrdersResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getListOrdersMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Sends the order as it is, then again after each change. Ends by itself once nothing more is expected
     * without somebody's doing (every state but CREATED and PENDING), unless `until_cancelled`. Errors: NOT_FOUND with reason
     * ORDER_NOT_FOUND; RESOURCE_EXHAUSTED with reason TOO_MANY_STREAMS; UNAVAILABLE (watch again: the core stops, with reason
     * GOING_AWAY, or cannot tell).
     * </pre>
     */
    public void watchOrder(paystate.v1.WatchOrderRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.WatchOrderResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncServerStreamingCall(
          getChannel().newCall(getWatchOrderMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Begins a payment of an order: stores the attempt, then asks the platform, and answers with what the front end
     * needs. Repeated with the same request_id (or the same number and content), it asks how the attempt stands and then
     * repeats the platform's call under the same number. Content is the account, the method, and those of payer_id and
     * return_url that the method uses: a repetition with others changes nothing and calls nobody; repeat it with the same, or
     * begin another out_trade_no. Errors: NOT_FOUND (order), INVALID_ARGUMENT (account, number, method, and what the
     * method needs), ALREADY_EXISTS with reason OUT_TRADE_NO_TAKEN (by another payment, or other content) or REQUEST_ID_REUSED,
     * FAILED_PRECONDITION with reason ORDER_NOT_PAYABLE, TOO_MANY_PAYMENTS (32), NO_API (the account cannot be called) or
     * PLATFORM_REFUSED (metadata: code); UNAVAILABLE with reason PLATFORM_OUTCOME_UNKNOWN: the attempt is stored and
     * followed; repeat the call to go on with it.
     * </pre>
     */
    public void startPayment(paystate.v1.StartPaymentRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.StartPaymentResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getStartPaymentMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Ends an unpaid order. A CREATED order closes at once; a PENDING one closes when every payment is known
     * to be closed at its platform, which paystate sees to: it asks, closes, and asks again. Errors: NOT_FOUND (order);
     * FAILED_PRECONDITION with reason ORDER_ALREADY_PAID.
     * </pre>
     */
    public void closeOrder(paystate.v1.CloseOrderRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.CloseOrderResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getCloseOrderMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Gives money back: stores the refund, then asks the platform for it, and follows it until its end is known. Repeated
     * with the same out_refund_no and content, it answers with the refund as it is now. Errors: NOT_FOUND (order),
     * INVALID_ARGUMENT, ALREADY_EXISTS with reason OUT_REFUND_NO_TAKEN or REQUEST_ID_REUSED, FAILED_PRECONDITION with
     * reason NOTHING_TO_REFUND, REFUND_EXCEEDS_PAYMENT, PAYMENT_AMBIGUOUS, TOO_MANY_REFUNDS (64) or NO_API. What becomes
     * of it is in the refund's state, not in the status of the call.
     * </pre>
     */
    public void createRefund(paystate.v1.CreateRefundRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.CreateRefundResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getCreateRefundMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Reads one refund that was asked for here. Errors: NOT_FOUND with reason REFUND_NOT_FOUND.
     * </pre>
     */
    public void getRefund(paystate.v1.GetRefundRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.GetRefundResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getGetRefundMethod(), getCallOptions()), request, responseObserver);
    }
  }

  /**
   * A stub to allow clients to do synchronous rpc calls to service OrderService.
   * <pre>
   * What the shop's services ask and command. Every error carries google.rpc.ErrorInfo (domain
   * "paystate", a stable reason) and, for bad input, google.rpc.BadRequest naming each field.
   * </pre>
   */
  public static final class OrderServiceBlockingV2Stub
      extends io.grpc.stub.AbstractBlockingStub<OrderServiceBlockingV2Stub> {
    private OrderServiceBlockingV2Stub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected OrderServiceBlockingV2Stub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new OrderServiceBlockingV2Stub(channel, callOptions);
    }

    /**
     * <pre>
     * Makes an order known. Errors: INVALID_ARGUMENT (EXPIRE_TIME_IN_PAST among them); ALREADY_EXISTS with
     * reason ORDER_ALREADY_EXISTS or REQUEST_ID_REUSED.
     * </pre>
     */
    public paystate.v1.CreateOrderResponse createOrder(paystate.v1.CreateOrderRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getCreateOrderMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Reads one order. Errors: NOT_FOUND with reason ORDER_NOT_FOUND.
     * </pre>
     */
    public paystate.v1.GetOrderResponse getOrder(paystate.v1.GetOrderRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getGetOrderMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Reads up to 500 orders; ids that do not exist are listed as missing, not an error.
     * </pre>
     */
    public paystate.v1.BatchGetOrdersResponse batchGetOrders(paystate.v1.BatchGetOrdersRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getBatchGetOrdersMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Lists orders, newest first.
     * </pre>
     */
    public paystate.v1.ListOrdersResponse listOrders(paystate.v1.ListOrdersRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getListOrdersMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Sends the order as it is, then again after each change. Ends by itself once nothing more is expected
     * without somebody's doing (every state but CREATED and PENDING), unless `until_cancelled`. Errors: NOT_FOUND with reason
     * ORDER_NOT_FOUND; RESOURCE_EXHAUSTED with reason TOO_MANY_STREAMS; UNAVAILABLE (watch again: the core stops, with reason
     * GOING_AWAY, or cannot tell).
     * </pre>
     */
    @io.grpc.ExperimentalApi("https://github.com/grpc/grpc-java/issues/10918")
    public io.grpc.stub.BlockingClientCall<?, paystate.v1.WatchOrderResponse>
        watchOrder(paystate.v1.WatchOrderRequest request) {
      return io.grpc.stub.ClientCalls.blockingV2ServerStreamingCall(
          getChannel(), getWatchOrderMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Begins a payment of an order: stores the attempt, then asks the platform, and answers with what the front end
     * needs. Repeated with the same request_id (or the same number and content), it asks how the attempt stands and then
     * repeats the platform's call under the same number. Content is the account, the method, and those of payer_id and
     * return_url that the method uses: a repetition with others changes nothing and calls nobody; repeat it with the same, or
     * begin another out_trade_no. Errors: NOT_FOUND (order), INVALID_ARGUMENT (account, number, method, and what the
     * method needs), ALREADY_EXISTS with reason OUT_TRADE_NO_TAKEN (by another payment, or other content) or REQUEST_ID_REUSED,
     * FAILED_PRECONDITION with reason ORDER_NOT_PAYABLE, TOO_MANY_PAYMENTS (32), NO_API (the account cannot be called) or
     * PLATFORM_REFUSED (metadata: code); UNAVAILABLE with reason PLATFORM_OUTCOME_UNKNOWN: the attempt is stored and
     * followed; repeat the call to go on with it.
     * </pre>
     */
    public paystate.v1.StartPaymentResponse startPayment(paystate.v1.StartPaymentRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getStartPaymentMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Ends an unpaid order. A CREATED order closes at once; a PENDING one closes when every payment is known
     * to be closed at its platform, which paystate sees to: it asks, closes, and asks again. Errors: NOT_FOUND (order);
     * FAILED_PRECONDITION with reason ORDER_ALREADY_PAID.
     * </pre>
     */
    public paystate.v1.CloseOrderResponse closeOrder(paystate.v1.CloseOrderRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getCloseOrderMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Gives money back: stores the refund, then asks the platform for it, and follows it until its end is known. Repeated
     * with the same out_refund_no and content, it answers with the refund as it is now. Errors: NOT_FOUND (order),
     * INVALID_ARGUMENT, ALREADY_EXISTS with reason OUT_REFUND_NO_TAKEN or REQUEST_ID_REUSED, FAILED_PRECONDITION with
     * reason NOTHING_TO_REFUND, REFUND_EXCEEDS_PAYMENT, PAYMENT_AMBIGUOUS, TOO_MANY_REFUNDS (64) or NO_API. What becomes
     * of it is in the refund's state, not in the status of the call.
     * </pre>
     */
    public paystate.v1.CreateRefundResponse createRefund(paystate.v1.CreateRefundRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getCreateRefundMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Reads one refund that was asked for here. Errors: NOT_FOUND with reason REFUND_NOT_FOUND.
     * </pre>
     */
    public paystate.v1.GetRefundResponse getRefund(paystate.v1.GetRefundRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getGetRefundMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do limited synchronous rpc calls to service OrderService.
   * <pre>
   * What the shop's services ask and command. Every error carries google.rpc.ErrorInfo (domain
   * "paystate", a stable reason) and, for bad input, google.rpc.BadRequest naming each field.
   * </pre>
   */
  public static final class OrderServiceBlockingStub
      extends io.grpc.stub.AbstractBlockingStub<OrderServiceBlockingStub> {
    private OrderServiceBlockingStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected OrderServiceBlockingStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new OrderServiceBlockingStub(channel, callOptions);
    }

    /**
     * <pre>
     * Makes an order known. Errors: INVALID_ARGUMENT (EXPIRE_TIME_IN_PAST among them); ALREADY_EXISTS with
     * reason ORDER_ALREADY_EXISTS or REQUEST_ID_REUSED.
     * </pre>
     */
    public paystate.v1.CreateOrderResponse createOrder(paystate.v1.CreateOrderRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getCreateOrderMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Reads one order. Errors: NOT_FOUND with reason ORDER_NOT_FOUND.
     * </pre>
     */
    public paystate.v1.GetOrderResponse getOrder(paystate.v1.GetOrderRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getGetOrderMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Reads up to 500 orders; ids that do not exist are listed as missing, not an error.
     * </pre>
     */
    public paystate.v1.BatchGetOrdersResponse batchGetOrders(paystate.v1.BatchGetOrdersRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getBatchGetOrdersMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Lists orders, newest first.
     * </pre>
     */
    public paystate.v1.ListOrdersResponse listOrders(paystate.v1.ListOrdersRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getListOrdersMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Sends the order as it is, then again after each change. Ends by itself once nothing more is expected
     * without somebody's doing (every state but CREATED and PENDING), unless `until_cancelled`. Errors: NOT_FOUND with reason
     * ORDER_NOT_FOUND; RESOURCE_EXHAUSTED with reason TOO_MANY_STREAMS; UNAVAILABLE (watch again: the core stops, with reason
     * GOING_AWAY, or cannot tell).
     * </pre>
     */
    public java.util.Iterator<paystate.v1.WatchOrderResponse> watchOrder(
        paystate.v1.WatchOrderRequest request) {
      return io.grpc.stub.ClientCalls.blockingServerStreamingCall(
          getChannel(), getWatchOrderMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Begins a payment of an order: stores the attempt, then asks the platform, and answers with what the front end
     * needs. Repeated with the same request_id (or the same number and content), it asks how the attempt stands and then
     * repeats the platform's call under the same number. Content is the account, the method, and those of payer_id and
     * return_url that the method uses: a repetition with others changes nothing and calls nobody; repeat it with the same, or
     * begin another out_trade_no. Errors: NOT_FOUND (order), INVALID_ARGUMENT (account, number, method, and what the
     * method needs), ALREADY_EXISTS with reason OUT_TRADE_NO_TAKEN (by another payment, or other content) or REQUEST_ID_REUSED,
     * FAILED_PRECONDITION with reason ORDER_NOT_PAYABLE, TOO_MANY_PAYMENTS (32), NO_API (the account cannot be called) or
     * PLATFORM_REFUSED (metadata: code); UNAVAILABLE with reason PLATFORM_OUTCOME_UNKNOWN: the attempt is stored and
     * followed; repeat the call to go on with it.
     * </pre>
     */
    public paystate.v1.StartPaymentResponse startPayment(paystate.v1.StartPaymentRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getStartPaymentMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Ends an unpaid order. A CREATED order closes at once; a PENDING one closes when every payment is known
     * to be closed at its platform, which paystate sees to: it asks, closes, and asks again. Errors: NOT_FOUND (order);
     * FAILED_PRECONDITION with reason ORDER_ALREADY_PAID.
     * </pre>
     */
    public paystate.v1.CloseOrderResponse closeOrder(paystate.v1.CloseOrderRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getCloseOrderMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Gives money back: stores the refund, then asks the platform for it, and follows it until its end is known. Repeated
     * with the same out_refund_no and content, it answers with the refund as it is now. Errors: NOT_FOUND (order),
     * INVALID_ARGUMENT, ALREADY_EXISTS with reason OUT_REFUND_NO_TAKEN or REQUEST_ID_REUSED, FAILED_PRECONDITION with
     * reason NOTHING_TO_REFUND, REFUND_EXCEEDS_PAYMENT, PAYMENT_AMBIGUOUS, TOO_MANY_REFUNDS (64) or NO_API. What becomes
     * of it is in the refund's state, not in the status of the call.
     * </pre>
     */
    public paystate.v1.CreateRefundResponse createRefund(paystate.v1.CreateRefundRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getCreateRefundMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Reads one refund that was asked for here. Errors: NOT_FOUND with reason REFUND_NOT_FOUND.
     * </pre>
     */
    public paystate.v1.GetRefundResponse getRefund(paystate.v1.GetRefundRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getGetRefundMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do ListenableFuture-style rpc calls to service OrderService.
   * <pre>
   * What the shop's services ask and command. Every error carries google.rpc.ErrorInfo (domain
   * "paystate", a stable reason) and, for bad input, google.rpc.BadRequest naming each field.
   * </pre>
   */
  public static final class OrderServiceFutureStub
      extends io.grpc.stub.AbstractFutureStub<OrderServiceFutureStub> {
    private OrderServiceFutureStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected OrderServiceFutureStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new OrderServiceFutureStub(channel, callOptions);
    }

    /**
     * <pre>
     * Makes an order known. Errors: INVALID_ARGUMENT (EXPIRE_TIME_IN_PAST among them); ALREADY_EXISTS with
     * reason ORDER_ALREADY_EXISTS or REQUEST_ID_REUSED.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<paystate.v1.CreateOrderResponse> createOrder(
        paystate.v1.CreateOrderRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getCreateOrderMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Reads one order. Errors: NOT_FOUND with reason ORDER_NOT_FOUND.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<paystate.v1.GetOrderResponse> getOrder(
        paystate.v1.GetOrderRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getGetOrderMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Reads up to 500 orders; ids that do not exist are listed as missing, not an error.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<paystate.v1.BatchGetOrdersResponse> batchGetOrders(
        paystate.v1.BatchGetOrdersRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getBatchGetOrdersMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Lists orders, newest first.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<paystate.v1.ListOrdersResponse> listOrders(
        paystate.v1.ListOrdersRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getListOrdersMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Begins a payment of an order: stores the attempt, then asks the platform, and answers with what the front end
     * needs. Repeated with the same request_id (or the same number and content), it asks how the attempt stands and then
     * repeats the platform's call under the same number. Content is the account, the method, and those of payer_id and
     * return_url that the method uses: a repetition with others changes nothing and calls nobody; repeat it with the same, or
     * begin another out_trade_no. Errors: NOT_FOUND (order), INVALID_ARGUMENT (account, number, method, and what the
     * method needs), ALREADY_EXISTS with reason OUT_TRADE_NO_TAKEN (by another payment, or other content) or REQUEST_ID_REUSED,
     * FAILED_PRECONDITION with reason ORDER_NOT_PAYABLE, TOO_MANY_PAYMENTS (32), NO_API (the account cannot be called) or
     * PLATFORM_REFUSED (metadata: code); UNAVAILABLE with reason PLATFORM_OUTCOME_UNKNOWN: the attempt is stored and
     * followed; repeat the call to go on with it.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<paystate.v1.StartPaymentResponse> startPayment(
        paystate.v1.StartPaymentRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getStartPaymentMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Ends an unpaid order. A CREATED order closes at once; a PENDING one closes when every payment is known
     * to be closed at its platform, which paystate sees to: it asks, closes, and asks again. Errors: NOT_FOUND (order);
     * FAILED_PRECONDITION with reason ORDER_ALREADY_PAID.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<paystate.v1.CloseOrderResponse> closeOrder(
        paystate.v1.CloseOrderRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getCloseOrderMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Gives money back: stores the refund, then asks the platform for it, and follows it until its end is known. Repeated
     * with the same out_refund_no and content, it answers with the refund as it is now. Errors: NOT_FOUND (order),
     * INVALID_ARGUMENT, ALREADY_EXISTS with reason OUT_REFUND_NO_TAKEN or REQUEST_ID_REUSED, FAILED_PRECONDITION with
     * reason NOTHING_TO_REFUND, REFUND_EXCEEDS_PAYMENT, PAYMENT_AMBIGUOUS, TOO_MANY_REFUNDS (64) or NO_API. What becomes
     * of it is in the refund's state, not in the status of the call.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<paystate.v1.CreateRefundResponse> createRefund(
        paystate.v1.CreateRefundRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getCreateRefundMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Reads one refund that was asked for here. Errors: NOT_FOUND with reason REFUND_NOT_FOUND.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<paystate.v1.GetRefundResponse> getRefund(
        paystate.v1.GetRefundRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getGetRefundMethod(), getCallOptions()), request);
    }
  }

  private static final int METHODID_CREATE_ORDER = 0;
  private static final int METHODID_GET_ORDER = 1;
  private static final int METHODID_BATCH_GET_ORDERS = 2;
  private static final int METHODID_LIST_ORDERS = 3;
  private static final int METHODID_WATCH_ORDER = 4;
  private static final int METHODID_START_PAYMENT = 5;
  private static final int METHODID_CLOSE_ORDER = 6;
  private static final int METHODID_CREATE_REFUND = 7;
  private static final int METHODID_GET_REFUND = 8;

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
        case METHODID_CREATE_ORDER:
          serviceImpl.createOrder((paystate.v1.CreateOrderRequest) request,
              (io.grpc.stub.StreamObserver<paystate.v1.CreateOrderResponse>) responseObserver);
          break;
        case METHODID_GET_ORDER:
          serviceImpl.getOrder((paystate.v1.GetOrderRequest) request,
              (io.grpc.stub.StreamObserver<paystate.v1.GetOrderResponse>) responseObserver);
          break;
        case METHODID_BATCH_GET_ORDERS:
          serviceImpl.batchGetOrders((paystate.v1.BatchGetOrdersRequest) request,
              (io.grpc.stub.StreamObserver<paystate.v1.BatchGetOrdersResponse>) responseObserver);
          break;
        case METHODID_LIST_ORDERS:
          serviceImpl.listOrders((paystate.v1.ListOrdersRequest) request,
              (io.grpc.stub.StreamObserver<paystate.v1.ListOrdersResponse>) responseObserver);
          break;
        case METHODID_WATCH_ORDER:
          serviceImpl.watchOrder((paystate.v1.WatchOrderRequest) request,
              (io.grpc.stub.StreamObserver<paystate.v1.WatchOrderResponse>) responseObserver);
          break;
        case METHODID_START_PAYMENT:
          serviceImpl.startPayment((paystate.v1.StartPaymentRequest) request,
              (io.grpc.stub.StreamObserver<paystate.v1.StartPaymentResponse>) responseObserver);
          break;
        case METHODID_CLOSE_ORDER:
          serviceImpl.closeOrder((paystate.v1.CloseOrderRequest) request,
              (io.grpc.stub.StreamObserver<paystate.v1.CloseOrderResponse>) responseObserver);
          break;
        case METHODID_CREATE_REFUND:
          serviceImpl.createRefund((paystate.v1.CreateRefundRequest) request,
              (io.grpc.stub.StreamObserver<paystate.v1.CreateRefundResponse>) responseObserver);
          break;
        case METHODID_GET_REFUND:
          serviceImpl.getRefund((paystate.v1.GetRefundRequest) request,
              (io.grpc.stub.StreamObserver<paystate.v1.GetRefundResponse>) responseObserver);
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
          getCreateOrderMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              paystate.v1.CreateOrderRequest,
              paystate.v1.CreateOrderResponse>(
                service, METHODID_CREATE_ORDER)))
        .addMethod(
          getGetOrderMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              paystate.v1.GetOrderRequest,
              paystate.v1.GetOrderResponse>(
                service, METHODID_GET_ORDER)))
        .addMethod(
          getBatchGetOrdersMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              paystate.v1.BatchGetOrdersRequest,
              paystate.v1.BatchGetOrdersResponse>(
                service, METHODID_BATCH_GET_ORDERS)))
        .addMethod(
          getListOrdersMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              paystate.v1.ListOrdersRequest,
              paystate.v1.ListOrdersResponse>(
                service, METHODID_LIST_ORDERS)))
        .addMethod(
          getWatchOrderMethod(),
          io.grpc.stub.ServerCalls.asyncServerStreamingCall(
            new MethodHandlers<
              paystate.v1.WatchOrderRequest,
              paystate.v1.WatchOrderResponse>(
                service, METHODID_WATCH_ORDER)))
        .addMethod(
          getStartPaymentMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              paystate.v1.StartPaymentRequest,
              paystate.v1.StartPaymentResponse>(
                service, METHODID_START_PAYMENT)))
        .addMethod(
          getCloseOrderMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              paystate.v1.CloseOrderRequest,
              paystate.v1.CloseOrderResponse>(
                service, METHODID_CLOSE_ORDER)))
        .addMethod(
          getCreateRefundMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              paystate.v1.CreateRefundRequest,
              paystate.v1.CreateRefundResponse>(
                service, METHODID_CREATE_REFUND)))
        .addMethod(
          getGetRefundMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              paystate.v1.GetRefundRequest,
              paystate.v1.GetRefundResponse>(
                service, METHODID_GET_REFUND)))
        .build();
  }

  private static abstract class OrderServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoFileDescriptorSupplier, io.grpc.protobuf.ProtoServiceDescriptorSupplier {
    OrderServiceBaseDescriptorSupplier() {}

    @java.lang.Override
    public com.google.protobuf.Descriptors.FileDescriptor getFileDescriptor() {
      return paystate.v1.OrderServiceProto.getDescriptor();
    }

    @java.lang.Override
    public com.google.protobuf.Descriptors.ServiceDescriptor getServiceDescriptor() {
      return getFileDescriptor().findServiceByName("OrderService");
    }
  }

  private static final class OrderServiceFileDescriptorSupplier
      extends OrderServiceBaseDescriptorSupplier {
    OrderServiceFileDescriptorSupplier() {}
  }

  private static final class OrderServiceMethodDescriptorSupplier
      extends OrderServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoMethodDescriptorSupplier {
    private final java.lang.String methodName;

    OrderServiceMethodDescriptorSupplier(java.lang.String methodName) {
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
      synchronized (OrderServiceGrpc.class) {
        result = serviceDescriptor;
        if (result == null) {
          serviceDescriptor = result = io.grpc.ServiceDescriptor.newBuilder(SERVICE_NAME)
              .setSchemaDescriptor(new OrderServiceFileDescriptorSupplier())
              .addMethod(getCreateOrderMethod())
              .addMethod(getGetOrderMethod())
              .addMethod(getBatchGetOrdersMethod())
              .addMethod(getListOrdersMethod())
              .addMethod(getWatchOrderMethod())
              .addMethod(getStartPaymentMethod())
              .addMethod(getCloseOrderMethod())
              .addMethod(getCreateRefundMethod())
              .addMethod(getGetRefundMethod())
              .build();
        }
      }
    }
    return result;
  }
}
