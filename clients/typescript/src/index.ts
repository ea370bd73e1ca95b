/**
 * The client of a paystate core: `connect` for calls, `Follower` for the log of events.
 *
 * @packageDocumentation
 */
export { type CallOptions, type Calls } from "./calls.js";
export { connect, type ConnectOptions, type Paystate } from "./connect.js";
export { CallError, ChainBrokenError, RejectedError, UnprocessableError } from "./errors.js";
export { type Batch, Follower, type FollowerOptions, type Handler } from "./follower.js";
export { status } from "@grpc/grpc-js";

export * from "./generated/paystate/v1/money.js";
export * from "./generated/paystate/v1/observation.js";
export * from "./generated/paystate/v1/operations_service.js";
export * from "./generated/paystate/v1/order.js";
export * from "./generated/paystate/v1/order_service.js";
export * from "./generated/paystate/v1/subscription_service.js";
