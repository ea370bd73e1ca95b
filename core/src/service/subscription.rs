//! SubscriptionService: in the contract, not in this version.

use std::pin::Pin;

use futures_util::Stream;
use paystate_proto::v1::{self, subscription_service_server::SubscriptionService};
use tonic::{Request, Response, Status};

use super::{Core, not_yet};

const INSTEAD: &str = "WatchOrder follows a single order.";

/// One method that answers UNIMPLEMENTED.
macro_rules! not_yet {
    ($($method:ident: $request:ident -> $response:ident),* $(,)?) => {
        #[tonic::async_trait]
        impl SubscriptionService for Core {
            type StreamEventsStream = Pin<Box<dyn Stream<Item = Result<v1::StreamEventsResponse, Status>> + Send>>;

            async fn stream_events(&self, _: Request<v1::StreamEventsRequest>) -> Result<Response<Self::StreamEventsStream>, Status> {
                Err(not_yet("StreamEvents", INSTEAD))
            }

            $(
                async fn $method(&self, _: Request<v1::$request>) -> Result<Response<v1::$response>, Status> {
                    Err(not_yet(stringify!($response).trim_end_matches("Response"), INSTEAD))
                }
            )*
        }
    };
}

not_yet! {
    create_subscription: CreateSubscriptionRequest -> CreateSubscriptionResponse,
    get_subscription: GetSubscriptionRequest -> GetSubscriptionResponse,
    list_subscriptions: ListSubscriptionsRequest -> ListSubscriptionsResponse,
    update_subscription: UpdateSubscriptionRequest -> UpdateSubscriptionResponse,
    delete_subscription: DeleteSubscriptionRequest -> DeleteSubscriptionResponse,
    seek_subscription: SeekSubscriptionRequest -> SeekSubscriptionResponse,
    acknowledge: AcknowledgeRequest -> AcknowledgeResponse,
    park: ParkRequest -> ParkResponse,
    list_parked: ListParkedRequest -> ListParkedResponse,
    redrive: RedriveRequest -> RedriveResponse,
}
