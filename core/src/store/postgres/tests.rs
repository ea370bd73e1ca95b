//! PostgreSQL keeps the contract, and its audit finds what is broken.

use super::testing::empty;
use crate::store::conformance::conformance;

conformance!(empty());
