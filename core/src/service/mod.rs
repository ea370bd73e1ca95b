//! rim
