//! Who may call what. A method without a line here is never reached; a test holds the table against the contract.
//!
//! - Only an edge may say that money arrived.
//! - Whoever reads orders may read cases and reconciliations: they name orders, numbers and amounts. What was
//!   received (payers, addresses, headers) is for operators, and so is what scans the whole database.
//! - Whoever reads may subscribe, confirm, park and redrive. What may make a subscription skip events (another filter,
//!   another position, deletion) is for operators: the subscription may be somebody else's.
//! - A known limit: subscriptions have no owner. Every reader may take any of them over and confirm, so that its events
//!   never reach the service that they are for. The role is for services that trust each other that far.

use paystate_rpc::{
    Allowed,
    Role::{Edge, Operator, Reader, Writer},
    Rule,
};

const EDGE: Allowed = Allowed::Roles(&[Edge]);
const READ: Allowed = Allowed::Roles(&[Reader, Writer, Operator]);
const WRITE: Allowed = Allowed::Roles(&[Writer, Operator]);
const OPERATE: Allowed = Allowed::Roles(&[Operator]);

const fn rule(method: &'static str, allowed: Allowed) -> Rule {
    Rule { method, allowed }
}

/// Every method that the core serves.
pub(super) const RULES: &[Rule] = &[
    rule("/grpc.health.v1.Health/Check", Allowed::Anyone),
    rule("/grpc.health.v1.Health/Watch", Allowed::Anyone),
    rule("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", Allowed::Anyone),
    rule("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", Allowed::Anyone),
    rule("/paystate.v1.IngestService/RecordObservations", EDGE),
    rule("/paystate.v1.IngestService/RecordRejections", EDGE),
    rule("/paystate.v1.OrderService/CreateOrder", WRITE),
    rule("/paystate.v1.OrderService/GetOrder", READ),
    rule("/paystate.v1.OrderService/BatchGetOrders", READ),
    rule("/paystate.v1.OrderService/ListOrders", READ),
    rule("/paystate.v1.OrderService/WatchOrder", READ),
    rule("/paystate.v1.OrderService/StartPayment", WRITE),
    rule("/paystate.v1.OrderService/CloseOrder", WRITE),
    rule("/paystate.v1.OrderService/CreateRefund", WRITE),
    rule("/paystate.v1.OrderService/GetRefund", READ),
    rule("/paystate.v1.OperationsService/ExplainOrder", OPERATE),
    rule("/paystate.v1.OperationsService/ListNotifications", OPERATE),
    rule("/paystate.v1.OperationsService/ListCases", READ),
    rule("/paystate.v1.OperationsService/GetCase", READ),
    rule("/paystate.v1.OperationsService/ResolveCase", OPERATE),
    rule("/paystate.v1.OperationsService/AssignCase", OPERATE),
    rule("/paystate.v1.OperationsService/RecheckPayment", OPERATE),
    rule("/paystate.v1.OperationsService/RunReconciliation", OPERATE),
    rule("/paystate.v1.OperationsService/ImportStatement", OPERATE),
    rule("/paystate.v1.OperationsService/GetReconciliation", READ),
    rule("/paystate.v1.OperationsService/VerifyAudit", OPERATE),
    rule("/paystate.v1.SubscriptionService/CreateSubscription", READ),
    rule("/paystate.v1.SubscriptionService/GetSubscription", READ),
    rule("/paystate.v1.SubscriptionService/ListSubscriptions", READ),
    rule("/paystate.v1.SubscriptionService/UpdateSubscription", OPERATE),
    rule("/paystate.v1.SubscriptionService/DeleteSubscription", OPERATE),
    rule("/paystate.v1.SubscriptionService/SeekSubscription", OPERATE),
    rule("/paystate.v1.SubscriptionService/StreamEvents", READ),
    rule("/paystate.v1.SubscriptionService/Acknowledge", READ),
    rule("/paystate.v1.SubscriptionService/Park", READ),
    rule("/paystate.v1.SubscriptionService/ListParked", READ),
    rule("/paystate.v1.SubscriptionService/Redrive", READ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use prost::Message as _;
    use prost_types::FileDescriptorSet;

    use super::*;

    /// What the edge serves, not the core.
    const OF_THE_EDGE: &str = "/paystate.v1.ProviderGatewayService/";

    fn methods(descriptors: &[u8]) -> Vec<String> {
        let set = FileDescriptorSet::decode(descriptors).unwrap();
        let services = set.file.iter().flat_map(|file| file.service.iter().map(move |s| (file.package(), s)));
        let methods = services
            .flat_map(|(package, s)| s.method.iter().map(move |m| format!("/{package}.{}/{}", s.name(), m.name())));
        methods.collect()
    }

    #[test]
    fn every_method_of_the_contract_has_one_rule_and_every_rule_a_method() {
        let served = [
            paystate_proto::FILE_DESCRIPTOR_SET,
            tonic_health::pb::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
        ];
        let contract: BTreeSet<_> =
            served.into_iter().flat_map(methods).filter(|m| !m.starts_with(OF_THE_EDGE)).collect();
        let ruled: BTreeSet<_> = RULES.iter().map(|rule| rule.method.to_owned()).collect();
        let missing: Vec<_> = contract.difference(&ruled).collect();
        let stale: Vec<_> = ruled.difference(&contract).collect();
        assert!(missing.is_empty(), "methods without a rule in core/src/service/access.rs: {missing:?}");
        assert!(stale.is_empty(), "rules of methods that are not in the contract: {stale:?}");
        assert_eq!(RULES.len(), ruled.len(), "a method has two rules");
    }

    #[test]
    fn only_an_edge_reports_payments_and_an_edge_does_nothing_else() {
        for rule in RULES {
            let Allowed::Roles(roles) = rule.allowed else {
                assert!(rule.method.starts_with("/grpc."), "{} is open to everyone", rule.method);
                continue;
            };
            let ingest = rule.method.starts_with("/paystate.v1.IngestService/");
            assert_eq!(roles.contains(&Edge), ingest, "{}", rule.method);
            assert!(!ingest || roles.len() == 1, "{}", rule.method);
        }
    }
}
