package paystate.v1;

import static io.grpc.MethodDescriptor.generateFullMethodName;

/**
 * <pre>
 * What the person on call asks and does.
 * </pre>
 */
@io.grpc.stub.annotations.GrpcGenerated
public final class OperationsServiceGrpc {

  private OperationsServiceGrpc() {}

  public static final java.lang.String SERVICE_NAME = "paystate.v1.OperationsService";

  // Static method descriptors that strictly reflect the proto.
  private static volatile io.grpc.MethodDescriptor<paystate.v1.ExplainOrderRequest,
      paystate.v1.ExplainOrderResponse> getExplainOrderMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ExplainOrder",
      requestType = paystate.v1.ExplainOrderRequest.class,
      responseType = paystate.v1.ExplainOrderResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<paystate.v1.ExplainOrderRequest,
      paystate.v1.ExplainOrderResponse> getExplainOrderMethod() {
    io.grpc.MethodDescriptor<paystate.v1.ExplainOrderRequest, paystate.v1.ExplainOrderResponse> getExplainOrderMethod;
    if ((getExplainOrderMethod = OperationsServiceGrpc.getExplainOrderMethod) == null) {
      synchronized (OperationsServiceGrpc.class) {
        if ((getExplainOrderMethod = OperationsServiceGrpc.getExplainOrderMethod) == null) {
          OperationsServiceGrpc.getExplainOrderMethod = getExplainOrderMethod =
              io.grpc.MethodDescriptor.<paystate.v1.ExplainOrderRequest, paystate.v1.ExplainOrderResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ExplainOrder"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.ExplainOrderRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.ExplainOrderResponse.getDefaultInstance()))
              .setSchemaDescriptor(new OperationsServiceMethodDescriptorSupplier("ExplainOrder"))
              .build();
        }
      }
    }
    return getExplainOrderMethod;
  }

  private static volatile io.grpc.MethodDescriptor<paystate.v1.ListNotificationsRequest,
      paystate.v1.ListNotificationsResponse> getListNotificationsMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ListNotifications",
      requestType = paystate.v1.ListNotificationsRequest.class,
      responseType = paystate.v1.ListNotificationsResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<paystate.v1.ListNotificationsRequest,
      paystate.v1.ListNotificationsResponse> getListNotificationsMethod() {
    io.grpc.MethodDescriptor<paystate.v1.ListNotificationsRequest, paystate.v1.ListNotificationsResponse> getListNotificationsMethod;
    if ((getListNotificationsMethod = OperationsServiceGrpc.getListNotificationsMethod) == null) {
      synchronized (OperationsServiceGrpc.class) {
        if ((getListNotificationsMethod = OperationsServiceGrpc.getListNotificationsMethod) == null) {
          OperationsServiceGrpc.getListNotificationsMethod = getListNotificationsMethod =
              io.grpc.MethodDescriptor.<paystate.v1.ListNotificationsRequest, paystate.v1.ListNotificationsResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ListNotifications"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.ListNotificationsRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.ListNotificationsResponse.getDefaultInstance()))
              .setSchemaDescriptor(new OperationsServiceMethodDescriptorSupplier("ListNotifications"))
              .build();
        }
      }
    }
    return getListNotificationsMethod;
  }

  private static volatile io.grpc.MethodDescriptor<paystate.v1.ListCasesRequest,
      paystate.v1.ListCasesResponse> getListCasesMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ListCases",
      requestType = paystate.v1.ListCasesRequest.class,
      responseType = paystate.v1.ListCasesResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<paystate.v1.ListCasesRequest,
      paystate.v1.ListCasesResponse> getListCasesMethod() {
    io.grpc.MethodDescriptor<paystate.v1.ListCasesRequest, paystate.v1.ListCasesResponse> getListCasesMethod;
    if ((getListCasesMethod = OperationsServiceGrpc.getListCasesMethod) == null) {
      synchronized (OperationsServiceGrpc.class) {
        if ((getListCasesMethod = OperationsServiceGrpc.getListCasesMethod) == null) {
          OperationsServiceGrpc.getListCasesMethod = getListCasesMethod =
              io.grpc.MethodDescriptor.<paystate.v1.ListCasesRequest, paystate.v1.ListCasesResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ListCases"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.ListCasesRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.ListCasesResponse.getDefaultInstance()))
              .setSchemaDescriptor(new OperationsServiceMethodDescriptorSupplier("ListCases"))
              .build();
        }
      }
    }
    return getListCasesMethod;
  }

  private static volatile io.grpc.MethodDescriptor<paystate.v1.GetCaseRequest,
      paystate.v1.GetCaseResponse> getGetCaseMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "GetCase",
      requestType = paystate.v1.GetCaseRequest.class,
      responseType = paystate.v1.GetCaseResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<paystate.v1.GetCaseRequest,
      paystate.v1.GetCaseResponse> getGetCaseMethod() {
    io.grpc.MethodDescriptor<paystate.v1.GetCaseRequest, paystate.v1.GetCaseResponse> getGetCaseMethod;
    if ((getGetCaseMethod = OperationsServiceGrpc.getGetCaseMethod) == null) {
      synchronized (OperationsServiceGrpc.class) {
        if ((getGetCaseMethod = OperationsServiceGrpc.getGetCaseMethod) == null) {
          OperationsServiceGrpc.getGetCaseMethod = getGetCaseMethod =
              io.grpc.MethodDescriptor.<paystate.v1.GetCaseRequest, paystate.v1.GetCaseResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "GetCase"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.GetCaseRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.GetCaseResponse.getDefaultInstance()))
              .setSchemaDescriptor(new OperationsServiceMethodDescriptorSupplier("GetCase"))
              .build();
        }
      }
    }
    return getGetCaseMethod;
  }

  private static volatile io.grpc.MethodDescriptor<paystate.v1.ResolveCaseRequest,
      paystate.v1.ResolveCaseResponse> getResolveCaseMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ResolveCase",
      requestType = paystate.v1.ResolveCaseRequest.class,
      responseType = paystate.v1.ResolveCaseResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<paystate.v1.ResolveCaseRequest,
      paystate.v1.ResolveCaseResponse> getResolveCaseMethod() {
    io.grpc.MethodDescriptor<paystate.v1.ResolveCaseRequest, paystate.v1.ResolveCaseResponse> getResolveCaseMethod;
    if ((getResolveCaseMethod = OperationsServiceGrpc.getResolveCaseMethod) == null) {
      synchronized (OperationsServiceGrpc.class) {
        if ((getResolveCaseMethod = OperationsServiceGrpc.getResolveCaseMethod) == null) {
          OperationsServiceGrpc.getResolveCaseMethod = getResolveCaseMethod =
              io.grpc.MethodDescriptor.<paystate.v1.ResolveCaseRequest, paystate.v1.ResolveCaseResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ResolveCase"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.ResolveCaseRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.ResolveCaseResponse.getDefaultInstance()))
              .setSchemaDescriptor(new OperationsServiceMethodDescriptorSupplier("ResolveCase"))
              .build();
        }
      }
    }
    return getResolveCaseMethod;
  }

  private static volatile io.grpc.MethodDescriptor<paystate.v1.AssignCaseRequest,
      paystate.v1.AssignCaseResponse> getAssignCaseMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "AssignCase",
      requestType = paystate.v1.AssignCaseRequest.class,
      responseType = paystate.v1.AssignCaseResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<paystate.v1.AssignCaseRequest,
      paystate.v1.AssignCaseResponse> getAssignCaseMethod() {
    io.grpc.MethodDescriptor<paystate.v1.AssignCaseRequest, paystate.v1.AssignCaseResponse> getAssignCaseMethod;
    if ((getAssignCaseMethod = OperationsServiceGrpc.getAssignCaseMethod) == null) {
      synchronized (OperationsServiceGrpc.class) {
        if ((getAssignCaseMethod = OperationsServiceGrpc.getAssignCaseMethod) == null) {
          OperationsServiceGrpc.getAssignCaseMethod = getAssignCaseMethod =
              io.grpc.MethodDescriptor.<paystate.v1.AssignCaseRequest, paystate.v1.AssignCaseResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "AssignCase"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.AssignCaseRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.AssignCaseResponse.getDefaultInstance()))
              .setSchemaDescriptor(new OperationsServiceMethodDescriptorSupplier("AssignCase"))
              .build();
        }
      }
    }
    return getAssignCaseMethod;
  }

  private static volatile io.grpc.MethodDescriptor<paystate.v1.RecheckPaymentRequest,
      paystate.v1.RecheckPaymentResponse> getRecheckPaymentMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "RecheckPayment",
      requestType = paystate.v1.RecheckPaymentRequest.class,
      responseType = paystate.v1.RecheckPaymentResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<paystate.v1.RecheckPaymentRequest,
      paystate.v1.RecheckPaymentResponse> getRecheckPaymentMethod() {
    io.grpc.MethodDescriptor<paystate.v1.RecheckPaymentRequest, paystate.v1.RecheckPaymentResponse> getRecheckPaymentMethod;
    if ((getRecheckPaymentMethod = OperationsServiceGrpc.getRecheckPaymentMethod) == null) {
      synchronized (OperationsServiceGrpc.class) {
        if ((getRecheckPaymentMethod = OperationsServiceGrpc.getRecheckPaymentMethod) == null) {
          OperationsServiceGrpc.getRecheckPaymentMethod = getRecheckPaymentMethod =
              io.grpc.MethodDescriptor.<paystate.v1.RecheckPaymentRequest, paystate.v1.RecheckPaymentResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "RecheckPayment"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.RecheckPaymentRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.RecheckPaymentResponse.getDefaultInstance()))
              .setSchemaDescriptor(new OperationsServiceMethodDescriptorSupplier("RecheckPayment"))
              .build();
        }
      }
    }
    return getRecheckPaymentMethod;
  }

  private static volatile io.grpc.MethodDescriptor<paystate.v1.RunReconciliationRequest,
      paystate.v1.RunReconciliationResponse> getRunReconciliationMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "RunReconciliation",
      requestType = paystate.v1.RunReconciliationRequest.class,
      responseType = paystate.v1.RunReconciliationResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<paystate.v1.RunReconciliationRequest,
      paystate.v1.RunReconciliationResponse> getRunReconciliationMethod() {
    io.grpc.MethodDescriptor<paystate.v1.RunReconciliationRequest, paystate.v1.RunReconciliationResponse> getRunReconciliationMethod;
    if ((getRunReconciliationMethod = OperationsServiceGrpc.getRunReconciliationMethod) == null) {
      synchronized (OperationsServiceGrpc.class) {
        if ((getRunReconciliationMethod = OperationsServiceGrpc.getRunReconciliationMethod) == null) {
          OperationsServiceGrpc.getRunReconciliationMethod = getRunReconciliationMethod =
              io.grpc.MethodDescriptor.<paystate.v1.RunReconciliationRequest, paystate.v1.RunReconciliationResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "RunReconciliation"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.RunReconciliationRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.RunReconciliationResponse.getDefaultInstance()))
              .setSchemaDescriptor(new OperationsServiceMethodDescriptorSupplier("RunReconciliation"))
              .build();
        }
      }
    }
    return getRunReconciliationMethod;
  }

  private static volatile io.grpc.MethodDescriptor<paystate.v1.ImportStatementRequest,
      paystate.v1.ImportStatementResponse> getImportStatementMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "ImportStatement",
      requestType = paystate.v1.ImportStatementRequest.class,
      responseType = paystate.v1.ImportStatementResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.CLIENT_STREAMING)
  public static io.grpc.MethodDescriptor<paystate.v1.ImportStatementRequest,
      paystate.v1.ImportStatementResponse> getImportStatementMethod() {
    io.grpc.MethodDescriptor<paystate.v1.ImportStatementRequest, paystate.v1.ImportStatementResponse> getImportStatementMethod;
    if ((getImportStatementMethod = OperationsServiceGrpc.getImportStatementMethod) == null) {
      synchronized (OperationsServiceGrpc.class) {
        if ((getImportStatementMethod = OperationsServiceGrpc.getImportStatementMethod) == null) {
          OperationsServiceGrpc.getImportStatementMethod = getImportStatementMethod =
              io.grpc.MethodDescriptor.<paystate.v1.ImportStatementRequest, paystate.v1.ImportStatementResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.CLIENT_STREAMING)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "ImportStatement"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.ImportStatementRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.ImportStatementResponse.getDefaultInstance()))
              .setSchemaDescriptor(new OperationsServiceMethodDescriptorSupplier("ImportStatement"))
              .build();
        }
      }
    }
    return getImportStatementMethod;
  }

  private static volatile io.grpc.MethodDescriptor<paystate.v1.GetReconciliationRequest,
      paystate.v1.GetReconciliationResponse> getGetReconciliationMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "GetReconciliation",
      requestType = paystate.v1.GetReconciliationRequest.class,
      responseType = paystate.v1.GetReconciliationResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<paystate.v1.GetReconciliationRequest,
      paystate.v1.GetReconciliationResponse> getGetReconciliationMethod() {
    io.grpc.MethodDescriptor<paystate.v1.GetReconciliationRequest, paystate.v1.GetReconciliationResponse> getGetReconciliationMethod;
    if ((getGetReconciliationMethod = OperationsServiceGrpc.getGetReconciliationMethod) == null) {
      synchronized (OperationsServiceGrpc.class) {
        if ((getGetReconciliationMethod = OperationsServiceGrpc.getGetReconciliationMethod) == null) {
          OperationsServiceGrpc.getGetReconciliationMethod = getGetReconciliationMethod =
              io.grpc.MethodDescriptor.<paystate.v1.GetReconciliationRequest, paystate.v1.GetReconciliationResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "GetReconciliation"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.GetReconciliationRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.GetReconciliationResponse.getDefaultInstance()))
              .setSchemaDescriptor(new OperationsServiceMethodDescriptorSupplier("GetReconciliation"))
              .build();
        }
      }
    }
    return getGetReconciliationMethod;
  }

  private static volatile io.grpc.MethodDescriptor<paystate.v1.VerifyAuditRequest,
      paystate.v1.VerifyAuditResponse> getVerifyAuditMethod;

  @io.grpc.stub.annotations.RpcMethod(
      fullMethodName = SERVICE_NAME + '/' + "VerifyAudit",
      requestType = paystate.v1.VerifyAuditRequest.class,
      responseType = paystate.v1.VerifyAuditResponse.class,
      methodType = io.grpc.MethodDescriptor.MethodType.UNARY)
  public static io.grpc.MethodDescriptor<paystate.v1.VerifyAuditRequest,
      paystate.v1.VerifyAuditResponse> getVerifyAuditMethod() {
    io.grpc.MethodDescriptor<paystate.v1.VerifyAuditRequest, paystate.v1.VerifyAuditResponse> getVerifyAuditMethod;
    if ((getVerifyAuditMethod = OperationsServiceGrpc.getVerifyAuditMethod) == null) {
      synchronized (OperationsServiceGrpc.class) {
        if ((getVerifyAuditMethod = OperationsServiceGrpc.getVerifyAuditMethod) == null) {
          OperationsServiceGrpc.getVerifyAuditMethod = getVerifyAuditMethod =
              io.grpc.MethodDescriptor.<paystate.v1.VerifyAuditRequest, paystate.v1.VerifyAuditResponse>newBuilder()
              .setType(io.grpc.MethodDescriptor.MethodType.UNARY)
              .setFullMethodName(generateFullMethodName(SERVICE_NAME, "VerifyAudit"))
              .setSampledToLocalTracing(true)
              .setRequestMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.VerifyAuditRequest.getDefaultInstance()))
              .setResponseMarshaller(io.grpc.protobuf.ProtoUtils.marshaller(
                  paystate.v1.VerifyAuditResponse.getDefaultInstance()))
              .setSchemaDescriptor(new OperationsServiceMethodDescriptorSupplier("VerifyAudit"))
              .build();
        }
      }
    }
    return getVerifyAuditMethod;
  }

  /**
   * Creates a new async stub that supports all call types for the service
   */
  public static OperationsServiceStub newStub(io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<OperationsServiceStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<OperationsServiceStub>() {
        @java.lang.Override
        public OperationsServiceStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new OperationsServiceStub(channel, callOptions);
        }
      };
    return OperationsServiceStub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports all types of calls on the service
   */
  public static OperationsServiceBlockingV2Stub newBlockingV2Stub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<OperationsServiceBlockingV2Stub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<OperationsServiceBlockingV2Stub>() {
        @java.lang.Override
        public OperationsServiceBlockingV2Stub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new OperationsServiceBlockingV2Stub(channel, callOptions);
        }
      };
    return OperationsServiceBlockingV2Stub.newStub(factory, channel);
  }

  /**
   * Creates a new blocking-style stub that supports unary and streaming output calls on the service
   */
  public static OperationsServiceBlockingStub newBlockingStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<OperationsServiceBlockingStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<OperationsServiceBlockingStub>() {
        @java.lang.Override
        public OperationsServiceBlockingStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new OperationsServiceBlockingStub(channel, callOptions);
        }
      };
    return OperationsServiceBlockingStub.newStub(factory, channel);
  }

  /**
   * Creates a new ListenableFuture-style stub that supports unary calls on the service
   */
  public static OperationsServiceFutureStub newFutureStub(
      io.grpc.Channel channel) {
    io.grpc.stub.AbstractStub.StubFactory<OperationsServiceFutureStub> factory =
      new io.grpc.stub.AbstractStub.StubFactory<OperationsServiceFutureStub>() {
        @java.lang.Override
        public OperationsServiceFutureStub newStub(io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
          return new OperationsServiceFutureStub(channel, callOptions);
        }
      };
    return OperationsServiceFutureStub.newStub(factory, channel);
  }

  /**
   * <pre>
   * What the person on call asks and does.
   * </pre>
   */
  public interface AsyncService {

    /**
     * <pre>
     * The whole story of an order in time order, and what happens next.
     * </pre>
     */
    default void explainOrder(paystate.v1.ExplainOrderRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.ExplainOrderResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getExplainOrderMethod(), responseObserver);
    }

    /**
     * <pre>
     * Lists stored messages of platforms, newest first: callbacks, accepted and refused, and verified answers to questions
     * (source QUERY).
     * </pre>
     */
    default void listNotifications(paystate.v1.ListNotificationsRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.ListNotificationsResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getListNotificationsMethod(), responseObserver);
    }

    /**
     * <pre>
     * Lists cases, newest first.
     * </pre>
     */
    default void listCases(paystate.v1.ListCasesRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.ListCasesResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getListCasesMethod(), responseObserver);
    }

    /**
     * <pre>
     * Reads a case. Errors: NOT_FOUND with reason CASE_NOT_FOUND.
     * </pre>
     */
    default void getCase(paystate.v1.GetCaseRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.GetCaseResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getGetCaseMethod(), responseObserver);
    }

    /**
     * <pre>
     * Settles a case. Asks the platform about its payment first, where it can be asked. Errors: NOT_FOUND with reason
     * CASE_NOT_FOUND; FAILED_PRECONDITION with reason CASE_RESOLVED or RESOLUTION_NOT_ALLOWED (see
     * Case.allowed_resolutions); ALREADY_EXISTS with reason REQUEST_ID_REUSED; UNAVAILABLE with reason
     * PLATFORM_OUTCOME_UNKNOWN: the platform did not answer, nothing was changed.
     * </pre>
     */
    default void resolveCase(paystate.v1.ResolveCaseRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.ResolveCaseResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getResolveCaseMethod(), responseObserver);
    }

    /**
     * <pre>
     * Says who looks after a case. Errors: NOT_FOUND with reason CASE_NOT_FOUND; INVALID_ARGUMENT (owner);
     * FAILED_PRECONDITION with reason CASE_RESOLVED.
     * </pre>
     */
    default void assignCase(paystate.v1.AssignCaseRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.AssignCaseResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getAssignCaseMethod(), responseObserver);
    }

    /**
     * <pre>
     * Asks the platform about a payment now and takes in what it says. Errors: NOT_FOUND with reason PAYMENT_NOT_FOUND;
     * FAILED_PRECONDITION with reason NO_API; RESOURCE_EXHAUSTED with reason RATE_BUDGET (the account's budget of
     * questions is used up for now); UNAVAILABLE with reason PLATFORM_OUTCOME_UNKNOWN.
     * </pre>
     */
    default void recheckPayment(paystate.v1.RecheckPaymentRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.RecheckPaymentResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getRecheckPaymentMethod(), responseObserver);
    }

    /**
     * <pre>
     * Fetches the statement of a day of an account and reconciles it in the background. Runs once at a time for one day; repeated, it
     * runs again and adds nothing twice. Errors: INVALID_ARGUMENT (account, date, a day that has not begun), ABORTED
     * with reason RECONCILIATION_RUNNING. Whether a day's statement is whole, its platform knows: it makes none before.
     * </pre>
     */
    default void runReconciliation(paystate.v1.RunReconciliationRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.RunReconciliationResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getRunReconciliationMethod(), responseObserver);
    }

    /**
     * <pre>
     * Reconciles a day with a statement that the caller read from a file. The first message names account and date, the
     * last one says how many lines there were. Errors: as RunReconciliation; INVALID_ARGUMENT for a day that is not over.
     * </pre>
     */
    default io.grpc.stub.StreamObserver<paystate.v1.ImportStatementRequest> importStatement(
        io.grpc.stub.StreamObserver<paystate.v1.ImportStatementResponse> responseObserver) {
      return io.grpc.stub.ServerCalls.asyncUnimplementedStreamingCall(getImportStatementMethod(), responseObserver);
    }

    /**
     * <pre>
     * Reads a reconciliation: its progress, then its result. Errors: NOT_FOUND with reason RECONCILIATION_NOT_FOUND.
     * </pre>
     */
    default void getReconciliation(paystate.v1.GetReconciliationRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.GetReconciliationResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getGetReconciliationMethod(), responseObserver);
    }

    /**
     * <pre>
     * Checks the invariants that the database can show.
     * </pre>
     */
    default void verifyAudit(paystate.v1.VerifyAuditRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.VerifyAuditResponse> responseObserver) {
      io.grpc.stub.ServerCalls.asyncUnimplementedUnaryCall(getVerifyAuditMethod(), responseObserver);
    }
  }

  /**
   * Base class for the server implementation of the service OperationsService.
   * <pre>
   * What the person on call asks and does.
   * </pre>
   */
  public static abstract class OperationsServiceImplBase
      implements io.grpc.BindableService, AsyncService {

    @java.lang.Override public final io.grpc.ServerServiceDefinition bindService() {
      return OperationsServiceGrpc.bindService(this);
    }
  }

  /**
   * A stub to allow clients to do asynchronous rpc calls to service OperationsService.
   * <pre>
   * What the person on call asks and does.
   * </pre>
   */
  public static final class OperationsServiceStub
      extends io.grpc.stub.AbstractAsyncStub<OperationsServiceStub> {
    private OperationsServiceStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected OperationsServiceStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new OperationsServiceStub(channel, callOptions);
    }

    /**
     * <pre>
     * The whole story of an order in time order, and what happens next.
     * </pre>
     */
    public void explainOrder(paystate.v1.ExplainOrderRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.ExplainOrderResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getExplainOrderMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Lists stored messages of platforms, newest first: callbacks, accepted and refused, and verified answers to questions
     * (source QUERY).
     * </pre>
     */
    public void listNotifications(paystate.v1.ListNotificationsRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.ListNotificationsResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getListNotificationsMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Lists cases, newest first.
     * </pre>
     */
    public void listCases(paystate.v1.ListCasesRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.ListCasesResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getListCasesMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Reads a case. Errors: NOT_FOUND with reason CASE_NOT_FOUND.
     * </pre>
     */
    public void getCase(paystate.v1.GetCaseRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.GetCaseResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getGetCaseMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Settles a case. Asks the platform about its payment first, where it can be asked. Errors: NOT_FOUND with reason
     * CASE_NOT_FOUND; FAILED_PRECONDITION with reason CASE_RESOLVED or RESOLUTION_NOT_ALLOWED (see
     * Case.allowed_resolutions); ALREADY_EXISTS with reason REQUEST_ID_REUSED; UNAVAILABLE with reason
     * PLATFORM_OUTCOME_UNKNOWN: the platform did not answer, nothing was changed.
     * </pre>
     */
    public void resolveCase(paystate.v1.ResolveCaseRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.ResolveCaseResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getResolveCaseMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Says who looks after a case. Errors: NOT_FOUND with reason CASE_NOT_FOUND; INVALID_ARGUMENT (owner);
     * FAILED_PRECONDITION with reason CASE_RESOLVED.
     * </pre>
     */
    public void assignCase(paystate.v1.AssignCaseRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.AssignCaseResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getAssignCaseMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Asks the platform about a payment now and takes in what it says. Errors: NOT_FOUND with reason PAYMENT_NOT_FOUND;
     * FAILED_PRECONDITION with reason NO_API; RESOURCE_EXHAUSTED with reason RATE_BUDGET (the account's budget of
     * questions is used up for now); UNAVAILABLE with reason PLATFORM_OUTCOME_UNKNOWN.
     * </pre>
     */
    public void recheckPayment(paystate.v1.RecheckPaymentRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.RecheckPaymentResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getRecheckPaymentMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Fetches the statement of a day of an account and reconciles it in the background. Runs once at a time for one day; repeated, it
     * runs again and adds nothing twice. Errors: INVALID_ARGUMENT (account, date, a day that has not begun), ABORTED
     * with reason RECONCILIATION_RUNNING. Whether a day's statement is whole, its platform knows: it makes none before.
     * </pre>
     */
    public void runReconciliation(paystate.v1.RunReconciliationRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.RunReconciliationResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getRunReconciliationMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Reconciles a day with a statement that the caller read from a file. The first message names account and date, the
     * last one says how many lines there were. Errors: as RunReconciliation; INVALID_ARGUMENT for a day that is not over.
     * </pre>
     */
    public io.grpc.stub.StreamObserver<paystate.v1.ImportStatementRequest> importStatement(
        io.grpc.stub.StreamObserver<paystate.v1.ImportStatementResponse> responseObserver) {
      return io.grpc.stub.ClientCalls.asyncClientStreamingCall(
          getChannel().newCall(getImportStatementMethod(), getCallOptions()), responseObserver);
    }

    /**
     * <pre>
     * Reads a reconciliation: its progress, then its result. Errors: NOT_FOUND with reason RECONCILIATION_NOT_FOUND.
     * </pre>
     */
    public void getReconciliation(paystate.v1.GetReconciliationRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.GetReconciliationResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getGetReconciliationMethod(), getCallOptions()), request, responseObserver);
    }

    /**
     * <pre>
     * Checks the invariants that the database can show.
     * </pre>
     */
    public void verifyAudit(paystate.v1.VerifyAuditRequest request,
        io.grpc.stub.StreamObserver<paystate.v1.VerifyAuditResponse> responseObserver) {
      io.grpc.stub.ClientCalls.asyncUnaryCall(
          getChannel().newCall(getVerifyAuditMethod(), getCallOptions()), request, responseObserver);
    }
  }

  /**
   * A stub to allow clients to do synchronous rpc calls to service OperationsService.
   * <pre>
   * What the person on call asks and does.
   * </pre>
   */
  public static final class OperationsServiceBlockingV2Stub
      extends io.grpc.stub.AbstractBlockingStub<OperationsServiceBlockingV2Stub> {
    private OperationsServiceBlockingV2Stub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected OperationsServiceBlockingV2Stub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new OperationsServiceBlockingV2Stub(channel, callOptions);
    }

    /**
     * <pre>
     * The whole story of an order in time order, and what happens next.
     * </pre>
     */
    public paystate.v1.ExplainOrderResponse explainOrder(paystate.v1.ExplainOrderRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getExplainOrderMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Lists stored messages of platforms, newest first: callbacks, accepted and refused, and verified answers to questions
     * (source QUERY).
     * </pre>
     */
    public paystate.v1.ListNotificationsResponse listNotifications(paystate.v1.ListNotificationsRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getListNotificationsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Lists cases, newest first.
     * </pre>
     */
    public paystate.v1.ListCasesResponse listCases(paystate.v1.ListCasesRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getListCasesMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Reads a case. Errors: NOT_FOUND with reason CASE_NOT_FOUND.
     * </pre>
     */
    public paystate.v1.GetCaseResponse getCase(paystate.v1.GetCaseRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getGetCaseMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Settles a case. Asks the platform about its payment first, where it can be asked. Errors: NOT_FOUND with reason
     * CASE_NOT_FOUND; FAILED_PRECONDITION with reason CASE_RESOLVED or RESOLUTION_NOT_ALLOWED (see
     * Case.allowed_resolutions); ALREADY_EXISTS with reason REQUEST_ID_REUSED; UNAVAILABLE with reason
     * PLATFORM_OUTCOME_UNKNOWN: the platform did not answer, nothing was changed.
     * </pre>
     */
    public paystate.v1.ResolveCaseResponse resolveCase(paystate.v1.ResolveCaseRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getResolveCaseMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Says who looks after a case. Errors: NOT_FOUND with reason CASE_NOT_FOUND; INVALID_ARGUMENT (owner);
     * FAILED_PRECONDITION with reason CASE_RESOLVED.
     * </pre>
     */
    public paystate.v1.AssignCaseResponse assignCase(paystate.v1.AssignCaseRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getAssignCaseMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Asks the platform about a payment now and takes in what it says. Errors: NOT_FOUND with reason PAYMENT_NOT_FOUND;
     * FAILED_PRECONDITION with reason NO_API; RESOURCE_EXHAUSTED with reason RATE_BUDGET (the account's budget of
     * questions is used up for now); UNAVAILABLE with reason PLATFORM_OUTCOME_UNKNOWN.
     * </pre>
     */
    public paystate.v1.RecheckPaymentResponse recheckPayment(paystate.v1.RecheckPaymentRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getRecheckPaymentMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Fetches the statement of a day of an account and reconciles it in the background. Runs once at a time for one day; repeated, it
     * runs again and adds nothing twice. Errors: INVALID_ARGUMENT (account, date, a day that has not begun), ABORTED
     * with reason RECONCILIATION_RUNNING. Whether a day's statement is whole, its platform knows: it makes none before.
     * </pre>
     */
    public paystate.v1.RunReconciliationResponse runReconciliation(paystate.v1.RunReconciliationRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getRunReconciliationMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Reconciles a day with a statement that the caller read from a file. The first message names account and date, the
     * last one says how many lines there were. Errors: as RunReconciliation; INVALID_ARGUMENT for a day that is not over.
     * </pre>
     */
    @io.grpc.ExperimentalApi("https://github.com/grpc/grpc-java/issues/10918")
    public io.grpc.stub.BlockingClientCall<paystate.v1.ImportStatementRequest, paystate.v1.ImportStatementResponse>
        importStatement() {
      return io.grpc.stub.ClientCalls.blockingClientStreamingCall(
          getChannel(), getImportStatementMethod(), getCallOptions());
    }

    /**
     * <pre>
     * Reads a reconciliation: its progress, then its result. Errors: NOT_FOUND with reason RECONCILIATION_NOT_FOUND.
     * </pre>
     */
    public paystate.v1.GetReconciliationResponse getReconciliation(paystate.v1.GetReconciliationRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getGetReconciliationMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Checks the invariants that the database can show.
     * </pre>
     */
    public paystate.v1.VerifyAuditResponse verifyAudit(paystate.v1.VerifyAuditRequest request) throws io.grpc.StatusException {
      return io.grpc.stub.ClientCalls.blockingV2UnaryCall(
          getChannel(), getVerifyAuditMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do limited synchronous rpc calls to service OperationsService.
   * <pre>
   * What the person on call asks and does.
   * </pre>
   */
  public static final class OperationsServiceBlockingStub
      extends io.grpc.stub.AbstractBlockingStub<OperationsServiceBlockingStub> {
    private OperationsServiceBlockingStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected OperationsServiceBlockingStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new OperationsServiceBlockingStub(channel, callOptions);
    }

    /**
     * <pre>
     * The whole story of an order in time order, and what happens next.
     * </pre>
     */
    public paystate.v1.ExplainOrderResponse explainOrder(paystate.v1.ExplainOrderRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getExplainOrderMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Lists stored messages of platforms, newest first: callbacks, accepted and refused, and verified answers to questions
     * (source QUERY).
     * </pre>
     */
    public paystate.v1.ListNotificationsResponse listNotifications(paystate.v1.ListNotificationsRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getListNotificationsMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Lists cases, newest first.
     * </pre>
     */
    public paystate.v1.ListCasesResponse listCases(paystate.v1.ListCasesRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getListCasesMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Reads a case. Errors: NOT_FOUND with reason CASE_NOT_FOUND.
     * </pre>
     */
    public paystate.v1.GetCaseResponse getCase(paystate.v1.GetCaseRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getGetCaseMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Settles a case. Asks the platform about its payment first, where it can be asked. Errors: NOT_FOUND with reason
     * CASE_NOT_FOUND; FAILED_PRECONDITION with reason CASE_RESOLVED or RESOLUTION_NOT_ALLOWED (see
     * Case.allowed_resolutions); ALREADY_EXISTS with reason REQUEST_ID_REUSED; UNAVAILABLE with reason
     * PLATFORM_OUTCOME_UNKNOWN: the platform did not answer, nothing was changed.
     * </pre>
     */
    public paystate.v1.ResolveCaseResponse resolveCase(paystate.v1.ResolveCaseRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getResolveCaseMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Says who looks after a case. Errors: NOT_FOUND with reason CASE_NOT_FOUND; INVALID_ARGUMENT (owner);
     * FAILED_PRECONDITION with reason CASE_RESOLVED.
     * </pre>
     */
    public paystate.v1.AssignCaseResponse assignCase(paystate.v1.AssignCaseRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getAssignCaseMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Asks the platform about a payment now and takes in what it says. Errors: NOT_FOUND with reason PAYMENT_NOT_FOUND;
     * FAILED_PRECONDITION with reason NO_API; RESOURCE_EXHAUSTED with reason RATE_BUDGET (the account's budget of
     * questions is used up for now); UNAVAILABLE with reason PLATFORM_OUTCOME_UNKNOWN.
     * </pre>
     */
    public paystate.v1.RecheckPaymentResponse recheckPayment(paystate.v1.RecheckPaymentRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getRecheckPaymentMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Fetches the statement of a day of an account and reconciles it in the background. Runs once at a time for one day; repeated, it
     * runs again and adds nothing twice. Errors: INVALID_ARGUMENT (account, date, a day that has not begun), ABORTED
     * with reason RECONCILIATION_RUNNING. Whether a day's statement is whole, its platform knows: it makes none before.
     * </pre>
     */
    public paystate.v1.RunReconciliationResponse runReconciliation(paystate.v1.RunReconciliationRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getRunReconciliationMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Reads a reconciliation: its progress, then its result. Errors: NOT_FOUND with reason RECONCILIATION_NOT_FOUND.
     * </pre>
     */
    public paystate.v1.GetReconciliationResponse getReconciliation(paystate.v1.GetReconciliationRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getGetReconciliationMethod(), getCallOptions(), request);
    }

    /**
     * <pre>
     * Checks the invariants that the database can show.
     * </pre>
     */
    public paystate.v1.VerifyAuditResponse verifyAudit(paystate.v1.VerifyAuditRequest request) {
      return io.grpc.stub.ClientCalls.blockingUnaryCall(
          getChannel(), getVerifyAuditMethod(), getCallOptions(), request);
    }
  }

  /**
   * A stub to allow clients to do ListenableFuture-style rpc calls to service OperationsService.
   * <pre>
   * What the person on call asks and does.
   * </pre>
   */
  public static final class OperationsServiceFutureStub
      extends io.grpc.stub.AbstractFutureStub<OperationsServiceFutureStub> {
    private OperationsServiceFutureStub(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      super(channel, callOptions);
    }

    @java.lang.Override
    protected OperationsServiceFutureStub build(
        io.grpc.Channel channel, io.grpc.CallOptions callOptions) {
      return new OperationsServiceFutureStub(channel, callOptions);
    }

    /**
     * <pre>
     * The whole story of an order in time order, and what happens next.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<paystate.v1.ExplainOrderResponse> explainOrder(
        paystate.v1.ExplainOrderRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getExplainOrderMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Lists stored messages of platforms, newest first: callbacks, accepted and refused, and verified answers to questions
     * (source QUERY).
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<paystate.v1.ListNotificationsResponse> listNotifications(
        paystate.v1.ListNotificationsRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getListNotificationsMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Lists cases, newest first.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<paystate.v1.ListCasesResponse> listCases(
        paystate.v1.ListCasesRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getListCasesMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Reads a case. Errors: NOT_FOUND with reason CASE_NOT_FOUND.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<paystate.v1.GetCaseResponse> getCase(
        paystate.v1.GetCaseRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getGetCaseMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Settles a case. Asks the platform about its payment first, where it can be asked. Errors: NOT_FOUND with reason
     * CASE_NOT_FOUND; FAILED_PRECONDITION with reason CASE_RESOLVED or RESOLUTION_NOT_ALLOWED (see
     * Case.allowed_resolutions); ALREADY_EXISTS with reason REQUEST_ID_REUSED; UNAVAILABLE with reason
     * PLATFORM_OUTCOME_UNKNOWN: the platform did not answer, nothing was changed.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<paystate.v1.ResolveCaseResponse> resolveCase(
        paystate.v1.ResolveCaseRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getResolveCaseMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Says who looks after a case. Errors: NOT_FOUND with reason CASE_NOT_FOUND; INVALID_ARGUMENT (owner);
     * FAILED_PRECONDITION with reason CASE_RESOLVED.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<paystate.v1.AssignCaseResponse> assignCase(
        paystate.v1.AssignCaseRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getAssignCaseMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Asks the platform about a payment now and takes in what it says. Errors: NOT_FOUND with reason PAYMENT_NOT_FOUND;
     * FAILED_PRECONDITION with reason NO_API; RESOURCE_EXHAUSTED with reason RATE_BUDGET (the account's budget of
     * questions is used up for now); UNAVAILABLE with reason PLATFORM_OUTCOME_UNKNOWN.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<paystate.v1.RecheckPaymentResponse> recheckPayment(
        paystate.v1.RecheckPaymentRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getRecheckPaymentMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Fetches the statement of a day of an account and reconciles it in the background. Runs once at a time for one day; repeated, it
     * runs again and adds nothing twice. Errors: INVALID_ARGUMENT (account, date, a day that has not begun), ABORTED
     * with reason RECONCILIATION_RUNNING. Whether a day's statement is whole, its platform knows: it makes none before.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<paystate.v1.RunReconciliationResponse> runReconciliation(
        paystate.v1.RunReconciliationRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getRunReconciliationMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Reads a reconciliation: its progress, then its result. Errors: NOT_FOUND with reason RECONCILIATION_NOT_FOUND.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<paystate.v1.GetReconciliationResponse> getReconciliation(
        paystate.v1.GetReconciliationRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getGetReconciliationMethod(), getCallOptions()), request);
    }

    /**
     * <pre>
     * Checks the invariants that the database can show.
     * </pre>
     */
    public com.google.common.util.concurrent.ListenableFuture<paystate.v1.VerifyAuditResponse> verifyAudit(
        paystate.v1.VerifyAuditRequest request) {
      return io.grpc.stub.ClientCalls.futureUnaryCall(
          getChannel().newCall(getVerifyAuditMethod(), getCallOptions()), request);
    }
  }

  private static final int METHODID_EXPLAIN_ORDER = 0;
  private static final int METHODID_LIST_NOTIFICATIONS = 1;
  private static final int METHODID_LIST_CASES = 2;
  private static final int METHODID_GET_CASE = 3;
  private static final int METHODID_RESOLVE_CASE = 4;
  private static final int METHODID_ASSIGN_CASE = 5;
  private static final int METHODID_RECHECK_PAYMENT = 6;
  private static final int METHODID_RUN_RECONCILIATION = 7;
  private static final int METHODID_GET_RECONCILIATION = 8;
  private static final int METHODID_VERIFY_AUDIT = 9;
  private static final int METHODID_IMPORT_STATEMENT = 10;

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
        case METHODID_EXPLAIN_ORDER:
          serviceImpl.explainOrder((paystate.v1.ExplainOrderRequest) request,
              (io.grpc.stub.StreamObserver<paystate.v1.ExplainOrderResponse>) responseObserver);
          break;
        case METHODID_LIST_NOTIFICATIONS:
          serviceImpl.listNotifications((paystate.v1.ListNotificationsRequest) request,
              (io.grpc.stub.StreamObserver<paystate.v1.ListNotificationsResponse>) responseObserver);
          break;
        case METHODID_LIST_CASES:
          serviceImpl.listCases((paystate.v1.ListCasesRequest) request,
              (io.grpc.stub.StreamObserver<paystate.v1.ListCasesResponse>) responseObserver);
          break;
        case METHODID_GET_CASE:
          serviceImpl.getCase((paystate.v1.GetCaseRequest) request,
              (io.grpc.stub.StreamObserver<paystate.v1.GetCaseResponse>) responseObserver);
          break;
        case METHODID_RESOLVE_CASE:
          serviceImpl.resolveCase((paystate.v1.ResolveCaseRequest) request,
              (io.grpc.stub.StreamObserver<paystate.v1.ResolveCaseResponse>) responseObserver);
          break;
        case METHODID_ASSIGN_CASE:
          serviceImpl.assignCase((paystate.v1.AssignCaseRequest) request,
              (io.grpc.stub.StreamObserver<paystate.v1.AssignCaseResponse>) responseObserver);
          break;
        case METHODID_RECHECK_PAYMENT:
          serviceImpl.recheckPayment((paystate.v1.RecheckPaymentRequest) request,
              (io.grpc.stub.StreamObserver<paystate.v1.RecheckPaymentResponse>) responseObserver);
          break;
        case METHODID_RUN_RECONCILIATION:
          serviceImpl.runReconciliation((paystate.v1.RunReconciliationRequest) request,
              (io.grpc.stub.StreamObserver<paystate.v1.RunReconciliationResponse>) responseObserver);
          break;
        case METHODID_GET_RECONCILIATION:
          serviceImpl.getReconciliation((paystate.v1.GetReconciliationRequest) request,
              (io.grpc.stub.StreamObserver<paystate.v1.GetReconciliationResponse>) responseObserver);
          break;
        case METHODID_VERIFY_AUDIT:
          serviceImpl.verifyAudit((paystate.v1.VerifyAuditRequest) request,
              (io.grpc.stub.StreamObserver<paystate.v1.VerifyAuditResponse>) responseObserver);
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
        case METHODID_IMPORT_STATEMENT:
          return (io.grpc.stub.StreamObserver<Req>) serviceImpl.importStatement(
              (io.grpc.stub.StreamObserver<paystate.v1.ImportStatementResponse>) responseObserver);
        default:
          throw new AssertionError();
      }
    }
  }

  public static final io.grpc.ServerServiceDefinition bindService(AsyncService service) {
    return io.grpc.ServerServiceDefinition.builder(getServiceDescriptor())
        .addMethod(
          getExplainOrderMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              paystate.v1.ExplainOrderRequest,
              paystate.v1.ExplainOrderResponse>(
                service, METHODID_EXPLAIN_ORDER)))
        .addMethod(
          getListNotificationsMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              paystate.v1.ListNotificationsRequest,
              paystate.v1.ListNotificationsResponse>(
                service, METHODID_LIST_NOTIFICATIONS)))
        .addMethod(
          getListCasesMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              paystate.v1.ListCasesRequest,
              paystate.v1.ListCasesResponse>(
                service, METHODID_LIST_CASES)))
        .addMethod(
          getGetCaseMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              paystate.v1.GetCaseRequest,
              paystate.v1.GetCaseResponse>(
                service, METHODID_GET_CASE)))
        .addMethod(
          getResolveCaseMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              paystate.v1.ResolveCaseRequest,
              paystate.v1.ResolveCaseResponse>(
                service, METHODID_RESOLVE_CASE)))
        .addMethod(
          getAssignCaseMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              paystate.v1.AssignCaseRequest,
              paystate.v1.AssignCaseResponse>(
                service, METHODID_ASSIGN_CASE)))
        .addMethod(
          getRecheckPaymentMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              paystate.v1.RecheckPaymentRequest,
              paystate.v1.RecheckPaymentResponse>(
                service, METHODID_RECHECK_PAYMENT)))
        .addMethod(
          getRunReconciliationMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              paystate.v1.RunReconciliationRequest,
              paystate.v1.RunReconciliationResponse>(
                service, METHODID_RUN_RECONCILIATION)))
        .addMethod(
          getImportStatementMethod(),
          io.grpc.stub.ServerCalls.asyncClientStreamingCall(
            new MethodHandlers<
              paystate.v1.ImportStatementRequest,
              paystate.v1.ImportStatementResponse>(
                service, METHODID_IMPORT_STATEMENT)))
        .addMethod(
          getGetReconciliationMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              paystate.v1.GetReconciliationRequest,
              paystate.v1.GetReconciliationResponse>(
                service, METHODID_GET_RECONCILIATION)))
        .addMethod(
          getVerifyAuditMethod(),
          io.grpc.stub.ServerCalls.asyncUnaryCall(
            new MethodHandlers<
              paystate.v1.VerifyAuditRequest,
              paystate.v1.VerifyAuditResponse>(
                service, METHODID_VERIFY_AUDIT)))
        .build();
  }

  private static abstract class OperationsServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoFileDescriptorSupplier, io.grpc.protobuf.ProtoServiceDescriptorSupplier {
    OperationsServiceBaseDescriptorSupplier() {}

    @java.lang.Override
    public com.google.protobuf.Descriptors.FileDescriptor getFileDescriptor() {
      return paystate.v1.OperationsServiceProto.getDescriptor();
    }

    @java.lang.Override
    public com.google.protobuf.Descriptors.ServiceDescriptor getServiceDescriptor() {
      return getFileDescriptor().findServiceByName("OperationsService");
    }
  }

  private static final class OperationsServiceFileDescriptorSupplier
      extends OperationsServiceBaseDescriptorSupplier {
    OperationsServiceFileDescriptorSupplier() {}
  }

  private static final class OperationsServiceMethodDescriptorSupplier
      extends OperationsServiceBaseDescriptorSupplier
      implements io.grpc.protobuf.ProtoMethodDescriptorSupplier {
    private final java.lang.String methodName;

    OperationsServiceMethodDescriptorSupplier(java.lang.String methodName) {
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
      synchronized (OperationsServiceGrpc.class) {
        result = serviceDescriptor;
        if (result == null) {
          serviceDescriptor = result = io.grpc.ServiceDescriptor.newBuilder(SERVICE_NAME)
              .setSchemaDescriptor(new OperationsServiceFileDescriptorSupplier())
              .addMethod(getExplainOrderMethod())
              .addMethod(getListNotificationsMethod())
              .addMethod(getListCasesMethod())
              .addMethod(getGetCaseMethod())
              .addMethod(getResolveCaseMethod())
              .addMethod(getAssignCaseMethod())
              .addMethod(getRecheckPaymentMethod())
              .addMethod(getRunReconciliationMethod())
              .addMethod(getImportStatementMethod())
              .addMethod(getGetReconciliationMethod())
              .addMethod(getVerifyAuditMethod())
              .build();
        }
      }
    }
    return result;
  }
}
